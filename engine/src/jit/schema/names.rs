//! Names of members that no schema names, so that none stands twice in one object.

use std::cmp::Ordering;

use super::scan;

/// The names of objects that are open, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Names {
    list: Vec<Name>,
}

/// A name as it stands in the input.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Name {
    start: usize,
    pub(super) length: usize,
    /// How many characters it says.
    pub(super) characters: usize,
    pub(super) escaped: bool,
    /// Its first bytes, as they stand.
    first: u64,
}

impl Name {
    pub(super) fn new(
        input: &[u8],
        (start, length): (usize, usize),
        (characters, escaped): (usize, bool),
    ) -> Self {
        Self { start, length, characters, escaped, first: scan::first_word(input, start, length) }
    }

    /// What stands between its quotes.
    pub(super) fn raw(self, input: &[u8]) -> &[u8] {
        input.get(self.start..self.start + self.length).unwrap_or_default()
    }

    /// Whether it differs from another one, as most do by what is known of them.
    fn differs(self, other: Self, input: &[u8]) -> bool {
        let plain = !(self.escaped || other.escaped);
        self.characters != other.characters
            || (plain && self.first != other.first)
            || self.compare(other, input).is_ne()
    }

    fn compare(self, other: Self, input: &[u8]) -> Ordering {
        let (a, b) = (self.raw(input), other.raw(input));
        if self.escaped || other.escaped { scan::compare(a, b) } else { a.cmp(b) }
    }
}

/// Up to so many names, of so many bytes in all, are compared each with each.
const FEW: (usize, usize) = (12, 1 << 10);

/// Memory of so many names is kept.
const KEPT_NAMES: usize = 1 << 12;

impl Names {
    /// Adds a name as the one numbered `count`; what came behind belonged to a branch that was given up.
    pub(super) fn push(&mut self, count: u64, name: Name) {
        self.list.truncate(count as usize);
        self.list.push(name);
    }

    /// Whether all names from the one numbered `base` on differ; forgets them.
    pub(super) fn close(&mut self, (base, count): (u64, u64), input: &[u8]) -> bool {
        self.list.truncate(count as usize);
        let own = self.list.get_mut(base as usize..).unwrap_or_default();
        let differ = if own.len() <= FEW.0 && own.iter().map(|name| name.length).sum::<usize>() <= FEW.1 {
            let mut rest = &*own;
            let mut differ = true;
            while let [name, others @ ..] = rest {
                differ &= others.iter().all(|other| name.differs(*other, input));
                rest = others;
            }
            differ
        } else {
            let order = |a: &Name, b: &Name| {
                let known = |name: &Name| (name.characters, name.first);
                known(a).cmp(&known(b)).then_with(|| a.compare(*b, input))
            };
            for name in own.iter_mut().filter(|name| name.escaped) {
                name.first = scan::first_word_said(name.raw(input));
            }
            own.sort_unstable_by(order);
            own.iter().zip(own.iter().skip(1)).all(|(a, b)| order(a, b).is_ne())
        };
        self.list.truncate(base as usize);
        differ
    }

    /// Gives memory back that only a large object needed.
    pub(super) fn shrink(&mut self) {
        self.list.clear();
        if self.list.capacity() > KEPT_NAMES {
            *self = Self::default();
        }
    }
}
