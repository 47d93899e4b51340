//! What goes back to a client: a body made here, or the origin's as it comes.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::gate::link::{Link, Order};
use crate::listen::client::Busy;
use crate::upstream::Lease;
use crate::worker::{Flight, Worker};

/// A response's body.
// PERF: boxed, since a response passes through some ten hands before it is written.
#[derive(Debug)]
pub(crate) struct Reply(Box<Inner>);

#[derive(Debug)]
struct Inner {
    content: Content,
    /// Until this is dropped, the request counts as being served.
    serving: Option<Serving>,
    /// Where a stream of several on one connection must be watched by itself.
    stall: Option<Rc<Stall>>,
}

/// Since when a client has not asked for the next piece of a response.
#[derive(Debug)]
pub(crate) struct Stall {
    link: Arc<Link>,
    /// 0 while it is the origin's turn.
    since: Cell<u32>,
}

impl Stall {
    pub(crate) fn new(link: &Arc<Link>) -> Rc<Self> {
        Rc::new(Self { link: Arc::clone(link), since: Cell::new(link.tick()) })
    }

    /// Gives the connection up when the client has taken nothing for so long.
    pub(crate) fn watch(&self, patience: u32) {
        let since = self.since.get();
        if since != 0 && self.link.tick().saturating_sub(since) > patience {
            self.link.order(Order::Close);
        }
    }
}

#[derive(Debug)]
enum Content {
    Whole(Bytes),
    Stream(Stream),
}

/// An origin's body.
#[derive(Debug)]
struct Stream {
    /// What has been read already, the last first.
    first: Vec<Bytes>,
    /// The rest, and the connection it comes from, until it has come.
    lease: Option<Lease>,
    worker: Rc<Worker>,
}

/// Counts a request as being served.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) _busy: Busy,
    pub(crate) _flight: Flight,
}

impl Reply {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::new(Content::Whole(bytes.into()))
    }

    fn new(content: Content) -> Self {
        Self(Box::new(Inner { content, serving: None, stall: None }))
    }

    /// The request counts as being served until this body is dropped.
    pub(crate) fn serve(&mut self, serving: Option<Serving>) {
        self.0.serving = serving;
    }

    /// Watches this body by itself.
    pub(crate) fn watch(&mut self, stall: Rc<Stall>) {
        self.0.stall = Some(stall);
    }

    /// Passes an origin's body on, after what has been read of it, of which the last comes `first`; the connection is used
    /// again when the body has been read to its end.
    pub(crate) fn stream(mut first: Vec<Bytes>, lease: Lease, worker: &Rc<Worker>) -> Self {
        first.retain(|bytes| !bytes.is_empty());
        let mut stream = Stream { first, lease: Some(lease), worker: Rc::clone(worker) };
        stream.give_back();
        Self::new(Content::Stream(stream))
    }
}

impl Stream {
    /// Lets go of a connection of which the body has been read.
    fn give_back(&mut self) {
        if let Some(lease) = self.lease.take_if(|lease| lease.is_end_stream()) {
            lease.give_back(self.worker.ticks.now(), self.worker.upstreams.most_idle);
        }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let inner = &mut *self.0;
        let polled = inner.content.poll_frame(cx);
        if let Some(stall) = &inner.stall {
            stall.since.set(if polled.is_ready() { stall.link.tick() } else { 0 });
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.0.content {
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Stream(stream) => stream.first.is_empty() && stream.lease.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(stream) => {
                let first: usize = stream.first.iter().map(Bytes::len).sum();
                let rest = stream.lease.as_ref().map_or(Some(0), |lease| lease.size_hint().exact());
                rest.map_or_else(SizeHint::new, |rest| SizeHint::with_exact(rest + first as u64))
            }
        }
    }
}

impl Content {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self {
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Self::Stream(stream) => {
                if let Some(bytes) = stream.first.pop() {
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                let Some(lease) = &mut stream.lease else { return Poll::Ready(None) };
                let frame = ready!(Pin::new(lease).poll_frame(cx));
                match &frame {
                    Some(Err(_)) => stream.lease = None,
                    Some(Ok(_)) | None => stream.give_back(),
                }
                Poll::Ready(frame)
            }
        }
    }
}
