//! Everything that outlives a request: atomic operations on bounded state, in this process or shared through Redis.
//!
//! ```text
//! a stage asks: Op, Op, … ──► Store::apply(now, ops) ──► Reply, Reply, … : the stage checks
//!                                   │
//!                     Memory ◄── AnyStore ──► Fleet = Memory, kept warm, beside Redis
//! ```
//!
//! The store knows buckets and holds; limits, sessions and clients are policies over them. Time is passed in.
//!
//! ```
//! use shield_state::{KeyMaker, Memory, Op, Rate, Reply};
//!
//! let store = Memory::new(1 << 20);
//! let key = KeyMaker::new(&[7; 32]).key(1, [Some(&b"203.0.113.9"[..])]);
//! let rate = Rate::Window { most: 1, millis: 60_000 };
//! let take = Op::Take { key, rate, units: 1, hold: 0, pending: false };
//! assert!(matches!(store.decide(0, &[take])[..], [Reply::Taken { left: 0, .. }]));
//! assert!(matches!(store.decide(45_000, &[take])[..], [Reply::Refused { wait: 15_000, .. }]));
//! ```

#[cfg(test)]
mod contract;
#[cfg(feature = "redis")]
mod fleet;
mod key;
mod memory;
mod op;
#[cfg(feature = "redis")]
mod redis;
mod store;

pub use key::{Key, KeyMaker};
pub use memory::Memory;
pub use op::{Millis, Op, Rate, Reply};
pub use store::{AnyStore, Status, Store, StoreError};
#[cfg(feature = "redis")]
pub use {fleet::Fleet, redis::Redis};
