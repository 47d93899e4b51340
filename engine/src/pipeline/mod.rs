//! THE ORDER: what is looked at when, as tables, and the loop that runs them. Nothing else decides it.

use shield_ir::Phase;
use shield_ir::policy::Mode;
use shield_state::{Op, Reply};

use crate::denial::Denial;
use crate::event::{Event, Kind};
use crate::exchange::{Exchange, join_target};
use crate::policy::Policy;
use crate::stages::{body, endpoint, host, limits, mtls, rules, schema, session, token};
use crate::stopwatch::Stopwatch;
use crate::verdict::{Change, HeaderEdit, Permit, ResponseEdits, Step};

/// One protection at one moment.
#[derive(Debug)]
pub struct Stage {
    /// Its name, in metrics, events and the manual.
    pub name: &'static str,
    /// Why it stands where it does.
    pub why_here: &'static str,
    check: Check,
    /// Whether a policy gives it anything to do.
    concerns: fn(&Policy) -> bool,
}

type Check = for<'a> fn(&'a Policy, &mut Exchange<'a>) -> Result<(), Denial>;

/// When the head is there.
#[rustfmt::skip]
pub const HEAD: &[Stage] = &[
    Stage { name: "host",     check: host::check,     concerns: has_apis,   why_here: "everything below is per API" },
    Stage { name: "endpoint", check: endpoint::check, concerns: has_apis,   why_here: "settings and scopes are per endpoint" },
    Stage { name: "mtls",     check: mtls::check,     concerns: has_demands, why_here: "no certificate, no work" },
    Stage { name: "session",  check: session::check,  concerns: |policy| policy.callers.is_some() || policy.geo.is_some(), why_here: "rules may ask who calls, and from where" },
    Stage { name: "rules",    check: rules::head,     concerns: |policy| !policy.rules(Phase::Head).is_empty(), why_here: "what the author refuses is not counted" },
    Stage { name: "token",    check: token::check,    concerns: |policy| policy.callers.is_some(), why_here: "a refused token is not counted either, and limits may go by a claim" },
];

/// When what outlives requests has been asked.
#[rustfmt::skip]
pub const STATE: &[Stage] = &[
    Stage { name: "limits", check: limits::check, concerns: has_limits, why_here: "sheds floods before bodies are read" },
    Stage { name: "rules",  check: rules::state,  concerns: |policy| !policy.rules(Phase::State).is_empty(), why_here: "rules that read state" },
];

/// When the body is there, or when nothing needs it.
#[rustfmt::skip]
pub const BODY: &[Stage] = &[
    Stage { name: "body",   check: body::check,   concerns: |_| true,    why_here: "what cannot be inspected must not look as if it had been" },
    Stage { name: "schema", check: schema::check, concerns: has_schemas, why_here: "rules may ask what was found" },
    Stage { name: "rules",  check: rules::body,   concerns: |policy| !policy.rules(Phase::Body).is_empty(), why_here: "rules that read the body and what was found in it" },
];

/// When what outlives requests has been asked with the body.
#[rustfmt::skip]
pub const BODY_STATE: &[Stage] = &[
    Stage { name: "limits", check: limits::check, concerns: has_limits, why_here: "limits that go by the body: what a rule refuses is not counted" },
];

/// When the answer is there.
#[rustfmt::skip]
pub const RESPONSE: &[Stage] = &[
    Stage { name: "schema", check: schema::response, concerns: schema::inspects_responses, why_here: "what the API does not promise is not passed on" },
    Stage { name: "rules",  check: rules::response,  concerns: |policy| !policy.rules(Phase::Response).is_empty(), why_here: "rules that read the answer" },
];

fn has_apis(policy: &Policy) -> bool {
    !policy.bundle.apis.is_empty()
}

fn has_demands(policy: &Policy) -> bool {
    !policy.bundle.identity.certificates.is_empty()
}

fn has_limits(policy: &Policy) -> bool {
    !policy.bundle.identity.limits.is_empty()
}

