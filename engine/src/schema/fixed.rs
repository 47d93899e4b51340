//! Patterns of a plain shape, as `^[A-Z]{3}-[0-9]{4}$` or `^[a-z-]+$`: a look at each byte tells, without an automaton.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// How many bytes stand at fixed places at most.
const LONGEST: usize = 256;

/// Bytes of ASCII that may stand at a place, one bit each.
// PERF: two words, since a shift of one of 128 bits takes three times as long.
type Bytes = [u64; 2];

/// A text of bytes at fixed places, and any number within bounds of one kind behind them.
#[derive(Debug)]
pub(super) struct Fixed {
    places: Vec<Bytes>,
    rest: Option<Rest>,
}

#[derive(Clone, Copy, Debug)]
struct Rest {
    bytes: Bytes,
    most: usize,
}

impl Fixed {
    /// Of a pattern that is about the whole of a text and about ASCII alone.
    pub(super) fn of(pattern: &str) -> Option<Self> {
        let hir = regex_syntax::ParserBuilder::new().utf8(false).build().parse(pattern).ok()?;
        let HirKind::Concat(parts) = hir.kind() else { return None };
        let [first, parts @ .., last] = parts.as_slice() else { return None };
        let is_whole =
            *first.kind() == HirKind::Look(Look::Start) && *last.kind() == HirKind::Look(Look::End);
        let mut fixed = Self { places: Vec::new(), rest: None };
        (is_whole && parts.iter().all(|part| fixed.add(part).is_some())).then_some(fixed)
    }

    fn add(&mut self, part: &Hir) -> Option<()> {
        // What is of no fixed length is the last.
        if self.rest.is_some() {
            return None;
        }
        match part.kind() {
            HirKind::Capture(capture) => self.add(&capture.sub)?,
            HirKind::Concat(parts) => parts.iter().try_for_each(|part| self.add(part))?,
            HirKind::Literal(literal) => {
                for byte in &literal.0 {
                    self.places.push(of_ranges([(*byte, *byte)])?);
                }
            }
            HirKind::Class(class) => self.places.push(bytes(class)?),
            HirKind::Repetition(repetition) => {
                let least = repetition.min as usize;
                if least > LONGEST {
                    return None;
                }
                for _ in 0..least {
                    self.add(&repetition.sub)?;
                    if self.places.len() > LONGEST {
                        return None;
                    }
                }
                if repetition.max != Some(repetition.min) {
                    let HirKind::Class(class) = repetition.sub.kind() else { return None };
                    let most = repetition.max.map_or(usize::MAX, |max| max as usize - least);
                    self.rest = Some(Rest { bytes: bytes(class)?, most });
                }
            }
            HirKind::Empty | HirKind::Look(_) | HirKind::Alternation(_) => return None,
        }
        (self.places.len() <= LONGEST).then_some(())
    }

    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        let Some((front, rest)) = text.split_at_checked(self.places.len()) else { return false };
        let has = |bytes: Bytes, byte: u8| {
            bytes.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 0x3f) & 1 != 0)
        };
        front.iter().zip(&self.places).all(|(byte, bytes)| has(*bytes, *byte))
            && match self.rest {
                Some(Rest { bytes, most }) => rest.len() <= most && rest.iter().all(|byte| has(bytes, *byte)),
                None => rest.is_empty(),
            }
    }
}

fn bytes(class: &Class) -> Option<Bytes> {
    let ranges: Vec<(u8, u8)> = match class {
        Class::Unicode(class) => class
            .iter()
            .map(|range| Some((range.start().try_into().ok()?, range.end().try_into().ok()?)))
            .collect::<Option<_>>()?,
        Class::Bytes(class) => class.iter().map(|range| (range.start(), range.end())).collect(),
    };
    of_ranges(ranges)
}

/// All bytes of these ranges, which are to be of ASCII.
fn of_ranges(ranges: impl IntoIterator<Item = (u8, u8)>) -> Option<Bytes> {
    let mut bytes = [0; 2];
    for (first, last) in ranges {
        for byte in first..=last {
            *bytes.get_mut(usize::from(byte >> 6))? |= 1 << (byte & 0x3f);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use regex_automata::meta::Regex;

    use super::*;

    #[test]
    fn a_plain_shape_matches_what_its_pattern_does() {
        let texts = [
            "",
            "A",
            "ABC-0123",
            "ABC-01234",
            "abc-0123",
            "ABC-012é",
            "é",
            "aaaa",
            "a-b",
            "12",
            "123",
            "ab12",
            "x\n",
            "-",
        ];
        for pattern in [
            "^[A-Z]{3}-[0-9]{4}$",
            "^[a-z-]+$",
            "^[0-9]{2,3}$",
            "^a*$",
            "^(?:ab)(12)$",
            "^[ab]{2}[0-9]?\\z",
            "^\\n?$",
        ] {
            let fixed = Fixed::of(pattern);
            let regex = Regex::new(pattern).unwrap();
            for text in texts {
                let met = fixed.as_ref().map(|fixed| fixed.is_match(text.as_bytes()));
                assert!(met.is_none_or(|met| met == regex.is_match(text)), "{pattern} {text:?}");
            }
        }
        let plain = |pattern| Fixed::of(pattern).is_some();
        assert!(plain("^[A-Z]{3}-[0-9]{4}$") && plain("^[a-z-]+$") && plain("^[0-9]{2,3}$"));
        // Not whole, not of ASCII, of several lengths, too long.
        for pattern in [
            "a$",
            "^a",
            "^.$",
            "^é$",
            "^a?b$",
            "^(a|bc)$",
            "(?m)^a$",
            "^a{300}$",
            "^[^a]$",
            "^(?:[ab]{200}){9}$",
        ] {
            assert!(!plain(pattern), "{pattern}");
        }
    }
}
