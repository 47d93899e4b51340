//! What is remembered of a request while it lives, for its event and its metrics.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use hyper::header::{self, HeaderMap};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode, Version};
use serde_json::json;
use shield_engine::{Lap, Policy};

use crate::client::canonical;
use crate::events::{Event, Map, Text, timestamp};
use crate::listen::client::Client;
use crate::metrics::bump;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::snapshot::Snapshot;
use crate::trace::{Id, Trace, hex};
use crate::worker::Worker;

/// One request's record.
#[derive(Debug)]
pub(crate) struct Record {
    worker: Rc<Worker>,
    pub(crate) started: Instant,
    pub(crate) unix_millis: u64,
    pub(crate) trace: Trace,
    pub(crate) client: IpAddr,
    pub(crate) upstream: Option<SocketAddr>,
    /// What was found and let pass, ready for the event.
    pub(crate) findings: Vec<shield_engine::Event>,
    /// Where the time has gone so far, and when that was looked at last.
    spent: [Duration; SPANS.len()],
    looked: Instant,
    /// The access log keeps the request, unless it is refused or flagged anyway.
    sampled: bool,
    /// The time of each stage is wanted.
    pub(crate) timed: bool,
    /// The time that each stage took, where it is wanted.
    pub(crate) laps: Vec<Lap>,
    /// The names of API and endpoint, and the path that was matched, once they are known and somebody asks.
    pub(crate) place: Place,
    refused: Option<(&'static str, &'static str)>,
    said: Option<Said>,
}

/// Where in the policy a request belongs.
#[derive(Debug, Default, Clone)]
pub(crate) struct Place {
    pub(crate) api: Option<Box<str>>,
    pub(crate) endpoint: Option<String>,
    pub(crate) path: Option<Vec<u8>>,
}

/// Where the time of a request goes: waiting for others, or judging in one of the phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    Head,
    Keys,
    Store,
    State,
    BodyWait,
    Body,
    Upstream,
    AnswerWait,
    Answer,
}

/// Their names in events, in the order of [`Span`].
const SPANS: [&str; 9] =
    ["head", "keys", "store", "state", "body_wait", "body", "upstream", "answer_wait", "answer"];

/// What the request said.
#[derive(Debug, Default)]
struct Said {
    protocol: &'static str,
    method: Vec<u8>,
    host: Vec<u8>,
    path: Vec<u8>,
}

impl Record {
    pub(crate) fn begin(worker: &Rc<Worker>, client: &Client, headers: &HeaderMap) -> Self {
        let now = (worker.shared.clock)();
        let settings = &worker.shared.settings;
        // One draw for both, so that what the access log keeps is not drawn once more.
        let drawn =
            if worker.shared.events.wanted() { (worker.random.next() % 100) as usize } else { usize::MAX };
        let sampled = settings.access_log == "on" && drawn < settings.access_sample;
        Self {
            sampled,
            timed: sampled || drawn < settings.stage_times,
            laps: Vec::new(),
            worker: Rc::clone(worker),
            started: now,
            looked: now,
            spent: [Duration::ZERO; SPANS.len()],
            unix_millis: worker.unix_millis(now),
            trace: Trace::of(headers, &worker.random),
            client: canonical(client.peer.ip()),
            upstream: None,
            findings: Vec::new(),
            place: Place::default(),
            refused: None,
            said: None,
        }
    }

    /// The name of this request in events, and in what a refused client is told.
    pub(crate) fn id(&self) -> Id {
        Id::of(self.trace.span)
    }

    /// Between the request's head and the last look at the time.
    pub(crate) fn elapsed(&self) -> Duration {
        self.looked.saturating_duration_since(self.started)
    }

    /// What has passed since this was last asked has gone to `span`.
    pub(crate) fn spend(&mut self, span: Span) {
        let now = (self.worker.shared.clock)();
        if let Some(spent) = self.spent.get_mut(span as usize) {
            *spent += now.saturating_duration_since(self.looked);
        }
        self.looked = now;
    }

    /// Whether an event may want to know the endpoint.
    pub(crate) fn wants_place(&self) -> bool {
        !self.findings.is_empty() || self.worker.shared.settings.access_log == "on"
    }

    /// Whether there will be an event.
    pub(crate) fn is_told(&self, outcome: &Result<Response<Reply>, Refusal>) -> bool {
        self.worker.shared.events.wanted() && (outcome.is_err() || !self.findings.is_empty() || self.sampled)
    }

    /// Keeps what the event says of the request; paths and queries may hold secrets, so the path is the endpoint's
    /// template where there is one, and the first segment where not.
    pub(crate) fn describe(&mut self, parts: &Parts) {
        let host = parts.headers.get(header::HOST).map(|host| host.as_bytes().to_vec());
        self.said = Some(Said {
            protocol: match parts.version {
                Version::HTTP_2 => "HTTP/2",
                Version::HTTP_10 => "HTTP/1.0",
                _ => "HTTP/1.1",
            },
            method: parts.method.as_str().into(),
            host: host.or_else(|| parts.uri.authority().map(|a| a.as_str().into())).unwrap_or_default(),
            path: self.path(parts),
        });
    }

