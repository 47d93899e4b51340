//! Sends a permitted request to an origin: picks an address, reuses or opens a connection, tries again where that is safe.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use hyper::http::response::Parts;
use shield_engine::Permit;

mod answer;
mod connect;
mod group;
mod origin;
mod outgoing;
mod pool;
mod wire;

pub(crate) use connect::{Tls, trust};
pub(crate) use group::{Group, HealthRule, Registry};
pub(crate) use origin::Origin;
use outgoing::Head;
pub(crate) use outgoing::{Content, Framing, write_headers};
pub(crate) use pool::Lease;
pub(crate) use wire::Changed;

use crate::apart::apart;
use crate::clock::{self, Ticks};
use crate::config::Settings;
use crate::metrics::{Counters, bump};
use crate::spelling::Spelling;
use group::{Choice, Member};
use outgoing::Progress;
use pool::Pool;
use wire::Wire;

/// Tries for one request, the first included.
const MOST_TRIES: usize = 3;
/// Retries that may be saved up.
const SAVED_RETRIES: u32 = 10;

/// Why no response came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The API has no address to send to.
    NoOrigin,
    /// No connection could be made.
    Connect,
    /// The connection broke before a response came.
    Broken,
    /// What came is not believed, and why.
    Doubted(&'static str),
    /// No response came in time.
    Timeout,
    /// Every connection that may be open is in use.
    Busy,
    /// The client's body is too long.
    TooLarge,
    /// The client's body broke off.
    Client,
}

/// What an origin has answered, with the connection that its body comes from.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Box<Parts>,
    /// How the names of its headers were written, if that matters.
    pub(crate) spelling: Spelling,
    /// Its body.
    pub(crate) lease: Lease,
    pub(crate) member: Arc<Member>,
}

/// What is sent, and how to make its head anew for each try.
pub(crate) struct Call<'a> {
    pub(crate) group: &'a Group,
    pub(crate) head: Head<'a>,
    pub(crate) idempotent: bool,
    /// Whether the answer has no body, whatever it says.
    pub(crate) bodiless: bool,
    /// Whether it matters how the names of the answer's headers are written.
    pub(crate) spelled: bool,
}

/// One worker's side of the origins.
#[derive(Debug)]
pub(crate) struct Upstreams {
    pools: RefCell<Vec<Rc<Pool>>>,
    tls: Option<Tls>,
    rule: HealthRule,
    connect_timeout: Duration,
    response_ticks: u32,
    /// What the watchman looks after: one for each connection.
    watched: RefCell<Vec<Weak<Progress>>>,
    most_connections: usize,
    pub(crate) most_idle: usize,
    idle_ticks: u32,
    retry_percent: u32,
    /// Hundredths of a retry.
    saved: Cell<u32>,
}

/// A try that gave no answer.
struct Failed {
    failure: Failure,
    /// What may be sent again.
    content: Option<Content>,
    /// An old connection turned out to be closed: nobody's fault.
    stale: bool,
}

impl Upstreams {
    pub(crate) fn new(settings: &Settings, tls: Option<Tls>) -> Self {
        Self {
            pools: RefCell::default(),
            tls,
            rule: HealthRule {
                failures: settings.failures as u32,
                pause: clock::ticks(settings.failure_pause),
            },
            connect_timeout: settings.connect_timeout,
            response_ticks: clock::ticks(settings.response_timeout),
            watched: RefCell::default(),
            most_connections: settings.upstream_connections,
            most_idle: settings.upstream_idle,
            idle_ticks: clock::ticks(settings.upstream_idle_timeout),
            retry_percent: settings.retry_percent as u32,
            saved: Cell::new(SAVED_RETRIES * 100),
        }
    }

