//! What generated code refers to by number, and which operations it computes itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use memchr::memmem::Finder;
use regex_automata::meta::Regex;
use shield_ir::anchor::{self, Anchor};
use shield_ir::set::SetId;
use shield_ir::{Expr, ExprId, FieldId, Program, Scalar, Type};

use crate::exchange::{Exchange, Extract, extractor};
use crate::glob::Glob;

/// A test of a string that Rust does.
#[derive(Debug)]
pub(super) enum Test {
    Contains(Box<Finder<'static>>),
    StartsWith(Box<[u8]>),
    EndsWith(Box<[u8]>),
    /// A regular expression, and a literal that every match of it has: nearly all strings lack it, which costs less to see.
    Matches(Option<Box<Finder<'static>>>, Arc<Regex>),
    Wildcard(Glob),
    Within(SetId),
}

impl Test {
    /// The test that a `matches` of a string makes.
    pub(super) fn matches(program: &Program, (id, of): (ExprId, ExprId), regex: &Arc<Regex>) -> Self {
        let needle = anchor::of(program, id).and_then(|anchors| match &*anchors {
            [Anchor { of: on, test: anchor::Test::Text { place: _, fold: false, literal } }] if *on == of => {
                Some(Box::new(Finder::new(literal).into_owned()))
            }
            _ => None,
        });
        Self::Matches(needle, Arc::clone(regex))
    }
}

/// What a loop goes over.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Names or values of a field's pairs.
    Pairs(FieldId),
    /// The values of a field's pairs under a key.
    Under(FieldId, Box<[u8]>),
    /// All values of a field's pairs.
    All(FieldId),
    /// The elements of an array that the interpreter makes.
    Made,
}

/// Numbers for what generated code refers to.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The operations whose values are kept, and what shows those that are fields.
    pub(super) slots: Vec<(ExprId, Option<Shown>)>,
    pub(super) tests: Vec<Test>,
    /// What a loop goes over, and the operation that means the same.
    pub(super) sources: Vec<(Source, ExprId)>,
    /// Bytes that generated code points to.
    pub(super) texts: Vec<Box<[u8]>>,
    slot_of: BTreeMap<ExprId, u32>,
    source_of: BTreeMap<ExprId, u32>,
    test_of: BTreeMap<ExprId, u32>,
}

impl Plan {
    /// The slot of an operation.
    pub(super) fn slot(&mut self, program: &Program, id: ExprId) -> u32 {
        *self.slot_of.entry(id).or_insert_with(|| {
            self.slots.push((id, Shown::of(program, id)));
            self.slots.len() as u32 - 1
        })
    }

    /// The number of the test that an operation makes.
    pub(super) fn test(&mut self, id: ExprId, make: impl FnOnce() -> Test) -> u32 {
        *self.test_of.entry(id).or_insert_with(|| {
            self.tests.push(make());
            self.tests.len() as u32 - 1
        })
    }

    /// The number of the source that an array operation is.
    pub(super) fn source(&mut self, program: &Program, id: ExprId) -> u32 {
        *self.source_of.entry(id).or_insert_with(|| {
            self.sources.push((Source::of(program, id), id));
            self.sources.len() as u32 - 1
        })
    }

    /// The address of bytes that stay where they are.
    pub(super) fn address(&mut self, text: &[u8]) -> i64 {
        let text: Box<[u8]> = text.into();
        let address = (text.as_ptr() as u64).cast_signed();
        self.texts.push(text);
        address
    }
}

/// A string field that every exchange has, and what shows it: nothing has to be looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(super) field: FieldId,
    pub(super) get: for<'x> fn(&'x Exchange<'_>) -> &'x [u8],
}

impl Shown {
    /// Where an operation is such a field.
    pub(crate) fn of(program: &Program, id: ExprId) -> Option<Self> {
        let Expr::Field(field) = program.node(id)?.expr else { return None };
        let Extract::Text(get) = extractor(field) else { return None };
        Some(Self { field, get })
    }
}

impl Source {
    /// What going through an array operation means.
    pub(crate) fn of(program: &Program, id: ExprId) -> Self {
        pairs(program, id).unwrap_or(Self::Made)
    }
}

/// The pairs behind an array operation, where there are some.
fn pairs(program: &Program, id: ExprId) -> Option<Source> {
    let field = |id: ExprId| {
        let Expr::Field(field) = program.node(id)?.expr else { return None };
        Some(field)
    };
    match &program.node(id)?.expr {
        Expr::Field(field) => matches!(extractor(*field), Extract::Names(_) | Extract::Values(_))
            .then_some(Source::Pairs(*field)),
        Expr::Key { of, key } => {
            let field = field(*of)?;
            is_map(field).then(|| Source::Under(field, key.clone()))
        }
        Expr::Flatten(of) => {
            let field = field(*of)?;
            is_map(field).then_some(Source::All(field))
        }
        _ => None,
    }
}

fn is_map(field: FieldId) -> bool {
    matches!(extractor(field), Extract::Map(_) | Extract::Folded(_))
}

/// What is known of each operation before code is made.
#[derive(Debug)]
pub(super) struct Survey {
    facts: Vec<Known>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    /// Whether it asks for an item that nothing in it binds.
    open: bool,
    /// Whether generated code can compute it, given the item where it is open.
    native: bool,
    /// How much code it takes.
    weight: u32,
}

