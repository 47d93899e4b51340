//! Scopes: which requests a rule is about.

use shield_ir::policy::{EndpointId, HostPattern, Scope, ScopePart};
use shield_ir::template::{Segment, Template};

use super::api::KnownEndpoint;
use super::policy::PolicyChecker;
use crate::ast::{self, MethodPath, Name, Spanned};
use crate::codes::{E0202, E0206};
use crate::diagnostic::Diagnostic;
use crate::names::nearest;
use crate::source::Span;

impl PolicyChecker<'_, '_> {
    /// The union of what is written; none where a part is wrong.
    pub(crate) fn scope(&mut self, parts: &[Spanned<ast::Scope>]) -> Option<Scope> {
        if parts.is_empty() {
            return Some(Scope::Everything);
        }
        let resolved: Vec<Option<ScopePart>> = parts.iter().map(|part| self.scope_part(part)).collect();
        resolved.into_iter().collect::<Option<Box<[_]>>>().map(Scope::Parts)
    }

    /// One part of a scope; none where it is wrong.
    pub(crate) fn scope_part(&mut self, part: &Spanned<ast::Scope>) -> Option<ScopePart> {
        match &part.node {
            ast::Scope::Host(host) => self.scope_host(host, part.span),
            ast::Scope::Api(name) => self.api_named(name).map(ScopePart::Api),
            ast::Scope::Endpoint(api, at) => self.scope_endpoint(api.as_ref(), at, part.span),
            ast::Scope::Operation(api, operation) => {
                let id = self.api_named(api)?;
                let found = self.endpoints_where(|checker, known| {
                    known.api == id
                        && checker.operation(known.id).and_then(|known| known.id.as_deref())
                            == Some(&operation.node)
                });
                let ids = self.endpoints.iter().filter(|known| known.api == id);
                let ids: Vec<String> = ids.filter_map(|known| self.operation(known.id)?.id.clone()).collect();
                self.found(found, operation, "operation", &ids)
            }
            ast::Scope::Tag(api, tag) => {
                let id = self.api_named(api)?;
                let found = self.endpoints_where(|checker, known| {
                    known.api == id
                        && checker
                            .operation(known.id)
                            .is_some_and(|operation| operation.tags.contains(&tag.node))
                });
                let tags = self.endpoints.iter().filter(|known| known.api == id);
                let tags: Vec<String> = tags
                    .filter_map(|known| self.operation(known.id))
                    .flat_map(|operation| operation.tags.clone())
                    .collect();
                self.found(found, tag, "tag", &tags)
            }
        }
    }

    fn operation(&self, id: EndpointId) -> Option<&shield_ir::operation::Operation> {
        self.bundle.endpoints.get(id.0 as usize)?.operation.as_ref()
    }

    fn endpoints_where(&self, holds: impl Fn(&Self, &KnownEndpoint) -> bool) -> Vec<EndpointId> {
        self.endpoints.iter().filter(|known| holds(self, known)).map(|known| known.id).collect()
    }

    fn found(
        &mut self,
        ids: Vec<EndpointId>,
        name: &Name,
        kind: &str,
        known: &[String],
    ) -> Option<ScopePart> {
        if !ids.is_empty() {
            return Some(ScopePart::Endpoints(ids.into()));
        }
        if self.broken_apis {
            return None;
        }
        let diagnostic =
            Diagnostic::new(E0206, name.span, format!("no endpoint has the {kind} `{}`", name.node));
        let help = match nearest(&name.node, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("the API's documents declare no {kind}"),
            None => format!("known are {}", shown(known)),
        };
        self.report(diagnostic.help(help));
        None
    }

