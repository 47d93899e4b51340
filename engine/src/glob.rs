//! Wildcard patterns made ready: matching is linear in the string, whatever the pattern.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem::Finder;
use shield_ir::wildcard::Pieces;

/// A pattern.
#[derive(Clone, Debug)]
pub struct Glob {
    first: Box<[u8]>,
    /// Pieces between two stars, in order.
    middle: Box<[Finder<'static>]>,
    /// What follows the last star; none where there is no star.
    last: Option<Box<[u8]>>,
    fold: bool,
}

impl Glob {
    /// Of a pattern's pieces; ASCII case matters where `strict`.
    pub fn new(pieces: &Pieces, strict: bool) -> Self {
        let cased = |piece: &Vec<u8>| if strict { piece.clone() } else { piece.to_ascii_lowercase() };
        let mut pieces: Vec<_> = pieces.pieces.iter().map(cased).collect();
        let last = if pieces.len() > 1 { pieces.pop() } else { None };
        let mut pieces = pieces.into_iter();
        let first = pieces.next().unwrap_or_default().into();
        let middle = pieces.map(|piece| Finder::new(&piece).into_owned()).collect();
        Self { first, middle, last: last.map(Vec::into), fold: !strict }
    }

    /// Whether the whole of a string matches.
    pub fn matches(&self, text: &[u8]) -> bool {
        self.walk(text, |_| ()).is_some()
    }

    /// What each star stands for, stars taking as little as possible from left to right.
    pub fn captures(&self, text: &[u8]) -> Option<Vec<Range<usize>>> {
        let mut stars = Vec::with_capacity(self.middle.len() + 1);
        self.walk(text, |star| stars.push(star))?;
        Some(stars)
    }

    fn walk(&self, text: &[u8], mut star: impl FnMut(Range<usize>)) -> Option<()> {
        let is_folded = self.fold && text.iter().any(u8::is_ascii_uppercase);
        let text = if is_folded { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) };
        let rest = text.strip_prefix(&*self.first)?;
        let Some(last) = &self.last else { return rest.is_empty().then_some(()) };
        let end = text.len() - rest.strip_suffix(&**last).map(|_| last.len())?;
        let mut at = self.first.len();
        for piece in &self.middle {
            let found = piece.find(text.get(at..end)?)? + at;
            star(at..found);
            at = found + piece.needle().len();
        }
        star(at..end);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_agrees_with_the_pattern_s_definition() {
        for pattern in
            ["", "*", "a", "a*", "*a", "a*b", "*a*", "a*b*a", "*ab*ba*", "A*b", "**".get(..1).unwrap()]
        {
            let pieces = Pieces::parse(pattern.as_bytes()).unwrap();
            for strict in [true, false] {
                let glob = Glob::new(&pieces, strict);
                for text in ["", "a", "b", "ab", "aB", "aba", "abba", "ABBA", "abab", "xaby", "abxba", "aa"] {
                    let wanted = pieces.captures(text.as_bytes(), strict);
                    assert_eq!(glob.captures(text.as_bytes()), wanted, "{pattern} {text} {strict}");
                    assert_eq!(glob.matches(text.as_bytes()), wanted.is_some());
                }
            }
        }
    }

    #[test]
    fn a_long_piece_in_a_long_string_takes_no_longer() {
        let pattern = format!("*{}b*", "a".repeat(4000));
        let glob = Glob::new(&Pieces::parse(pattern.as_bytes()).unwrap(), false);
        assert!(!glob.matches(&vec![b'a'; 1 << 22]));
    }
}
