//! Wildcard patterns: `*` stands for any bytes, `\*` and `\\` for themselves, the whole value must match.

use std::ops::Range;

/// What is wrong with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WildcardError {
    /// `**`.
    DoubleStar(usize),
    /// A backslash before anything but `*` and `\`.
    Escape(usize),
}

/// A pattern taken apart: the literal pieces between stars, escapes resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// At least one; a star stands between each two.
    pub pieces: Vec<Vec<u8>>,
}

impl Pieces {
    /// Takes a pattern apart.
    pub fn parse(pattern: &[u8]) -> Result<Self, WildcardError> {
        let mut pieces = vec![Vec::new()];
        let mut after_star = false;
        let mut bytes = pattern.iter().copied().enumerate();
        while let Some((at, byte)) = bytes.next() {
            let literal = match byte {
                b'*' if after_star => return Err(WildcardError::DoubleStar(at.saturating_sub(1))),
                b'*' => {
                    pieces.push(Vec::new());
                    after_star = true;
                    continue;
                }
                b'\\' => match bytes.next() {
                    Some((_, escaped @ (b'*' | b'\\'))) => escaped,
                    _ => return Err(WildcardError::Escape(at)),
                },
                other => other,
            };
            after_star = false;
            if let Some(piece) = pieces.last_mut() {
                piece.push(literal);
            }
        }
        Ok(Self { pieces })
    }

    /// What each star stands for, stars taking as little as possible from left to right; `None` where it does not match.
    pub fn captures(&self, value: &[u8], strict: bool) -> Option<Vec<Range<usize>>> {
        let (first, rest) = self.pieces.split_first()?;
        let Some((last, middle)) = rest.split_last() else {
            return same(value, first, strict).then(Vec::new);
        };
        if !same(value.get(..first.len())?, first, strict) {
            return None;
        }
        let tail = value.len().checked_sub(last.len()).filter(|tail| *tail >= first.len())?;
        if !same(value.get(tail..)?, last, strict) {
            return None;
        }
        let mut at = first.len();
        let mut captures = Vec::with_capacity(rest.len());
        for piece in middle {
            let found = find(value.get(at..tail)?, piece, strict)? + at;
            captures.push(at..found);
            at = found + piece.len();
        }
        captures.push(at..tail);
        Some(captures)
    }

    /// Whether the whole of `value` matches.
    pub fn matches(&self, value: &[u8], strict: bool) -> bool {
        self.captures(value, strict).is_some()
    }
}

/// A part of a replacement text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// These bytes.
    Text(Vec<u8>),
    /// What the group or star of that number stands for, from 1.
    Group(usize),
}

/// Takes a replacement apart: `${1}` to `${8}` stand for groups, `$$` for `$`, at most eight references; `None` where it is malformed.
pub fn replacement(text: &[u8]) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut literal = Vec::new();
    let mut groups = 0;
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'$' {
            literal.push(*byte);
            continue;
        }
        match after {
            [b'$', tail @ ..] => {
                literal.push(b'$');
                rest = tail;
            }
            [b'{', digit @ b'1'..=b'8', b'}', tail @ ..] => {
                parts.push(Part::Text(std::mem::take(&mut literal)));
                parts.push(Part::Group(usize::from(digit - b'0')));
                groups += 1;
                rest = tail;
            }
            [b'{', ..] => return None,
            _ => literal.push(b'$'),
        }
    }
    parts.push(Part::Text(literal));
    (groups <= 8).then_some(parts)
}

fn same(a: &[u8], b: &[u8], strict: bool) -> bool {
    if strict { a == b } else { a.eq_ignore_ascii_case(b) }
}

fn find(value: &[u8], piece: &[u8], strict: bool) -> Option<usize> {
    if piece.is_empty() {
        return Some(0);
    }
    value.windows(piece.len()).position(|window| same(window, piece, strict))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_value_must_match() {
        let matches =
            |pattern: &[u8], value: &[u8], strict| Pieces::parse(pattern).unwrap().matches(value, strict);
        assert!(matches(b"example.*", b"Example.com", false));
        assert!(!matches(b"example.*", b"Example.com", true));
        assert!(!matches(b"example", b"example.com", false));
        assert!(matches(br"/apps/a\*b*", br"/Apps/a*b\c", false));
        assert!(!matches(b"ab*ba", b"aba", false));
        assert!(matches(b"a*b*c", b"abbc", true));
        assert!(matches(b"", b"", true) && !matches(b"", b"x", true));
        assert!(!matches("É".as_bytes(), "é".as_bytes(), false));
    }

    #[test]
    fn stars_take_as_little_as_possible() {
        let pieces = Pieces::parse(b"/*/x/*").unwrap();
        assert_eq!(pieces.captures(b"/a/x/x/b", true), Some(vec![1..2, 5..8]));
    }

    #[test]
    fn malformed_patterns_are_refused() {
        assert_eq!(Pieces::parse(b"a**"), Err(WildcardError::DoubleStar(1)));
        assert_eq!(Pieces::parse(br"a\b"), Err(WildcardError::Escape(1)));
        assert_eq!(Pieces::parse(br"a\"), Err(WildcardError::Escape(1)));
    }
}
