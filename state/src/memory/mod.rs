//! The store in this process: shards behind locks of their own, bounded in bytes whatever clients send.

mod bucket;
mod shard;

use std::fmt;
use std::sync::{Mutex, PoisonError};

use self::shard::Shard;
use crate::op::{Millis, Op, Reply};
use crate::store::{Status, Store, StoreError};

/// How many shards; a power of two, several times the cores of a large machine.
const SHARDS: usize = 128;

/// A shard on cache lines of its own.
#[repr(align(128))]
struct Padded(Mutex<Shard>);

/// Buckets in this process.
pub struct Memory {
    shards: Box<[Padded]>,
}

impl Memory {
    /// One that takes at most about so many bytes. When they are used up, keys that are not known yet share one bucket a
    /// scope and shard; no key that is known is forgotten while it matters.
    pub fn new(bytes: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Padded(Mutex::new(Shard::new(bytes / SHARDS)))).collect();
        Self { shards }
    }

    /// Applies operations; see [`Store::apply`].
    pub fn decide(&self, now: Millis, ops: &[Op]) -> Vec<Reply> {
        ops.iter().map(|op| self.one(now, op)).collect()
    }

    fn one(&self, now: Millis, op: &Op) -> Reply {
        // The low bits choose the shard, the high ones the place in its table.
        let index = op.key().bits() as usize & (SHARDS - 1);
        let Some(Padded(shard)) = self.shards.get(index) else { return Reply::Done };
        shard.lock().unwrap_or_else(PoisonError::into_inner).apply(now, op)
    }

    /// How it does.
    pub fn status(&self) -> Status {
        self.shards.iter().fold(Status::default(), |mut status, Padded(shard)| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            status.keys += shard.keys() as u64;
            status.bytes += shard.bytes() as u64;
            status.overflowed += shard.overflowed();
            status
        })
    }
}

impl Store for Memory {
    fn apply(&self, now: Millis, ops: &[Op]) -> impl Future<Output = Result<Vec<Reply>, StoreError>> + Send {
        std::future::ready(Ok(self.decide(now, ops)))
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("status", &self.status()).finish()
    }
}
