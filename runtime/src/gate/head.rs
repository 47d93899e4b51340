//! Reads a request's head the strict way: what RFC 9112 lets a recipient repair is refused here.

use shield_engine::exchange::{has_control, is_token};

use super::fault::Fault;

/// Bounds on a head.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of the head, its line ends included.
    pub size: usize,
    /// Bytes of the target.
    pub target: usize,
    /// Header lines.
    pub count: usize,
}

/// How the bytes after a head are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// So many bytes follow.
    Length(u64),
    /// Chunks follow.
    Chunked,
}

/// What the framing needs to know of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Where it ends.
    pub length: usize,
    /// What follows.
    pub body: Body,
    /// The client wants another protocol after this request.
    pub upgrade: bool,
    /// Nothing may follow on this connection.
    pub last: bool,
    /// The client waits for `100 Continue` before its body.
    pub expects: bool,
}

/// Methods registered with IANA, without those that are no requests to an origin (`CONNECT`, `PRI`).
// PERF: patterns are told apart by their length first, the elements of a list are not.
#[rustfmt::skip]
const fn is_method(word: &[u8]) -> bool {
    matches!(
        word,
        b"ACL" | b"BASELINE-CONTROL" | b"BIND" | b"CHECKIN" | b"CHECKOUT" | b"COPY" | b"DELETE" | b"GET" | b"HEAD"
        | b"LABEL" | b"LINK" | b"LOCK" | b"MERGE" | b"MKACTIVITY" | b"MKCALENDAR" | b"MKCOL" | b"MKREDIRECTREF"
        | b"MKWORKSPACE" | b"MOVE" | b"OPTIONS" | b"ORDERPATCH" | b"PATCH" | b"POST" | b"PROPFIND" | b"PROPPATCH"
        | b"PUT" | b"QUERY" | b"REBIND" | b"REPORT" | b"SEARCH" | b"TRACE" | b"UNBIND" | b"UNCHECKOUT" | b"UNLINK"
        | b"UNLOCK" | b"UPDATE" | b"UPDATEREDIRECTREF" | b"VERSION-CONTROL" | b"PURGE"
    )
}

/// A head that is read line by line, as far as it has come.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Where the next line begins.
    at: usize,
    lines: usize,
    /// It is of HTTP/1.1.
    modern: bool,
    said: Said,
}

impl Reading {
    /// Goes on where the last call has stopped, in all `bytes` of the head that have come; `None` while they are not all there.
    pub fn read(&mut self, bytes: &[u8], bounds: &Bounds) -> Result<Option<Head>, Fault> {
        if !bytes.first().is_none_or(u8::is_ascii_uppercase) {
            return Err(first_byte(bytes));
        }
        let within = bytes.get(..bounds.size).unwrap_or(bytes);
        while let Some((line, rest)) = split(within.get(self.at..).unwrap_or_default()) {
            self.at = within.len() - rest.len();
            let line = line.strip_suffix(b"\r").ok_or(Fault::LineEnd)?;
            match (self.lines, line) {
                (0, _) => self.modern = request_line(line, bounds)?,
                (_, []) => return self.said.conclude(self.at, self.modern).map(Some),
                (count, _) if count > bounds.count => return Err(Fault::HeaderCount),
                (_, _) => self.said.hear(header_line(line)?, self.modern)?,
            }
            self.lines += 1;
        }
        if bytes.len() >= bounds.size { Err(too_large(bytes, bounds)) } else { Ok(None) }
    }
}

/// A line without its line feed, and what comes behind.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, rest) = bytes.split_at_checked(memchr::memchr(b'\n', bytes)?)?;
    Some((line, rest.get(1..)?))
}

/// What is wrong with a head that does not even start like one.
fn first_byte(bytes: &[u8]) -> Fault {
    match bytes.first() {
        Some(b'\r' | b'\n') => Fault::LineEnd,
        Some(b'a'..=b'z') => Fault::Method,
        Some(_) | None => Fault::RequestLine,
    }
}

fn too_large(bytes: &[u8], bounds: &Bounds) -> Fault {
    let line = bytes.get(..bounds.target).unwrap_or_default();
    if line.contains(&b'\n') || line.is_empty() { Fault::HeadSize } else { Fault::TargetSize }
}

/// What the header lines have said about framing so far.
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that was said or not")]
#[derive(Debug, Clone, Default)]
struct Said {
    length: Option<u64>,
    chunked: bool,
    hosts: usize,
    upgrade: bool,
    connection_upgrade: bool,
    connection_close: bool,
    connection_keep: bool,
    expects: bool,
}

