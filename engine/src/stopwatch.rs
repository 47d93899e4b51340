//! Where the time of an exchange goes, stage by stage: by a clock that the caller lends, for there is none in here.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// The time that one stage took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lap {
    /// When it ran: the first word of its table.
    pub phase: &'static str,
    /// Its name.
    pub stage: &'static str,
    /// How long it took.
    pub took: Duration,
}

/// Times the stages of one exchange.
#[derive(Debug)]
pub struct Stopwatch {
    clock: fn() -> Instant,
    looked: Cell<Instant>,
    laps: RefCell<Vec<Lap>>,
}

impl Stopwatch {
    /// By this clock.
    pub fn new(clock: fn() -> Instant) -> Self {
        Self { clock, looked: Cell::new(clock()), laps: RefCell::default() }
    }

    /// The laps so far, in order.
    pub fn laps(self) -> Vec<Lap> {
        self.laps.into_inner()
    }

    /// What has passed until now belongs to nobody.
    pub(crate) fn start(&self) {
        self.looked.set((self.clock)());
    }

    /// What has passed since the last look belongs to this stage.
    pub(crate) fn lap(&self, phase: &'static str, stage: &'static str) {
        let now = (self.clock)();
        let took = now.saturating_duration_since(self.looked.replace(now));
        self.laps.borrow_mut().push(Lap { phase, stage, took });
    }
}
