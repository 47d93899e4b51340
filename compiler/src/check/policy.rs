//! A whole policy: items are declared first, then checked in an order in which everything that one needs is known.

use std::collections::BTreeMap;

use shield_ir::field::Source;
use shield_ir::policy::{ApiId, EndpointId, Origin};
use shield_ir::{Bundle, FieldId};

use super::api::KnownEndpoint;
use super::test::Test;
use super::{Checker, LetState};
use crate::analyze::{RuleSpans, Spans};
use crate::ast::{Binding, Item, Limit, List, Mtls, Name};
use crate::codes::{E0201, E0203, E0401, E0402, W0404};
use crate::diagnostic::Diagnostic;
use crate::load::Loader;
use crate::names::nearest;
use crate::schema::PlanBuilder;
use crate::source::Span;

/// Checks the items of a policy and builds its bundle.
pub(crate) struct PolicyChecker<'a, 'b> {
    /// Files and what was said of them.
    pub loader: &'a mut Loader<'b>,
    /// The names and nodes of expressions.
    pub names: super::Names,
    /// All nodes so far.
    pub program: shield_ir::Program,
    /// Names that were asked for.
    pub used: std::collections::BTreeSet<String>,
    /// What is being built.
    pub bundle: Bundle,
    /// The schemas of all documents.
    pub plan: PlanBuilder,
    /// APIs by name.
    pub api_names: BTreeMap<String, ApiId>,
    /// Endpoints in the order of the bundle.
    pub endpoints: Vec<KnownEndpoint>,
    /// Endpoints of documents that an `endpoint` statement overrides, with its place.
    pub hand_written: BTreeMap<Vec<EndpointId>, Span>,
    /// Rules by name.
    pub rule_names: BTreeMap<String, Span>,
    /// Whether some API or document was reported, so that endpoints may be missing.
    pub broken_apis: bool,
    /// Tests.
    pub tests: Vec<Test>,
    /// Where the bundle's rules stand.
    pub rule_spans: Vec<RuleSpans>,
}

impl<'a, 'b> PolicyChecker<'a, 'b> {
    /// A checker that has seen nothing.
    pub(crate) fn new(loader: &'a mut Loader<'b>) -> Self {
        Self {
            loader,
            names: super::Names::default(),
            program: shield_ir::Program::default(),
            used: std::collections::BTreeSet::new(),
            bundle: Bundle::default(),
            plan: PlanBuilder::new(),
            api_names: BTreeMap::new(),
            endpoints: Vec::new(),
            hand_written: BTreeMap::new(),
            rule_names: BTreeMap::new(),
            broken_apis: false,
            tests: Vec::new(),
            rule_spans: Vec::new(),
        }
    }

    /// Checks all items.
    pub(crate) fn policy(mut self, items: &[Item]) -> (Bundle, Vec<Test>, Spans) {
        self.declare(items);
        for item in items {
            if let Item::Jwt(jwt) = item {
                self.jwt(jwt);
            }
        }
        for item in items {
            if let Item::Session(session) = item {
                self.session(session);
            }
        }
        for item in items {
            if let Item::Api(api) = item {
                self.api(api);
            }
        }
        for item in items {
            match item {
                Item::Rule(rule) => self.rule(rule),
                Item::Limit(limit) => self.limit(limit),
                Item::Mtls(mtls) => self.mtls(mtls),
                Item::Test(test) => self.test(test),
                Item::Include(_)
                | Item::Api(_)
                | Item::List(_)
                | Item::Let(_)
                | Item::Provide(_)
                | Item::Session(_)
                | Item::Jwt(_)
                | Item::Geoip(_)
                | Item::Later(_)
                | Item::Broken(..) => {}
            }
        }
        self.with_expressions(|checker| {
            checker.finish_bindings();
        });
        self.unused(items);
        self.tests_name_rules();
        self.bundle.program = self.program;
        self.bundle.schemas = self.plan.finish();
        let endpoints = self.endpoints.iter().map(|known| known.span).collect();
        (self.bundle, self.tests, Spans { rules: self.rule_spans, endpoints })
    }

