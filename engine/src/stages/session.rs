//! Whether a client says who it is, at most once in each place.

use shield_ir::identity::SessionSource;

use crate::denial::{Denial, Reason};
use crate::exchange::Exchange;
use crate::policy::Policy;

/// Refuses a request that gives the same identifier twice: whoever reads the other one would see another client.
pub(crate) fn check(policy: &Policy, exchange: &mut Exchange<'_>) -> Result<(), Denial> {
    let Some(session) = policy.callers.as_ref().and_then(|callers| callers.session(exchange.api())) else {
        return Ok(());
    };
    let is_twice = session.sources.iter().any(|source| match source {
        SessionSource::Header(name) => exchange.headers_named(name.as_bytes()).nth(1).is_some(),
        SessionSource::Cookie(name) => exchange.cookies_named(name.as_bytes()).len() > 1,
        SessionSource::Claim(..) => false,
    });
    if is_twice {
        Err(Denial::from(Reason::SessionTwice).with_problems(policy.problems(exchange)))
    } else {
        Ok(())
    }
}
