//! The syntax tree: what was written, with its places, before names and types mean anything. Never serialised.

use std::fmt;
use std::net::IpAddr;

pub use shield_ir::policy::{BodyKind, Mode, Problems, Protection, Side, Undeclared};
pub use shield_ir::{Compare, Logic, Quantifier};

use crate::source::Span;

/// Something written, and where; its debug form leaves the place out, so that trees can be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Spanned<T> {
    /// What.
    pub node: T,
    /// Where.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// `node` at `span`.
    pub const fn new(node: T, span: Span) -> Self {
        Self { node, span }
    }
}

impl<T: fmt::Debug> fmt::Debug for Spanned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

/// A name, as written.
pub type Name = Spanned<String>;

/// A file's items in the order of its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// The items that could be read.
    pub items: Vec<Item>,
}

impl File {
    /// The tree as indented text without places: two texts that mean the same have the same outline.
    pub fn outline(&self) -> String {
        let shown = format!("{:#?}", self.items);
        let place = |line: &&str| line.trim_start().trim_start_matches("span: ").starts_with('@');
        shown.lines().filter(|line| !place(line)).flat_map(|line| [line, "\n"]).collect()
    }
}

/// A top-level statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// `include "…"`
    Include(Name),
    /// `api NAME { … }`
    Api(Api),
    /// `list NAME = …`
    List(List),
    /// `let NAME = …`
    Let(Binding),
    /// `rule NAME { … }`
    Rule(Rule),
    /// `test "…" { … }`
    Test(Test),
    /// `provide FIELD = …`
    Provide(Binding),
    /// `geoip "…"`
    Geoip(Name),
    /// `session NAME { … }`
    Session(Session),
    /// `jwt NAME { … }`
    Jwt(Jwt),
    /// `limit NAME { … }`
    Limit(Limit),
    /// `mtls NAME { … }`
    Mtls(Mtls),
    /// An item of the language that this version does not enforce.
    Later(Name),
    /// An item that does not parse, which was reported: its word and name, so that what names it is no second mistake.
    Broken(String, Name),
}

/// `api NAME { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// Its name.
    pub name: Name,
    /// Its statements.
    pub statements: Vec<Spanned<ApiStatement>>,
    /// The whole item.
    pub span: Span,
}

/// A statement of an `api` or an `endpoint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiStatement {
    /// `openapi "…" "…"`
    Openapi(Vec<Name>),
    /// `host "…" "…"`
    Host(Vec<Name>),
    /// `upstream "…" env "…"`
    Upstream(Vec<Spanned<Upstream>>),
    /// `requests block`
    Requests(Mode),
    /// `responses log`
    Responses(Mode),
    /// `unknown block 404`
    Unknown(Mode, Option<Spanned<u16>>),
    /// `undeclared query block`
    Undeclared(RequestPart, Undeclared),
    /// `problems short`
    Problems(Problems),
    /// `body max 1MiB`
    BodyMax(u64),
    /// `mode shadow`
    Shadow,
    /// `endpoint GET /healthz { … }`
    Endpoint(Endpoint),
    /// `session NAME`
    Session(Name),
    /// `auth jwt NAME scopes "…"`
    Auth(Auth),
    /// `public GET /pets`, in an API
    Public(Vec<Spanned<Scope>>),
    /// `public`, in an endpoint
    PublicHere,
}

/// `auth jwt NAME scopes "…"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// Any of these tokens.
    pub tokens: Vec<Name>,
    /// The scopes that it must have.
    pub scopes: Scopes,
}

/// Which scopes a token must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scopes {
    /// These.
    These(Vec<Name>),
    /// Those of the API's document.
    Document,
}

/// `session NAME { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub name: Name,
    /// Where it is looked for.
    pub sources: Vec<SessionSource>,
}

/// One place of a `session`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionSource {
    /// `jwt NAME "$.sub"`
    Claim(Name, Name),
    /// `header "…"`
    Header(Name),
    /// `cookie "…"`
    Cookie(Name),
}

/// `jwt NAME { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwt {
    /// Its name.
    pub name: Name,
    /// Its statements.
    pub statements: Vec<Spanned<JwtStatement>>,
}