    fn api_named(&mut self, name: &Name) -> Option<shield_ir::policy::ApiId> {
        if let Some(id) = self.api_names.get(&name.node) {
            return Some(*id);
        }
        if self.broken_apis {
            return None;
        }
        let near = nearest(&name.node, self.api_names.keys().map(String::as_str)).map(str::to_owned);
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.api_names.is_empty() => format!("declare it: `api {} {{ … }}`", name.node),
            None => format!("known are {}", shown(&self.api_names.keys().cloned().collect::<Vec<_>>())),
        };
        self.report(
            Diagnostic::new(E0202, name.span, format!("there is no API named `{}`", name.node)).help(help),
        );
        None
    }

    fn scope_host(&mut self, host: &str, span: Span) -> Option<ScopePart> {
        let pattern = self.host(&Spanned::new(host.to_owned(), span))?;
        let declared: Vec<&HostPattern> = self.bundle.apis.iter().flat_map(|api| &api.hosts).collect();
        if declared.is_empty() || declared.iter().any(|known| meet(known, &pattern)) {
            return Some(ScopePart::Host(pattern));
        }
        if self.broken_apis {
            return None;
        }
        let names: Vec<String> = declared.iter().map(ToString::to_string).collect();
        let help = nearest(host, names.iter().map(String::as_str))
            .map_or_else(|| format!("hosts are {}", shown(&names)), |near| format!("did you mean `{near}`?"));
        self.report(Diagnostic::new(E0206, span, format!("no API has the host `{host}`")).help(help));
        None
    }

    fn scope_endpoint(&mut self, api: Option<&Name>, at: &MethodPath, span: Span) -> Option<ScopePart> {
        let api = match api {
            Some(name) => Some(self.api_named(name)?),
            None => None,
        };
        let template = self.template(&at.path)?;
        let method = Some(at.method.node.as_str()).filter(|method| *method != "*");
        let of_path: Vec<(EndpointId, u32, Option<String>)> = self
            .endpoints
            .iter()
            .filter(|known| api.is_none_or(|api| known.api == api))
            .filter(|known| covers(&template, &known.template) || covers(&template, &known.short))
            .map(|known| (known.id, known.api.0, known.method.clone()))
            .collect();
        let ids: Vec<EndpointId> = of_path
            .iter()
            .filter(|(_, _, own)| method.is_none() || own.is_none() || own.as_deref() == method)
            .map(|(id, _, _)| *id)
            .collect();
        let mut apis: Vec<u32> = of_path.iter().map(|(_, api, _)| *api).collect();
        apis.dedup();
        if ids.is_empty() && self.broken_apis {
            return None;
        }
        if ids.is_empty() {
            self.no_endpoint(
                at,
                &of_path.iter().filter_map(|(_, _, method)| method.clone()).collect::<Vec<_>>(),
            );
            return None;
        }
        if apis.len() > 1 {
            let name = self.bundle.apis.get(*apis.first()? as usize)?.name.to_string();
            self.report(
                Diagnostic::new(
                    E0206,
                    span,
                    format!("several APIs have `{} {}`", at.method.node, at.path.node),
                )
                .help(format!("say which: `on {name} {} {}`", at.method.node, at.path.node)),
            );
            return None;
        }
        Some(ScopePart::Endpoints(ids.into()))
    }

    fn no_endpoint(&mut self, at: &MethodPath, other_methods: &[String]) {
        let written = format!("{} {}", at.method.node, at.path.node);
        let diagnostic =
            Diagnostic::new(E0206, at.method.span.to(at.path.span), format!("no endpoint is `{written}`"));
        let names: Vec<String> = self
            .bundle
            .endpoints
            .iter()
            .map(shield_ir::policy::Endpoint::name)
            .chain(
                self.endpoints
                    .iter()
                    .map(|known| format!("{} {}", known.method.as_deref().unwrap_or("*"), known.short)),
            )
            .collect();
        let help = if !other_methods.is_empty() {
            format!("the path has the methods {}", shown(other_methods))
        } else if let Some(near) = nearest(&written, names.iter().map(String::as_str)) {
            format!("did you mean `{near}`?")
        } else {
            format!("declare it in its API: `endpoint {written}`")
        };
        self.report(diagnostic.help(help));
    }
}

/// Whether a written path means a declared one: the same shape, or, where it ends in `{rest*}`, one that begins like it.
fn covers(written: &Template, declared: &Template) -> bool {
    let (written, declared) = (written.shape(), declared.shape());
    if let Some((Segment::Rest(_), before)) = written.segments.split_last() {
        return declared.segments.len() > before.len() && declared.segments.starts_with(before);
    }
    written == declared
}

/// Whether two host patterns have a host in common.
fn meet(a: &HostPattern, b: &HostPattern) -> bool {
    match (a, b) {
        (HostPattern::Any, _) | (_, HostPattern::Any) => true,
        (HostPattern::Exact(name), other) | (other, HostPattern::Exact(name)) => {
            other.matches(name.as_bytes())
        }
        (HostPattern::Below(a), HostPattern::Below(b)) => {
            let within = |inner: &str, outer: &str| inner == outer || inner.ends_with(&format!(".{outer}"));
            within(a, b) || within(b, a)
        }
    }
}

/// The first few names, for a message.
fn shown(names: &[String]) -> String {
    const SHOWN: usize = 6;
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    sorted.dedup();
    let more = if sorted.len() > SHOWN { ", …" } else { "" };
    let listed: Vec<String> = sorted.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    format!("{}{more}", listed.join(", "))
}
