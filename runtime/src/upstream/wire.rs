//! One connection to an origin: a request is written, its answer is read, and never more than that.

use std::cell::RefCell;
use std::fmt::Debug;
use std::future::poll_fn;
use std::io::{self, Cursor};
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes, BytesMut};
use hyper::StatusCode;
use hyper::body::Frame;
use hyper::http::response::Parts;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, Chain, Join, ReadBuf};
use tokio::task::AbortHandle;
use tokio::task::coop::unconstrained;

use super::answer::{self, Doubt, Framing, Head};
use super::outgoing::{Content, Outgoing, Progress};
use super::{Failure, outgoing};
use crate::gate::chunked::{Chunked, Piece};
use crate::gate::fault::Fault;
use crate::spelling::Spelling;

/// Bytes of a head and of trailers, at most.
const MOST_HEAD: usize = 64 << 10;
/// Bytes that are read at once, at least and at most.
const READ: (usize, usize) = (8 << 10, 64 << 10);

/// What carries bytes.
pub(super) trait Carrier: AsyncRead + AsyncWrite + Unpin + Debug {}

impl<T: AsyncRead + AsyncWrite + Unpin + Debug> Carrier for T {}

/// A stream with two owners: what is left of a request may be written while its answer is read.
#[derive(Debug, Clone)]
pub(crate) struct Stream(Rc<RefCell<dyn Carrier>>);

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_read(cx, out)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_shutdown(cx)
    }
}

/// A stream that no longer carries HTTP, after what has been read of it already.
pub(crate) type Changed = Join<Chain<Cursor<Bytes>, Stream>, Stream>;

/// What is left to read of an answer.
#[derive(Debug)]
enum Left {
    Length(u64),
    /// Chunks, and the lines of trailers so far.
    Chunked(Box<(Chunked, Vec<u8>)>),
    Close,
}

/// A connection to an origin.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Stream,
    outgoing: Outgoing,
    progress: Rc<Progress>,
    /// What goes on writing a request whose answer came early.
    writing: Option<AbortHandle>,
    /// What has been read and not been taken.
    input: BytesMut,
    /// Bytes to read at once.
    read: usize,
    /// Whether `input` has been more than little memory.
    large: bool,
    left: Left,
    /// Whether anything has come of the answer.
    pub(super) heard: bool,
    /// Whether the origin has said that it stays.
    persists: bool,
}

impl Drop for Wire {
    fn drop(&mut self) {
        // The rest of a request is for nobody.
        if let Some(writing) = &self.writing {
            writing.abort();
        }
    }
}

/// An answer's head, and how its names are written if that was asked for.
pub(super) type Answered = (Box<Parts>, Spelling);

impl Wire {
    pub(super) fn new(stream: impl Carrier + 'static) -> Self {
        Self {
            stream: Stream(Rc::new(RefCell::new(stream))),
            outgoing: Outgoing::default(),
            progress: Rc::default(),
            writing: None,
            input: BytesMut::new(),
            read: READ.0,
            large: false,
            left: Left::Length(0),
            heard: false,
            persists: true,
        }
    }

    /// Begins a request; its progress, known to the watchman.
    pub(super) fn begin(
        &mut self,
        content: Content,
        head: outgoing::Head<'_>,
        watched: &mut Vec<Weak<Progress>>,
    ) -> Rc<Progress> {
        if Rc::weak_count(&self.progress) == 0 {
            watched.push(Rc::downgrade(&self.progress));
        }
        self.progress.begin();
        self.heard = false;
        self.outgoing.begin(content, head);
        Rc::clone(&self.progress)
    }

    /// Writes the request and reads the answer's head, which may come before all is written.
    pub(super) fn poll_answer(
        &mut self,
        (bodiless, spelled): (bool, bool),
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answered, Failure>> {
        if !self.progress.complete.get() {
            match self.outgoing.poll(&mut self.stream, &self.progress, cx) {
                Poll::Ready(Ok(())) => self.progress.complete.set(true),
                Poll::Ready(Err(failure)) => return Poll::Ready(Err(failure)),
                Poll::Pending => {}
            }
        }
        loop {
            if let Some(answered) = self.head(bodiless, spelled)? {
                self.write_on();
                return Poll::Ready(Ok(answered));
            }
            match ready!(self.fill(cx)) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Poll::Ready(Err(Failure::Broken)),
            }
        }
    }

    /// Takes a head out of what has been read.
    fn head(&mut self, bodiless: bool, spelled: bool) -> Result<Option<Answered>, Failure> {
        while !self.input.is_empty() {
            let Some(end) = answer::end(self.input.get(..MOST_HEAD).unwrap_or(&self.input)) else {
                let too_long = Failure::Doubted("the origin's head is too long");
                return if self.input.len() < MOST_HEAD { Ok(None) } else { Err(too_long) };
            };
            let bytes = self.input.split_to(end).freeze();
            let head = answer::read(&bytes, bodiless).map_err(|Doubt(why)| Failure::Doubted(why))?;
            let Some(Head { parts, framing, persists }) = head else { continue };
            if parts.status == StatusCode::SWITCHING_PROTOCOLS && !self.progress.complete.get() {
                return Err(Failure::Doubted("the origin changes the protocol before it has the request"));
            }
            self.persists = persists;
            self.left = match framing {
                Framing::Length(length) => Left::Length(length),
                Framing::Chunked => Left::Chunked(Box::new((Chunked::of_answer(MOST_HEAD), Vec::new()))),
                Framing::Close => Left::Close,
            };
            let spelling = if spelled { Spelling::of(&bytes) } else { Spelling::default() };
            return Ok(Some((Box::new(parts), spelling)));
        }
        Ok(None)
    }