/// A statement of a `jwt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwtStatement {
    /// `from header "…" cookie "…"`; whether it is a cookie.
    From(Vec<(bool, Name)>),
    /// `keys file "…"`
    KeysFile(Name),
    /// `keys url "…" refresh 10m`
    KeysUrl(Name, Option<Spanned<u64>>),
    /// `keys secret env "…"`
    KeysSecret(Name),
    /// `algorithms RS256`
    Algorithms(Vec<Name>),
    /// `issuer "…"`
    Issuer(Vec<Name>),
    /// `audience "…"`; none for any.
    Audience(Vec<Name>),
    /// `type "at+jwt"`
    Kind(Name),
    /// `require exp sub`
    Require(Vec<Name>),
    /// `optional exp`
    Optional(Vec<Name>),
    /// `leeway 60s`, in milliseconds
    Leeway(u64),
    /// `deny file "…"`
    Deny(Name),
}

/// `limit NAME { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its name.
    pub name: Name,
    /// `on`, a union.
    pub on: Vec<Spanned<Scope>>,
    /// `by`, in order.
    pub by: Vec<Expr>,
    /// `count when`
    pub count: Vec<Spanned<Expr>>,
    /// `cost`
    pub cost: Vec<Spanned<Expr>>,
    /// `allow 5 per 1m burst 2`
    pub allow: Vec<Spanned<Allowance>>,
    /// `then`
    pub then: Vec<Spanned<Action>>,
    /// `mode shadow`
    pub shadow: bool,
}

/// `5 per 1m burst 2`; `None` is a number that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// How many.
    pub most: Option<u32>,
    /// In how many milliseconds.
    pub window: u64,
    /// How many at once.
    pub burst: Option<Option<u32>>,
}

/// `mtls NAME { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mtls {
    /// Its name.
    pub name: Name,
    /// `ca`
    pub authorities: Vec<Name>,
    /// `revoked`
    pub revoked: Vec<Name>,
    /// `on`, a union.
    pub on: Vec<Spanned<Scope>>,
    /// `then`
    pub then: Vec<Spanned<Action>>,
    /// `mode shadow`
    pub shadow: bool,
}

/// Where a request's undeclared parts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestPart {
    /// Query parameters.
    Query,
    /// Headers.
    Headers,
    /// Cookies.
    Cookies,
}

/// An upstream as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// An address.
    Url(String),
    /// `env "NAME"`
    Environment(String),
}

/// `endpoint METHOD PATH { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A host narrower than the API's.
    pub host: Option<Name>,
    /// Method and path.
    pub at: MethodPath,
    /// Its statements.
    pub statements: Vec<Spanned<ApiStatement>>,
}

/// A method, `*` for any, and a path template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodPath {
    /// The method.
    pub method: Name,
    /// The path.
    pub path: Name,
}

/// `list NAME: TYPE = …`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Its name.
    pub name: Name,
    /// Its type, where written.
    pub ty: Option<Name>,
    /// Its members.
    pub members: ListMembers,
}

/// Where a list's members stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListMembers {
    /// In the policy.
    Inline(Spanned<Vec<Word>>),
    /// In a file, one a line.
    File(Name),
}

/// `let NAME = …`, `provide FIELD = …`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The name or field.
    pub name: Name,
    /// What it stands for.
    pub value: Expr,
}

/// `rule NAME { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: Name,
    /// `on`, a union.
    pub on: Vec<Spanned<Scope>>,
    /// `when`, none stands for always.
    pub when: Vec<Spanned<Expr>>,
    /// `then`, in order.
    pub then: Vec<Spanned<Action>>,
    /// `mode shadow`
    pub shadow: bool,
    /// The whole item.
    pub span: Span,
}

/// What a rule is about, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `on "partners.example.com"`
    Host(String),
    /// `on petstore`
    Api(Name),
    /// `on POST /login`, `on petstore POST /login`
    Endpoint(Option<Name>, MethodPath),
    /// `on petstore.loginUser`, `on petstore operation "repos/get"`
    Operation(Name, Name),
    /// `on petstore tag "admin"`
    Tag(Name, Name),
}

/// What a rule does, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `log`
    Log,
    /// `block 403 json "…" for 10m`
    Block {
        /// The status.
        status: Option<Spanned<u16>>,
        /// The body.
        body: Option<(BodyKind, String)>,
        /// Milliseconds for which the client stays refused.
        hold: Option<Spanned<u64>>,
    },
    /// `allow`
    Allow,
    /// `skip rules schema`
    Skip(Vec<Protection>),
    /// `redirect 302 EXPR`
    Redirect(Option<Spanned<u16>>, Expr),
    /// `rewrite path EXPR`
    RewritePath(Expr),
    /// `rewrite query EXPR`
    RewriteQuery(Expr),
    /// `set request header "X" EXPR`
    SetHeader(Side, Name, Expr),
    /// `add response header "X" EXPR`
    AddHeader(Side, Name, Expr),
    /// `remove request header "X"`
    RemoveHeader(Side, Name),
}

