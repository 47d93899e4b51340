//! `%XX` and `+` decoded.

use crate::exchange::hex_pair;
use crate::value::Value;

use super::Arguments;

pub(super) fn url_decode<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    let text = arguments.text(0)?;
    if !text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return arguments.value(0).cloned();
    }
    let unicode = arguments.flag(1, b'u');
    Some(if arguments.flag(1, b'r') { stable(text, unicode) } else { once(text, unicode) }.into())
}

fn once(text: &[u8], unicode: bool) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        if *byte == b'%' {
            if let Some((value, after)) = hex_pair(after) {
                decoded.push(value);
                rest = after;
                continue;
            }
            if unicode && let Some((value, after)) = code_point(rest) {
                push(&mut decoded, value);
                rest = after;
                continue;
            }
        }
        decoded.push(if *byte == b'+' { b' ' } else { *byte });
        rest = after;
    }
    decoded
}

/// What decoding again and again ends in. No two escapes share a byte, so the order in which they are decoded does not
/// matter, and each byte that is written is looked at once: whether it completes an escape with what is there.
fn stable(text: &[u8], unicode: bool) -> Vec<u8> {
    let mut decoded: Vec<u8> = Vec::with_capacity(text.len());
    for byte in text {
        let mut next = Some(*byte);
        while let Some(byte) = next {
            decoded.push(if byte == b'+' { b' ' } else { byte });
            next = fold(&mut decoded, unicode);
        }
    }
    decoded
}

/// Takes a complete escape off the end: what it stands for is written by the caller where it is one byte, here otherwise.
fn fold(decoded: &mut Vec<u8>, unicode: bool) -> Option<u8> {
    if let Some((before, escape @ [b'%', ..])) = decoded.split_last_chunk::<3>()
        && let Some((value, [])) = hex_pair(&escape[1..])
    {
        let length = before.len();
        decoded.truncate(length);
        return Some(value);
    }
    if !unicode {
        return None;
    }
    for length in [12, 6] {
        if let Some(start) = decoded.len().checked_sub(length)
            && let Some((value, [])) = decoded.get(start..).and_then(code_point)
        {
            decoded.truncate(start);
            if value.is_ascii() {
                return u8::try_from(value).ok();
            }
            push(decoded, value);
            return None;
        }
    }
    None
}

fn push(decoded: &mut Vec<u8>, value: char) {
    decoded.extend_from_slice(value.encode_utf8(&mut [0; 4]).as_bytes());
}

/// The code point of `%uXXXX`, or of two of them that are a surrogate pair, at the front.
fn code_point(text: &[u8]) -> Option<(char, &[u8])> {
    let (high, after) = code_unit(text)?;
    if let Some(value) = char::from_u32(high) {
        return Some((value, after));
    }
    let (low, after) = code_unit(after)?;
    let is_pair = (0xd800..0xdc00).contains(&high) && (0xdc00..0xe000).contains(&low);
    let value = is_pair.then(|| 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?;
    Some((char::from_u32(value)?, after))
}

fn code_unit(text: &[u8]) -> Option<(u32, &[u8])> {
    let rest = text.strip_prefix(b"%u")?;
    let (high, rest) = hex_pair(rest)?;
    let (low, rest) = hex_pair(rest)?;
    Some((u32::from(high) << 8 | u32::from(low), rest))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    fn decode(source: &str, flags: &str) -> Option<crate::Value<'static>> {
        if flags.is_empty() {
            call("url_decode", &[text(source)])
        } else {
            call("url_decode", &[text(source), text(flags)])
        }
    }

    #[test]
    fn one_pass_by_default() {
        assert_eq!(decode("John%20Doe", ""), Some(text("John Doe")));
        assert_eq!(decode("John+Doe", ""), Some(text("John Doe")));
        assert_eq!(decode("%2520%2B", ""), Some(text("%20+")));
        assert_eq!(decode("%zz%4%", ""), Some(text("%zz%4%")));
        assert_eq!(decode("%E4%BD", ""), Some(bytes(b"\xe4\xbd")));
        assert_eq!(decode("%u2601", ""), Some(text("%u2601")));
    }

    #[test]
    fn flags_repeat_and_read_code_points() {
        assert_eq!(decode("%2520", "r"), Some(text(" ")));
        assert_eq!(decode("%252B", "r"), Some(text(" ")));
        assert_eq!(decode("%u2601%20", "u"), Some(text("\u{2601} ")));
        assert_eq!(decode("%uD83D%uDE00%uD83D", "u"), Some(text("\u{1f600}%uD83D")));
        assert_eq!(decode("%25uD83D%u0025uDE00", "ru"), Some(text("\u{1f600}")));
        assert_eq!(decode("%u002541", "ru"), Some(text("A")));
        assert_eq!(decode("%2%35", "r"), Some(text("%")));
    }

    #[test]
    fn repeating_is_the_fixed_point_of_one_pass() {
        let alphabet = b"%%%25uUd8cC0+4";
        let mut state = 7_u32;
        for _ in 0..20_000 {
            let mut source = String::new();
            for _ in 0..state % 24 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                source.push(char::from(alphabet[(state >> 8) as usize % alphabet.len()]));
            }
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            for flags in ["", "u"] {
                let mut passes = text(&source);
                loop {
                    let arguments = if flags.is_empty() {
                        vec![passes.clone()]
                    } else {
                        vec![passes.clone(), text(flags)]
                    };
                    let next = call("url_decode", &arguments).unwrap();
                    if next == passes {
                        break;
                    }
                    passes = next;
                }
                assert_eq!(decode(&source, &format!("r{flags}")), Some(passes), "{source}");
            }
        }
    }

    #[test]
    fn repeating_is_linear() {
        let source = format!("%{}", "25".repeat(500_000));
        assert_eq!(decode(&source, "r"), Some(text("%")));
    }
}
