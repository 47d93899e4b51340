//! A request's body on its way to an origin.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::body::{BodyError, Inbound};

/// What is sent.
#[derive(Debug, Default)]
pub(crate) enum Content {
    /// Nothing.
    #[default]
    Empty,
    /// Bytes that have been judged.
    Whole(Bytes),
    /// The client's body as it comes.
    Stream(Box<Inbound>),
}

impl Content {
    /// A body that has been read.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Whole(bytes) }
    }

    /// The same again, where that can be had.
    pub(crate) fn replayable(&self) -> Option<Self> {
        match self {
            Self::Empty => Some(Self::Empty),
            Self::Whole(bytes) => Some(Self::Whole(bytes.clone())),
            Self::Stream(_) => None,
        }
    }
}

/// How far the sending of a connection's request is, and how long its answer has been waited for.
// PERF: one after the other uses it; memory of its own for each would come back only when the watchman has passed.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// What has not been sent.
    content: RefCell<Content>,
    /// Pieces taken so far.
    pieces: Cell<u32>,
    /// Whether all has been taken.
    pub(crate) complete: Cell<bool>,
    /// Since which tick nothing has been taken; 0 once there is an answer.
    since: Cell<u32>,
    /// How many pieces the watchman saw.
    seen: Cell<u32>,
    expired: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl Progress {
    /// Begins anew, with what is to be sent now.
    pub(crate) fn send(self: &Rc<Self>, content: Content) -> Outgoing {
        self.content.replace(content);
        self.expired.set(false);
        let outgoing = Outgoing(Rc::clone(self));
        self.complete.set(outgoing.is_end_stream());
        outgoing
    }

    /// Waits for an answer, unless the watchman says that it takes too long.
    pub(crate) async fn within<T>(
        &self,
        now: u32,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Option<T> {
        self.since.set(now);
        let sent = poll_fn(|cx| match poll(cx) {
            Poll::Ready(sent) => Poll::Ready(Some(sent)),
            Poll::Pending if self.expired.get() => Poll::Ready(None),
            Poll::Pending => {
                self.waiting.replace(Some(cx.waker().clone()));
                Poll::Pending
            }
        })
        .await;
        self.since.set(0);
        self.waiting.take();
        sent
    }

    /// What the watchman does each tick: gives the answer up after so many ticks, which begin anew with every piece of the
    /// request that is taken.
    pub(crate) fn watch(&self, now: u32, patience: u32) {
        let since = self.since.get();
        if since == 0 {
            return;
        }
        if self.seen.replace(self.pieces.get()) != self.pieces.get() {
            self.since.set(now);
        } else if now.wrapping_sub(since) > patience {
            self.expired.set(true);
            if let Some(waiting) = self.waiting.take() {
                waiting.wake();
            }
        }
    }
}

/// A body that tells how far it is.
// PERF: a request passes through some fifteen hands before it is written.
#[derive(Debug)]
pub(crate) struct Outgoing(Rc<Progress>);

impl Outgoing {
    /// What has not been sent, of a request that came back.
    pub(crate) fn into_content(self) -> Content {
        self.0.content.take()
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        // The client learns at once that nobody reads on.
        self.0.content.take();
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let progress = &self.0;
        let frame = match &mut *progress.content.borrow_mut() {
            Content::Empty => None,
            Content::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                (!bytes.is_empty()).then(|| Ok(Frame::data(bytes)))
            }
            Content::Stream(inbound) => ready!(Pin::new(&mut **inbound).poll_frame(cx)),
        };
        progress.pieces.set(progress.pieces.get().wrapping_add(1));
        if frame.is_none() || self.is_end_stream() {
            progress.complete.set(true);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &*self.0.content.borrow() {
            Content::Empty => true,
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Stream(inbound) => inbound.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &*self.0.content.borrow() {
            Content::Empty => SizeHint::with_exact(0),
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(inbound) => inbound.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[test]
    fn each_request_of_a_connection_is_waited_for_by_itself() {
        let progress: Rc<Progress> = Rc::default();
        let mut cx = Context::from_waker(Waker::noop());
        for began in [1, 200] {
            let mut outgoing = progress.send(Content::whole(Bytes::from_static(b"a")));
            let mut waiting = pin!(progress.within(began, |_| Poll::<()>::Pending));
            assert!(waiting.as_mut().poll(&mut cx).is_pending());
            assert!(Pin::new(&mut outgoing).poll_frame(&mut cx).is_ready() && progress.complete.get());
            // A piece was taken, so that the time begins anew.
            progress.watch(began + 20, 10);
            progress.watch(began + 30, 10);
            assert!(waiting.as_mut().poll(&mut cx).is_pending());
            progress.watch(began + 31, 10);
            assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Ready(None));
            // Nothing is waited for.
            progress.watch(began + 100, 10);
        }
        let outgoing = progress.send(Content::Empty);
        assert!(outgoing.is_end_stream() && progress.complete.get());
        let answered = pin!(progress.within(400, |_| Poll::Ready(7))).poll(&mut cx);
        assert_eq!(answered, Poll::Ready(Some(7)));
    }
}
