//! Keeps what is rare or large out of the frames of what runs for every request.

use std::pin::Pin;

/// A future of which only the result's kind is known.
pub(crate) type Apart<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Boxes a future that is rare, or large and lasting.
// PERF: neither made nor polled in the frame of whoever awaits it, which would then span many pages and touch all of them
// whenever it runs.
pub(crate) fn apart<'a, F: Future + 'a>(make: impl FnOnce() -> F) -> Apart<'a, F::Output> {
    made(make)
}

/// Boxes what `make` makes, in a frame of its own.
#[inline(never)]
pub(crate) fn made<T>(make: impl FnOnce() -> T) -> Pin<Box<T>> {
    Box::pin(make())
}
