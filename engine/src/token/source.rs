//! Where a request's token stands: exactly one place may hold one.

use std::borrow::Cow;

use shield_ir::identity::TokenSource;

use super::Refusal;
use crate::exchange::Exchange;

/// The token of a request.
pub(super) fn token<'x>(from: &[TokenSource], exchange: &'x Exchange<'_>) -> Result<Cow<'x, [u8]>, Refusal> {
    let mut found = from.iter().flat_map(|place| tokens(place, exchange));
    let first = found.next().ok_or(Refusal::Missing)?;
    if found.next().is_some() { Err(Refusal::Twice) } else { Ok(first) }
}

fn tokens<'x>(place: &TokenSource, exchange: &'x Exchange<'_>) -> Vec<Cow<'x, [u8]>> {
    match place {
        TokenSource::Header(name) => {
            let values = exchange.headers_named(name.as_bytes());
            values.filter_map(|value| bearer(name, value)).map(Cow::Borrowed).collect()
        }
        TokenSource::Cookie(name) => exchange.cookies_named(name.as_bytes()),
    }
}

/// The token in a header's value. In `authorization` it follows the scheme; other schemes are no tokens.
fn bearer<'x>(name: &str, value: &'x [u8]) -> Option<&'x [u8]> {
    let value = value.trim_ascii();
    let scheme = value.iter().position(|byte| *byte == b' ').and_then(|end| value.split_at_checked(end));
    match scheme {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer") => Some(token.trim_ascii()),
        Some(_) | None if name == "authorization" => None,
        Some(_) | None => Some(value).filter(|value| !value.is_empty()),
    }
}
