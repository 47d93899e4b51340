//! The canonical form of a request target: one spelling of a path, or a refusal.

use std::borrow::Cow;

use crate::denial::Reason;

use super::words::{self, TOPS, found};

/// What becomes of `.` and `..` segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DotSegments {
    /// They are refused.
    #[default]
    Reject,
    /// They are resolved, as RFC 3986 says.
    Resolve,
}

/// What becomes of `//`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmptySegments {
    /// It is refused.
    #[default]
    Reject,
    /// It is one slash.
    Collapse,
    /// It stays.
    Keep,
}

/// What becomes of `%2F`, `%5C` and backslashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Separators {
    /// They are refused.
    #[default]
    Reject,
    /// They stay, percent-encoded.
    Keep,
}

/// What is done about paths that servers understand differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathPolicy {
    /// `.` and `..`.
    pub dot_segments: DotSegments,
    /// `//`.
    pub empty_segments: EmptySegments,
    /// `%2F`, `%5C`, `\`.
    pub separators: Separators,
}

/// Bytes that stand for themselves in a path (RFC 3986 `pchar` and the slash).
const fn is_plain(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@' | b'/'
        )
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// What holds of each byte, as a table made at build time.
macro_rules! table {
    ($holds:ident) => {{
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            #[expect(clippy::indexing_slicing, reason = "in range, and at build time")]
            {
                table[byte] = $holds(byte as u8);
            }
            byte += 1;
        }
        table
    }};
}
pub(super) use table;

/// What is seen of a path at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    /// Every byte stands for itself.
    plain: bool,
    /// There is an empty segment but the last, or one that begins with a dot.
    odd: bool,
}

/// Looks at a path. Most are of letters, digits, `-`, `_`, `.` and slashes alone, which is seen eight bytes at a time.
fn look(path: &[u8]) -> Look {
    let Some(last) = path.last_chunk::<8>() else { return look_at_bytes(path) };
    let (mut others, mut odd) = (0, 0);
    // A word is seen with the byte before it, so that no pair of bytes is between two of them.
    let mut see = |before: u64, bytes: &[u8; 8]| {
        let word = u64::from_le_bytes(*bytes);
        let (slashes, marks) = (words::is(word, b'/'), words::between(word, b'-', b'9'));
        others |= !(words::letters(word) | marks | words::is(word, b'_'));
        odd |= (slashes << 8 | before) & (slashes | words::is(word, b'.'));
        slashes >> 56
    };
    path.as_chunks().0.iter().fold(0, &mut see);
    // What comes before the last word is in one of these.
    see(0, last);
    Look { plain: others & TOPS == 0 || path.iter().copied().all(is_plain), odd: odd != 0 }
}

fn look_at_bytes(path: &[u8]) -> Look {
    Look {
        plain: path.iter().copied().all(is_plain),
        odd: path.windows(2).any(|pair| matches!(pair, [b'/', b'/' | b'.'])),
    }
}

/// Whether every byte may stand in a query.
fn is_query(query: &[u8]) -> bool {
    let other =
        |word| words::some_below(word, 0x21) | words::some_is(word, 0x7f) | words::some_is(word, b'#');
    found(query, other)
        .map_or_else(|| !query.iter().any(|byte| matches!(byte, 0..=0x20 | 0x7f | b'#')), |found| found == 0)
}

/// The canonical form of a path that begins with a slash.
pub(crate) fn path(raw: &[u8], policy: PathPolicy) -> Result<Cow<'_, [u8]>, Reason> {
    if raw.len() > 1 << 20 {
        return Err(Reason::TargetTooLong);
    }
    let seen = look(raw);
    let canonical = if seen.plain { Cow::Borrowed(raw) } else { Cow::Owned(encode(raw, policy)?) };
    if !(if seen.plain { seen } else { look(&canonical) }).odd {
        return Ok(canonical);
    }
    resolve(&canonical, policy).map(Cow::Owned)
}

