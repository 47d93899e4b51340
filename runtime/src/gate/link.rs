//! What a connection's gate, its task, its requests and the worker's watchman know in common.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::fault::Fault;
use crate::clock::{Ticks, ticks};
use crate::spelling::Spelling;

/// What a client is being waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Wait {
    /// Nothing: it is our turn.
    Nothing,
    /// The first byte of a request.
    Request,
    /// The rest of a head.
    Head,
    /// More of a body.
    Body,
    /// More of an upgraded connection, either way.
    Tunnel,
    /// To read its refusal, while what it still sends is thrown away.
    Linger,
}

const WAITS: [Wait; 6] = [Wait::Nothing, Wait::Request, Wait::Head, Wait::Body, Wait::Tunnel, Wait::Linger];

/// What became of a wish to change the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Upgrade {
    /// Nobody has asked.
    Open,
    /// Somebody has asked, and nobody has answered.
    Asked,
    /// The origin has agreed: the gate opens for good.
    Granted,
    /// It was refused: what follows is HTTP.
    Refused,
}

/// What the connection's task is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Order {
    /// Go on.
    None,
    /// Look again: something has changed.
    Look,
    /// Finish what is under way.
    Drain,
    /// Close at once.
    Close,
}

/// How long a client may take for each thing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) request: u32,
    pub(crate) head: u32,
    pub(crate) body: u32,
    pub(crate) write: u32,
    pub(crate) tunnel: u32,
    pub(crate) rate: u64,
}

/// How long a client may say nothing before its connection is kept in less room.
const REST: Duration = Duration::from_millis(500);
/// How long a refused client may go on sending before the connection is cut.
const LINGER: Duration = Duration::from_secs(2);
/// How long a client is waited for before its rate is looked at.
const RATE_GRACE: Duration = Duration::from_secs(10);

/// The shared state of one connection; every field is written by its worker's thread alone.
#[derive(Debug)]
pub(crate) struct Link {
    ticks: Arc<Ticks>,
    fault: AtomicU8,
    upgrade: AtomicU8,
    order: AtomicU8,
    wait: AtomicU8,
    since: AtomicU32,
    /// Of the body being read: bytes so far, and ticks that were spent waiting for them.
    taken: AtomicU64,
    waited: AtomicU32,
    /// Since when the client has taken nothing of what is written; 0 when it does.
    stalled: AtomicU32,
    /// The connection is kept in less room.
    resting: AtomicBool,
    /// Requests whose response is not complete.
    busy: AtomicU32,
    /// Whether somebody asks how the names of headers are written.
    spells: Arc<AtomicBool>,
    /// Heads that have passed, and those that have become requests.
    passed: AtomicU32,
    served: AtomicU32,
    /// Of heads between the two, by their numbers.
    spellings: Mutex<VecDeque<(u32, Spelling)>>,
    /// There is an order that nobody has taken.
    ordered: AtomicBool,
    /// Who waits for it.
    waiting: Mutex<Option<Waker>>,
}

impl Link {
    pub(crate) fn new(ticks: Arc<Ticks>, spells: Arc<AtomicBool>) -> Self {
        let since = AtomicU32::new(ticks.now());
        Self {
            ticks,
            fault: AtomicU8::new(0),
            upgrade: AtomicU8::new(Upgrade::Open as u8),
            order: AtomicU8::new(Order::None as u8),
            wait: AtomicU8::new(Wait::Request as u8),
            since,
            taken: AtomicU64::new(0),
            waited: AtomicU32::new(0),
            stalled: AtomicU32::new(0),
            resting: AtomicBool::new(true),
            busy: AtomicU32::new(0),
            spells,
            passed: AtomicU32::new(0),
            served: AtomicU32::new(0),
            spellings: Mutex::default(),
            ordered: AtomicBool::new(false),
            waiting: Mutex::default(),
        }
    }

    pub(crate) fn tick(&self) -> u32 {
        self.ticks.now()
    }

    pub(crate) fn fault(&self) -> Option<Fault> {
        Fault::from_code(self.fault.load(Relaxed))
    }

    /// The first fault stays.
    pub(crate) fn set_fault(&self, fault: Fault) {
        if self.fault.load(Relaxed) == 0 {
            self.fault.store(fault as u8, Relaxed);
        }
    }

    pub(crate) fn upgrade(&self) -> Upgrade {
        match self.upgrade.load(Relaxed) {
            1 => Upgrade::Asked,
            2 => Upgrade::Granted,
            3 => Upgrade::Refused,
            _ => Upgrade::Open,
        }
    }

    pub(crate) fn set_upgrade(&self, upgrade: Upgrade) {
        self.upgrade.store(upgrade as u8, Relaxed);
    }

    /// The client is waited for; a wait that goes on keeps its beginning.
    // PERF: here and below without a locked instruction, for only one thread writes.
    pub(crate) fn wait_for(&self, wait: Wait) {
        if self.wait.load(Relaxed) != wait as u8 {
            self.wait.store(wait as u8, Relaxed);
            self.since.store(self.ticks.now(), Relaxed);
        }
    }

    /// A body begins.
    pub(crate) fn begin_body(&self) {
        self.taken.store(0, Relaxed);
        self.waited.store(0, Relaxed);
    }

    /// `count` bytes of a body, or of a tunnel, have come.
    pub(crate) fn came(&self, count: usize) {
        if self.wait.load(Relaxed) == Wait::Body as u8 {
            let waited = self.ticks.now().wrapping_sub(self.since.load(Relaxed));
            self.waited.store(self.waited.load(Relaxed).wrapping_add(waited), Relaxed);
        }
        self.wait.store(Wait::Nothing as u8, Relaxed);
        self.taken.store(self.taken.load(Relaxed).wrapping_add(count as u64), Relaxed);
    }

