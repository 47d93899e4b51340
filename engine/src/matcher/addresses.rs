//! Addresses by the ranges that they are in: one search for all lists, whatever their number and length.

use std::collections::BTreeSet;
use std::net::IpAddr;

use shield_ir::set::Members;

/// How many list numbers the intervals of an index hold at most; lists beyond it are asked one by one.
const MOST_NUMBERS: usize = 4 << 20;

/// The lists of one family by interval.
#[derive(Debug)]
struct Intervals<T> {
    /// Where intervals begin, the first at the lowest address.
    starts: Box<[T]>,
    /// Where the numbers of each interval's lists end.
    ends: Box<[u32]>,
    lists: Box<[u32]>,
}

impl<T> Default for Intervals<T> {
    fn default() -> Self {
        Self { starts: Box::default(), ends: Box::default(), lists: Box::default() }
    }
}

impl<T: Ord + Copy> Intervals<T> {
    /// Of ranges, each with its list and the first address after it, if there is one; `None` where it would be too large.
    fn new(ranges: &[(T, Option<T>, u32)]) -> Option<Self> {
        let mut bounds: Vec<(T, bool, u32)> =
            ranges.iter().map(|(low, _, list)| (*low, true, *list)).collect();
        bounds.extend(ranges.iter().filter_map(|(_, after, list)| Some(((*after)?, false, *list))));
        bounds.sort_unstable();
        let (mut starts, mut ends, mut lists) = (Vec::new(), Vec::new(), Vec::new());
        let mut within = BTreeSet::new();
        for at in bounds.chunk_by(|a, b| a.0 == b.0) {
            for (_, begins, list) in at {
                if *begins {
                    within.insert(*list)
                } else {
                    within.remove(list)
                };
            }
            starts.extend(at.first().map(|(start, ..)| *start));
            lists.extend(within.iter().copied());
            ends.push(lists.len() as u32);
            if lists.len() > MOST_NUMBERS {
                return None;
            }
        }
        Some(Self { starts: starts.into(), ends: ends.into(), lists: lists.into() })
    }

    fn get(&self, address: T) -> &[u32] {
        let after = self.starts.partition_point(|start| *start <= address);
        let Some(at) = after.checked_sub(1) else { return &[] };
        let end = |at: usize| self.ends.get(at).map_or(0, |end| *end as usize);
        let start = at.checked_sub(1).map_or(0, end);
        self.lists.get(start..end(at)).unwrap_or_default()
    }
}

/// Lists of addresses.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    v4: Intervals<u32>,
    v6: Intervals<u128>,
}

impl Addresses {
    /// Of lists by number; `None` where they overlap too much for an index.
    pub(super) fn new<'m>(lists: impl IntoIterator<Item = (u32, &'m Members)>) -> Option<Self> {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (list, members) in lists {
            let Members::Ips { v4: short, v6: long } = members else { continue };
            v4.extend(short.iter().map(|(low, high)| (*low, high.checked_add(1), list)));
            v6.extend(long.iter().map(|(low, high)| (*low, high.checked_add(1), list)));
        }
        Some(Self { v4: Intervals::new(&v4)?, v6: Intervals::new(&v6)? })
    }

    /// The numbers of the lists that hold an address.
    pub(super) fn get(&self, address: IpAddr) -> &[u32] {
        match address {
            IpAddr::V4(address) => self.v4.get(address.to_bits()),
            IpAddr::V6(address) => self.v6.get(address.to_bits()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_that_holds_an_address_is_found() {
        let range = |low: &str, high: &str| (low.parse().unwrap(), high.parse().unwrap());
        let lists = [
            Members::ips([range("10.0.0.0", "10.255.255.255"), range("0.0.0.0", "0.0.0.0")]),
            Members::ips([range("10.1.0.0", "10.1.0.9"), range("10.1.0.10", "10.1.0.20")]),
            Members::ips([range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]),
            Members::ips([range("255.255.255.255", "255.255.255.255"), range("2001:db8::", "2001:db8::f")]),
            Members::ips([]),
        ];
        let numbered = lists.iter().enumerate().map(|(at, members)| (at as u32, members));
        let index = Addresses::new(numbered).unwrap();
        for address in [
            "0.0.0.0",
            "0.0.0.1",
            "9.255.255.255",
            "10.0.0.0",
            "10.1.0.5",
            "10.1.0.20",
            "10.1.0.21",
            "10.255.255.255",
            "11.0.0.0",
            "255.255.255.255",
            "::",
            "2001:db8::8",
            "2001:db8::10",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            let address: IpAddr = address.parse().unwrap();
            let wanted: Vec<u32> =
                (0..lists.len() as u32).filter(|at| lists[*at as usize].has_ip(address)).collect();
            assert_eq!(index.get(address), wanted, "{address}");
        }
    }
}
