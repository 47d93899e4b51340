//! Who the client is: the peer, or the right-most hop that no trusted proxy vouches for.

use std::net::{IpAddr, Ipv6Addr};

use hyper::header::{self, HeaderMap, HeaderName};

use crate::config::{Network, Settings};
use crate::hop::Trust;

/// The header that carries the chain of hops.
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Hops that are looked at; a chain that is longer ends there.
const MOST_HOPS: usize = 32;

/// Where the client's address comes from.
#[derive(Debug, Clone)]
pub(crate) struct AddressRule {
    from: From,
    trusted: Vec<Network>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Peer,
    Forwarded,
    XForwardedFor,
}

impl AddressRule {
    pub(crate) fn new(settings: &Settings) -> Self {
        let from = match settings.client_address {
            "forwarded" => From::Forwarded,
            "x-forwarded-for" => From::XForwardedFor,
            _ => From::Peer,
        };
        Self {
            from,
            trusted: settings.trusted_proxies.iter().filter_map(|text| Network::parse(text)).collect(),
        }
    }

    /// Whether this peer may say who the client is.
    pub(crate) fn trust(&self, peer: IpAddr) -> Trust {
        if self.from != From::Peer && self.trusts(peer) { Trust::Proxy } else { Trust::Nobody }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    /// The client's address. A hop that is no address ends the chain: the proxy that passed it on is all we know.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = canonical(peer);
        if self.trust(peer) == Trust::Nobody {
            return client;
        }
        let name = if self.from == From::Forwarded { header::FORWARDED } else { X_FORWARDED_FOR };
        let lines: Vec<&str> =
            headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("")).collect();
        let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
        for hop in hops.take(MOST_HOPS) {
            let text = if self.from == From::Forwarded { forwarded_for(hop) } else { Some(hop.trim()) };
            let Some(address) = text.and_then(node) else { break };
            client = address;
            if !self.trusts(address) {
                break;
            }
        }
        client
    }
}

/// The `for` of one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<&str> {
    let mut found = element.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim())
    });
    let value = found.next().filter(|_| found.next().is_none())?;
    Some(value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value))
}

/// An address as proxies write it: with or without port, IPv6 with or without brackets, never with a zone.
fn node(text: &str) -> Option<IpAddr> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let port_fits = port.is_empty() || port.strip_prefix(':')?.parse::<u16>().is_ok();
        return port_fits.then(|| address.parse::<Ipv6Addr>().ok().map(|v6| canonical(IpAddr::V6(v6))))?;
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(canonical(address));
    }
    let (address, port) = text.split_once(':')?;
    port.parse::<u16>().ok()?;
    address.parse().ok().map(IpAddr::V4)
}

/// An IPv4 address in IPv6 clothing is an IPv4 address.
pub(crate) fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn client(from: &'static str, name: &HeaderName, lines: &[&str]) -> String {
        let trusted_proxies = vec!["10.0.0.0/8".into(), "::1".into()];
        let settings = Settings { client_address: from, trusted_proxies, ..Settings::default() };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, HeaderValue::from_str(line).unwrap());
        }
        AddressRule::new(&settings).client("10.0.0.1".parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_right_most_untrusted_hop_is_the_client() {
        for (lines, expected) in [
            (vec!["6.6.6.6, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            (vec!["6.6.6.6", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            (vec!["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (vec![], "10.0.0.1"),
            (vec!["203.0.113.9, unknown, 10.0.0.2"], "10.0.0.2"),
            (vec!["::ffff:203.0.113.9"], "203.0.113.9"),
            (vec!["203.0.113.9:4711"], "203.0.113.9"),
            (vec!["[2001:db8::1]:4711"], "2001:db8::1"),
            (vec!["fe80::1%eth0"], "10.0.0.1"),
            (vec!["0177.0.0.1"], "10.0.0.1"),
        ] {
            assert_eq!(client("x-forwarded-for", &X_FORWARDED_FOR, &lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_as_its_rfc_says() {
        for (line, expected) in [
            ("for=6.6.6.6, for=203.0.113.9;proto=https;by=10.0.0.2", "203.0.113.9"),
            ("For=\"[2001:db8::17]:4711\"", "2001:db8::17"),
            ("for=_hidden", "10.0.0.1"),
            ("for=1.1.1.1;for=2.2.2.2", "10.0.0.1"),
        ] {
            assert_eq!(client("forwarded", &header::FORWARDED, &[line]), expected, "{line}");
        }
    }

    #[test]
    fn a_peer_that_is_not_trusted_is_the_client_itself() {
        let settings = Settings {
            client_address: "x-forwarded-for",
            trusted_proxies: vec!["10.0.0.0/8".into()],
            ..Settings::default()
        };
        let mut headers = HeaderMap::new();
        headers.append(X_FORWARDED_FOR, HeaderValue::from_static("1.2.3.4"));
        let peer = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(AddressRule::new(&settings).client(peer, &headers).to_string(), "192.0.2.1");
        assert_eq!(client("peer", &X_FORWARDED_FOR, &["1.2.3.4"]), "10.0.0.1");
    }
}
