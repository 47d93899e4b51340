//! One schema by itself, with the documents it refers to: for `shieldc validate`, `shieldc bowtie` and tests.

use shield_ir::schema::{NodeId, Plan};

use super::compile::{Compiler, Options};
use super::dialect::Dialect;
use super::library::{Expected, Library};
use super::plan::PlanBuilder;
use crate::diagnostic::Diagnostic;
use crate::source::{SourceMap, Sources};

/// The texts of a schema and of documents that it may refer to, each with its URI.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    /// The URI of the schema and its text.
    pub root: (&'a str, &'a str),
    /// URIs and texts of the others.
    pub others: &'a [(&'a str, &'a str)],
}

/// How a schema is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// The dialect of schemas that name none.
    pub dialect: Dialect,
    /// Whether `format` is asserted.
    pub assert_formats: bool,
}

/// Compiles one schema from texts.
pub fn compile(
    map: &mut SourceMap,
    texts: Texts<'_>,
    reading: Reading,
) -> Result<(Plan, NodeId), Vec<Diagnostic>> {
    let library =
        Library::of_texts(map, reading.dialect, texts.root, texts.others).map_err(|error| vec![*error])?;
    compiled(&library, reading, Vec::new())
}

/// Compiles the schema in a file, with the files that it refers to.
pub fn compile_file(
    sources: &dyn Sources,
    map: &mut SourceMap,
    path: &str,
    reading: Reading,
) -> Result<(Plan, NodeId), Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    match Library::read(sources, map, path, &mut diagnostics, Expected::Schema(reading.dialect)) {
        Some(library) => compiled(&library, reading, diagnostics),
        None => Err(diagnostics),
    }
}

fn compiled(
    library: &Library,
    reading: Reading,
    mut diagnostics: Vec<Diagnostic>,
) -> Result<(Plan, NodeId), Vec<Diagnostic>> {
    let mut builder = PlanBuilder::new();
    let options = Options { assert_formats: reading.assert_formats, remark: false };
    let mut compiler = Compiler::new(library, &mut builder, &mut diagnostics, options);
    let root = compiler.schema(library.root());
    compiler.finish();
    diagnostics.retain(Diagnostic::is_error);
    if diagnostics.is_empty() { Ok((builder.finish(), root)) } else { Err(diagnostics) }
}
