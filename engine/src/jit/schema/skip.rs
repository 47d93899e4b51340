//! Values that no keyword looks at, read strictly all the same.

use crate::schema::json::MAX_DEPTH;

use super::cursor::Cursor;
use super::names::Name;
use super::scan;

/// The place behind the value that starts there, where it is well-formed.
pub(super) fn skip(cursor: &mut Cursor<'_>, at: usize) -> Option<usize> {
    match cursor.byte(at)? {
        b'{' | b'[' => skip_parts(cursor, at),
        _ => scalar(cursor, at),
    }
}

/// The same for an array or an object.
fn skip_parts(cursor: &mut Cursor<'_>, mut at: usize) -> Option<usize> {
    let input = cursor.input;
    let depth = (cursor.depth as usize).min(MAX_DEPTH);
    // A bit for each level that is open: whether it is an object.
    let mut objects = 0_u128;
    cursor.scratch.open.clear();
    loop {
        let byte = cursor.byte(at)?;
        if let b'{' | b'[' = byte {
            if cursor.scratch.open.len() >= depth {
                return None;
            }
            cursor.burn(1);
            cursor.scratch.open.push(cursor.names);
            let object = byte == b'{';
            objects = objects << 1 | u128::from(object);
            at = scan::space(input, at + 1);
            if cursor.byte(at)? != if object { b'}' } else { b']' } {
                at = begin(cursor, object, at)?;
                continue;
            }
        } else {
            at = scalar(cursor, at)?;
        }
        // Behind a part, or before the end of an empty one.
        loop {
            at = scan::space(input, at);
            let object = objects & 1 == 1;
            match cursor.byte(at)? {
                b',' => {
                    at = begin(cursor, object, scan::space(input, at + 1))?;
                    break;
                }
                close @ (b'}' | b']') if object == (close == b'}') => {
                    objects >>= 1;
                    at += 1;
                    let base = cursor.scratch.open.pop()?;
                    if !close_names(cursor, base) {
                        return None;
                    }
                    if cursor.scratch.open.is_empty() {
                        return Some(at);
                    }
                }
                _ => return None,
            }
        }
    }
}

/// The place of the value of a part that begins there: behind its name, in an object.
fn begin(cursor: &mut Cursor<'_>, object: bool, at: usize) -> Option<usize> {
    cursor.burn(1);
    if !object {
        return Some(at);
    }
    let at = name(cursor, at)?;
    keep(cursor);
    Some(at)
}

/// Reads a name and what is between it and its value; the place of that.
pub(super) fn name(cursor: &mut Cursor<'_>, at: usize) -> Option<usize> {
    let input = cursor.input;
    if cursor.byte(at)? != b'"' {
        return None;
    }
    let text = cursor.string(at + 1)?;
    let raw = input.get(at + 1..text.end - 1)?;
    cursor.burn(1 + raw.len() / 64);
    let mut length = raw.len();
    if text.escaped {
        cursor.scratch.text.clear();
        scan::unescape(raw, &mut cursor.scratch.text);
        length = cursor.scratch.text.len();
    }
    cursor.name = Name { start: at + 1, length, escaped: text.escaped };
    let colon = scan::space(input, text.end);
    (cursor.byte(colon)? == b':').then(|| scan::space(input, colon + 1))
}

/// Keeps the name that was read last, to find out whether it stands twice.
pub(super) fn keep(cursor: &mut Cursor<'_>) {
    let name = cursor.name;
    let scratch = &mut *cursor.scratch;
    let text = if name.escaped { &*scratch.text } else { slice(cursor.input, name) };
    scratch.names.push(cursor.names, name, text);
    cursor.names += 1;
}

pub(super) fn slice(input: &[u8], name: Name) -> &[u8] {
    input.get(name.start..name.start + name.length).unwrap_or_default()
}

/// Whether the names of an object differ, of which the first is the one numbered `base`.
pub(super) fn close_names(cursor: &mut Cursor<'_>, base: u64) -> bool {
    let count = std::mem::replace(&mut cursor.names, base);
    count == base || cursor.scratch.names.close((base, count), cursor.input)
}

fn scalar(cursor: &mut Cursor<'_>, at: usize) -> Option<usize> {
    match cursor.byte(at)? {
        b'"' => {
            let end = cursor.string(at + 1)?.end;
            cursor.burn((end - at) / 64);
            Some(end)
        }
        b't' => cursor.word(at, b"true"),
        b'f' => cursor.word(at, b"false"),
        b'n' => cursor.word(at, b"null"),
        _ => Some(cursor.number(at)?.end),
    }
}
