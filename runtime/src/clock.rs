//! The runtime's only reader of time.
#![expect(clippy::disallowed_methods, reason = "this is the place the others are sent to")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the coarse time moves.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// The monotonic time.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since 1970.
pub(crate) fn unix_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as u64)
}

/// A time that costs one load to read: ticks since the worker began, moved on by its watchman.
#[derive(Debug)]
pub(crate) struct Ticks {
    began: Instant,
    passed: AtomicU32,
}

impl Default for Ticks {
    fn default() -> Self {
        Self::new()
    }
}

impl Ticks {
    pub(crate) fn new() -> Self {
        Self { began: now(), passed: AtomicU32::new(1) }
    }

    /// Reads the real time; tick 0 is never, so that it can mean "not".
    pub(crate) fn advance(&self) {
        let passed = self.began.elapsed().as_millis() / TICK.as_millis();
        self.passed.store(1 + passed as u32, Ordering::Relaxed);
    }

    /// Lets time pass without waiting.
    #[cfg(test)]
    pub(crate) fn skip(&self, ticks: u32) {
        self.passed.fetch_add(ticks, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> u32 {
        self.passed.load(Ordering::Relaxed)
    }
}

/// `duration` in ticks, at least one.
pub(crate) fn ticks(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis() / TICK.as_millis()).unwrap_or(u32::MAX).max(1)
}
