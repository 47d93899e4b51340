//! What a policy makes of a request that is data: the whole life of an exchange, without a socket.

use shield_engine::{Cited, Denial, Event, Exchange, Finder, Limits, Policy, Step};
use shield_state::Memory;

use crate::request::Request;

/// What became of a request and its answer.
#[derive(Debug)]
pub struct Verdict<'p> {
    policy: &'p Policy,
    /// Why it was refused.
    pub denial: Option<Denial>,
    /// What was found, in order.
    pub events: Vec<Event>,
}

impl<'p> Verdict<'p> {
    /// Judges a request, its body and its answer; `then` sees the exchange when all is decided.
    pub fn of(
        policy: &'p Policy,
        store: &Memory,
        request: &Request,
        then: impl for<'e> FnOnce(&Exchange<'e>),
    ) -> Self {
        let judged = request.with_canonical(&Limits::default(), |canonical| {
            let mut exchange = request.exchange(canonical);
            let denial = decide(policy, store, &mut exchange, request).err();
            then(&exchange);
            Self { policy, denial, events: exchange.take_events() }
        });
        judged.unwrap_or_else(|denial| Self { policy, denial: Some(*denial), events: Vec::new() })
    }

    /// What refused or found something, by name and place.
    pub fn cite(&self, finder: Option<Finder>) -> Option<Cited<'p>> {
        self.policy.cite(finder?)
    }

    /// What happened, in the words of a test's expectation.
    pub fn words(&self) -> String {
        match &self.denial {
            None => "allow".to_owned(),
            Some(denial) => {
                let by = self.cite(denial.by).map_or_else(|| denial.reason.label(), |item| item.name);
                let verb = if denial.location().is_some() { "redirect" } else { "block" };
                let places: Vec<String> =
                    denial.violations().iter().map(|violation| format!("; {}", violation.message)).collect();
                format!("{verb} {} by {by}{}", denial.status, places.concat())
            }
        }
    }
}

/// The whole life of an exchange: head, store, body, response.
fn decide<'a>(
    policy: &'a Policy,
    store: &Memory,
    exchange: &mut Exchange<'a>,
    data: &'a Request,
) -> Result<(), Denial> {
    let now = data.time;
    let judged = (|| {
        let mut step = policy.judge_head(exchange)?;
        loop {
            step = match step {
                Step::Forward(_) => break,
                Step::Ask(ops) => policy.judge_replies(exchange, store.decide(now, &ops))?,
                Step::Body { max } => {
                    let body = data.body.as_deref().unwrap_or_default();
                    let inspected = body.get(..usize::try_from(max).unwrap_or(usize::MAX)).unwrap_or(body);
                    exchange.set_body(inspected, inspected.len() < body.len());
                    policy.judge_body(exchange)?
                }
            };
        }
        if let Some(response) = &data.response {
            exchange.set_response(response.head());
            if let Some(max) = policy.response_needs(exchange).body {
                let max = usize::try_from(max).unwrap_or(usize::MAX);
                let inspected = response.body.get(..max).unwrap_or(&response.body);
                exchange.set_response_body(inspected, inspected.len() < response.body.len());
            }
        }
        policy.judge_response(exchange).map(drop)
    })();
    let answered = judged.is_ok() && data.response.is_some();
    let settled = policy.settle(exchange, answered);
    store.decide(now, &settled);
    judged
}
