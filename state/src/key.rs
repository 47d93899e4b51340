//! Keys of buckets: fixed size, made by a keyed hash, so that neither their number of bytes nor their place in a table
//! is a client's choice, and nothing of what they were made from is kept.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// Which bucket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What the bucket is for, a limit's identity: new keys of one scope share a bucket when memory is full.
    pub scope: u64,
    /// Whose bucket.
    pub id: [u8; 16],
}

impl Key {
    /// Bits that are spread evenly, for tables and shards.
    pub(crate) fn bits(&self) -> u64 {
        u64::from_le_bytes(self.id.first_chunk().copied().unwrap_or_default())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:x}/{:x})", self.scope, u128::from_be_bytes(self.id))
    }
}

/// Makes keys with a secret; nodes that share a store share it.
#[derive(Clone)]
pub struct KeyMaker {
    secret: Sha256,
}

impl KeyMaker {
    /// One with this secret.
    pub fn new(secret: &[u8; 32]) -> Self {
        // PERF: a whole block, so that every key begins from a state that is computed once.
        Self { secret: Sha256::new().chain_update(secret).chain_update([0; 32]) }
    }

    /// The key of these parts; an absent part is another than an empty one.
    pub fn key<'a>(&self, scope: u64, parts: impl IntoIterator<Item = Option<&'a [u8]>>) -> Key {
        let mut hash = self.secret.clone();
        hash.update(scope.to_le_bytes());
        for part in parts {
            // A length before each part, so that no two lists of parts look alike; none is longer than memory.
            hash.update(part.map_or(u64::MAX, |part| part.len() as u64).to_le_bytes());
            hash.update(part.unwrap_or_default());
        }
        let digest: [u8; 32] = hash.finalize().into();
        let id = digest.first_chunk().copied().unwrap_or_default();
        Key { scope, id }
    }
}

impl fmt::Debug for KeyMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyMaker(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_every_scope_and_the_secret_make_another_key() {
        let keys = KeyMaker::new(&[1; 32]);
        let part = |text: &'static str| Some(text.as_bytes());
        let made = [
            keys.key(1, [part("ab"), part("c")]),
            keys.key(1, [part("a"), part("bc")]),
            keys.key(1, [part("abc")]),
            keys.key(1, [part("abc"), part("")]),
            keys.key(1, [part("abc"), None]),
            keys.key(2, [part("abc")]),
            KeyMaker::new(&[2; 32]).key(1, [part("abc")]),
        ];
        for (index, key) in made.iter().enumerate() {
            assert!(made.iter().skip(index + 1).all(|other| other.id != key.id), "{index}");
        }
        assert_eq!(keys.key(1, [part("abc")]), made[2]);
    }
}
