//! Whether a body that must be inspected can be.

use shield_ir::policy::Mode;

use crate::denial::{Denial, Reason};
use crate::event::{Event, Kind};
use crate::exchange::Exchange;
use crate::policy::Policy;

/// Refuses a body that was cut or is in an encoding that hides it; where requests are only recorded, says so instead.
pub(crate) fn check(policy: &Policy, exchange: &mut Exchange<'_>) -> Result<(), Denial> {
    let reason = if exchange.is_truncated() {
        Reason::BodyTooLarge
    } else if exchange.body().is_some_and(|body| !body.is_empty()) && exchange.is_hidden() {
        Reason::BodyEncoding
    } else {
        return Ok(());
    };
    let settings = policy.settings(exchange);
    if settings.requests == Mode::Block && !settings.shadow {
        return Err(Denial::from(reason).with_problems(settings.problems));
    }
    exchange.state.events.push(Event::new(Kind::NotInspected, reason));
    Ok(())
}
