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
        // PERF: every byte is looked at, since nearly every name is right; that is faster than to stop early.
        let is_token =
            name.iter().fold(true, |so_far, byte| so_far & (TOKEN.get(usize::from(*byte)) == Some(&true)));
        if breaks || name.is_empty() || !is_token {
            return Err(Reason::Header);
        }
        known.note(name, at);
    }
    if bytes > limits.header_bytes {
        return Err(Reason::HeadersTooLarge);
    }
    Ok(known)
}

/// Whether a byte is a control character below the space; eight at a time.
fn has_controls(text: &[u8]) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let (words, rest) = text.as_chunks::<8>();
    // The top bit of each byte that is below a space: there the difference borrows, and the byte has no top bit itself.
    let below = words
        .iter()
        .map(|word| u64::from_le_bytes(*word))
        .fold(0, |below, word| below | (word.wrapping_sub(EACH * 0x20) & !word));
    below & (EACH * 0x80) != 0 || rest.iter().any(|byte| *byte < 0x20)
}

/// Bytes of an RFC 9110 token, by byte.
const TOKEN: [bool; 256] = target::table!(is_token_byte);

/// Bytes of an RFC 9110 token.
pub(super) const fn is_token_byte(byte: u8) -> bool {
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
    fn a_control_character_is_found_wherever_it_stands() {
        for length in 0..40 {
            let mut text = vec![b' '; length];
            assert!(!has_controls(&text));
            text.fill(0xff);
            assert!(!has_controls(&text));
            for at in 0..length {
                for control in [0, b'\t', b'\r', 0x1f] {
                    let was = std::mem::replace(&mut text[at], control);
                    assert!(has_controls(&text), "{text:?}");
                    text[at] = was;
                }
            }
        }
    }
}
