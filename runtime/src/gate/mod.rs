//! A reader under hyper that follows the framing of every request and lets no doubtful byte through.
//!
//! It is only ever stricter than what reads above it. A head is held back until it is whole and judged; when it is
//! faulty, the reader above sees a stand-in in its place, so that the refusal is answered in its turn and the
//! connection then closed. Nothing after a fault, after `Connection: close`, or behind an upgrade that nobody has
//! granted is passed on.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub mod chunked;
pub mod fault;
mod frames;
pub mod head;
pub(crate) mod link;

use chunked::Chunked;
use fault::Fault;
use frames::Frames;
use head::{Body, Bounds, Head, Reading};
use link::{Link, Upgrade, Wait};

/// The request that a faulty head is replaced by.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: gate\r\nconnection: close\r\n\r\n";
/// How an HTTP/2 connection begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What is thrown away of a refused client's bytes before the connection is cut.
const LINGER_BYTES: usize = 1 << 20;
/// A buffer larger than this is given back when it is empty.
const KEPT_BUFFER: usize = 4 << 10;

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// Follows the framing of a byte stream; knows nothing of sockets.
#[derive(Debug)]
pub struct Framing {
    bounds: Bounds,
    stage: Stage,
    /// The request being read is the connection's last.
    last: bool,
    /// The request being read asks for another protocol.
    upgrade: bool,
    /// What is wrong with the next byte, when those before it could still pass.
    doubt: Option<Fault>,
    /// How long the head is that the last judged bytes begin with.
    head: Option<usize>,
}

#[derive(Debug, Clone)]
enum Stage {
    Head(Reading),
    /// A body with so many bytes to come.
    Length(u64),
    /// A chunked body.
    Chunked(Chunked),
    /// Waiting for the answer to an upgrade.
    Held,
    /// Frames of HTTP/2.
    Frames(Frames),
    /// Nothing more is read from this connection.
    Closed,
    /// No HTTP any more: everything passes.
    Open,
}

impl Framing {
    /// At the start of a connection.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            stage: Stage::Head(Reading::default()),
            last: false,
            upgrade: false,
            doubt: None,
            head: None,
        }
    }

    /// Judges the bytes that have come and not been passed on: how many of them may pass now. A message's end ends
    /// the answer, so that the next head is judged on its own.
    pub fn judge(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        if let Some(fault) = self.doubt {
            return Err(fault);
        }
        let mut passed = 0;
        while let Some(rest) = bytes.get(passed..).filter(|rest| !rest.is_empty()) {
            match self.step(rest) {
                Ok(0) => break,
                Ok(taken) => passed += taken,
                Err(fault) if passed == 0 => return Err(fault),
                Err(fault) => {
                    self.doubt = Some(fault);
                    break;
                }
            }
            if self.ended() {
                break;
            }
        }
        Ok(passed)
    }

    fn step(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        match &mut self.stage {
            Stage::Head(reading) => Ok(reading.read(bytes, &self.bounds)?.map_or(0, |head| self.begin(head))),
            Stage::Length(left) => {
                let taken = (bytes.len() as u64).min(*left);
                *left -= taken;
                Ok(taken as usize)
            }
            Stage::Chunked(chunked) => chunked.follow(bytes),
            Stage::Frames(frames) => frames.step(bytes),
            Stage::Held | Stage::Closed => Ok(0),
            Stage::Open => Ok(bytes.len()),
        }
    }

    fn begin(&mut self, head: Head) -> usize {
        // An upgrade that comes with a body is none: nobody agrees on where its bytes end.
        (self.last, self.upgrade) = (head.last, head.upgrade && head.body == Body::Length(0));
        self.head = Some(head.length);
        self.stage = match head.body {
            Body::Length(length) => Stage::Length(length),
            Body::Chunked => Stage::Chunked(Chunked::new(self.bounds.size)),
        };
        head.length
    }

    /// Moves on when the message is complete; whether it was.
    fn ended(&mut self) -> bool {
        let complete = match &self.stage {
            Stage::Length(left) => *left == 0,
            Stage::Chunked(chunked) => chunked.ended(),
            Stage::Head(_) | Stage::Frames(_) | Stage::Held | Stage::Closed | Stage::Open => false,
        };
        if complete {
            self.stage = match (self.upgrade, self.last) {
                (true, _) => Stage::Held,
                (false, true) => Stage::Closed,
                (false, false) => Stage::Head(Reading::default()),
            };
        }
        complete
    }

    fn in_head(&self) -> bool {
        matches!(self.stage, Stage::Head(_))
    }

    /// Whether a client that follows the protocol may be sending now.
    fn is_under_way(&self) -> bool {
        matches!(self.stage, Stage::Length(_) | Stage::Chunked(_) | Stage::Frames(_))
    }
}

