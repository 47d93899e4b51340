//! One request and its answer as rules see them: canonical, parsed lazily, each fact once.

mod body;
mod certificate;
mod fields;
mod given;
mod headers;
mod host;
mod list;
mod pairs;
mod target;
mod version;
mod words;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use shield_ir::FieldId;
use shield_ir::identity::TokenId;
use shield_ir::policy::{Api, ApiId, EndpointId};
use shield_state::Reply;
use smallvec::SmallVec;

use self::given::Given;
use self::headers::{KnownHeaders, Place};
use crate::callers::{self, Callers};
use crate::certificate::{ClientAuth, Standing};
use crate::denial::{Denial, Reason};
use crate::event::Event;
use crate::facts::{Facts, Token};
use crate::geo::Whereabouts;
use crate::policy::Policy;
use crate::stages::endpoint::Known;
use crate::stages::limits::Asked;
use crate::stages::schema::Verdict;
use crate::stopwatch::Stopwatch;
use crate::token::{self, Pass, Refusal, Verified};
use crate::value::Value;
use crate::verdict::HeaderEdit;

pub use fields::{Extract, extractor};
pub use headers::{Headers, has_control, is_token, is_token_byte};
pub use pairs::Pairs;
use pairs::{DecodedPairs, PlainPairs};
pub(crate) use target::hex_pair;
pub use target::{DotSegments, EmptySegments, PathPolicy, Separators};
pub use version::Version;

/// A request's head as it was received, and what is known of how it came.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The target in origin or absolute form.
    pub target: &'a [u8],
    /// The version.
    pub version: Version,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Headers in order, names as received; HTTP/2's `:authority` stands here as `host`.
    pub headers: Headers<'a>,
    /// The client's address, trusted proxies taken into account.
    pub client: IpAddr,
    /// The address that the request came to.
    pub server: SocketAddr,
    /// When it was received, in milliseconds since 1970.
    pub received_at: u64,
    /// Random bytes, other ones for each request.
    pub seed: [u8; 16],
    /// The name of this request in logs.
    pub request_id: &'a str,
}

impl Default for Head<'_> {
    fn default() -> Self {
        Self {
            method: b"GET",
            target: b"/",
            version: Version::Http11,
            tls: false,
            headers: Headers::default(),
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            server: SocketAddr::from(([0, 0, 0, 0], 0)),
            received_at: 0,
            seed: [0; 16],
            request_id: "",
        }
    }
}

/// An answer's head as the upstream sent it.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead<'a> {
    /// The status.
    pub status: u16,
    /// Headers in order.
    pub headers: Vec<(&'a [u8], &'a [u8])>,
    /// Milliseconds from the sent request to the first byte of the answer.
    pub ttfb_ms: i64,
    /// Milliseconds spent here so far.
    pub edge_ms: i64,
}

/// What a request's head may be at most, and what its path may look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the target.
    pub target: usize,
    /// Number of headers.
    pub headers: usize,
    /// Bytes of all header names and values.
    pub header_bytes: usize,
    /// Number of query arguments.
    pub args: usize,
    /// Odd paths.
    pub path: PathPolicy,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            target: 16 << 10,
            headers: 100,
            header_bytes: 64 << 10,
            args: 1000,
            path: PathPolicy::default(),
        }
    }
}

/// A body as far as it was buffered.
#[derive(Clone, Copy, Debug)]
struct Body<'a> {
    bytes: &'a [u8],
    truncated: bool,
}

/// A request, and what is found out about it.
#[derive(Debug)]
pub struct Exchange<'a> {
    canonical: &'a Canonical<'a>,
    body: Option<Body<'a>>,
    response: Option<ResponseHead<'a>>,
    response_body: Option<Body<'a>>,
    client_auth: ClientAuth<'a>,
    given: Given<'a>,
    declared: Vec<Option<Value<'a>>>,
    parsed: Parsed<'a>,
    pub(crate) stopwatch: Option<&'a Stopwatch>,
    pub(crate) state: State<'a>,
}

/// What the stages find out and decide.
#[derive(Debug, Default)]
pub(crate) struct State<'a> {
    /// What judges it, once that has begun.
    pub(crate) policy: Option<&'a Policy>,
    pub(crate) api: Option<ApiId>,
    pub(crate) endpoint: Option<EndpointId>,
    /// Path variables, still percent-encoded.
    pub(crate) params: Vec<(&'a str, &'a str)>,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) fallthrough: bool,
    /// What is to be thought of the client's certificate, where a demand that covers the exchange accepts it.
    pub(crate) standing: Option<Standing>,
    pub(crate) skipped: u8,
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) query: Option<Vec<u8>>,
    pub(crate) request_edits: Vec<HeaderEdit>,
    pub(crate) response_edits: Vec<HeaderEdit>,
    /// One stands here itself: a refusal need not allocate for its own.
    pub(crate) events: SmallVec<[Event; 1]>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) replies: Vec<Reply>,
    pub(crate) with_body: bool,
}

