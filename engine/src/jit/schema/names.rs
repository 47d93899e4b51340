//! Names of members that no schema names, so that none stands twice in one object.

/// The names of objects that are open, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Names {
    list: Vec<Kept>,
    /// What names that are written with escapes say.
    texts: Vec<u8>,
}

/// A name: in the input, or in other memory where it is written with escapes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Name {
    pub(super) start: usize,
    pub(super) length: usize,
    pub(super) escaped: bool,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    name: Name,
    hash: u64,
}

/// Up to so many names are compared each with each.
const FEW: usize = 12;

/// Memory of so many names is kept.
const KEPT_NAMES: usize = 1 << 12;

impl Names {
    /// Adds a name, whose text this is, as the one numbered `count`.
    pub(super) fn push(&mut self, count: u64, name: Name, text: &[u8]) {
        self.forget(count);
        let mut start = name.start;
        if name.escaped {
            start = self.texts.len();
            self.texts.extend_from_slice(text);
        }
        self.list.push(Kept { name: Name { start, ..name }, hash: hash(text) });
    }

    /// Whether all names from the one numbered `base` on differ; forgets them.
    pub(super) fn close(&mut self, (base, count): (u64, u64), input: &[u8]) -> bool {
        self.forget(count);
        let Self { list, texts } = &mut *self;
        let own = list.get_mut(base as usize..).unwrap_or_default();
        let text = |Kept { name, .. }: &Kept| {
            let whole = if name.escaped { &**texts } else { input };
            whole.get(name.start..name.start + name.length).unwrap_or_default()
        };
        let same = |a: &Kept, b: &Kept| a.hash == b.hash && text(a) == text(b);
        let twice = if own.len() <= FEW {
            let mut rest = &*own;
            let mut twice = false;
            while let [first, others @ ..] = rest {
                twice |= others.iter().any(|other| same(first, other));
                rest = others;
            }
            twice
        } else {
            own.sort_unstable_by(|a, b| a.hash.cmp(&b.hash).then_with(|| text(a).cmp(text(b))));
            own.iter().zip(own.iter().skip(1)).any(|(a, b)| same(a, b))
        };
        self.forget(base);
        !twice
    }

    /// Forgets all but the first names: what came after them belonged to a branch that was given up.
    fn forget(&mut self, count: u64) {
        let count = count as usize;
        if count < self.list.len() {
            let dropped = self.list.get(count..).unwrap_or_default().iter();
            let texts = dropped.filter(|kept| kept.name.escaped).map(|kept| kept.name.start).min();
            self.texts.truncate(texts.unwrap_or(self.texts.len()));
            self.list.truncate(count);
        }
    }

    /// Gives memory back that only a large object needed.
    pub(super) fn shrink(&mut self) {
        self.list.clear();
        self.texts.clear();
        if self.list.capacity().max(self.texts.capacity()) > KEPT_NAMES {
            *self = Self::default();
        }
    }
}

/// Tells names apart quickly; names of one hash are compared.
fn hash(text: &[u8]) -> u64 {
    const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(SEED);
    let (words, rest) = text.as_chunks::<8>();
    let hash = words.iter().fold(text.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    let hash = mix(hash, u64::from_le_bytes(last));
    hash ^ hash >> 32
}
