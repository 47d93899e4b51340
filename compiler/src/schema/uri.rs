//! As much of RFC 3986 as references between schemas need.

/// A URI reference in its parts, fragment left out.
#[derive(Debug, Default)]
struct Parts<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
}

/// Splits a reference into what names a document and the fragment.
pub(super) fn split(reference: &str) -> (&str, &str) {
    reference.split_once('#').unwrap_or((reference, ""))
}

/// Resolves a reference without fragment against a base.
pub(super) fn resolve(base: &str, reference: &str) -> String {
    let (base, parts) = (parse(base), parse(reference));
    if parts.scheme.is_some() {
        return compose(&parts, &remove_dots(parts.path));
    }
    if parts.authority.is_some() {
        return compose(&Parts { scheme: base.scheme, ..parts }, &remove_dots(parts.path));
    }
    let from_base = Parts { scheme: base.scheme, authority: base.authority, path: "", query: parts.query };
    if parts.path.is_empty() {
        let query = parts.query.or(base.query);
        return compose(&Parts { query, ..from_base }, base.path);
    }
    if parts.path.starts_with('/') {
        return compose(&from_base, &remove_dots(parts.path));
    }
    let folder = match base.path.rfind('/') {
        Some(slash) => base.path.get(..=slash).unwrap_or_default(),
        None if base.authority.is_some() => "/",
        None => "",
    };
    compose(&from_base, &remove_dots(&format!("{folder}{}", parts.path)))
}

/// Whether it has a scheme.
pub(super) fn is_absolute(reference: &str) -> bool {
    parse(reference).scheme.is_some()
}

/// Decodes `%41`; what is not an escape stays.
pub(super) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let code = (*byte == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(code.unwrap_or(*byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn parse(reference: &str) -> Parts<'_> {
    let (rest, query) =
        reference.split_once('?').map_or((reference, None), |(rest, query)| (rest, Some(query)));
    let (scheme, rest) = match rest.split_once(':') {
        Some((scheme, after)) if is_scheme(scheme) => (Some(scheme), after),
        _ => (None, rest),
    };
    let Some(after) = rest.strip_prefix("//") else {
        return Parts { scheme, authority: None, path: rest, query };
    };
    let slash = after.find('/').unwrap_or(after.len());
    let (authority, path) = after.split_at(slash);
    Parts { scheme, authority: Some(authority), path, query }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

fn compose(parts: &Parts<'_>, path: &str) -> String {
    let scheme = parts.scheme.map(|scheme| format!("{scheme}:")).unwrap_or_default();
    let authority = parts.authority.map(|authority| format!("//{authority}")).unwrap_or_default();
    let query = parts.query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{scheme}{authority}{path}{query}")
}

fn remove_dots(path: &str) -> String {
    if !path.contains("./") && !path.ends_with('.') {
        return path.to_owned();
    }
    let mut out: Vec<&str> = Vec::new();
    let parts: Vec<&str> = path.split('/').collect();
    for (at, part) in parts.iter().enumerate() {
        let last = at + 1 == parts.len();
        match *part {
            "." => {}
            ".." => {
                if out.len() > 1 {
                    out.pop();
                }
            }
            name => {
                out.push(name);
                continue;
            }
        }
        if last {
            out.push("");
        }
    }
    out.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_resolve_as_the_rfc_says() {
        for (base, reference, whole) in [
            ("http://a/b/c", "d", "http://a/b/d"),
            ("http://a/b/c", "../d", "http://a/d"),
            ("http://a/b/c", "/d", "http://a/d"),
            ("http://a/b/c/", ".", "http://a/b/c/"),
            ("http://a", "d", "http://a/d"),
            ("http://a/b?q", "", "http://a/b?q"),
            ("http://a/b", "//c/d", "http://c/d"),
            ("http://a/b", "urn:x:y", "urn:x:y"),
            ("urn:x:y", "", "urn:x:y"),
            ("", "d/e", "d/e"),
        ] {
            assert_eq!(resolve(base, reference), whole, "{base} {reference}");
        }
        assert_eq!(percent_decode("a%20b%zz%"), "a b%zz%");
    }
}
