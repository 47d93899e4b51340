//! Header names as they came over HTTP/1, since hyper hands them on in lower case only.

use hyper::header::HeaderMap;

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
}
