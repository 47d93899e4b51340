//! Numbers for ids and choices, cheap enough for every request; xoshiro256++ from a seed of the system's.

use std::cell::Cell;

/// A stream of numbers of one thread.
#[derive(Debug)]
pub(crate) struct Random(Cell<[u64; 4]>);

impl Random {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let (words, _) = seed.as_chunks::<8>();
        let mut state = [0x9e37_79b9_7f4a_7c15; 4];
        state.iter_mut().zip(words).for_each(|(word, bytes)| *word ^= u64::from_le_bytes(*bytes));
        Self(Cell::new(state))
    }

    pub(crate) fn next(&self) -> u64 {
        let [a, mut b, mut c, mut d] = self.0.get();
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let shifted = b << 17;
        c ^= a;
        d ^= b;
        b ^= c;
        let a = a ^ d;
        c ^= shifted;
        self.0.set([a, b, c, d.rotate_left(45)]);
        result
    }

    /// Sixteen bytes.
    pub(crate) fn id(&self) -> [u8; 16] {
        (u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_do_not_repeat_and_seeds_differ() {
        let (a, b) = (Random::new([1; 32]), Random::new([2; 32]));
        let mut ids: Vec<_> = (0..1000).flat_map(|_| [a.id(), b.id()]).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 2000);
    }
}
