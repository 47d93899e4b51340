//! Policy texts in, a bundle and diagnostics out: a pure library that reads files only through [`source::Sources`].

pub mod ast;
mod check;
pub mod codes;
pub mod diagnostic;
mod load;
mod names;
pub mod optimize;
pub mod parse;
pub mod schema;
pub mod source;
