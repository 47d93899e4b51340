//! Whether a string can hold any of many literals, told from a few of its bytes.

use std::collections::BTreeMap;

/// Bytes of a gram.
const SIZE: usize = 4;

/// How far apart the places of a string are that are looked at, at most: further apart, literals need more grams than their
/// filter holds well.
const STRIDE: usize = 12;

/// Bits of the filter for each gram in it, and bounds on how many there are, as powers of two: the largest filter is still
/// small beside a processor's cache.
const BITS_A_GRAM: usize = 64;
const BITS: std::ops::RangeInclusive<u32> = 9..=19;

/// A gram that so many literals have is met too often for a look at each of them.
const MOST_PLACES: usize = 16;

/// Grams of which every string has one that holds a literal.
///
/// Of each literal it has grams at as many neighbouring places as the stride is long. Wherever the literal stands in a string,
/// one of them is met by steps of a stride from the string's beginning; the rest of the literal must be around it then.
#[derive(Debug)]
pub(super) struct Grams {
    stride: usize,
    /// A bit for each value that the top of a gram's hash may have: whether there is such a gram.
    filter: Box<[u64]>,
    shift: u32,
    /// Sorted, each with where its `places` end.
    known: Box<[(u32, u32)]>,
    /// Literals that have a gram, by number, and where in them it stands.
    places: Box<[(u32, u32)]>,
    literals: Box<[Box<[u8]>]>,
}

impl Grams {
    /// For literals; none where one of them is shorter than a gram.
    pub(super) fn of(literals: &[Box<[u8]>]) -> Option<Self> {
        let shortest = literals.iter().map(|literal| literal.len()).min()?;
        let stride = shortest.checked_sub(SIZE - 1)?.min(STRIDE);
        if stride == 0 {
            return None;
        }
        let mut shared: BTreeMap<u32, u32> = BTreeMap::new();
        for each in literals.iter().flat_map(|literal| grams(literal)) {
            *shared.entry(each).or_default() += 1;
        }
        // Grams that few literals have say more than those of a common beginning.
        let weight = |grams: &[u32]| grams.iter().filter_map(|gram| shared.get(gram)).max().copied();
        let mut chosen: Vec<(u32, (u32, u32))> = Vec::new();
        for (number, literal) in (0..).zip(literals) {
            let grams: Vec<u32> = grams(literal).collect();
            let windows = grams.windows(stride).enumerate();
            let best = windows.rev().min_by_key(|(_, some)| weight(some));
            let (start, best) = best.unwrap_or_default();
            chosen.extend((start as u32..).zip(best).map(|(at, gram)| (*gram, (number, at))));
        }
        chosen.sort_unstable();
        let mut known: Vec<(u32, u32)> = Vec::new();
        for (end, (gram, _)) in (1..).zip(&chosen) {
            match known.last_mut() {
                Some((last, last_end)) if last == gram => *last_end = end,
                _ => known.push((*gram, end)),
            }
        }
        let places = chosen.into_iter().map(|(_, place)| place).collect();
        let bits = (known.len() * BITS_A_GRAM).next_power_of_two().ilog2().clamp(*BITS.start(), *BITS.end());
        let mut filter = vec![0; 1 << (bits - u64::BITS.ilog2())];
        let shift = u32::BITS - bits;
        for (gram, _) in &known {
            let hash = hash(*gram, shift);
            if let Some(word) = filter.get_mut(hash as usize / 64) {
                *word |= 1 << (hash % 64);
            }
        }
        let literals = literals.into();
        Some(Self { stride, filter: filter.into(), shift, known: known.into(), places, literals })
    }

    /// `false` where none of the literals is in a string, whatever the case.
    pub(super) fn may_be_in(&self, string: &[u8]) -> bool {
        let mut rest = string;
        while let Some(bytes) = rest.first_chunk() {
            let gram = gram(*bytes);
            let hash = hash(gram, self.shift);
            let word = self.filter.get(hash as usize / 64).copied().unwrap_or_default();
            if word >> (hash % 64) & 1 != 0 && self.stands(gram, string, string.len() - rest.len()) {
                return true;
            }
            let Some(after) = rest.get(self.stride..) else { break };
            rest = after;
        }
        false
    }

    /// Whether some literal stands around its gram, which a string has at a place; `true` too where many have that gram.
    #[cold]
    fn stands(&self, gram: u32, string: &[u8], at: usize) -> bool {
        let Ok(found) = self.known.binary_search_by_key(&gram, |(known, _)| *known) else { return false };
        let end = |number: usize| self.known.get(number).map_or(0, |(_, end)| *end as usize);
        let places = self.places.get(found.checked_sub(1).map_or(0, end)..end(found)).unwrap_or_default();
        let stands = |(number, before): &(u32, u32)| {
            let literal = self.literals.get(*number as usize)?;
            let start = at.checked_sub(*before as usize)?;
            Some(string.get(start..start + literal.len())?.eq_ignore_ascii_case(literal))
        };
        places.len() > MOST_PLACES || places.iter().any(|place| stands(place) == Some(true))
    }
}

/// A gram without its letters' case.
const fn gram(bytes: [u8; SIZE]) -> u32 {
    u32::from_le_bytes(bytes) | 0x2020_2020
}

/// All grams of a literal.
fn grams(literal: &[u8]) -> impl DoubleEndedIterator<Item = u32> {
    literal.windows(SIZE).filter_map(<[u8]>::first_chunk).map(|bytes| gram(*bytes))
}

const fn hash(gram: u32, shift: u32) -> u32 {
    gram.wrapping_mul(0x9e37_79b1) >> shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_literals_have_no_grams() {
        assert!(Grams::of(&[]).is_none());
        assert!(Grams::of(&[(*b"abcd").into(), (*b"abc").into()]).is_none());
    }

    #[test]
    fn what_holds_no_gram_holds_no_literal() {
        let grams = Grams::of(&[(*b"EvilBot-12/").into(), (*b"EvilBot-34/").into()]).unwrap();
        assert!(!grams.may_be_in(b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"));
        assert!(!grams.may_be_in(b""));
        assert!(!grams.may_be_in(b"Evil"), "the common beginning is not what tells literals apart");
    }

    #[test]
    fn a_literal_is_never_missed_wherever_it_stands() {
        let mut seed = 1_u64;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (seed >> 33) as usize % below
        };
        let mut text = |least: usize, more: usize| -> Vec<u8> {
            let length = least + random(more);
            (0..length).map(|_| b"abcABC/"[random(7)]).collect()
        };
        for round in 0..5_000 {
            let least = 4 + round % 9;
            let literals: Vec<Box<[u8]>> = (0..=round % 20).map(|_| text(least, 9).into()).collect();
            let grams = Grams::of(&literals).unwrap();
            for literal in &literals {
                let string = [&text(0, 10), &**literal, &text(0, 10)].concat();
                assert!(grams.may_be_in(&string), "{literals:?} {string:?}");
                assert!(grams.may_be_in(&string.to_ascii_uppercase()), "{literals:?} {string:?}");
            }
        }
    }
}