    /// Goes on writing a request of which not all was written when its answer came.
    fn write_on(&mut self) {
        if self.progress.complete.get() || self.outgoing.refused {
            return;
        }
        let (mut stream, mut outgoing) = (self.stream.clone(), std::mem::take(&mut self.outgoing));
        let progress = Rc::clone(&self.progress);
        let writing = tokio::task::spawn_local(async move {
            progress.ends(poll_fn(|cx| outgoing.poll(&mut stream, &progress, cx)).await);
        });
        self.writing = Some(writing.abort_handle());
    }

    /// Reads what there is to read: how many bytes, none at the end.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.input.reserve(self.read);
        let room = self.input.capacity() - self.input.len();
        let read = ready!(pin!(self.stream.read_buf(&mut self.input)).poll(cx))?;
        self.heard |= read > 0;
        self.large |= room > 2 * READ.0;
        if read == room {
            self.read = (2 * self.read).min(READ.1);
        } else if read < self.read / 4 {
            self.read = (self.read / 2).max(READ.0);
        }
        Poll::Ready(Ok(read))
    }

    /// The next part of the answer's body.
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            match self.take() {
                Ok(Taken::Frame(frame)) => return Poll::Ready(Some(Ok(frame))),
                Ok(Taken::End) => return Poll::Ready(None),
                Ok(Taken::More) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
            if self.writing.is_some() && !self.progress.complete.get() && self.progress.has_failed(cx) {
                return Poll::Ready(Some(Err(io::ErrorKind::BrokenPipe.into())));
            }
            match ready!(self.fill(cx)) {
                Ok(0) if matches!(self.left, Left::Close) => {
                    self.left = Left::Length(0);
                    return Poll::Ready(None);
                }
                Ok(0) => return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }

    /// The next part of the answer's body among what has been read.
    fn take(&mut self) -> io::Result<Taken> {
        match &mut self.left {
            Left::Length(0) => return Ok(Taken::End),
            _ if self.input.is_empty() => {}
            Left::Length(left) => {
                let taken = (*left).min(self.input.len() as u64);
                *left -= taken;
                return Ok(Taken::Frame(Frame::data(self.input.split_to(taken as usize).freeze())));
            }
            Left::Close => return Ok(Taken::Frame(Frame::data(self.input.split().freeze()))),
            Left::Chunked(chunks) => {
                let (chunked, lines) = &mut **chunks;
                while !self.input.is_empty() && !chunked.ended() {
                    let damaged = |fault: Fault| io::Error::other(fault.detail());
                    match chunked.step(&self.input).map_err(damaged)? {
                        Piece::Framing(length) => Buf::advance(&mut self.input, length),
                        Piece::Data(length) => {
                            return Ok(Taken::Frame(Frame::data(self.input.split_to(length).freeze())));
                        }
                        Piece::Trailer(length) => lines.extend_from_slice(&self.input.split_to(length)),
                    }
                }
                if chunked.ended() {
                    let trailers = answer::trailers(lines).map_err(io::Error::other)?;
                    self.left = Left::Length(0);
                    return Ok(if trailers.is_empty() {
                        Taken::End
                    } else {
                        Taken::Frame(Frame::trailers(trailers))
                    });
                }
            }
        }
        Ok(Taken::More)
    }

    /// What is left of the body, where it is known.
    pub(super) const fn length(&self) -> Option<u64> {
        match self.left {
            Left::Length(left) => Some(left),
            Left::Chunked(_) | Left::Close => None,
        }
    }

    /// Whether another request may be sent, once the answer has been read to its end.
    pub(super) fn is_clean(&self) -> bool {
        // A request that the origin answered before reading all of it leaves a connection that nobody can use.
        self.persists && self.progress.complete.get() && self.length() == Some(0) && self.input.is_empty()
    }

    /// Lets go of what only a long or early answer needs.
    pub(super) fn rest(&mut self) {
        self.writing = None;
        self.progress.rest();
        if std::mem::take(&mut self.large) {
            (self.input, self.read) = (BytesMut::new(), READ.0);
        }
    }

    /// Whether the origin has neither closed the connection nor sent what nobody has asked for.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut unasked = ReadBuf::new(&mut byte);
        let read = poll_fn(|cx| Pin::new(&mut self.stream).poll_read(cx, &mut unasked));
        // Whoever asks may have used up what tokio lets a task do at once.
        pin!(unconstrained(read)).poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// Tells the origin that nothing follows, if that can be said at once.
    pub(super) fn take_leave(&mut self) {
        let _ = Pin::new(&mut self.stream).poll_shutdown(&mut Context::from_waker(Waker::noop()));
    }

    /// The stream itself, once both ends have agreed on another protocol, which may have begun.
    pub(super) fn into_stream(mut self) -> Changed {
        let stream = self.stream.clone();
        let first = Cursor::new(self.input.split().freeze());
        tokio::io::join(AsyncReadExt::chain(first, stream.clone()), stream)
    }
}

/// What could be taken out of what has been read.
enum Taken {
    Frame(Frame<Bytes>),
    /// There is no more to the answer.
    End,
    /// More must be read first.
    More,
}
