//! Header names as they came over HTTP/1, since hyper hands them on in lower case only.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use hyper::header::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is kept of an answer's head, at most; names beyond it are in lower case.
const MOST_KEPT: usize = 64 << 10;

/// A head over HTTP/1 as it came, for those who ask how its names were written; empty where they are in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spelling(Box<[u8]>);

impl Spelling {
    /// Of a whole head, its first line included.
    pub(crate) fn of(head: &[u8]) -> Self {
        Self(head.into())
    }

    /// The headers with the names that they came with.
    pub(crate) fn spell<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let lines = self.0.split(|byte| *byte == b'\n').skip(1);
        let name = |line: &'a [u8]| Some(line.get(..memchr::memchr(b':', line)?));
        let mut names: Vec<Option<&[u8]>> = lines.filter_map(name).collect();
        // hyper keeps the order but for repeated names, which it puts together: the first unused one is nearly always it.
        let mut start = 0;
        headers.iter().map(move |(name, value)| {
            while names.get(start) == Some(&None) {
                start += 1;
            }
            let name = name.as_str().as_bytes();
            let mut unused = names.iter_mut().skip(start);
            let written = unused.find(|unused| unused.is_some_and(|it| it.eq_ignore_ascii_case(name)));
            (written.and_then(Option::take).unwrap_or(name), value.as_bytes())
        })
    }
}

/// Headers with their names in lower case.
pub(crate) fn plain(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
}

/// Writes down the head of an origin's next answer where somebody asks for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scribe(Arc<Listener>);

#[derive(Debug, Default)]
struct Listener {
    /// Somebody asks. One worker has both ends, so that nobody else says so meanwhile.
    listens: AtomicBool,
    kept: Mutex<Vec<u8>>,
}

impl Scribe {
    fn kept(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes from now on is an answer.
    pub(crate) fn listen(&self) {
        self.kept().clear();
        self.0.listens.store(true, Relaxed);
    }

    /// The names of the answer that has come, if it was listened to.
    pub(crate) fn spelling(&self) -> Spelling {
        if !self.0.listens.load(Relaxed) {
            return Spelling::default();
        }
        self.0.listens.store(false, Relaxed);
        let kept = std::mem::take(&mut *self.kept());
        Spelling::of(last_head(&kept).0)
    }

    fn hear(&self, fresh: &[u8]) {
        if self.0.listens.load(Relaxed) {
            let mut kept = self.kept();
            if kept.len() < MOST_KEPT && !last_head(&kept).1 {
                kept.extend_from_slice(fresh);
            }
        }
    }
}

/// The last head in `bytes`, those of interim answers passed over, and whether it is all there and final.
fn last_head(bytes: &[u8]) -> (&[u8], bool) {
    let mut rest = bytes;
    while let Some(end) = head_end(rest) {
        let (head, beyond) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        let interim = head.get(9) == Some(&b'1') && head.get(9..12) != Some(b"101");
        if !interim {
            return (head, true);
        }
        rest = beyond;
    }
    (rest, false)
}

/// Where the empty line ends; a carriage return may be missing, as hyper takes it from an origin.
fn head_end(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes).find_map(|at| match bytes.get(at + 1..)? {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// A stream from an origin, with somebody who listens.
#[derive(Debug)]
pub(crate) struct Heard<S> {
    stream: S,
    scribe: Scribe,
}

impl<S> Heard<S> {
    pub(crate) const fn new(stream: S, scribe: Scribe) -> Self {
        Self { stream, scribe }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = out.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, out))?;
        this.scribe.hear(out.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn repeated_names_keep_each_its_spelling() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("x", "1"), ("host", "a"), ("x", "2"), ("y", "3")] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let spelling = Spelling::of(b"GET / HTTP/1.1\r\nX: 1\r\nHOST: a\r\nx: 2\r\nY:3\r\n\r\n");
        let spelled: Vec<_> = spelling.spell(&headers).collect();
        assert_eq!(spelled, [(&b"X"[..], &b"1"[..]), (b"x", b"2"), (b"HOST", b"a"), (b"Y", b"3")]);
    }

    #[test]
    fn what_came_without_a_spelling_is_in_lower_case() {
        let headers = HeaderMap::from_iter([(hyper::header::HOST, HeaderValue::from_static("A"))]);
        assert!(Spelling::default().spell(&headers).eq([(&b"host"[..], &b"A"[..])]));
        assert!(plain(&headers).eq([(&b"host"[..], &b"A"[..])]));
    }

    #[test]
    fn an_answer_is_heard_whole_whatever_its_pieces_and_after_interim_ones() {
        let text = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nX-Up: 1\r\n\r\nA: body\r\n\r\n";
        for size in 1..text.len() {
            let scribe = Scribe::default();
            scribe.hear(b"Before: nobody listened\r\n");
            scribe.listen();
            text.chunks(size).for_each(|piece| scribe.hear(piece));
            let last: Spelling = Spelling::of(b"HTTP/1.1 200 OK\r\nX-Up: 1\r\n\r\n");
            assert_eq!(scribe.spelling(), last, "{size}");
            assert_eq!(scribe.spelling(), Spelling::default());
        }
    }
}
