//! Policy texts in, a bundle and diagnostics out: a pure library that reads files only through [`source::Sources`].

pub mod ast;
mod check;
pub mod codes;
pub mod diagnostic;
pub mod explain;
pub mod format;
mod names;
pub mod parse;
pub mod source;
