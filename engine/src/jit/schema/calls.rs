//! Functions of Rust that validators call: each takes the cursor and words, and answers with one word.

use shield_ir::schema::{Format, Keyword, NodeId, PatternId};

use super::cursor::Cursor;
use super::{checks, scan, skip};

/// A function by the name that generated code calls it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    /// The next byte that is not white space: place → place.
    Space,
    /// Any value: place → place behind it.
    Skip,
    /// A string: place, place up to which it is plain → place behind it.
    String,
    /// A string of which nothing is asked: the same.
    AnyString,
    /// A string as it is usually written: place, least bytes, whether it is a name, what lengths are looked for → place
    /// behind it.
    Usual,
    /// A name: place → place behind its colon.
    Name,
    /// A number: place → place behind it.
    Number,
    /// A number of which nothing is asked: place → place behind it.
    AnyNumber,
    /// Whether the last number satisfies: node, keyword, its digits, their places or [`LONG`].
    Compare,
    /// Whether a text matches: address, length, pattern.
    Pattern,
    /// Whether a text has the format: address, length, format.
    Format,
    /// Whether a value equals: start, end, node and keyword.
    Equals,
    /// A value that the interpreter judges: place, node → place behind it.
    Interpret,
    /// Whether items differ: start, end, node.
    Unique,
    /// The string that a member of an object is: place, then node, keyword and number that say its name → its place,
    /// [`MISSING`] or [`NO_STRING`].
    Member,
    /// What is known of a place: place, node → place behind, 0 where it does not hold, or [`UNKNOWN`].
    Recall,
    /// Keeps what was found out: place, node, place behind or 0 → that.
    Learn,
    /// Keeps the last name.
    Keep,
    /// Whether names differ: how many there were before.
    Names,
    /// Whether the last name matches: pattern.
    NameMatches,
    /// Whether the last name satisfies: node.
    NameIsValid,
}

/// The functions, in the order of [`Call`]: name, address, number of words beside the cursor.
pub(super) fn symbols() -> [(&'static str, *const u8, usize); 21] {
    [
        ("v_space", space as *const u8, 1),
        ("v_skip", skip_value as *const u8, 1),
        ("v_string", string as *const u8, 2),
        ("v_any_string", any_string as *const u8, 2),
        ("v_usual", usual as *const u8, 4),
        ("v_name", name as *const u8, 1),
        ("v_number", number as *const u8, 1),
        ("v_any_number", any_number as *const u8, 1),
        ("v_compare", compare as *const u8, 4),
        ("v_pattern", pattern as *const u8, 3),
        ("v_format", format as *const u8, 3),
        ("v_equals", equals as *const u8, 4),
        ("v_interpret", interpret as *const u8, 2),
        ("v_unique", unique as *const u8, 3),
        ("v_member", member as *const u8, 4),
        ("v_recall", recall as *const u8, 2),
        ("v_learn", learn as *const u8, 3),
        ("v_keep", keep as *const u8, 0),
        ("v_names", names as *const u8, 1),
        ("v_name_matches", name_matches as *const u8, 1),
        ("v_name_is_valid", name_is_valid as *const u8, 1),
    ]
}

/// That a keyword's number has too many digits to be given.
pub(super) const LONG: u64 = u64::MAX;

/// That an object has no such member. No place is as low as this.
pub(super) const MISSING: usize = 1;

/// That a member is no string.
pub(super) const NO_STRING: usize = 2;

/// That nothing is known.
pub(super) const UNKNOWN: usize = 1;

/// A keyword of the plan; none is there that code was not made from.
fn keyword<'c>(cursor: &Cursor<'c>, node: u64, at: u64) -> Option<&'c Keyword> {
    cursor.validators.plan().node(NodeId(node as u32))?.keywords.get(at as usize)
}

extern "C" fn space(cursor: &mut Cursor<'_>, at: usize) -> usize {
    cursor.start() + scan::space(cursor.input, cursor.place(at))
}

extern "C" fn skip_value(cursor: &mut Cursor<'_>, at: usize) -> usize {
    let place = cursor.place(at);
    skip::skip(cursor, place).map_or(0, |end| cursor.start() + end)
}

extern "C" fn string(cursor: &mut Cursor<'_>, at: usize, from: usize) -> usize {
    checks::string(cursor, at, from).unwrap_or(0)
}

