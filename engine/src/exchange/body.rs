//! What can be said of a body without a schema: its kind by its first bytes, the parts of a multipart one.

/// One part of a multipart body.
#[derive(Debug)]
pub(super) struct Part<'a> {
    headers: Vec<(&'a [u8], &'a [u8])>,
    /// Its content.
    pub(super) value: &'a [u8],
}

impl<'a> Part<'a> {
    /// Values of its headers of that name.
    pub(super) fn headers(&self, name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(each, _)| each.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// The names that its `Content-Disposition` gives it.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a [u8]> {
        self.headers(b"content-disposition").filter_map(|value| parameter(value, b"name"))
    }

    /// The file names that its `Content-Disposition` gives it.
    pub(super) fn filenames(&self) -> impl Iterator<Item = &'a [u8]> {
        self.headers(b"content-disposition").filter_map(|value| parameter(value, b"filename"))
    }
}

/// A media type without its parameters.
pub(super) fn media_type(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

/// A parameter of a header value, without its quotes.
fn parameter<'a>(value: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = value;
    while let Some(at) = memchr::memchr(b';', rest) {
        rest = rest.get(at + 1..)?.trim_ascii_start();
        let equals = memchr::memchr(b'=', rest)?;
        let (key, after) = rest.split_at_checked(equals)?;
        let after = after.get(1..)?;
        let (found, after) = match after.strip_prefix(b"\"") {
            Some(quoted) => quoted.split_at_checked(memchr::memchr(b'"', quoted)?)?,
            None => after.split_at_checked(memchr::memchr(b';', after).unwrap_or(after.len()))?,
        };
        if key.trim_ascii().eq_ignore_ascii_case(name) {
            return Some(found);
        }
        rest = after;
    }
    None
}

/// The parts of a multipart body; those before the first malformed one where it is malformed.
pub(super) fn parts<'a>(content_type: &'a [u8], body: &'a [u8]) -> Vec<Part<'a>> {
    let is_multipart =
        media_type(content_type).get(..10).is_some_and(|kind| kind.eq_ignore_ascii_case(b"multipart/"));
    let Some(boundary) = parameter(content_type, b"boundary").filter(|text| is_multipart && !text.is_empty())
    else {
        return Vec::new();
    };
    let delimiter = [b"\r\n--", boundary].concat();
    let finder = memchr::memmem::Finder::new(&delimiter);
    let mut parts = Vec::new();
    // The first delimiter may stand at the very start, where no line break is before it.
    let Some(mut rest) = body.strip_prefix(delimiter.get(2..).unwrap_or_default()).or_else(|| {
        let at = finder.find(body)?;
        body.get(at + delimiter.len()..)
    }) else {
        return parts;
    };
    while let Some(content) = rest.strip_prefix(b"\r\n") {
        let Some(end) = finder.find(content) else { break };
        let Some((part, after)) = content.split_at_checked(end) else { break };
        let Some(part) = read(part) else { break };
        parts.push(part);
        rest = after.get(delimiter.len()..).unwrap_or_default();
    }
    parts
}

fn read(text: &[u8]) -> Option<Part<'_>> {
    let (head, value) = match text.strip_prefix(b"\r\n") {
        Some(value) => (&b""[..], value),
        None => match memchr::memmem::find(text, b"\r\n\r\n") {
            Some(at) => (text.get(..at)?, text.get(at + 4..)?),
            None => (text, &b""[..]),
        },
    };
    let lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let headers = lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (name, value) = line.split_at_checked(memchr::memchr(b':', line)?)?;
            Some((name, value.get(1..)?.trim_ascii()))
        })
        .collect::<Option<Vec<_>>>()?;
    Some(Part { headers, value })
}

/// First bytes that tell what a body is.
#[rustfmt::skip]
const SIGNATURES: &[(&[u8], &str)] = &[
    (b"{", "application/json"),
    (b"[", "application/json"),
    (b"<?xml", "text/xml"),
    (b"<!DOCTYPE html", "text/html"),
    (b"<html", "text/html"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "application/octet-stream"),
    (b"\x7fELF", "application/x-executable"),
    (b"MZ", "application/x-msdownload"),
];

/// The media type that a body's first bytes speak for; nothing for an empty body.
pub(super) fn sniff(body: &[u8]) -> &'static str {
    let start = body.trim_ascii_start();
    if start.is_empty() {
        return "";
    }
    let known = SIGNATURES.iter().find(|(signature, _)| {
        start.get(..signature.len()).is_some_and(|found| found.eq_ignore_ascii_case(signature))
    });
    let is_text = || start.iter().take(512).all(|byte| !matches!(byte, 0..=8 | 14..=31 | 127));
    known.map_or_else(|| if is_text() { "text/plain" } else { "application/octet-stream" }, |row| row.1)
}
