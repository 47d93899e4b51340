//! Bodies: the client's as it comes, buffering within two bounds, and what is sent back.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};

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
    Broken(#[source] hyper::Error),
}

/// The client's body, passed on as it comes and no further than a bound.
#[derive(Debug)]
pub(crate) struct Inbound {
    incoming: Incoming,
    left: u64,
}

impl Inbound {
    pub(crate) fn new(incoming: Incoming, most: u64) -> Self {
        Self { incoming, left: most }
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(frame) = ready!(Pin::new(&mut self.incoming).poll_frame(cx)) else { return Poll::Ready(None) };
        let frame = frame.map_err(BodyError::Broken)?;
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        match self.left.checked_sub(length) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Some(Err(BodyError::TooLarge))),
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
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

/// Reads a whole body of at most `most` bytes; the memory is taken until the share is dropped.
pub(crate) async fn buffer(mut body: Incoming, most: u64, memory: &Arc<Memory>) -> Result<(Bytes, Share), BodyError> {
    let mut share = memory.share();
    if body.size_hint().lower() > most {
        return Err(BodyError::TooLarge);
    }
    let mut whole = Bytes::new();
    let mut grown = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else { continue };
        length += data.len() as u64;
        if length > most {
            return Err(BodyError::TooLarge);
        }
        share.grow(data.len() as u64)?;
        // One piece, the usual case, is not copied.
        if whole.is_empty() && grown.is_empty() {
            whole = data;
            continue;
        }
        if grown.is_empty() {
            let expected = body.size_hint().lower().min(most) as usize + whole.len() + data.len();
            grown.reserve(expected);
            grown.extend_from_slice(&std::mem::take(&mut whole));
        }
        grown.extend_from_slice(&data);
    }
    let whole = if grown.is_empty() { whole } else { grown.freeze() };
    Ok((whole, share))
}
