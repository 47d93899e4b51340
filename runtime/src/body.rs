//! Bodies: the client's as it comes, buffering within two bounds, and what is sent back.

use std::error::Error;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::HeaderMap;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::gate::chunked::comes_too_late;

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is longer than allowed.
    #[error("the body is too large")]
    TooLarge,
    /// The memory for bodies is in use.
    #[error("there is no memory for the body at present")]
    NoMemory,
    /// It broke off, or its framing is damaged.
    #[error("the body broke off")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
    /// It is followed by what may only stand before it.
    #[error("the trailers frame, route or authenticate the message")]
    Trailers,
}

/// The client's body, passed on as it comes and no further than a bound.
#[derive(Debug)]
pub(crate) struct Inbound {
    /// What has been read already.
    first: Vec<Bytes>,
    incoming: Incoming,
    left: u64,
}

impl Inbound {
    pub(crate) fn new(incoming: Incoming, most: u64) -> Self {
        Self { first: Vec::new(), incoming, left: most }
    }

    /// A body of which the beginning has been read.
    pub(crate) fn continued(buffered: [Bytes; 2], incoming: Incoming, most: u64) -> Self {
        let first = buffered.into_iter().rev().filter(|bytes| !bytes.is_empty()).collect();
        Self { first, incoming, left: most }
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = match self.first.pop() {
            Some(bytes) => Frame::data(bytes),
            None => match ready!(Pin::new(&mut self.incoming).poll_frame(cx)) {
                Some(frame) => frame.map_err(|error| BodyError::Broken(error.into()))?,
                None => return Poll::Ready(None),
            },
        };
        // The gate has looked at those of HTTP/1.
        let late =
            |trailers: &HeaderMap| trailers.keys().any(|name| comes_too_late(name.as_str().as_bytes()));
        if frame.trailers_ref().is_some_and(late) {
            return Poll::Ready(Some(Err(BodyError::Trailers)));
        }
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        match self.left.checked_sub(length) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Some(Err(BodyError::TooLarge))),
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let first: usize = self.first.iter().map(Bytes::len).sum();
        self.incoming
            .size_hint()
            .exact()
            .map_or_else(SizeHint::new, |rest| SizeHint::with_exact(rest + first as u64))
    }
}

/// The memory that bodies may take in all.
#[derive(Debug)]
pub(crate) struct Memory {
    used: AtomicU64,
    most: u64,
}

impl Memory {
    pub(crate) fn new(most: u64) -> Self {
        Self { used: AtomicU64::new(0), most }
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// Takes nothing yet.
    fn share(self: &Arc<Self>) -> Share {
        Share { memory: Arc::clone(self), bytes: 0 }
    }
}

/// Part of the memory, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    memory: Arc<Memory>,
    bytes: u64,
}

impl Share {
    fn grow(&mut self, bytes: u64) -> Result<(), BodyError> {
        let used = self.memory.used.fetch_add(bytes, Relaxed).saturating_add(bytes);
        self.bytes += bytes;
        if used > self.memory.most { Err(BodyError::NoMemory) } else { Ok(()) }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.memory.used.fetch_sub(self.bytes, Relaxed);
    }
}

/// A body as far as it was read.
#[derive(Debug)]
pub(crate) struct Buffered<B> {
    /// At most as much as was asked for.
    pub(crate) bytes: Bytes,
    /// What came beyond that.
    pub(crate) beyond: Option<Bytes>,
    /// Where the rest is to come from.
    pub(crate) body: B,
    /// The memory that it takes.
    pub(crate) share: Share,
}

/// Reads a body to its end, to `most` bytes, or until `goes_on` says no. That is asked of what is there when there is
/// nothing to do but wait for more, and not again before it has become twice as much.
pub(crate) async fn buffer<B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin>(
    mut body: B,
    most: u64,
    memory: &Arc<Memory>,
    mut goes_on: impl FnMut(&[u8]) -> bool,
) -> Result<Buffered<B>, BodyError> {
    let mut asked_at = 1;
    let mut share = memory.share();
    let mut whole = Bytes::new();
    let mut grown = BytesMut::new();
    loop {
        let mut frame = body.frame();
        let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut frame).poll(cx))).await;
        let frame = if let Poll::Ready(frame) = polled {
            frame
        } else {
            let there = if grown.is_empty() { &whole[..] } else { &grown[..] };
            if there.len() >= asked_at {
                asked_at = 2 * there.len();
                if !goes_on(there) {
                    break;
                }
            }
            frame.await
        };
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|error| BodyError::Broken(error.into()))?.into_data() else { continue };
        share.grow(data.len() as u64)?;
        let before = (whole.len() + grown.len()) as u64;
        let over = (before + data.len() as u64).saturating_sub(most);
        // One piece, the usual case, is not copied.
        if before == 0 {
            whole = data;
        } else {
            if grown.is_empty() {
                let expected = body.size_hint().lower().min(most) as usize;
                grown.reserve(expected + whole.len() + data.len());
                grown.extend_from_slice(&std::mem::take(&mut whole));
            }
            grown.extend_from_slice(&data);
        }
        if over > 0 {
            let mut bytes = if grown.is_empty() { whole } else { grown.freeze() };
            let beyond = bytes.split_off(most as usize);
            return Ok(Buffered { bytes, beyond: Some(beyond), body, share });
        }
        // What said its length beforehand is whole without being told so.
        if body.is_end_stream() {
            break;
        }
    }
    let bytes = if grown.is_empty() { whole } else { grown.freeze() };
    Ok(Buffered { bytes, beyond: None, body, share })
}
