//! Whether a request carries the token that its endpoint asks for.

use shield_ir::identity::Auth;
use shield_ir::policy::Protection;

use crate::denial::{Denial, Reason};
use crate::event::{Event, Kind};
use crate::exchange::Exchange;
use crate::policy::Policy;
use crate::token::Refusal;

/// Refuses a request without a valid token, or with one that lacks a scope. Why is in the event, not in the answer.
pub(crate) fn check(policy: &Policy, exchange: &mut Exchange<'_>) -> Result<(), Denial> {
    let identity = &policy.bundle.identity;
    let of_api = || identity.api_auth.get(exchange.api()?.0 as usize)?.as_ref();
    let auth = match exchange.endpoint() {
        Some(endpoint) => identity.endpoint_auth.get(endpoint.0 as usize).and_then(Option::as_ref),
        None => of_api(),
    };
    let Some(auth) = auth.filter(|_| exchange.state.skipped & Protection::Jwt.bit() == 0) else {
        return Ok(());
    };
    if is_preflight(exchange) {
        return Ok(());
    }
    let Err(refusal) = verdict(auth, exchange) else { return Ok(()) };
    let (reason, challenge) = if refusal == Refusal::Missing {
        (Reason::TokenMissing, "Bearer")
    } else if refusal == Refusal::Scope {
        (Reason::TokenScope, r#"Bearer error="insufficient_scope""#)
    } else {
        (Reason::Token, r#"Bearer error="invalid_token""#)
    };
    let kind = if auth.shadow { Kind::WouldBlock } else { Kind::Log };
    let mut event = Event::new(kind, reason);
    event.detail = Some(refusal.label().into());
    exchange.state.events.push(event);
    if auth.shadow {
        return Ok(());
    }
    let denial = Denial::from(reason).with_header("www-authenticate", challenge.into());
    Err(denial.with_problems(policy.problems(exchange)))
}

/// Whether one of the tokens passes and has what is asked; else why the one that came furthest does not.
fn verdict(auth: &Auth, exchange: &Exchange<'_>) -> Result<(), Refusal> {
    let mut worst = Refusal::Missing;
    for id in &auth.tokens {
        match exchange.token(*id) {
            Ok(verified) if verified.claims.grants(&auth.scopes) => return Ok(()),
            Ok(_) => worst = Refusal::Scope,
            Err(refusal) => worst = worst.max(refusal),
        }
    }
    Err(worst)
}

/// A browser asks before it sends a token; it asks without one.
fn is_preflight(exchange: &Exchange<'_>) -> bool {
    exchange.method() == b"OPTIONS"
        && exchange.header(b"origin").is_some()
        && exchange.header(b"access-control-request-method").is_some()
}
