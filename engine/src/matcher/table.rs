//! Strings by what they are: one hash and one compare, whatever their number.

use super::Postings;

/// So few strings are compared one by one.
const FEW: usize = 4;

/// A string's hash, the string, and what is posted under it.
type Entry = (u64, Box<[u8]>, Postings);

/// A table from strings to postings, in any ASCII case where `fold`.
#[derive(Debug, Default)]
pub(super) struct Table {
    fold: bool,
    /// Entry numbers from 1, at the place that the hash says or after it; twice as many places as entries at least.
    places: Box<[u32]>,
    entries: Vec<Entry>,
}

impl Table {
    /// Of strings that are in lower case where `fold`, each once.
    pub(super) fn new(fold: bool, strings: impl IntoIterator<Item = (Box<[u8]>, Postings)>) -> Self {
        let entries: Vec<_> =
            strings.into_iter().map(|(string, postings)| (hash(&string, fold), string, postings)).collect();
        let mut table = Self {
            fold,
            places: vec![0; (entries.len() * 2).next_power_of_two()].into(),
            entries: Vec::new(),
        };
        for (at, (hash, ..)) in entries.iter().enumerate() {
            let free = table.probe(*hash).find(|place| table.places.get(*place) == Some(&0));
            if let Some(place) = free.and_then(|free| table.places.get_mut(free)) {
                *place = at as u32 + 1;
            }
        }
        table.entries = entries;
        table
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What is posted under a string.
    pub(super) fn get(&self, string: &[u8]) -> Option<Postings> {
        if self.entries.len() <= FEW {
            let same = |(_, known, _): &&Entry| self.is_same(known, string);
            return self.entries.iter().find(same).map(|(_, _, postings)| *postings);
        }
        let wanted = hash(string, self.fold);
        for place in self.probe(wanted) {
            let number = self.places.get(place)?.checked_sub(1)?;
            let (hash, known, postings) = self.entries.get(number as usize)?;
            if *hash == wanted && self.is_same(known, string) {
                return Some(*postings);
            }
        }
        None
    }

    fn is_same(&self, known: &[u8], string: &[u8]) -> bool {
        known.len() == string.len()
            && (if self.fold { known.eq_ignore_ascii_case(string) } else { known == string })
    }

    /// All places, beginning with the one that a hash says: with its highest bits, since a product's lower ones know
    /// nothing of what was above them.
    fn probe(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let mask = self.places.len().wrapping_sub(1);
        let first = hash.rotate_left(self.places.len().trailing_zeros()) as usize;
        (0..self.places.len()).map(move |step| first.wrapping_add(step) & mask)
    }
}

/// A hash that is good enough for strings that a policy chose: a request cannot add any.
fn hash(string: &[u8], fold: bool) -> u64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let hash = (string.len() as u64).wrapping_mul(GOLDEN);
    let add = |hash: u64, word: u64| {
        let word = if fold { lower(word) } else { word };
        let hash = (hash ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^ hash >> 32
    };
    // The last word may overlap the one before; of a short string, it is all there is.
    let Some(last) = string.last_chunk::<8>() else {
        return add(hash, string.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)))
            .wrapping_mul(GOLDEN);
    };
    let words = string.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
    add(words.fold(hash, add), u64::from_le_bytes(*last)).wrapping_mul(GOLDEN)
}

/// Eight bytes at once with their ASCII letters in lower case.
const fn lower(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low = word & (0x7f * EACH);
    let above_z = low + (0x7f - b'Z' as u64) * EACH;
    let from_a = low + (0x80 - b'A' as u64) * EACH;
    let is_upper = from_a & !above_z & !word & (0x80 * EACH);
    word | is_upper >> 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bytes_are_put_in_lower_case_at_once() {
        for start in 0..=u8::MAX {
            let bytes = std::array::from_fn(|at| start.wrapping_add(at as u8 * 31));
            let lowered: [u8; 8] = bytes.map(|byte| byte.to_ascii_lowercase());
            assert_eq!(lower(u64::from_le_bytes(bytes)).to_le_bytes(), lowered);
        }
    }

    #[test]
    fn strings_are_found_and_others_are_not() {
        let strings = (0..1000).map(|at| (format!("/path/{at}").into_bytes().into(), Postings(at, at + 1)));
        let table = Table::new(false, strings.clone());
        let folded = Table::new(true, strings);
        for at in 0..1000 {
            assert_eq!(table.get(format!("/path/{at}").as_bytes()), Some(Postings(at, at + 1)));
            assert_eq!(table.get(format!("/Path/{at}").as_bytes()), None);
            assert_eq!(folded.get(format!("/PATH/{at}").as_bytes()), Some(Postings(at, at + 1)));
        }
        assert_eq!(table.get(b"/path/1000"), None);
        let few = Table::new(true, [((*b"a/1").into(), Postings(1, 2)), ((*b"b").into(), Postings(2, 3))]);
        assert_eq!(
            (few.get(b"A/1"), few.get(b"b"), few.get(b"a")),
            (Some(Postings(1, 2)), Some(Postings(2, 3)), None)
        );
        assert_eq!(Table::default().get(b""), None);
    }

    #[test]
    fn strings_that_differ_in_a_byte_or_two_lie_apart() {
        for (before, after) in
            [("", ""), ("/closed/", ""), ("", "/items"), ("/api/v1/accounts/", "/orders/x")]
        {
            for fold in [false, true] {
                let strings =
                    (0..250).map(|at| (format!("{before}{at}{after}").into_bytes().into(), Postings(0, 1)));
                let table = Table::new(fold, strings);
                let steps = |hash| table.probe(hash).position(|place| table.places[place] == 0).unwrap();
                let worst = table.entries.iter().map(|(hash, ..)| steps(*hash)).max().unwrap();
                assert!(worst <= 24, "{before}*{after}: {worst} steps");
            }
        }
    }
}
