//! A request on its way to an origin: its head and its body, in the framing of HTTP/1.1.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf as _, Bytes};
use hyper::body::{Body as _, Frame};
use hyper::header::{HeaderMap, HeaderName};
use tokio::io::AsyncWrite;

use super::Failure;
use crate::body::{BodyError, Inbound};

/// Bytes that are collected before they are written; longer pieces of a body are written as they are.
const ENOUGH: usize = 16 << 10;

/// Room for a usual head.
const HEAD: usize = 1 << 10;

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
    pub(super) fn replayable(&self) -> Option<Self> {
        match self {
            Self::Empty => Some(Self::Empty),
            Self::Whole(bytes) => Some(Self::Whole(bytes.clone())),
            Self::Stream(_) => None,
        }
    }

    pub(super) fn framing(&self) -> Framing {
        match self {
            Self::Empty => Framing::None,
            Self::Whole(bytes) => Framing::Length(bytes.len() as u64),
            Self::Stream(inbound) => inbound.size_hint().exact().map_or(Framing::Chunked, Framing::Length),
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Stream(inbound) => Pin::new(&mut **inbound).poll_frame(cx),
        }
    }
}

/// Writes a head; the trailers that may follow it.
pub(crate) type Head<'a> = &'a dyn Fn(Framing, &mut Vec<u8>) -> Vec<HeaderName>;

/// How an origin is told where a body ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    #[default]
    None,
    /// So many bytes are left of it.
    Length(u64),
    /// Each piece says its own length.
    Chunked,
}

/// What has not been written of a request.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// What is written next, and how much of it has been.
    out: Vec<u8>,
    written: usize,
    /// What is written after that.
    piece: Bytes,
    /// Whether the line of a chunk ends after that.
    owes_end: bool,
    content: Content,
    framing: Framing,
    /// Names of trailers that may go on.
    trailers: Vec<HeaderName>,
    ended: bool,
    /// The origin takes no more.
    pub(super) refused: bool,
}

impl Outgoing {
    /// Begins with a head, and what follows it.
    pub(super) fn begin(&mut self, content: Content, head: Head<'_>) {
        let (framing, mut out) = (content.framing(), std::mem::take(&mut self.out));
        if out.capacity() == 0 {
            out.reserve(HEAD);
        }
        let trailers = head(framing, &mut out);
        let ended = framing == Framing::None;
        *self = Self { out, content, framing, trailers, ended, ..Self::default() };
    }

