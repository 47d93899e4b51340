//! `not` glued to the name that follows, as Cloudflare takes it: `notssl` is `not ssl`.

use shield_ir::{Builtin, FieldId};

use super::Checker;
use crate::ast::{self, ExprKind, Spanned};
use crate::parse::glued_word;
use crate::source::Span;

impl Checker<'_> {
    /// The same expression with a glued `not` taken off, if that is what a name begins with.
    pub(super) fn glued_not(&mut self, expr: &ast::Expr) -> Option<ast::Expr> {
        let name = leftmost_name(expr)?;
        let rest = name.strip_prefix("not").filter(|rest| !rest.is_empty())?.to_owned();
        if self.knows(name) || !self.knows(&rest) {
            return None;
        }
        let mut stripped = expr.clone();
        let leftmost = leftmost_name_mut(&mut stripped)?;
        let not = Span { end: leftmost.span.start + 3, ..*leftmost.span };
        *leftmost.node = rest;
        leftmost.span.start += 3;
        self.report(glued_word("not", not));
        let span = expr.span;
        Some(Spanned::new(ExprKind::Not(Box::new(stripped)), span))
    }

    fn knows(&self, name: &str) -> bool {
        FieldId::find(name).is_some()
            || self.names.lets.contains_key(name)
            || self.names.declared.contains_key(name)
            || Builtin::find(name).is_some()
            || matches!(name, "true" | "false")
    }
}

/// What an operand or comparison begins with.
fn leftmost(kind: &ExprKind) -> Option<&ast::Expr> {
    match kind {
        ExprKind::Index(left, _)
        | ExprKind::Compare(left, ..)
        | ExprKind::Contains(left, ..)
        | ExprKind::Matches(left, ..)
        | ExprKind::Wildcard(left, ..)
        | ExprKind::InSet(left, ..)
        | ExprKind::InList(left, ..)
        | ExprKind::BitAnd(left, ..) => Some(left),
        ExprKind::Name(_)
        | ExprKind::Call(..)
        | ExprKind::Literal(_)
        | ExprKind::Not(_)
        | ExprKind::Logic(..)
        | ExprKind::Quantify(..)
        | ExprKind::Misplaced(_)
        | ExprKind::Broken => None,
    }
}

/// The name with which an operand or comparison begins.
fn leftmost_name(expr: &ast::Expr) -> Option<&str> {
    match &expr.node {
        ExprKind::Name(name) => Some(name),
        ExprKind::Call(name, _) => Some(&name.node),
        other => leftmost(other).and_then(leftmost_name),
    }
}

/// A name and its place, to be changed.
struct NameMut<'a> {
    node: &'a mut String,
    span: &'a mut Span,
}

fn leftmost_name_mut(expr: &mut ast::Expr) -> Option<NameMut<'_>> {
    let span = &mut expr.span;
    match &mut expr.node {
        ExprKind::Name(node) => Some(NameMut { node, span }),
        ExprKind::Call(name, _) => Some(NameMut { node: &mut name.node, span: &mut name.span }),
        ExprKind::Index(left, _)
        | ExprKind::Compare(left, ..)
        | ExprKind::Contains(left, ..)
        | ExprKind::Matches(left, ..)
        | ExprKind::Wildcard(left, ..)
        | ExprKind::InSet(left, ..)
        | ExprKind::InList(left, ..)
        | ExprKind::BitAnd(left, ..) => leftmost_name_mut(left),
        ExprKind::Literal(_)
        | ExprKind::Not(_)
        | ExprKind::Logic(..)
        | ExprKind::Quantify(..)
        | ExprKind::Misplaced(_)
        | ExprKind::Broken => None,
    }
}
