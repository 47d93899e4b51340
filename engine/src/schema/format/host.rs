//! Host names, addresses and mailboxes.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::idna;

/// RFC 1123; labels that start with `xn--` must be what IDNA writes.
pub(super) fn hostname(text: &str) -> bool {
    text.len() <= 253 && !text.is_empty() && text.split('.').all(|label| ldh(label) && encoded(label))
}

/// Letters, digits and inner hyphens, at most 63.
pub(super) fn ldh(label: &str) -> bool {
    are_ldh(label.as_bytes()) && !label.contains('.')
}

/// Labels with dots between them.
fn are_ldh(labels: &[u8]) -> bool {
    let (mut length, mut last) = (0, b'.');
    for byte in labels {
        length = match *byte {
            b'.' if length > 0 && last != b'-' => 0,
            b'-' if length > 0 => length + 1,
            other if other.is_ascii_alphanumeric() => length + 1,
            _ => return false,
        };
        if length > 63 {
            return false;
        }
        last = *byte;
    }
    length > 0 && last != b'-'
}

fn encoded(label: &str) -> bool {
    let bytes = label.as_bytes();
    if bytes.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"xn--")) {
        return idna::a_label(label);
    }
    bytes.get(2..4) != Some(b"--") || bytes.get(1) == Some(&b'-')
}

/// Four numbers without leading zeros.
pub(super) fn ipv4(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok()
}

/// RFC 4291, without a zone.
pub(super) fn ipv6(text: &str) -> bool {
    text.parse::<Ipv6Addr>().is_ok()
}

/// A mailbox of RFC 5321, or of RFC 6531 where it is international.
pub(super) fn email(text: &str, international: bool) -> bool {
    let split = if text.starts_with('"') {
        text.rfind("\"@").map(|at| at + 1)
    } else {
        memchr::memchr(b'@', text.as_bytes())
    };
    let Some((local, domain)) = split.map(|at| (text.get(..at), text.get(at + 1..))) else { return false };
    let (Some(local), Some(domain)) = (local, domain) else { return false };
    local.len() <= 64 && local_part(local, international) && mail_domain(domain, international)
}

/// Which ASCII characters stand in a local part without quotes.
#[expect(clippy::indexing_slicing, reason = "a place that is not there does not compile")]
const ATEXT: [bool; 128] = {
    let (mut table, mut at) = ([false; 128], 0);
    while at < table.len() {
        let other = matches!(at as u8, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'/' | b'=' | b'?' | b'^'..=b'`' | b'{'..=b'~');
        table[at] = (at as u8).is_ascii_alphanumeric() || other;
        at += 1;
    }
    table
};

fn local_part(local: &str, international: bool) -> bool {
    let foreign = |c: char| international && !c.is_ascii();
    if let Some(quoted) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        let mut escaped = false;
        for c in quoted.chars() {
            let plain = (' '..='~').contains(&c) || foreign(c);
            if !plain || (!escaped && c == '"') {
                return false;
            }
            escaped = !escaped && c == '\\';
        }
        return !escaped;
    }
    let mut starts = true;
    for byte in local.as_bytes() {
        let atext = ATEXT.get(usize::from(*byte)).copied().unwrap_or(international);
        if !atext && (*byte != b'.' || starts) {
            return false;
        }
        starts = !atext;
    }
    !starts
}

fn mail_domain(domain: &str, international: bool) -> bool {
    if let Some(literal) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let six =
            literal.get(..5).filter(|tag| tag.eq_ignore_ascii_case("IPv6:")).and_then(|_| literal.get(5..));
        return six.map_or_else(|| ipv4(literal), ipv6);
    }
    let foreign = |label: &str| {
        !label.is_ascii()
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || (!c.is_ascii() && c != '\u{ff20}'))
    };
    domain.len() <= 255
        && (are_ldh(domain.as_bytes())
            || (international && domain.split('.').all(|label| ldh(label) || foreign(label))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All texts of up to six of these characters.
    fn texts(alphabet: &[char]) -> impl Iterator<Item = String> {
        let base = alphabet.len();
        (0..=6).flat_map(move |length| {
            (0..base.pow(length)).map(move |number| {
                (0..length).map(|place| alphabet[number / base.pow(place) % base]).collect()
            })
        })
    }

    #[test]
    fn labels_are_read_as_the_grammar_says() {
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let long = [62, 63, 64].map(|length| format!("a.{}.b", "x".repeat(length)));
        for text in texts(&['a', '0', '-', '.', '_']).chain(long) {
            assert_eq!(are_ldh(text.as_bytes()), text.split('.').all(is_label), "{text}");
        }
    }

    #[test]
    fn local_parts_are_read_as_the_grammar_says() {
        let atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
        let all = (0..0x80_u8).map(|byte| format!("a{}", char::from(byte)));
        for text in texts(&['a', '+', '.', '@', 'é']).chain(all) {
            let is_local = |foreign: bool| {
                let is_atom = |atom: &str| {
                    !atom.is_empty() && atom.chars().all(|c| atext(c) || (foreign && !c.is_ascii()))
                };
                text.split('.').all(is_atom)
            };
            assert_eq!(local_part(&text, false), is_local(false), "{text}");
            assert_eq!(local_part(&text, true), is_local(true), "{text}");
        }
    }
}
