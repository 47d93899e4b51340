//! What generated code leaves to Rust: everything about a value that takes more than a few instructions.

use shield_ir::schema::{Decimal, Format, Keyword, NodeId, PatternId};

use crate::schema::format;
use crate::schema::json::{self, Rules, write_usual};

use super::cursor::Cursor;
use super::names::Name;
use super::scan;
use super::skip;

/// Reads the string whose opening quote is there, and which is known to be plain up to `from`.
pub(super) fn string(cursor: &mut Cursor<'_>, at: usize, from: usize) -> Option<usize> {
    let start = cursor.place(at) + 1;
    let text = cursor.string(cursor.place(from))?;
    let length = text.end - 1 - start;
    cursor.burn(length / 64);
    cursor.text = if text.escaped { 0 } else { at + 1 };
    (cursor.length, cursor.characters) = (length as u64, (length - text.extra) as u64);
    cursor.last_string = start..text.end - 1;
    Some(cursor.start() + text.end)
}

/// The same where nothing is asked of it.
pub(super) fn any_string(cursor: &mut Cursor<'_>, at: usize, from: usize) -> Option<usize> {
    let text = cursor.string(cursor.place(from))?;
    let end = cursor.start() + text.end;
    cursor.burn((end - at) / 64);
    Some(end)
}

/// How many characters strings have, as a bit for each number; long ones share the last.
pub(super) fn lengths(characters: usize) -> u64 {
    1 << characters.min(63)
}

/// Reads the string whose opening quote is there and writes it as generated code compares it, with a quote behind, and a
/// colon where it is a name, if it has as many characters as something that it is compared with; the place behind it,
/// and behind the colon.
pub(super) fn usual(
    cursor: &mut Cursor<'_>,
    at: usize,
    (window, wanted): (usize, u64),
    name: bool,
) -> Option<usize> {
    let place = cursor.place(at);
    let end = if name { cursor.start() + skip::named(cursor, place)? } else { string(cursor, at, at + 1)? };
    let (length, characters, escaped) = if name {
        (cursor.name.length, cursor.name.characters, cursor.name.escaped)
    } else {
        (cursor.length as usize, cursor.characters as usize, cursor.text == 0)
    };
    let scratch = &mut *cursor.scratch;
    scratch.usual.clear();
    // The zeros that stand for any other string are none of those that it is compared with.
    if lengths(characters) & wanted != 0 && characters < window {
        let raw = cursor.input.get(place + 1..place + 1 + length).unwrap_or_default();
        if escaped {
            write_usual(scan::unescaped(raw, &mut scratch.text), &mut scratch.usual);
        } else {
            scratch.usual.extend_from_slice(raw);
        }
        scratch.usual.extend_from_slice(if name { b"\":" } else { b"\"" });
    }
    let padded = scratch.usual.len().max(window) + 8;
    scratch.usual.resize(padded, 0);
    cursor.text = scratch.usual.as_ptr().expose_provenance();
    Some(end)
}

/// Reads the number that starts there.
pub(super) fn number(cursor: &mut Cursor<'_>, at: usize) -> Option<usize> {
    let start = cursor.place(at);
    let number = cursor.number(start)?;
    cursor.burn((number.end - start) / 64);
    cursor.last_number = (start, number.short);
    cursor.integral = u64::from(number.integral);
    Some(cursor.start() + number.end)
}

/// Whether the number that was read last satisfies a keyword, whose own number is given too where it is short.
pub(super) fn compare(cursor: &mut Cursor<'_>, keyword: &Keyword, limit: Option<(i64, u32)>) -> bool {
    let short = cursor.last_number.1;
    // Eighteen digits are in the range of either.
    if let (Some(_), Keyword::Format(Format::Float | Format::Double)) = (short, keyword) {
        return true;
    }
    if let Some((number, limit)) = short.zip(limit)
        && let Some(holds) = compare_short(number, limit, keyword)
    {
        return holds;
    }
    let text = scan::number_text(cursor.input, cursor.last_number.0);
    cursor.burn(text.len() / 16);
    let Some(number) = Decimal::parse(text) else { return false };
    let limit = |text| Decimal::parse(text);
    match keyword {
        Keyword::Minimum(text) => limit(text).is_some_and(|limit| number >= limit),
        Keyword::Maximum(text) => limit(text).is_some_and(|limit| number <= limit),
        Keyword::ExclusiveMinimum(text) => limit(text).is_some_and(|limit| number > limit),
        Keyword::ExclusiveMaximum(text) => limit(text).is_some_and(|limit| number < limit),
        Keyword::MultipleOf(text) => limit(text).and_then(|of| number.is_multiple_of(&of)) == Some(true),
        Keyword::Format(format) => format::number(*format, &number),
        _ => false,
    }
}

