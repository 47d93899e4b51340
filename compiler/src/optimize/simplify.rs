//! Boolean simplification: constants and repetitions leave a condition, nested connectives become one.

use shield_ir::{Expr, ExprId, Literal, Logic, Program, Quantifier, Type};

use super::Rewrite;

pub(super) fn rewrite(expr: &Expr, program: &Program) -> Rewrite {
    match expr {
        Expr::Not(of) => not(*of, program),
        Expr::Logic { op, of } => logic(*op, of, program),
        Expr::Quantify { quantifier, of } => quantify(*quantifier, *of, program),
        Expr::Literal(_)
        | Expr::Field(_)
        | Expr::Declared(_)
        | Expr::Item
        | Expr::Index { .. }
        | Expr::Key { .. }
        | Expr::Each { .. }
        | Expr::Flatten(_)
        | Expr::Compare { .. }
        | Expr::Contains { .. }
        | Expr::Matches { .. }
        | Expr::Wildcard { .. }
        | Expr::In { .. }
        | Expr::BitAnd { .. }
        | Expr::Call { .. } => Rewrite::Keep,
    }
}

fn not(of: ExprId, program: &Program) -> Rewrite {
    match program.node(of).map(|node| &node.expr) {
        Some(Expr::Literal(Literal::Bool(value))) => Rewrite::To(Expr::Literal(Literal::Bool(!value))),
        Some(Expr::Not(inner)) if is_truth(*inner, program) => Rewrite::Same(*inner),
        _ => Rewrite::Keep,
    }
}

fn logic(op: Logic, of: &[ExprId], program: &Program) -> Rewrite {
    if of.first().and_then(|id| program.node(*id)).is_none_or(|node| node.ty != Type::BOOL) {
        return Rewrite::Keep;
    }
    let (neutral, deciding) = match op {
        Logic::And => (true, Some(false)),
        Logic::Or => (false, Some(true)),
        Logic::Xor => (false, None),
    };
    let mut kept = Vec::with_capacity(of.len());
    for id in flattened(op, of, program) {
        match constant(id, program) {
            Some(value) if Some(value) == deciding => {
                return Rewrite::To(Expr::Literal(Literal::Bool(value)));
            }
            Some(value) if value == neutral => {}
            _ if op != Logic::Xor && kept.contains(&id) => {}
            _ => kept.push(id),
        }
    }
    match kept.as_slice() {
        [] => Rewrite::To(Expr::Literal(Literal::Bool(neutral))),
        [only] if is_truth(*only, program) => Rewrite::Same(*only),
        // A `Bool` that may be absent counts as false only inside a connective.
        [only] => Rewrite::To(Expr::Logic { op: Logic::Or, of: Box::new([*only, *only]) }),
        _ => Rewrite::To(Expr::Logic { op, of: kept.into() }),
    }
}

/// `any` and `all` of an array that is empty whatever the request.
fn quantify(quantifier: Quantifier, of: ExprId, program: &Program) -> Rewrite {
    let Some(Expr::Each { over: _, body }) = program.node(of).map(|node| &node.expr) else {
        return Rewrite::Keep;
    };
    match (quantifier, constant(*body, program)) {
        (Quantifier::Any, Some(false)) => Rewrite::To(Expr::Literal(Literal::Bool(false))),
        (Quantifier::All, Some(true)) => Rewrite::To(Expr::Literal(Literal::Bool(true))),
        _ => Rewrite::Keep,
    }
}

/// The operands of nested connectives of one kind; the inner ones are flat already.
fn flattened(op: Logic, of: &[ExprId], program: &Program) -> Vec<ExprId> {
    of.iter()
        .flat_map(|id| match program.node(*id).map(|node| &node.expr) {
            Some(Expr::Logic { op: inner, of }) if *inner == op => of.to_vec(),
            _ => vec![*id],
        })
        .collect()
}

fn constant(id: ExprId, program: &Program) -> Option<bool> {
    match program.node(id).map(|node| &node.expr) {
        Some(Expr::Literal(Literal::Bool(value))) => Some(*value),
        _ => None,
    }
}

/// Whether an expression of type `Bool` is never absent.
fn is_truth(id: ExprId, program: &Program) -> bool {
    program.node(id).is_some_and(|node| {
        node.ty == Type::BOOL
            && match &node.expr {
                Expr::Literal(_)
                | Expr::Not(_)
                | Expr::Logic { .. }
                | Expr::Compare { .. }
                | Expr::Contains { .. }
                | Expr::Matches { .. }
                | Expr::Wildcard { .. }
                | Expr::In { .. }
                | Expr::BitAnd { .. }
                | Expr::Quantify { .. }
                // Scalar fields are never absent.
                | Expr::Field(_) => true,
                Expr::Declared(_)
                | Expr::Item
                | Expr::Index { .. }
                | Expr::Key { .. }
                | Expr::Each { .. }
                | Expr::Flatten(_)
                | Expr::Call { .. } => false,
            }
    })
}
