//! Tokens that passed, so that their next request need not verify again: bounded, and found by the whole token alone.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use shield_ir::identity::TokenId;

use super::Verified;

/// How many sets there are, and how many tokens each holds.
const SETS: usize = 1_024;
const WAYS: usize = 4;

/// The longest token that is kept.
const LONGEST: usize = 4 << 10;

type Set = [Option<Arc<Verified>>; WAYS];

/// Tokens that passed.
pub(super) struct Cache {
    sets: Box<[Mutex<Set>]>,
    hasher: RandomState,
}

impl Default for Cache {
    fn default() -> Self {
        Self { sets: (0..SETS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

impl Cache {
    /// The token, if it passed with keys of that version.
    pub(super) fn find(&self, token: TokenId, compact: &[u8], version: u64) -> Option<Arc<Verified>> {
        let set = self.set(compact)?.lock().unwrap_or_else(PoisonError::into_inner);
        let found = set.iter().flatten().find(|known| known.token == token && *known.compact == *compact)?;
        (found.version == version).then(|| Arc::clone(found))
    }

    /// Keeps a token in place of itself, else of the one that was kept longest.
    pub(super) fn keep(&self, verified: Verified) -> Arc<Verified> {
        let verified = Arc::new(verified);
        if verified.compact.len() > LONGEST {
            return verified;
        }
        if let Some(set) = self.set(&verified.compact) {
            let mut set = set.lock().unwrap_or_else(PoisonError::into_inner);
            let same = |known: &Option<Arc<Verified>>| {
                known
                    .as_ref()
                    .is_none_or(|known| known.token == verified.token && known.compact == verified.compact)
            };
            let place = set.iter().position(same).unwrap_or(WAYS - 1);
            if let Some(before) = set.get_mut(..=place) {
                before.rotate_right(1);
            }
            if let Some(first) = set.first_mut() {
                *first = Some(Arc::clone(&verified));
            }
        }
        verified
    }

    fn set(&self, compact: &[u8]) -> Option<&Mutex<Set>> {
        // PERF: the end of a token is its signature, which is as random as a hash of it all.
        let end = compact.last_chunk::<16>().map_or(compact, |end| end);
        self.sets.get(self.hasher.hash_one(end) as usize % SETS)
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cache")
    }
}
