//! Which API a request's host belongs to.

use std::collections::BTreeMap;

use shield_ir::Bundle;
use shield_ir::policy::{ApiId, HostPattern};

use crate::denial::{Denial, Reason};
use crate::exchange::Exchange;
use crate::policy::Policy;

/// APIs by host; a name wins over what it is below, a longer suffix over a shorter one.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    exact: BTreeMap<Box<[u8]>, ApiId>,
    below: BTreeMap<Box<[u8]>, ApiId>,
    any: Option<ApiId>,
}

impl Hosts {
    /// The hosts of APIs, then those that single endpoints add; of two that claim one host, the first has it.
    pub(crate) fn of(bundle: &Bundle) -> Self {
        let mut hosts = Self::default();
        for (at, api) in bundle.apis.iter().enumerate() {
            api.hosts.iter().for_each(|host| hosts.add(host, ApiId(at as u32)));
        }
        for endpoint in &bundle.endpoints {
            endpoint.host.iter().for_each(|host| hosts.add(host, endpoint.api));
        }
        hosts
    }

    fn add(&mut self, host: &HostPattern, api: ApiId) {
        match host {
            HostPattern::Any => {
                self.any.get_or_insert(api);
            }
            HostPattern::Exact(name) => {
                self.exact.entry(name.as_bytes().into()).or_insert(api);
            }
            HostPattern::Below(name) => {
                self.below.entry(name.as_bytes().into()).or_insert(api);
            }
        }
    }

    /// The API of a host in lower case.
    pub(crate) fn find(&self, host: &[u8]) -> Option<ApiId> {
        if let Some(api) = self.exact.get(host) {
            return Some(*api);
        }
        let mut suffix = host;
        while let Some(dot) = memchr::memchr(b'.', suffix) {
            let below = suffix.get(dot + 1..)?;
            // A name is not below itself with an empty label before it.
            if dot > 0
                && let Some(api) = self.below.get(below)
            {
                return Some(*api);
            }
            suffix = below;
        }
        self.any
    }
}

/// Finds the API; a host that no API has is refused, unless the policy protects none.
pub(crate) fn check(policy: &Policy, exchange: &mut Exchange<'_>) -> Result<(), Denial> {
    if policy.bundle.apis.is_empty() {
        return Ok(());
    }
    let api = policy.hosts.find(exchange.host()).ok_or(Reason::UnknownHost)?;
    exchange.state.api = Some(api);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_pattern_wins() {
        let mut hosts = Hosts::default();
        for (at, host) in [
            HostPattern::Exact("a.test".into()),
            HostPattern::Below("a.test".into()),
            HostPattern::Below("b.a.test".into()),
            HostPattern::Exact("a.test".into()),
        ]
        .iter()
        .enumerate()
        {
            hosts.add(host, ApiId(at as u32));
        }
        for (host, api) in [
            ("a.test", Some(0)),
            ("x.a.test", Some(1)),
            ("b.a.test", Some(1)),
            ("x.y.b.a.test", Some(2)),
            (".a.test", None),
            ("xa.test", None),
            ("test", None),
        ] {
            assert_eq!(hosts.find(host.as_bytes()), api.map(ApiId), "{host}");
        }
        hosts.add(&HostPattern::Any, ApiId(9));
        assert_eq!(hosts.find(b"test"), Some(ApiId(9)));
    }
}
