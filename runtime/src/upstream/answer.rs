//! Reads the head of an origin's answer, and from it where the body ends.

use std::mem::MaybeUninit;

use bytes::Bytes;
use hyper::ext::ReasonPhrase;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::response::Parts;
use hyper::{Response, StatusCode, Version};

use crate::gate::chunked::comes_too_late;
use crate::hop;

/// Header lines of an answer, at most.
const MOST_LINES: usize = 100;

/// An answer that is not believed, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Doubt(pub(super) &'static str);

/// How the bytes after a head are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many are left.
    Length(u64),
    /// Chunks follow.
    Chunked,
    /// All that comes.
    Close,
}

/// An answer's head.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) parts: Parts,
    pub(super) framing: Framing,
    /// Whether the connection may be used again.
    pub(super) persists: bool,
}

/// Where the first head in `bytes` ends; a carriage return may be missing.
pub(super) fn end(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes).find_map(|at| match bytes.get(at + 1..)? {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// Reads a whole head; `None` for an interim one, which another follows. Where two readers could disagree on where the body
/// ends, there is an answer that neither gets.
pub(super) fn read(bytes: &Bytes, bodiless: bool) -> Result<Option<Head>, Doubt> {
    let mut lines = [const { MaybeUninit::uninit() }; MOST_LINES];
    let mut answer = httparse::Response::new(&mut []);
    let read = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut answer, bytes, &mut lines)
        .map_err(|_| Doubt("a line of the origin's head is damaged"))?;
    if read != httparse::Status::Complete(bytes.len()) {
        return Err(Doubt("the origin's head does not end where it seems to"));
    }
    let status = answer
        .code
        .and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or(Doubt("the origin's status is none"))?;
    if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(None);
    }
    let version = if answer.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let mut headers = HeaderMap::with_capacity(answer.headers.len());
    let (mut stays, mut closes) = (version == Version::HTTP_11, false);
    let (mut length, mut chunked) = (None, false);
    for line in answer.headers.iter() {
        let name = HeaderName::from_bytes(line.name.as_bytes())
            .map_err(|_| Doubt("a line of the origin's head is damaged"))?;
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(line.value));
        let value = value.map_err(|_| Doubt("a line of the origin's head is damaged"))?;
        match name {
            header::CONTENT_LENGTH => {
                let said =
                    number(line.value).ok_or(Doubt("the origin's content length is not one plain number"))?;
                if length.is_some_and(|before| before != said) {
                    return Err(Doubt("the origin's content length is not one plain number"));
                }
                length = Some(said);
            }
            header::TRANSFER_ENCODING if chunked || !line.value.eq_ignore_ascii_case(b"chunked") => {
                return Err(Doubt("the origin's transfer encoding is not `chunked` alone"));
            }
            header::TRANSFER_ENCODING => chunked = true,
            header::CONNECTION => {
                stays |= hop::lists(&value, "keep-alive");
                closes |= hop::lists(&value, "close");
            }
            _ => {}
        }
        headers.append(name, value);
    }
    let bodiless = bodiless
        || matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::SWITCHING_PROTOCOLS
        );
    if !bodiless && chunked && (length.is_some() || version == Version::HTTP_10) {
        return Err(Doubt("the origin's transfer encoding excludes its content length or its version"));
    }
    let framing = match (bodiless, chunked, length) {
        (true, ..) => Framing::Length(0),
        (false, true, _) => Framing::Chunked,
        (false, false, Some(length)) => Framing::Length(length),
        (false, false, None) => Framing::Close,
    };
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = status;
    parts.version = version;
    parts.headers = headers;
    if let Some(reason) = answer.reason.filter(|reason| status.canonical_reason() != Some(reason))
        && let Ok(reason) = ReasonPhrase::try_from(reason.as_bytes())
    {
        parts.extensions.insert(reason);
    }
    Ok(Some(Head { parts, framing, persists: stays && !closes && framing != Framing::Close }))
}

fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Reads lines of trailers, of which the last is empty; those that should have come before the body, and what only we may
/// write, are left out.
pub(super) fn trailers(lines: &[u8]) -> Result<HeaderMap, Doubt> {
    let mut read = [httparse::EMPTY_HEADER; MOST_LINES];
    let Ok(httparse::Status::Complete((_, read))) = httparse::parse_headers(lines, &mut read) else {
        return Err(Doubt("the origin's trailers are damaged"));
    };
    let pair = |line: &httparse::Header<'_>| {
        HeaderName::from_bytes(line.name.as_bytes()).ok().zip(HeaderValue::from_bytes(line.value).ok())
    };
    let pairs: Option<Vec<_>> = read.iter().map(pair).collect();
    let mut pairs = pairs.ok_or(Doubt("the origin's trailers are damaged"))?;
    pairs.retain(|(name, _)| {
        !comes_too_late(name.as_str().as_bytes()) && !name.as_str().starts_with(hop::OURS)
    });
    Ok(pairs.into_iter().collect())
}
