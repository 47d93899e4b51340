//! The bytes of a base64 text.

use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurpose, GeneralPurposeConfig};

use crate::value::Value;

use super::Arguments;

/// Padding and what the last digit has too much do not matter.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

pub(super) fn decode_base64<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    Some(decode(arguments.text(0)?).unwrap_or_default().into())
}

/// The bytes of a text in the standard or the URL-safe alphabet.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let is_url_safe = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let alphabet = if is_url_safe { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
    GeneralPurpose::new(alphabet, LENIENT).decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn both_alphabets_and_any_padding_are_read() {
        for encoded in ["aGVsbG8gd29ybGQ", "aGVsbG8gd29ybGQ="] {
            assert_eq!(call("decode_base64", &[text(encoded)]), Some(text("hello world")));
        }
        assert_eq!(call("decode_base64", &[text("_-8")]), Some(bytes(b"\xff\xef")));
        assert_eq!(call("decode_base64", &[text("/+8=")]), Some(bytes(b"\xff\xef")));
        assert_eq!(call("decode_base64", &[text("no base64!")]), Some(text("")));
    }
}
