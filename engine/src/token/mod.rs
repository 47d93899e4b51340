//! Tokens: who vouches for a caller. A pure verifier: keys and time are given, and nothing in a token chooses either.
//!
//! ```text
//! places of the request ──► source ──► compact ──► keys by kid and algorithm ──► crypto ──► claims ──► Verified
//! ```
//!
//! The algorithm comes from the policy and the key, never from the token; a key or an address that a token brings along
//! is never used. Every bound is a constant: no token makes this slow or large.

mod cache;
mod claims;
mod compact;
mod crypto;
mod jwk;
mod source;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use shield_ir::identity::{self, Keys, TokenId};

use self::cache::Cache;
pub use self::claims::Claims;
pub use self::jwk::{KeySet, KeySetError};
use crate::exchange::Exchange;
use crate::facts;

macro_rules! refusals {
    ($($variant:ident $label:literal;)*) => {
        /// Why a token does not pass. It stands in the event; the client is not told.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Refusal {
            $(#[doc = $label] $variant),*
        }

        impl Refusal {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// In words that stay the same.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),* }
            }
        }
    };
}

refusals! {
    Missing     "there is no token";
    Twice       "there are two tokens";
    Large       "the token is too large";
    Malformed   "the token is malformed";
    Critical    "the token demands an extension";
    Algorithm   "the token's algorithm is not the policy's";
    Kind        "the token is of another type";
    NoKey       "no key fits the token";
    Signature   "the signature is wrong";
    Expired     "the token has expired";
    Early       "the token is not valid yet";
    Time        "a time in the token is malformed";
    Issuer      "the token is another issuer's";
    Audience    "the token is for someone else";
    Claim       "a required claim is missing";
    Denied      "the token is on the deny list";
    Scope       "the token lacks a scope";
}

/// A token that passed, and what it says.
#[derive(Debug)]
pub struct Verified {
    /// What it says.
    pub claims: Claims,
    compact: Box<[u8]>,
    token: TokenId,
    /// The version of the keys that it was verified with.
    version: u64,
}

/// A key that a request asks for and that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedKey {
    /// Whose.
    pub token: TokenId,
    /// Its name as the token gives it.
    pub kid: Box<str>,
}

/// A token that has passed, for what outlives its request.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The kind of token, by name.
    kind: Box<str>,
    verified: Arc<Verified>,
}

impl Pass {
    pub(crate) fn new(kind: &str, verified: &Arc<Verified>) -> Self {
        Self { kind: kind.into(), verified: Arc::clone(verified) }
    }
}

/// What verifies the tokens of a policy. Keys and deny lists may be replaced while it serves.
#[derive(Debug, Default)]
pub struct Tokens {
    kinds: Box<[Kind]>,
    cache: Cache,
}

/// One kind of token.
#[derive(Debug)]
struct Kind {
    rules: identity::Token,
    live: RwLock<Arc<Live>>,
}

/// What changes while a policy serves.
#[derive(Clone, Debug, Default)]
struct Live {
    /// One set for each of [`identity::Token::keys`].
    sets: Box<[Arc<KeySet>]>,
    deny: Arc<BTreeSet<Box<str>>>,
    version: u64,
}

impl Tokens {
    /// Makes ready what a bundle says; sets from addresses and secrets are empty until they are given.
    pub fn of(kinds: &[identity::Token]) -> Result<Self, KeySetError> {
        let kinds: Result<_, _> = kinds.iter().cloned().map(Kind::of).collect();
        Ok(Self { kinds: kinds?, cache: Cache::default() })
    }

    /// The kinds of tokens, in the order of their ids.
    pub fn kinds(&self) -> impl Iterator<Item = (TokenId, &identity::Token)> {
        self.kinds.iter().enumerate().map(|(at, kind)| (TokenId(at as u32), &kind.rules))
    }

    /// The kind of that name.
    pub fn find(&self, name: &[u8]) -> Option<TokenId> {
        self.kinds().find(|(_, rules)| rules.name.as_bytes() == name).map(|(id, _)| id)
    }

    /// Replaces the set of keys at a place of [`identity::Token::keys`].
    pub fn replace_keys(&self, id: TokenId, place: usize, set: Arc<KeySet>) {
        self.change(id, |live| {
            if let Some(slot) = live.sets.get_mut(place) {
                *slot = set;
            }
        });
    }

    /// Replaces the values of `jti`, `sub` and `sid` that are refused.
    pub fn replace_denied(&self, id: TokenId, values: BTreeSet<Box<str>>) {
        self.change(id, |live| live.deny = Arc::new(values));
    }

    /// Whether the deny list of its kind has come to name a token that has passed, be it under an earlier policy.
    pub fn denies(&self, pass: &Pass) -> bool {
        let kind = self.kinds.iter().find(|kind| kind.rules.name == pass.kind);
        kind.is_some_and(|kind| pass.verified.claims.is_denied(&kind.live().deny))
    }

    /// A key with which a test makes tokens of that kind, whatever the kind's own keys: never where requests are served.
    pub fn admit_test_secret(&self, id: TokenId, secret: &[u8]) {
        let set = Arc::new(KeySet::of_test(secret));
        self.change(id, |live| live.sets = live.sets.iter().cloned().chain([set]).collect());
    }

