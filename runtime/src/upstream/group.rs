//! The addresses that serve one API: which one is next, and which ones rest after failing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::origin::Origin;
use crate::world::Names;

/// One address of one origin; the same for as long as the process knows it, whatever is reloaded.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its place in every worker's list of pools.
    pub(crate) id: usize,
    pub(crate) origin: Origin,
    pub(crate) address: SocketAddr,
    failures: AtomicU32,
    /// The tick until which it rests.
    rests_until: AtomicU32,
}

/// When an address is rested.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HealthRule {
    pub(crate) failures: u32,
    pub(crate) pause: u32,
}

impl Member {
    pub(crate) fn succeeded(&self) {
        if self.failures.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
        }
    }

    pub(crate) fn failed(&self, now: u32, rule: HealthRule) {
        if self.failures.fetch_add(1, Relaxed) + 1 >= rule.failures {
            self.rests_until.store(now.saturating_add(rule.pause), Relaxed);
        }
    }

    /// What operators see of it.
    pub(crate) fn status(&self) -> serde_json::Value {
        serde_json::json!({
            "origin": self.origin.to_string(),
            "address": self.address.to_string(),
            "failures": self.failures.load(Relaxed),
        })
    }

    pub(crate) fn rests(&self, now: u32) -> bool {
        self.rests_until.load(Relaxed) > now
    }
}

/// Every member the process knows.
#[derive(Debug)]
pub(crate) struct Registry {
    names: Names,
    members: Mutex<BTreeMap<(Origin, SocketAddr), Arc<Member>>>,
    found: Mutex<BTreeMap<Origin, Found>>,
    next: AtomicUsize,
}

/// What was last found for an origin.
#[derive(Debug, Default)]
struct Found {
    members: Vec<Arc<Member>>,
    /// Why they are older than the last look.
    error: Option<String>,
}

impl Registry {
    pub(crate) fn new(names: Names) -> Self {
        Self { names, members: Mutex::default(), found: Mutex::default(), next: AtomicUsize::new(0) }
    }

    pub(crate) const fn names(&self) -> &Names {
        &self.names
    }

    /// Looks an origin's name up; one that cannot be found keeps the addresses it had, whatever was reloaded since.
    fn resolve(&self, origin: &Origin) -> Vec<Arc<Member>> {
        let looked_up = origin.resolve(&self.names);
        let looked_up = looked_up
            .map(|addresses| addresses.into_iter().map(|address| self.member(origin, address)).collect());
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let found = found.entry(origin.clone()).or_default();
        match looked_up {
            Ok(members) => *found = Found { members, error: None },
            Err(error) => found.error = Some(error.to_string()),
        }
        found.members.clone()
    }

    /// What went wrong with the last look, by origin, for the status page.
    pub(crate) fn errors(&self) -> Vec<(String, String)> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.iter().filter_map(|(origin, found)| Some((origin.to_string(), found.error.clone()?))).collect()
    }

    fn member(&self, origin: &Origin, address: SocketAddr) -> Arc<Member> {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let member = members.entry((origin.clone(), address)).or_insert_with(|| {
            Arc::new(Member {
                id: self.next.fetch_add(1, Relaxed),
                origin: origin.clone(),
                address,
                failures: AtomicU32::new(0),
                rests_until: AtomicU32::new(0),
            })
        });
        Arc::clone(member)
    }

    /// Every member, for the status page.
    pub(crate) fn all(&self) -> Vec<Arc<Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner).values().map(Arc::clone).collect()
    }
}

/// The members that serve one API.
#[derive(Debug)]
pub(crate) struct Group {
    origins: Vec<Origin>,
    members: ArcSwap<Vec<Arc<Member>>>,
}

impl Group {
    pub(crate) fn new(origins: Vec<Origin>) -> Self {
        Self { origins, members: ArcSwap::default() }
    }

    /// Looks the names up again.
    pub(crate) fn resolve(&self, registry: &Registry) {
        let members: Vec<_> = self.origins.iter().flat_map(|origin| registry.resolve(origin)).collect();
        if **self.members.load() != members {
            self.members.store(Arc::new(members));
        }
    }

