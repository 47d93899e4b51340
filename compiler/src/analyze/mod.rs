//! What a policy says that its author hardly means: dead, shadowed and doubled rules, endpoints that nothing protects.
//!
//! INVARIANT: no finding is ever wrong. Each rests on `constraint` and `implies`, which answer "no" when in doubt.
#![expect(clippy::wildcard_enum_match_arm, reason = "an analysis names the operations that it understands")]

mod constraint;
mod implies;
mod rules;
mod unanchored;

use shield_ir::identity::Outcome;
use shield_ir::policy::{Action, Mode, Rule, Scope, ScopePart};
use shield_ir::{Bundle, Expr, Literal};

use crate::codes::{W0401, W0405};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

pub use constraint::never;
pub use implies::implies;

/// Where a rule of the bundle stands in the text.
#[derive(Clone, Debug)]
pub(crate) struct RuleSpans {
    /// Its name.
    pub name: Span,
    /// Its condition, where it has one.
    pub when: Option<Span>,
}

/// Where what is analysed stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans {
    /// Rules, in the order of the bundle.
    pub rules: Vec<RuleSpans>,
    /// Endpoints, in the order of the bundle.
    pub endpoints: Vec<Span>,
}

/// Everything that can be said of an optimised bundle.
pub(crate) fn bundle(bundle: &Bundle, spans: &Spans) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (rule, at) in bundle.rules.iter().zip(&spans.rules) {
        findings.extend(condition(bundle, rule, at));
    }
    rules::pairs(bundle, spans, &mut findings);
    unprotected(bundle, spans, &mut findings);
    findings.extend(unanchored::many(bundle, spans));
    findings
}

/// A condition that is the same for every request.
fn condition(bundle: &Bundle, rule: &Rule, at: &RuleSpans) -> Option<Diagnostic> {
    let when = at.when?;
    let constant = match &bundle.program.node(rule.when)?.expr {
        Expr::Literal(Literal::Bool(value)) => Some(*value),
        _ => None,
    };
    match constant {
        // `when true` alone is how one says "always"; the span then covers no more than that.
        Some(true) if when.end - when.start <= "when true".len() as u32 => None,
        Some(true) => Some(
            Diagnostic::new(W0401, when, format!("the condition of `{}` always holds", rule.name))
                .help("leave `when` out, or say what was meant"),
        ),
        Some(false) => Some(
            Diagnostic::new(W0401, when, format!("the condition of `{}` never holds", rule.name))
                .help("delete the rule, or say what was meant"),
        ),
        None => {
            let reason = never(&bundle.program, rule.when)?;
            Some(
                Diagnostic::new(W0401, when, format!("the condition of `{}` never holds", rule.name))
                    .label(reason)
                    .help("`or` may have been meant where `and` stands"),
            )
        }
    }
}

/// Endpoints whose requests nobody looks at.
fn unprotected(bundle: &Bundle, spans: &Spans, findings: &mut Vec<Diagnostic>) {
    let blocking: Vec<&Scope> = blocking(bundle).collect();
    for (at, (endpoint, span)) in bundle.endpoints.iter().zip(&spans.endpoints).enumerate() {
        let validated = endpoint.operation.is_some()
            && endpoint.settings.requests == Mode::Block
            && !endpoint.settings.shadow;
        let auth = bundle.identity.endpoint_auth.get(at).and_then(Option::as_ref);
        let authenticated = auth.is_some_and(|auth| !auth.shadow);
        let guarded = blocking.iter().any(|scope| match scope {
            Scope::Everything => true,
            Scope::Parts(parts) => parts.iter().any(|part| match part {
                ScopePart::Api(api) => *api == endpoint.api,
                ScopePart::Host(_) => true,
                ScopePart::Endpoints(ids) => ids.iter().any(|id| id.0 as usize == at),
            }),
        });
        if !validated && !authenticated && !guarded {
            findings.push(
                Diagnostic::new(W0405, *span, format!("nothing protects `{}`", endpoint.name()))
                    .label("no schema and no token is asked for here, and nothing blocks")
                    .help("write a rule for it, or say why: `# shield: allow W0405 <reason>`"),
            );
        }
    }
}

/// What rules, limits and demands for certificates that refuse requests are about.
fn blocking(bundle: &Bundle) -> impl Iterator<Item = &Scope> {
    let blocks = |action: &Action| matches!(action, Action::Block(_));
    let refuses = |then: &Outcome| matches!(then, Outcome::Block(_));
    let rules = bundle.rules.iter().filter(move |rule| !rule.shadow && rule.actions.iter().any(blocks));
    let limits = bundle.identity.limits.iter().filter(move |limit| !limit.shadow && refuses(&limit.then));
    let demands = bundle.identity.certificates.iter().filter(move |mtls| !mtls.shadow && refuses(&mtls.then));
    let scopes = limits.map(|limit| &limit.scope).chain(demands.map(|mtls| &mtls.scope));
    rules.map(|rule| &rule.scope).chain(scopes)
}
