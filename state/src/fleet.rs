//! Shared counters with a warm local limiter beside them: Redis decides with it while it answers, and it alone when not.
//!
//! Every operation runs here first. What this node alone has used up is refused at once, so that a flood never reaches
//! Redis; the rest is asked there. The first failure makes this node decide alone, without waiting for Redis again,
//! until a probe, one at a time and at growing, spread intervals, has connected and loaded the script: requests come
//! back to a server that is ready, from nodes at different moments. Meanwhile each node lets a limit's number through.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::memory::Memory;
use crate::op::{Millis, Op, Reply};
use crate::redis::Redis;
use crate::store::{Status, Store, StoreError};

/// The first and the longest pause between probes; each is spread by up to half of it.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A node's share of a fleet's counters.
pub struct Fleet {
    local: Memory,
    shared: Redis,
    down: AtomicBool,
    outages: AtomicU64,
}

impl Fleet {
    /// One beside that server, with a local limiter of at most about so many bytes; it decides alone until it has connected.
    pub fn new(shared: Redis, bytes: usize) -> Arc<Self> {
        let local = Memory::new(bytes);
        Arc::new(Self { local, shared, down: AtomicBool::new(true), outages: AtomicU64::new(0) })
    }

    /// Connects; where that fails, this node decides alone until it succeeds.
    pub async fn connect(self: &Arc<Self>) {
        match self.shared.connect().await {
            Ok(()) => self.down.store(false, Ordering::Release),
            Err(_) => self.look_for_redis(),
        }
    }

    /// How it does.
    pub fn status(&self) -> Status {
        Status {
            shared: true,
            degraded: self.down.load(Ordering::Relaxed),
            outages: self.outages.load(Ordering::Relaxed),
            ..self.local.status()
        }
    }

    /// Applies operations; it always answers.
    pub async fn apply(self: &Arc<Self>, now: Millis, ops: &[Op]) -> Result<Vec<Reply>, StoreError> {
        let mut replies = self.local.decide(now, ops);
        if self.down.load(Ordering::Acquire) {
            return Ok(replies);
        }
        let (places, asked): (Vec<usize>, Vec<Op>) = ops
            .iter()
            .zip(&replies)
            .enumerate()
            .filter_map(|(place, (op, reply))| Some((place, question(op, reply)?)))
            .unzip();
        if asked.is_empty() {
            return Ok(replies);
        }
        match self.shared.apply(now, &asked).await {
            Ok(answers) => {
                for ((place, asked), answer) in places.into_iter().zip(&asked).zip(answers) {
                    if let Some(reply) = replies.get_mut(place) {
                        *reply = self.merge(now, asked, *reply, answer);
                    }
                }
            }
            Err(_) => self.fall_back(),
        }
        Ok(replies)
    }

    /// What holds when the local limiter said `here` and Redis said `there`.
    fn merge(&self, now: Millis, op: &Op, here: Reply, there: Reply) -> Reply {
        match (*op, here, there) {
            // What the fleet refuses does not use up this node's own count.
            (Op::Take { key, rate, units, .. }, Reply::Taken { at, .. }, Reply::Refused { .. }) => {
                self.local.decide(now, &[Op::Settle { key, rate, at, units, counts: false }]);
                there
            }
            (Op::Held { .. }, Reply::Held { wait: here }, Reply::Held { wait: there }) => {
                Reply::Held { wait: here.max(there) }
            }
            // A hold that began here was only passed on.
            (Op::Hold { .. }, ..) => here,
            _ => there,
        }
    }

    /// Decides alone from now on, and has a probe look for Redis.
    fn fall_back(self: &Arc<Self>) {
        if !self.down.swap(true, Ordering::AcqRel) {
            self.look_for_redis();
        }
    }

    fn look_for_redis(self: &Arc<Self>) {
        self.outages.fetch_add(1, Ordering::Relaxed);
        self.shared.disconnect();
        // INVARIANT: `apply` is polled by a tokio runtime, as the connection needs one too.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            self.down.store(false, Ordering::Release);
            return;
        };
        let fleet = Arc::downgrade(self);
        runtime.spawn(async move {
            let (mut pause, longest) = PAUSES;
            loop {
                tokio::time::sleep(pause + pause.mul_f64(chance() / 2.0)).await;
                let Some(fleet) = fleet.upgrade() else { return };
                if fleet.shared.connect().await.is_ok() {
                    fleet.down.store(false, Ordering::Release);
                    return;
                }
                pause = longest.min(pause.saturating_mul(2));
            }
        });
    }
}

/// What Redis is asked when the local limiter has answered an operation.
fn question(op: &Op, reply: &Reply) -> Option<Op> {
    match (*op, *reply) {
        (Op::Take { key, hold, .. }, Reply::Refused { wait, held: true, .. }) if wait == hold => {
            Some(Op::Hold { key, millis: hold })
        }
        // A bucket that is shared for want of memory here may have a place of its own there.
        (_, Reply::Refused { shared, .. }) => shared.then_some(*op),
        (_, Reply::Taken { .. } | Reply::Held { .. } | Reply::Done) => Some(*op),
    }
}

/// A number from 0 to 1, so that nodes do not come back at one moment.
fn chance() -> f64 {
    let bits = RandomState::new().hash_one(0_u8);
    f64::from(bits as u32) / f64::from(u32::MAX)
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("status", &self.status()).finish()
    }
}