    /// Writes as much as the origin takes and the client has sent; is never done with an origin that takes no more, since
    /// that may have said why.
    pub(super) fn poll(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin),
        progress: &Progress,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        if self.refused {
            return Poll::Pending;
        }
        match ready!(self.write(stream, progress, cx)) {
            Err(Unsent::Content(failure)) => return Poll::Ready(Err(failure)),
            Err(Unsent::Origin) => self.refused = true,
            Ok(()) => {}
        }
        // The client learns at once that nobody reads on.
        (self.content, self.piece) = (Content::Empty, Bytes::new());
        self.out.clear();
        if self.out.capacity() > 2 * HEAD {
            self.out = Vec::new();
        }
        if self.refused { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn write(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin),
        progress: &Progress,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Unsent>> {
        loop {
            while !self.ended && self.piece.is_empty() && self.out.len() < ENOUGH {
                if std::mem::take(&mut self.owes_end) {
                    self.out.extend_from_slice(b"\r\n");
                }
                let Poll::Ready(frame) = self.content.poll_frame(cx) else { break };
                progress.step();
                self.take(frame.transpose().map_err(|error| Unsent::Content(blame(&error)))?)?;
            }
            let head = self.out.get(self.written..).unwrap_or_default();
            let next = if head.is_empty() { &self.piece[..] } else { head };
            if next.is_empty() {
                ready!(Pin::new(&mut *stream).poll_flush(cx)).map_err(|_| Unsent::Origin)?;
                return if self.ended { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            let written = ready!(Pin::new(&mut *stream).poll_write(cx, next)).map_err(|_| Unsent::Origin)?;
            progress.step();
            progress.wrote.set(true);
            match written {
                0 => return Poll::Ready(Err(Unsent::Origin)),
                // What has been written is not kept, as an empty part of it would.
                written if written == next.len() && head.is_empty() => self.piece = Bytes::new(),
                written if head.is_empty() => self.piece.advance(written),
                written => self.written += written,
            }
            if self.written == self.out.len() {
                self.out.clear();
                self.written = 0;
            }
        }
    }

    /// Puts the next part of the body, or its end, among what is to be written.
    fn take(&mut self, frame: Option<Frame<Bytes>>) -> Result<(), Unsent> {
        let short = Unsent::Content(Failure::Client);
        match (self.framing, frame.map(Frame::into_data)) {
            (Framing::Length(left), Some(Ok(data))) => {
                let left = left.checked_sub(data.len() as u64).ok_or(short)?;
                self.framing = Framing::Length(left);
                self.ended = left == 0;
                self.put(data);
            }
            (Framing::Chunked, Some(Ok(data))) if data.is_empty() => {}
            (Framing::Chunked, Some(Ok(data))) => {
                self.out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
                self.put(data);
                self.owes_end = true;
            }
            (Framing::Chunked, last) => {
                self.out.extend_from_slice(b"0\r\n");
                if let Some(mut trailers) = last.and_then(Result::err).and_then(|it| it.into_trailers().ok())
                {
                    while let Some(name) = trailers.keys().find(|name| !self.trailers.contains(name)).cloned()
                    {
                        trailers.remove(name);
                    }
                    write_headers(&mut self.out, &trailers);
                }
                self.out.extend_from_slice(b"\r\n");
                self.ended = true;
            }
            // What follows a body of which all was said has nowhere to go.
            (Framing::Length(_), Some(Err(_))) => {}
            (Framing::Length(left), None) if left > 0 => return Err(short),
            (Framing::Length(_), None) | (Framing::None, _) => self.ended = true,
        }
        Ok(())
    }

    /// Data are copied behind what there is, unless there is much of them.
    fn put(&mut self, data: Bytes) {
        if data.len() < ENOUGH {
            self.out.extend_from_slice(&data);
        } else {
            self.piece = data;
        }
    }
}

/// Why a request was not sent to its end.
enum Unsent {
    /// The client's body ended early, or may not go on.
    Content(Failure),
    /// The origin takes no more.
    Origin,
}

/// Writes header lines.
pub(crate) fn write_headers(out: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// Whose fault a body is that does not go on.
const fn blame(error: &BodyError) -> Failure {
    match error {
        BodyError::TooLarge | BodyError::NoMemory => Failure::TooLarge,
        BodyError::Broken(_) | BodyError::Trailers => Failure::Client,
    }
}

/// How far the sending of a connection's request is, and how long its answer has been waited for.
// PERF: one after the other uses it; memory of its own for each would come back only when the watchman has passed.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Whether anything has been written.
    pub(super) wrote: Cell<bool>,
    /// Whether all has been written.
    pub(super) complete: Cell<bool>,
    /// Pieces of the body taken and written so far.
    steps: Cell<u32>,
    /// Since which tick nothing has been taken or written; 0 once there is an answer.
    since: Cell<u32>,
    /// How many steps the watchman saw.
    seen: Cell<u32>,
    expired: Cell<bool>,
    /// The client's body ended early, after the answer had come.
    failed: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl Progress {
    /// Begins anew.
    pub(super) fn begin(&self) {
        self.wrote.set(false);
        self.complete.set(false);
        self.expired.set(false);
        self.failed.set(false);
    }

    fn step(&self) {
        self.steps.set(self.steps.get().wrapping_add(1));
    }

    /// What came of a request that was written on while its answer was read.
    pub(super) fn ends(&self, written: Result<(), Failure>) {
        self.complete.set(written.is_ok());
        self.failed.set(written.is_err());
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }

    /// Whether a request that is written on has failed; if it does later, the task is woken.
    pub(super) fn has_failed(&self, cx: &Context<'_>) -> bool {
        self.wait(cx);
        self.failed.get()
    }

    /// Nobody waits any more.
    pub(super) fn rest(&self) {
        self.waiting.take();
    }

    fn wait(&self, cx: &Context<'_>) {
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waiting = Some(cx.waker().clone());
        }
    }

    /// Waits for an answer, unless the watchman says that it takes too long.
    pub(super) async fn within<T>(
        &self,
        now: u32,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Option<T> {
        self.since.set(now);
        let sent = poll_fn(|cx| match poll(cx) {
            Poll::Ready(sent) => Poll::Ready(Some(sent)),
            Poll::Pending if self.expired.get() => Poll::Ready(None),
            Poll::Pending => {
                self.wait(cx);
                Poll::Pending
            }
        })
        .await;
        self.since.set(0);
        self.waiting.take();
        sent
    }

    /// What the watchman does each tick: gives the answer up after so many ticks, which begin anew with every step of the
    /// request.
    pub(super) fn watch(&self, now: u32, patience: u32) {
        let since = self.since.get();
        if since == 0 {
            return;
        }
        if self.seen.replace(self.steps.get()) != self.steps.get() {
            self.since.set(now);
        } else if now.wrapping_sub(since) > patience {
            self.expired.set(true);
            if let Some(waiting) = self.waiting.take() {
                waiting.wake();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[test]
    fn each_request_of_a_connection_is_waited_for_by_itself() {
        let progress = Progress::default();
        let mut cx = Context::from_waker(Waker::noop());
        for began in [1, 200] {
            progress.begin();
            let mut waiting = pin!(progress.within(began, |_| Poll::<()>::Pending));
            assert!(waiting.as_mut().poll(&mut cx).is_pending());
            progress.step();
            // A piece was taken, so that the time begins anew.
            progress.watch(began + 20, 10);
            progress.watch(began + 30, 10);
            assert!(waiting.as_mut().poll(&mut cx).is_pending());
            progress.watch(began + 31, 10);
            assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Ready(None));
            // Nothing is waited for.
            progress.watch(began + 100, 10);
        }
        progress.begin();
        let answered = pin!(progress.within(400, |_| Poll::Ready(7))).poll(&mut cx);
        assert_eq!(answered, Poll::Ready(Some(7)));
    }
}