fn has_schemas(policy: &Policy) -> bool {
    policy.bundle.endpoints.iter().any(|endpoint| endpoint.operation.is_some())
}

/// The stages that a policy gives something to do, at each of their moments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    head: Box<[&'static Stage]>,
    state: Box<[&'static Stage]>,
    body: Box<[&'static Stage]>,
    body_state: Box<[&'static Stage]>,
    response: Box<[&'static Stage]>,
    has_limits: bool,
    has_schemas: bool,
    /// Nothing is left to ask once the head has been judged, of a request whose body nobody has given.
    ends_with_head: bool,
}

impl Order {
    /// To be asked again whenever the policy has been given something.
    pub(crate) fn of(policy: &Policy) -> Self {
        let busy =
            |stages: &'static [Stage]| stages.iter().filter(|stage| (stage.concerns)(policy)).collect();
        Self {
            head: busy(HEAD),
            state: busy(STATE),
            body: busy(BODY),
            body_state: busy(BODY_STATE),
            response: busy(RESPONSE),
            has_limits: has_limits(policy),
            has_schemas: has_schemas(policy),
            ends_with_head: !has_limits(policy)
                && !has_schemas(policy)
                && policy.rules(Phase::State).is_empty()
                && policy.rules(Phase::Body).is_empty(),
        }
    }
}

/// What must be there before an answer is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseNeeds {
    /// How many bytes of the answer's body must be buffered, where it must be seen.
    pub body: Option<u64>,
}

impl Policy {
    /// Judges a request by its head.
    pub fn judge_head<'a>(&'a self, exchange: &mut Exchange<'a>) -> Result<Step<'a>, Denial> {
        exchange.state.policy = Some(self);
        self.run("head", &self.order.head, exchange)?;
        if self.order.ends_with_head && exchange.body().is_none() {
            return Ok(Step::Forward(permit(exchange)));
        }
        self.ask(exchange, Phase::State)
    }

    /// Judges a request whose body was asked for and has been set.
    pub fn judge_body<'a>(&'a self, exchange: &mut Exchange<'a>) -> Result<Step<'a>, Denial> {
        self.run("body", &self.order.body, exchange)?;
        if self.order.has_schemas && schema::inspects_response(self, exchange) {
            // An answer in an encoding that hides it could not be inspected.
            let change = Change::Set(b"identity".to_vec());
            exchange.state.request_edits.push(HeaderEdit { name: "accept-encoding".into(), change });
        }
        exchange.state.with_body = true;
        self.ask(exchange, Phase::Body)
    }

    /// Judges a request by the beginning of a body that was asked for and is still arriving: of the stages of `BODY`, only
    /// `schema` may know enough, and the one before it has nothing to say then.
    pub fn judge_beginning(&self, exchange: &mut Exchange<'_>, beginning: &[u8]) -> Result<(), Denial> {
        schema::beginning(self, exchange, beginning)
            .inspect_err(|denial| exchange.state.events.push(Event::of(Kind::Block, denial)))
    }

    /// Judges a request by what the store has answered to [`Step::Ask`]; a store that does not answer counts nothing.
    pub fn judge_replies<'a>(
        &'a self,
        exchange: &mut Exchange<'a>,
        replies: Vec<Reply>,
    ) -> Result<Step<'a>, Denial> {
        exchange.state.replies = replies;
        self.replied(exchange)
    }

    fn replied<'a>(&'a self, exchange: &mut Exchange<'a>) -> Result<Step<'a>, Denial> {
        if exchange.state.with_body {
            self.run("body", &self.order.body_state, exchange)?;
            return Ok(Step::Forward(permit(exchange)));
        }
        self.run("state", &self.order.state, exchange)?;
        if self.needs_body(exchange) {
            return Ok(Step::Body { max: self.settings(exchange).body_max });
        }
        self.judge_body(exchange)
    }

    fn ask<'a>(&'a self, exchange: &mut Exchange<'a>, phase: Phase) -> Result<Step<'a>, Denial> {
        let ops = if self.order.has_limits { limits::ask(self, exchange, phase) } else { Vec::new() };
        if !ops.is_empty() {
            return Ok(Step::Ask(ops));
        }
        exchange.state.replies.clear();
        self.replied(exchange)
    }

    /// What the store is told when an exchange has ended, refused or `answered` with the response that was set.
    pub fn settle(&self, exchange: &mut Exchange<'_>, answered: bool) -> Vec<Op> {
        if exchange.state.asked.is_empty() { Vec::new() } else { limits::settle(self, exchange, answered) }
    }

    /// Whether anything asks what an answer says; where nothing does, none need be given.
    pub fn reads_answers(&self) -> bool {
        self.order.has_limits || !self.order.response.is_empty()
    }

    /// What [`Policy::judge_response`] needs beyond the answer's head.
    pub fn response_needs(&self, exchange: &Exchange<'_>) -> ResponseNeeds {
        let reads = |status| self.judge(exchange).is_some_and(|judge| judge.reads_response(status));
        let status = exchange.response().map(|answer| answer.status);
        let body = schema::inspects_response(self, exchange) && status.is_some_and(reads);
        ResponseNeeds { body: body.then(|| self.settings(exchange).body_max) }
    }

    /// Judges an answer that has been set; the edits are those of all phases. A denial replaces the answer.
    pub fn judge_response<'a>(&'a self, exchange: &mut Exchange<'a>) -> Result<ResponseEdits, Denial> {
        self.run("response", &self.order.response, exchange)?;
        Ok(ResponseEdits { headers: std::mem::take(&mut exchange.state.response_edits) })
    }

    fn needs_body(&self, exchange: &Exchange<'_>) -> bool {
        rules::any_covers(self, exchange, Phase::Body)
            || (self.order.has_limits && limits::any_covers(self, exchange))
            || (self.order.has_schemas && schema::needs_body(self, exchange))
    }

    /// Runs stages up to the first that refuses; in shadow mode all run, and nothing is refused.
    // PERF: small, so that it becomes straight code; nobody pays for a stopwatch that is not there.
    #[inline]
    fn run<'a>(
        &'a self,
        phase: &'static str,
        stages: &[&Stage],
        exchange: &mut Exchange<'a>,
    ) -> Result<(), Denial> {
        if let Some(stopwatch) = exchange.stopwatch {
            return self.run_timed(stopwatch, phase, stages, exchange);
        }
        for stage in stages {
            if let Err(denial) = (stage.check)(self, exchange) {
                self.refuse(denial, exchange)?;
            }
        }
        Ok(())
    }

    #[cold]
    fn run_timed<'a>(
        &'a self,
        stopwatch: &Stopwatch,
        phase: &'static str,
        stages: &[&Stage],
        exchange: &mut Exchange<'a>,
    ) -> Result<(), Denial> {
        stopwatch.start();
        for stage in stages {
            let checked = (stage.check)(self, exchange);
            stopwatch.lap(phase, stage.name);
            if let Err(denial) = checked {
                self.refuse(denial, exchange)?;
            }
        }
        Ok(())
    }

    /// Records what a stage says; in shadow mode that is all.
    #[cold]
    fn refuse(&self, denial: Denial, exchange: &mut Exchange<'_>) -> Result<(), Denial> {
        let kind = if self.shadow { Kind::WouldBlock } else { Kind::Block };
        exchange.state.events.push(Event::of(kind, &denial));
        if self.shadow { Ok(()) } else { Err(denial) }
    }
}

/// What becomes of a finding of a protection that has a mode: a refusal, or an event that says what would have been.
pub(crate) fn found(
    policy: &Policy,
    exchange: &mut Exchange<'_>,
    mode: Mode,
    denial: Denial,
) -> Result<(), Denial> {
    let kind = match mode {
        Mode::Off => return Ok(()),
        Mode::Log => Kind::Log,
        Mode::Block if policy.settings(exchange).shadow => Kind::WouldBlock,
        Mode::Block => return Err(denial),
    };
    exchange.state.events.push(Event::of(kind, &denial));
    Ok(())
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
