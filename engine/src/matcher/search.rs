//! Strings by what they hold: one pass over a string for all literals, where a look at a few bytes does not rule them out.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use shield_ir::anchor::Place;

use super::Postings;
use super::grams::Grams;

/// Literals of so many bytes in all get an automaton that takes one step for each byte; more would take too much memory.
const DENSE: usize = 32 << 10;

/// A literal's postings, for one place in the string.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) place: Place,
    pub(super) postings: Postings,
    /// Its number among all hits of the index.
    pub(super) number: u32,
}

/// An automaton for literals.
#[derive(Debug)]
pub(super) struct Search {
    grams: Option<Grams>,
    automaton: AhoCorasick,
    /// Hits by literal.
    hits: Vec<Box<[Hit]>>,
}

impl Search {
    /// For literals that are in lower case where `fold`; `None` where there is none or they are too many.
    pub(super) fn new(fold: bool, literals: Vec<(Box<[u8]>, Vec<Hit>)>) -> Option<Self> {
        if literals.is_empty() {
            return None;
        }
        let (literals, hits): (Vec<Box<[u8]>>, Vec<_>) =
            literals.into_iter().map(|(literal, hits)| (literal, hits.into_boxed_slice())).unzip();
        let grams = Grams::of(&literals);
        let size: usize = literals.iter().map(|literal| literal.len()).sum();
        let kind = if size <= DENSE { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
        let automaton = AhoCorasick::builder()
            .kind(Some(kind))
            .match_kind(MatchKind::Standard)
            .prefilter(grams.is_none())
            .ascii_case_insensitive(fold)
            .build(literals)
            .ok()?;
        Some(Self { grams, automaton, hits })
    }

    /// Calls `found` with every hit in a string; the same one perhaps often.
    pub(super) fn each(&self, string: &[u8], mut found: impl FnMut(&Hit)) {
        if self.grams.as_ref().is_some_and(|grams| !grams.may_be_in(string)) {
            return;
        }
        let Ok(matches) = self.automaton.try_find_overlapping_iter(string) else { return };
        for each in matches {
            for hit in self.hits.get(each.pattern().as_usize()).into_iter().flatten() {
                let fits = match hit.place {
                    Place::Whole => each.start() == 0 && each.end() == string.len(),
                    Place::Start => each.start() == 0,
                    Place::End => each.end() == string.len(),
                    Place::Anywhere => true,
                };
                if fits {
                    found(hit);
                }
            }
        }
    }
}
