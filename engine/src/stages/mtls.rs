//! Whether a client has shown the certificate that is demanded where it calls.

use shield_ir::identity::{Mtls, Outcome};

use super::rules;
use crate::certificate::Standing;
use crate::denial::{Denial, Reason};
use crate::event::{Event, Finder, Kind};
use crate::exchange::Exchange;
use crate::policy::Policy;
use crate::verdict::{Change, HeaderEdit};

/// Refuses a request whose connection has shown no certificate, or another one than is demanded. Each demand that covers
/// the request counts by itself; a certificate that one of them accepts is passed on to the origin (RFC 9440).
pub(crate) fn check(policy: &Policy, exchange: &mut Exchange<'_>) -> Result<(), Denial> {
    let mut verdict = Ok(());
    for (place, demand) in policy.bundle.identity.certificates.iter().enumerate() {
        if !rules::covers(&demand.scope, exchange) {
            continue;
        }
        let finding = match exchange.standing(place) {
            Ok(Standing::Good) => {
                exchange.state.standing.get_or_insert(Standing::Good);
                continue;
            }
            Ok(Standing::Revoked) => {
                exchange.state.standing = Some(Standing::Revoked);
                (Reason::Certificate, "revoked")
            }
            Ok(Standing::Bad(why)) => (Reason::Certificate, why),
            Err(reason) => (reason, ""),
        };
        if verdict.is_ok() {
            verdict = found(policy, exchange, (demand, Finder::Certificate(place as u32)), finding);
        }
    }
    pass_on(exchange);
    verdict
}

/// Records a finding, and refuses where the demand is enforced.
fn found(
    policy: &Policy,
    exchange: &mut Exchange<'_>,
    (demand, finder): (&Mtls, Finder),
    (reason, detail): (Reason, &'static str),
) -> Result<(), Denial> {
    let kind = match &demand.then {
        Outcome::Block(_) if demand.shadow => Kind::WouldBlock,
        Outcome::Block(_) | Outcome::Log => Kind::Log,
    };
    let mut event = Event::by(kind, reason, finder);
    event.detail = (!detail.is_empty()).then(|| detail.into());
    exchange.state.events.push(event);
    match &demand.then {
        // Another connection is what the client needs, whatever the policy answers to those without a certificate.
        Outcome::Block(_) if reason == Reason::CertificateHost && !demand.shadow => {
            Err(Denial::from(reason).by(finder).with_problems(policy.problems(exchange)))
        }
        Outcome::Block(block) if !demand.shadow => {
            Err(rules::denial(reason, block, finder).with_problems(policy.problems(exchange)))
        }
        Outcome::Block(_) | Outcome::Log => Ok(()),
    }
}

fn pass_on(exchange: &mut Exchange<'_>) {
    let is_good = exchange.state.standing == Some(Standing::Good);
    let Some(certificate) = exchange.certificate().filter(|_| is_good) else { return };
    let headers = [("client-cert", &certificate.header), ("client-cert-chain", &certificate.chain)];
    for (name, value) in headers {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            let change = Change::Set(value.as_bytes().to_vec());
            exchange.state.request_edits.push(HeaderEdit { name: name.into(), change });
        }
    }
}