    fn path(&self, parts: &Parts) -> Vec<u8> {
        // A request that has no canonical form is told as it came.
        let path =
            self.place.path.as_deref().map_or_else(|| parts.uri.path().into(), String::from_utf8_lossy);
        if self.worker.shared.settings.log_paths == "full" {
            return path.into_owned().into();
        }
        match &self.place.endpoint {
            Some(endpoint) => endpoint.split_once(' ').map_or(endpoint.as_str(), |(_, path)| path).into(),
            None => match path.char_indices().skip(1).find(|(_, c)| *c == '/') {
                Some((end, _)) => format!("{}/…", path.get(..end).unwrap_or_default()).into(),
                None => path.into_owned().into(),
            },
        }
    }

    pub(crate) fn refused(&mut self, refusal: &Refusal) {
        self.worker.counters.denied(refusal.stage, refusal.reason);
        self.refused = Some((refusal.stage, refusal.reason));
    }

    /// The head of the answer is on its way, to a request that was judged by this policy.
    pub(crate) fn answered(&mut self, status: StatusCode, snapshot: Option<&Snapshot>) {
        // Something was waited for or judged just now, and looked at the time.
        let took = self.elapsed();
        let counters = &self.worker.counters;
        counters.answered(status.as_u16(), took);
        match (self.refused, self.findings.is_empty()) {
            (Some(_), _) => {}
            (None, false) => bump(&counters.flagged),
            (None, true) => bump(&counters.permitted),
        }
        let told = self.refused.is_some() || self.said.is_some();
        if told && self.worker.shared.events.wanted() {
            self.tell(status, snapshot, took);
        }
    }

    fn tell(&mut self, status: StatusCode, snapshot: Option<&Snapshot>, took: Duration) {
        let said = self.said.take().unwrap_or_default();
        let worker = Rc::clone(&self.worker);
        worker.shared.events.send(&self.event(&said, snapshot, status, took));
    }

    fn event<'a>(
        &'a self,
        said: &'a Said,
        snapshot: Option<&'a Snapshot>,
        status: StatusCode,
        took: Duration,
    ) -> Event<'a> {
        let policy = snapshot.map(|snapshot| &snapshot.policy);
        let (stage, reason) = self.refused.unzip();
        Event {
            time: timestamp(self.unix_millis),
            kind: match (self.refused.is_some(), self.findings.is_empty()) {
                (true, _) => "refusal",
                (false, false) => "finding",
                (false, true) => "access",
            },
            id: self.id().as_str().into(),
            trace: hex(&self.trace.id),
            bundle: snapshot.map_or("", |snapshot| &snapshot.digest),
            client: self.client.to_string(),
            protocol: said.protocol,
            method: Text(said.method.as_slice().into()),
            host: Text(said.host.as_slice().into()),
            path: Text(said.path.as_slice().into()),
            api: self.place.api.as_deref(),
            endpoint: self.place.endpoint.clone(),
            verdict: if self.refused.is_some() { "deny" } else { "permit" },
            stage,
            reason,
            status: status.as_u16(),
            upstream: self.upstream.map(|address| address.to_string()),
            findings: self.findings.iter().map(|event| finding(event, policy)).collect(),
            micros: took.as_micros() as u64,
            spent: self.spent_by_name(),
            stages: self.laps_by_name(),
        }
    }

    fn spent_by_name(&self) -> Map {
        let spent = SPANS.iter().zip(&self.spent).filter(|(_, spent)| !spent.is_zero());
        spent.map(|(name, spent)| ((*name).into(), (spent.as_micros() as u64).into())).collect()
    }

    fn laps_by_name(&self) -> Map {
        let laps = self
            .laps
            .iter()
            .map(|Lap { phase, stage, took }| (format!("{phase}:{stage}"), (took.as_nanos() as u64).into()));
        laps.collect()
    }
}

/// What was found, without any value of the request.
fn finding(event: &shield_engine::Event, policy: Option<&Policy>) -> serde_json::Value {
    let mut members = Map::new();
    members.insert("kind".into(), event.kind.name().into());
    members.insert("reason".into(), event.reason.label().into());
    if let Some(item) = policy.zip(event.by).and_then(|(policy, by)| policy.cite(by)) {
        members.insert("rule".into(), item.name.into());
        members.insert("at".into(), format!("{}:{}", item.origin.file, item.origin.line).into());
    }
    if let Some(detail) = &event.detail {
        members.insert("detail".into(), (&**detail).into());
    }
    if !event.violations.is_empty() {
        let violation = |v: &shield_engine::Violation| json!({ "location": v.location.name(), "pointer": v.pointer, "keyword": v.keyword, "class": v.class.name() });
        members.insert("violations".into(), event.violations.iter().map(violation).collect());
    }
    members.into()
}
