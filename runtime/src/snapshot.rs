//! A policy and where its requests go: the unit that a reload exchanges, and that a request sees exactly one of.

use std::sync::Arc;

use arc_swap::ArcSwap;
use shield_engine::geo::Geo;
use shield_engine::{Backend, Limits, Policy};
use shield_ir::Bundle;
use shield_ir::policy::{ApiId, Upstream};

use crate::callers;
use crate::config::{Settings, files};
use crate::geo::Database;
use crate::mtls::Demands;
use crate::translate;
use crate::upstream::{Group, Origin, Registry};

/// The field that tells how the names of a request's headers are written.
const SPELLED_REQUEST: &str = "http.request.headers.names";
/// Fields that tell it of an answer's.
const SPELLED_ANSWER: [&str; 2] = ["http.response.headers.names", "raw.http.response.headers.names"];

/// One loaded policy.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) policy: Policy,
    /// Where addresses are.
    pub(crate) geo: Option<Arc<Database>>,
    pub(crate) limits: Limits,
    /// The bundle's digest in hexadecimal.
    pub(crate) digest: Box<str>,
    /// What is demanded of client certificates; lists of revoked ones change without the policy.
    pub(crate) demands: ArcSwap<Demands>,
    /// Whether some rule asks how the names of a request's headers are written.
    pub(crate) spells_requests: bool,
    /// Whether some rule asks how the names of an answer's headers are written.
    pub(crate) spells_answers: bool,
    /// Where each API's requests go, by its place in the bundle.
    groups: Vec<Group>,
    /// Where requests go that belong to no API.
    rest: Group,
}

impl Snapshot {
    /// Decodes, verifies and loads a bundle, and finds its origins; takes as long as it takes.
    pub(crate) fn load(
        bytes: &[u8],
        secret: &[u8; 32],
        settings: &Settings,
        registry: &Registry,
    ) -> Result<Self, String> {
        let (bundle, digest) = Bundle::decode(bytes).map_err(|error| error.to_string())?;
        let policy = Policy::load(bundle, digest, Backend::Interpreter).map_err(|error| error.to_string())?;
        let geo = policy.bundle().geoip.as_deref().map(|file| Database::open(file, settings));
        let geo = geo.transpose()?.map(Arc::new);
        let policy = callers::equip(policy, secret, settings)?
            .with_geo(geo.clone().map(|geo| geo as Arc<dyn Geo>))
            .in_shadow(settings.mode == "shadow");
        let demands = Arc::new(Demands::of(policy.bundle(), settings)?).into();
        let groups = policy.bundle().apis.iter().map(|api| group(&urls(&api.upstreams, settings)?, registry));
        let groups = groups.collect::<Result<_, _>>()?;
        let rest = group(&settings.upstream, registry)?;
        Ok(Self {
            digest: digest.to_string().into(),
            limits: translate::limits(settings),
            spells_requests: policy.reads(SPELLED_REQUEST),
            spells_answers: SPELLED_ANSWER.into_iter().any(|name| policy.reads(name)),
            policy,
            geo,
            demands,
            groups,
            rest,
        })
    }

    /// Makes native code, for the rules and then endpoint by endpoint, in a thread of low priority; the interpreter serves
    /// meanwhile, and ends with nobody else holding the snapshot any more.
    pub(crate) fn compile(self: Arc<Self>) {
        let work = move || {
            yield_to_others();
            self.policy.compile_rules();
            let mut number = 0;
            // Where code cannot be made, the interpreter goes on serving.
            while Arc::strong_count(&self) > 1 && matches!(self.policy.compile_endpoint(number), Ok(true)) {
                number += 1;
            }
        };
        // Without a thread the interpreter goes on serving too.
        let _ = std::thread::Builder::new().name("compile".into()).spawn(work);
    }

    /// Where the requests of an API go, or those of none.
    pub(crate) fn group(&self, api: Option<ApiId>) -> &Group {
        api.and_then(|api| self.groups.get(api.0 as usize)).unwrap_or(&self.rest)
    }

    /// Reads the files again that the policy names; one that cannot be used changes nothing.
    pub(crate) fn refresh(&self, settings: &Settings) -> Result<(), String> {
        self.geo.as_ref().map_or(Ok(()), |geo| geo.refresh())?;
        let demands = Demands::of(self.policy.bundle(), settings)?;
        callers::refresh(&self.policy, settings)?;
        self.demands.store(Arc::new(demands));
        Ok(())
    }

    /// Looks all names up again.
    pub(crate) fn resolve(&self, registry: &Registry) {
        self.groups.iter().chain([&self.rest]).for_each(|group| group.resolve(registry));
    }
}

/// The origins that an API names, or those that the settings name in their place.
fn urls(upstreams: &[Upstream], settings: &Settings) -> Result<Vec<String>, String> {
    if !settings.upstream.is_empty() {
        return Ok(settings.upstream.clone());
    }
    let mut urls = Vec::new();
    for upstream in upstreams {
        match upstream {
            Upstream::Url(url) => urls.push(url.to_string()),
            Upstream::Environment(name) => {
                let value = files::variable(name)
                    .ok_or_else(|| format!("the environment variable `{name}` names no upstream"))?;
                urls.extend(value.split_whitespace().map(String::from));
            }
        }
    }
    Ok(urls)
}

fn group(urls: &[String], registry: &Registry) -> Result<Group, String> {
    let origins =
        urls.iter().map(|url| Origin::parse(url).map_err(|expected| format!("`{url}` is not {expected}")));
    let group = Group::new(origins.collect::<Result<_, _>>()?);
    group.resolve(registry);
    Ok(group)
}

/// Lowers the priority of this thread, where the system has one for each.
fn yield_to_others() {
    // Linux keeps a nice value for each thread; elsewhere it is the process's, which must not sink.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 10);
}