/// The same for numbers of few digits: as integers, once both have as many places.
fn compare_short(number: (i64, u32), limit: (i64, u32), keyword: &Keyword) -> Option<bool> {
    let places = number.1.max(limit.1);
    let scaled = |(digits, own): (i64, u32)| digits.checked_mul(10_i64.checked_pow(places - own)?);
    let (number, limit) = (scaled(number)?, scaled(limit)?);
    Some(match keyword {
        Keyword::Minimum(_) => number >= limit,
        Keyword::Maximum(_) => number <= limit,
        Keyword::ExclusiveMinimum(_) => number > limit,
        Keyword::ExclusiveMaximum(_) => number < limit,
        Keyword::MultipleOf(_) => number.checked_rem(limit)? == 0,
        _ => return None,
    })
}

/// Whether a text, which is the string that was read last where its address is 0, matches a pattern.
pub(super) fn pattern(cursor: &mut Cursor<'_>, text: (usize, usize), pattern: PatternId) -> bool {
    cursor.burn(text.1 / 8);
    let validators = cursor.validators;
    said(cursor, text).is_some_and(|text| validators.matches(pattern, text))
}

/// Whether a text has a format.
pub(super) fn has_format(cursor: &mut Cursor<'_>, text: (usize, usize), format: Format) -> bool {
    cursor.burn(text.1 / 8);
    said(cursor, text).is_some_and(|text| format::string(format, text))
}

fn said<'t>(cursor: &'t mut Cursor<'_>, (address, length): (usize, usize)) -> Option<&'t [u8]> {
    if address == 0 {
        let raw = cursor.input.get(cursor.last_string.clone())?;
        return Some(scan::unescaped(raw, &mut cursor.scratch.text));
    }
    let start = cursor.place(address);
    cursor.input.get(start..start.checked_add(length)?)
}

fn name_said<'t>(cursor: &'t mut Cursor<'_>) -> &'t [u8] {
    let raw = cursor.name.raw(cursor.input);
    if cursor.name.escaped { scan::unescaped(raw, &mut cursor.scratch.text) } else { raw }
}

/// Whether the name that was read last matches a pattern.
pub(super) fn name_matches(cursor: &mut Cursor<'_>, pattern: PatternId) -> bool {
    cursor.burn(1 + cursor.name.length / 8);
    let validators = cursor.validators;
    validators.matches(pattern, name_said(cursor))
}

/// Whether the name that was read last satisfies a schema.
pub(super) fn name_is_valid(cursor: &mut Cursor<'_>, node: NodeId) -> bool {
    let mut fuel = cursor.fuel.max(0).cast_unsigned();
    let validators = cursor.validators;
    let name = std::str::from_utf8(name_said(cursor)).ok();
    let valid = name.is_some_and(|name| validators.name_is_valid(node, name, &mut fuel));
    cursor.fuel = if fuel == 0 { -1 } else { fuel.cast_signed() };
    valid
}

