//! What generated code and Rust share: the session, the slots, the arenas behind them.
//!
//! Generated code reads [`Session::slots`], [`Session::generation`], [`Session::item`] and slots at their offsets, and
//! bytes that a slot or the item points to. It writes nothing.

use std::cell::{Cell, RefCell};

use crate::exchange::Exchange;
use crate::interp::Meaning;
use crate::matcher::Candidate;
use crate::value::Value;

use super::plan::Plan;

/// A scalar in two words. `Bool`: truth and presence. `Int`: value and presence. `String`: address, 0 where absent, and length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Words(pub(super) u64, pub(super) u64);

impl Words {
    pub(super) const ABSENT: Self = Self(0, 0);

    pub(super) const fn truth(value: bool) -> Self {
        Self(value as u64, 1)
    }

    pub(super) const fn int(value: i64) -> Self {
        Self(value.cast_unsigned(), 1)
    }

    pub(super) fn text(bytes: &[u8]) -> Self {
        Self(bytes.as_ptr() as u64, bytes.len() as u64)
    }
}

/// The value of an operation in one phase of one exchange, once it has been asked for.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// The generation that the words are of.
    pub(super) generation: Cell<u64>,
    pub(super) first: Cell<u64>,
    pub(super) second: Cell<u64>,
}

impl Slot {
    pub(super) fn set(&self, generation: u64, words: Words) {
        self.first.set(words.0);
        self.second.set(words.1);
        self.generation.set(generation);
    }
}

/// Bytes that do not move until they are cleared.
#[derive(Debug, Default)]
pub(super) struct Arena {
    /// INVARIANT: a chunk never grows beyond its capacity, so what points into it stays good.
    chunks: RefCell<Vec<Vec<u8>>>,
}

/// How much an arena keeps for the next exchange.
const CHUNK: usize = 16 << 10;

impl Arena {
    /// Stores what `bytes` gives, one by one, at most `length` of them.
    pub(super) fn store(&self, length: usize, bytes: impl Iterator<Item = u8>) -> Words {
        let mut chunks = self.chunks.borrow_mut();
        if chunks.last().is_none_or(|chunk| chunk.capacity() - chunk.len() < length) {
            chunks.push(Vec::with_capacity(length.max(CHUNK)));
        }
        let Some(chunk) = chunks.last_mut() else { return Words::ABSENT };
        let start = chunk.len();
        chunk.extend(bytes.take(length));
        Words::text(chunk.get(start..).unwrap_or_default())
    }

    /// Forgets everything but the first chunk's memory.
    pub(super) fn clear(&self) {
        let mut chunks = self.chunks.borrow_mut();
        chunks.truncate(1);
        if let Some(chunk) = chunks.first_mut() {
            if chunk.capacity() > CHUNK {
                chunks.clear();
            } else {
                chunk.clear();
            }
        }
    }
}

/// Memory that judgements use one after the other, so that none of them allocates.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    slots: Vec<Slot>,
    generation: u64,
    /// The rules that may match.
    pub(crate) candidates: Vec<Candidate>,
    /// The generation in which each literal of the index was last found.
    pub(crate) seen: Vec<u64>,
    /// What slots point to.
    pub(super) kept: Arena,
    /// What items of a loop point to.
    pub(super) passing: Arena,
}

impl Scratch {
    /// Makes everything that was computed before unknown; must be called whenever facts may have changed.
    pub(crate) fn begin(&mut self, slots: usize) {
        if self.slots.len() < slots {
            self.slots.resize_with(slots, Slot::default);
        }
        self.generation += 1;
        self.candidates.clear();
        self.kept.clear();
        self.passing.clear();
    }

    /// How many slots there are.
    pub(super) const fn slots(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn slot(&self, at: u32) -> Option<&Slot> {
        self.slots.get(at as usize)
    }

    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }
}

/// One evaluation: what generated code is called with.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Session<'x, 'a> {
    pub(super) slots: *const Slot,
    pub(super) generation: u64,
    /// Where helpers leave a scalar for generated code.
    pub(super) item: [Cell<u64>; 2],
    pub(super) scratch: &'x Scratch,
    pub(super) plan: &'x Plan,
    pub(super) meaning: Meaning<'x>,
    pub(super) exchange: &'x Exchange<'a>,
    /// Arrays that had to be made, by source; none is replaced while the session lasts.
    pub(super) lists: RefCell<Vec<(u32, Vec<Value<'x>>)>>,
}

impl<'x, 'a> Session<'x, 'a> {
    pub(crate) fn new(
        scratch: &'x Scratch,
        plan: &'x Plan,
        meaning: Meaning<'x>,
        exchange: &'x Exchange<'a>,
    ) -> Self {
        Self {
            slots: scratch.slots.as_ptr(),
            generation: scratch.generation(),
            item: [Cell::new(0), Cell::new(0)],
            scratch,
            plan,
            meaning,
            exchange,
            lists: RefCell::new(Vec::new()),
        }
    }

    pub(super) fn leave(&self, words: Words) {
        let [first, second] = &self.item;
        first.set(words.0);
        second.set(words.1);
    }
}
