//! THE ORDER: what is looked at when, as tables, and the loop that runs them. Nothing else decides it.

use shield_ir::Phase;
use shield_state::{Op, Reply};

use crate::denial::Denial;
use crate::event::{Event, Kind};
use crate::exchange::{Exchange, join_target};
use crate::policy::Policy;
use crate::stages::{body, host, limits, rules, session, token};
use crate::verdict::{Permit, ResponseEdits, Step};

/// One protection at one moment.
#[derive(Debug)]
pub struct Stage {
    /// Its name, in metrics, events and the manual.
    pub name: &'static str,
    /// Why it stands where it does.
    pub why_here: &'static str,
    check: fn(&Policy, &mut Exchange<'_>) -> Result<(), Denial>,
}

/// When the head is there.
#[rustfmt::skip]
pub const HEAD: &[Stage] = &[
    Stage { name: "host",  check: host::check,  why_here: "everything below is per API" },
    Stage { name: "session", check: session::check, why_here: "rules may ask who calls" },
    Stage { name: "rules", check: rules::head,  why_here: "what the author refuses is not counted" },
    Stage { name: "token", check: token::check, why_here: "a refused token is not counted either, and limits may go by a claim" },
];

/// When what outlives requests has been asked.
#[rustfmt::skip]
pub const STATE: &[Stage] = &[
    Stage { name: "limits", check: limits::check, why_here: "sheds floods before bodies are read" },
    Stage { name: "rules", check: rules::state, why_here: "rules that read state" },
];

/// When the body is there.
#[rustfmt::skip]
pub const BODY: &[Stage] = &[
    Stage { name: "body",  check: body::check,  why_here: "what cannot be inspected must not look as if it had been" },
    Stage { name: "rules", check: rules::body,  why_here: "rules that read the body and what was found in it" },
];

/// When what outlives requests has been asked with the body.
#[rustfmt::skip]
pub const BODY_STATE: &[Stage] = &[
    Stage { name: "limits", check: limits::check, why_here: "limits that go by the body: what a rule refuses is not counted" },
];

/// When the answer is there.
#[rustfmt::skip]
pub const RESPONSE: &[Stage] = &[
    Stage { name: "rules", check: rules::response, why_here: "rules that read the answer" },
];

/// What must be there before an answer is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseNeeds {
    /// How many bytes of the answer's body must be buffered, where it must be seen.
    pub body: Option<u64>,
}

impl Policy {
    /// Judges a request by its head.
    pub fn judge_head<'a>(&self, exchange: &mut Exchange<'a>) -> Result<Step<'a>, Denial> {
        self.run(HEAD, exchange)?;
        self.ask(exchange, Phase::State)
    }

    /// Judges a request whose body was asked for and has been set.
    pub fn judge_body<'a>(&self, exchange: &mut Exchange<'a>) -> Result<Step<'a>, Denial> {
        self.run(BODY, exchange)?;
        exchange.state.with_body = true;
        self.ask(exchange, Phase::Body)
    }

    /// Judges a request by what the store has answered to [`Step::Ask`]; a store that does not answer counts nothing.
    pub fn judge_replies<'a>(
        &self,
        exchange: &mut Exchange<'a>,
        replies: Vec<Reply>,
    ) -> Result<Step<'a>, Denial> {
        exchange.state.replies = replies;
        if exchange.state.with_body {
            self.run(BODY_STATE, exchange)?;
            return Ok(Step::Forward(permit(exchange)));
        }
        self.run(STATE, exchange)?;
        Ok(if self.needs_body(exchange) {
            Step::Body { max: self.settings(exchange).body_max }
        } else {
            Step::Forward(permit(exchange))
        })
    }

    fn ask<'a>(&self, exchange: &mut Exchange<'a>, phase: Phase) -> Result<Step<'a>, Denial> {
        let ops = limits::ask(self, exchange, phase);
        if ops.is_empty() { self.judge_replies(exchange, Vec::new()) } else { Ok(Step::Ask(ops)) }
    }

    /// What the store is told when an exchange has ended, refused or `answered` with the response that was set.
    pub fn settle(&self, exchange: &mut Exchange<'_>, answered: bool) -> Vec<Op> {
        if exchange.state.asked.is_empty() { Vec::new() } else { limits::settle(self, exchange, answered) }
    }

    /// What [`Policy::judge_response`] needs beyond the answer's head.
    pub const fn response_needs(&self, _exchange: &Exchange<'_>) -> ResponseNeeds {
        ResponseNeeds { body: None }
    }

    /// Judges an answer that has been set; the edits are those of all phases. A denial replaces the answer.
    pub fn judge_response(&self, exchange: &mut Exchange<'_>) -> Result<ResponseEdits, Denial> {
        self.run(RESPONSE, exchange)?;
        Ok(ResponseEdits { headers: std::mem::take(&mut exchange.state.response_edits) })
    }

    fn needs_body(&self, exchange: &Exchange<'_>) -> bool {
        rules::any_covers(self, exchange, Phase::Body) || limits::any_covers(self, exchange)
    }

    /// Runs stages up to the first that refuses, and records what it says; in shadow mode all run, and nothing is refused.
    fn run(&self, stages: &[Stage], exchange: &mut Exchange<'_>) -> Result<(), Denial> {
        for stage in stages {
            if let Err(denial) = (stage.check)(self, exchange) {
                let kind = if self.shadow { Kind::WouldBlock } else { Kind::Block };
                exchange.state.events.push(Event::of(kind, &denial));
                if !self.shadow {
                    return Err(denial);
                }
            }
        }
        Ok(())
    }
}

fn permit<'a>(exchange: &mut Exchange<'a>) -> Permit<'a> {
    let state = &mut exchange.state;
    let (path, query) = (state.path.take(), state.query.take());
    let (api, endpoint, headers) = (state.api, state.endpoint, std::mem::take(&mut state.request_edits));
    let target = if path.is_none() && query.is_none() {
        exchange.target()
    } else {
        let path = path.as_deref().unwrap_or_else(|| exchange.path());
        join_target(path, query.as_deref().unwrap_or_else(|| exchange.query())).into()
    };
    Permit { api, endpoint, target, headers }
}

#[cfg(test)]
mod tests;
