//! Strict JSON read from bytes where generated code has no short cut: white space, strings, numbers.

use std::cmp::Ordering;

use shield_ir::schema::Decimal;

/// A byte of every lane.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of every lane.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Digits that always fit 64 bits.
const SHORT: u64 = 18;

/// A string that has been read: where it ends, and what is between its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// Behind the closing quote.
    pub(super) end: usize,
    /// How many bytes it has beyond one for each character that it says.
    pub(super) extra: usize,
    pub(super) escaped: bool,
}

/// A number that has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    /// Behind its last byte.
    pub(super) end: usize,
    /// Whether it has no fraction, however it is written.
    pub(super) integral: bool,
    /// Its digits as an integer and how many of them are behind the point, where they are few and there is no exponent.
    pub(super) short: Option<(i64, u32)>,
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The place of the next byte that is not white space.
pub(super) fn space(bytes: &[u8], mut at: usize) -> usize {
    const BLANKS: u64 = ONES * b' ' as u64;
    // A line break, then what it is indented by.
    while bytes.get(at).copied().is_some_and(is_space) {
        at += 1;
        while word(bytes, at) == Some(BLANKS) {
            at += 8;
        }
    }
    at
}

/// Reads a string whose opening quote is before `start`.
#[inline]
pub(super) fn string(bytes: &[u8], start: usize) -> Option<Text> {
    let rest = plain(bytes.get(start..)?);
    match rest {
        [b'"', behind @ ..] => Some(Text { end: bytes.len() - behind.len(), extra: 0, escaped: false }),
        _ => string_from(bytes, rest),
    }
}

/// The same from a byte on that is not plain.
fn string_from(bytes: &[u8], mut rest: &[u8]) -> Option<Text> {
    let (mut extra, mut escaped) = (0, false);
    loop {
        let (behind, characters) = match rest {
            [b'"', behind @ ..] => return Some(Text { end: bytes.len() - behind.len(), extra, escaped }),
            [b'\\', ..] => {
                escaped = true;
                escapes(rest)?
            }
            [0x80..=0xff, ..] => beyond_ascii(rest)?,
            _ => return None,
        };
        extra += rest.len() - behind.len() - characters;
        rest = plain(behind);
    }
}

/// Whether a string whose opening quote is before `start` has its closing one, whatever is between them.
pub(super) fn closes(bytes: &[u8], mut start: usize) -> bool {
    while let Some(rest) = bytes.get(start..) {
        match memchr::memchr2(b'"', b'\\', rest) {
            Some(at) if rest.get(at) == Some(&b'"') => return true,
            Some(at) => start += at + 2,
            None => return false,
        }
    }
    false
}

/// What starts with the next quote, backslash, control character or byte beyond ASCII.
#[inline]
fn plain(mut rest: &[u8]) -> &[u8] {
    while let Some((lanes, behind)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*lanes);
        // Below 0x21 are a quote and all control characters, once this bit is changed. A lane is marked wrongly only
        // above one that is marked rightly.
        let quote_or_control = (word ^ (ONES * 2)).wrapping_sub(ONES * 0x21);
        let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
        let special = (quote_or_control | backslash | word) & HIGH;
        if special != 0 {
            return rest.get(special.trailing_zeros() as usize / 8..).unwrap_or_default();
        }
        rest = behind;
    }
    while let [0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7f, behind @ ..] = rest {
        rest = behind;
    }
    rest
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let lanes = bytes.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*lanes))
}

/// The first eight bytes of what a string that has been read says; zeros where it has fewer.
pub(super) fn first_word_said(raw: &[u8]) -> u64 {
    (0..8).zip(bytes_said(raw)).fold(0, |word, (at, byte)| word | u64::from(byte) << (8 * at))
}

/// The first eight bytes of a part of a text; zeros where it has fewer.
pub(super) fn first_word(bytes: &[u8], start: usize, length: usize) -> u64 {
    let all = word(bytes, start).unwrap_or_else(|| {
        let rest = bytes.get(start..).unwrap_or_default();
        rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
    });
    if length < 8 { all & ((1 << (8 * length)) - 1) } else { all }
}

