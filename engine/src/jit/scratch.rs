//! One scratch for each thread, used by one judgement after the other.

use std::cell::Cell;

use super::Scratch;

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// Runs `work` with the thread's scratch; work inside work gets one of its own.
pub(crate) fn with<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = SCRATCH.take().unwrap_or_default();
    let done = work(&mut scratch);
    SCRATCH.set(Some(scratch));
    done
}
