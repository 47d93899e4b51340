//! Where requests go: an origin as it is written, and the addresses that its name stands for.

use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};

/// `http://host[:port]` or `https://host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin {
    /// Whether TLS is spoken.
    pub(crate) tls: bool,
    /// A name, or an address without brackets.
    pub(crate) host: Box<str>,
    /// The port.
    pub(crate) port: u16,
}

/// Addresses of one name that are used; more are ignored.
const MOST_ADDRESSES: usize = 64;

impl Origin {
    /// Reads an origin; the error says what was expected.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let expected = || String::from("an origin such as `http://127.0.0.1:9000` or `https://api.internal`");
        let (tls, rest) = match text.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            Some(_) | None => return Err(expected()),
        };
        let uri: hyper::http::uri::Authority =
            rest.strip_suffix('/').unwrap_or(rest).parse().map_err(|_| expected())?;
        let host = uri.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || uri.as_str().contains('@') {
            return Err(expected());
        }
        let port = if uri.as_str().ends_with(uri.host()) {
            Some(if tls { 443 } else { 80 })
        } else {
            uri.port_u16()
        };
        Ok(Self { tls, host: host.into(), port: port.ok_or_else(expected)? })
    }

    /// Asks the system for the addresses of this origin, which may take a while; addresses that no name may stand for
    /// are left out.
    pub(crate) fn resolve(&self) -> std::io::Result<Vec<SocketAddr>> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        let found = (&*self.host, self.port).to_socket_addrs()?;
        let mut addresses: Vec<_> =
            found.filter(|address| may_be_named(address.ip())).take(MOST_ADDRESSES).collect();
        addresses.sort_unstable();
        addresses.dedup();
        Ok(addresses)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{open}{}{close}:{}", self.host, self.port)
    }
}

/// A name that resolves to the link-local metadata services of a cloud, or to nothing, is a trap.
fn may_be_named(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            !(v4.is_link_local() || v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast())
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => may_be_named(IpAddr::V4(v4)),
            None => !(v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_reads_and_shows() {
        for (text, shown) in [
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
            ("https://api.internal/", "https://api.internal:443"),
            ("http://[::1]:80", "http://[::1]:80"),
            ("http://[::1]", "http://[::1]:80"),
        ] {
            assert_eq!(Origin::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "",
            "http://",
            "ftp://x",
            "http://a/path",
            "http://user@host",
            "http://x:99999",
            "x:80",
            "http://x?y",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn threat_136_a_name_never_stands_for_a_metadata_service() {
        assert!(!may_be_named("169.254.169.254".parse().unwrap()));
        assert!(!may_be_named("::ffff:169.254.169.254".parse().unwrap()));
        assert!(!may_be_named("fe80::1".parse().unwrap()));
        assert!(may_be_named("10.0.0.1".parse().unwrap()));
    }
}
