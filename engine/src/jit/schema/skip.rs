//! Values that no keyword looks at, read strictly all the same.

use crate::schema::json::MAX_DEPTH;

use super::cursor::Cursor;
use super::names::Name;

/// The place behind the value that starts there, where it is well-formed.
pub(super) fn skip(cursor: &mut Cursor<'_>, at: usize) -> Option<usize> {
    match cursor.byte(at)? {
        first @ (b'{' | b'[') => skip_parts(cursor, (at, first)),
        first => scalar(cursor, (at, first)),
    }
}

/// The same for an array or an object.
fn skip_parts(cursor: &mut Cursor<'_>, (mut at, mut first): (usize, u8)) -> Option<usize> {
    let depth = (cursor.depth as usize).min(MAX_DEPTH);
    // A bit for each level that is open: whether it is an object.
    let (mut objects, mut levels) = (0_u128, 0);
    cursor.scratch.open.clear();
    loop {
        if let b'{' | b'[' = first {
            if levels >= depth {
                return None;
            }
            cursor.burn(1);
            levels += 1;
            let object = first == b'{';
            objects = objects << 1 | u128::from(object);
            if object {
                cursor.scratch.open.push(cursor.names);
            }
            let part = cursor.token(at + 1)?;
            // The two brackets of a kind are two apart.
            if part.1 != first + 2 {
                (at, first) = begin(cursor, object, part)?;
                continue;
            }
            at = part.0;
        } else {
            at = scalar(cursor, (at, first))?;
        }
        // Behind a part, or before the end of an empty one.
        loop {
            let object = objects & 1 == 1;
            let (place, byte) = cursor.token(at)?;
            at = place + 1;
            match byte {
                b',' => {
                    let part = cursor.token(at)?;
                    (at, first) = begin(cursor, object, part)?;
                    break;
                }
                b'}' if object => {
                    let base = cursor.scratch.open.pop()?;
                    if !close_names(cursor, base) {
                        return None;
                    }
                }
                b']' if !object => {}
                _ => return None,
            }
            objects >>= 1;
            levels -= 1;
            if levels == 0 {
                return Some(at);
            }
        }
    }
}

/// The place and the first byte of the value of a part that begins there: behind its name, in an object.
#[inline]
fn begin(cursor: &mut Cursor<'_>, object: bool, part: (usize, u8)) -> Option<(usize, u8)> {
    if !object {
        cursor.burn(1);
        return Some(part);
    }
    let behind = name(cursor, part)?;
    keep(cursor);
    cursor.token(behind)
}

/// Reads a name that begins there; the place behind its colon.
pub(super) fn named(cursor: &mut Cursor<'_>, at: usize) -> Option<usize> {
    let first = cursor.byte(at)?;
    name(cursor, (at, first))
}

/// The same where the first byte is known.
fn name(cursor: &mut Cursor<'_>, (at, first): (usize, u8)) -> Option<usize> {
    if first != b'"' {
        return None;
    }
    let start = at + 1;
    let text = cursor.string(start)?;
    let length = text.end - 1 - start;
    cursor.burn(1 + length / 64);
    let said = (length - text.extra, text.escaped);
    cursor.name = Name::new(cursor.input, (start, length), said);
    let (colon, byte) = cursor.token(text.end)?;
    (byte == b':').then_some(colon + 1)
}

/// Keeps the name that was read last, to find out whether it stands twice.
pub(super) fn keep(cursor: &mut Cursor<'_>) {
    cursor.scratch.names.push(cursor.names, cursor.name);
    cursor.names += 1;
}

/// Whether the names of an object differ, of which the first is the one numbered `base`.
pub(super) fn close_names(cursor: &mut Cursor<'_>, base: u64) -> bool {
    let count = std::mem::replace(&mut cursor.names, base);
    // One name alone differs.
    count < base + 2 || cursor.scratch.names.close((base, count), cursor.input)
}

fn scalar(cursor: &mut Cursor<'_>, (at, first): (usize, u8)) -> Option<usize> {
    match first {
        b'"' => {
            let end = cursor.string(at + 1)?.end;
            cursor.burn((end - at) / 64);
            Some(end)
        }
        b't' => cursor.word(at, b"true"),
        b'f' => cursor.word(at, b"false"),
        b'n' => cursor.word(at, b"null"),
        _ => cursor.number_end(at),
    }
}
