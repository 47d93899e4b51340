//! Whether a request, and the answer to it, fit the API's description.

use shield_ir::policy::{Mode, Protection, Settings, Undeclared};

use crate::denial::{Denial, Reason};
use crate::event::{Event, Kind};
use crate::exchange::Exchange;
use crate::pipeline::found;
use crate::policy::Policy;
use crate::schema::{Class, Judge, Location, Parts, ResponseParts, Violation};

/// What a request's schema says of it, for rules that ask.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    /// All that is wrong.
    pub(crate) violations: Vec<Violation>,
    /// Query parameters that no schema names.
    pub(crate) undeclared: Vec<Violation>,
}

/// Whether a request's body must be there for its schema.
pub(crate) fn needs_body(policy: &Policy, exchange: &Exchange<'_>) -> bool {
    policy.judge(exchange).is_some_and(|judge| judge.reads_body() && is_asked(policy, exchange))
}

/// Whether some answer's schema is asked at all.
pub(crate) fn inspects_responses(policy: &Policy) -> bool {
    let mut endpoints = policy.bundle.endpoints.iter();
    endpoints.any(|endpoint| endpoint.operation.is_some() && endpoint.settings.responses != Mode::Off)
}

/// Whether an answer's body must be there for its schema; asked before the request goes upstream.
pub(crate) fn inspects_response(policy: &Policy, exchange: &Exchange<'_>) -> bool {
    policy.settings(exchange).responses != Mode::Off
        && !is_skipped(exchange)
        && policy.judge(exchange).is_some()
}

fn is_skipped(exchange: &Exchange<'_>) -> bool {
    exchange.state.skipped & Protection::Schema.bit() != 0
}

fn is_asked(policy: &Policy, exchange: &Exchange<'_>) -> bool {
    !is_skipped(exchange) && (policy.settings(exchange).requests != Mode::Off || policy.asks_schema)
}

/// Judges a request by its endpoint's schema.
pub(crate) fn check(policy: &Policy, exchange: &mut Exchange<'_>) -> Result<(), Denial> {
    let Some(judge) = policy.judge(exchange).filter(|_| is_asked(policy, exchange)) else { return Ok(()) };
    let settings = policy.settings(exchange);
    let verdict = verdict(policy, exchange, judge, settings);
    let blocked = settings.requests;
    let denial = denial(&verdict.violations, settings);
    let undeclared = verdict.undeclared.clone();
    exchange.state.verdict = Some(verdict);
    if let Some(denial) = denial.filter(|_| blocked != Mode::Off) {
        found(policy, exchange, blocked, denial)?;
    }
    let unnamed = if settings.undeclared.query == Undeclared::Log { undeclared } else { Vec::new() };
    if !unnamed.is_empty() && blocked != Mode::Off {
        let denial = Denial::from(Reason::Schema).with_violations(unnamed, settings.problems);
        found(policy, exchange, Mode::Log, denial)?;
    }
    Ok(())
}

/// Refuses a request whose body begins like this, where nothing that may follow makes it fit. What is only recorded, and
/// what the stage before would refuse, is judged when all of it is there.
pub(crate) fn beginning(policy: &Policy, exchange: &Exchange<'_>, beginning: &[u8]) -> Result<(), Denial> {
    let settings = policy.settings(exchange);
    let refuses = settings.requests == Mode::Block && !settings.shadow && !policy.shadow;
    let Some(judge) = policy.judge(exchange).filter(|_| refuses && !is_skipped(exchange)) else {
        return Ok(());
    };
    if exchange.is_hidden() {
        return Ok(());
    }
    let parts = Parts { headers: &exchange.head().headers, body: Some(beginning), ..Parts::default() };
    let violation = judge.beginning(&policy.validators, &parts);
    violation.and_then(|found| denial(&[found], settings)).map_or(Ok(()), Err)
}

fn verdict(policy: &Policy, exchange: &Exchange<'_>, judge: &Judge, settings: Settings) -> Verdict {
    let Ok(query) = std::str::from_utf8(exchange.query()) else {
        let message = "the query is not UTF-8 text".to_owned();
        let violation = Violation {
            location: Location::Query,
            pointer: String::new(),
            keyword: "encoding",
            class: Class::InvalidEncoding,
            message,
        };
        return Verdict { violations: vec![violation], undeclared: Vec::new() };
    };
    // A body that could not be inspected has been dealt with by the stage before.
    let body = exchange.body().filter(|_| !exchange.is_truncated());
    let parts = Parts { path: &exchange.state.params, query, headers: &exchange.head().headers, body };
    let mut violations = judge.head(&policy.validators, &parts);
    if judge.reads_body() && exchange.is_inspectable() {
        violations.extend(judge.body(&policy.validators, &parts));
    }
    let undeclared = judge.undeclared(Location::Query, &parts);
    for (location, mode) in [
        (Location::Query, settings.undeclared.query),
        (Location::Header, settings.undeclared.headers),
        (Location::Cookie, settings.undeclared.cookies),
    ] {
        if mode == Undeclared::Block {
            violations.extend(judge.undeclared(location, &parts));
        }
    }
    Verdict { violations, undeclared }
}

/// The denial of these violations, by the class that weighs most.
fn denial(violations: &[Violation], settings: Settings) -> Option<Denial> {
    let has = |classes: &[Class]| violations.iter().any(|violation| classes.contains(&violation.class));
    let reason = match violations {
        [] => return None,
        _ if has(&[Class::Disagreement]) => Reason::Disagreement,
        _ if has(&[Class::UnsupportedMediaType, Class::InvalidMediaType]) => Reason::MediaType,
        _ if has(&[Class::BodySize]) => Reason::BodyTooLarge,
        _ => Reason::Schema,
    };
    Some(Denial::from(reason).with_violations(violations.to_vec(), settings.problems))
}

/// Judges an answer by its endpoint's schema.
pub(crate) fn response(policy: &Policy, exchange: &mut Exchange<'_>) -> Result<(), Denial> {
    if !inspects_response(policy, exchange) {
        return Ok(());
    }
    let settings = policy.settings(exchange);
    let (Some(judge), Some(answer)) = (policy.judge(exchange), exchange.response()) else { return Ok(()) };
    let body = exchange.response_body();
    let hidden = judge.reads_response(answer.status) && !exchange.response_is_inspectable();
    if hidden {
        if settings.responses == Mode::Block {
            let denial = Denial::from(Reason::ResponseTooLarge).with_problems(settings.problems);
            return found(policy, exchange, Mode::Block, denial);
        }
        exchange.state.events.push(Event::new(Kind::NotInspected, Reason::ResponseTooLarge));
        return Ok(());
    }
    let parts = ResponseParts { status: answer.status, headers: &answer.headers, body };
    let violations = judge.response(&policy.validators, &parts);
    if violations.is_empty() {
        return Ok(());
    }
    // What the answer should have been is no business of the client's.
    let disagree = violations.iter().any(|violation| violation.class == Class::Disagreement);
    let reason = if disagree { Reason::Disagreement } else { Reason::ResponseSchema };
    let denial = Denial::from(reason)
        .with_status(Reason::ResponseSchema.status())
        .with_violations(violations, shield_ir::policy::Problems::None);
    found(policy, exchange, settings.responses, denial)
}

#[cfg(test)]
mod tests;
