//! A version 4 UUID made from random bytes.

use sha2::{Digest as _, Sha256};

use crate::value::Value;

use super::Arguments;

/// The first 16 bytes of the seed, or of its SHA-256 where it is shorter, with version and variant set.
pub(super) fn uuidv4<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    let seed = arguments.text(0)?;
    let bits = match seed.first_chunk::<16>() {
        Some(bytes) => u128::from_be_bytes(*bytes),
        None => u128::from_be_bytes(*Sha256::digest(seed).first_chunk::<16>()?),
    };
    let bits = bits & !(0xf << 76) & !(3 << 62) | 4 << 76 | 2 << 62;
    let digits = format!("{bits:032x}");
    let group = |from: usize, to: usize| digits.get(from..to);
    let groups = [group(0, 8)?, group(8, 12)?, group(12, 16)?, group(16, 20)?, group(20, 32)?];
    Some(groups.join("-").into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn version_and_variant_are_set() {
        assert_eq!(call("uuidv4", &[bytes(&[0xff; 16])]), Some(text("ffffffff-ffff-4fff-bfff-ffffffffffff")));
        assert_eq!(call("uuidv4", &[bytes(&[0; 16])]), Some(text("00000000-0000-4000-8000-000000000000")));
        assert!(call("uuidv4", &[text("short")]).is_some());
    }
}
