//! Rules beside each other: one that another keeps from ever acting, the same said twice, order against phases.

use shield_ir::policy::{Action, Protection, Rule, Scope, ScopePart};
use shield_ir::{Bundle, Expr, Literal};

use super::{RuleSpans, Spans, implies, never};
use crate::codes::{W0402, W0406, W0407};
use crate::diagnostic::Diagnostic;

/// Policies with more rules than this are compared in windows: each rule with so many before it.
const WINDOW: usize = 2_000;

/// Looks at every rule beside those before it.
pub(super) fn pairs(bundle: &Bundle, spans: &Spans, findings: &mut Vec<Diagnostic>) {
    let rules: Vec<(&Rule, &RuleSpans)> = bundle.rules.iter().zip(&spans.rules).collect();
    for (at, later) in rules.iter().enumerate() {
        if is_dead(bundle, later.0) {
            continue;
        }
        let before = rules.get(at.saturating_sub(WINDOW)..at).unwrap_or_default();
        let finding = before.iter().find_map(|earlier| beside(bundle, *earlier, *later));
        findings.extend(finding);
    }
}

/// Rules that never act are told elsewhere.
fn is_dead(bundle: &Bundle, rule: &Rule) -> bool {
    let constant = bundle.program.node(rule.when).map(|node| &node.expr);
    constant == Some(&Expr::Literal(Literal::Bool(false))) || never(&bundle.program, rule.when).is_some()
}

/// What is to be said of two rules, the first of which stands before the second.
fn beside(bundle: &Bundle, earlier: (&Rule, &RuleSpans), later: (&Rule, &RuleSpans)) -> Option<Diagnostic> {
    let ((first, first_at), (second, second_at)) = (earlier, later);
    let same = first.scope == second.scope && first.when == second.when && first.shadow == second.shadow;
    if same && first.actions == second.actions {
        return Some(
            Diagnostic::new(
                W0407,
                second_at.name,
                format!("`{}` says the same as `{}`", second.name, first.name),
            )
            .related(first_at.name, "the other one")
            .help("delete one of them"),
        );
    }
    if let Some(finding) = against_phases(first, first_at, second, second_at) {
        return Some(finding);
    }
    let ends = match first.actions.last() {
        Some(Action::Block(_)) => "blocks",
        Some(Action::Allow) => "allows",
        _ => return None,
    };
    let hides = !first.shadow
        && first.phase <= second.phase
        && covers(&first.scope, &second.scope, bundle)
        && implies(&bundle.program, second.when, first.when);
    hides.then(|| {
        Diagnostic::new(W0402, second_at.name, format!("`{}` can never act", second.name))
            .label("whatever it is about has been decided before")
            .related(first_at.name, format!("this rule {ends} every request that reaches the other"))
            .help("put it before that rule, or narrow that rule")
    })
}

/// A rule that stands first and runs later, where one of the two leaves the other out.
fn against_phases(
    first: &Rule,
    first_at: &RuleSpans,
    second: &Rule,
    second_at: &RuleSpans,
) -> Option<Diagnostic> {
    let ends_rules = |rule: &Rule| {
        rule.actions.iter().any(|action| match action {
            Action::Allow => true,
            Action::Skip(bits) => bits & Protection::Rules.bit() != 0,
            _ => false,
        })
    };
    let only_logs = |rule: &Rule| rule.actions.iter().all(|action| matches!(action, Action::Log));
    let differs = ends_rules(first) && !only_logs(second) || ends_rules(second) && !only_logs(first);
    if first.phase <= second.phase
        || first.shadow
        || second.shadow
        || !differs
        || !may_meet(&first.scope, &second.scope)
    {
        return None;
    }
    Some(
        Diagnostic::new(
            W0406,
            second_at.name,
            format!("`{}` runs before `{}`, which stands before it", second.name, first.name),
        )
        .label(format!("runs in the {} phase", second.phase.name()))
        .related(first_at.name, format!("runs in the {} phase, which has what it reads", first.phase.name()))
        .help("write rules in the order in which they run"),
    )
}

/// Whether every request of one scope is one of the other.
fn covers(outer: &Scope, inner: &Scope, bundle: &Bundle) -> bool {
    match (outer, inner) {
        (Scope::Everything, _) => true,
        (_, Scope::Everything) => false,
        (Scope::Parts(outer), Scope::Parts(inner)) => {
            inner.iter().all(|part| outer.iter().any(|other| part_covers(other, part, bundle)))
        }
    }
}

fn part_covers(outer: &ScopePart, inner: &ScopePart, bundle: &Bundle) -> bool {
    match (outer, inner) {
        (outer, inner) if outer == inner => true,
        (ScopePart::Endpoints(outer), ScopePart::Endpoints(inner)) => {
            inner.iter().all(|id| outer.contains(id))
        }
        (ScopePart::Api(api), ScopePart::Endpoints(ids)) => ids
            .iter()
            .all(|id| bundle.endpoints.get(id.0 as usize).is_some_and(|endpoint| endpoint.api == *api)),
        _ => false,
    }
}

/// Whether two scopes may have a request in common; "yes" when in doubt.
fn may_meet(a: &Scope, b: &Scope) -> bool {
    let (Scope::Parts(a), Scope::Parts(b)) = (a, b) else { return true };
    a.iter().any(|a| {
        b.iter().any(|b| match (a, b) {
            (ScopePart::Endpoints(a), ScopePart::Endpoints(b)) => a.iter().any(|id| b.contains(id)),
            (ScopePart::Api(a), ScopePart::Api(b)) => a == b,
            _ => true,
        })
    })
}
