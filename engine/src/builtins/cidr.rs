//! The network address of an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::value::Value;

use super::Arguments;

pub(super) fn cidr<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    network(arguments.ip(0)?, arguments.int(1)?, arguments.int(2)?)
}

/// The network of an address by the prefix length of its family.
pub(super) fn network<'v>(address: IpAddr, v4: i64, v6: i64) -> Option<Value<'v>> {
    Some(Value::Ip(match address {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(u32::try_from(v4).ok()?).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & !host))
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(u32::try_from(v6).ok()?).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !host))
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn host_bits_are_cleared() {
        assert_eq!(call("cidr", &[ip("113.10.0.2"), int(24), int(64)]), Some(ip("113.10.0.0")));
        assert_eq!(call("cidr", &[ip("2001:db8::1:2"), int(24), int(64)]), Some(ip("2001:db8::")));
        assert_eq!(call("cidr", &[ip("1.2.3.4"), int(32), int(128)]), Some(ip("1.2.3.4")));
        assert_eq!(call("cidr6", &[ip("1.2.3.4"), int(64)]), Some(ip("1.2.3.4")));
        assert_eq!(call("cidr6", &[ip("2001:db8:1:2:3::"), int(32)]), Some(ip("2001:db8::")));
    }
}
