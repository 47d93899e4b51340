//! A worker's connections to origins: unused ones are kept a while, and only clean ones are used again.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1::SendRequest};
use hyper::{Request, Response};

use super::outgoing::{Outgoing, Progress};
use crate::spelling::{Scribe, Spelling};

/// Sends requests over one connection.
#[derive(Debug)]
pub(crate) struct Sender {
    requests: SendRequest<Outgoing>,
    scribe: Scribe,
    progress: Rc<Progress>,
}

impl Sender {
    pub(crate) fn new(requests: SendRequest<Outgoing>, scribe: Scribe) -> Self {
        Self { requests, scribe, progress: Rc::default() }
    }

    /// What the next request tells its progress to, known to the watchman.
    pub(crate) fn progress(&mut self, watched: &mut Vec<Weak<Progress>>) -> Rc<Progress> {
        if Rc::strong_count(&self.progress) > 1 {
            // hyper has not let go of the last request.
            self.progress = Rc::default();
        }
        if Rc::weak_count(&self.progress) == 0 {
            watched.push(Rc::downgrade(&self.progress));
        }
        Rc::clone(&self.progress)
    }

    /// Sends a request; where the answer is to be `spelled`, [`Sender::spelling`] tells how its names were written.
    pub(crate) fn send(
        &mut self,
        request: Request<Outgoing>,
        spelled: bool,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<Outgoing>>>> + use<> {
        if spelled {
            self.scribe.listen();
        }
        self.requests.try_send_request(request)
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
    fn take(&self) -> Option<Box<Sender>> {
        let mut idle = self.idle.borrow_mut();
        while let Some((sender, _)) = idle.pop() {
            if !sender.requests.is_closed() {
                return Some(sender);
            }
        }
        None
    }

    /// Closes what has been unused since before `oldest`, and forgets what has closed.
    pub(crate) fn prune(&self, oldest: u32) {
        self.idle.borrow_mut().retain(|(sender, since)| *since >= oldest && !sender.requests.is_closed());
    }

    /// Unused connections.
    pub(crate) fn idle(&self) -> usize {
        self.idle.borrow().len()
    }
}

impl Slot {
    /// An open connection that waits for a request, or the right back to make one.
    pub(crate) async fn reuse(self) -> Result<Lease, Self> {
        while let Some(mut sender) = self.0.take() {
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
    /// The response has been read to its end: the next request may use the connection.
    pub(crate) fn give_back(self, now: u32, most_idle: usize) {
        let Self { sender, slot } = self;
        let mut idle = slot.0.idle.borrow_mut();
        // A request that the origin answered before reading all of it leaves a connection that nobody can use.
        let clean = sender.progress.complete.get() && !sender.requests.is_closed();
        if clean && idle.len() < most_idle {
            idle.push((sender, now));
        }
    }
}
