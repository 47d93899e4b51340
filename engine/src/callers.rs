//! Who calls: tokens, the session that identifies a client, and the keys of what is counted for it.

use std::fmt::Write as _;

use shield_ir::Bundle;
use shield_ir::identity::{Identity, Session, SessionId, SessionSource};
use shield_ir::policy::ApiId;
use shield_state::KeyMaker;

use crate::exchange::Exchange;
use crate::stages::limits::Limits;
use crate::token::{KeySetError, Tokens};

/// What a policy knows of callers.
#[derive(Debug)]
pub(crate) struct Callers {
    pub(crate) tokens: Tokens,
    pub(crate) limits: Limits,
    pub(crate) keys: KeyMaker,
    sessions: Vec<Session>,
    of_apis: Vec<Option<SessionId>>,
}

impl Callers {
    /// What a bundle says of them; none where it says nothing.
    pub(crate) fn of(bundle: &Bundle, secret: &[u8; 32]) -> Result<Option<Self>, KeySetError> {
        let identity = &bundle.identity;
        if *identity == Identity::default() {
            return Ok(None);
        }
        Ok(Some(Self {
            tokens: Tokens::of(&identity.tokens)?,
            limits: Limits::of(&identity.limits),
            keys: KeyMaker::new(secret),
            sessions: identity.sessions.clone(),
            of_apis: identity.api_sessions.clone(),
        }))
    }

    /// The session of an API.
    pub(crate) fn session(&self, api: Option<ApiId>) -> Option<&Session> {
        let id = (*self.of_apis.get(api?.0 as usize)?)?;
        self.sessions.get(id.0 as usize)
    }
}

/// The keyed hash of what identifies a client, in hexadecimal: the first place that has something counts.
pub(crate) fn session_id(callers: &Callers, exchange: &Exchange<'_>) -> Option<String> {
    let session = callers.session(exchange.api())?;
    session.sources.iter().find_map(|source| {
        let (kind, value) = match source {
            SessionSource::Claim(token, path) => {
                let verified = exchange.token(*token).ok()?;
                (&b"claim"[..], verified.claims.at(path)?.into_owned().into_bytes())
            }
            SessionSource::Header(name) => {
                (&b"header"[..], exchange.headers_named(name.as_bytes()).next()?.trim_ascii().to_vec())
            }
            SessionSource::Cookie(name) => {
                (&b"cookie"[..], exchange.cookies_named(name.as_bytes()).first()?.to_vec())
            }
        };
        let parts = [session.name.as_bytes(), kind, &value].map(Some);
        (!value.is_empty()).then(|| hexadecimal(&callers.keys.key(SESSIONS, parts).id))
    })
}

/// The scope of keys that are shown; no limit has it.
const SESSIONS: u64 = 0;

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // INVARIANT: writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
