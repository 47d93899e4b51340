//! What a policy says besides expressions: APIs, endpoints, rules and their actions, every setting resolved.

use serde::{Deserialize, Serialize};

use crate::expr::ExprId;
use crate::field::Phase;
use crate::operation::Operation;
use crate::template::Template;

/// A place in [`crate::Bundle::apis`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ApiId(pub u32);

/// A place in [`crate::Bundle::endpoints`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EndpointId(pub u32);

/// A place in [`crate::Bundle::rules`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RuleId(pub u32);

/// Where in the policy's text something stands, for events and messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Path relative to the policy's root.
    pub file: Box<str>,
    /// Line, from 1.
    pub line: u32,
}

/// What becomes of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// It is not looked for.
    Off,
    /// It is recorded.
    Log,
    /// It ends the request.
    Block,
}

/// What becomes of something that no schema names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Undeclared {
    /// It passes.
    #[default]
    Allow,
    /// It is recorded.
    Log,
    /// It ends the request.
    Block,
}

/// How much a refusal tells the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Problems {
    /// Every violation with pointer, keyword and message.
    Full,
    /// Every violation with location, pointer and class, without what the schema asks for.
    #[default]
    Short,
    /// Title and status alone.
    None,
}

/// Where an API's requests go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Upstream {
    /// `http://host:port` or `https://host:port`.
    Url(Box<str>),
    /// The environment variable that holds such an address where the proxy runs.
    Environment(Box<str>),
}

/// The hosts that something is about, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum HostPattern {
    /// Any host.
    Any,
    /// This host.
    Exact(Box<str>),
    /// Every host that ends with `.` and this.
    Below(Box<str>),
}

impl HostPattern {
    /// Whether a host in lower case, without port, is one of them.
    pub fn matches(&self, host: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(name) => host == name.as_bytes(),
            Self::Below(name) => host
                .strip_suffix(name.as_bytes())
                .and_then(|rest| rest.strip_suffix(b"."))
                .is_some_and(|label| !label.is_empty()),
        }
    }
}

/// What the policy wants for undeclared parts of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndeclaredParts {
    /// Query parameters.
    pub query: Undeclared,
    /// Headers, but for those of HTTP itself.
    pub headers: Undeclared,
    /// Cookies.
    pub cookies: Undeclared,
}

/// Settings that an API has and an endpoint may override; in a bundle, each endpoint has its own, resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Request schema validation.
    pub requests: Mode,
    /// Response schema validation.
    pub responses: Mode,
    /// What no schema names.
    pub undeclared: UndeclaredParts,
    /// Detail of refusals.
    pub problems: Problems,
    /// The largest body that is inspected, in bytes.
    pub body_max: u64,
    /// Whether findings of these protections are recorded and not enforced.
    pub shadow: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            requests: Mode::Block,
            responses: Mode::Off,
            undeclared: UndeclaredParts::default(),
            problems: Problems::Short,
            body_max: 1 << 20,
            shadow: false,
        }
    }
}

/// A protected API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Api {
    /// Its name.
    pub name: Box<str>,
    /// Its hosts, at least one.
    pub hosts: Box<[HostPattern]>,
    /// Where its requests go.
    pub upstreams: Box<[Upstream]>,
    /// What becomes of a request that matches no endpoint.
    pub unknown: Mode,
    /// The status that it gets where that is [`Mode::Block`].
    pub unknown_status: u16,
    /// What holds where no endpoint is matched.
    pub settings: Settings,
    /// Where it is declared.
    pub origin: Origin,
}

/// An endpoint of an API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The API.
    pub api: ApiId,
    /// The host, where it is narrower than the API's.
    pub host: Option<HostPattern>,
    /// The method; none stands for any.
    pub method: Option<Box<str>>,
    /// The path, base path included.
    pub template: Template,
    /// What its document says of it; none where it is declared by hand.
    pub operation: Option<Operation>,
    /// What is asked of its requests and responses.
    pub settings: Settings,
}

impl Endpoint {
    /// Its name: `POST /pets/{petId}`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method.as_deref().unwrap_or("*"), self.template)
    }
}

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// Every request, one that no endpoint or API knows too.
    Everything,
    /// What any of these cover.
    Parts(Box<[ScopePart]>),
}

