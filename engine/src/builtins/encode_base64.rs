//! Bytes as base64 text.

use base64::engine::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use crate::value::Value;

use super::Arguments;

pub(super) fn encode_base64<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    let engine = match (arguments.flag(1, b'u'), arguments.flag(1, b'p')) {
        (false, false) => STANDARD_NO_PAD,
        (false, true) => STANDARD,
        (true, false) => URL_SAFE_NO_PAD,
        (true, true) => URL_SAFE,
    };
    Some(engine.encode(arguments.text(0)?).into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn flags_choose_alphabet_and_padding() {
        assert_eq!(call("encode_base64", &[text("hello world")]), Some(text("aGVsbG8gd29ybGQ")));
        assert_eq!(call("encode_base64", &[text("hello world"), text("p")]), Some(text("aGVsbG8gd29ybGQ=")));
        assert_eq!(call("encode_base64", &[bytes(b"\xff\xef"), text("u")]), Some(text("_-8")));
        assert_eq!(call("encode_base64", &[bytes(b"\xff\xef"), text("up")]), Some(text("_-8=")));
    }
}
