//! Whether a message carries an authentication code that has not expired.
//!
//! The argument is `message separator timestamp-code`: the code is the HMAC-SHA256 of message and timestamp in base64,
//! percent-encoded in the standard alphabet, or with the flag `s` URL-safe and unpadded; the separator is not authenticated.
//! A timestamp in the future is valid: only the holder of the key can have made it.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::exchange::hex_pair;
use crate::value::Value;

use super::Arguments;
use super::decode_base64::decode;

pub(super) fn is_timed_hmac_valid_v0<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    let key = arguments.text(0)?;
    let text = arguments.text(1)?;
    let (lifetime, now) = (arguments.int(2)?, arguments.int(3)?);
    let separator = usize::try_from(arguments.int(4).unwrap_or(0)).ok()?;
    let is_valid = |signed: Signed<'_>| {
        let message = signed.before.len().checked_sub(separator).and_then(|end| signed.before.get(..end))?;
        let issued: i64 = std::str::from_utf8(signed.timestamp).ok()?.parse().ok()?;
        let code = if arguments.flag(5, b's') {
            decode(signed.code)?
        } else {
            decode(&percent_decoded(signed.code))?
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
        mac.update(message);
        mac.update(signed.timestamp);
        mac.verify_slice(&code).ok()?;
        Some(!message.is_empty() && now < issued.saturating_add(lifetime))
    };
    Some(Value::Bool(split(text).and_then(is_valid).unwrap_or(false)))
}

struct Signed<'t> {
    before: &'t [u8],
    timestamp: &'t [u8],
    code: &'t [u8],
}

/// The last place where ten digits and a hyphen are followed by a code of at least 43 bytes.
fn split(text: &[u8]) -> Option<Signed<'_>> {
    let last = text.len().checked_sub(43)?;
    memchr::memrchr_iter(b'-', text.get(..last)?).find_map(|hyphen| {
        let (before, timestamp) = text.get(..hyphen)?.split_last_chunk::<10>()?;
        let code = text.get(hyphen + 1..)?;
        timestamp.iter().all(u8::is_ascii_digit).then_some(Signed { before, timestamp, code })
    })
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        let pair = if *byte == b'%' { hex_pair(after) } else { None };
        let (value, after) = pair.unwrap_or((*byte, after));
        decoded.push(value);
        rest = after;
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    const TIME: i64 = 1_484_063_787;

    fn valid(token: &str, now: i64, more: &[crate::Value<'static>]) -> bool {
        let mut arguments = vec![text("mysecretkey"), text(token), int(3600), int(now)];
        arguments.extend_from_slice(more);
        call("is_timed_hmac_valid_v0", &arguments) == Some(yes())
    }

    fn code(message: &str, url_safe: bool) -> String {
        use base64::engine::{Engine as _, general_purpose};
        use hmac::{KeyInit as _, Mac as _};
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(b"mysecretkey").unwrap();
        mac.update(format!("{message}{TIME}").as_bytes());
        let code = mac.finalize().into_bytes();
        if url_safe {
            return general_purpose::URL_SAFE_NO_PAD.encode(code);
        }
        general_purpose::STANDARD.encode(code).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
    }

    #[test]
    fn a_code_is_valid_until_it_expires() {
        let token = format!("/download/cat.jpg{TIME}-{}", code("/download/cat.jpg", false));
        assert!(valid(&token, TIME, &[]));
        assert!(valid(&token, TIME + 3599, &[]));
        assert!(!valid(&token, TIME + 3600, &[]));
        assert!(valid(&token, TIME - 100, &[]));
        assert!(!valid(&token.replace("cat", "dog"), TIME, &[]));
        assert!(!valid("", TIME, &[]) && !valid("x1484063787-short", TIME, &[]));
    }

    #[test]
    fn the_separator_is_not_part_of_the_message() {
        let token = format!("/cat.jpg?verify={TIME}-{}", code("/cat.jpg", false));
        assert!(valid(&token, TIME, &[int(8)]));
        assert!(!valid(&token, TIME, &[int(7)]));
        assert!(!valid(&token, TIME, &[int(200)]));
    }

    #[test]
    fn codes_may_be_url_safe() {
        let token = format!("/cat.jpg?{TIME}-{}", code("/cat.jpg", true));
        assert!(valid(&token, TIME, &[int(1), text("s")]));
    }
}
