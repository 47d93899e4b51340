//! The harness that runs the suite folders, the corpora and the checks on the house itself.
#![expect(
    clippy::missing_panics_doc,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a test that cannot go on says so, and reads the time itself"
)]

pub mod generate;
pub mod h2;
pub mod live;
pub mod origin;
pub mod shop;
pub mod suite;
pub mod tidy;