/// The gate: a stream, the framing of what comes from it, and the bytes in between.
#[derive(Debug)]
pub(crate) struct Gate<S> {
    stream: S,
    framing: Framing,
    link: Arc<Link>,
    /// Read and not passed on.
    held: Vec<u8>,
    /// How much of the front of `held` may pass.
    granted: usize,
    /// What was thrown away since the connection was given up.
    discarded: usize,
    shut: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Gate<S> {
    pub(crate) fn new(stream: S, bounds: Bounds, link: Arc<Link>) -> Self {
        Self {
            stream,
            framing: Framing::new(bounds),
            link,
            held: Vec::new(),
            granted: 0,
            discarded: 0,
            shut: false,
        }
    }

    /// Reads just enough to tell the protocols apart; `known` when TLS has agreed on one. `None` when nobody speaks.
    pub(crate) async fn sniff(
        &mut self,
        known: Option<Protocol>,
        resets: u32,
    ) -> io::Result<Option<Protocol>> {
        let mut protocol = known;
        while protocol.is_none() {
            if !self.wake().await? {
                return Ok(None);
            }
            let compared = self.held.len().min(PREFACE.len());
            let alike = self.held.get(..compared) == PREFACE.get(..compared);
            protocol = match (alike, compared == PREFACE.len()) {
                (true, true) => Some(Protocol::Http2),
                (true, false) => None,
                (false, _) => Some(Protocol::Http1),
            };
        }
        if protocol == Some(Protocol::Http2) {
            self.framing.stage = Stage::Frames(Frames::new(self.link.tick(), resets));
            self.link.wait_for(Wait::Nothing);
        }
        Ok(protocol)
    }

    /// Waits for the first bytes of a head, in little room; `false` when there are none to come.
    pub(crate) async fn wake(&mut self) -> io::Result<bool> {
        std::future::poll_fn(|cx| {
            // PERF: in here, or every silent connection would keep the room.
            let mut space = [0; 512];
            let mut buffer = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            let fresh = buffer.filled();
            if !fresh.is_empty() {
                self.came(fresh.len());
                self.link.wait_for(Wait::Head);
                self.held.extend_from_slice(fresh);
            }
            Poll::Ready(Ok(!fresh.is_empty()))
        })
        .await
    }

    /// Takes back what was passed on and not read.
    pub(crate) fn take_back(&mut self, unread: &[u8]) {
        self.held.splice(0..0, unread.iter().copied());
        self.granted += unread.len();
    }

    /// Judges what is held; whether that has changed anything.
    fn judge_held(&mut self) -> io::Result<bool> {
        match self.framing.judge(&self.held) {
            Ok(granted) => self.granted = granted,
            Err(fault) => self.refuse(fault)?,
        }
        spell(&mut self.framing, &self.link, &self.held);
        self.passed(self.granted);
        Ok(self.granted > 0 || matches!(self.framing.stage, Stage::Closed))
    }

    /// When something passes it is our turn; a head that has begun has a time to end in.
    fn passed(&self, count: usize) {
        if count > 0 {
            self.link.wait_for(Wait::Nothing);
            if self.framing.upgrade
                && self.link.upgrade() == Upgrade::Open
                && !matches!(self.framing.stage, Stage::Open)
            {
                self.link.set_upgrade(Upgrade::Asked);
            }
        } else if self.framing.in_head() {
            self.link.wait_for(Wait::Head);
        }
    }

    /// Puts the stand-in in the place of a head or a frame; in a body, there is only the end.
    fn refuse(&mut self, fault: Fault) -> io::Result<()> {
        self.link.set_fault(fault);
        let stand_in = match std::mem::replace(&mut self.framing.stage, Stage::Closed) {
            Stage::Head(_) => STAND_IN,
            Stage::Frames(_) if fault == Fault::Flood => self.send_away(),
            Stage::Frames(_) => Frames::stand_in(fault),
            Stage::Length(_) | Stage::Chunked(_) | Stage::Held | Stage::Closed | Stage::Open => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, fault.detail()));
            }
        };
        self.held.clear();
        self.held.extend_from_slice(stand_in);
        self.granted = stand_in.len();
        Ok(())
    }

    /// Tells an HTTP/2 client to go once it has its answers, and listens to it no longer.
    fn send_away(&self) -> &'static [u8] {
        self.link.wait_for(Wait::Linger);
        self.link.order(link::Order::Drain);
        &[]
    }

    fn pass(&mut self, out: &mut ReadBuf<'_>) {
        let count = self.granted.min(out.remaining());
        out.put_slice(self.held.get(..count).unwrap_or_default());
        self.granted -= count;
        self.held.drain(..count);
        if self.held.is_empty() && self.held.capacity() > KEPT_BUFFER {
            self.held = Vec::new();
        }
    }

    /// Reads into `out` and judges the bytes where they lie; what may not pass yet moves to `held`.
    fn poll_fresh(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = out.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, out);
        if polled.is_pending() {
            self.wait();
        }
        ready!(polled)?;
        let fresh = out.filled().get(before..).unwrap_or_default();
        if fresh.is_empty() {
            return Poll::Ready(Ok(true));
        }
        self.came(fresh.len());
        if !self.held.is_empty() {
            self.held.extend_from_slice(fresh);
            out.set_filled(before);
            return Poll::Ready(self.judge_held().map(|_| false));
        }
        let judged = self.framing.judge(fresh);
        let passed = *judged.as_ref().unwrap_or(&0);
        spell(&mut self.framing, &self.link, fresh);
        self.held.extend_from_slice(fresh.get(passed..).unwrap_or_default());
        out.set_filled(before + passed);
        if let Err(fault) = judged {
            self.refuse(fault)?;
        }
        self.passed(passed.max(self.granted));
        Poll::Ready(Ok(passed > 0))
    }

    fn wait(&self) {
        self.link.wait_for(match self.framing.stage {
            Stage::Head(_) if self.held.is_empty() => Wait::Request,
            Stage::Head(_) => Wait::Head,
            Stage::Length(_) | Stage::Chunked(_) => Wait::Body,
            Stage::Open if self.link.upgrade() == Upgrade::Granted => Wait::Tunnel,
            Stage::Open | Stage::Frames(_) => Wait::Request,
            Stage::Held | Stage::Closed => Wait::Nothing,
        });
    }

    /// A head keeps the time of its first byte; everything else starts its wait anew.
    fn came(&mut self, count: usize) {
        match &mut self.framing.stage {
            Stage::Head(_) => self.link.begin_body(),
            Stage::Frames(frames) => {
                frames.at(self.link.tick());
                self.link.came(count);
            }
            Stage::Length(_) | Stage::Chunked(_) | Stage::Open => self.link.came(count),
            Stage::Held | Stage::Closed => {}
        }
    }

    /// Reads and throws away, so that closing does not destroy the answer before the client has read it.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut space = [0; 4096];
        while self.discarded < LINGER_BYTES {
            let mut buffer = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.discarded += buffer.filled().len();
        }
        Poll::Ready(Ok(()))
    }

    /// The answer to an upgrade, when the gate waits for one and it has been given.
    fn settle_upgrade(&mut self) -> bool {
        self.framing.stage = match self.link.upgrade() {
            Upgrade::Open | Upgrade::Asked => return false,
            Upgrade::Granted => Stage::Open,
            Upgrade::Refused if self.framing.last => Stage::Closed,
            Upgrade::Refused => Stage::Head(Reading::default()),
        };
        if self.link.upgrade() == Upgrade::Refused {
            self.link.set_upgrade(Upgrade::Open);
        }
        self.framing.upgrade = false;
        true
    }
}