/// What is behind the characters beyond ASCII that stand there one after the other in UTF-8, and how many they are.
fn beyond_ascii(mut rest: &[u8]) -> Option<(&[u8], usize)> {
    let mut characters = 0;
    while let [0x80..=0xff, ..] = rest {
        // None is written longer than it must be, is half of one, or is beyond the last.
        rest = match rest {
            [0xc2..=0xdf, 0x80..=0xbf, behind @ ..]
            | [0xe0, 0xa0..=0xbf, 0x80..=0xbf, behind @ ..]
            | [0xe1..=0xec | 0xee..=0xef, 0x80..=0xbf, 0x80..=0xbf, behind @ ..]
            | [0xed, 0x80..=0x9f, 0x80..=0xbf, behind @ ..]
            | [0xf0, 0x90..=0xbf, 0x80..=0xbf, 0x80..=0xbf, behind @ ..]
            | [0xf1..=0xf3, 0x80..=0xbf, 0x80..=0xbf, 0x80..=0xbf, behind @ ..]
            | [0xf4, 0x80..=0x8f, 0x80..=0xbf, 0x80..=0xbf, behind @ ..] => behind,
            _ => return None,
        };
        characters += 1;
    }
    Some((rest, characters))
}

/// What is behind the escapes that stand there one after the other, and how many characters they say.
fn escapes(mut rest: &[u8]) -> Option<(&[u8], usize)> {
    let mut characters = 0;
    while let [b'\\', ..] = rest {
        rest = match rest {
            [_, b'u', a, b, c, d, behind @ ..] => match (digits_of([*a, *b, *c, *d])?, behind) {
                ([0xd, 0x8..=0xb, ..], [b'\\', b'u', a, b, c, d, behind @ ..]) => {
                    let [0xd, 0xc..=0xf, ..] = digits_of([*a, *b, *c, *d])? else { return None };
                    behind
                }
                ([0xd, 0x8..=0xf, ..], _) => return None,
                _ => behind,
            },
            [_, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', behind @ ..] => behind,
            _ => return None,
        };
        characters += 1;
    }
    Some((rest, characters))
}

/// The character of the escape that stands there, and what is behind it.
fn escape(rest: &[u8]) -> Option<(char, &[u8])> {
    let (first, rest) = match rest {
        [b'\\', b'u', a, b, c, d, rest @ ..] => (unit([*a, *b, *c, *d])?, rest),
        [b'\\', byte, rest @ ..] => return Some((short_escape(*byte)?, rest)),
        _ => return None,
    };
    if first & 0xf800 != 0xd800 {
        return Some((char::from_u32(first)?, rest));
    }
    // Two halves are one character.
    let [b'\\', b'u', a, b, c, d, rest @ ..] = rest else { return None };
    let (high, low) = (first.wrapping_sub(0xd800), unit([*a, *b, *c, *d])?.wrapping_sub(0xdc00));
    if high.max(low) >= 0x400 {
        return None;
    }
    Some((char::from_u32(0x10000 + (high << 10) + low)?, rest))
}

fn short_escape(byte: u8) -> Option<char> {
    Some(match byte {
        b'"' | b'\\' | b'/' => char::from(byte),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        _ => return None,
    })
}

/// What four hexadecimal digits say.
fn unit(digits: [u8; 4]) -> Option<u32> {
    Some(digits_of(digits)?.into_iter().fold(0, |unit, digit| unit << 4 | u32::from(digit)))
}

/// What each of four hexadecimal digits is worth.
#[inline]
fn digits_of(digits: [u8; 4]) -> Option<[u8; 4]> {
    let worth = digits.map(|digit| WORTH.get(usize::from(digit)).copied().unwrap_or(0x10));
    let [a, b, c, d] = worth;
    ((a | b | c | d) < 0x10).then_some(worth)
}

/// What a byte is worth as a hexadecimal digit; more than 15 where it is none.
#[expect(clippy::indexing_slicing, reason = "a place that is not there does not compile")]
const WORTH: [u8; 256] = {
    let (mut table, mut at) = ([0x10; 256], 0);
    while at < 16 {
        let digit = b"0123456789abcdef"[at];
        table[digit as usize] = at as u8;
        table[digit.to_ascii_uppercase() as usize] = at as u8;
        at += 1;
    }
    table
};

/// What a string that has been read says, written into memory: `rest` is what is between its quotes.
pub(super) fn unescaped<'t>(mut rest: &[u8], out: &'t mut Vec<u8>) -> &'t [u8] {
    out.clear();
    while let [first, behind @ ..] = rest {
        if let Some((character, behind)) = escape(rest) {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            rest = behind;
            continue;
        }
        // It may be the first byte of a character beyond ASCII.
        out.push(*first);
        rest = plain(behind);
        out.extend_from_slice(behind.get(..behind.len() - rest.len()).unwrap_or_default());
    }
    out
}

