//! W3C trace context: the id by which one request is found in every log.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use crate::random::Random;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The ids of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trace {
    /// Shared with everybody who touches the request.
    pub(crate) id: [u8; 16],
    /// Ours: what the origin sees as its parent, and what an event is found by.
    pub(crate) span: [u8; 8],
    sampled: bool,
}

impl Trace {
    /// Goes on with the client's trace when it names one, and begins one when not.
    pub(crate) fn of(headers: &HeaderMap, random: &Random) -> Self {
        let mut given = headers.get_all(TRACEPARENT).iter();
        let known = match (given.next(), given.next()) {
            (Some(only), None) => parse(only.as_bytes()),
            _ => None,
        };
        let (id, sampled) = known.unwrap_or_else(|| (random.id(), false));
        Self { id, span: random.next().to_be_bytes(), sampled }
    }

    /// What the origin is told.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        let sampled: &[u8] = if self.sampled { b"-01" } else { b"-00" };
        let (id, span) = (words::<4>(&self.id), words::<2>(&self.span));
        let text = [b"00-", id.as_flattened(), b"-", span.as_flattened(), sampled].concat();
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(TRACEPARENT, value);
        }
    }
}

/// A span's id as text, kept in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id([[u8; 8]; 2]);

impl Id {
    pub(crate) fn of(span: [u8; 8]) -> Self {
        Self(words(&span))
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.0.as_flattened()).unwrap_or_default()
    }
}

/// So many times four bytes in hexadecimal.
fn words<const N: usize>(bytes: &[u8]) -> [[u8; 8]; N] {
    let mut text = [[b'0'; 8]; N];
    text.iter_mut().zip(bytes.as_chunks().0).for_each(|(word, bytes)| *word = digits(*bytes));
    text
}

/// Four bytes in hexadecimal.
// PERF: all eight digits at once: each half of a byte is moved into a byte of its own.
const fn digits(bytes: [u8; 4]) -> [u8; 8] {
    let mut halves = u32::from_be_bytes(bytes) as u64;
    halves = (halves | halves << 16) & 0x0000_ffff_0000_ffff;
    halves = (halves | halves << 8) & 0x00ff_00ff_00ff_00ff;
    halves = (halves | halves << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // Six more than ten or above carries into the upper half.
    let letters = (halves + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    (halves + 0x3030_3030_3030_3030 + letters * (b'a' - b'0' - 10) as u64).to_be_bytes()
}

/// `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`, lower case and not all zero.
fn parse(value: &[u8]) -> Option<([u8; 16], bool)> {
    let text = std::str::from_utf8(value).ok()?;
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let shape = version.len() == 2 && trace.len() == 32 && span.len() == 16 && flags.len() == 2;
    let hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let zero = |part: &str| part.bytes().all(|b| b == b'0');
    let whole = version != "00" || parts.next().is_none();
    if !shape
        || !whole
        || version == "ff"
        || ![version, trace, span, flags].into_iter().all(hex)
        || zero(trace)
        || zero(span)
    {
        return None;
    }
    let number = u128::from_str_radix(trace, 16).ok()?;
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
    Some((number.to_be_bytes(), sampled))
}

/// The id of a trace as text.
pub(crate) fn hex(id: &[u8; 16]) -> String {
    String::from_utf8_lossy(words::<4>(id).as_flattened()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn trace(values: &[&'static str]) -> Trace {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, HeaderValue::from_static(value));
        }
        Trace::of(&headers, &Random::new([7; 32]))
    }

    #[test]
    fn the_clients_trace_goes_on_with_our_span() {
        let found = trace(&[GIVEN]);
        assert_eq!(hex(&found.id), "4bf92f3577b34da6a3ce929d0e0e4736");
        let mut headers = HeaderMap::new();
        found.apply(&mut headers);
        let sent = headers[TRACEPARENT].to_str().unwrap();
        assert!(
            sent.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-")
                && sent.ends_with("-01")
                && sent != GIVEN,
            "{sent}"
        );
    }

    #[test]
    fn every_byte_has_its_digits() {
        for byte in 0..=u8::MAX {
            assert_eq!(digits([byte, 0, !byte, 255]), *format!("{byte:02x}00{:02x}ff", !byte).as_bytes());
        }
    }

    #[test]
    fn a_damaged_or_doubled_trace_is_not_believed() {
        for value in [
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
            "",
        ] {
            assert_ne!(hex(&trace(&[value]).id), "4bf92f3577b34da6a3ce929d0e0e4736", "{value}");
        }
        assert_ne!(hex(&trace(&[GIVEN, GIVEN]).id), "4bf92f3577b34da6a3ce929d0e0e4736");
    }
}
