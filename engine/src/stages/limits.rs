//! How often: units taken from buckets before a request goes on, and given back where its answer does not count.

use std::fmt::Write as _;
use std::net::IpAddr;

use sha2::{Digest as _, Sha256};
use shield_ir::Phase;
use shield_ir::identity::{Limit, LimitId, Outcome};
use shield_ir::policy::Protection;
use shield_state::{Key, Op, Rate, Reply};

use super::rules;
use crate::denial::{Denial, Reason};
use crate::event::{Event, Finder, Kind};
use crate::exchange::Exchange;
use crate::policy::Policy;
use crate::value::Value;
use crate::verdict::{Change, HeaderEdit};

/// What limits need that does not change from request to request.
#[derive(Debug, Default)]
pub(crate) struct Limits(Box<[(u64, Rate)]>);

impl Limits {
    /// Makes limits ready.
    pub(crate) fn of(limits: &[Limit]) -> Self {
        Self(limits.iter().map(|limit| (identity(limit), rate(limit))).collect())
    }
}

/// Units that a request asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    limit: LimitId,
    key: Key,
    rate: Rate,
    units: u32,
    pending: bool,
    /// When they were taken, if they were.
    at: Option<u64>,
}

const fn rate(limit: &Limit) -> Rate {
    match limit.burst {
        None => Rate::Window { most: limit.most, millis: limit.window },
        Some(burst) => Rate::Paced { most: limit.most, millis: limit.window, burst },
    }
}

