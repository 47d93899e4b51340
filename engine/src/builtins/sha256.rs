//! The SHA-256 hash of a string.

use sha2::{Digest as _, Sha256};

use crate::value::Value;

use super::Arguments;

pub(super) fn sha256<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    Some(Sha256::digest(arguments.text(0)?).to_vec().into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn the_hash_is_32_raw_bytes() {
        let Some(crate::Value::String(hash)) = call("sha256", &[text("abc")]) else { panic!("no hash") };
        assert_eq!(hash.len(), 32);
        assert_eq!(&hash[..4], b"\xba\x78\x16\xbf");
    }
}
