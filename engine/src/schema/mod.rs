//! Judges requests and responses by schemas: a strict JSON reader, the interpreter of the plan, and the decoding of
//! parameters and bodies into values.

mod body;
mod code;
mod coerce;
mod deep;
mod fixed;
mod form;
pub mod format;
mod interp;
pub mod json;
mod media;
mod message;
mod multipart;
mod parameters;
mod shape;
mod text;
mod validators;
pub mod value;
pub mod violation;

pub use crate::jit::schema::{Native, Reason, Verdict, interpreted};
pub use interp::Exhausted;
pub use message::{Judge, Parts, ResponseParts};
pub use validators::{LoadError, Validators};
pub use violation::{Class, Location, Violation};
