//! The harness that runs the suite folders, the corpora and the checks on the house itself.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on says so, and reads the time itself"
)]

pub mod h2;
pub mod live;
pub mod origin;
pub mod shop;