/// Facts that are computed when first asked for.
#[derive(Debug)]
struct Parsed<'a> {
    args: OnceCell<PlainPairs<'a>>,
    cookies: OnceCell<DecodedPairs<'a>>,
    tokens: OnceCell<Box<[TokenCell]>>,
    session: OnceCell<Option<String>>,
    made: OnceCell<Box<Made<'a>>>,
}

impl Parsed<'_> {
    const fn new() -> Self {
        Self {
            args: OnceCell::new(),
            cookies: OnceCell::new(),
            tokens: OnceCell::new(),
            session: OnceCell::new(),
            made: OnceCell::new(),
        }
    }
}

/// Facts that have memory of their own; together, so that an exchange in which nobody asks for one has little room to clear.
#[derive(Debug, Default)]
struct Made<'a> {
    uri: OnceCell<Vec<u8>>,
    full_uri: OnceCell<Vec<u8>>,
    raw_full_uri: OnceCell<Vec<u8>>,
    extension: OnceCell<Vec<u8>>,
    raw_extension: OnceCell<Vec<u8>>,
    form: OnceCell<Vec<(&'a [u8], &'a [u8])>>,
    parts: OnceCell<Vec<body::Part<'a>>>,
    cookie: OnceCell<Vec<u8>>,
    forwarded_for: OnceCell<Vec<u8>>,
    media_type: OnceCell<Vec<u8>>,
    whereabouts: OnceCell<Whereabouts>,
}

/// What is found out of one kind of token.
type TokenCell = OnceCell<Result<Arc<Verified>, Refusal>>;

/// The canonical form of a head.
#[derive(Debug)]
pub struct Canonical<'a> {
    head: &'a Head<'a>,
    /// What rules match and the upstream gets.
    path: Cow<'a, [u8]>,
    raw: target::Parts<'a>,
    host: host::Host<'a>,
}

impl<'a> Canonical<'a> {
    /// The canonical form of a head, or why it has none.
    pub fn of(head: &'a Head<'a>, limits: &Limits) -> Result<Self, Denial> {
        if !is_method(head.method) {
            return Err(Reason::Method.into());
        }
        if head.target.len() > limits.target {
            return Err(Reason::TargetTooLong.into());
        }
        if head.headers.len() > limits.headers {
            return Err(Reason::TooManyHeaders.into());
        }
        if head.headers.bytes > limits.header_bytes {
            return Err(Reason::HeadersTooLarge.into());
        }
        let raw = target::parts(head.target, head.method)?;
        let path =
            if raw.path == b"*" { Cow::Borrowed(raw.path) } else { target::path(raw.path, limits.path)? };
        if raw.query.len() >= limits.args && memchr::memchr_iter(b'&', raw.query).count() >= limits.args {
            return Err(Reason::TooManyArgs.into());
        }
        let host = host_of(head, &raw)?;
        Ok(Self { head, path, raw, host })
    }
}

impl<'a> Exchange<'a> {
    /// Of a request that nothing else is known of yet.
    // PERF: nothing can fail here, so that an exchange, which is large, is written once, where it is wanted.
    #[inline]
    pub fn new(canonical: &'a Canonical<'a>) -> Self {
        Self {
            canonical,
            body: None,
            response: None,
            response_body: None,
            client_auth: ClientAuth::default(),
            given: Given::default(),
            declared: Vec::new(),
            parsed: Parsed::new(),
            stopwatch: None,
            state: State::default(),
        }
    }

    /// Gives fields the values that a request cannot show; they win over what it shows. A value of
    /// another type than its field's is left out.
    pub fn with_fields(&mut self, fields: BTreeMap<FieldId, Value<'a>>) {
        for (field, value) in fields {
            self.with_field(field, value);
        }
    }

    /// Gives one field a value.
    pub fn with_field(&mut self, field: FieldId, value: Value<'a>) {
        if !value.is_of(field.row().ty) {
            return;
        }
        self.given.set(field, value);
    }

