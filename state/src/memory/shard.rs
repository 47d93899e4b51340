//! One shard: a table of buckets with a budget of bytes, and buckets that keys share when it is used up.

use std::collections::BTreeMap;

use hashbrown::HashTable;

use super::bucket::{Bucket, Take};
use crate::key::Key;
use crate::op::{Millis, Op, Reply};

/// Bytes of an entry beside its heap: itself and its share of the table, which is at most half empty.
const ENTRY: usize = size_of::<Entry>() + 16;

/// How many entries are looked at for idle ones with every new key, and when there is no room.
const SWEEP: usize = 4;
const SWEEP_WHEN_FULL: usize = 32;

/// How many scopes have a shared bucket at most; a policy has no more limits.
const SCOPES: usize = 4_096;

struct Entry {
    key: Key,
    bucket: Bucket,
}

/// A shard.
pub(super) struct Shard {
    table: HashTable<u32>,
    entries: Vec<Entry>,
    shared: BTreeMap<u64, Bucket>,
    /// Where the sweep for idle entries goes on.
    hand: usize,
    heap: usize,
    budget: usize,
    overflowed: u64,
}

impl Shard {
    pub(super) const fn new(budget: usize) -> Self {
        Self {
            table: HashTable::new(),
            entries: Vec::new(),
            shared: BTreeMap::new(),
            hand: 0,
            heap: 0,
            budget,
            overflowed: 0,
        }
    }

    pub(super) fn keys(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.entries.len() * ENTRY + self.heap
    }

    pub(super) const fn overflowed(&self) -> u64 {
        self.overflowed
    }

    pub(super) fn apply(&mut self, now: Millis, op: &Op) -> Reply {
        match *op {
            Op::Take { key, rate, units, hold, pending } => {
                self.take(now, key, Take { rate, units, hold, pending })
            }
            Op::Settle { key, rate, at, units, counts } => {
                match self.find(&key) {
                    Some(index) => self.change(index, |bucket| bucket.settle(rate, at, units, counts)),
                    None => self
                        .shared
                        .get_mut(&key.scope)
                        .map_or((), |bucket| bucket.settle(rate, at, units, counts)),
                }
                Reply::Done
            }
            Op::Hold { key, millis } => {
                if let Some(index) = self.find(&key).or_else(|| self.insert(now, key)) {
                    self.change(index, |bucket| bucket.hold(now, millis));
                } else {
                    self.overflowed += 1;
                }
                Reply::Done
            }
            Op::Held { key } => {
                let bucket = self.find(&key).and_then(|index| self.entries.get(index));
                Reply::Held { wait: bucket.map_or(0, |entry| entry.bucket.held(now)) }
            }
        }
    }

    fn take(&mut self, now: Millis, key: Key, take: Take) -> Reply {
        let Some(index) = self.find(&key).or_else(|| self.insert(now, key)) else {
            return self.overflow(now, key.scope, take);
        };
        let spare = self.spare();
        let Some(entry) = self.entries.get_mut(index) else { return Reply::Done };
        let before = entry.bucket.heap();
        let reply = entry.bucket.take(now, take, spare);
        self.heap = self.heap - before + entry.bucket.heap();
        reply
    }

    /// Takes from the bucket that all new keys of a scope share. It starts no hold: that would let one client have all
    /// others refused.
    fn overflow(&mut self, now: Millis, scope: u64, take: Take) -> Reply {
        self.overflowed += 1;
        if self.shared.len() >= SCOPES && !self.shared.contains_key(&scope) {
            self.shared.retain(|_, bucket| !bucket.is_idle(now));
            if self.shared.len() >= SCOPES {
                return Reply::Refused { wait: 1_000, held: false, shared: true };
            }
        }
        let reply = self.shared.entry(scope).or_default().take(now, Take { hold: 0, ..take }, usize::MAX);
        match reply {
            Reply::Refused { wait, held, .. } => Reply::Refused { wait, held, shared: true },
            Reply::Taken { .. } | Reply::Held { .. } | Reply::Done => reply,
        }
    }

    fn spare(&self) -> usize {
        self.budget.saturating_sub(self.bytes())
    }

    fn find(&self, key: &Key) -> Option<usize> {
        let found = |index: &u32| self.entries.get(*index as usize).is_some_and(|entry| entry.key == *key);
        self.table.find(place(key), found).map(|index| *index as usize)
    }

    /// A new, empty bucket, if there is room.
    fn insert(&mut self, now: Millis, key: Key) -> Option<usize> {
        self.sweep(now, SWEEP);
        if self.spare() < ENTRY {
            self.sweep(now, SWEEP_WHEN_FULL);
        }
        if self.spare() < ENTRY {
            return None;
        }
        let index = self.entries.len();
        if index == self.entries.capacity() {
            // By an eighth and not double, so that the budget is what is used.
            self.entries.reserve_exact((index / 8).max(16));
        }
        self.entries.push(Entry { key, bucket: Bucket::default() });
        let entries = &self.entries;
        let hash = |index: &u32| entries.get(*index as usize).map_or(0, |entry| place(&entry.key));
        self.table.insert_unique(place(&key), u32::try_from(index).ok()?, hash);
        Some(index)
    }

    /// Forgets idle ones among the next entries.
    fn sweep(&mut self, now: Millis, count: usize) {
        for _ in 0..count.min(self.entries.len()) {
            if self.hand >= self.entries.len() {
                self.hand = 0;
            }
            match self.entries.get(self.hand) {
                Some(entry) if entry.bucket.is_idle(now) => self.remove(self.hand),
                Some(_) | None => self.hand += 1,
            }
        }
    }

    fn remove(&mut self, index: usize) {
        let last = self.entries.len() - 1;
        let entry = self.entries.swap_remove(index);
        self.heap -= entry.bucket.heap();
        if let Ok(place) = self.table.find_entry(place(&entry.key), |at| *at as usize == index) {
            place.remove();
        }
        let Some(moved) = self.entries.get(index) else { return };
        if let Some(at) = self.table.find_mut(place(&moved.key), |at| *at as usize == last) {
            *at = index as u32;
        }
    }

    fn change(&mut self, index: usize, f: impl FnOnce(&mut Bucket)) {
        if let Some(entry) = self.entries.get_mut(index) {
            f(&mut entry.bucket);
        }
    }
}

/// Where a key stands in a table; the low bits have chosen the shard.
fn place(key: &Key) -> u64 {
    key.bits().rotate_right(8)
}
