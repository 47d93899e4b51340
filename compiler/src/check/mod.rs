//! Syntax tree to typed IR: one file per construct; every mistake is reported once and costs what it stands in.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a check names the kinds of syntax and of operations that it is about"
)]

mod api;
mod call;
mod compare;
mod expr;
mod glued;
mod jwt;
mod limit;
mod lint;
mod list;
mod literal;
mod mtls;
mod pattern;
pub(crate) mod policy;
mod rule;
mod scope;
mod session;
mod set;
pub(crate) mod test;

use std::collections::BTreeMap;

use shield_ir::expr::{Declared, Node};
use shield_ir::set::{Set, SetId};
use shield_ir::{Expr, ExprId, FieldId, Literal, Program, Type};

use crate::ast;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

pub(crate) use set::members;

/// An expression that has passed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Typed {
    /// Its node.
    pub id: ExprId,
    /// Its type.
    pub ty: Type,
}

/// What names mean where an expression stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// Lists by name.
    pub lists: BTreeMap<String, SetId>,
    /// Lists that were reported: what asks for them is not.
    pub broken_lists: std::collections::BTreeSet<String>,
    /// `let` items by name.
    pub lets: BTreeMap<String, LetState>,
    /// `provide` items by field.
    pub provided: BTreeMap<FieldId, LetState>,
    /// How many expressions are open around the one that is being checked, those of lets that it asks for included.
    pub depth: usize,
    /// Names of `jwt` items.
    pub tokens: Vec<String>,
    /// Names that the data of a request brings, in the order of [`Program::declared`].
    pub declared: BTreeMap<String, u32>,
    /// Bare expressions: any well-formed list or token name counts as declared.
    pub lenient: bool,
    /// Whether fields that need Cloudflare's network may be asked, since the request's data may bring them.
    pub cloud: bool,
}

/// How far a `let` or `provide` has been checked.
#[derive(Clone, Debug)]
pub(crate) enum LetState {
    /// Not yet.
    Waiting(ast::Binding),
    /// It is being checked: asking for it now is a cycle.
    Busy(Span),
    /// It has passed.
    Done(Typed),
    /// It was reported.
    Broken,
}

/// Checks expressions and collects their nodes.
#[derive(Debug)]
pub(crate) struct Checker<'a> {
    /// All nodes so far.
    pub program: Program,
    /// What names mean.
    pub names: Names,
    /// Names that were asked for, so that the others can be called unused.
    pub used: std::collections::BTreeSet<String>,
    /// Where this expression replaces by pattern, if it has.
    pub replacement: Option<Span>,
    /// Where mistakes go.
    pub diagnostics: &'a mut Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    /// A checker without names.
    pub(crate) fn new(diagnostics: &'a mut Vec<Diagnostic>) -> Self {
        Self {
            program: Program::default(),
            names: Names::default(),
            used: std::collections::BTreeSet::new(),
            replacement: None,
            diagnostics,
        }
    }

    /// Declares a name that the data of a request brings.
    pub(crate) fn declare(&mut self, name: &str, ty: Type) {
        self.names.declared.insert(name.to_owned(), self.program.declared.len() as u32);
        self.program.declared.push(Declared { name: name.into(), ty });
    }

    /// Adds a set.
    pub(crate) fn add_set(&mut self, set: Set) -> SetId {
        self.program.sets.push(set);
        SetId(self.program.sets.len() as u32 - 1)
    }

    /// The condition that always holds.
    pub(crate) fn always(&mut self) -> ExprId {
        self.node(Expr::Literal(Literal::Bool(true)), Type::BOOL).id
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn node(&mut self, expr: Expr, ty: Type) -> Typed {
        self.program.nodes.push(Node { expr, ty });
        Typed { id: ExprId(self.program.nodes.len() as u32 - 1), ty }
    }
}

/// That a policy that passed every check breaks an invariant of the bundle: an expression that is too large, or a bug.
pub(crate) fn invariant(error: &shield_ir::verify::VerifyError, span: Span) -> Diagnostic {
    Diagnostic::new(crate::codes::E0105, span, format!("the policy cannot be built: {error}"))
        .help("take large expressions apart; if none is large, please report this")
}

/// Reports a bundle that [`shield_ir::verify`] would refuse.
pub(crate) fn too_large(bundle: &shield_ir::Bundle) -> Option<Diagnostic> {
    let error = shield_ir::verify::bundle(bundle).err()?;
    Some(invariant(&error, Span::new(crate::source::FileId(0), 0, 0)))
}