    /// The value that a field was given.
    pub(crate) fn given(&self, field: FieldId) -> Option<&Value<'a>> {
        self.given.get(field)
    }

    /// Whether a field was given a value.
    pub(crate) fn is_given(&self, field: FieldId) -> bool {
        self.given(field).is_some()
    }

    /// Gives the names of `Program::declared` their values, by place.
    pub fn with_declared(&mut self, values: Vec<Option<Value<'a>>>) {
        self.declared = values;
    }

    /// Has its stages timed.
    pub const fn set_stopwatch(&mut self, stopwatch: &'a Stopwatch) {
        self.stopwatch = Some(stopwatch);
    }

    /// Gives the request's body, whole or cut where `truncated`.
    pub fn set_body(&mut self, bytes: &'a [u8], truncated: bool) {
        self.body = Some(Body { bytes, truncated });
    }

    /// Gives the answer's head.
    pub fn set_response(&mut self, head: ResponseHead<'a>) {
        self.response = Some(head);
    }

    /// Gives the answer's body, whole or cut where `truncated`.
    pub fn set_response_body(&mut self, bytes: &'a [u8], truncated: bool) {
        self.response_body = Some(Body { bytes, truncated });
    }

    /// The answer's head.
    pub const fn response(&self) -> Option<&ResponseHead<'a>> {
        self.response.as_ref()
    }

    pub(crate) fn response_body(&self) -> Option<&'a [u8]> {
        self.response_body.map(|body| body.bytes)
    }

    /// Whether the answer's body is there, whole, and not in an encoding that hides it.
    pub(crate) fn response_is_inspectable(&self) -> bool {
        let encoding = self.response.as_ref().and_then(|answer| {
            answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"content-encoding"))
        });
        self.response_body.is_some_and(|body| !body.truncated)
            && encoding.is_none_or(|(_, value)| value.trim_ascii().eq_ignore_ascii_case(b"identity"))
    }

    /// Whether the request's body, where there is one, is whole and not in an encoding that hides it.
    pub(crate) fn is_inspectable(&self) -> bool {
        let empty = self.body().is_none_or(<[u8]>::is_empty);
        !self.is_truncated() && (empty || !self.is_hidden())
    }

    /// Whether the request's body, where there is one, is in an encoding that hides it.
    pub(crate) fn is_hidden(&self) -> bool {
        let hides = |encoding: &[u8]| !encoding.trim_ascii().eq_ignore_ascii_case(b"identity");
        self.content_encoding().is_some_and(hides)
    }

    /// The method.
    pub const fn method(&self) -> &'a [u8] {
        self.head().method
    }

    /// The canonical path: what rules match and the upstream gets.
    pub fn path(&self) -> &'a [u8] {
        &self.canonical.path
    }

    /// The query, without its question mark.
    pub const fn query(&self) -> &'a [u8] {
        self.canonical.raw.query
    }

    /// The host in lower case, without port.
    pub fn host(&self) -> &'a [u8] {
        &self.canonical.host.name
    }

    /// The port that the client named.
    pub const fn port(&self) -> Option<u16> {
        self.canonical.host.port
    }

    /// The head as it was received.
    pub const fn head(&self) -> &'a Head<'a> {
        self.canonical.head
    }

    /// The body, as far as it was buffered.
    pub fn body(&self) -> Option<&'a [u8]> {
        self.body.map(|body| body.bytes)
    }

    /// The API whose host it has.
    pub const fn api(&self) -> Option<ApiId> {
        self.state.api
    }

    /// The endpoint that it is for.
    pub const fn endpoint(&self) -> Option<EndpointId> {
        self.state.endpoint
    }

    /// What is known of callers.
    fn callers(&self) -> Option<&'a Callers> {
        self.state.policy?.callers.as_ref()
    }

    /// What its API is known by.
    fn known_api(&self) -> Option<&'a Api> {
        self.state.policy?.api(self.api()?)
    }

    /// What its endpoint is known by.
    fn known_endpoint(&self) -> Option<&'a Known> {
        self.state.policy?.endpoints.get(self.endpoint()?)
    }

    /// What was found, in order.
    pub fn events(&self) -> &[Event] {
        &self.state.events
    }

    /// What was found, taken out.
    pub fn take_events(&mut self) -> Vec<Event> {
        // PERF: there is hardly ever one, and room for one is a lot to move.
        if self.state.events.is_empty() {
            Vec::new()
        } else {
            std::mem::take(&mut self.state.events).into_vec()
        }
    }

    /// The first header of that name, in lower case.
    pub fn header(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.headers_named(name).next()
    }

    /// The values of all headers of that name, in lower case.
    pub(crate) fn headers_named(&self, name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
        let headers = self.head().headers.iter();
        headers.filter(move |(each, _)| each.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// The values of all cookies of that name.
    pub(crate) fn cookies_named(&self, name: &[u8]) -> Vec<Cow<'_, [u8]>> {
        let pairs = fields::cookies(self).iter().filter(|(each, _)| *each == name);
        pairs.map(|(_, value)| Cow::Borrowed(value)).collect()
    }

    /// The token of that kind, verified when first asked for.
    pub(crate) fn token(&self, id: TokenId) -> Result<&Arc<Verified>, Refusal> {
        let callers = self.callers().ok_or(Refusal::Missing)?;
        let cells =
            self.parsed.tokens.get_or_init(|| callers.tokens.kinds().map(|_| OnceCell::new()).collect());
        let cell = cells.get(id.0 as usize).ok_or(Refusal::Missing)?;
        cell.get_or_init(|| callers.tokens.verify(id, self)).as_ref().map_err(|refusal| *refusal)
    }

    /// Valid tokens with the names of their kinds.
    fn tokens(&self) -> impl Iterator<Item = (&str, &Arc<Verified>)> {
        let kinds = self.callers().into_iter().flat_map(|callers| callers.tokens.kinds());
        kinds.filter_map(|(id, rules)| Some((&*rules.name, self.token(id).ok()?)))
    }

    /// The tokens that have passed, for what outlives the exchange.
    pub fn passes(&self) -> Vec<Pass> {
        self.tokens().map(|(kind, verified)| Pass::new(kind, verified)).collect()
    }

    /// The keyed hash of what identifies the client.
    pub fn session(&self) -> Option<&str> {
        let callers = self.callers()?;
        self.parsed.session.get_or_init(|| callers::session_id(callers, self)).as_deref()
    }

    pub(crate) fn is_truncated(&self) -> bool {
        self.body.is_some_and(|body| body.truncated)
    }

    pub(crate) fn content_encoding(&self) -> Option<&'a [u8]> {
        self.at(self.known().content_encoding)
    }

    /// Path and query as they go upstream where no rule rewrites them, borrowed where the client's target is canonical.
    pub(crate) fn target(&self) -> Cow<'a, [u8]> {
        match self.received_target() {
            Some(target) => Cow::Borrowed(target),
            None => Cow::Owned(join_target(self.path(), self.query())),
        }
    }

    /// Path and query as they were received, where that is their canonical form.
    fn received_target(&self) -> Option<&'a [u8]> {
        let Canonical { raw, path, .. } = self.canonical;
        let is_whole = raw.path_and_query.starts_with(raw.path);
        (is_whole && matches!(path, Cow::Borrowed(_))).then_some(raw.path_and_query)
    }

    fn made(&self) -> &Made<'a> {
        self.parsed.made.get_or_init(Box::default)
    }

    const fn known(&self) -> &KnownHeaders {
        &self.head().headers.known
    }

    fn at(&self, place: Place) -> Option<&'a [u8]> {
        self.head().headers.at(place)
    }

    /// All values of a header with a separator between them.
    fn joined(
        &self,
        place: Place,
        name: &[u8],
        cell: for<'x> fn(&'x Made<'_>) -> &'x OnceCell<Vec<u8>>,
        separator: &[u8],
    ) -> &[u8] {
        if place.count <= 1 {
            return self.at(place).unwrap_or_default();
        }
        cell(self.made()).get_or_init(|| self.headers_named(name).collect::<Vec<_>>().join(separator))
    }
}