    /// The less loaded of two members taken at random among those that do not rest and have not been tried; when all
    /// rest, resting ones are tried too.
    pub(crate) fn pick(&self, choice: &Choice<'_>) -> Option<Arc<Member>> {
        let members = self.members.load();
        let fresh = |member: &&Arc<Member>| !choice.tried.contains(&member.id);
        match members.as_slice() {
            [] => None,
            [only] if choice.tried.is_empty() => Some(Arc::clone(only)),
            several => {
                let awake = |member: &&Arc<Member>| fresh(member) && !member.rests(choice.now);
                two(several.iter().filter(awake), choice)
                    .or_else(|| two(several.iter().filter(fresh), choice))
            }
        }
    }
}

impl PartialEq for Member {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// What a choice between members looks at.
pub(crate) struct Choice<'a> {
    pub(crate) now: u32,
    pub(crate) random: u64,
    pub(crate) tried: &'a [usize],
    pub(crate) load: &'a dyn Fn(&Member) -> usize,
}

#[expect(clippy::needless_pass_by_value, reason = "an iterator is cheap to clone and awkward to lend")]
fn two<'a>(
    members: impl Iterator<Item = &'a Arc<Member>> + Clone,
    choice: &Choice<'_>,
) -> Option<Arc<Member>> {
    let count = members.clone().count() as u64;
    let first = choice.random.checked_rem(count)?;
    let second = (first + 1 + (choice.random >> 32).checked_rem(count - 1).unwrap_or(0)) % count;
    let at = |index: u64| members.clone().nth(index as usize);
    let (first, second) = (at(first)?, at(second)?);
    let load = choice.load;
    Some(Arc::clone(if load(second) < load(first) { second } else { first }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    fn registry() -> Registry {
        Registry::new(World::default().names)
    }

    fn group(registry: &Registry, ports: &[u16]) -> Group {
        let origins =
            ports.iter().map(|port| Origin::parse(&format!("http://127.0.0.1:{port}")).unwrap()).collect();
        let group = Group::new(origins);
        group.resolve(registry);
        group
    }

    const RULE: HealthRule = HealthRule { failures: 2, pause: 10 };

    #[test]
    fn the_less_loaded_of_two_is_taken() {
        let group = group(&registry(), &[1, 2]);
        for random in [0, 1, 7, u64::MAX] {
            let load = |member: &Member| usize::from(member.address.port() == 1);
            let picked = group.pick(&Choice { now: 1, random, tried: &[], load: &load }).unwrap();
            assert_eq!(picked.address.port(), 2);
        }
    }

    #[test]
    fn a_failing_member_rests_and_comes_back() {
        let group = group(&registry(), &[1, 2]);
        let even = |_: &Member| 0;
        let pick = |now| group.pick(&Choice { now, random: 0, tried: &[], load: &even }).unwrap();
        let first = pick(1);
        first.failed(1, RULE);
        assert_eq!(pick(1), first);
        first.failed(1, RULE);
        assert_ne!(pick(1), first);
        assert_eq!(pick(11), first);
    }

    #[test]
    fn when_all_rest_one_is_tried_but_none_twice() {
        let group = group(&registry(), &[1, 2]);
        let even = |_: &Member| 0;
        for member in group.members.load().iter() {
            member.failed(1, RULE);
            member.failed(1, RULE);
        }
        let first = group.pick(&Choice { now: 2, random: 0, tried: &[], load: &even }).unwrap();
        let second = group.pick(&Choice { now: 2, random: 0, tried: &[first.id], load: &even }).unwrap();
        assert_ne!(first, second);
        assert!(
            group.pick(&Choice { now: 2, random: 0, tried: &[first.id, second.id], load: &even }).is_none()
        );
    }

    #[test]
    fn an_address_keeps_its_place_over_reloads() {
        let registry = registry();
        let before = group(&registry, &[1, 2]).members.load_full();
        let after = group(&registry, &[2]).members.load_full();
        assert!(Arc::ptr_eq(&before[1], &after[0]));
    }
}
