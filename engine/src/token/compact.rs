//! The compact serialisation of a token (RFC 7515) and the JSON in it, read strictly and within bounds.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::Refusal;

/// The largest token in bytes.
pub(super) const MAX_TOKEN: usize = 16 << 10;

/// The longest name of a key.
const MAX_KID: usize = 512;

/// How deep JSON nests in a token.
const MAX_DEPTH: usize = 16;

/// What tokens of tests have as their `kid`.
const TEST_KID: &str = "shield test";

/// A token in three parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compact<'t> {
    header: &'t [u8],
    payload: &'t [u8],
    signature: &'t [u8],
    signed: &'t [u8],
}

/// What a header says that matters.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    kind: Option<String>,
}

impl<'t> Compact<'t> {
    /// The parts of a token: three, without white space or anything else around them.
    pub(super) fn read(text: &'t [u8]) -> Result<Self, Refusal> {
        if text.len() > MAX_TOKEN {
            return Err(Refusal::Large);
        }
        let mut parts = text.split(|byte| *byte == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Refusal::Malformed);
        };
        let signed = text.get(..header.len() + 1 + payload.len()).unwrap_or_default();
        Ok(Self { header, payload, signature, signed })
    }

    /// What is signed.
    pub(super) const fn signed(&self) -> &'t [u8] {
        self.signed
    }

    /// The signature.
    pub(super) fn signature(&self) -> Result<Vec<u8>, Refusal> {
        decode(self.signature)
    }

    /// The payload.
    pub(super) fn payload(&self) -> Result<Vec<u8>, Refusal> {
        decode(self.payload)
    }

    /// The header; a token that demands an extension is refused, as none is known.
    pub(super) fn header(&self) -> Result<Header, Refusal> {
        let members = object(&decode(self.header)?).ok_or(Refusal::Malformed)?;
        if members.contains_key("crit") || members.contains_key("b64") || members.contains_key("zip") {
            return Err(Refusal::Critical);
        }
        let text = |name: &str| match members.get(name) {
            Some(Value::String(text)) => Ok(Some(text.clone())),
            None => Ok(None),
            Some(_) => Err(Refusal::Malformed),
        };
        let kid = text("kid")?;
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID) {
            return Err(Refusal::NoKey);
        }
        Ok(Header { alg: text("alg")?.ok_or(Refusal::Malformed)?, kid, kind: text("typ")? })
    }
}

impl Header {
    /// Whether it is of the type that a policy wants.
    pub(super) fn is_of_kind(&self, wanted: Option<&str>) -> bool {
        let kind = self.kind.as_deref().map(short_kind);
        match wanted {
            Some(wanted) => kind.is_some_and(|kind| kind.eq_ignore_ascii_case(short_kind(wanted))),
            None => {
                kind.is_none_or(|kind| ["jwt", "at+jwt"].iter().any(|known| kind.eq_ignore_ascii_case(known)))
            }
        }
    }

    /// Whether a test made it.
    pub(super) fn is_for_tests(&self) -> bool {
        self.kid.as_deref() == Some(TEST_KID) && self.alg == "HS256"
    }
}

/// A type without the `application/` that it may stand with (RFC 7515, 4.1.9).
fn short_kind(kind: &str) -> &str {
    match kind.split_at_checked(12) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
        Some(_) | None => kind,
    }
}

/// Base64url without padding, white space, or bits that mean nothing.
fn decode(text: &[u8]) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Refusal::Malformed)
}

/// A token that a test makes with a secret of its own.
pub fn sign_for_tests(claims: &Map<String, Value>, secret: &[u8]) -> String {
    let header = serde_json::json!({ "alg": "HS256", "typ": "JWT", "kid": TEST_KID });
    let payload = Value::Object(claims.clone());
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&payload));
    let signature = super::crypto::hmac(secret, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The members of a JSON object that names none twice and does not nest deeply.
pub(super) fn object(bytes: &[u8]) -> Option<Map<String, Value>> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let Ok(Value::Object(members)) = Strict(MAX_DEPTH).deserialize(&mut reader) else { return None };
    reader.end().ok()?;
    Some(members)
}

/// Reads a value that may nest that deep.
struct Strict(usize);

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl Strict {
    fn below<E: de::Error>(&self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom("nests too deeply"))
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.below()?)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = entries.next_key::<Cow<'_, str>>()? {
            // How serde_json hands over a number whose digits it keeps.
            if name == "$serde_json::private::Number" {
                let digits: Cow<'_, str> = entries.next_value()?;
                return number(&digits).ok_or_else(|| de::Error::custom("no number"));
            }
            let value = entries.next_value_seed(self.below()?)?;
            if members.insert(name.into_owned(), value).is_some() {
                return Err(de::Error::custom("names a member twice"));
            }
        }
        Ok(Value::Object(members))
    }
}

fn number(digits: &str) -> Option<Value> {
    let mut reader = serde_json::Deserializer::from_str(digits);
    serde_json::Number::deserialize(&mut reader).ok().map(Value::Number)
}