/// `path?query`, or the path alone where there is no query.
pub(crate) fn join_target(path: &[u8], query: &[u8]) -> Vec<u8> {
    let mut target = path.to_vec();
    if !query.is_empty() {
        target.push(b'?');
        target.extend_from_slice(query);
    }
    target
}

/// A token without letters in lower case; those that nearly all requests have are told at a glance.
fn is_method(method: &[u8]) -> bool {
    let is_part = |byte: &u8| !byte.is_ascii_lowercase() && is_token_byte(*byte);
    matches!(method, b"GET" | b"POST" | b"PUT" | b"PATCH" | b"DELETE" | b"HEAD" | b"OPTIONS")
        || ((1..=64).contains(&method.len()) && method.iter().all(is_part))
}

fn host_of<'a>(head: &Head<'a>, raw: &target::Parts<'a>) -> Result<host::Host<'a>, Reason> {
    let place = head.headers.known.host;
    if place.count > 1 {
        return Err(Reason::HostDuplicate);
    }
    let given = head.headers.at(place).ok_or(Reason::HostMissing)?;
    let host = host::read(given)?;
    match raw.authority {
        Some(authority) if host::read(authority)? != host => Err(Reason::HostMismatch),
        _ => Ok(host),
    }
}

impl Facts for Exchange<'_> {
    fn field(&self, field: FieldId) -> Option<Value<'_>> {
        if let Some(value) = self.given(field) {
            return Some(value.clone());
        }
        extractor(field).value(self, field)
    }

    fn declared(&self, index: u32) -> Option<Value<'_>> {
        self.declared.get(index as usize)?.clone()
    }

    fn token(&self, name: &[u8]) -> Token {
        let id = self.callers().and_then(|callers| callers.tokens.find(name));
        id.map_or(Token::Absent, |id| token::fact(self.token(id)))
    }
}

#[cfg(test)]
mod tests;