    /// Names come before what uses them, wherever they stand in the text.
    fn declare(&mut self, items: &[Item]) {
        let mut seen: BTreeMap<(&'static str, String), Span> = BTreeMap::new();
        for item in items {
            let (kind, name) = match item {
                Item::Api(api) => ("api", &api.name),
                Item::List(list) => ("list", &list.name),
                Item::Let(binding) => ("let", &binding.name),
                Item::Rule(rule) => ("rule", &rule.name),
                Item::Provide(binding) => ("provide", &binding.name),
                Item::Test(test) => ("test", &test.name),
                Item::Session(session) => ("session", &session.name),
                Item::Jwt(jwt) => ("jwt", &jwt.name),
                Item::Limit(limit) => ("limit", &limit.name),
                Item::Mtls(mtls) => ("mtls", &mtls.name),
                Item::Geoip(name) => {
                    self.geoip(name);
                    continue;
                }
                Item::Later(name) => {
                    self.report(
                        Diagnostic::new(
                            E0402,
                            name.span,
                            format!("this version does not enforce `{}` items", name.node),
                        )
                        .help("nothing is accepted and ignored: leave it out until it is"),
                    );
                    continue;
                }
                Item::Broken(kind, name) => {
                    self.declare_broken(kind, name);
                    continue;
                }
                Item::Include(_) => continue,
            };
            if let Some(first) = seen.get(&(kind, name.node.clone())) {
                let first = *first;
                self.report(
                    Diagnostic::new(E0203, name.span, format!("`{kind} {}` is declared twice", name.node))
                        .related(first, "the first time")
                        .help("give one of them another name"),
                );
                continue;
            }
            seen.insert((kind, name.node.clone()), name.span);
            match item {
                Item::List(list) => self.list(list),
                Item::Let(binding) => self.declare_let(binding),
                Item::Provide(binding) => self.provide(binding),
                Item::Rule(rule) => {
                    self.rule_names.insert(rule.name.node.clone(), rule.name.span);
                }
                Item::Limit(Limit { name, .. }) | Item::Mtls(Mtls { name, .. }) => {
                    self.rule_names.insert(name.node.clone(), name.span);
                }
                Item::Jwt(jwt) => self.names.tokens.push(jwt.name.node.clone()),
                Item::Session(_)
                | Item::Include(_)
                | Item::Api(_)
                | Item::Test(_)
                | Item::Geoip(_)
                | Item::Later(_)
                | Item::Broken(..) => {}
            }
        }
    }

    /// An item that was reported: what names it says nothing more.
    fn declare_broken(&mut self, kind: &str, name: &Name) {
        match kind {
            "rule" => {
                self.rule_names.insert(name.node.clone(), name.span);
            }
            "let" => {
                self.names.lets.insert(name.node.clone(), LetState::Broken);
            }
            "list" => {
                self.names.broken_lists.insert(name.node.clone());
            }
            "api" => self.broken_apis = true,
            _ => {}
        }
    }

    fn list(&mut self, list: &List) {
        let mut checker = Checker {
            program: std::mem::take(&mut self.program),
            names: std::mem::take(&mut self.names),
            used: std::mem::take(&mut self.used),
            replacement: None,
            diagnostics: &mut Vec::new(),
        };
        let known = checker.declare_list(list, self.loader);
        let found = std::mem::take(checker.diagnostics);
        if known.is_none() {
            checker.names.broken_lists.insert(list.name.node.clone());
        }
        (self.program, self.names, self.used) = (checker.program, checker.names, checker.used);
        self.loader.diagnostics.extend(found);
    }

    fn declare_let(&mut self, binding: &Binding) {
        let name = &binding.name;
        if FieldId::find(&name.node).is_some() || shield_ir::Builtin::find(&name.node).is_some() {
            self.report(
                Diagnostic::new(
                    E0203,
                    name.span,
                    format!("`{}` is a field or function of the language", name.node),
                )
                .help("give the `let` another name"),
            );
            return;
        }
        let fine = name.node.starts_with(|c: char| c.is_ascii_lowercase())
            && name.node.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !fine {
            let fixed = name.node.to_ascii_lowercase().replace('-', "_");
            self.report(
                Diagnostic::new(E0203, name.span, format!("`{}` cannot name a `let`", name.node))
                    .help(format!("a `let` has lower-case letters, digits and `_`: `{fixed}`")),
            );
        }
        self.names.lets.insert(name.node.clone(), LetState::Waiting(binding.clone()));
    }

    fn provide(&mut self, binding: &Binding) {
        let name = &binding.name;
        let Some(field) = FieldId::find(&name.node) else {
            let near = nearest(&name.node, shield_ir::field::FIELDS.iter().map(|row| row.name));
            let diagnostic =
                Diagnostic::new(E0201, name.span, format!("there is no field named `{}`", name.node));
            self.report(match near {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help("a name of your own is a `let`"),
            });
            return;
        };
        if field.row().source == Source::Exchange {
            self.report(
                Diagnostic::new(
                    E0402,
                    name.span,
                    format!("`{}` is known here and cannot be provided", name.node),
                )
                .help("a name of your own is a `let`"),
            );
            return;
        }
        self.names.provided.insert(field, LetState::Waiting(binding.clone()));
    }

    fn geoip(&mut self, file: &Name) {
        if self.bundle.geoip.is_some() {
            self.report(Diagnostic::new(E0401, file.span, "a policy has one `geoip`"));
        }
        let fine = crate::source::join("", &file.node).is_some_and(|path| !path.is_empty());
        if !fine {
            self.report(
                Diagnostic::new(E0401, file.span, format!("`{}` leaves the data directory", file.node))
                    .help("name a file below `shieldd --data-dir`"),
            );
        }
        self.bundle.geoip = Some(file.node.clone().into());
    }

    /// Runs a checker of expressions over the policy's names and nodes.
    pub(crate) fn with_expressions<T>(&mut self, f: impl FnOnce(&mut Checker<'_>) -> T) -> T {
        let mut checker = Checker {
            program: std::mem::take(&mut self.program),
            names: std::mem::take(&mut self.names),
            used: std::mem::take(&mut self.used),
            replacement: None,
            diagnostics: &mut self.loader.diagnostics,
        };
        let result = f(&mut checker);
        (self.program, self.names, self.used) = (checker.program, checker.names, checker.used);
        result
    }

    /// Lists and lets that nothing asks for.
    fn unused(&mut self, items: &[Item]) {
        for item in items {
            let (kind, name, asked) = match item {
                Item::List(list) => ("list", &list.name, format!("${}", list.name.node)),
                Item::Let(binding) => ("let", &binding.name, binding.name.node.clone()),
                _ => continue,
            };
            let reported =
                self.loader.diagnostics.iter().any(|other| other.is_error() && other.span == name.span);
            if !self.used.contains(&asked) && !reported {
                self.report(
                    Diagnostic::new(W0404, name.span, format!("`{kind} {}` is never used", name.node))
                        .help("use it or delete it"),
                );
            }
        }
    }

    /// Reports something.
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.loader.diagnostics.push(diagnostic);
    }

    /// Where something stands, for the bundle.
    pub(crate) fn origin(&self, span: Span) -> Origin {
        let file = self.loader.map.file(span.file).map(|file| file.path.as_ref().into()).unwrap_or_default();
        Origin { file, line: self.loader.map.position(span.file, span.start).0 }
    }
}