/// Whether a value that has been read equals a constant of the keyword.
pub(super) fn equals(cursor: &mut Cursor<'_>, (start, end): (usize, usize), keyword: &Keyword) -> bool {
    let (start, end) = (cursor.place(start), cursor.place(end));
    let Some(text) = cursor.input.get(start..end) else { return false };
    cursor.burn(1 + text.len() / 16);
    let values = match keyword {
        Keyword::Enum(values) => &**values,
        Keyword::Const(value) => std::slice::from_ref(value),
        _ => &[],
    };
    let plan = cursor.validators.plan();
    if let Some(b'-' | b'0'..=b'9') = text.first() {
        let number = std::str::from_utf8(text).ok().and_then(Decimal::parse);
        let mut numbers = values.iter().filter_map(|value| Decimal::parse(plan.value(*value)?));
        return number.is_some_and(|number| numbers.any(|other| other == number));
    }
    let Ok(document) = json::parse(text) else { return false };
    let mut fuel = cursor.fuel.max(0).cast_unsigned();
    let equal = values.iter().filter_map(|value| cursor.validators.value(*value)).any(|constant| {
        document.compare(document.root(), constant, constant.root(), &mut fuel).is_eq() && fuel > 0
    });
    cursor.fuel = if fuel == 0 { -1 } else { fuel.cast_signed() };
    equal
}

/// Judges the value that starts there by the interpreter; the place behind it.
pub(super) fn interpret(cursor: &mut Cursor<'_>, at: usize, node: NodeId) -> Option<usize> {
    let start = cursor.place(at);
    let end = skip::skip(cursor, start)?;
    let text = cursor.input.get(start..end)?;
    cursor.burn(8 + text.len() / 8);
    let document = json::parse_by(text, Rules { duplicates: true, ..Rules::default() }).ok()?;
    let Ok(valid) = cursor.validators.is_valid_in(node, cursor.direction, &document) else {
        cursor.fuel = -1;
        return None;
    };
    valid.then(|| cursor.start() + end)
}

/// Whether the items of an array that has been read differ; the node is the one that asks.
pub(super) fn unique(cursor: &mut Cursor<'_>, (start, end): (usize, usize), node: NodeId) -> bool {
    let base = cursor.names;
    let items = plain_items(cursor, cursor.place(start), cursor.place(end));
    let differ = skip::close_names(cursor, base);
    cursor.burn((end - start) / 16);
    match items {
        Some(()) => differ,
        None => interpret(cursor, start, node).is_some(),
    }
}

/// Keeps the items of an array as if they were names, as long as those that are equal are written alike.
fn plain_items(cursor: &mut Cursor<'_>, start: usize, end: usize) -> Option<()> {
    let input = cursor.input;
    let mut at = scan::space(input, start + 1);
    while at + 1 < end {
        let first = *input.get(at)?;
        let after = match first {
            b'"' => Some(scan::string(input, at + 1)?).filter(|text| !text.escaped)?.end,
            b'[' | b'{' => return None,
            b'-' | b'0'..=b'9' => {
                let number = scan::number(input, at)?;
                let usual = number.short.is_some_and(|(value, places)| places == 0 && value != 0);
                (usual || number.end == at + 1).then_some(number.end)?
            }
            _ => skip::skip(cursor, at)?,
        };
        // As a name it is compared byte by byte.
        let length = after - at;
        cursor.name = Name::new(input, (at, length), (length, false));
        skip::keep(cursor);
        // A comma, or the end.
        at = scan::space(input, scan::space(input, after) + 1);
    }
    Some(())
}

/// The name that a keyword says: the one that a discriminator goes by, or one of several.
pub(super) fn name_of(keyword: &Keyword, number: usize) -> Option<&str> {
    match keyword {
        Keyword::Discriminator { property, .. } => Some(property),
        Keyword::Properties { named, .. } => named.get(number).map(|(name, _)| name.as_str()),
        _ => None,
    }
}

/// A member that was looked for.
pub(super) enum Member {
    /// Where its value is.
    At(usize),
    Missing,
}

/// Looks for the object's member of that name; none where the text is not valid.
pub(super) fn member(cursor: &mut Cursor<'_>, start: usize, wanted: &str) -> Option<Member> {
    let input = cursor.input;
    let mut at = scan::space(input, start + 1);
    if input.get(at) == Some(&b'}') {
        return Some(Member::Missing);
    }
    loop {
        let behind = skip::named(cursor, at)?;
        let value = scan::space(input, behind);
        if name_said(cursor) == wanted.as_bytes() {
            return Some(Member::At(value));
        }
        let end = scan::space(input, skip::skip(cursor, value)?);
        match cursor.byte(end)? {
            b',' => at = scan::space(input, end + 1),
            b'}' => return Some(Member::Missing),
            _ => return None,
        }
    }
}
