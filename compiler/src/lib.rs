//! Policy texts in, a bundle and diagnostics out: a pure library that reads files only through [`source::Sources`].

pub mod codes;
pub mod diagnostic;
pub mod schema;
pub mod source;
