//! Who is calling, and how often: sessions, tokens, client certificates and limits, every setting resolved.

use serde::{Deserialize, Serialize};

use crate::expr::ExprId;
use crate::field::Phase;
use crate::policy::{Block, HostPattern, Origin, Scope};

/// A place in [`Identity::tokens`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TokenId(pub u32);

/// A place in [`Identity::sessions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId(pub u32);

/// A place in [`Identity::limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LimitId(pub u32);

/// Everything that a policy says about callers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// What identifies clients.
    pub sessions: Vec<Session>,
    /// Kinds of tokens.
    pub tokens: Vec<Token>,
    /// Limits, in the order of the text.
    pub limits: Vec<Limit>,
    /// Demands for client certificates.
    pub certificates: Vec<Mtls>,
    /// The session of each API, by its place; a shorter list says none.
    pub api_sessions: Vec<Option<SessionId>>,
    /// What each API asks of callers where no endpoint is matched, by its place.
    pub api_auth: Vec<Option<Auth>>,
    /// What each endpoint asks of callers, by its place.
    pub endpoint_auth: Vec<Option<Auth>>,
}

/// What identifies a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its name.
    pub name: Box<str>,
    /// Where it is looked for; the first that is present counts.
    pub sources: Box<[SessionSource]>,
    /// Where it is declared.
    pub origin: Origin,
}

/// One place where a client's identifier may stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionSource {
    /// A claim of a valid token.
    Claim(TokenId, ClaimPath),
    /// A header, in lower case.
    Header(Box<str>),
    /// A cookie.
    Cookie(Box<str>),
}

/// A signature algorithm of RFC 7518 or 8037.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// Ed25519.
    EdDSA,
}

impl Algorithm {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 12] = [
        ("HS256", Self::HS256),
        ("HS384", Self::HS384),
        ("HS512", Self::HS512),
        ("RS256", Self::RS256),
        ("RS384", Self::RS384),
        ("RS512", Self::RS512),
        ("PS256", Self::PS256),
        ("PS384", Self::PS384),
        ("PS512", Self::PS512),
        ("ES256", Self::ES256),
        ("ES384", Self::ES384),
        ("EdDSA", Self::EdDSA),
    ];

    /// The algorithm of that name, which is exact.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }

    /// Whether its key is a secret that both sides share.
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }
}

/// A kind of token, who issues it, and what it must say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its name.
    pub name: Box<str>,
    /// Where it may stand. At most one of these places may hold one.
    pub from: Box<[TokenSource]>,
    /// What verifies it.
    pub keys: Box<[Keys]>,
    /// The algorithms that are accepted.
    pub algorithms: Box<[Algorithm]>,
    /// Who may have issued it; empty for anyone whose key it is.
    pub issuers: Box<[Box<str>]>,
    /// Whom it is for.
    pub audience: Audience,
    /// The `typ` that its header must have; none accepts `JWT`, `at+jwt` and none.
    pub kind: Option<Box<str>>,
    /// Claims that must be there.
    pub required: Box<[Box<str>]>,
    /// How many seconds clocks may differ.
    pub leeway: u64,
    /// The file of `jti`, `sub` and `sid` values that are refused, by name under the data directory.
    pub deny: Option<Box<str>>,
    /// Where it is declared.
    pub origin: Origin,
}

/// Whom a token must be for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Audience {
    /// Nobody in particular: a token that names someone is refused (RFC 7519, 4.1.3).
    #[default]
    Nobody,
    /// Anybody.
    Anybody,
    /// One of these.
    OneOf(Box<[Box<str>]>),
}

/// One place where a token may stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenSource {
    /// A header, in lower case; `Bearer` before the token in `authorization`.
    Header(Box<str>),
    /// A cookie.
    Cookie(Box<str>),
}

/// Where keys come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keys {
    /// A JWK set, as text.
    Set(Box<str>),
    /// A JWK set at an address.
    Url {
        /// The address.
        url: Box<str>,
        /// How often it is asked for, in milliseconds.
        refresh: u64,
    },
    /// The environment variable that holds a shared secret where the proxy runs.
    Secret(Box<str>),
}

/// What an endpoint asks of its callers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auth {
    /// A valid token of one of these kinds.
    pub tokens: Box<[TokenId]>,
    /// One of these sets of scopes, where there is one.
    pub scopes: Box<[Box<[Box<str>]>]>,
    /// Whether it is recorded and not enforced.
    pub shadow: bool,
}

/// A way to one value of a JSON document: names and places alone, of RFC 9535.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimPath(pub Box<[ClaimStep]>);

/// One step of a [`ClaimPath`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClaimStep {
    /// To a member.
    Name(Box<str>),
    /// To an element.
    Place(u32),
}

