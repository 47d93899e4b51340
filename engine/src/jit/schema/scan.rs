//! Strict JSON read from bytes where generated code has no short cut: white space, strings, numbers.

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
    /// Whether an escape stands in it.
    pub(super) escaped: bool,
    /// Whether it is all ASCII.
    pub(super) ascii: bool,
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
pub(super) fn string(bytes: &[u8], start: usize) -> Option<Text> {
    let (mut at, mut escaped, mut ascii) = (start, false, true);
    loop {
        match *bytes.get(at)? {
            b'"' => return Some(Text { end: at + 1, escaped, ascii }),
            b'\\' => {
                escaped = true;
                at = behind_escape(bytes, at + 1)?;
            }
            0x80.. => {
                ascii = false;
                at = beyond_ascii(bytes, at)?;
            }
            0..0x20 => return None,
            _ => at = plain(bytes, at + 1),
        }
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

/// The place of the next quote, backslash, control character or byte beyond ASCII.
fn plain(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = word(bytes, at) {
        let quote = word ^ (ONES * u64::from(b'"'));
        let backslash = word ^ (ONES * u64::from(b'\\'));
        // A lane is marked wrongly only above one that is marked rightly.
        let is_zero = |lanes: u64| lanes.wrapping_sub(ONES) & !lanes;
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let special = (is_zero(quote) | is_zero(backslash) | control | word) & HIGH;
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, 0x20..=0x7f) && !matches!(byte, b'"' | b'\\')).count()
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let lanes = bytes.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*lanes))
}

/// The place behind a run of bytes beyond ASCII, which are UTF-8 by themselves.
fn beyond_ascii(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let length = rest.iter().position(u8::is_ascii).unwrap_or(rest.len());
    std::str::from_utf8(rest.get(..length)?).ok()?;
    Some(at + length)
}

/// The place behind an escape whose backslash is before `at`.
fn behind_escape(bytes: &[u8], at: usize) -> Option<usize> {
    match *bytes.get(at)? {
        b'u' => match hex(bytes, at + 1)? {
            0xd800..0xe000 => Some(unicode(bytes, at + 1)?.1),
            _ => Some(at + 5),
        },
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 1),
        _ => None,
    }
}

/// The character of an escape whose backslash is before `at`, and the place behind it.
fn escape(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let simple = match *bytes.get(at)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(bytes, at + 1),
        _ => return None,
    };
    Some((simple, at + 1))
}

fn unicode(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let first = hex(bytes, at)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, at + 4));
    }
    if bytes.get(at + 4..at + 6)? != b"\\u" {
        return None;
    }
    let second = hex(bytes, at + 6)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(0x10000 + ((first - 0xd800) << 10) + second)?, at + 10))
}

fn hex(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = *bytes.get(at..)?.first_chunk::<4>()?;
    let [a, b, c, d] =
        digits.map(|digit| WORTH.get(usize::from(digit)).map_or(0x10, |worth| u32::from(*worth)));
    ((a | b | c | d) < 0x10).then_some(a << 12 | b << 8 | c << 4 | d)
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

/// What a string that has been read says: `raw` is what is between its quotes.
pub(super) fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(byte) = raw.get(at) {
        if *byte == b'\\' {
            let Some((character, end)) = escape(raw, at + 1) else { return };
            match u8::try_from(character) {
                Ok(byte @ ..0x80) => out.push(byte),
                _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
            at = end;
        } else {
            let rest = raw.get(at..).unwrap_or_default();
            let run = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
            out.extend_from_slice(rest.get(..run).unwrap_or_default());
            at += run;
        }
    }
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
