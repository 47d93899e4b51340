//! `api` items: hosts, upstreams, settings, and endpoints from documents and by hand.

use std::collections::BTreeMap;

use shield_ir::policy::{
    Api, ApiId, Endpoint, EndpointId, HostPattern, Mode, Settings, Undeclared, Upstream,
};
use shield_ir::template::Template;

use super::policy::PolicyChecker;
use crate::ast::{self, ApiStatement, Name, RequestPart, Spanned};
use crate::codes::{E0401, E0403, E0404, E0505};
use crate::diagnostic::Diagnostic;
use crate::schema::Document;
use crate::source::{Span, join};

/// The largest body that may be inspected.
const MAX_BODY: u64 = 1 << 30;

/// What later items need to know of an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct KnownEndpoint {
    /// Its place in the bundle.
    pub id: EndpointId,
    /// Its API.
    pub api: ApiId,
    /// Its method; none stands for any.
    pub method: Option<String>,
    /// Its path, base path included.
    pub template: Template,
    /// Its path as its document has it.
    pub short: Template,
    /// Where it is declared.
    pub span: Span,
}

impl PolicyChecker<'_, '_> {
    /// Checks an API and adds it with its endpoints.
    pub(crate) fn api(&mut self, api: &ast::Api) {
        let id = ApiId(self.bundle.apis.len() as u32);
        let mut built = Api {
            name: api.name.node.clone().into(),
            hosts: Box::default(),
            upstreams: Box::default(),
            unknown: Mode::Block,
            unknown_status: 404,
            settings: Settings::default(),
            origin: self.origin(api.name.span),
        };
        let mut once = BTreeMap::new();
        let (mut hosts, mut upstreams, mut documents) = (Vec::new(), Vec::new(), Vec::new());
        for statement in &api.statements {
            match &statement.node {
                ApiStatement::Host(names) => hosts.extend(names.iter().filter_map(|name| self.host(name))),
                ApiStatement::Upstream(list) => {
                    upstreams.extend(list.iter().filter_map(|one| self.upstream(one)));
                }
                ApiStatement::Openapi(names) => documents.extend(names),
                ApiStatement::Endpoint(_) => {}
                ApiStatement::Unknown(mode, status) => {
                    self.twice(&mut once, "unknown", statement.span);
                    built.unknown = *mode;
                    built.unknown_status = status.map_or(404, |status| self.refusal(status));
                }
                other => self.setting(&mut built.settings, other, statement.span, &mut once),
            }
        }
        if !api.statements.iter().any(|statement| matches!(statement.node, ApiStatement::Host(_))) {
            self.report(
                Diagnostic::new(E0401, api.name.span, format!("`api {}` has no host", api.name.node))
                    .help("say which hosts it answers: `host \"petstore.example.com\"`"),
            );
        }
        if hosts.is_empty() {
            hosts.push(HostPattern::Any);
        }
        self.hosts_are_free(api, &hosts);
        built.hosts = hosts.into();
        built.upstreams = upstreams.into();
        let settings = built.settings;
        self.bundle.apis.push(built);
        self.api_names.insert(api.name.node.clone(), id);
        for document in documents {
            self.document(id, document, settings);
        }
        for statement in &api.statements {
            if let ApiStatement::Endpoint(endpoint) = &statement.node {
                self.endpoint(id, endpoint, settings);
            }
        }
        self.callers(id, api, settings.shadow);
    }

    fn document(&mut self, api: ApiId, name: &Name, settings: Settings) {
        let from = self.loader.map.file(name.span.file).map(|file| file.path.to_string()).unwrap_or_default();
        let Some(path) = join(&from, &name.node) else {
            let outside = crate::source::SourceError::OutsideRoot;
            self.report(crate::load::unreadable(&name.node, name.span, &outside));
            return;
        };
        if let Err(error) = self.loader.sources.read(&path) {
            self.report(crate::load::unreadable(&path, name.span, &error));
            self.broken_apis = true;
            return;
        }
        let loader = &mut *self.loader;
        let Some(document) = Document::read(loader.sources, &mut loader.map, &path, &mut loader.diagnostics)
        else {
            self.broken_apis = true;
            return;
        };
        let before = loader.diagnostics.len();
        let compiled = document.compile(&mut self.plan, &mut loader.diagnostics);
        // Operations that were reported are missing: what names them is no second mistake.
        self.broken_apis |=
            loader.diagnostics.get(before..).unwrap_or_default().iter().any(Diagnostic::is_error);
        for operation in compiled.operations {
            let endpoint = Endpoint {
                api,
                host: None,
                method: Some(operation.method.clone().into()),
                template: operation.template.clone(),
                operation: Some(operation.operation),
                settings,
            };
            let known = KnownEndpoint {
                id: EndpointId(self.bundle.endpoints.len() as u32),
                api,
                method: Some(operation.method),
                short: operation.path,
                template: operation.template,
                span: operation.span,
            };
            if let Some(other) = self.same_endpoint(&known) {
                let message = format!("`{}` is declared by two documents of this API", endpoint.name());
                let other = other.span;
                if other.file == known.span.file {
                    // The document's own reader has said so.
                    continue;
                }
                self.report(Diagnostic::new(E0505, known.span, message).related(other, "the other one"));
                continue;
            }
            self.endpoints.push(known);
            self.bundle.endpoints.push(endpoint);
        }
    }

