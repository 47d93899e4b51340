//! Which endpoint of its API a request is for.

use shield_ir::Bundle;
use shield_ir::policy::{EndpointId, HostPattern, Mode};

use crate::denial::{Denial, Reason};
use crate::exchange::Exchange;
use crate::pipeline::found;
use crate::policy::Policy;
use crate::router::{Match, Route, Router};
use crate::schema::{Judge, Validators};

/// Endpoints by host, method and path, with what is asked often of each.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    router: Router,
    /// Hosts of endpoints that are narrower than their API's, each with endpoints of its own.
    hosts: Vec<HostPattern>,
    known: Vec<Known>,
    apis: u32,
}

/// What is asked often of an endpoint.
#[derive(Debug)]
pub(crate) struct Known {
    /// `POST /pets/{petId}`
    pub(crate) name: Box<str>,
    /// From its document.
    pub(crate) operation_id: Option<String>,
    /// What judges its requests and answers.
    pub(crate) judge: Option<Judge>,
}

impl Endpoints {
    /// The endpoints of a bundle.
    pub(crate) fn of(bundle: &Bundle, validators: &Validators) -> Self {
        let apis = bundle.apis.len() as u32;
        let mut hosts: Vec<HostPattern> = Vec::new();
        let mut routes = Vec::with_capacity(bundle.endpoints.len());
        for (at, endpoint) in bundle.endpoints.iter().enumerate() {
            let scope = match &endpoint.host {
                None => endpoint.api.0,
                Some(host) => {
                    let place = hosts.iter().position(|known| known == host).unwrap_or_else(|| {
                        hosts.push(host.clone());
                        hosts.len() - 1
                    });
                    apis + place as u32
                }
            };
            let method = endpoint.method.as_deref().unwrap_or("*").to_owned();
            routes.push(Route { scope, method, template: endpoint.template.clone(), endpoint: at as u32 });
        }
        let known = bundle.endpoints.iter().map(|endpoint| Known {
            name: endpoint.name().into(),
            operation_id: endpoint.operation.as_ref().and_then(|operation| operation.id.clone()),
            judge: endpoint.operation.clone().map(|operation| Judge::new(validators, operation)),
        });
        Self { known: known.collect(), router: Router::new(routes), hosts, apis }
    }

    /// What is known of an endpoint.
    pub(crate) fn get(&self, id: EndpointId) -> Option<&Known> {
        self.known.get(id.0 as usize)
    }

    #[cfg(test)]
    pub(crate) fn get_mut(&mut self, id: EndpointId) -> Option<&mut Known> {
        self.known.get_mut(id.0 as usize)
    }

    /// The endpoint of a request: one of its host alone before one of its API.
    fn route<'a>(&'a self, exchange: &Exchange<'a>, api: u32) -> Match<'a, 'a> {
        let (Ok(method), Ok(path)) =
            (std::str::from_utf8(exchange.method()), std::str::from_utf8(exchange.path()))
        else {
            return Match::Nothing;
        };
        let own = self.hosts.iter().zip(self.apis..).filter(|(host, _)| host.matches(exchange.host()));
        let mut best = Match::Nothing;
        for scope in own.map(|(_, scope)| scope).chain([api]) {
            match self.router.route(scope, method, path) {
                found @ Match::Found(_) => return found,
                Match::Nothing => {}
                wrong @ Match::WrongMethod(_) => best = wrong,
            }
        }
        best
    }
}

/// Finds the endpoint; what becomes of a request without one is the API's `unknown`.
pub(crate) fn check<'a>(policy: &'a Policy, exchange: &mut Exchange<'a>) -> Result<(), Denial> {
    let Some(id) = exchange.api() else { return Ok(()) };
    let denial = match policy.endpoints.route(exchange, id.0) {
        Match::Found(found) => {
            exchange.state.params = found.params;
            exchange.state.endpoint = Some(EndpointId(found.endpoint));
            return Ok(());
        }
        Match::WrongMethod(methods) => Denial::from(Reason::UnknownMethod).with_allow(&methods.join(", ")),
        Match::Nothing => {
            let status = policy.api(id).map_or(Reason::UnknownEndpoint.status(), |api| api.unknown_status);
            Denial::from(Reason::UnknownEndpoint).with_status(status)
        }
    };
    exchange.state.fallthrough = true;
    let mode = policy.api(id).map_or(Mode::Block, |api| api.unknown);
    found(policy, exchange, mode, denial)
}