    fn change(&self, id: TokenId, change: impl FnOnce(&mut Live)) {
        if let Some(kind) = self.kinds.get(id.0 as usize) {
            let mut live = kind.live.write().unwrap_or_else(PoisonError::into_inner);
            let mut next = Live::clone(&live);
            change(&mut next);
            next.version += 1;
            *live = Arc::new(next);
        }
    }

    /// The key that a request's tokens name and that a set from an address may yet have.
    pub fn wanted(&self, exchange: &Exchange<'_>) -> Option<WantedKey> {
        self.kinds.iter().enumerate().find_map(|(at, kind)| {
            let is_remote = kind.rules.keys.iter().any(|keys| matches!(keys, Keys::Url { .. }));
            let text: Cow<'_, [u8]> = is_remote.then(|| source::token(&kind.rules.from, exchange).ok())??;
            let header = compact::Compact::read(&text).ok()?.header().ok()?;
            let kid = header.kid?;
            let known = kind.live().sets.iter().any(|set| set.has(&kid));
            (!known).then(|| WantedKey { token: TokenId(at as u32), kid: kid.into() })
        })
    }

    /// The token of that kind in a request, if it passes.
    pub(crate) fn verify(&self, id: TokenId, exchange: &Exchange<'_>) -> Result<Arc<Verified>, Refusal> {
        let kind = self.kinds.get(id.0 as usize).ok_or(Refusal::NoKey)?;
        let text = source::token(&kind.rules.from, exchange)?;
        let now = exchange.head().received_at;
        let live = kind.live();
        let verified = match self.cache.find(id, &text, live.version) {
            Some(known) => known,
            None => self.cache.keep(kind.open(id, &text, &live)?),
        };
        // Times and the deny list are asked each time: a cached token expires when it says so.
        verified.claims.check_time(now, kind.rules.leeway)?;
        if verified.claims.is_denied(&live.deny) { Err(Refusal::Denied) } else { Ok(verified) }
    }

    /// The payload of a token whose signature is right, whatever it says.
    pub fn open(&self, id: TokenId, text: &[u8]) -> Result<Vec<u8>, Refusal> {
        let kind = self.kinds.get(id.0 as usize).ok_or(Refusal::NoKey)?;
        let live = kind.live();
        kind.signed(&compact::Compact::read(text)?, &live)
    }

    /// What a token says, where it passes at `now` milliseconds since 1970.
    pub fn check(&self, id: TokenId, text: &[u8], now: u64) -> Result<Arc<Verified>, Refusal> {
        let kind = self.kinds.get(id.0 as usize).ok_or(Refusal::NoKey)?;
        let live = kind.live();
        let verified = kind.open(id, text, &live)?;
        verified.claims.check_time(now, kind.rules.leeway)?;
        if verified.claims.is_denied(&live.deny) { Err(Refusal::Denied) } else { Ok(Arc::new(verified)) }
    }
}

impl Kind {
    fn of(rules: identity::Token) -> Result<Self, KeySetError> {
        let sets: Result<_, _> = rules
            .keys
            .iter()
            .map(|keys| match keys {
                Keys::Set(text) => KeySet::read(text.as_bytes(), &rules.algorithms).map(Arc::new),
                Keys::Url { .. } | Keys::Secret(_) => Ok(Arc::default()),
            })
            .collect();
        let live = RwLock::new(Arc::new(Live { sets: sets?, ..Live::default() }));
        Ok(Self { rules, live })
    }

    fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn open(&self, id: TokenId, text: &[u8], live: &Live) -> Result<Verified, Refusal> {
        let payload = self.signed(&compact::Compact::read(text)?, live)?;
        let claims = Claims::read(&payload)?;
        claims.check_meaning(&self.rules)?;
        Ok(Verified { claims, compact: text.into(), token: id, version: live.version })
    }

    /// The payload of a token that one of the keys signed.
    fn signed(&self, token: &compact::Compact<'_>, live: &Live) -> Result<Vec<u8>, Refusal> {
        let header = token.header()?;
        let test = header.is_for_tests().then(|| live.sets.iter().find_map(|set| set.for_tests())).flatten();
        let algorithm = identity::Algorithm::find(&header.alg)
            .filter(|named| self.rules.algorithms.contains(named) || test.is_some())
            .ok_or(Refusal::Algorithm)?;
        if !header.is_of_kind(self.rules.kind.as_deref()) {
            return Err(Refusal::Kind);
        }
        let keys = match test {
            Some(key) => vec![key],
            None => jwk::candidates(&live.sets, header.kid.as_deref(), algorithm),
        };
        if keys.is_empty() {
            return Err(Refusal::NoKey);
        }
        let signature = token.signature()?;
        let passes = |key: &&jwk::Key| crypto::verify(algorithm, key.decoding(), token.signed(), &signature);
        if keys.iter().any(passes) { token.payload() } else { Err(Refusal::Signature) }
    }
}

/// The state of a token for expressions.
pub(crate) const fn fact(result: Result<&Arc<Verified>, Refusal>) -> facts::Token {
    match result {
        Ok(_) => facts::Token::Valid,
        Err(Refusal::Missing) => facts::Token::Absent,
        Err(_) => facts::Token::Present,
    }
}

pub use compact::sign_for_tests;

#[cfg(test)]
mod tests;
