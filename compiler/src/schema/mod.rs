//! JSON Schema and OpenAPI documents in, nodes of `ir::schema` and operations out.
//!
//! `tree` is a document with positions, `library` all documents that one refers to, `compile` turns schemas into
//! nodes, `openapi` reads everything around them. `typed` reads whole documents a second time, by another's types.

mod compile;
mod dialect;
mod import;
mod index;
mod json;
mod library;
mod openapi;
mod pattern;
mod plan;
mod read;
mod single;
mod standard;
pub mod tree;
pub mod typed;
mod uri;
mod yaml;

pub use dialect::Dialect;
pub use import::policy as import;
pub use openapi::{Compiled, CompiledOperation, Document, Server};
pub use pattern::{PatternError, translate as translate_pattern};
pub use plan::PlanBuilder;
pub use single::{Reading, Texts, compile as compile_schema, compile_file as compile_schema_file};