/// `test "…" { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// What it says.
    pub name: Name,
    /// Its steps.
    pub steps: Vec<Spanned<TestStep>>,
}

/// A statement of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestStep {
    /// `request GET "https://…" from 203.0.113.9`
    Request {
        /// The method.
        method: Name,
        /// The URL.
        url: Name,
        /// The client's address.
        from: Option<Spanned<IpAddr>>,
    },
    /// `header "name" "value"`
    Header(String, String),
    /// `body "…"`
    Body(String),
    /// `field ip.src.country "DE"`
    Field(Name, Word),
    /// `response 401`
    ResponseStatus(u16),
    /// `response header "name" "value"`
    ResponseHeader(String, String),
    /// `response body "…"`
    ResponseBody(String),
    /// `token main { sub "u1" exp 10m }`
    Token(Name, Vec<(String, TokenValue)>),
    /// `expect …`
    Expect(Expectation),
    /// `repeat 5 { … }`
    Repeat(u32, Vec<Spanned<Self>>),
    /// `after 10m`, in milliseconds.
    After(u64),
}

/// The value of a claim of a token that a test makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenValue {
    /// So many milliseconds from the test's clock, backwards where negative.
    From(i64),
    /// A number.
    Number(u64),
    /// A text.
    Text(String),
    /// Texts.
    List(Vec<String>),
}

/// What a test expects of its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// It goes upstream, and the response to the client.
    Allow,
    /// It is refused.
    Block(Option<u16>, Option<Name>),
    /// It is redirected.
    Redirect(Option<u16>, Option<String>, Option<Name>),
    /// It goes upstream and the rule records it.
    Log(Name),
}

/// A literal as it is written, before its type is known.
#[derive(Clone, PartialEq, Eq)]
pub enum Text {
    /// `"…"` or `r"…"`: its bytes.
    String(Vec<u8>),
    /// A regular expression after `matches`: its text.
    Regex(String),
    /// A bare word.
    Word(String),
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(bytes) => write!(f, "{}", shield_ir::display::Quoted(bytes)),
            Self::Regex(text) => write!(f, "regex {text:?}"),
            Self::Word(text) => write!(f, "word {text:?}"),
        }
    }
}

/// A literal and where it stands.
pub type Word = Spanned<Text>;

/// An expression and where it stands.
pub type Expr = Spanned<ExprKind>;

impl Expr {
    /// In place of something that was reported already.
    pub const fn broken(span: Span) -> Self {
        Self { node: ExprKind::Broken, span }
    }
}

/// An expression as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExprKind {
    /// A literal.
    Literal(Text),
    /// A field, a `let`, `true` or `false`.
    Name(String),
    /// `f(a, b)`
    Call(Name, Vec<Expr>),
    /// `a[0]`, `m["k"]`, `a[*]`
    Index(Box<Expr>, Spanned<Index>),
    /// `not a`
    Not(Box<Expr>),
    /// `a and b and c`
    Logic(Logic, Vec<Expr>),
    /// `any(…)`, `all(…)`
    Quantify(Quantifier, Box<Expr>),
    /// `a eq b`
    Compare(Box<Expr>, Spanned<Compare>, Box<Expr>),
    /// `a contains b`
    Contains(Box<Expr>, Span, Box<Expr>),
    /// `a matches "…"`
    Matches(Box<Expr>, Span, Word),
    /// `a wildcard "…"`
    Wildcard(Box<Expr>, Spanned<bool>, Word),
    /// `a in {…}`
    InSet(Box<Expr>, Span, Spanned<Vec<Word>>),
    /// `a in $list`
    InList(Box<Expr>, Span, Name),
    /// `a & 4`
    BitAnd(Box<Expr>, Span, Box<Expr>),
    /// A set or list where a single value must stand; the checker says so.
    Misplaced(String),
    /// Something that was reported already; nothing more is said of it.
    Broken,
}

/// What stands in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Index {
    /// A position.
    At(u32),
    /// A key.
    Key(Vec<u8>),
    /// Every element.
    Each,
    /// Something that was reported already.
    Broken,
}
