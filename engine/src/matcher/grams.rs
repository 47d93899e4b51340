//! Whether a string can hold any of many literals, told from a few of its bytes.

use std::collections::BTreeMap;

/// Bytes of a gram.
const SIZE: usize = 4;

/// Places of the filter for each gram in it, and bounds on how many there are, as powers of two: the largest filter is still
/// small beside a processor's cache.
const PLACES_A_GRAM: usize = 16;
const PLACES: std::ops::RangeInclusive<u32> = 9..=16;

/// Grams of which every string has one that holds a literal.
///
/// Of each literal it has grams at as many neighbouring places as the stride is long. Wherever the literal stands in a string,
/// one of them is met by steps of a stride from the string's beginning.
#[derive(Debug)]
pub(super) struct Grams {
    stride: usize,
    /// Whether there is a gram, by the top of its hash.
    filter: Box<[bool]>,
    shift: u32,
    /// Sorted.
    known: Box<[u32]>,
}

impl Grams {
    /// For literals; none where one of them is shorter than a gram.
    pub(super) fn of(literals: &[Box<[u8]>]) -> Option<Self> {
        let shortest = literals.iter().map(|literal| literal.len()).min()?;
        let stride = shortest.checked_sub(SIZE - 1)?.min(SIZE);
        if stride == 0 {
            return None;
        }
        let mut shared: BTreeMap<u32, u32> = BTreeMap::new();
        for each in literals.iter().flat_map(|literal| grams(literal)) {
            *shared.entry(each).or_default() += 1;
        }
        // Grams that few literals have say more than those of a common beginning.
        let weight = |grams: &[u32]| grams.iter().filter_map(|gram| shared.get(gram)).max().copied();
        let chosen = literals.iter().flat_map(|literal| {
            let grams: Vec<u32> = grams(literal).collect();
            grams.windows(stride).rev().min_by_key(|some| weight(some)).unwrap_or_default().to_vec()
        });
        let mut known: Vec<u32> = chosen.collect();
        known.sort_unstable();
        known.dedup();
        let size =
            (known.len() * PLACES_A_GRAM).next_power_of_two().ilog2().clamp(*PLACES.start(), *PLACES.end());
        let mut filter = vec![false; 1 << size];
        let shift = u32::BITS - size;
        for gram in &known {
            if let Some(place) = filter.get_mut(hash(*gram, shift)) {
                *place = true;
            }
        }
        Some(Self { stride, filter: filter.into(), shift, known: known.into() })
    }

    /// `false` where none of the literals is in a string, whatever the case.
    pub(super) fn may_be_in(&self, string: &[u8]) -> bool {
        let has = |bytes: &[u8; SIZE]| {
            let gram = gram(*bytes);
            self.filter.get(hash(gram, self.shift)) == Some(&true) && self.known.binary_search(&gram).is_ok()
        };
        // PERF: the stride that nearly all literals allow is a loop over whole words.
        if self.stride == SIZE {
            return string.as_chunks::<SIZE>().0.iter().any(has);
        }
        let windows = string.windows(SIZE).step_by(self.stride);
        windows.filter_map(<[u8]>::first_chunk).any(has)
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

const fn hash(gram: u32, shift: u32) -> usize {
    (gram.wrapping_mul(0x9e37_79b1) >> shift) as usize
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
            let literals: Vec<Box<[u8]>> = (0..=round % 20).map(|_| text(4, 9).into()).collect();
            let grams = Grams::of(&literals).unwrap();
            for literal in &literals {
                let string = [&text(0, 10), &**literal, &text(0, 10)].concat();
                assert!(grams.may_be_in(&string), "{literals:?} {string:?}");
                assert!(grams.may_be_in(&string.to_ascii_uppercase()), "{literals:?} {string:?}");
            }
        }
    }
}
