//! A hash of values as an integer of a range.
//!
//! The hash is published, so that anyone can tell beforehand which bucket a client falls in: SHA-256 over each value
//! as one byte for its kind (`s` string, `4` and `6` addresses), its length as eight bytes, most significant first, and its
//! bytes; the first eight bytes of the result, most significant first, modulo `max - min`, plus `min`.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use crate::value::Value;

use super::Arguments;

pub(super) fn hash_in_range<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    let (min, max) = (arguments.int(0)?, arguments.int(1)?);
    if min >= max {
        return None;
    }
    let mut hash = Sha256::new();
    for value in arguments.values.get(2..)?.iter().flatten() {
        match value {
            Value::Ip(IpAddr::V4(address)) => add(&mut hash, b'4', &address.octets()),
            Value::Ip(IpAddr::V6(address)) => add(&mut hash, b'6', &address.octets()),
            Value::String(text) => add(&mut hash, b's', text),
            Value::Bool(_) | Value::Int(_) | Value::Array(_) | Value::Map(_) => return None,
        }
    }
    let digest: [u8; 32] = hash.finalize().into();
    let number = u64::from_be_bytes(*digest.first_chunk()?);
    Some(Value::Int(min.wrapping_add_unsigned(number % max.abs_diff(min))))
}

fn add(hash: &mut Sha256, kind: u8, bytes: &[u8]) {
    hash.update([kind]);
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn the_hash_is_stable_and_within_the_range() {
        assert_eq!(
            call("hash_in_range", &[int(0), int(1 << 62), text("a")]),
            Some(int(2_844_694_556_265_021_366))
        );
        assert_eq!(call("hash_in_range", &[int(5), int(6), ip("192.0.2.1"), text("x")]), Some(int(5)));
        assert_eq!(call("hash_in_range", &[int(5), int(5), text("x")]), None);
        let whole = call("hash_in_range", &[int(i64::MIN), int(i64::MAX), text("x")]);
        assert!(whole.is_some());
        let split = call("hash_in_range", &[int(0), int(1 << 62), text("a"), text("bc")]);
        assert_ne!(split, call("hash_in_range", &[int(0), int(1 << 62), text("ab"), text("c")]));
    }
}