    /// Sends `content` until an answer comes, the tries are used up, or another could do harm. The permit is spent:
    /// nothing is sent without one.
    pub(crate) async fn send(
        &self,
        _permit: Permit<'_>,
        call: Call<'_>,
        content: Content,
        at: &Moment<'_>,
    ) -> Result<Answer, Failure> {
        self.saved.set((self.saved.get() + self.retry_percent).min(SAVED_RETRIES * 100));
        let mut content = content;
        let mut tried = Vec::new();
        let mut stale = 0;
        let mut last = Failure::NoOrigin;
        loop {
            let load = |member: &Member| self.pool(member.id).in_use();
            let choice = Choice { now: at.ticks.now(), random: at.random, tried: &tried, load: &load };
            let member = call.group.pick(&choice).ok_or(last)?;
            let reuse = stale < MOST_TRIES;
            let tried_now = pin!(self.attempt(&call, &member, content, (at.ticks, reuse))).await;
            let failed = match tried_now {
                Ok((head, spelling, lease)) => {
                    member.succeeded();
                    return Ok(Answer { head, spelling, lease, member });
                }
                Err(failed) => failed,
            };
            last = failed.failure;
            if failed.stale {
                stale += 1;
            } else if matches!(
                last,
                Failure::Connect | Failure::Broken | Failure::Doubted(_) | Failure::Timeout
            ) {
                member.failed(at.ticks.now(), self.rule);
                bump(&at.counters.upstream_failures);
                tried.push(member.id);
            }
            let again = failed.stale || (tried.len() < MOST_TRIES && !tried.is_empty() && self.may_retry());
            content = failed.content.filter(|_| again).ok_or(last)?;
            bump(&at.counters.upstream_retries);
        }
    }

    fn may_retry(&self) -> bool {
        let left = self.saved.get().checked_sub(100);
        left.inspect(|left| self.saved.set(*left)).is_some()
    }

    async fn attempt(
        &self,
        call: &Call<'_>,
        member: &Member,
        content: Content,
        (ticks, reuse): (&Ticks, bool),
    ) -> Result<(Box<Parts>, Spelling, Lease), Failed> {
        let Some(slot) = self.pool(member.id).slot(self.most_connections) else {
            return Err(Failed { failure: Failure::Busy, content: None, stale: false });
        };
        let reused = if reuse { slot.reuse() } else { Err(slot) };
        let old = reused.is_ok();
        let mut lease = match reused {
            Ok(lease) => lease,
            Err(slot) => match self.connect(member).await {
                Ok(wire) => slot.lease(wire),
                Err(failure) => return Err(Failed { failure, content: Some(content), stale: false }),
            },
        };
        let spare = content.replayable();
        let progress = lease.wire.begin(content, call.head, &mut self.watched.borrow_mut());
        let about = (call.bodiless, call.spelled);
        match progress.within(ticks.now(), |cx| lease.wire.poll_answer(about, cx)).await {
            Some(Ok((head, spelling))) => Ok((head, spelling, lease)),
            Some(Err(failure)) => {
                let broken = matches!(failure, Failure::Broken | Failure::Doubted(_));
                let harmless = broken && (call.idempotent || !progress.wrote.get());
                let content = spare.filter(|_| harmless);
                let stale = old && !lease.wire.heard && content.is_some();
                Err(Failed { failure, content, stale })
            }
            None => Err(Failed { failure: Failure::Timeout, content: None, stale: false }),
        }
    }

    async fn connect(&self, member: &Member) -> Result<Box<Wire>, Failure> {
        // Boxed, since it is rare and large: a handshake's state is not part of every request's.
        let connecting = apart(|| connect::connect(member, self.tls.as_ref()));
        match tokio::time::timeout(self.connect_timeout, connecting).await {
            Ok(Ok(wire)) => Ok(wire),
            Ok(Err(_)) | Err(_) => Err(Failure::Connect),
        }
    }

    fn pool(&self, id: usize) -> Rc<Pool> {
        let mut pools = self.pools.borrow_mut();
        while pools.len() <= id {
            pools.push(Rc::default());
        }
        pools.get(id).map(Rc::clone).unwrap_or_default()
    }

    /// What the watchman does each tick: gives up answers that take too long.
    pub(crate) fn watch(&self, now: u32) {
        let watch = |progress: &Rc<Progress>| progress.watch(now, self.response_ticks);
        self.watched.borrow_mut().retain(|each| each.upgrade().inspect(watch).is_some());
    }

    /// Closes connections that have been unused for too long.
    pub(crate) fn prune(&self, now: u32) {
        for pool in self.pools.borrow().iter() {
            pool.prune(now.saturating_sub(self.idle_ticks));
        }
    }

    /// Unused connections to all origins.
    pub(crate) fn idle(&self) -> usize {
        self.pools.borrow().iter().map(|pool| pool.idle()).sum()
    }
}

/// What a call needs of its worker.
pub(crate) struct Moment<'a> {
    pub(crate) ticks: &'a Ticks,
    pub(crate) random: u64,
    pub(crate) counters: &'a Counters,
}

#[cfg(test)]
mod tests;
