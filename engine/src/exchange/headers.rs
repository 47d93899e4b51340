//! Headers as a request may have them, and where the well-known ones stand.

use super::Limits;
use super::target;
use crate::denial::Reason;

/// Headers that the head's check meets anyway and remembers: the place of the first and how many there are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KnownHeaders {
    pub(super) host: Place,
    pub(super) cookie: Place,
    pub(super) user_agent: Place,
    pub(super) referer: Place,
    pub(super) forwarded_for: Place,
    pub(super) content_type: Place,
    pub(super) content_encoding: Place,
    pub(super) content_length: Place,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) first: u16,
    pub(super) count: u16,
}

impl KnownHeaders {
    fn note(&mut self, name: &[u8], at: usize) {
        let place = match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => &mut self.host,
            6 if name.eq_ignore_ascii_case(b"cookie") => &mut self.cookie,
            7 if name.eq_ignore_ascii_case(b"referer") => &mut self.referer,
            10 if name.eq_ignore_ascii_case(b"user-agent") => &mut self.user_agent,
            12 if name.eq_ignore_ascii_case(b"content-type") => &mut self.content_type,
            14 if name.eq_ignore_ascii_case(b"content-length") => &mut self.content_length,
            15 if name.eq_ignore_ascii_case(b"x-forwarded-for") => &mut self.forwarded_for,
            16 if name.eq_ignore_ascii_case(b"content-encoding") => &mut self.content_encoding,
            _ => return,
        };
        if place.count == 0 {
            place.first = at as u16;
        }
        place.count = place.count.saturating_add(1);
    }
}

/// Checks headers, and finds those that nearly every request asks for.
pub(super) fn check(headers: &[(&[u8], &[u8])], limits: &Limits) -> Result<KnownHeaders, Reason> {
    if headers.len() > limits.headers.min(usize::from(u16::MAX)) {
        return Err(Reason::TooManyHeaders);
    }
    let mut known = KnownHeaders::default();
    let mut bytes = 0_usize;
    for (at, (name, value)) in headers.iter().enumerate() {
        bytes = bytes.saturating_add(name.len()).saturating_add(value.len());
        let breaks = has_controls(value) && memchr::memchr3(0, b'\r', b'\n', value).is_some();
        if breaks || !is_token(name) {
            return Err(Reason::Header);
        }
        known.note(name, at);
    }
    if bytes > limits.header_bytes {
        return Err(Reason::HeadersTooLarge);
    }
    Ok(known)
}

/// One in each byte of a word.
const EACH: u64 = 0x0101_0101_0101_0101;
/// The top bit of each byte.
const TOPS: u64 = EACH * 0x80;

/// What a test finds in the words of a text, all of it together; none for less than eight bytes. The last word may overlap
/// the one before.
fn found(text: &[u8], test: impl Fn(u64) -> u64) -> Option<u64> {
    let test = |word: &[u8; 8]| test(u64::from_le_bytes(*word));
    let last = test(text.last_chunk::<8>()?);
    Some(text.as_chunks::<8>().0.iter().fold(last, |found, word| found | test(word)))
}

/// Whether a byte is a control character below the space; eight at a time.
fn has_controls(text: &[u8]) -> bool {
    // Below a space the difference borrows into the top bit, and the byte has none itself. A borrow that goes on to the next
    // byte comes from a byte that counts anyway.
    let below = |word: u64| word.wrapping_sub(EACH * 0x20) & !word & TOPS;
    found(text, below).map_or_else(|| text.iter().any(|byte| *byte < 0x20), |found| found != 0)
}

/// Whether this is an RFC 9110 token, as headers' names are; eight bytes at a time where it is of letters and hyphens.
pub fn is_token(name: &[u8]) -> bool {
    found(name, odd) == Some(0)
        || (!name.is_empty() && name.iter().all(|byte| TOKEN.get(usize::from(*byte)) == Some(&true)))
}

/// The top bits of the bytes of a word that are neither letters nor hyphens.
const fn odd(word: u64) -> u64 {
    let low = (word | (EACH * 0x20)) & !TOPS;
    // No sum goes beyond its byte: from `a` on the first has a top bit, and behind `z` the second too.
    let letters = (low + EACH * (0x80 - b'a' as u64)) & !(low + EACH * (0x7f - b'z' as u64));
    let other = word ^ (EACH * b'-' as u64);
    let hyphens = !(((other & !TOPS) + EACH * 0x7f) | other);
    (!(letters | hyphens) | word) & TOPS
}

/// Bytes of an RFC 9110 token, by byte.
const TOKEN: [bool; 256] = target::table!(is_token_byte);

/// Whether a byte may stand in an RFC 9110 token.
pub const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_bytes_say_the_same() {
        for length in 0..20 {
            for at in 0..length {
                for byte in 0..=255 {
                    let mut text = vec![b'x'; length];
                    text[at] = byte;
                    assert_eq!(has_controls(&text), byte < 0x20, "{text:?}");
                    assert_eq!(is_token(&text), is_token_byte(byte), "{text:?}");
                    let is_odd = !byte.is_ascii_alphabetic() && byte != b'-';
                    assert!(found(&text, odd).is_none_or(|odd| (odd != 0) == is_odd), "{text:?}");
                }
            }
        }
        assert!(!is_token(b"") && !has_controls(b""));
    }
}
