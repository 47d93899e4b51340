//! `not` glued to the name that follows, as Cloudflare takes it: `notssl` is `not ssl`.

use shield_ir::{Builtin, FieldId};

use super::Checker;
use crate::ast::{self, ExprKind, Spanned};
use crate::parse::glued_word;
use crate::source::Span;

impl Checker<'_> {
    /// The same expression with a glued `not` taken off, if that is what a name begins with.
    pub(super) fn glued_not(&mut self, expr: &ast::Expr) -> Option<ast::Expr> {
        let (name, _) = leftmost_name(expr)?;
        let rest = name.strip_prefix("not").filter(|rest| !rest.is_empty())?.to_owned();
        if self.knows(name) || !self.knows(&rest) {
            return None;
        }
        let mut stripped = expr.clone();
        let (name, place) = leftmost_name_mut(&mut stripped)?;
        let not = Span { end: place.start + 3, ..*place };
        *name = rest;
        place.start += 3;
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

/// Makes a function that finds the name with which an operand or comparison begins, and its place: one for trees that are
/// shared and one for those that are changed.
macro_rules! leftmost_name {
    ($function:ident $($mutable:tt)?) => {
        fn $function(expr: &$($mutable)? ast::Expr) -> Option<(&$($mutable)? String, &$($mutable)? Span)> {
            match &$($mutable)? expr.node {
                ExprKind::Name(name) => Some((name, &$($mutable)? expr.span)),
                ExprKind::Call(name, _) => Some((&$($mutable)? name.node, &$($mutable)? name.span)),
                ExprKind::Index(left, _)
                | ExprKind::Compare(left, ..)
                | ExprKind::Contains(left, ..)
                | ExprKind::Matches(left, ..)
                | ExprKind::Wildcard(left, ..)
                | ExprKind::InSet(left, ..)
                | ExprKind::InList(left, ..)
                | ExprKind::BitAnd(left, ..) => $function(left),
                ExprKind::Literal(_)
                | ExprKind::Not(_)
                | ExprKind::Logic(..)
                | ExprKind::Quantify(..)
                | ExprKind::Misplaced(_)
                | ExprKind::Broken => None,
            }
        }
    };
}

leftmost_name!(leftmost_name);
leftmost_name!(leftmost_name_mut mut);
