//! `session` items, and what an `api` says of its callers.

use shield_ir::identity::{Auth, ClaimPath, Session, SessionId, SessionSource};
use shield_ir::operation::SchemeKind;
use shield_ir::policy::{ApiId, EndpointId, ScopePart};

use super::policy::PolicyChecker;
use crate::ast::{self, ApiStatement, Scopes, Spanned};
use crate::codes::{E0202, E0401, E0403};
use crate::diagnostic::Diagnostic;
use crate::names::nearest;

impl PolicyChecker<'_, '_> {
    /// Checks a session and keeps it.
    pub(crate) fn session(&mut self, session: &ast::Session) {
        let sources: Vec<Option<SessionSource>> =
            session.sources.iter().map(|source| self.session_source(source)).collect();
        if sources.is_empty() {
            let message = format!("`session {}` says nowhere to look", session.name.node);
            let help = "write `header \"x-api-key\"` or `cookie \"sid\"`";
            self.report(Diagnostic::new(E0401, session.name.span, message).help(help));
        }
        let sources = sources.into_iter().flatten().collect();
        let (name, origin) = (session.name.node.clone().into(), self.origin(session.name.span));
        self.bundle.identity.sessions.push(Session { name, sources, origin });
    }

    fn session_source(&mut self, source: &ast::SessionSource) -> Option<SessionSource> {
        Some(match source {
            ast::SessionSource::Header(name) => SessionSource::Header(self.header_name(name)?),
            ast::SessionSource::Cookie(name) => SessionSource::Cookie(name.node.clone().into()),
            ast::SessionSource::Claim(token, path) => {
                let token = self.token_named(token);
                match ClaimPath::parse(&path.node) {
                    Ok(way) => SessionSource::Claim(token?, way),
                    Err(at) => {
                        let rest = path.node.get(at..).unwrap_or_default();
                        let message =
                            format!("`{}` is no way to a claim: it goes wrong at `{rest}`", path.node);
                        self.report(
                            Diagnostic::new(E0403, path.span, message)
                                .help("names and places alone: `$.sub`, `$['https://x/roles'][0]`"),
                        );
                        return None;
                    }
                }
            }
        })
    }

    /// What an API and its endpoints ask of callers.
    pub(crate) fn callers(&mut self, id: ApiId, api: &ast::Api, shadow: bool) {
        let (mut session, mut auth, mut written) = (None, None, None);
        for statement in &api.statements {
            match &statement.node {
                ApiStatement::Session(name) => session = self.session_named(name),
                ApiStatement::Auth(asked) => {
                    auth = self.auth(asked, None, shadow);
                    written = Some(asked);
                }
                _ => {}
            }
        }
        let identity = &mut self.bundle.identity;
        if session.is_some() {
            identity.api_sessions.resize(id.0 as usize, None);
            identity.api_sessions.push(session);
        }
        if auth.is_some() {
            identity.api_auth.resize(id.0 as usize, None);
            identity.api_auth.push(auth.clone());
        }
        if auth.is_some() {
            let of_api = self.endpoints.iter().filter(|known| known.api == id).map(|known| known.id);
            for endpoint in of_api.collect::<Vec<_>>() {
                self.ask(endpoint, written);
            }
        }
        for statement in &api.statements {
            match &statement.node {
                ApiStatement::Public(scopes) => scopes.iter().for_each(|scope| self.open(&api.name, scope)),
                ApiStatement::Endpoint(endpoint) => self.endpoint_callers(api, endpoint),
                _ => {}
            }
        }
    }

    fn endpoint_callers(&mut self, api: &ast::Api, endpoint: &ast::Endpoint) {
        for statement in &endpoint.statements {
            let auth = match &statement.node {
                ApiStatement::Auth(auth) => Some(auth),
                ApiStatement::PublicHere => None,
                _ => continue,
            };
            let scope = ast::Scope::Endpoint(Some(api.name.clone()), endpoint.at.clone());
            for id in self.endpoints_of(&Spanned::new(scope, statement.span)) {
                self.ask(id, auth);
            }
        }
    }

    fn endpoints_of(&mut self, scope: &Spanned<ast::Scope>) -> Vec<EndpointId> {
        match self.scope_part(scope) {
            Some(ScopePart::Endpoints(ids)) => ids.into_vec(),
            Some(ScopePart::Api(api)) => {
                self.endpoints.iter().filter(|known| known.api == api).map(|known| known.id).collect()
            }
            Some(ScopePart::Host(_)) | None => Vec::new(),
        }
    }

    fn open(&mut self, api: &ast::Name, scope: &Spanned<ast::Scope>) {
        let qualified = match &scope.node {
            ast::Scope::Endpoint(None, at) => ast::Scope::Endpoint(Some(api.clone()), at.clone()),
            _ => scope.node.clone(),
        };
        for endpoint in self.endpoints_of(&Spanned::new(qualified, scope.span)) {
            self.ask(endpoint, None);
        }
    }

    fn ask(&mut self, id: EndpointId, auth: Option<&ast::Auth>) {
        let shadow =
            self.bundle.endpoints.get(id.0 as usize).is_some_and(|endpoint| endpoint.settings.shadow);
        let auth = auth.and_then(|auth| self.auth(auth, Some(id), shadow));
        let list = &mut self.bundle.identity.endpoint_auth;
        if list.len() <= id.0 as usize {
            list.resize(id.0 as usize + 1, None);
        }
        if let Some(place) = list.get_mut(id.0 as usize) {
            *place = auth;
        }
    }

    fn auth(&mut self, auth: &ast::Auth, endpoint: Option<EndpointId>, shadow: bool) -> Option<Auth> {
        let tokens: Vec<_> = auth.tokens.iter().map(|name| self.token_named(name)).collect();
        let tokens = tokens.into_iter().collect::<Option<Box<[_]>>>()?;
        let scopes: Box<[Box<[Box<str>]>]> = match &auth.scopes {
            Scopes::These(scopes) if scopes.is_empty() => Box::default(),
            Scopes::These(scopes) => {
                let one: Box<[Box<str>]> = scopes.iter().map(|scope| scope.node.clone().into()).collect();
                [one].into()
            }
            Scopes::Document => self.document_scopes(endpoint),
        };
        Some(Auth { tokens, scopes, shadow })
    }

    /// The sets of scopes that a document asks for, of which one must be there.
    fn document_scopes(&self, endpoint: Option<EndpointId>) -> Box<[Box<[Box<str>]>]> {
        let endpoint = endpoint.and_then(|id| self.bundle.endpoints.get(id.0 as usize));
        let Some(operation) = endpoint.and_then(|endpoint| endpoint.operation.as_ref()) else {
            return Box::default();
        };
        let sets = operation.security.iter().map(|set| {
            let bearers = set.iter().filter(|requirement| requirement.kind == SchemeKind::Bearer);
            bearers.flat_map(|requirement| &requirement.scopes).map(|scope| scope.clone().into()).collect()
        });
        sets.collect()
    }

    fn session_named(&mut self, name: &ast::Name) -> Option<SessionId> {
        let sessions = &self.bundle.identity.sessions;
        if let Some(at) = sessions.iter().position(|session| *session.name == *name.node) {
            return Some(SessionId(at as u32));
        }
        let near = nearest(&name.node, sessions.iter().map(|session| &*session.name)).map(str::to_owned);
        let help = near.map_or_else(
            || format!("declare it: `session {} {{ … }}`", name.node),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("there is no session named `{}`", name.node);
        self.report(Diagnostic::new(E0202, name.span, message).help(help));
        None
    }
}