impl ClaimPath {
    /// The way that `$.a['b'][0]` describes. The error says where it is not one, in bytes.
    pub fn parse(text: &str) -> Result<Self, usize> {
        let mut rest = text.strip_prefix('$').ok_or(0_usize)?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = claim_step(rest).ok_or(text.len() - rest.len())?;
            steps.push(step);
            rest = after;
        }
        if steps.is_empty() { Err(text.len()) } else { Ok(Self(steps.into())) }
    }
}

fn claim_step(text: &str) -> Option<(ClaimStep, &str)> {
    if let Some(name) = text.strip_prefix('.') {
        let end = name
            .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter.is_ascii())
            .unwrap_or(name.len());
        let (name, rest) = name.split_at_checked(end)?;
        let first = name.chars().next()?;
        return (!first.is_ascii_digit()).then(|| (ClaimStep::Name(name.into()), rest));
    }
    let inner = text.strip_prefix('[')?;
    for quote in ['\'', '"'] {
        if let Some(quoted) = inner.strip_prefix(quote) {
            let (name, rest) = quoted.split_once(quote)?;
            let rest = rest.strip_prefix(']')?;
            return (!name.contains('\\')).then(|| (ClaimStep::Name(name.into()), rest));
        }
    }
    let (digits, rest) = inner.split_once(']')?;
    let is_plain = digits == "0" || !digits.starts_with('0');
    let place =
        digits.parse().ok().filter(|_| is_plain && digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some((ClaimStep::Place(place), rest))
}

/// A demand for client certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mtls {
    /// Its name.
    pub name: Box<str>,
    /// The certificates of the authorities that it trusts, as DER.
    pub authorities: Box<[Box<[u8]>]>,
    /// Files of revoked certificates, by name under the data directory.
    pub revoked: Box<[Box<str>]>,
    /// What asks for a certificate.
    pub scope: Scope,
    /// What becomes of a request without.
    pub then: Outcome,
    /// Whether it is recorded and not enforced.
    pub shadow: bool,
    /// Where it stands.
    pub origin: Origin,
}

impl Mtls {
    /// The hosts that it names, in TLS too.
    pub fn hosts(&self) -> impl Iterator<Item = &HostPattern> {
        let parts = match &self.scope {
            Scope::Everything => &[][..],
            Scope::Parts(parts) => parts,
        };
        parts.iter().filter_map(|part| match part {
            crate::policy::ScopePart::Host(host) => Some(host),
            crate::policy::ScopePart::Api(_) | crate::policy::ScopePart::Endpoints(_) => None,
        })
    }
}

/// What becomes of a request that a protection finds wanting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It is recorded.
    Log,
    /// It is refused.
    Block(Block),
}

/// How often something may happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Its name.
    pub name: Box<str>,
    /// What it is about.
    pub scope: Scope,
    /// Scalars that tell one client from another, in order; none for one count for all.
    pub by: Box<[ExprId]>,
    /// What is counted, a `Bool`; none for everything.
    pub count: Option<Count>,
    /// How many units a request takes, an `Int`; none for one.
    pub cost: Option<ExprId>,
    /// Units.
    pub most: u32,
    /// In how many milliseconds.
    pub window: u64,
    /// How many units may pass at once, where they have a pace and no window.
    pub burst: Option<u32>,
    /// What becomes of a request that finds no units left.
    pub then: Outcome,
    /// The phase that has all of `by`, `cost` and what is counted of the request.
    pub phase: Phase,
    /// Whether it is recorded and not enforced.
    pub shadow: bool,
    /// Where it stands.
    pub origin: Origin,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// When it counts.
    pub when: ExprId,
    /// Whether the answer tells: units are then taken before, and go back if it does not count.
    pub by_response: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_path_is_a_subset_of_rfc_9535() {
        let name = |name: &str| ClaimStep::Name(name.into());
        for (text, steps) in [
            ("$.sub", vec![name("sub")]),
            ("$['https://x/roles'][0]", vec![name("https://x/roles"), ClaimStep::Place(0)]),
            ("$.realm_access.roles[12]", vec![name("realm_access"), name("roles"), ClaimStep::Place(12)]),
            ("$[\"a.b\"].é", vec![name("a.b"), name("é")]),
        ] {
            assert_eq!(ClaimPath::parse(text), Ok(ClaimPath(steps.into())), "{text}");
        }
        for (text, at) in [
            ("sub", 0),
            ("$", 1),
            ("$.", 1),
            ("$..a", 1),
            ("$.a[*]", 3),
            ("$[01]", 1),
            ("$[-1]", 1),
            ("$.a b", 3),
            ("$['a", 1),
            ("$.1a", 1),
            ("$['a\\'b']", 1),
        ] {
            assert_eq!(ClaimPath::parse(text), Err(at), "{text}");
        }
    }
}
