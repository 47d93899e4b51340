//! Headers as a request may have them, and where the well-known ones stand.

use std::ops::Deref;

use super::target;
use super::words::{self, TOPS, found};
use crate::denial::{Denial, Reason};

/// A header: its name as received, and its value.
type Pair<'a> = (&'a [u8], &'a [u8]);

/// A message's headers in order: every name is a token, no value holds what ends a line.
#[derive(Clone, Debug, Default)]
pub struct Headers<'a> {
    pairs: Vec<Pair<'a>>,
    pub(super) known: KnownHeaders,
    /// Of all names and values.
    pub(super) bytes: usize,
}

impl<'a> Headers<'a> {
    /// Headers as a parser found them; those that no message may have are refused.
    pub fn new(pairs: Vec<Pair<'a>>) -> Result<Self, Denial> {
        if pairs.len() > usize::from(u16::MAX) {
            return Err(Reason::TooManyHeaders.into());
        }
        let (mut known, mut bytes) = (KnownHeaders::default(), 0_usize);
        for (at, (name, value)) in (0..).zip(&pairs) {
            bytes = bytes.saturating_add(name.len()).saturating_add(value.len());
            let breaks = has_control(value) && memchr::memchr3(0, b'\r', b'\n', value).is_some();
            if breaks || !is_token(name) {
                return Err(Reason::Header.into());
            }
            known.note(name, at);
        }
        Ok(Self { pairs, known, bytes })
    }

    pub(super) fn at(&self, place: Place) -> Option<&'a [u8]> {
        let header = self.get(usize::from(place.first)).filter(|_| place.count > 0)?;
        Some(header.1)
    }
}

impl<'a> Deref for Headers<'a> {
    type Target = [Pair<'a>];

    fn deref(&self) -> &Self::Target {
        &self.pairs
    }
}

/// Headers that the check meets anyway and remembers: the place of the first and how many there are.
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
    fn note(&mut self, name: &[u8], at: u16) {
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
            place.first = at;
        }
        place.count = place.count.saturating_add(1);
    }
}

/// Whether a control character stands in a header's value, the tab apart; eight bytes at a time.
pub fn has_control(value: &[u8]) -> bool {
    found(value, |word| words::some_below(word, b' ') | words::some_is(word, 0x7f)) != Some(0)
        && value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t')
}

/// Whether this is an RFC 9110 token, as headers' names are; eight bytes at a time where it is of letters and hyphens.
pub fn is_token(name: &[u8]) -> bool {
    found(name, odd) == Some(0)
        || (!name.is_empty() && name.iter().all(|byte| TOKEN.get(usize::from(*byte)) == Some(&true)))
}

/// The top bits of the bytes of a word that are neither letters nor hyphens.
const fn odd(word: u64) -> u64 {
    TOPS & !(words::letters(word) | words::is(word, b'-'))
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
                    assert_eq!(has_control(&text), byte.is_ascii_control() && byte != b'\t', "{text:?}");
                    assert_eq!(is_token(&text), is_token_byte(byte), "{text:?}");
                    let is_odd = !byte.is_ascii_alphabetic() && byte != b'-';
                    assert!(found(&text, odd).is_none_or(|odd| (odd != 0) == is_odd), "{text:?}");
                }
            }
        }
        assert!(!is_token(b"") && !has_control(b""));
    }
}
