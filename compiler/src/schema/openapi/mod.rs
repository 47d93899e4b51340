//! OpenAPI 3.0 and 3.1 documents: paths, operations and what surrounds their schemas.

use std::collections::BTreeMap;

use shield_ir::operation::Operation;
use shield_ir::template::{Template, TemplateError};

use super::compile::{Compiler, Options};
use super::dialect::Dialect;
use super::library::{Expected, Library, Loc};
use super::plan::PlanBuilder;
use super::tree::At;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::source::{SourceMap, Sources, Span};

mod bodies;
mod parameters;
mod security;
mod servers;

pub use servers::Server;

/// Members of a path item that are operations, with their methods.
const METHODS: &[(&str, &str)] = &[
    ("delete", "DELETE"),
    ("get", "GET"),
    ("head", "HEAD"),
    ("options", "OPTIONS"),
    ("patch", "PATCH"),
    ("post", "POST"),
    ("put", "PUT"),
    ("query", "QUERY"),
    ("trace", "TRACE"),
];

/// References from one object of a document to another may chain so far.
const MAX_HOPS: usize = 32;

/// An OpenAPI document with all that it refers to.
#[derive(Debug)]
pub struct Document {
    library: Library,
}

/// What a document declares.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    /// Its servers.
    pub servers: Vec<Server>,
    /// Its operations, each once for every base path that its servers have; in the order of the document.
    pub operations: Vec<CompiledOperation>,
}

/// One operation at one path.
#[derive(Clone, Debug)]
pub struct CompiledOperation {
    /// Its path as the document has it.
    pub path: Template,
    /// Its path, base path included.
    pub template: Template,
    /// Its method, in upper case.
    pub method: String,
    /// What requests and responses must look like.
    pub operation: Operation,
    /// Where it stands: the name of its method in the document.
    pub span: Span,
}

impl Document {
    /// Reads the document at `path` and the files that it refers to. `None` when it cannot be read, or is none.
    pub fn read(
        sources: &dyn Sources,
        map: &mut SourceMap,
        path: &str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let library = Library::read(sources, map, path, diagnostics, Expected::Document(version_fault))?;
        Some(Self { library })
    }

    /// Its title.
    pub fn title(&self) -> Option<&str> {
        self.library.at(self.library.root()).get("info")?.get("title")?.as_str()
    }

    /// Whether it is one of OpenAPI 3.0.
    pub fn is_3_0(&self) -> bool {
        Dialect::of_document(self.library.at(self.library.root())) == Dialect::OpenApi30
    }

    /// Compiles its operations, their schemas into the plan.
    pub fn compile(&self, plan: &mut PlanBuilder, diagnostics: &mut Vec<Diagnostic>) -> Compiled {
        let options = Options { assert_formats: true, remark: true };
        let mut reader = Reader {
            compiler: Compiler::new(&self.library, plan, diagnostics, options),
            root: self.library.root(),
        };
        let compiled = reader.document();
        reader.compiler.finish();
        compiled
    }
}

/// What is wrong with the head of a document.
fn version_fault(root: At<'_>) -> Option<Diagnostic> {
    let error = |span, message: String| Diagnostic::new(codes::E0501, span, message);
    if !root.is_object() {
        return Some(error(root.span(), format!("an OpenAPI document is an object, not {}", root.kind())));
    }
    if let Some(swagger) = root.get("swagger") {
        let message = "this is a Swagger 2.0 document; only OpenAPI 3.0 and 3.1 are read";
        return Some(
            error(swagger.span(), message.into()).help("convert it, for example with `swagger2openapi`"),
        );
    }
    let Some((_, version)) = root.member("openapi") else {
        let span = Span { end: root.span().start + 1, ..root.span() };
        return Some(error(span, "an OpenAPI document says its version: `openapi: 3.1.0`".into()));
    };
    let text = version.as_str().or(version.as_number()).unwrap_or_default();
    let known = ["3.0.", "3.1.", "3.2."].iter().any(|prefix| {
        text.strip_prefix(prefix).is_some_and(|patch| patch.starts_with(|first: char| first.is_ascii_digit()))
    });
    if !known || version.as_str().is_none() {
        return Some(
            error(version.span(), format!("`{text}` is not a version that is read"))
                .help("write `openapi: 3.0.3` or `openapi: 3.1.0`"),
        );
    }
    if let Some(dialect) = root.get("jsonSchemaDialect")
        && dialect.as_str().is_none_or(|uri| Dialect::named(uri).is_none())
    {
        let message = format!("`{}` is not a dialect that is read", dialect.as_str().unwrap_or("?"));
        return Some(error(dialect.span(), message).help("leave it out, or name JSON Schema 2020-12"));
    }
    let has_content = ["paths", "webhooks", "components"].iter().any(|name| root.get(name).is_some());
    (!has_content).then(|| error(version.span(), "the document has no `paths`".into()))
}