    /// An endpoint of the same API, method and shape of path.
    fn same_endpoint(&self, endpoint: &KnownEndpoint) -> Option<&KnownEndpoint> {
        let shape = endpoint.template.shape();
        self.endpoints.iter().find(|other| {
            other.api == endpoint.api && other.method == endpoint.method && other.template.shape() == shape
        })
    }

    fn endpoint(&mut self, api: ApiId, endpoint: &ast::Endpoint, inherited: Settings) {
        let Some(template) = self.template(&endpoint.at.path) else { return };
        let method = (endpoint.at.method.node != "*").then(|| endpoint.at.method.node.clone());
        let host = endpoint.host.as_ref().and_then(|name| self.host(name));
        let mut settings = inherited;
        let mut once = BTreeMap::new();
        for statement in &endpoint.statements {
            self.setting(&mut settings, &statement.node, statement.span, &mut once);
        }
        let known = KnownEndpoint {
            id: EndpointId(self.bundle.endpoints.len() as u32),
            api,
            method: method.clone(),
            template: template.clone(),
            short: template.clone(),
            span: endpoint.at.path.span,
        };
        let shape = template.shape();
        let overridden: Vec<EndpointId> = self
            .endpoints
            .iter()
            .filter(|other| other.api == api && other.method == method && host.is_none())
            .filter(|other| other.template.shape() == shape || other.short.shape() == shape)
            .map(|other| other.id)
            .collect();
        if overridden.is_empty() {
            let method = method.map(Into::into);
            self.hand_written.insert(vec![known.id], known.span);
            self.endpoints.push(known);
            self.bundle.endpoints.push(Endpoint { api, host, method, template, operation: None, settings });
            return;
        }
        if let Some(first) = self.hand_written.get(&overridden) {
            let message =
                format!("`{} {}` is declared twice", endpoint.at.method.node, endpoint.at.path.node);
            let first = *first;
            self.report(Diagnostic::new(E0401, known.span, message).related(first, "the first time"));
        }
        self.hand_written.insert(overridden.clone(), known.span);
        for id in overridden {
            // What is said of the endpoint from now on is said of the statement that changes it.
            self.endpoints
                .iter_mut()
                .filter(|other| other.id == id)
                .for_each(|other| other.span = known.span);
            if let Some(other) = self.bundle.endpoints.get_mut(id.0 as usize) {
                other.settings = settings;
            }
        }
    }

    /// The template of a path.
    pub(crate) fn template(&mut self, path: &Name) -> Option<Template> {
        match Template::parse(&path.node) {
            Ok(template) => Some(template),
            Err(error) => {
                self.report(Diagnostic::new(
                    E0505,
                    path.span,
                    format!("`{}` is no path: {error}", path.node),
                ));
                None
            }
        }
    }

    fn setting(
        &mut self,
        settings: &mut Settings,
        statement: &ApiStatement,
        span: Span,
        once: &mut BTreeMap<&'static str, Span>,
    ) {
        match statement {
            ApiStatement::Requests(mode) => {
                self.twice(once, "requests", span);
                settings.requests = *mode;
            }
            ApiStatement::Responses(mode) => {
                self.twice(once, "responses", span);
                settings.responses = *mode;
            }
            ApiStatement::Undeclared(part, what) => self.undeclared(settings, *part, *what, (span, once)),
            ApiStatement::Problems(problems) => {
                self.twice(once, "problems", span);
                settings.problems = *problems;
            }
            ApiStatement::BodyMax(bytes) => {
                self.twice(once, "body max", span);
                if *bytes > MAX_BODY {
                    let message = format!("a body of at most {} MiB is inspected", MAX_BODY >> 20);
                    self.report(Diagnostic::new(E0403, span, message));
                }
                settings.body_max = *bytes;
            }
            ApiStatement::Shadow => settings.shadow = true,
            ApiStatement::Auth(_) => self.twice(once, "auth", span),
            ApiStatement::Session(_) => self.twice(once, "session", span),
            ApiStatement::Openapi(_)
            | ApiStatement::Host(_)
            | ApiStatement::Upstream(_)
            | ApiStatement::Unknown(..)
            | ApiStatement::Public(_)
            | ApiStatement::PublicHere
            | ApiStatement::Endpoint(_) => {}
        }
    }

