//! Percent-escapes, and the pairs of query strings, forms and cookies.

use std::borrow::Cow;

/// More pairs are refused.
pub(super) const MAX_PAIRS: usize = 4096;

/// Decodes escapes; `None` where one is malformed or the bytes are not UTF-8. `plus` says whether `+` is a space.
pub(super) fn decode(text: &str, plus: bool) -> Option<Cow<'_, str>> {
    if !(text.contains('%') || (plus && text.contains('+'))) {
        return Some(Cow::Borrowed(text));
    }
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'%' => {
                let digit = |at| bytes.get(at).and_then(|digit| char::from(*digit).to_digit(16));
                out.push((digit(at + 1)? * 16 + digit(at + 2)?) as u8);
                at += 3;
            }
            b'+' if plus => {
                out.push(b' ');
                at += 1;
            }
            other => {
                out.push(*other);
                at += 1;
            }
        }
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

/// One pair of a query string or form.
#[derive(Clone, Debug)]
pub(super) struct Pair<'a> {
    /// The name, decoded.
    pub(super) name: Cow<'a, str>,
    /// The value as it stands.
    pub(super) raw: &'a str,
}

/// Why pairs cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PairsError {
    /// A name does not decode.
    Encoding,
    /// There are too many.
    TooMany,
}

/// The pairs of a query string or form.
pub(super) fn pairs(text: &str) -> Result<Vec<Pair<'_>>, PairsError> {
    let mut pairs = Vec::new();
    for part in text.split('&').filter(|part| !part.is_empty()) {
        let (name, raw) = part.split_once('=').unwrap_or((part, ""));
        if pairs.len() == MAX_PAIRS {
            return Err(PairsError::TooMany);
        }
        pairs.push(Pair { name: decode(name, true).ok_or(PairsError::Encoding)?, raw });
    }
    Ok(pairs)
}

/// The pairs of a `cookie` header.
pub(super) fn cookies(text: &str) -> Vec<Pair<'_>> {
    let pairs = text.split(';').filter_map(|part| part.trim().split_once('='));
    pairs
        .take(MAX_PAIRS)
        .map(|(name, raw)| Pair { name: Cow::Borrowed(name.trim()), raw: raw.trim() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_decode_or_are_refused() {
        assert_eq!(decode("a%20b+c", true).as_deref(), Some("a b c"));
        assert_eq!(decode("a+b", false).as_deref(), Some("a+b"));
        for text in ["%", "%2", "%zz", "%ff", "%c0%ae"] {
            assert_eq!(decode(text, true), None, "{text}");
        }
    }
}
