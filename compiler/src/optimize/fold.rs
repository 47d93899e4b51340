//! Constant folding: comparisons and memberships of literals, as `let` and `provide` bring them together.

use shield_ir::wildcard::Pieces;
use shield_ir::{Expr, ExprId, Literal, Program};

use super::Rewrite;

pub(super) fn rewrite(expr: &Expr, program: &Program) -> Rewrite {
    fold(expr, program).map_or(Rewrite::Keep, |value| Rewrite::To(Expr::Literal(Literal::Bool(value))))
}

fn fold(expr: &Expr, program: &Program) -> Option<bool> {
    match expr {
        Expr::Compare { op, left, right } => {
            compare(*op, literal(*left, program)?, literal(*right, program)?)
        }
        Expr::Contains { of, needle } => {
            let text = string(*of, program)?;
            Some(needle.is_empty() || text.windows(needle.len()).any(|window| window == &**needle))
        }
        Expr::Wildcard { of, pattern, strict } => {
            Some(Pieces::parse(pattern).ok()?.matches(string(*of, program)?, *strict))
        }
        Expr::In { of, set } => {
            let members = &program.set(*set)?.members;
            match literal(*of, program)? {
                Literal::Int(value) => Some(members.has_int(*value)),
                Literal::String(value) => Some(members.has_string(value)),
                Literal::Ip(value) => Some(members.has_ip(*value)),
                Literal::Bool(_) => None,
            }
        }
        Expr::BitAnd { of, mask } => match literal(*of, program)? {
            Literal::Int(value) => Some(value & mask != 0),
            Literal::Bool(_) | Literal::String(_) | Literal::Ip(_) => None,
        },
        Expr::Literal(_)
        | Expr::Field(_)
        | Expr::Declared(_)
        | Expr::Item
        | Expr::Index { .. }
        | Expr::Key { .. }
        | Expr::Each { .. }
        | Expr::Flatten(_)
        | Expr::Not(_)
        | Expr::Logic { .. }
        | Expr::Matches { .. }
        | Expr::Quantify { .. }
        | Expr::Call { .. } => None,
    }
}

fn compare(op: shield_ir::Compare, left: &Literal, right: &Literal) -> Option<bool> {
    match (left, right) {
        (Literal::Int(left), Literal::Int(right)) => Some(op.holds(left.cmp(right))),
        (Literal::String(left), Literal::String(right)) => Some(op.holds(left.cmp(right))),
        (Literal::Ip(left), Literal::Ip(right)) if left.is_ipv4() == right.is_ipv4() => {
            Some(op.holds(left.cmp(right)))
        }
        (Literal::Ip(_), Literal::Ip(_)) => Some(op == shield_ir::Compare::Ne),
        (Literal::Bool(_) | Literal::Int(_) | Literal::String(_) | Literal::Ip(_), _) => None,
    }
}

fn literal(id: ExprId, program: &Program) -> Option<&Literal> {
    let Expr::Literal(literal) = &program.node(id)?.expr else { return None };
    Some(literal)
}

fn string(id: ExprId, program: &Program) -> Option<&[u8]> {
    match literal(id, program)? {
        Literal::String(text) => Some(text),
        Literal::Bool(_) | Literal::Int(_) | Literal::Ip(_) => None,
    }
}