impl Survey {
    pub(super) fn of(program: &Program) -> Self {
        let mut survey = Self { facts: Vec::with_capacity(program.nodes.len()) };
        for node in &program.nodes {
            let known = survey.known(program, &node.expr, node.ty);
            survey.facts.push(known);
        }
        survey
    }

    pub(super) fn is_native(&self, id: ExprId) -> bool {
        self.facts.get(id.index()).is_some_and(|known| known.native)
    }

    pub(super) fn is_open(&self, id: ExprId) -> bool {
        self.facts.get(id.index()).is_none_or(|known| known.open)
    }

    pub(super) fn weight(&self, id: ExprId) -> u32 {
        self.facts.get(id.index()).map_or(u32::MAX, |known| known.weight)
    }

    fn known(&self, program: &Program, expr: &Expr, ty: Type) -> Known {
        let mut known = Known { open: *expr == Expr::Item, native: false, weight: 1 };
        expr.children(|id| {
            let is_body = matches!(expr, Expr::Each { over: _, body } if *body == id);
            known.open |= !is_body && self.is_open(id);
            known.weight = known.weight.saturating_add(self.weight(id));
        });
        known.native = if known.open { self.open_native(program, expr, ty) } else { is_scalar(ty) };
        if !known.open && !self.inlines(program, expr, ty) {
            known.weight = 1;
        }
        known
    }

    /// Whether code for an operation that asks for the item can be made.
    fn open_native(&self, program: &Program, expr: &Expr, ty: Type) -> bool {
        let all = |ids: &[ExprId]| ids.iter().all(|id| self.is_native(*id));
        match expr {
            Expr::Item => matches!(ty.as_scalar(), Some(Scalar::String | Scalar::Int)),
            Expr::Not(of)
            | Expr::Contains { of, needle: _ }
            | Expr::Matches { of, regex: _ }
            | Expr::Wildcard { of, pattern: _, strict: _ }
            | Expr::In { of, set: _ }
            | Expr::BitAnd { of, mask: _ } => is_scalar(ty) && self.is_native(*of),
            Expr::Logic { op: _, of } => ty == Type::BOOL && all(of),
            Expr::Compare { op: _, left, right } => all(&[*left, *right]),
            Expr::Call { builtin, arguments } => {
                let is_literal =
                    |id: &ExprId| matches!(program.node(*id).map(|node| &node.expr), Some(Expr::Literal(_)));
                let Some((first, rest)) = arguments.split_first() else { return false };
                let is_text = program.node(*first).is_some_and(|node| node.ty == Type::STRING);
                is_scalar(ty)
                    && is_text
                    && builtin.row().strict
                    && self.is_native(*first)
                    && rest.iter().all(is_literal)
            }
            Expr::Literal(_)
            | Expr::Field(_)
            | Expr::Declared(_)
            | Expr::Index { .. }
            | Expr::Key { .. }
            | Expr::Each { .. }
            | Expr::Flatten(_)
            | Expr::Quantify { .. } => false,
        }
    }

    /// Whether code for a closed operation stands inline; otherwise its value comes from a slot.
    pub(super) fn inlines(&self, program: &Program, expr: &Expr, ty: Type) -> bool {
        let is_text_or_int = |id: &ExprId| {
            let ty = program.node(*id).and_then(|node| node.ty.as_scalar());
            matches!(ty, Some(Scalar::String | Scalar::Int))
        };
        match expr {
            Expr::Literal(_) => is_scalar(ty),
            Expr::Not(_) | Expr::Logic { .. } => ty == Type::BOOL,
            Expr::Compare { op: _, left, right: _ } => is_text_or_int(left),
            Expr::Contains { .. } | Expr::Matches { .. } | Expr::Wildcard { .. } | Expr::BitAnd { .. } => {
                true
            }
            Expr::In { of, set: _ } => is_text_or_int(of),
            Expr::Quantify { quantifier: _, of } => self.streams(program, *of),
            Expr::Call { builtin, arguments: _ } => {
                matches!(builtin, shield_ir::Builtin::StartsWith | shield_ir::Builtin::EndsWith)
            }
            Expr::Field(_)
            | Expr::Declared(_)
            | Expr::Item
            | Expr::Index { .. }
            | Expr::Key { .. }
            | Expr::Each { .. }
            | Expr::Flatten(_) => false,
        }
    }

    /// Whether a closed array can be gone through element by element without making it.
    pub(super) fn streams(&self, program: &Program, id: ExprId) -> bool {
        let Some(node) = program.node(id) else { return false };
        match &node.expr {
            Expr::Each { over, body } => {
                let elements = program.node(*over).and_then(|node| node.ty.element());
                let fits = matches!(elements.and_then(Type::as_scalar), Some(Scalar::String | Scalar::Int));
                fits && !self.is_open(*over) && self.is_native(*body)
            }
            Expr::Not(of) => self.streams(program, *of),
            _ => false,
        }
    }
}

/// Types whose values fit in [`super::abi::Words`].
pub(super) fn is_scalar(ty: Type) -> bool {
    matches!(ty.as_scalar(), Some(Scalar::Bool | Scalar::Int | Scalar::String))
}
