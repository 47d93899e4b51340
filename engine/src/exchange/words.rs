//! Tests of eight bytes at once, for texts that are nearly always plain.

/// One in each byte of a word.
const EACH: u64 = 0x0101_0101_0101_0101;
/// The top bit of each byte: what a test sets for the bytes that it holds of.
pub(super) const TOPS: u64 = EACH * 0x80;

/// What a test finds in the words of a text, all of it together; none for less than eight bytes. The last word may overlap
/// the one before.
pub(super) fn found(text: &[u8], test: impl Fn(u64) -> u64) -> Option<u64> {
    let test = |word: &[u8; 8]| test(u64::from_le_bytes(*word));
    let (words, rest) = text.as_chunks::<8>();
    let last = if rest.is_empty() && !words.is_empty() { 0 } else { test(text.last_chunk::<8>()?) };
    Some(words.iter().fold(last, |found, word| found | test(word)))
}

/// Bytes from `first` to `last`, both of ASCII.
pub(super) const fn between(word: u64, first: u8, last: u8) -> u64 {
    let low = word & !TOPS;
    // No sum goes beyond its byte: from `first` on the one has a top bit, and behind `last` the other too.
    let from = low + EACH * (0x80 - first as u64);
    let behind = low + EACH * (0x7f - last as u64);
    from & !behind & !word & TOPS
}

/// Letters of ASCII.
pub(super) const fn letters(word: u64) -> u64 {
    between(word | (EACH * 0x20), b'a', b'z')
}

/// Bytes that are this one, which is of ASCII.
pub(super) const fn is(word: u64, byte: u8) -> u64 {
    let other = word ^ (EACH * byte as u64);
    !(((other & !TOPS) + EACH * 0x7f) | other) & TOPS
}

/// Not 0 where some byte is below this one, which is of ASCII. Which of them is not told: a borrow that goes on to the next
/// byte comes from a byte that counts anyway.
pub(super) const fn some_below(word: u64, byte: u8) -> u64 {
    word.wrapping_sub(EACH * byte as u64) & !word & TOPS
}

/// Not 0 where some byte is this one, in the same way.
pub(super) const fn some_is(word: u64, byte: u8) -> u64 {
    some_below(word ^ (EACH * byte as u64), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_of_a_word_is_tested_alone() {
        for at in 0..8 {
            for byte in 0..=u8::MAX {
                for rest in [0, b'a', b'z', b'/', 0x7f, 0x80, 0xff] {
                    let mut bytes = [rest; 8];
                    bytes[at] = byte;
                    let word = u64::from_le_bytes(bytes);
                    let by_byte = |holds: fn(u8) -> bool| {
                        u64::from_le_bytes(bytes.map(|byte| if holds(byte) { 0x80 } else { 0 }))
                    };
                    assert_eq!(between(word, b'-', b'9'), by_byte(|byte| (b'-'..=b'9').contains(&byte)));
                    assert_eq!(between(word, 0, 0x20), by_byte(|byte| byte <= 0x20));
                    assert_eq!(letters(word), by_byte(|byte| byte.is_ascii_alphabetic()));
                    assert_eq!(is(word, b'/'), by_byte(|byte| byte == b'/'));
                    assert_eq!(is(word, 0x7f), by_byte(|byte| byte == 0x7f));
                    assert_eq!(some_below(word, 0x21) != 0, bytes.iter().any(|byte| *byte < 0x21));
                    assert_eq!(some_is(word, b'#') != 0, bytes.contains(&b'#'));
                    assert_eq!(some_is(word, 0x7f) != 0, bytes.contains(&0x7f));
                }
            }
        }
    }
}