fn encode(raw: &[u8], policy: PathPolicy) -> Result<Vec<u8>, Reason> {
    let mut path = Vec::with_capacity(raw.len() + 16);
    // What the path says once decoded, to see whether it is UTF-8.
    let mut meant = Vec::new();
    let mut rest = raw;
    while let [byte, after @ ..] = rest {
        rest = after;
        let (value, was_encoded) = match byte {
            b'%' => {
                let (value, after) = hex_pair(after).ok_or(Reason::PathEncoding)?;
                rest = after;
                (value, true)
            }
            0..=0x20 | 0x7f | b'#' => return Err(Reason::Target),
            other => (*other, false),
        };
        meant.push(value);
        match value {
            0 => return Err(Reason::PathEncoding),
            b'\\' | b'/' if was_encoded || value == b'\\' => {
                if policy.separators == Separators::Reject {
                    return Err(Reason::Separator);
                }
                push_encoded(&mut path, value);
            }
            _ if is_unreserved(value) || (!was_encoded && is_plain(value)) => path.push(value),
            _ => push_encoded(&mut path, value),
        }
    }
    if std::str::from_utf8(&meant).is_err() {
        return Err(Reason::PathEncoding);
    }
    Ok(path)
}

fn push_encoded(path: &mut Vec<u8>, value: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    path.push(b'%');
    path.extend([value >> 4, value & 15].iter().filter_map(|digit| DIGITS.get(usize::from(*digit))));
}

/// The value of two hexadecimal digits at the front, and what follows them.
pub(crate) fn hex_pair(text: &[u8]) -> Option<(u8, &[u8])> {
    let ([high, low], after) = text.split_first_chunk::<2>()?;
    let digit = |byte: u8| char::from(byte).to_digit(16);
    Some(((digit(*high)? * 16 + digit(*low)?) as u8, after))
}

fn resolve(path: &[u8], policy: PathPolicy) -> Result<Vec<u8>, Reason> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut segments = path.get(1..).unwrap_or_default().split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        match name {
            b"." | b".." => {
                // A dot segment with parameters is one to some servers and none to others.
                if policy.dot_segments == DotSegments::Reject || name.len() != segment.len() {
                    return Err(Reason::DotSegment);
                }
                if name.len() == 2 {
                    kept.pop();
                }
                if is_last {
                    kept.push(b"");
                }
            }
            b"" if segment.is_empty() && !is_last => match policy.empty_segments {
                EmptySegments::Reject => return Err(Reason::EmptySegment),
                EmptySegments::Collapse => {}
                EmptySegments::Keep => kept.push(segment),
            },
            _ => kept.push(segment),
        }
    }
    let mut out = Vec::with_capacity(path.len());
    for segment in kept {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    if out.is_empty() {
        out.push(b'/');
    }
    Ok(out)
}

/// A target taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    /// The authority of an absolute form.
    pub(crate) authority: Option<&'a [u8]>,
    /// Path, question mark and query as they were received.
    pub(crate) path_and_query: &'a [u8],
    /// The path, beginning with a slash, or `*`.
    pub(crate) path: &'a [u8],
    /// What follows the first question mark.
    pub(crate) query: &'a [u8],
}

/// Takes a target apart: origin form, absolute form, or `*` for OPTIONS.
pub(crate) fn parts<'a>(target: &'a [u8], method: &[u8]) -> Result<Parts<'a>, Reason> {
    let (authority, rest) = match target {
        [b'/', ..] => (None, target),
        b"*" if method == b"OPTIONS" => {
            return Ok(Parts { authority: None, path_and_query: target, path: target, query: b"" });
        }
        _ => absolute(target)?,
    };
    let (path, query) = match memchr::memchr(b'?', rest) {
        Some(at) => rest.split_at_checked(at).ok_or(Reason::Target)?,
        None => (rest, &b""[..]),
    };
    let query = query.get(1..).unwrap_or_default();
    if !is_query(query) {
        return Err(Reason::Target);
    }
    Ok(Parts { authority, path_and_query: rest, path: if path.is_empty() { b"/" } else { path }, query })
}