/// The identity of a limit's counters: they outlive a reload that leaves its name and its numbers as they were.
fn identity(limit: &Limit) -> u64 {
    let numbers = [limit.most.into(), limit.window, limit.burst.map_or(0, u64::from), limit.by.len() as u64];
    let mut hash = Sha256::new().chain_update(limit.name.as_bytes());
    for number in numbers {
        hash.update(number.to_le_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    u64::from_le_bytes(digest.first_chunk().copied().unwrap_or_default()) | 1
}

/// What the store is asked at that moment of an exchange.
pub(crate) fn ask(policy: &Policy, exchange: &mut Exchange<'_>, phase: Phase) -> Vec<Op> {
    let Some(callers) = &policy.callers else { return Vec::new() };
    if exchange.state.skipped & Protection::Limits.bit() != 0 {
        return Vec::new();
    }
    let mut ops = Vec::new();
    for (at, (limit, (scope, rate))) in
        policy.bundle.identity.limits.iter().zip(&callers.limits.0).enumerate()
    {
        let is_now = limit.phase == phase || (limit.phase == Phase::Head && phase == Phase::State);
        if !is_now || !rules::covers(&limit.scope, exchange) {
            continue;
        }
        let pending = limit.count.is_some_and(|count| count.by_response);
        let counts =
            limit.count.is_none_or(|count| count.by_response || policy.is_true(count.when, exchange));
        let units = if counts { cost(policy, limit, exchange) } else { 0 };
        let parts: Vec<Option<Vec<u8>>> =
            limit.by.iter().map(|id| part(policy.value(*id, exchange))).collect();
        let key = callers.keys.key(*scope, parts.iter().map(Option::as_deref));
        let hold = match &limit.then {
            Outcome::Block(block) if !(limit.shadow || policy.shadow) => block.hold.unwrap_or(0),
            Outcome::Block(_) | Outcome::Log => 0,
        };
        ops.push(Op::Take { key, rate: *rate, units, hold, pending });
        let limit = LimitId(at as u32);
        exchange.state.asked.push(Asked { limit, key, rate: *rate, units, pending, at: None });
    }
    ops
}

/// Whether some limit needs the body of this exchange.
pub(crate) fn any_covers(policy: &Policy, exchange: &Exchange<'_>) -> bool {
    exchange.state.skipped & Protection::Limits.bit() == 0
        && policy
            .bundle
            .identity
            .limits
            .iter()
            .any(|limit| limit.phase == Phase::Body && rules::covers(&limit.scope, exchange))
}

/// One unit, unless the limit says otherwise. A cost that is absent or below zero is one unit: it never gives any back.
fn cost(policy: &Policy, limit: &Limit, exchange: &Exchange<'_>) -> u32 {
    let Some(cost) = limit.cost else { return 1 };
    match policy.value(cost, exchange) {
        Some(Value::Int(units)) if units >= 0 => u32::try_from(units).unwrap_or(u32::MAX),
        _ => 1,
    }
}

fn part(value: Option<Value<'_>>) -> Option<Vec<u8>> {
    Some(match value? {
        Value::String(text) => text.into_owned(),
        Value::Int(number) => number.to_le_bytes().to_vec(),
        Value::Bool(truth) => vec![u8::from(truth)],
        Value::Ip(IpAddr::V4(address)) => address.octets().to_vec(),
        Value::Ip(IpAddr::V6(address)) => address.octets().to_vec(),
        Value::Array(_) | Value::Map(_) => return None,
    })
}

/// Judges by what the store has answered, limit by limit in the order of the text. All of them have counted.
pub(crate) fn check(policy: &Policy, exchange: &mut Exchange<'_>) -> Result<(), Denial> {
    let replies = std::mem::take(&mut exchange.state.replies);
    if replies.is_empty() {
        return Ok(());
    }
    let first = exchange.state.asked.len().saturating_sub(replies.len());
    let mut verdict = Ok(());
    let mut told = Told::default();
    for (place, reply) in (first..).zip(replies) {
        let Some(asked) = exchange.state.asked.get_mut(place) else { break };
        let finder = Finder::Limit(asked.limit);
        let Some(limit) = policy.bundle.identity.limits.get(asked.limit.0 as usize) else { continue };
        match reply {
            Reply::Taken { at, left, resets } => {
                asked.at = Some(at);
                told.add(limit, left, resets);
            }
            Reply::Refused { wait, .. } => {
                told.add(limit, 0, wait);
                if verdict.is_ok() {
                    verdict = refuse(policy, exchange, (limit, finder), wait);
                }
            }
            Reply::Held { .. } | Reply::Done => {}
        }
    }
    match verdict {
        Ok(()) => {
            exchange.state.response_edits.extend(told.edits());
            Ok(())
        }
        Err(denial) => {
            let Told { policy, now } = told;
            Err(denial.with_header("ratelimit-policy", policy).with_header("ratelimit", now))
        }
    }
}

fn refuse(
    policy: &Policy,
    exchange: &mut Exchange<'_>,
    (limit, finder): (&Limit, Finder),
    wait: u64,
) -> Result<(), Denial> {
    let Outcome::Block(block) = &limit.then else {
        exchange.state.events.push(Event::by(Kind::Log, Reason::Limit, finder));
        return Ok(());
    };
    if limit.shadow {
        exchange.state.events.push(Event::by(Kind::WouldBlock, Reason::Limit, finder));
        return Ok(());
    }
    let denial = rules::denial(Reason::Limit, block, finder).with_problems(policy.problems(exchange));
    Err(denial.with_retry_after(wait.div_ceil(1_000).max(1)))
}

/// What the store is told when an exchange has ended: which of the units that were taken count. Without an answer, none do.
pub(crate) fn settle(policy: &Policy, exchange: &mut Exchange<'_>, answered: bool) -> Vec<Op> {
    let asked = std::mem::take(&mut exchange.state.asked);
    let settled = asked.into_iter().filter(|asked| asked.pending).filter_map(|asked| {
        let count = policy.bundle.identity.limits.get(asked.limit.0 as usize)?.count?;
        let counts = answered && policy.is_true(count.when, exchange);
        let Asked { key, rate, units, at, .. } = asked;
        Some(Op::Settle { key, rate, at: at?, units, counts })
    });
    settled.collect()
}

/// What clients are told of their limits: <https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/>.
#[derive(Default)]
struct Told {
    policy: Vec<u8>,
    now: Vec<u8>,
}

impl Told {
    fn add(&mut self, limit: &Limit, left: u32, resets: u64) {
        let (mut policy, mut now) = (String::new(), String::new());
        // INVARIANT: writing to a string does not fail.
        let _ = write!(policy, "\"{}\";q={};w={}", limit.name, limit.most, limit.window.div_ceil(1_000));
        let _ = write!(now, "\"{}\";r={left};t={}", limit.name, resets.div_ceil(1_000));
        for (list, item) in [(&mut self.policy, policy), (&mut self.now, now)] {
            if !list.is_empty() {
                list.extend_from_slice(b", ");
            }
            list.extend_from_slice(item.as_bytes());
        }
    }

    fn edits(self) -> impl Iterator<Item = HeaderEdit> {
        let edit = |(name, value): (&str, Vec<u8>)| {
            (!value.is_empty()).then(|| HeaderEdit { name: name.into(), change: Change::Set(value) })
        };
        [("ratelimit-policy", self.policy), ("ratelimit", self.now)].into_iter().filter_map(edit)
    }
}
