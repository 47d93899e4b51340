//! Sets that `in` asks: sorted, without overlap, so that equal sets are equal bytes and membership is a search.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::types::Type;

/// A place in [`crate::Program::sets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SetId(pub u32);

/// Inclusive ranges or single values of one type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Members {
    /// Integers.
    Ints(Box<[(i64, i64)]>),
    /// Addresses; the families never mix.
    Ips {
        /// IPv4 ranges.
        v4: Box<[(u32, u32)]>,
        /// IPv6 ranges.
        v6: Box<[(u128, u128)]>,
    },
    /// Strings.
    Strings(Box<[Box<[u8]>]>),
}

/// A set, inline or a named list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Set {
    /// The list's name, where it has one.
    pub name: Option<Box<str>>,
    /// What it holds.
    pub members: Members,
}

impl Members {
    /// Integers of these inclusive ranges, in any order.
    pub fn ints(mut ranges: Vec<(i64, i64)>) -> Self {
        merge(&mut ranges, |end, start| start <= end || end.checked_add(1) == Some(start));
        Self::Ints(ranges.into())
    }

    /// Addresses of these inclusive ranges, each of one family, in any order; a range of two families is left out.
    pub fn ips(ranges: impl IntoIterator<Item = (IpAddr, IpAddr)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for range in ranges {
            match range {
                (IpAddr::V4(low), IpAddr::V4(high)) => v4.push((low.to_bits(), high.to_bits())),
                (IpAddr::V6(low), IpAddr::V6(high)) => v6.push((low.to_bits(), high.to_bits())),
                (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {}
            }
        }
        merge(&mut v4, |end, start| start <= end || end.checked_add(1) == Some(start));
        merge(&mut v6, |end, start| start <= end || end.checked_add(1) == Some(start));
        Self::Ips { v4: v4.into(), v6: v6.into() }
    }

    /// These strings, in any order.
    pub fn strings(mut strings: Vec<Box<[u8]>>) -> Self {
        strings.sort_unstable();
        strings.dedup();
        Self::Strings(strings.into())
    }

    /// The type of its members.
    pub const fn ty(&self) -> Type {
        match self {
            Self::Ints(_) => Type::INT,
            Self::Ips { .. } => Type::IP,
            Self::Strings(_) => Type::STRING,
        }
    }

    /// How many ranges or strings it holds.
    pub fn len(&self) -> usize {
        match self {
            Self::Ints(ranges) => ranges.len(),
            Self::Ips { v4, v6 } => v4.len() + v6.len(),
            Self::Strings(strings) => strings.len(),
        }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it holds that integer.
    pub fn has_int(&self, value: i64) -> bool {
        matches!(self, Self::Ints(ranges) if within(ranges, value))
    }

    /// Whether it holds that address.
    pub fn has_ip(&self, value: IpAddr) -> bool {
        match (self, value) {
            (Self::Ips { v4, .. }, IpAddr::V4(value)) => within(v4, value.to_bits()),
            (Self::Ips { v6, .. }, IpAddr::V6(value)) => within(v6, value.to_bits()),
            _ => false,
        }
    }

    /// Whether it holds that string.
    pub fn has_string(&self, value: &[u8]) -> bool {
        matches!(self, Self::Strings(strings) if strings.binary_search_by(|member| (**member).cmp(value)).is_ok())
    }

    /// Whether it is in the canonical form that the constructors give.
    pub fn is_canonical(&self) -> bool {
        match self {
            Self::Ints(ranges) => is_merged(ranges, |end| end.checked_add(1)),
            Self::Ips { v4, v6 } => {
                is_merged(v4, |end| end.checked_add(1)) && is_merged(v6, |end| end.checked_add(1))
            }
            Self::Strings(strings) => strings.is_sorted_by(|a, b| a < b),
        }
    }
}

/// First and last address of a network, or `None` where the prefix is too long or host bits are set.
pub fn network(address: IpAddr, prefix: u32) -> Option<(IpAddr, IpAddr)> {
    match address {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(prefix).unwrap_or(0);
            let low = address.to_bits();
            (prefix <= 32 && low & host == 0)
                .then(|| (IpAddr::V4(address), IpAddr::V4(Ipv4Addr::from_bits(low | host))))
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(prefix).unwrap_or(0);
            let low = address.to_bits();
            (prefix <= 128 && low & host == 0)
                .then(|| (IpAddr::V6(address), IpAddr::V6(Ipv6Addr::from_bits(low | host))))
        }
    }
}

fn merge<T: Ord + Copy>(ranges: &mut Vec<(T, T)>, touch: impl Fn(T, T) -> bool) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, kept| {
        let joined = touch(kept.1, next.0);
        if joined {
            kept.1 = kept.1.max(next.1);
        }
        joined
    });
}

fn within<T: Ord + Copy>(ranges: &[(T, T)], value: T) -> bool {
    let after = ranges.partition_point(|range| range.0 <= value);
    after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|range| value <= range.1)
}

fn is_merged<T: Ord + Copy>(ranges: &[(T, T)], next: impl Fn(T) -> Option<T>) -> bool {
    ranges.iter().all(|range| range.0 <= range.1)
        && ranges.is_sorted_by(|a, b| next(a.1).is_some_and(|after| after < b.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_merged_and_searched() {
        let set = Members::ints(vec![(5, 9), (1, 3), (4, 4), (20, 20), (i64::MAX, i64::MAX)]);
        assert_eq!(set, Members::Ints([(1, 9), (20, 20), (i64::MAX, i64::MAX)].into()));
        assert!(set.has_int(1) && set.has_int(9) && set.has_int(i64::MAX));
        assert!(!set.has_int(0) && !set.has_int(10) && !set.has_int(21));
        assert!(set.is_canonical());
        assert!(!Members::Ints([(1, 3), (4, 9)].into()).is_canonical());
        assert!(!Members::Ints([(3, 1)].into()).is_canonical());
    }

    #[test]
    fn a_network_has_no_host_bits() {
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(network(at("192.0.2.0"), 24), Some((at("192.0.2.0"), at("192.0.2.255"))));
        assert_eq!(network(at("192.0.2.1"), 24), None);
        assert_eq!(network(at("0.0.0.0"), 0), Some((at("0.0.0.0"), at("255.255.255.255"))));
        assert_eq!(network(at("192.0.2.1"), 33), None);
        assert_eq!(
            network(at("::"), 0).map(|range| range.1),
            Some(IpAddr::V6(Ipv6Addr::from_bits(u128::MAX)))
        );
        let set = Members::ips([network(at("192.0.2.0"), 24).unwrap()]);
        assert!(set.has_ip(at("192.0.2.77")) && !set.has_ip(at("::ffff:192.0.2.77")));
    }
}
