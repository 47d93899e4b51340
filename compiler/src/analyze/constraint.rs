//! Whether a condition can hold at all: what a conjunction asks of each operand is intersected, and what is left is tried.

use std::collections::BTreeMap;

use shield_ir::set::Members;
use shield_ir::wildcard::Pieces;
use shield_ir::{Builtin, Compare, Expr, ExprId, Literal, Logic, Program};

/// How deep connectives are looked into.
const MAX_DEPTH: u32 = 32;

/// How many single values are tried one by one.
const MAX_TRIED: usize = 1 << 12;

/// Why a condition can never hold, where that is certain.
pub fn never(program: &Program, condition: ExprId) -> Option<String> {
    none_holds(program, condition, MAX_DEPTH)
}

fn none_holds(program: &Program, condition: ExprId, depth: u32) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    match &program.node(condition)?.expr {
        Expr::Literal(Literal::Bool(false)) => Some("this is always false".to_owned()),
        Expr::Logic { op: Logic::And, of } => of
            .iter()
            .find_map(|part| none_holds(program, *part, depth))
            .or_else(|| contradiction(program, of)),
        Expr::Logic { op: Logic::Or, of } => {
            let reasons: Option<Vec<String>> =
                of.iter().map(|part| none_holds(program, *part, depth)).collect();
            reasons?.into_iter().next()
        }
        Expr::Compare { .. } | Expr::In { .. } => contradiction(program, &[condition]),
        _ => None,
    }
}

/// What conditions that must all hold ask of one operand.
#[derive(Default)]
struct Asked {
    /// The values that it may have.
    allowed: Option<Members>,
    /// Conditions on it, to be tried on each value that is left.
    others: Vec<(ExprId, bool)>,
}

/// Why these conditions cannot all hold.
fn contradiction(program: &Program, conjuncts: &[ExprId]) -> Option<String> {
    let mut asked: BTreeMap<ExprId, Asked> = BTreeMap::new();
    for conjunct in conjuncts {
        let (condition, holds) = polarity(program, *conjunct);
        if conjuncts.iter().any(|other| polarity(program, *other) == (condition, !holds)) {
            return Some("it asks for a condition and for its opposite".to_owned());
        }
        let Some(operand) = operand(program, condition) else { continue };
        let asked = asked.entry(operand).or_default();
        match holds.then(|| members(program, condition)).flatten() {
            Some(members) => {
                asked.allowed = Some(match asked.allowed.take() {
                    Some(allowed) => intersection(&allowed, &members),
                    None => members,
                });
            }
            None => asked.others.push((condition, holds)),
        }
    }
    asked.into_iter().find_map(|(operand, asked)| {
        let allowed = asked.allowed?;
        let left = if allowed.is_empty() { Some(false) } else { any_left(program, &allowed, &asked.others) };
        (left == Some(false))
            .then(|| format!("no value of {} fits all that is asked of it", named(program, operand)))
    })
}

/// A condition without the negations in front of it, and whether it must hold.
fn polarity(program: &Program, mut condition: ExprId) -> (ExprId, bool) {
    let mut holds = true;
    while let Some(Expr::Not(of)) = program.node(condition).map(|node| &node.expr) {
        (condition, holds) = (*of, !holds);
    }
    (condition, holds)
}

/// What a condition is about.
fn operand(program: &Program, condition: ExprId) -> Option<ExprId> {
    match &program.node(condition)?.expr {
        Expr::Compare { left, right, .. } => literal(program, *right).map(|_| *left),
        Expr::In { of, .. } | Expr::Contains { of, .. } | Expr::Wildcard { of, .. } => Some(*of),
        Expr::Call { builtin: Builtin::StartsWith | Builtin::EndsWith, arguments } => match &**arguments {
            [of, affix] => literal(program, *affix).map(|_| *of),
            _ => None,
        },
        _ => None,
    }
}

/// The values for which a comparison or membership holds, where a set can say so.
pub(super) fn members(program: &Program, condition: ExprId) -> Option<Members> {
    match &program.node(condition)?.expr {
        Expr::In { of: _, set } => program.set(*set).map(|set| set.members.clone()),
        Expr::Compare { op, left: _, right } => match (op, literal(program, *right)?) {
            (Compare::Eq, Literal::String(text)) => Some(Members::strings(vec![text.clone()])),
            (Compare::Eq, Literal::Ip(address)) => Some(Members::ips([(*address, *address)])),
            (op, Literal::Int(value)) => ints(*op, *value),
            _ => None,
        },
        _ => None,
    }
}

