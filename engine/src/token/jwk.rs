//! Sets of keys (RFC 7517) as data: each key bound to the algorithms that the policy and the key itself allow.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};
use shield_ir::identity::Algorithm;

/// The largest set in bytes, and in keys.
const MAX_SET: usize = 1 << 20;
const MAX_KEYS: usize = 256;

/// How many keys of one name are tried for one token.
const MAX_TRIES: usize = 4;

/// Keys.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<Key>,
    /// Keys that are there and cannot be used.
    unusable: usize,
    for_tests: Option<Key>,
}

/// One key.
#[derive(Clone)]
pub(super) struct Key {
    kid: Option<Box<str>>,
    algorithms: Box<[Algorithm]>,
    decoding: DecodingKey,
}

/// Why bytes are no set of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// More than 1 MiB or 256 keys.
    #[error("the key set is too large")]
    Large,
    /// Not an object with `keys`.
    #[error("it is not a JWK set: a JSON object with the member `keys`")]
    Malformed,
    /// Nothing in it verifies anything.
    #[error("no key of the set can be used with the policy's algorithms")]
    Unusable,
}

impl KeySet {
    /// The keys of a JWK set that fit the policy's algorithms; the others are left out and counted.
    pub fn read(bytes: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeySetError> {
        if bytes.len() > MAX_SET {
            return Err(KeySetError::Large);
        }
        let value: Value = serde_json::from_slice(bytes).map_err(|_| KeySetError::Malformed)?;
        let list = match &value {
            Value::Object(members) if members.contains_key("kty") => std::slice::from_ref(&value),
            Value::Object(members) => {
                members.get("keys").and_then(Value::as_array).ok_or(KeySetError::Malformed)?
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err(KeySetError::Malformed);
            }
        };
        if list.len() > MAX_KEYS {
            return Err(KeySetError::Large);
        }
        let read = |value: &Value| Key::read(value.as_object()?, algorithms);
        let keys: Vec<Key> = list.iter().filter_map(read).collect();
        let unusable = list.len() - keys.len();
        if keys.is_empty() {
            Err(KeySetError::Unusable)
        } else {
            Ok(Self { keys, unusable, for_tests: None })
        }
    }

    /// A shared secret.
    pub fn of_secret(secret: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeySetError> {
        let algorithms: Box<[_]> = algorithms.iter().copied().filter(|each| each.is_symmetric()).collect();
        if secret.is_empty() || algorithms.is_empty() {
            return Err(KeySetError::Unusable);
        }
        let key = Key { kid: None, algorithms, decoding: DecodingKey::from_secret(secret) };
        Ok(Self { keys: vec![key], unusable: 0, for_tests: None })
    }

    /// The key of a test.
    pub(super) fn of_test(secret: &[u8]) -> Self {
        let decoding = DecodingKey::from_secret(secret);
        let key = Key { kid: None, algorithms: [Algorithm::HS256].into(), decoding };
        Self { keys: Vec::new(), unusable: 0, for_tests: Some(key) }
    }

    /// How many keys can be used, and how many cannot.
    pub fn count(&self) -> (usize, usize) {
        (self.keys.len(), self.unusable)
    }

    /// Whether a key has that name.
    pub fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    pub(super) const fn for_tests(&self) -> Option<&Key> {
        self.for_tests.as_ref()
    }
}

/// The keys that may have signed a token: those of its `kid`; where no key has a name, or the token gives none, the one
/// that fits the algorithm.
pub(super) fn candidates<'k>(
    sets: &'k [Arc<KeySet>],
    kid: Option<&str>,
    algorithm: Algorithm,
) -> Vec<&'k Key> {
    let fitting = sets.iter().flat_map(|set| &set.keys).filter(|key| key.algorithms.contains(&algorithm));
    if let Some(kid) = kid {
        let named: Vec<_> =
            fitting.clone().filter(|key| key.kid.as_deref() == Some(kid)).take(MAX_TRIES).collect();
        if !named.is_empty() {
            return named;
        }
    }
    let unnamed = fitting.filter(|key| kid.is_none() || key.kid.is_none());
    let one: Vec<_> = unnamed.take(2).collect();
    if one.len() == 1 { one } else { Vec::new() }
}

impl Key {
    /// What verifies with it.
    pub(super) const fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    fn read(members: &Map<String, Value>, policy: &[Algorithm]) -> Option<Self> {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok().filter(|bytes| !bytes.is_empty());
        let may_verify = |list: &Vec<Value>| list.iter().any(|each| each == "verify");
        let is_for_signatures = members.get("use").is_none_or(|each| each == "sig")
            && members.get("key_ops").is_none_or(|each| each.as_array().is_some_and(may_verify));
        if !is_for_signatures {
            return None;
        }
        let (decoding, family): (_, &[Algorithm]) = match (text("kty")?, text("crv")) {
            ("RSA", _) => {
                let key = DecodingKey::from_rsa_raw_components(&modulus(&bytes("n")?)?, &bytes("e")?);
                (key, &RSA)
            }
            ("EC", Some("P-256")) => (point(&bytes("x")?, &bytes("y")?, 32)?, &[Algorithm::ES256]),
            ("EC", Some("P-384")) => (point(&bytes("x")?, &bytes("y")?, 48)?, &[Algorithm::ES384]),
            ("OKP", Some("Ed25519")) => {
                let key = bytes("x").filter(|key| key.len() == 32)?;
                (DecodingKey::from_ed_der(&key), &[Algorithm::EdDSA])
            }
            ("oct", _) => {
                let shared = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
                return Self::bound(members, policy, DecodingKey::from_secret(&bytes("k")?), &shared);
            }
            _ => return None,
        };
        Self::bound(members, policy, decoding, family)
    }

    /// A key with the algorithms of its family that the policy accepts; of these the one that it names, if it does.
    fn bound(
        members: &Map<String, Value>,
        policy: &[Algorithm],
        decoding: DecodingKey,
        family: &[Algorithm],
    ) -> Option<Self> {
        let own = match members.get("alg") {
            Some(Value::String(name)) => Some(Algorithm::find(name)?),
            None => None,
            Some(_) => return None,
        };
        let fits = |each: &Algorithm| policy.contains(each) && own.is_none_or(|own| own == *each);
        let algorithms: Box<[_]> = family.iter().copied().filter(fits).collect();
        let kid = members.get("kid").and_then(Value::as_str).map(Box::from);
        (!algorithms.is_empty()).then_some(Self { kid, algorithms, decoding })
    }
}

const RSA: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// A modulus of at least 2,048 bits; some issuers write a zero byte before it.
fn modulus(bytes: &[u8]) -> Option<Vec<u8>> {
    let start = bytes.iter().position(|byte| *byte != 0)?;
    let bytes = bytes.get(start..)?.to_vec();
    (256..=1_024).contains(&bytes.len()).then_some(bytes)
}

fn point(x: &[u8], y: &[u8], length: usize) -> Option<DecodingKey> {
    let fits = x.len() == length && y.len() == length;
    fits.then(|| DecodingKey::from_ec_der(&[&[4], x, y].concat()))
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}
