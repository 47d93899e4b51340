//! A worker's connections to origins: unused ones are kept a while, and only clean ones are used again.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::wire::{Changed, Wire};

/// The connections of one worker to one member.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: RefCell<Vec<(Box<Wire>, u32)>>,
    in_use: Cell<usize>,
}

/// One connection while a request uses it; the body of its answer.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(super) wire: Box<Wire>,
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
    fn take(&self) -> Option<Box<Wire>> {
        let mut idle = self.idle.borrow_mut();
        while let Some((mut wire, _)) = idle.pop() {
            if wire.is_quiet() {
                return Some(wire);
            }
        }
        None
    }

    /// Closes what has been unused since before `oldest`, and what the other end has closed.
    pub(crate) fn prune(&self, oldest: u32) {
        self.idle.borrow_mut().retain_mut(|(wire, since)| {
            let stays = *since >= oldest && wire.is_quiet();
            if !stays {
                wire.take_leave();
            }
            stays
        });
    }

    /// Unused connections.
    pub(crate) fn idle(&self) -> usize {
        self.idle.borrow().len()
    }
}

impl Slot {
    /// An open connection that waits for a request, or the right back to make one.
    pub(crate) fn reuse(self) -> Result<Lease, Self> {
        match self.0.take() {
            Some(wire) => Ok(self.lease(wire)),
            None => Err(self),
        }
    }

    pub(crate) const fn lease(self, wire: Box<Wire>) -> Lease {
        Lease { wire, slot: self }
    }
}

impl Lease {
    /// The response has been read to its end: the next request may use the connection.
    pub(crate) fn give_back(self, now: u32, most_idle: usize) {
        let Self { mut wire, slot } = self;
        let mut idle = slot.0.idle.borrow_mut();
        if wire.is_clean() && idle.len() < most_idle {
            wire.rest();
            idle.push((wire, now));
        }
    }

    /// The connection itself, which has changed to another protocol.
    pub(crate) fn into_stream(self) -> Changed {
        self.wire.into_stream()
    }
}

impl Body for Lease {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.wire.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.wire.length() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.wire.length().map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}