fn ints(op: Compare, value: i64) -> Option<Members> {
    let below = |end: Option<i64>| Members::ints(end.map(|end| (i64::MIN, end)).into_iter().collect());
    let above =
        |start: Option<i64>| Members::ints(start.map(|start| (start, i64::MAX)).into_iter().collect());
    match op {
        Compare::Eq => Some(Members::ints(vec![(value, value)])),
        Compare::Lt => Some(below(value.checked_sub(1))),
        Compare::Le => Some(below(Some(value))),
        Compare::Gt => Some(above(value.checked_add(1))),
        Compare::Ge => Some(above(Some(value))),
        Compare::Ne => None,
    }
}

fn intersection(a: &Members, b: &Members) -> Members {
    match (a, b) {
        (Members::Ints(a), Members::Ints(b)) => Members::ints(overlaps(a, b)),
        (Members::Ips { v4: a4, v6: a6 }, Members::Ips { v4: b4, v6: b6 }) => {
            Members::Ips { v4: overlaps(a4, b4).into(), v6: overlaps(a6, b6).into() }
        }
        (Members::Strings(a), b) => {
            Members::Strings(a.iter().filter(|text| b.has_string(text)).cloned().collect())
        }
        // INVARIANT: conditions on one operand have its type; anything else asks for nothing that could be had.
        (a, _) => a.clone(),
    }
}

fn overlaps<T: Ord + Copy>(a: &[(T, T)], b: &[(T, T)]) -> Vec<(T, T)> {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let mut found = Vec::new();
    while let (Some(left), Some(right)) = (a.peek(), b.peek()) {
        let (low, high) = (left.0.max(right.0), left.1.min(right.1));
        if low <= high {
            found.push((low, high));
        }
        if left.1 <= right.1 {
            a.next()
        } else {
            b.next()
        };
    }
    found
}

/// Whether one of the allowed values passes the other conditions; `None` where there are too many to try.
fn any_left(program: &Program, allowed: &Members, others: &[(ExprId, bool)]) -> Option<bool> {
    let values: Vec<Literal> = match allowed {
        Members::Strings(texts) if texts.len() <= MAX_TRIED => {
            texts.iter().cloned().map(Literal::String).collect()
        }
        Members::Ints(ranges) => {
            let mut values = Vec::new();
            for (low, high) in ranges {
                if high.checked_sub(*low)?.unsigned_abs() > MAX_TRIED as u64 || values.len() > MAX_TRIED {
                    return None;
                }
                values.extend((*low..=*high).map(Literal::Int));
            }
            values
        }
        Members::Strings(_) | Members::Ips { .. } => return None,
    };
    Some(values.iter().any(|value| {
        others.iter().all(|(condition, holds)| try_on(program, *condition, value) != Some(!holds))
    }))
}

/// Whether a condition holds when its operand has that value; `None` where that is not known.
fn try_on(program: &Program, condition: ExprId, value: &Literal) -> Option<bool> {
    match (&program.node(condition)?.expr, value) {
        (Expr::Compare { op, left: _, right }, value) => match (value, literal(program, *right)?) {
            (Literal::Int(left), Literal::Int(right)) => Some(op.holds(left.cmp(right))),
            (Literal::String(left), Literal::String(right)) => Some(op.holds(left.cmp(right))),
            _ => None,
        },
        (Expr::In { of: _, set }, Literal::Int(value)) => Some(program.set(*set)?.members.has_int(*value)),
        (Expr::In { of: _, set }, Literal::String(value)) => {
            Some(program.set(*set)?.members.has_string(value))
        }
        (Expr::Contains { of: _, needle }, Literal::String(value)) => {
            Some(needle.is_empty() || value.windows(needle.len()).any(|window| window == &**needle))
        }
        (Expr::Wildcard { of: _, pattern, strict }, Literal::String(value)) => {
            Some(Pieces::parse(pattern).ok()?.matches(value, *strict))
        }
        (Expr::Call { builtin, arguments }, Literal::String(value)) => {
            let Literal::String(affix) = literal(program, *arguments.get(1)?)? else { return None };
            match builtin {
                Builtin::StartsWith => Some(value.starts_with(affix)),
                Builtin::EndsWith => Some(value.ends_with(affix)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The literal that a node is.
pub(super) fn literal(program: &Program, id: ExprId) -> Option<&Literal> {
    let Expr::Literal(literal) = &program.node(id)?.expr else { return None };
    Some(literal)
}

fn named(program: &Program, operand: ExprId) -> String {
    match program.node(operand).map(|node| &node.expr) {
        Some(Expr::Field(field)) => format!("`{}`", field.row().name),
        Some(Expr::Call { builtin, .. }) => format!("`{}(…)`", builtin.row().name),
        _ => "the operand".to_owned(),
    }
}
