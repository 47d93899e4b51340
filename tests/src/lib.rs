//! The harness: what tests share.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a harness fails loudly"
)]

pub mod generate;