/// `true` for HTTP/1.1.
fn request_line(line: &[u8], bounds: &Bounds) -> Result<bool, Fault> {
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Err(Fault::RequestLine) };
    let (Some(version), None) = (words.next(), words.next()) else { return Err(Fault::RequestLine) };
    if !is_method(method) {
        return Err(if is_token(method) { Fault::Method } else { Fault::RequestLine });
    }
    if target.len() > bounds.target {
        return Err(Fault::TargetSize);
    }
    let odd = |byte: &u8| !matches!(byte, 0x21..=0x7e) || *byte == b'#';
    // PERF: all are looked at, so that a vector of them is at once.
    if target.is_empty() || target.iter().fold(false, |found, byte| found | odd(byte)) {
        return Err(Fault::Target);
    }
    match version {
        b"HTTP/1.1" => Ok(true),
        b"HTTP/1.0" => Ok(false),
        _ => Err(Fault::Version),
    }
}

/// Splits `name: value`, refusing folded lines, spaces before the colon and control characters.
pub(super) fn header_line(line: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    let colon = memchr::memchr(b':', line).ok_or(Fault::HeaderName)?;
    let (name, rest) = line.split_at_checked(colon).ok_or(Fault::HeaderName)?;
    if !is_token(name) {
        return Err(Fault::HeaderName);
    }
    let value = rest.strip_prefix(b":").unwrap_or_default();
    if has_control(value) {
        return Err(if value.contains(&b'\r') { Fault::LineEnd } else { Fault::HeaderValue });
    }
    Ok((name, value))
}

impl Said {
    fn hear(&mut self, (name, value): (&[u8], &[u8]), modern: bool) -> Result<(), Fault> {
        // The length tells nearly every other header apart from these without reading it.
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.hosts += 1,
            6 if name.eq_ignore_ascii_case(b"expect") => self.expect(value, modern)?,
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.upgrade = true,
            10 if name.eq_ignore_ascii_case(b"connection") => self.connection(value),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.length(value)?,
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.encoding(value, modern)?,
            14 | 17 if smuggles(name) => return Err(Fault::HeaderName),
            _ => {}
        }
        Ok(())
    }

    fn length(&mut self, value: &[u8]) -> Result<(), Fault> {
        let digits = trim_spaces(value);
        let plain = !digits.is_empty() && digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit);
        if !plain || self.length.is_some() {
            return Err(Fault::ContentLength);
        }
        self.length = Some(digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')));
        Ok(())
    }

    fn encoding(&mut self, value: &[u8], modern: bool) -> Result<(), Fault> {
        if self.chunked || !modern || !trim_spaces(value).eq_ignore_ascii_case(b"chunked") {
            return Err(Fault::TransferEncoding);
        }
        self.chunked = true;
        Ok(())
    }

    fn expect(&mut self, value: &[u8], modern: bool) -> Result<(), Fault> {
        if !value.trim_ascii().eq_ignore_ascii_case(b"100-continue") {
            return Err(Fault::Expectation);
        }
        self.expects = modern;
        Ok(())
    }

    fn connection(&mut self, value: &[u8]) {
        for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            self.connection_upgrade |= option.eq_ignore_ascii_case(b"upgrade");
            self.connection_close |= option.eq_ignore_ascii_case(b"close");
            self.connection_keep |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    fn conclude(&self, length: usize, modern: bool) -> Result<Head, Fault> {
        if self.hosts > 1 || (modern && self.hosts == 0) {
            return Err(Fault::Host);
        }
        let body = match (self.length, self.chunked) {
            (Some(_), true) => return Err(Fault::BothLengths),
            (Some(length), false) => Body::Length(length),
            (None, true) => Body::Chunked,
            (None, false) => Body::Length(0),
        };
        let last = self.connection_close || (!modern && !self.connection_keep);
        let upgrade = modern && self.upgrade && self.connection_upgrade;
        Ok(Head { length, body, upgrade, last, expects: self.expects })
    }
}

/// Names that some parsers read as one of the two that frame a message.
fn smuggles(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"content_length") || name.eq_ignore_ascii_case(b"transfer_encoding")
}

fn trim_spaces(value: &[u8]) -> &[u8] {
    let start = value.iter().position(|byte| *byte != b' ').unwrap_or(value.len());
    let end = value.iter().rposition(|byte| *byte != b' ').map_or(start, |last| last + 1);
    value.get(start..end).unwrap_or_default()
}
