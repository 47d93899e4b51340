//! Which headers go on to the next hop, and which are the proxy's alone to write.

use hyper::header::{self, Entry, HeaderMap, HeaderName, HeaderValue};

/// Headers of one connection only (RFC 9110, section 7.6.1), and what frames a message, which is written anew.
// PERF: patterns are told apart by their length first, the elements of a list are not.
#[rustfmt::skip]
const fn is_hop_by_hop(name: &[u8]) -> bool {
    matches!(
        name,
        b"connection" | b"transfer-encoding" | b"content-length" | b"upgrade" | b"te" | b"proxy-authenticate"
        | b"proxy-authorization" | b"keep-alive" | b"proxy-connection"
    )
}

/// What `Connection` cannot take away, since policies and origins decide by it.
const PROTECTED: [&str; 24] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "if-match",
    "if-none-match",
    "origin",
    "range",
    "referer",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-api-key",
    "x-csrf-token",
    "x-real-ip",
];

/// What is said before a body or not at all, besides what the gate refuses to see behind one.
const ONLY_BEFORE: [&str; 8] = [
    "cache-control",
    "content-range",
    "expect",
    "forwarded",
    "if-match",
    "if-none-match",
    "max-forwards",
    "set-cookie",
];

/// Headers that say who a client is and that only the proxy may write, besides all that start with [`OURS`].
const IDENTITY: [&str; 8] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-real-ip",
    "client-cert",
    "client-cert-chain",
];

/// How our own headers start.
pub(crate) const OURS: &str = "x-shield-";

/// Whether the peer's word about the client counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It is one of the trusted proxies.
    Proxy,
    /// It may be anybody.
    Nobody,
}

/// A client's headers as the origin gets them, without what the proxy writes itself.
pub(crate) fn request(from: &HeaderMap, trust: Trust) -> HeaderMap {
    let named = named(from.get_all(header::CONNECTION).iter());
    let mut to = HeaderMap::with_capacity(from.len() + 4);
    let mut takes_trailers = false;
    for (name, value) in from {
        let text = name.as_str();
        if is_hop_by_hop(text.as_bytes()) {
            takes_trailers |= *name == header::TE && lists(value, "trailers");
        } else if *name != header::EXPECT && !named.contains(name) && !is_identity(text, trust) {
            to.append(name.clone(), value.clone());
        }
    }
    if takes_trailers {
        to.insert(header::TE, HeaderValue::from_static("trailers"));
        to.insert(header::CONNECTION, HeaderValue::from_static("te"));
    }
    to
}

/// The trailers of a client's request that the origin gets: those that are announced, but for what only the proxy may write
/// and what means something else behind a body, or nothing.
pub(crate) fn trailers(headers: &HeaderMap, trust: Trust) -> Vec<HeaderName> {
    let named = named(headers.get_all(header::CONNECTION).iter());
    let values = headers.get_all(header::TRAILER).iter();
    let names = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    names
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| {
            let text = name.as_str();
            let elsewhere =
                is_hop_by_hop(text.as_bytes()) || ONLY_BEFORE.contains(&text) || named.contains(name);
            !elsewhere && !is_identity(text, trust)
        })
        .collect()
}

/// An origin's headers as the client gets them; what belongs to one connection is taken out in place.
pub(crate) fn response(headers: &mut HeaderMap) {
    let named = match headers.entry(header::CONNECTION) {
        Entry::Occupied(entry) => {
            let named = named(entry.iter());
            entry.remove_entry_mult();
            named
        }
        Entry::Vacant(_) => Vec::new(),
    };
    let is_gone = |name: &&HeaderName| {
        let text = name.as_str();
        (is_hop_by_hop(text.as_bytes()) && **name != header::CONTENT_LENGTH)
            || text.starts_with(OURS)
            || named.contains(name)
    };
    // PERF: one after the other, since there is hardly ever any.
    while let Some(name) = headers.keys().find(is_gone).cloned() {
        headers.remove(name);
    }
}

/// The headers that these values of `Connection` name and may name.
fn named<'a>(values: impl Iterator<Item = &'a HeaderValue>) -> Vec<HeaderName> {
    // PERF: what nearly every message says names no header that could be there, and is not taken apart.
    let usual = |value: &&HeaderValue| matches!(value.as_bytes(), b"keep-alive" | b"Keep-Alive" | b"close");
    let names = values
        .filter(|value| !usual(value))
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok());
    let unprotected = |name: &HeaderName| {
        let name = name.as_str();
        !PROTECTED.contains(&name) && !name.starts_with("x-forwarded-") && !name.starts_with(OURS)
    };
    names.filter(unprotected).collect()
}

fn is_identity(name: &str, trust: Trust) -> bool {
    // PERF: hardly any other name starts like one of them.
    if !matches!(name.as_bytes(), [b'c' | b'f' | b'x', ..]) {
        return false;
    }
    let plain = if name.contains('_') { &*name.replace('_', "-") } else { name };
    if plain.starts_with(OURS) || plain.starts_with("client-cert") {
        return true;
    }
    IDENTITY.contains(&plain) && (trust == Trust::Nobody || name.contains('_'))
}

/// Whether a comma-separated header value has this element, whatever its parameters.
pub(crate) fn lists(value: &HeaderValue, wanted: &str) -> bool {
    value.as_bytes().split(|byte| *byte == b',').any(|part| {
        let word = part.split(|byte| *byte == b';').next().unwrap_or_default();
        word.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        map
    }

    fn names(map: &HeaderMap) -> Vec<&str> {
        map.keys().map(HeaderName::as_str).collect()
    }

    #[test]
    fn connection_takes_its_own_headers_and_no_protected_one() {
        let from = headers(&[
            ("connection", "keep-alive, x-mine, X-Other, authorization, X-Forwarded-For, host"),
            ("x-mine", "1"),
            ("x-other", "1"),
            ("authorization", "secret"),
            ("host", "a"),
            ("keep-alive", "timeout=5"),
        ]);
        assert_eq!(names(&request(&from, Trust::Nobody)), ["authorization", "host"]);
    }

    #[test]
    fn identity_is_stripped_in_every_spelling() {
        let from = headers(&[
            ("x-shield-session", "a"),
            ("x_shield_session", "a"),
            ("x_forwarded_for", "1.1.1.1"),
            ("x-forwarded-for", "1.1.1.1"),
            ("client_cert", "a"),
            ("client-cert", "a"),
            ("x-real-ip", "1.1.1.1"),
            ("x-fine", "a"),
        ]);
        assert_eq!(names(&request(&from, Trust::Nobody)), ["x-fine"]);
        assert_eq!(names(&request(&from, Trust::Proxy)), ["x-forwarded-for", "x-real-ip", "x-fine"]);
    }

    #[test]
    fn trailers_stay_announced() {
        let to = request(&headers(&[("te", "gzip;q=0.5, trailers"), ("trailer", "x-sum")]), Trust::Nobody);
        assert_eq!(to[header::TE], "trailers");
        assert!(to.contains_key(header::TRAILER));
    }

    #[test]
    fn a_response_loses_what_belongs_to_its_connection() {
        let mut map = headers(&[
            ("connection", "x-hop"),
            ("connection", "keep-alive"),
            ("connection", "X-Skip, etag-not-here"),
            ("x-hop", "1"),
            ("x-skip", "1"),
            ("x-shield-id", "1"),
            ("content-length", "3"),
            ("etag", "x"),
        ]);
        response(&mut map);
        // Headers of different names have no order among them.
        let mut left = names(&map);
        left.sort_unstable();
        assert_eq!(left, ["content-length", "etag"]);
    }
}
