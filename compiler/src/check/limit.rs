//! `limit` items: how often something may happen.

use shield_ir::identity::{Count, Limit, Outcome};
use shield_ir::policy::Block;
use shield_ir::verify::MAX_WINDOW;
use shield_ir::{ExprId, Phase, Type};

use super::policy::PolicyChecker;
use super::rule::phase_of;
use crate::ast::{self, Action, Spanned};
use crate::codes::{E0301, E0401, E0402, E0403};
use crate::diagnostic::Diagnostic;

impl PolicyChecker<'_, '_> {
    /// Checks a limit and keeps it.
    pub(crate) fn limit(&mut self, limit: &ast::Limit) {
        let item = format!("limit {}", limit.name.node);
        self.once(&limit.count, "count", &item);
        self.once(&limit.cost, "cost", &item);
        self.once(&limit.allow, "allow", &item);
        let scope = self.scope(&limit.on);
        let by: Vec<Option<ExprId>> = limit.by.iter().map(|by| self.by(by)).collect();
        let count = limit.count.first().map(|count| self.count(&count.node));
        let cost = limit
            .cost
            .first()
            .map(|cost| self.with_expressions(|checker| checker.typed(&cost.node, Type::INT, "a cost")));
        let then = self.outcome(&limit.then, &item);
        let Some(allow) = limit.allow.first() else {
            let message = format!("`{item}` allows nothing");
            self.report(Diagnostic::new(E0401, limit.name.span, message).help("write `allow 5 per 1m`"));
            return;
        };
        let allowance = self.allowance(allow);
        let (Some(scope), Some(by), Some(then), Some((most, window, burst))) =
            (scope, by.into_iter().collect::<Option<Box<[_]>>>(), then, allowance)
        else {
            return;
        };
        if matches!(count, Some(None)) || matches!(cost, Some(None)) {
            return;
        }
        let (count, cost) = (count.flatten(), cost.flatten());
        let counted = count.filter(|count| !count.by_response).map(|count| count.when);
        let asked = by.iter().copied().chain(cost).chain(counted);
        let phase = asked.map(|id| phase_of(&self.program, id)).max().unwrap_or(Phase::Head);
        if phase == Phase::Response {
            let message = format!("`{item}` goes by the answer, which comes too late");
            let help = "`by` and `cost` read the request; only `count when` may read the answer";
            self.report(Diagnostic::new(E0402, limit.name.span, message).help(help));
            return;
        }
        let (name, origin) = (limit.name.node.clone().into(), self.origin(limit.name.span));
        let shadow = limit.shadow;
        let limit = Limit { name, scope, by, count, cost, most, window, burst, then, phase, shadow, origin };
        self.bundle.identity.limits.push(limit);
    }

    fn by(&mut self, by: &ast::Expr) -> Option<ExprId> {
        let typed = self.with_expressions(|checker| checker.value(by))?;
        if typed.ty.as_scalar().is_some() {
            return Some(typed.id);
        }
        let message = format!("a client is told by one value, and this is `{}`", typed.ty);
        self.report(Diagnostic::new(E0301, by.span, message).help("take one of them: `[0]`"));
        None
    }

    fn count(&mut self, when: &ast::Expr) -> Option<Count> {
        let when = self.with_expressions(|checker| checker.condition(when))?;
        Some(Count { when, by_response: phase_of(&self.program, when) == Phase::Response })
    }

    fn allowance(&mut self, allow: &Spanned<ast::Allowance>) -> Option<(u32, u64, Option<u32>)> {
        let ast::Allowance { most, window, burst } = allow.node;
        let message = if most.is_none() || burst == Some(None) {
            "the number is too large"
        } else if most == Some(0) || burst == Some(Some(0)) {
            "nothing passes"
        } else if !(1..=MAX_WINDOW).contains(&window) {
            "a window is between 1ms and 366d long"
        } else {
            return Some((most?, window, burst.flatten()));
        };
        let help = match most {
            Some(0) => "what never passes is a rule: `then block`",
            _ => "for example `allow 5 per 1m`",
        };
        self.report(Diagnostic::new(E0403, allow.span, message.to_owned()).help(help));
        None
    }

    /// What becomes of a request; a refusal unless the item says otherwise.
    pub(crate) fn outcome(&mut self, then: &[Spanned<Action>], item: &str) -> Option<Outcome> {
        self.once(then, "then", item);
        let Some(action) = then.first() else { return Some(Outcome::Block(Block::default())) };
        match &action.node {
            Action::Log => Some(Outcome::Log),
            Action::Block { status, body, hold } => Some(Outcome::Block(Block {
                status: status.map(|status| self.refusal(status)),
                body: body.clone().map(|(kind, text)| (kind, text.into())),
                hold: hold.map(|hold| hold.node.min(MAX_WINDOW)),
            })),
            _ => {
                let message = format!("`{item}` refuses or records, and does nothing else");
                let help = "write `then block` or `then log`";
                self.report(Diagnostic::new(E0402, action.span, message).help(help));
                None
            }
        }
    }

    /// Reports a statement that stands more than once.
    pub(crate) fn once<T>(&mut self, list: &[Spanned<T>], word: &str, item: &str) {
        if let [first, second, ..] = list {
            let message = format!("`{word}` stands twice in `{item}`");
            let twice = Diagnostic::new(E0401, second.span, message).related(first.span, "the first time");
            self.report(twice.help("keep one of them"));
        }
    }
}