/// Reads the objects around schemas.
struct Reader<'a> {
    compiler: Compiler<'a>,
    root: Loc,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Compiled {
        let root = self.root;
        let mut compiled = Compiled { servers: self.servers(root), operations: Vec::new() };
        let Some(paths) = self.child(root, "paths") else { return compiled };
        let at = self.at(paths);
        if !at.is_object() {
            self.error(at.span(), format!("`paths` is an object, not {}", at.kind()));
        }
        for (text, span, item) in at.members() {
            if text.starts_with("x-") {
                continue;
            }
            match Template::parse(text) {
                Ok(template) => {
                    let item = Loc { document: paths.document, ix: item.ix };
                    self.path(&template, item, &mut compiled);
                }
                Err(error) => {
                    let message = format!("`{text}` is not a path: {error}");
                    let mut diagnostic = Diagnostic::new(codes::E0505, span, message);
                    if error == TemplateError::NotPath {
                        diagnostic = diagnostic.help(
                            "requests never carry what follows `#`, and a query is declared in `parameters`",
                        );
                    }
                    self.compiler.diagnostics.push(diagnostic);
                }
            }
        }
        self.duplicates(paths, &compiled);
        compiled
    }

    fn path(&mut self, template: &Template, item: Loc, compiled: &mut Compiled) {
        let Some(item) = self.follow(item) else { return };
        let shared = self.child(item, "parameters");
        for (name, span, value) in self.at(item).members() {
            let Some((_, method)) = METHODS.iter().find(|(member, _)| *member == name) else { continue };
            let loc = Loc { document: item.document, ix: value.ix };
            if !value.is_object() {
                self.error(value.span(), format!("an operation is an object, not {}", value.kind()));
                continue;
            }
            let operation = self.operation(template, loc, shared);
            for base in self.bases(&compiled.servers, item, loc) {
                compiled.operations.push(CompiledOperation {
                    path: template.clone(),
                    template: template.under(&base),
                    method: (*method).to_owned(),
                    operation: operation.clone(),
                    span,
                });
            }
        }
    }

    fn operation(&mut self, template: &Template, loc: Loc, shared: Option<Loc>) -> Operation {
        let at = self.at(loc);
        let text = |name| at.get(name).and_then(At::as_str).map(str::to_owned);
        let tags = at.get("tags").into_iter().flat_map(At::items).filter_map(At::as_str);
        Operation {
            id: text("operationId"),
            tags: tags.map(str::to_owned).collect(),
            deprecated: at.get("deprecated").and_then(At::as_bool).unwrap_or(false),
            parameters: self.parameters(template, loc, shared),
            body: self.child(loc, "requestBody").and_then(|body| self.request_body(body)),
            responses: self.responses(loc),
            security: self.security(loc),
        }
    }

    /// The base paths of an operation: its own servers', else its path's, else the document's.
    fn bases(&mut self, servers: &[Server], item: Loc, operation: Loc) -> Vec<Template> {
        let own = [operation, item].into_iter().find(|loc| self.child(*loc, "servers").is_some());
        let own = own.map(|loc| self.servers(loc));
        let servers = own.as_deref().unwrap_or(servers);
        let mut bases: Vec<Template> =
            servers.iter().flat_map(|server| server.bases.iter().cloned()).collect();
        bases.sort();
        bases.dedup();
        bases
    }

    /// Two paths that match the same texts, an error where both have a method; operation ids that stand twice.
    fn duplicates(&mut self, paths: Loc, compiled: &Compiled) {
        let mut shapes: BTreeMap<Template, Vec<(&str, Span, At<'_>)>> = BTreeMap::new();
        for (text, span, item) in self.at(paths).members() {
            let Ok(template) = Template::parse(text) else { continue };
            let others = shapes.entry(template.shape()).or_default();
            let shared = others.iter().find_map(|(other, first, known)| {
                let methods =
                    METHODS.iter().filter(|(name, _)| item.get(name).is_some() && known.get(name).is_some());
                Some((*other, *first, methods.map(|(_, method)| *method).next()?))
            });
            let (code, message, first) = match (shared, others.first()) {
                (Some((other, first, method)), _) => (
                    codes::E0505,
                    format!("`{method} {text}` matches the same requests as `{method} {other}`"),
                    first,
                ),
                (None, Some((other, first, _))) => {
                    (codes::W0503, format!("`{text}` matches the same paths as `{other}`"), *first)
                }
                (None, None) => {
                    others.push((text, span, item));
                    continue;
                }
            };
            others.push((text, span, item));
            let diagnostic = Diagnostic::new(code, span, message)
                .related(first, "the other path")
                .help("write both as one path, and their operations below it");
            self.compiler.diagnostics.push(diagnostic);
        }
        let mut ids: BTreeMap<&str, Span> = BTreeMap::new();
        for operation in &compiled.operations {
            let Some(id) = operation.operation.id.as_deref() else { continue };
            let first = *ids.entry(id).or_insert(operation.span);
            if first != operation.span {
                let message = format!("the operationId `{id}` stands here for the second time");
                let diagnostic =
                    Diagnostic::new(codes::E0505, operation.span, message).related(first, "the first time");
                self.compiler.diagnostics.push(diagnostic);
            }
        }
    }

    /// The object that stands at a location, or that its `$ref` names.
    fn follow(&mut self, mut loc: Loc) -> Option<Loc> {
        for _ in 0..MAX_HOPS {
            let Some(reference) = self.at(loc).get("$ref") else { return Some(loc) };
            loc = self.compiler.target(loc, reference)?;
        }
        let span = self.at(loc).span();
        self.compiler.diagnostics.push(Diagnostic::new(
            codes::E0502,
            span,
            "references go round in a circle",
        ));
        None
    }

    fn child(&self, loc: Loc, name: &str) -> Option<Loc> {
        self.at(loc).get(name).map(|at| Loc { document: loc.document, ix: at.ix })
    }

    fn at(&self, loc: Loc) -> At<'a> {
        self.compiler.library.at(loc)
    }

    fn error(&mut self, span: Span, message: impl Into<String>) {
        self.compiler.diagnostics.push(Diagnostic::new(codes::E0503, span, message));
    }
}
