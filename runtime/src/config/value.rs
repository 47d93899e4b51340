//! Reads durations, sizes, counts and addresses as the policy language writes them.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What a value must look like, said to whoever wrote another.
type Parsed<T> = Result<T, String>;

const TIME_UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZE_UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];

/// `250ms`, `10s`, `5m`, `1h`, `7d`.
pub(crate) fn duration(text: &str) -> Parsed<Duration> {
    with_unit(text, &TIME_UNITS)
        .map(Duration::from_millis)
        .ok_or_else(|| "a duration such as `250ms`, `10s` or `5m`".into())
}

/// `512B`, `64KiB`, `1MiB`.
pub(crate) fn size(text: &str) -> Parsed<u64> {
    with_unit(text, &SIZE_UNITS).ok_or_else(|| "a size such as `512B`, `64KiB` or `1MiB`".into())
}

/// A plain number.
pub(crate) fn count(text: &str) -> Parsed<usize> {
    text.parse().map_err(|_| "a whole number".into())
}

/// An address and port.
pub(crate) fn address(text: &str) -> Parsed<()> {
    text.parse::<SocketAddr>()
        .map(drop)
        .map_err(|_| "an address and port such as `127.0.0.1:8080` or `[::]:443`".into())
}

/// The admin listener's address, or `off`.
pub(crate) fn admin(text: &str) -> Parsed<()> {
    if text == "off" { Ok(()) } else { address(text).map_err(|expected| format!("`off` or {expected}")) }
}

/// A network in CIDR form, or one address.
pub(crate) fn network(text: &str) -> Parsed<()> {
    Network::parse(text).map(drop).ok_or_else(|| "a network such as `10.0.0.0/8`, or one address".into())
}

/// `http://host[:port]` or `https://host[:port]`.
pub(crate) fn upstream(text: &str) -> Parsed<()> {
    crate::upstream::Origin::parse(text).map(drop)
}

/// A certificate chain and its key, two paths with a comma between them.
pub(crate) fn certificate(text: &str) -> Parsed<()> {
    match text.split_once(',') {
        Some((chain, key)) if !chain.is_empty() && !key.is_empty() => Ok(()),
        Some(_) | None => Err("two paths, `chain.pem,key.pem`".into()),
    }
}

/// Anything at all.
#[expect(clippy::unnecessary_wraps, reason = "one check among others that do refuse")]
pub(crate) fn anything(_: &str) -> Parsed<()> {
    Ok(())
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*scale)
}

/// The shortest text that reads back as `value`.
pub(crate) fn show_duration(value: Duration) -> String {
    let millis = value.as_millis() as u64;
    let fits = |(_, scale): &&(&str, u64)| millis.is_multiple_of(*scale) && millis >= *scale;
    let (unit, scale) = TIME_UNITS.iter().rev().find(fits).unwrap_or(&TIME_UNITS[1]);
    format!("{}{unit}", millis / scale)
}

/// The shortest text that reads back as `value`.
pub(crate) fn show_size(value: u64) -> String {
    let fits = |(_, scale): &&(&str, u64)| value.is_multiple_of(*scale) && value >= *scale;
    let (unit, scale) = SIZE_UNITS[..3].iter().rev().find(fits).unwrap_or(&SIZE_UNITS[3]);
    format!("{}{unit}", value / scale)
}

/// A network: an address and how many of its leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    bits: u128,
    length: u32,
}

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32` or one address.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (width, offset) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
        let length = length.unwrap_or(width);
        (length <= width).then(|| Self { bits: as_bits(address), length: length + offset })
    }

    /// Whether `address` lies in this network; an IPv4 address and its mapped IPv6 form are one.
    pub fn contains(&self, address: IpAddr) -> bool {
        let differing = self.bits ^ as_bits(address);
        self.length == 0 || differing.checked_shr(128 - self.length) == Some(0)
    }
}

fn as_bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_reads_back() {
        for millis in [1, 250, 1_000, 61_000, 3_600_000, 604_800_000] {
            let value = Duration::from_millis(millis);
            assert_eq!(duration(&show_duration(value)), Ok(value));
        }
        for value in [0, 1, 1023, 1024, 1 << 20, (1 << 30) + 1] {
            assert_eq!(size(&show_size(value)), Ok(value));
        }
    }

    #[test]
    fn units_are_required_and_overflow_is_refused() {
        assert!(duration("10").is_err());
        assert!(size("18446744073709551615GiB").is_err());
        assert!(duration("ten s").is_err());
    }

    #[test]
    fn a_mapped_address_is_in_its_ipv4_network() {
        let network = Network::parse("10.0.0.0/8").unwrap();
        assert!(network.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!network.contains("11.0.0.1".parse().unwrap()));
        assert!(Network::parse("10.0.0.0/33").is_none());
    }
}
