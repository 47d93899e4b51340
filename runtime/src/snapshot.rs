//! A policy and where its requests go: the unit that a reload exchanges, and that a request sees exactly one of.

use std::sync::Arc;

use crate::config::Settings;
use crate::stub::Policy;
use crate::upstream::{Group, Origin, Registry};

/// One loaded policy.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) policy: Policy,
    /// The bundle's digest in hexadecimal.
    pub(crate) digest: Box<str>,
    /// Where each API's requests go, by its place in the bundle.
    pub(crate) groups: Vec<Arc<Group>>,
}

impl Snapshot {
    /// Decodes, verifies and loads a bundle, and finds its origins; takes as long as it takes.
    pub(crate) fn load(bytes: &[u8], settings: &Settings, registry: &Registry) -> Result<Self, String> {
        let policy = Policy::load(bytes)?;
        let digest = policy.digest().into();
        let groups = policy.upstreams().into_iter().map(|urls| group(&urls, settings, registry)).collect::<Result<_, _>>()?;
        Ok(Self { policy, digest, groups })
    }

    /// Where the requests of an API go.
    pub(crate) fn group(&self, api: usize) -> Option<&Group> {
        self.groups.get(api).map(|group| &**group)
    }

    /// Looks all names up again.
    pub(crate) fn resolve(&self, registry: &Registry) {
        self.groups.iter().for_each(|group| group.resolve(registry));
    }
}

fn group(urls: &[String], settings: &Settings, registry: &Registry) -> Result<Arc<Group>, String> {
    let urls = if settings.upstream.is_empty() { urls } else { &settings.upstream };
    let origins = urls.iter().map(|url| Origin::parse(url).map_err(|expected| format!("`{url}` is not {expected}")));
    let group = Group::new(origins.collect::<Result<_, _>>()?);
    group.resolve(registry);
    Ok(Arc::new(group))
}