    /// The client takes what is written, or does not.
    pub(crate) fn writing(&self, blocked: bool) {
        if !blocked {
            self.stalled.store(0, Relaxed);
            if self.wait.load(Relaxed) == Wait::Tunnel as u8 {
                self.since.store(self.ticks.now(), Relaxed);
            }
        } else if self.stalled.load(Relaxed) == 0 {
            self.stalled.store(self.ticks.now(), Relaxed);
        }
    }

    /// A head has passed.
    pub(crate) fn spell(&self, head: &[u8]) {
        let number = next(&self.passed);
        if self.spells.load(Acquire) {
            self.spellings().push_back((number, Spelling::of(head)));
        }
    }

    /// How the names of the next request's head were written, where somebody has asked when it passed; over HTTP/2 they
    /// are in lower case.
    pub(crate) fn spelled(&self) -> Spelling {
        let wanted = next(&self.served);
        if !self.spells.load(Acquire) {
            return Spelling::default();
        }
        let mut spellings = self.spellings();
        spellings.retain(|(number, _)| *number >= wanted);
        let found = spellings.pop_front_if(|(number, _)| *number == wanted);
        found.map(|(_, spelling)| spelling).unwrap_or_default()
    }

    fn spellings(&self) -> MutexGuard<'_, VecDeque<(u32, Spelling)>> {
        self.spellings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request is being served.
    pub(crate) fn begin_request(&self) {
        self.busy.store(self.busy.load(Relaxed) + 1, Relaxed);
    }

    /// Its response is complete, or given up.
    pub(crate) fn end_request(&self) {
        self.busy.store(self.busy.load(Relaxed) - 1, Relaxed);
        self.since.store(self.ticks.now(), Relaxed);
    }

    pub(crate) fn order(&self, order: Order) {
        if order as u8 >= self.order.load(Relaxed) {
            self.order.store(order as u8, Relaxed);
        }
        self.ordered.store(true, Relaxed);
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        waiting.iter().for_each(Waker::wake_by_ref);
    }

    /// Waits for an order.
    pub(crate) async fn ordered(&self) -> Order {
        let mut known: Option<Waker> = None;
        poll_fn(|cx| {
            if self.ordered.load(Relaxed) {
                self.ordered.store(false, Relaxed);
                return Poll::Ready(());
            }
            // PERF: a connection asks whenever it runs, and is hardly ever told anything.
            if !known.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
                known = Some(cx.waker().clone());
                self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&known);
            }
            Poll::Pending
        })
        .await;
        match self.order.load(Relaxed) {
            2 => Order::Drain,
            3 => Order::Close,
            _ => Order::Look,
        }
    }

    /// Whether the client has said nothing for a while, and has taken everything that was written.
    pub(crate) fn may_rest(&self) -> bool {
        self.wait.load(Relaxed) == Wait::Request as u8
            && self.busy.load(Relaxed) == 0
            && self.stalled.load(Relaxed) == 0
            && self.ticks.now().wrapping_sub(self.since.load(Relaxed)) > ticks(REST)
    }

    /// The connection is kept in less room from now on, or no longer.
    pub(crate) fn rest(&self, resting: bool) {
        self.resting.store(resting, Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn is_to_close(&self) -> bool {
        self.order.load(Relaxed) == Order::Close as u8
    }

    /// What the watchman does each tick: asks whether patience has run out, and says so.
    pub(crate) fn watch(&self, patience: &Patience) {
        let now = self.ticks.now();
        let stalled = self.stalled.load(Relaxed);
        if stalled != 0 && now.wrapping_sub(stalled) > patience.write {
            return self.order(Order::Close);
        }
        let waited = now.wrapping_sub(self.since.load(Relaxed));
        let wait = WAITS.get(usize::from(self.wait.load(Relaxed))).copied().unwrap_or(Wait::Nothing);
        let busy = self.busy.load(Relaxed) > 0;
        match wait {
            Wait::Request | Wait::Head if busy => {}
            Wait::Request if waited > patience.request => self.order(Order::Close),
            Wait::Request if !self.resting.load(Relaxed) && self.may_rest() => self.order(Order::Look),
            Wait::Tunnel if waited > patience.tunnel => self.order(Order::Close),
            Wait::Linger if waited > ticks(LINGER) => self.order(Order::Close),
            Wait::Head if waited > patience.head => self.expire(Fault::HeadTimeout),
            Wait::Body if waited > patience.body || self.too_slow(waited, patience.rate) => {
                self.expire(Fault::BodyTimeout);
            }
            Wait::Nothing | Wait::Request | Wait::Tunnel | Wait::Linger | Wait::Head | Wait::Body => {}
        }
    }

    fn too_slow(&self, waiting: u32, rate: u64) -> bool {
        let waited = self.waited.load(Relaxed).saturating_add(waiting);
        let due = u64::from(waited) * rate / u64::from(ticks(Duration::from_secs(1)));
        waited > ticks(RATE_GRACE) && self.taken.load(Relaxed) < due
    }

    fn expire(&self, fault: Fault) {
        if self.fault.load(Relaxed) == 0 {
            self.set_fault(fault);
            self.order(Order::Look);
        }
    }
}

/// Counts on; the new number.
fn next(number: &AtomicU32) -> u32 {
    let next = number.load(Relaxed).wrapping_add(1);
    number.store(next, Relaxed);
    next
}