/// One part of a scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScopePart {
    /// Every request of an API's hosts.
    Api(ApiId),
    /// Requests of these hosts.
    Host(HostPattern),
    /// Requests of these endpoints, in order.
    Endpoints(Box<[EndpointId]>),
}

/// A protection that `skip` may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Protection {
    /// Later rules.
    Rules,
    /// Rate limits.
    Limits,
    /// Schema validation.
    Schema,
    /// Tokens.
    Jwt,
    /// Sequences.
    Sequence,
    /// GraphQL limits.
    Graphql,
    /// Sensitive data.
    Sensitive,
}

impl Protection {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 7] = [
        ("rules", Self::Rules),
        ("limits", Self::Limits),
        ("schema", Self::Schema),
        ("jwt", Self::Jwt),
        ("sequence", Self::Sequence),
        ("graphql", Self::Graphql),
        ("sensitive", Self::Sensitive),
    ];

    /// Its bit in a set of protections.
    pub const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The media type of a body that a policy writes itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BodyKind {
    /// `application/json`
    Json,
    /// `text/plain`
    Text,
    /// `text/html`
    Html,
}

/// How a request is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The status; none stands for the protection's own.
    pub status: Option<u16>,
    /// The body; none stands for a problem document.
    pub body: Option<(BodyKind, Box<str>)>,
    /// For how many milliseconds the same client stays refused.
    pub hold: Option<u64>,
}

/// Which message a header action changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// What goes upstream.
    Request,
    /// What goes to the client.
    Response,
}

/// How a header action changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeaderChange {
    /// In place of what is there; an absent value removes.
    Set(ExprId),
    /// Beside what is there; an absent value adds nothing.
    Add(ExprId),
    /// Away.
    Remove,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Records an event.
    Log,
    /// Refuses.
    Block(Block),
    /// Ends the rules, not the other protections.
    Allow,
    /// Leaves out protections, as bits of [`Protection::bit`].
    Skip(u8),
    /// Answers with a redirect.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// Where to; an absent value redirects nowhere and the rule does nothing more.
        to: ExprId,
    },
    /// Another path for the upstream.
    RewritePath(ExprId),
    /// Another query for the upstream.
    RewriteQuery(ExprId),
    /// Another header.
    Header {
        /// Of which message.
        side: Side,
        /// Its name, in lower case.
        name: Box<str>,
        /// How.
        change: HeaderChange,
    },
}

impl Action {
    /// Whether no later action or rule of the phase runs.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Block(_) | Self::Allow | Self::Redirect { .. })
    }

    /// Calls `f` with every expression in it.
    pub fn expressions(&self, mut f: impl FnMut(ExprId)) {
        match self {
            Self::Redirect { to: id, .. }
            | Self::RewritePath(id)
            | Self::RewriteQuery(id)
            | Self::Header { change: HeaderChange::Set(id) | HeaderChange::Add(id), .. } => f(*id),
            Self::Log
            | Self::Block(_)
            | Self::Allow
            | Self::Skip(_)
            | Self::Header { change: HeaderChange::Remove, .. } => {}
        }
    }

    /// Calls `f` with a place for every expression in it.
    pub fn expressions_mut(&mut self, mut f: impl FnMut(&mut ExprId)) {
        match self {
            Self::Redirect { to: id, .. }
            | Self::RewritePath(id)
            | Self::RewriteQuery(id)
            | Self::Header { change: HeaderChange::Set(id) | HeaderChange::Add(id), .. } => f(id),
            Self::Log
            | Self::Block(_)
            | Self::Allow
            | Self::Skip(_)
            | Self::Header { change: HeaderChange::Remove, .. } => {}
        }
    }
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name.
    pub name: Box<str>,
    /// What it is about.
    pub scope: Scope,
    /// When it acts; a `Bool`.
    pub when: ExprId,
    /// What it does, in order; a final action stands last.
    pub actions: Box<[Action]>,
    /// The phase that has all it reads.
    pub phase: Phase,
    /// Whether it is recorded and not enforced.
    pub shadow: bool,
    /// Where it stands.
    pub origin: Origin,
}
