//! Rules that no index can leave out: each of them costs every request, so that many of them are named.

use shield_ir::builtin::Builtin;
use shield_ir::policy::Scope;
use shield_ir::{Bundle, Compare, Expr, ExprId, Literal, Logic, Program, anchor};

use super::{RuleSpans, Spans};
use crate::codes::W0409;
use crate::diagnostic::Diagnostic;

/// Fewer of them are looked at in no time.
const MANY: usize = 100;

/// How many are named beside the first.
const NAMED: usize = 4;

/// How deep a reason is looked for.
const MAX_DEPTH: u32 = 32;

/// One finding for a policy that has many such rules.
pub(super) fn many(bundle: &Bundle, spans: &Spans) -> Option<Diagnostic> {
    let program = &bundle.program;
    let always = bundle.rules.iter().zip(&spans.rules).filter(|(rule, _)| {
        // A scope leaves rules out as well, and `when true` means it.
        rule.scope == Scope::Everything
            && anchor::of(program, rule.when).is_none()
            && !matches!(
                program.node(rule.when).map(|node| &node.expr),
                Some(Expr::Literal(Literal::Bool(_)))
            )
    });
    let always: Vec<(&str, &RuleSpans, ExprId)> =
        always.map(|(rule, at)| (&*rule.name, at, rule.when)).collect();
    let [(name, at, when), others @ ..] = always.as_slice() else { return None };
    if always.len() < MANY {
        return None;
    }
    let message = format!("`{name}` and {} other rules are looked at for every request", others.len());
    let mut finding = Diagnostic::new(W0409, at.name, message)
        .label(why(program, *when, MAX_DEPTH))
        .help("join `and` a part that asks for a text, a number or a network: `eq`, `in`, `starts_with`, `contains`");
    for (_, at, when) in others.iter().take(NAMED) {
        finding = finding.related(at.name, format!("this one too: {}", why(program, *when, MAX_DEPTH)));
    }
    Some(finding)
}

/// Why a condition without anchors has none.
fn why(program: &Program, condition: ExprId, depth: u32) -> String {
    let text = |text: &str| text.to_owned();
    let (Some(node), Some(depth)) = (program.node(condition), depth.checked_sub(1)) else {
        return text("it nests deeply");
    };
    match &node.expr {
        Expr::Logic { op: Logic::Xor, .. } => text("`xor` holds where a part does not"),
        Expr::Logic { op: _, of } => {
            let without = of.iter().find(|part| anchor::of(program, **part).is_none());
            without.map_or_else(|| text("it has too many parts"), |part| why(program, *part, depth))
        }
        Expr::Not(_) => text("`not` asks for nothing that must be there"),
        Expr::Compare { op: Compare::Eq, .. } => text("both sides of its `eq` are computed"),
        Expr::Compare { op, .. } => format!("`{}` leaves nearly every value", op.name()),
        Expr::Field(field) => format!("`{}` has two values only", field.row().name),
        Expr::Matches { regex, .. } => format!("no text stands in whatever `{regex}` matches"),
        Expr::Wildcard { .. } => text("hardly a text stands in its pattern"),
        Expr::Quantify { .. } => text("it asks for what all elements are, or for what none is"),
        Expr::Call { builtin: Builtin::StartsWith | Builtin::EndsWith | Builtin::HasValue, .. } => {
            text("what it looks for, or where, is computed")
        }
        Expr::Call { builtin, .. } => format!("`{}(…)` is computed for each request", builtin.row().name),
        _ => text("what it tests is computed for each request"),
    }
}
