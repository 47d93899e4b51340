//! The author's rules: conditions in the order of the text, and what they do.

use shield_ir::Phase;
use shield_ir::policy::{Action, Block, HeaderChange, Protection, Rule, Scope, ScopePart, Side};

use crate::denial::{Denial, Reason};
use crate::event::{Event, Finder, Kind};
use crate::exchange::Exchange;
use crate::jit::scratch;
use crate::policy::Policy;
use crate::verdict::{Change, HeaderEdit};

/// Headers that make up the message itself: no rule changes them.
const PROTECTED: &[&str] = &[
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(crate) fn head(policy: &Policy, exchange: &mut Exchange<'_>) -> Result<(), Denial> {
    run(policy, exchange, Phase::Head)
}

pub(crate) fn state(policy: &Policy, exchange: &mut Exchange<'_>) -> Result<(), Denial> {
    run(policy, exchange, Phase::State)
}

pub(crate) fn body(policy: &Policy, exchange: &mut Exchange<'_>) -> Result<(), Denial> {
    run(policy, exchange, Phase::Body)
}

pub(crate) fn response(policy: &Policy, exchange: &mut Exchange<'_>) -> Result<(), Denial> {
    run(policy, exchange, Phase::Response)
}

/// Whether some rule of a phase is about this exchange.
pub(crate) fn any_covers(policy: &Policy, exchange: &Exchange<'_>, phase: Phase) -> bool {
    let covers = |id: &_| policy.rule(*id).is_some_and(|rule| covers(&rule.scope, exchange));
    !is_skipped(exchange) && policy.rules(phase).iter().any(covers)
}

fn is_skipped(exchange: &Exchange<'_>) -> bool {
    exchange.state.skipped & Protection::Rules.bit() != 0
}

fn run(policy: &Policy, exchange: &mut Exchange<'_>, phase: Phase) -> Result<(), Denial> {
    if policy.rules(phase).is_empty() || is_skipped(exchange) {
        return Ok(());
    }
    scratch::with(|scratch| {
        policy.begin(scratch, exchange, phase);
        let mut from = 0;
        // INVARIANT: no action changes a fact, so what was computed for one rule is good for the next.
        while let Some(id) = policy.next(scratch, exchange, phase, &mut from) {
            if let Some(rule) = policy.rule(id) {
                act(policy, exchange, (rule, Finder::Rule(id)))?;
            }
            if is_skipped(exchange) {
                break;
            }
        }
        Ok(())
    })
}

/// Whether a scope has this exchange in it.
pub(crate) fn covers(scope: &Scope, exchange: &Exchange<'_>) -> bool {
    let part = |part: &ScopePart| match part {
        ScopePart::Api(api) => exchange.api() == Some(*api),
        ScopePart::Host(host) => host.matches(exchange.host()),
        ScopePart::Endpoints(ids) => exchange.endpoint().is_some_and(|id| ids.binary_search(&id).is_ok()),
    };
    match scope {
        Scope::Everything => true,
        Scope::Parts(parts) => parts.iter().any(part),
    }
}

fn act(policy: &Policy, exchange: &mut Exchange<'_>, (rule, finder): (&Rule, Finder)) -> Result<(), Denial> {
    if rule.shadow || policy.shadow {
        shadow(exchange, rule, finder);
        return Ok(());
    }
    for action in &rule.actions {
        match action {
            Action::Log => exchange.state.events.push(Event::by(Kind::Log, Reason::RuleLog, finder)),
            Action::Block(block) => {
                let denial = denial(Reason::Rule, block, finder);
                return Err(denial.with_problems(policy.problems(exchange)));
            }
            Action::Allow => exchange.state.skipped |= Protection::Rules.bit(),
            Action::Skip(protections) => exchange.state.skipped |= protections,
            Action::Redirect { status, to } => {
                if let Some(to) = policy.text(*to, exchange) {
                    let denial = Denial::from(Reason::Redirect).with_status(*status).with_location(&to);
                    return Err(denial.by(finder));
                }
            }
            Action::RewritePath(path) => {
                if let Some(path) = policy.text(*path, exchange) {
                    exchange.state.path = Some(sendable_path(&path));
                }
            }
            Action::RewriteQuery(query) => {
                if let Some(query) = policy.text(*query, exchange) {
                    exchange.state.query = Some(sendable(&query, b"?/"));
                }
            }
            Action::Header { side, name, change } => edit(policy, exchange, finder, (*side, name, change)),
        }
    }
    Ok(())
}

/// What the rule would have done, where that would have been seen.
fn shadow(exchange: &mut Exchange<'_>, rule: &Rule, finder: Finder) {
    let events = &mut exchange.state.events;
    for action in &rule.actions {
        match action {
            Action::Log => events.push(Event::by(Kind::Log, Reason::RuleLog, finder)),
            Action::Block(_) => events.push(Event::by(Kind::WouldBlock, Reason::Rule, finder)),
            Action::Redirect { .. } => events.push(Event::by(Kind::WouldBlock, Reason::Redirect, finder)),
            Action::Allow
            | Action::Skip(_)
            | Action::RewritePath(_)
            | Action::RewriteQuery(_)
            | Action::Header { .. } => {}
        }
    }
}

/// The refusal that a policy's own words ask for.
pub(crate) fn denial(reason: Reason, block: &Block, by: Finder) -> Denial {
    let mut denial = Denial::from(reason).by(by);
    if let Some(status) = block.status {
        denial = denial.with_status(status);
    }
    if let Some((kind, text)) = &block.body {
        denial = denial.with_body(*kind, text);
    }
    match block.hold {
        Some(hold) => denial.with_retry_after(hold.div_ceil(1000)),
        None => denial,
    }
}

fn edit(policy: &Policy, exchange: &mut Exchange<'_>, finder: Finder, header: (Side, &str, &HeaderChange)) {
    let (side, name, change) = header;
    if PROTECTED.contains(&name) {
        return;
    }
    let change = match change {
        HeaderChange::Set(value) => policy.text(*value, exchange).map_or(Change::Remove, Change::Set),
        HeaderChange::Add(value) => match policy.text(*value, exchange) {
            Some(value) => Change::Add(value),
            None => return,
        },
        HeaderChange::Remove => Change::Remove,
    };
    if let Change::Set(value) | Change::Add(value) = &change
        && value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
    {
        exchange.state.events.push(Event::by(Kind::Log, Reason::HeaderValue, finder));
        return;
    }
    let edits = match side {
        Side::Request => &mut exchange.state.request_edits,
        Side::Response => &mut exchange.state.response_edits,
    };
    edits.push(HeaderEdit { name: name.into(), change });
}

/// A computed path with a slash at its start and nothing in it that would end a path.
fn sendable_path(path: &[u8]) -> Vec<u8> {
    let mut sendable = sendable(path, b"/");
    if sendable.first() != Some(&b'/') {
        sendable.insert(0, b'/');
    }
    sendable
}

/// Percent-encodes what may not stand in a target; `%` itself and the bytes in `also` stay.
fn sendable(text: &[u8], also: &[u8]) -> Vec<u8> {
    let mut sendable = Vec::with_capacity(text.len());
    for byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%".contains(byte) || also.contains(byte) {
            sendable.push(*byte);
        } else {
            sendable.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    sendable
}
