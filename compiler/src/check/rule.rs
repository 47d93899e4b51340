//! `rule` items: their conditions, actions, and the phase in which they run.

use shield_ir::field::Phase;
use shield_ir::policy::{Action, Block, BodyKind, HeaderChange, Rule, Side};
use shield_ir::{Expr, ExprId, Program, Type};

use super::policy::PolicyChecker;
use crate::analyze::RuleSpans;
use crate::ast::{self, Name, Spanned};
use crate::codes::{E0401, E0402, E0403};
use crate::diagnostic::Diagnostic;

/// Headers that frame a message or belong to a connection: changing them would change what is forwarded.
const FRAMING: &[&str] = &[
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What begins the names of headers by which the proxy itself speaks to the upstream.
const OWN_PREFIX: &str = "x-shield-";

impl PolicyChecker<'_, '_> {
    /// Checks a rule and adds it.
    pub(crate) fn rule(&mut self, rule: &ast::Rule) {
        if let [first, second, ..] = rule.when.as_slice() {
            self.report(
                Diagnostic::new(E0401, second.span, "a rule has one `when`")
                    .related(first.span, "the first one")
                    .help("join the conditions with `and` or `or`"),
            );
        }
        let scope = self.scope(&rule.on);
        let when = match rule.when.first() {
            Some(condition) => self.with_expressions(|checker| checker.condition(&condition.node)),
            None => self.with_expressions(|checker| Some(checker.always())),
        };
        let actions: Vec<Option<Action>> = rule.then.iter().map(|action| self.action(action)).collect();
        self.final_is_last(&rule.then);
        if rule.then.is_empty() {
            self.report(
                Diagnostic::new(E0401, rule.name.span, format!("`rule {}` does nothing", rule.name.node))
                    .help("say what it does: `then block`, `then log` or another action"),
            );
            return;
        }
        let (Some(scope), Some(when), Some(actions)) =
            (scope, when, actions.into_iter().collect::<Option<Vec<_>>>())
        else {
            return;
        };
        let mut phase = phase_of(&self.program, when);
        for action in &actions {
            action.expressions(|id| phase = phase.max(phase_of(&self.program, id)));
        }
        if phase == Phase::Response {
            self.too_late(rule);
        }
        let origin = self.origin(rule.name.span);
        self.rule_spans
            .push(RuleSpans { name: rule.name.span, when: rule.when.first().map(|when| when.span) });
        let name = rule.name.node.clone().into();
        self.bundle.rules.push(Rule {
            name,
            scope,
            when,
            actions: actions.into(),
            phase,
            shadow: rule.shadow,
            origin,
        });
    }

    fn final_is_last(&mut self, actions: &[Spanned<ast::Action>]) {
        let is_final = |action: &ast::Action| {
            matches!(action, ast::Action::Block { .. } | ast::Action::Allow | ast::Action::Redirect(..))
        };
        let Some(at) = actions.iter().position(|action| is_final(&action.node)) else { return };
        let (Some(first), Some(next)) = (actions.get(at), actions.get(at + 1)) else { return };
        self.report(
            Diagnostic::new(E0402, next.span, "this action can never happen")
                .related(first.span, "this one ends the rule")
                .help("an action that ends the request or the rules stands last"),
        );
    }

    /// Actions that change what goes upstream, in a rule that runs when the answer is there.
    fn too_late(&mut self, rule: &ast::Rule) {
        for action in &rule.then {
            let what = match &action.node {
                ast::Action::RewritePath(_) => "the path",
                ast::Action::RewriteQuery(_) => "the query",
                ast::Action::SetHeader(Side::Request, ..)
                | ast::Action::AddHeader(Side::Request, ..)
                | ast::Action::RemoveHeader(Side::Request, _) => "a request header",
                ast::Action::Log
                | ast::Action::Block { .. }
                | ast::Action::Allow
                | ast::Action::Skip(_)
                | ast::Action::Redirect(..)
                | ast::Action::SetHeader(Side::Response, ..)
                | ast::Action::AddHeader(Side::Response, ..)
                | ast::Action::RemoveHeader(Side::Response, _) => continue,
            };
            self.report(
                Diagnostic::new(E0402, action.span, format!("{what} cannot change any more"))
                    .help("this rule reads the response, so it runs when the request has been sent"),
            );
        }
    }

    fn action(&mut self, action: &Spanned<ast::Action>) -> Option<Action> {
        Some(match &action.node {
            ast::Action::Log => Action::Log,
            ast::Action::Allow => Action::Allow,
            ast::Action::Skip(protections) => {
                Action::Skip(protections.iter().fold(0, |bits, one| bits | one.bit()))
            }
            ast::Action::Block { status, body, hold } => {
                if let Some(hold) = hold {
                    self.report(
                        Diagnostic::new(E0402, hold.span, "`for` needs to know the client")
                            .help("a rule refuses one request; leave `for` out"),
                    );
                    return None;
                }
                if let Some((BodyKind::Json, text)) = body {
                    self.is_json(text, action)?;
                }
                let status = status.map(|status| self.refusal(status));
                Action::Block(Block {
                    status,
                    body: body.clone().map(|(kind, text)| (kind, text.into())),
                    hold: None,
                })
            }
            ast::Action::Redirect(status, to) => {
                let status = match status {
                    None => 302,
                    Some(status) if matches!(status.node, 301 | 302 | 303 | 307 | 308) => status.node,
                    Some(status) => {
                        self.report(
                            Diagnostic::new(
                                E0403,
                                status.span,
                                format!("`{}` redirects nowhere", status.node),
                            )
                            .help("a redirect has the status 301, 302, 303, 307 or 308"),
                        );
                        return None;
                    }
                };
                Action::Redirect { status, to: self.string(to, "the target of a redirect")? }
            }
            ast::Action::RewritePath(to) => Action::RewritePath(self.string(to, "a path")?),
            ast::Action::RewriteQuery(to) => Action::RewriteQuery(self.string(to, "a query")?),
            ast::Action::SetHeader(side, name, value) => {
                let (name, value) = (self.header_name(name), self.string(value, "a header's value"));
                Action::Header { side: *side, name: name?, change: HeaderChange::Set(value?) }
            }
            ast::Action::AddHeader(side, name, value) => {
                let (name, value) = (self.header_name(name), self.string(value, "a header's value"));
                Action::Header { side: *side, name: name?, change: HeaderChange::Add(value?) }
            }
            ast::Action::RemoveHeader(side, name) => {
                Action::Header { side: *side, name: self.header_name(name)?, change: HeaderChange::Remove }
            }
        })
    }

    fn string(&mut self, expr: &ast::Expr, what: &str) -> Option<ExprId> {
        self.with_expressions(|checker| checker.typed(expr, Type::STRING, what))
    }

    fn is_json(&mut self, text: &str, action: &Spanned<ast::Action>) -> Option<()> {
        let Err(error) = serde_json::from_str::<serde_json::Value>(text) else { return Some(()) };
        self.report(Diagnostic::new(E0403, action.span, format!("the body is no JSON: {error}")));
        None
    }

    /// The name of a header that a policy may speak of, in lower case.
    pub(crate) fn header_name(&mut self, name: &Name) -> Option<Box<str>> {
        let lower = name.node.to_ascii_lowercase();
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let diagnostic = if lower.is_empty() || !lower.bytes().all(token) {
            Diagnostic::new(E0403, name.span, format!("`{}` is no header's name", name.node))
        } else if FRAMING.contains(&lower.as_str()) {
            Diagnostic::new(
                E0402,
                name.span,
                format!("`{}` belongs to the connection and cannot be changed", name.node),
            )
        } else if lower.starts_with(OWN_PREFIX) {
            Diagnostic::new(
                E0402,
                name.span,
                format!("`{}` is a header by which the proxy itself speaks", name.node),
            )
            .help(format!("choose a name that does not begin with `{OWN_PREFIX}`"))
        } else {
            return Some(lower.into());
        };
        self.report(diagnostic);
        None
    }
}

/// The first phase that has all that an expression reads.
pub(crate) fn phase_of(program: &Program, id: ExprId) -> Phase {
    let mut phase = Phase::Head;
    let mut seen = std::collections::BTreeSet::new();
    let mut open = vec![id];
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let Some(node) = program.node(id) else { continue };
        if let Expr::Field(field) = &node.expr {
            phase = phase.max(field.row().phase);
        }
        node.expr.children(|child| open.push(child));
    }
    phase
}
