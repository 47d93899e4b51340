//! Comparisons: which operator takes which types, and what its right side may be.

use shield_ir::set::Set;
use shield_ir::{Compare, Expr, Literal, Scalar, Type};

use super::expr::Operand;
use super::literal::ONLY_ORDER;
use super::{Checker, Typed, members};
use crate::ast::{self, ExprKind, Spanned, Text, Word};
use crate::codes::{E0301, E0302, E0306, E0307};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

impl Checker<'_> {
    pub(super) fn compare(
        &mut self,
        left: &ast::Expr,
        op: Spanned<Compare>,
        right: &ast::Expr,
    ) -> Option<Operand> {
        let operand = self.operand(left)?;
        let types = &[Type::INT, Type::STRING, Type::IP];
        self.applies(
            operand,
            left,
            &Applies { name: op.node.name(), at: op.span, types, right: Some(right) },
        )?;
        let (span, right) = (right.span, self.right(right, operand.ty(), op.node.name())?);
        if op.node == Compare::Eq
            && let Some(Expr::Literal(Literal::String(text))) =
                self.program.node(right.id).map(|node| &node.expr)
        {
            let text = text.clone();
            self.remark_text(operand, &text, true, span);
        }
        Some(self.applied(operand, Type::BOOL, |left| Expr::Compare { op: op.node, left, right: right.id }))
    }

    pub(super) fn contains(&mut self, left: &ast::Expr, at: Span, right: &ast::Expr) -> Option<Operand> {
        let operand = self.operand(left)?;
        self.applies(
            operand,
            left,
            &Applies { name: "contains", at, types: &[Type::STRING], right: Some(right) },
        )?;
        let needle = match self.literal_right(right, Type::STRING, "contains")? {
            Literal::String(needle) => needle,
            Literal::Bool(_) | Literal::Int(_) | Literal::Ip(_) => return None,
        };
        self.remark_text(operand, &needle, false, right.span);
        Some(self.applied(operand, Type::BOOL, |of| Expr::Contains { of, needle }))
    }

    pub(super) fn bit_and(&mut self, left: &ast::Expr, at: Span, right: &ast::Expr) -> Option<Operand> {
        let operand = self.operand(left)?;
        self.applies(
            operand,
            left,
            &Applies { name: "bitwise_and", at, types: &[Type::INT], right: Some(right) },
        )?;
        let Literal::Int(mask) = self.literal_right(right, Type::INT, "bitwise_and")? else { return None };
        Some(self.applied(operand, Type::BOOL, |of| Expr::BitAnd { of, mask }))
    }

    pub(super) fn matches(&mut self, left: &ast::Expr, at: Span, regex: &Word) -> Option<Operand> {
        let operand = self.operand(left)?;
        self.applies(operand, left, &Applies { name: "matches", at, types: &[Type::STRING], right: None })?;
        let regex = self.regex(regex)?;
        Some(self.applied(operand, Type::BOOL, |of| Expr::Matches { of, regex }))
    }

    pub(super) fn wildcard(
        &mut self,
        left: &ast::Expr,
        strict: Spanned<bool>,
        pattern: &Word,
    ) -> Option<Operand> {
        let operand = self.operand(left)?;
        let name = if strict.node { "strict wildcard" } else { "wildcard" };
        self.applies(operand, left, &Applies { name, at: strict.span, types: &[Type::STRING], right: None })?;
        let pattern = self.wildcard_pattern(pattern)?;
        Some(self.applied(operand, Type::BOOL, |of| Expr::Wildcard { of, pattern, strict: strict.node }))
    }

    pub(super) fn in_set(&mut self, left: &ast::Expr, at: Span, set: &Spanned<Vec<Word>>) -> Option<Operand> {
        let operand = self.operand(left)?;
        let types = &[Type::INT, Type::STRING, Type::IP];
        self.applies(operand, left, &Applies { name: "in", at, types, right: None })?;
        let members = members(&set.node, operand.ty(), self.diagnostics)?;
        self.remark_set(operand, &set.node);
        let set = self.add_set(Set { name: None, members });
        Some(self.applied(operand, Type::BOOL, |of| Expr::In { of, set }))
    }

    pub(super) fn in_list(&mut self, left: &ast::Expr, at: Span, list: &ast::Name) -> Option<Operand> {
        let operand = self.operand(left)?;
        let types = &[Type::INT, Type::STRING, Type::IP];
        self.applies(operand, left, &Applies { name: "in", at, types, right: None })?;
        if !is_list_name(&list.node) {
            self.report(
                Diagnostic::new(E0307, list.span, format!("`${}` is no list's name", list.node))
                    .help("a list's name has lower-case letters, digits and `_`"),
            );
            return None;
        }
        if self.names.lenient && !self.names.lists.contains_key(&list.node) {
            let members = members(&[], operand.ty(), self.diagnostics)?;
            let set = self.add_set(Set { name: Some(list.node.clone().into()), members });
            return Some(self.applied(operand, Type::BOOL, |of| Expr::In { of, set }));
        }
        let set = self.list(list)?;
        let ty = self.program.set(set)?.members.ty();
        if ty != operand.ty() {
            self.report(
                Diagnostic::new(E0301, list.span, format!("`${}` holds values of type {ty}", list.node))
                    .label(format!("a list of {ty}"))
                    .related(left.span, format!("this is {}", operand.ty())),
            );
            return None;
        }
        Some(self.applied(operand, Type::BOOL, |of| Expr::In { of, set }))
    }

    /// Reports an operator whose left side has a type that it does not take.
    fn applies(&mut self, operand: Operand, left: &ast::Expr, applies: &Applies<'_>) -> Option<()> {
        let ty = operand.ty();
        if applies.types.contains(&ty) {
            return Some(());
        }
        let name = applies.name;
        let diagnostic = Diagnostic::new(E0302, applies.at, format!("`{name}` does not apply to {ty}"))
            .related(left.span, format!("this is {ty}"));
        let help = match (ty.layer(), ty.as_scalar(), applies.right.map(|right| &right.node)) {
            (Some(_), _, _) => {
                format!("it applies to single values: `any(…[*] {name} …)`, or take one by index")
            }
            (_, Some(Scalar::Bool), Some(ExprKind::Literal(Text::Word(word)))) if word == "false" => {
                "a Bool needs no operator: write `not …`".to_owned()
            }
            (_, Some(Scalar::Bool), _) => {
                "a Bool needs no operator: it stands alone, or after `not`".to_owned()
            }
            (_, Some(Scalar::Ip), _) if name != "in" => {
                "addresses take `eq`, `ne` and `in {192.0.2.0/24}`".to_owned()
            }
            (_, Some(Scalar::Int), _) => {
                "integers take `eq ne lt le gt ge`, `in {1..9}` and `bitwise_and`".to_owned()
            }
            _ => "strings take `eq ne lt le gt ge`, `contains`, `matches`, `wildcard` and `in {\"a\" \"b\"}`"
                .to_owned(),
        };
        self.report(diagnostic.help(help));
        None
    }

    /// The right side of `eq` and its kin: a literal of the left side's type, or one value of it.
    fn right(&mut self, right: &ast::Expr, ty: Type, operator: &str) -> Option<Typed> {
        if let ExprKind::Literal(text) = &right.node {
            return self.word_operand(text, right.span, ty);
        }
        let typed = match self.operand(right)? {
            Operand::One(typed) => typed,
            Operand::Each { .. } => {
                self.report(
                    Diagnostic::new(E0306, right.span, "`[*]` cannot stand on the right of an operator")
                        .help("put it on the left, or take one element: `[0]`"),
                );
                return None;
            }
        };
        if typed.ty != ty {
            self.report(
                Diagnostic::new(E0301, right.span, format!("`{operator}` compares {ty} with {}", typed.ty))
                    .label(format!("this is {}, {ty} must stand here", typed.ty)),
            );
            return None;
        }
        Some(typed)
    }

    /// The right side of an operator that takes literals alone.
    fn literal_right(&mut self, right: &ast::Expr, ty: Type, operator: &str) -> Option<Literal> {
        let ExprKind::Literal(text) = &right.node else {
            self.report(
                Diagnostic::new(E0302, right.span, format!("`{operator}` takes a literal on the right"))
                    .help(ONLY_ORDER),
            );
            return None;
        };
        self.literal(text, right.span, ty)
    }
}

/// An operator at its place, the types that it takes, and its right side where that says more.
struct Applies<'a> {
    name: &'a str,
    at: Span,
    types: &'a [Type],
    right: Option<&'a ast::Expr>,
}

/// Whether a list may be called so; managed lists have a dot inside.
pub(crate) fn is_list_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.');
    !name.is_empty()
        && name.len() <= 50
        && name.chars().all(inner)
        && !name.starts_with('.')
        && !name.ends_with('.')
}