/// Keeps the names of the head that `judged` begins with, for the request that hyper makes of it.
fn spell(framing: &mut Framing, link: &Link, judged: &[u8]) {
    if let Some(head) = framing.head.take().and_then(|length| judged.get(..length)) {
        link.spell(head);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gate<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if out.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            if this.granted > 0 {
                this.pass(out);
                return Poll::Ready(Ok(()));
            }
            if let Some(fault) = this.link.fault()
                && !matches!(this.framing.stage, Stage::Closed)
            {
                this.refuse(fault)?;
                continue;
            }
            if matches!(this.framing.stage, Stage::Held) && !this.settle_upgrade() {
                return Poll::Pending;
            }
            if matches!(this.framing.stage, Stage::Closed) {
                ready!(this.poll_discard(cx))?;
                // The end is passed on; after so many bytes nobody listens any more.
                return if this.discarded < LINGER_BYTES { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            if !this.held.is_empty() && this.judge_held()? {
                continue;
            }
            if ready!(this.poll_fresh(cx, out))? {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Gate<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.link.writing(polled.is_pending());
        polled
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.link.writing(polled.is_pending());
        polled
    }

    // PERF: over HTTP/1, head and body of a small answer cost less copied into one piece than gathered by the system.
    fn is_write_vectored(&self) -> bool {
        matches!(self.framing.stage, Stage::Frames(_)) && self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_flush(cx);
        this.link.writing(polled.is_pending());
        polled
    }

    /// Says that nothing more is written, and lets a client that is still sending come to an end.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.shut {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            this.shut = true;
        }
        let still_sending = this.framing.is_under_way() || this.link.fault().is_some();
        if !still_sending {
            return Poll::Ready(Ok(()));
        }
        this.link.wait_for(Wait::Linger);
        this.poll_discard(cx)
    }
}

#[cfg(test)]
mod tests;