    fn undeclared(
        &mut self,
        settings: &mut Settings,
        part: RequestPart,
        what: Undeclared,
        (span, once): (Span, &mut BTreeMap<&'static str, Span>),
    ) {
        let (place, name) = match part {
            RequestPart::Query => (&mut settings.undeclared.query, "undeclared query"),
            RequestPart::Headers => (&mut settings.undeclared.headers, "undeclared headers"),
            RequestPart::Cookies => (&mut settings.undeclared.cookies, "undeclared cookies"),
        };
        *place = what;
        self.twice(once, name, span);
    }

    /// Reports a setting that stands twice in one block.
    pub(crate) fn twice(&mut self, once: &mut BTreeMap<&'static str, Span>, name: &'static str, span: Span) {
        if let Some(first) = once.insert(name, span) {
            self.report(
                Diagnostic::new(E0401, span, format!("`{name}` stands twice in one block"))
                    .related(first, "the first time")
                    .help("keep one of them"),
            );
        }
    }

    /// A status that refuses.
    pub(crate) fn refusal(&mut self, status: Spanned<u16>) -> u16 {
        if !(400..=599).contains(&status.node) {
            self.report(
                Diagnostic::new(E0403, status.span, format!("`{}` refuses nothing", status.node))
                    .help("a refusal has a status from 400 to 599"),
            );
            return 403;
        }
        status.node
    }

    /// A host pattern: `example.com`, `*.example.com` or `*`.
    pub(crate) fn host(&mut self, written: &Name) -> Option<HostPattern> {
        let text = written.node.to_ascii_lowercase();
        let (below, host) = text.strip_prefix("*.").map_or((false, text.as_str()), |rest| (true, rest));
        if text == "*" {
            return Some(HostPattern::Any);
        }
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let address = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
        let name = host.len() <= 253 && host.split('.').all(label);
        if !name && (below || !address) {
            let mut diagnostic =
                Diagnostic::new(E0403, written.span, format!("`{}` is no host", written.node));
            diagnostic = diagnostic.help(match host.split_once(':') {
                Some((before, _)) if !before.is_empty() && !host.contains('/') => {
                    format!("a host has no port: `{before}`")
                }
                _ => "write `example.com`, `*.example.com` or `*`".to_owned(),
            });
            self.report(diagnostic);
            return None;
        }
        let host = host.into();
        Some(if below { HostPattern::Below(host) } else { HostPattern::Exact(host) })
    }

    fn upstream(&mut self, upstream: &Spanned<ast::Upstream>) -> Option<Upstream> {
        let url = match &upstream.node {
            ast::Upstream::Environment(name) => return Some(Upstream::Environment(name.clone().into())),
            ast::Upstream::Url(url) => url.trim_end_matches('/'),
        };
        let authority = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let fine = authority.is_some_and(|authority| {
            !authority.is_empty() && !authority.contains(['/', '@', '?', '#', ' ']) && port_is_fine(authority)
        });
        if fine {
            return Some(Upstream::Url(url.into()));
        }
        self.report(
            Diagnostic::new(E0403, upstream.span, format!("`{url}` is no upstream"))
                .help("write scheme, host and port: `http://127.0.0.1:9000`"),
        );
        None
    }

    fn hosts_are_free(&mut self, api: &ast::Api, hosts: &[HostPattern]) {
        let taken = self.bundle.apis.iter().find_map(|other| {
            let host = hosts.iter().find(|host| other.hosts.contains(host))?;
            Some((host.to_string(), other.name.to_string()))
        });
        if let Some((host, other)) = taken {
            self.report(
                Diagnostic::new(
                    E0404,
                    api.name.span,
                    format!("`api {}` and `api {other}` both have the host `{host}`", api.name.node),
                )
                .help("a host belongs to one API; an API may have several documents"),
            );
        }
    }
}

fn port_is_fine(authority: &str) -> bool {
    let after = authority.rsplit_once(']').map_or(authority, |(_, after)| after);
    match after.rsplit_once(':') {
        Some((_, port)) => port.parse::<u16>().is_ok_and(|port| port != 0),
        None => true,
    }
}
