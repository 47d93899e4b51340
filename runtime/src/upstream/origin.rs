//! Where requests go: an origin as it is written, and the addresses that its name stands for.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::world::Names;

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

    /// Asks for the addresses of this origin, which may take a while; those that its name may not stand for are left out,
    /// and there is at least one.
    pub(crate) fn resolve(&self, names: &Names) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        let mut addresses = names.look_up(&self.host, self.port)?;
        addresses.sort_unstable();
        addresses.dedup();
        let found = addresses.first().copied();
        addresses.retain(|address| may_stand_for(&self.host, address.ip()));
        addresses.truncate(MOST_ADDRESSES);
        if addresses.is_empty() {
            return Err(io::Error::other(found.map_or_else(
                || format!("`{}` has no address", self.host),
                |found| {
                    format!(
                        "`{}` stands for {}, which only an address itself may name",
                        self.host,
                        found.ip()
                    )
                },
            )));
        }
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

/// Whether a name may stand for an address: whoever answers for a name must not lead us to the metadata services of a
/// cloud, which are link-local, nor back into this machine, unless that is what the name says.
fn may_stand_for(name: &str, address: IpAddr) -> bool {
    let address = address.to_canonical();
    let reserved = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_unspecified() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_unspecified(),
    };
    let local =
        name.trim_end_matches('.').rsplit('.').next().is_some_and(|l| l.eq_ignore_ascii_case("localhost"));
    !reserved && !address.is_multicast() && (local || !address.is_loopback())
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
    fn a_name_stands_for_neither_a_metadata_service_nor_this_machine() {
        let may = |name, address: &str| may_stand_for(name, address.parse().unwrap());
        for address in ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1"]
        {
            assert!(!may("api.test", address) && !may("localhost", address), "{address}");
        }
        for address in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert!(!may("api.test", address) && may("api.LocalHost", address), "{address}");
        }
        assert!(may("api.test", "10.0.0.1") && may("api.test", "fd00::1"));
    }
}
