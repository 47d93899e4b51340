//! What can be done to state: a closed set of operations, each atomic, and what each answers.

use crate::key::Key;

/// Milliseconds since the Unix epoch, or a span of them.
pub type Millis = u64;

/// The most units that a window holds exactly; above, time is kept in slots.
pub(crate) const EXACT: u32 = 1_000;

/// Into how many slots a window with more units is cut.
const SLOTS: u64 = 128;

/// How much a bucket lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rate {
    /// At most so many units in any span of that length: a sliding window. Exact up to 1,000 units; above, an event
    /// counts up to 1/128 of the window longer than it should, so that never more pass than allowed.
    Window {
        /// Units.
        most: u32,
        /// The span.
        millis: Millis,
    },
    /// A steady pace of so many units in a span of that length, and so many at once after rest (GCRA).
    Paced {
        /// Units.
        most: u32,
        /// The span.
        millis: Millis,
        /// Units at once.
        burst: u32,
    },
}

impl Rate {
    /// The step of time in which events are kept.
    pub(crate) const fn grain(most: u32, millis: Millis) -> Millis {
        if most <= EXACT { 1 } else { millis.div_ceil(SLOTS) }
    }

    /// How many microseconds of a pace `units` take, rounded up.
    pub(crate) fn pace(most: u32, millis: Millis, units: u32) -> u64 {
        let micros = u128::from(millis) * 1_000 * u128::from(units);
        u64::try_from(micros.div_ceil(u128::from(most.max(1)))).unwrap_or(u64::MAX)
    }
}

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Takes units out of a bucket if they are there.
    Take {
        /// The bucket.
        key: Key,
        /// Its rate; another rate at the same key is another bucket in its place.
        rate: Rate,
        /// How many; none is always there.
        units: u32,
        /// For how long the bucket refuses everything once it had to refuse; 0 for no longer than it must.
        hold: Millis,
        /// Whether a [`Op::Settle`] will say if they count. What is not settled counts, but starts no hold.
        pending: bool,
    },
    /// Says whether units that were taken count. Those that have left the window by then change nothing.
    Settle {
        /// The bucket.
        key: Key,
        /// Its rate.
        rate: Rate,
        /// When they were taken: [`Reply::Taken::at`].
        at: Millis,
        /// How many.
        units: u32,
        /// Whether they count; if not, they go back.
        counts: bool,
    },
    /// Refuses a client for a while.
    Hold {
        /// The client.
        key: Key,
        /// For how long, from now; a longer hold stays.
        millis: Millis,
    },
    /// Asks for a hold.
    Held {
        /// The client.
        key: Key,
    },
}

impl Op {
    /// What it is about.
    pub const fn key(&self) -> Key {
        match self {
            Self::Take { key, .. }
            | Self::Settle { key, .. }
            | Self::Hold { key, .. }
            | Self::Held { key } => *key,
        }
    }
}

/// What an operation answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The units were there.
    Taken {
        /// When they were taken, as the store keeps it.
        at: Millis,
        /// How many are left now.
        left: u32,
        /// When more come: the span until the first of those taken leaves a window, or until a pace is at rest.
        resets: Millis,
    },
    /// They were not, or a hold is in force.
    Refused {
        /// When trying again makes sense.
        wait: Millis,
        /// Whether a hold is in force, perhaps since now.
        held: bool,
        /// Whether it was a bucket that keys share for want of memory.
        shared: bool,
    },
    /// A hold ends after this span; 0 where there is none.
    Held {
        /// The span.
        wait: Millis,
    },
    /// It is done.
    Done,
}