fn absolute(target: &[u8]) -> Result<(Option<&[u8]>, &[u8]), Reason> {
    let rest = [&b"http://"[..], b"https://"]
        .into_iter()
        .find_map(|scheme| {
            let (start, rest) = target.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        })
        .ok_or(Reason::Target)?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end).ok_or(Reason::Target)?;
    Ok((Some(authority), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(raw: &str, policy: PathPolicy) -> Result<String, Reason> {
        path(raw.as_bytes(), policy).map(|path| String::from_utf8(path.into_owned()).unwrap())
    }

    fn strict(raw: &str) -> Result<String, Reason> {
        canonical(raw, PathPolicy::default())
    }

    #[test]
    fn a_path_has_one_spelling() {
        for (raw, wanted) in [
            ("/", "/"),
            ("/%7Ejane/%61", "/~jane/a"),
            ("/a%c3%a9", "/a%C3%A9"),
            ("/aé", "/a%C3%A9"),
            ("/%252e%252e/x", "/%252e%252e/x"),
            ("/a;v=1/b", "/a;v=1/b"),
            ("/{a}|b", "/%7Ba%7D%7Cb"),
            ("/%2Aa*", "/%2Aa*"),
            ("/.well-known/x", "/.well-known/x"),
            ("/a/..b/c.", "/a/..b/c."),
            ("/%3f%23", "/%3F%23"),
        ] {
            let once = strict(raw).unwrap();
            assert_eq!(once, wanted);
            assert_eq!(strict(&once).unwrap(), wanted, "canonicalising twice changes {raw}");
        }
    }

    #[test]
    fn what_servers_understand_differently_is_refused() {
        for (raw, reason) in [
            ("/a/../b", Reason::DotSegment),
            ("/a/%2e%2E/b", Reason::DotSegment),
            ("/a/.", Reason::DotSegment),
            ("/a/..;/b", Reason::DotSegment),
            ("/a/.;x/b", Reason::DotSegment),
            ("/a//b", Reason::EmptySegment),
            ("//a", Reason::EmptySegment),
            ("/a%2fb", Reason::Separator),
            ("/a%5Cb", Reason::Separator),
            ("/a\\b", Reason::Separator),
            ("/a%00", Reason::PathEncoding),
            ("/a%zz", Reason::PathEncoding),
            ("/a%", Reason::PathEncoding),
            ("/a%4", Reason::PathEncoding),
            ("/%c0%ae", Reason::PathEncoding),
            ("/%e2%82", Reason::PathEncoding),
            ("/a b", Reason::Target),
            ("/a#b", Reason::Target),
            ("/a\tb", Reason::Target),
        ] {
            assert_eq!(strict(raw), Err(reason), "{raw}");
        }
        assert_eq!(path(b"/\xff", PathPolicy::default()), Err(Reason::PathEncoding));
    }

    #[test]
    fn words_and_bytes_say_the_same() {
        for length in 1..20 {
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut text = vec![b'x'; length];
                    text[at] = byte;
                    assert_eq!(is_query(&text), !matches!(byte, 0..=0x20 | 0x7f | b'#'), "{text:?}");
                    text.insert(at, b'/');
                    let seen = Look { plain: is_plain(byte), odd: matches!(byte, b'/' | b'.') };
                    assert_eq!((look(&text), look_at_bytes(&text)), (seen, seen), "{text:?}");
                }
            }
        }
    }

    #[test]
    fn a_policy_may_resolve_and_keep() {
        let lenient = PathPolicy {
            dot_segments: DotSegments::Resolve,
            empty_segments: EmptySegments::Collapse,
            separators: Separators::Keep,
        };
        for (raw, wanted) in [
            ("/a/../b", "/b"),
            ("/../..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/./b/.", "/a/b/"),
            ("//a///b//", "/a/b/"),
            ("/a%2fb\\c", "/a%2Fb%5Cc"),
        ] {
            assert_eq!(canonical(raw, lenient).as_deref(), Ok(wanted), "{raw}");
        }
        assert_eq!(canonical("/a/..;/b", lenient), Err(Reason::DotSegment));
        let keep = PathPolicy { empty_segments: EmptySegments::Keep, ..PathPolicy::default() };
        assert_eq!(canonical("//a//b", keep).as_deref(), Ok("//a//b"));
    }

    #[test]
    fn targets_come_in_three_forms() {
        let origin = parts(b"/a?b=c?d", b"GET").unwrap();
        assert_eq!((origin.path, origin.query, origin.authority), (&b"/a"[..], &b"b=c?d"[..], None));
        let absolute = parts(b"HTTP://h:1/a", b"GET").unwrap();
        assert_eq!((absolute.path, absolute.authority), (&b"/a"[..], Some(&b"h:1"[..])));
        assert_eq!(parts(b"http://h?x", b"GET").unwrap().path, b"/");
        assert_eq!(parts(b"*", b"OPTIONS").unwrap().path, b"*");
        for bad in [&b"*"[..], b"", b"a/b", b"/a?b#c", b"/a?b c", b"ftp://h/", b"h:443"] {
            assert_eq!(parts(bad, b"GET"), Err(Reason::Target));
        }
    }
}
