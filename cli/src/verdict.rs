//! What a policy makes of a request that is data: the whole life of an exchange, without a socket.

use shield_engine::{Denial, Event, Exchange, Limits, Policy, Step};
use shield_state::Memory;

use crate::request::Request;

/// What became of a request and its answer.
#[derive(Debug)]
pub struct Verdict {
    /// Why it was refused.
    pub denial: Option<Denial>,
    /// What was found, in order.
    pub events: Vec<Event>,
}

impl Verdict {
    /// Judges a request, its body and its answer; `then` sees the exchange when all is decided.
    pub fn of(
        policy: &Policy,
        store: &Memory,
        request: &Request,
        then: impl for<'e> FnOnce(&Exchange<'e>),
    ) -> Self {
        let judged = request.with_exchange(&Limits::default(), |mut exchange, data| {
            let denial = decide(policy, store, &mut exchange, data).err();
            then(&exchange);
            Self { denial, events: exchange.take_events() }
        });
        judged.unwrap_or_else(|denial| Self { denial: Some(*denial), events: Vec::new() })
    }

    /// What happened, in the words of a test's expectation.
    pub fn words(&self) -> String {
        match &self.denial {
            None => "allow".to_owned(),
            Some(denial) => {
                let by = denial
                    .rule()
                    .map_or_else(|| denial.reason.label().to_owned(), |rule| rule.name.to_string());
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
    policy: &Policy,
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
