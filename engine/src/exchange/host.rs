//! The canonical form of an authority: host in lower case, port apart.

use std::borrow::Cow;

use crate::denial::Reason;

use super::words::{self, TOPS, found};

/// An authority taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host<'a> {
    /// In lower case, without a final dot; an IPv6 address in brackets.
    pub(crate) name: Cow<'a, [u8]>,
    /// The port, where one is given.
    pub(crate) port: Option<u16>,
}

/// Whether these are all of a name in lower case; eight bytes at a time.
fn is_plain(authority: &[u8]) -> bool {
    let other = |word| {
        let marks = words::between(word, b'-', b'.');
        TOPS & !(words::between(word, b'a', b'z') | words::between(word, b'0', b'9') | marks)
    };
    found(authority, other) == Some(0)
}

/// Most authorities: a name in lower case, and perhaps a port.
fn plain(authority: &[u8]) -> Option<Host<'_>> {
    let (name, port) = match authority.iter().rev().take(6).position(|byte| *byte == b':') {
        None => (authority, None),
        Some(digits) => {
            let (name, digits) = authority.split_at_checked(authority.len() - digits - 1)?;
            (name, Some(port(digits.get(1..)?)?))
        }
    };
    let plain = name.len() <= 255 && name.last() != Some(&b'.') && is_plain(name);
    plain.then_some(Host { name: Cow::Borrowed(name), port })
}

/// Reads an authority; user information has no place in one.
pub(crate) fn read(authority: &[u8]) -> Result<Host<'_>, Reason> {
    // PERF: without a look at every byte by itself.
    if let Some(host) = plain(authority) {
        return Ok(host);
    }
    let (name, port) = split(authority).ok_or(Reason::HostMalformed)?;
    let port = match port {
        None | Some([]) => None,
        Some(digits) => Some(self::port(digits).ok_or(Reason::HostMalformed)?),
    };
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.is_empty() || name.len() > 255 || !name.iter().copied().all(is_allowed) {
        return Err(Reason::HostMalformed);
    }
    let name = if name.iter().any(u8::is_ascii_uppercase) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    };
    Ok(Host { name, port })
}

/// One to five digits of a number that a port may have.
fn port(digits: &[u8]) -> Option<u16> {
    if !(1..=5).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit & 15)).try_into().ok()
}

const fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'[' | b']')
}

fn split(authority: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    if authority.first() == Some(&b'[') {
        let end = authority.iter().position(|byte| *byte == b']')?;
        let (name, rest) = authority.split_at_checked(end + 1)?;
        let address = std::str::from_utf8(name.get(1..end)?).ok()?;
        address.parse::<std::net::Ipv6Addr>().ok()?;
        return match rest {
            [] => Some((name, None)),
            [b':', port @ ..] => Some((name, Some(port))),
            _ => None,
        };
    }
    let mut halves = authority.splitn(2, |byte| *byte == b':');
    let name = halves.next()?;
    let port = halves.next();
    (!name.iter().any(|byte| matches!(byte, b'[' | b']'))).then_some((name, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_lower_case_and_without_port() {
        let read = |text: &'static str| {
            read(text.as_bytes()).map(|host| (String::from_utf8(host.name.into_owned()).unwrap(), host.port))
        };
        assert_eq!(read("Example.COM:8080"), Ok(("example.com".into(), Some(8080))));
        assert_eq!(read("example.com:80"), Ok(("example.com".into(), Some(80))));
        assert_eq!(read("example.com."), Ok(("example.com".into(), None)));
        assert_eq!(read("[2001:DB8::1]:1"), Ok(("[2001:db8::1]".into(), Some(1))));
        let odd = ["", ":80", "a:b", "a:99999", "u@h", "a b", "[::1", "[x]", "[::1]x", "a:1:2", "a]", "a/b"];
        let nearly = ["example.com:1:2", "example.com:99999", "example.com:123456", "example.com:1a"];
        for bad in odd.into_iter().chain(nearly) {
            assert_eq!(read(bad), Err(Reason::HostMalformed), "{bad}");
        }
    }
}
