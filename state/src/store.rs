//! The one way to state: the trait, its failures, and the store that a process was told to use.

#[cfg(feature = "redis")]
use std::sync::Arc;

#[cfg(feature = "redis")]
use crate::fleet::Fleet;
use crate::memory::Memory;
use crate::op::{Millis, Op, Reply};

/// Why a store did not answer; trying again makes sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The address is malformed; trying again does not help.
    #[error("the store's address is malformed: {0}")]
    Address(String),
    /// It cannot be reached or has gone away.
    #[error("the store cannot be reached: {0}")]
    Unreachable(String),
    /// It takes too long.
    #[error("the store does not answer in time")]
    Slow,
    /// It answers something else than the protocol says.
    #[error("the store answers what no store would: {0}")]
    Answer(String),
}

/// State that outlives a request.
pub trait Store: Send + Sync {
    /// Applies `ops` in order; `replies[i]` answers `ops[i]`. One round trip, each operation atomic.
    fn apply(&self, now: Millis, ops: &[Op]) -> impl Future<Output = Result<Vec<Reply>, StoreError>> + Send;
}

/// The store of a process.
#[derive(Debug)]
pub enum AnyStore {
    /// In this process.
    Memory(Memory),
    /// Shared by a fleet through Redis.
    #[cfg(feature = "redis")]
    Fleet(Arc<Fleet>),
}

/// How a store does, for the status page and metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Whether counters are shared with other nodes.
    pub shared: bool,
    /// Whether they should be and are not: the local limiter decides alone.
    pub degraded: bool,
    /// How often that began.
    pub outages: u64,
    /// Buckets in this process.
    pub keys: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Requests that had to use a bucket that keys share for want of memory.
    pub overflowed: u64,
}

impl AnyStore {
    /// How it does.
    pub fn status(&self) -> Status {
        match self {
            Self::Memory(memory) => memory.status(),
            #[cfg(feature = "redis")]
            Self::Fleet(fleet) => fleet.status(),
        }
    }
}

impl Store for AnyStore {
    async fn apply(&self, now: Millis, ops: &[Op]) -> Result<Vec<Reply>, StoreError> {
        match self {
            Self::Memory(memory) => memory.apply(now, ops).await,
            #[cfg(feature = "redis")]
            Self::Fleet(fleet) => fleet.apply(now, ops).await,
        }
    }
}