/// What two strings that have been read say in order, without memory for it: most differ early.
pub(super) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    bytes_said(a).cmp(bytes_said(b))
}

fn bytes_said(mut rest: &[u8]) -> impl Iterator<Item = u8> {
    let parts = std::iter::from_fn(move || {
        let (byte, mut behind) = rest.split_first()?;
        let (mut part, mut length) = ([*byte, 0, 0, 0], 1);
        if let Some((character, further)) = escape(rest) {
            length = character.encode_utf8(&mut part).len();
            behind = further;
        }
        rest = behind;
        Some(part.into_iter().take(length))
    });
    parts.flatten()
}

/// Reads a number.
pub(super) fn number(bytes: &[u8], start: usize) -> Option<Number> {
    let negative = bytes.get(start) == Some(&b'-');
    let first = start + usize::from(negative);
    let (mantissa, mut at) = digits(bytes, first, 0);
    let whole = at - first;
    if whole == 0 || (whole > 1 && bytes.get(first) == Some(&b'0')) {
        return None;
    }
    let (mut mantissa, mut places) = (mantissa, 0);
    if bytes.get(at) == Some(&b'.') {
        let point = at;
        (mantissa, at) = digits(bytes, point + 1, mantissa);
        places = at - point - 1;
        if places == 0 {
            return None;
        }
    }
    if (whole + places) as u64 > SHORT || matches!(bytes.get(at), Some(b'e' | b'E')) {
        return long(bytes, start);
    }
    // Eighteen digits fit.
    let value = mantissa.cast_signed();
    let integral = places == 0 || mantissa.is_multiple_of(10_u64.pow(places as u32));
    Some(Number { end: at, integral, short: Some((if negative { -value } else { value }, places as u32)) })
}

/// The place behind a number, for those who do not ask which.
pub(super) fn number_end(bytes: &[u8], start: usize) -> Option<usize> {
    let first = start + usize::from(bytes.get(start) == Some(&b'-'));
    let mut at = behind_digits(bytes, first);
    if at == first || (at > first + 1 && bytes.get(first) == Some(&b'0')) {
        return None;
    }
    if bytes.get(at) == Some(&b'.') {
        let point = at;
        at = behind_digits(bytes, point + 1);
        if at == point + 1 {
            return None;
        }
    }
    if !matches!(bytes.get(at), Some(b'e' | b'E')) {
        return Some(at);
    }
    at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
    let end = behind_digits(bytes, at);
    match end - at {
        0 => None,
        1..=9 => Some(end),
        // It may be larger than is accepted.
        _ => Some(long(bytes, start)?.end),
    }
}

fn behind_digits(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

/// Adds digits to a number, which is right as long as they are few, and goes behind them.
fn digits(bytes: &[u8], mut at: usize, mut sum: u64) -> (u64, usize) {
    while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        sum = sum.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (sum, at)
}

fn long(bytes: &[u8], start: usize) -> Option<Number> {
    let text = number_text(bytes, start);
    let integral = Decimal::parse(text)?.is_integer();
    Some(Number { end: start + text.len(), integral, short: None })
}

/// The text of a number that starts there.
pub(super) fn number_text(bytes: &[u8], start: usize) -> &str {
    let rest = bytes.get(start..).unwrap_or_default();
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let length = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
    std::str::from_utf8(rest.get(..length).unwrap_or_default()).unwrap_or_default()
}
