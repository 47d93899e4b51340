//! What a token says: its times, for whom and from whom it is, and the way to any of its claims.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value};
use shield_ir::identity::{Audience, ClaimPath, ClaimStep, Token};

use super::Refusal;
use super::compact;

/// The claims of a token whose signature was right.
#[derive(Clone, Debug)]
pub struct Claims {
    members: Map<String, Value>,
    text: Box<str>,
    expires: Option<f64>,
    begins: Option<f64>,
    issued: Option<f64>,
}

impl Claims {
    /// The claims in a payload.
    pub(super) fn read(payload: &[u8]) -> Result<Self, Refusal> {
        let members = compact::object(payload).ok_or(Refusal::Malformed)?;
        let text = std::str::from_utf8(payload).map_err(|_| Refusal::Malformed)?.into();
        let time = |name: &str| match members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => {
                number.as_f64().filter(|time| time.is_finite()).map(Some).ok_or(Refusal::Time)
            }
            Some(_) => Err(Refusal::Time),
        };
        let (expires, begins) = (time("exp")?, time("nbf")?);
        // Some issuers write when they issued a token as a text; nothing but that it is not in the future hangs on it.
        let issued = match members.get("iat") {
            Some(Value::String(digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().map_err(|_| Refusal::Time)?)
            }
            _ => time("iat")?,
        };
        Ok(Self { members, text, expires, begins, issued })
    }

    /// Whether it is from whom and for whom a policy wants it, and has the claims that it must have.
    pub(super) fn check_meaning(&self, rules: &Token) -> Result<(), Refusal> {
        let has = |name: &str| self.members.get(name).is_some_and(|value| !value.is_null());
        if !rules.required.iter().all(|name| has(name)) {
            return Err(Refusal::Claim);
        }
        let is_text =
            |name: &str| self.members.get(name).is_none_or(|value| value.is_string() || value.is_null());
        if !is_text("sub") || !is_text("jti") {
            return Err(Refusal::Claim);
        }
        let issuer = self.members.get("iss").and_then(Value::as_str);
        let is_known = || issuer.is_some_and(|issuer| rules.issuers.iter().any(|known| **known == *issuer));
        if !rules.issuers.is_empty() && !is_known() || has("iss") && issuer.is_none() {
            return Err(Refusal::Issuer);
        }
        let audience = self.audience().ok_or(Refusal::Audience)?;
        let is_meant = match &rules.audience {
            Audience::Nobody => audience.is_empty(),
            Audience::Anybody => true,
            Audience::OneOf(known) => audience.iter().any(|each| known.iter().any(|known| **known == **each)),
        };
        if is_meant { Ok(()) } else { Err(Refusal::Audience) }
    }

    /// Whether it is valid at `now` milliseconds, where clocks differ by up to `leeway` seconds.
    #[expect(
        clippy::cast_precision_loss,
        reason = "times of this age are exact in a double, to the microsecond"
    )]
    pub(super) fn check_time(&self, now: u64, leeway: u64) -> Result<(), Refusal> {
        let (now, leeway) = (now as f64 / 1_000.0, leeway as f64);
        if self.expires.is_some_and(|expires| now >= expires + leeway) {
            return Err(Refusal::Expired);
        }
        let is_ahead = |time: f64| time > now + leeway;
        if self.begins.is_some_and(is_ahead) || self.issued.is_some_and(is_ahead) {
            return Err(Refusal::Early);
        }
        Ok(())
    }

    /// Whether its `jti`, `sub` or `sid` is on a list.
    pub(super) fn is_denied(&self, list: &BTreeSet<Box<str>>) -> bool {
        let listed =
            |name: &&str| self.members.get(*name).and_then(Value::as_str).is_some_and(|id| list.contains(id));
        !list.is_empty() && ["jti", "sub", "sid"].iter().any(listed)
    }

    /// Whether it grants all scopes of one of these sets.
    pub fn grants(&self, sets: &[Box<[Box<str>]>]) -> bool {
        let granted: BTreeSet<&str> = ["scope", "scp", "scopes"]
            .iter()
            .filter_map(|name| self.members.get(*name))
            .flat_map(words)
            .collect();
        sets.is_empty() || sets.iter().any(|set| set.iter().all(|scope| granted.contains(&**scope)))
    }

    /// The whole payload as it was signed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Those whom it names as its audience; `None` where that is malformed.
    pub fn audience(&self) -> Option<Vec<&str>> {
        match self.members.get("aud") {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(Value::String(one)) => Some(vec![one]),
            Some(Value::Array(list)) => list.iter().map(Value::as_str).collect(),
            Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => None,
        }
    }

    /// A text claim.
    pub fn string(&self, name: &str) -> Option<&str> {
        self.members.get(name)?.as_str()
    }

    /// A claim that is a time, in whole seconds.
    #[expect(clippy::cast_possible_truncation, reason = "a time beyond the range is at its end")]
    pub fn seconds(&self, name: &str) -> Option<i64> {
        let time = match name {
            "exp" => self.expires,
            "nbf" => self.begins,
            "iat" => self.issued,
            _ => None,
        };
        time.map(|time| time.floor() as i64)
    }

    /// The scalar at the end of a path.
    pub fn at(&self, path: &ClaimPath) -> Option<Cow<'_, str>> {
        let (first, rest) = path.0.split_first()?;
        let ClaimStep::Name(name) = first else { return None };
        let value = rest.iter().try_fold(self.members.get(&**name)?, |value, step| match step {
            ClaimStep::Name(name) => value.get(&**name),
            ClaimStep::Place(place) => value.get(*place as usize),
        })?;
        match value {
            Value::String(text) => Some(Cow::Borrowed(text)),
            Value::Number(number) => Some(Cow::Owned(number.to_string())),
            Value::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// The words of a text, or the texts of a list.
fn words(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => text.split(' ').filter(|word| !word.is_empty()).collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}
