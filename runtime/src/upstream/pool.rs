//! A worker's connections to origins: unused ones are kept a while, and only clean ones are used again.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1::SendRequest};
use hyper::{Request, Response};

use super::outgoing::Outgoing;
use crate::apart::Apart;
use crate::spelling::{Scribe, Spelling};

/// Moves the bytes of a connection; an error ends it, and the request that suffers is told through its own channel.
type Connection = Apart<'static, hyper::Result<()>>;

/// Sends requests over one connection.
pub(crate) struct Sender {
    requests: SendRequest<Outgoing>,
    scribe: Scribe,
    /// As long as whoever waits for an answer moves the connection's bytes; else it has ended, or has a task of its own.
    // PERF: most answers come in one piece. For them, two tasks that wake each other would do the work of one.
    connection: Option<Connection>,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("requests", &self.requests).finish_non_exhaustive()
    }
}

/// What comes of a request: the head of an answer, or why there is none, with the request where nothing was sent.
type Head = Result<Response<Incoming>, TrySendError<Request<Outgoing>>>;
/// The same.
// PERF: boxed, since it goes through many hands, and so is what else does.
pub(crate) type Sent = Result<Box<Response<Incoming>>, Box<TrySendError<Request<Outgoing>>>>;

impl Sender {
    pub(crate) const fn new(requests: SendRequest<Outgoing>, connection: Connection, scribe: Scribe) -> Self {
        Self { requests, scribe, connection: Some(connection) }
    }

    /// Sends a request; where the answer is to be `spelled`, [`Sender::spelling`] tells how its names were written.
    pub(crate) fn send(
        &mut self,
        request: Request<Outgoing>,
        spelled: bool,
    ) -> impl Future<Output = Head> + use<> {
        if spelled {
            self.scribe.listen();
        }
        self.requests.try_send_request(request)
    }

    /// Moves the connection on, and looks whether that has brought the answer that `sending` waits for.
    pub(crate) fn poll_answer<F: Future<Output = Head>>(
        &mut self,
        sending: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<Sent> {
        // PERF: where nobody else can bring it, nobody need be woken.
        let mut alone = Context::from_waker(Waker::noop());
        let cx = if self.move_on(cx) { &mut alone } else { cx };
        match sending.poll(cx) {
            Poll::Ready(Ok(response)) => Poll::Ready(Ok(Box::new(response))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(Box::new(error))),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Moves the connection on, where that is not done elsewhere; whether there is anything left to do here.
    fn move_on(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(connection) = &mut self.connection else { return false };
        let running = connection.as_mut().poll(cx).is_pending();
        if !running {
            self.connection = None;
        }
        running
    }

    /// The head of an answer has come: where there is more to come, or to be sent, a task of the connection's own sees to
    /// that from now on, whether or not anybody waits for it.
    pub(crate) fn let_go(&mut self) {
        if !self.requests.is_ready()
            && let Some(connection) = self.connection.take()
        {
            tokio::task::spawn_local(connection);
        }
    }

    /// Whether the origin has closed an unused connection.
    fn has_closed(&mut self) -> bool {
        self.move_on(&mut Context::from_waker(Waker::noop()));
        self.requests.is_closed()
    }

    pub(crate) fn spelling(&self) -> Spelling {
        self.scribe.spelling()
    }
}

/// The connections of one worker to one member.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: RefCell<Vec<(Box<Sender>, u32)>>,
    in_use: Cell<usize>,
}

/// One connection while a request uses it.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) sender: Box<Sender>,
    slot: Slot,
}

/// The right to one connection.
#[derive(Debug)]
pub(crate) struct Slot(Rc<Pool>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.in_use.set(self.0.in_use.get() - 1);
    }
}

impl Pool {
    pub(crate) fn in_use(&self) -> usize {
        self.in_use.get()
    }

    /// The right to use a connection, unless `most` are in use.
    pub(crate) fn slot(self: &Rc<Self>, most: usize) -> Option<Slot> {
        if self.in_use.get() >= most {
            return None;
        }
        self.in_use.set(self.in_use.get() + 1);
        Some(Slot(Rc::clone(self)))
    }

    /// The connection that was used last and is still open.
    fn take(&self, now: u32) -> Option<Box<Sender>> {
        let mut idle = self.idle.borrow_mut();
        while let Some((mut sender, since)) = idle.pop() {
            // PERF: one that was used just now is not looked at again; should it have closed, another is tried.
            let closed = if since == now { sender.requests.is_closed() } else { sender.has_closed() };
            if !closed {
                return Some(sender);
            }
        }
        None
    }

    /// Closes what has been unused since before `oldest`, and forgets what has closed.
    pub(crate) fn prune(&self, oldest: u32) {
        self.idle.borrow_mut().retain_mut(|(sender, since)| *since >= oldest && !sender.has_closed());
    }

    /// Unused connections.
    pub(crate) fn idle(&self) -> usize {
        self.idle.borrow().len()
    }
}

impl Slot {
    /// An open connection that waits for a request, or the right back to make one.
    pub(crate) async fn reuse(self, now: u32) -> Result<Lease, Self> {
        while let Some(mut sender) = self.0.take(now) {
            // It may not be ready yet where a task of its own moves it.
            if sender.requests.is_ready() || sender.requests.ready().await.is_ok() {
                return Ok(self.lease(sender));
            }
        }
        Err(self)
    }

    pub(crate) const fn lease(self, sender: Box<Sender>) -> Lease {
        Lease { sender, slot: self }
    }
}

impl Lease {
    /// The response has been read to its end and the request sent to its end: the next may use the connection.
    pub(crate) fn give_back(self, now: u32, most_idle: usize) {
        let Self { sender, slot } = self;
        let mut idle = slot.0.idle.borrow_mut();
        if !sender.requests.is_closed() && idle.len() < most_idle {
            idle.push((sender, now));
        }
    }
}
