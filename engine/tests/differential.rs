#![allow(missing_docs, clippy::all, clippy::pedantic)]
#[path = "../../tests/src/generate.rs"]
pub mod generate;
mod shield_tests { pub use super::generate; }
include!("/tmp/ed.rs");