extern "C" fn any_string(cursor: &mut Cursor<'_>, at: usize, from: usize) -> usize {
    checks::any_string(cursor, at, from).unwrap_or(0)
}

extern "C" fn usual(cursor: &mut Cursor<'_>, at: usize, window: usize, name: u64, lengths: u64) -> usize {
    checks::usual(cursor, at, (window, lengths), name != 0).unwrap_or(0)
}

extern "C" fn name(cursor: &mut Cursor<'_>, at: usize) -> usize {
    let place = cursor.place(at);
    skip::named(cursor, place).map_or(0, |behind| cursor.start() + behind)
}

extern "C" fn number(cursor: &mut Cursor<'_>, at: usize) -> usize {
    checks::number(cursor, at).unwrap_or(0)
}

extern "C" fn any_number(cursor: &mut Cursor<'_>, at: usize) -> usize {
    let place = cursor.place(at);
    cursor.number_end(place).map_or(0, |end| cursor.start() + end)
}

extern "C" fn compare(cursor: &mut Cursor<'_>, node: u64, at: u64, digits: i64, places: u64) -> u64 {
    let limit = (places != LONG).then_some((digits, places as u32));
    u64::from(keyword(cursor, node, at).is_some_and(|keyword| checks::compare(cursor, keyword, limit)))
}

extern "C" fn pattern(cursor: &mut Cursor<'_>, text: usize, length: usize, pattern: u64) -> u64 {
    u64::from(checks::pattern(cursor, (text, length), PatternId(pattern as u32)))
}

extern "C" fn format(cursor: &mut Cursor<'_>, text: usize, length: usize, format: u64) -> u64 {
    let format = Format::ALL.get(format as usize);
    u64::from(format.is_some_and(|format| checks::has_format(cursor, (text, length), *format)))
}

extern "C" fn equals(cursor: &mut Cursor<'_>, start: usize, end: usize, node: u64, at: u64) -> u64 {
    u64::from(keyword(cursor, node, at).is_some_and(|keyword| checks::equals(cursor, (start, end), keyword)))
}

extern "C" fn interpret(cursor: &mut Cursor<'_>, at: usize, node: u64) -> usize {
    checks::interpret(cursor, at, NodeId(node as u32)).unwrap_or(0)
}

extern "C" fn unique(cursor: &mut Cursor<'_>, start: usize, end: usize, node: u64) -> u64 {
    u64::from(checks::unique(cursor, (start, end), NodeId(node as u32)))
}

extern "C" fn member(cursor: &mut Cursor<'_>, at: usize, node: u64, place: u64, number: u64) -> usize {
    let name = keyword(cursor, node, place).and_then(|keyword| checks::name_of(keyword, number as usize));
    let Some(name) = name else { return NO_STRING };
    let names = cursor.names;
    let found = checks::member(cursor, cursor.place(at), name);
    cursor.names = names;
    match found {
        None => 0,
        Some(checks::Member::Missing) => MISSING,
        Some(checks::Member::At(value)) if cursor.input.get(value) == Some(&b'"') => cursor.start() + value,
        Some(checks::Member::At(_)) => NO_STRING,
    }
}

extern "C" fn recall(cursor: &mut Cursor<'_>, at: usize, node: u64) -> usize {
    cursor.scratch.known.get(&(node, at)).copied().unwrap_or(UNKNOWN)
}

extern "C" fn learn(cursor: &mut Cursor<'_>, at: usize, node: u64, found: usize) -> usize {
    cursor.learn(node, at, found);
    found
}

extern "C" fn keep(cursor: &mut Cursor<'_>) -> u64 {
    skip::keep(cursor);
    1
}

extern "C" fn names(cursor: &mut Cursor<'_>, base: u64) -> u64 {
    u64::from(skip::close_names(cursor, base))
}

extern "C" fn name_matches(cursor: &mut Cursor<'_>, pattern: u64) -> u64 {
    u64::from(checks::name_matches(cursor, PatternId(pattern as u32)))
}

extern "C" fn name_is_valid(cursor: &mut Cursor<'_>, node: u64) -> u64 {
    u64::from(checks::name_is_valid(cursor, NodeId(node as u32)))
}
