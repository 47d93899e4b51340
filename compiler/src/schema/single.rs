//! One schema by itself, with the documents it refers to: for `shieldc validate`, `shieldc bowtie` and tests.

use shield_ir::schema::{NodeId, Plan};

use super::compile::{Compiler, Options};
use super::dialect::Dialect;
use super::library::Library;
use super::plan::PlanBuilder;
use crate::diagnostic::Diagnostic;
use crate::source::SourceMap;

/// The texts of a schema and of documents that it may refer to, each with its URI.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    /// The URI of the schema and its text.
    pub root: (&'a str, &'a str),
    /// URIs and texts of the others.
    pub others: &'a [(&'a str, &'a str)],
}

/// Compiles one schema. The dialect is that of `$schema`, else the one given.
pub fn compile(
    map: &mut SourceMap,
    texts: Texts<'_>,
    dialect: Dialect,
    assert_formats: bool,
) -> Result<(Plan, NodeId), Vec<Diagnostic>> {
    let library = Library::of_texts(map, dialect, texts.root, texts.others).map_err(|error| vec![*error])?;
    let mut diagnostics = Vec::new();
    let mut builder = PlanBuilder::new();
    let options = Options { assert_formats, remark: false };
    let mut compiler = Compiler::new(&library, &mut builder, &mut diagnostics, options);
    let root = compiler.schema(library.root());
    compiler.finish();
    diagnostics.retain(Diagnostic::is_error);
    if diagnostics.is_empty() { Ok((builder.finish(), root)) } else { Err(diagnostics) }
}
