//! Names and values in the order in which they came: headers, query arguments, cookies, form fields.

use std::borrow::Cow;

use crate::value::Value;

use super::list::List;

/// Pairs as they stand in the message.
pub(super) type PlainPairs<'a> = List<(&'a [u8], &'a [u8])>;

/// Pairs whose names had to be decoded.
pub(super) type DecodedPairs<'a> = List<(Cow<'a, [u8]>, &'a [u8])>;

/// A list of names and values that borrows from the exchange.
#[derive(Clone, Copy, Debug)]
pub enum Pairs<'x> {
    /// As they were received.
    Plain(&'x [(&'x [u8], &'x [u8])]),
    /// With names that had to be decoded.
    Decoded(&'x [(Cow<'x, [u8]>, &'x [u8])]),
}

impl<'x> Pairs<'x> {
    /// How many there are.
    pub const fn len(self) -> usize {
        match self {
            Self::Plain(pairs) => pairs.len(),
            Self::Decoded(pairs) => pairs.len(),
        }
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The pair at a place.
    pub fn get(self, at: usize) -> Option<(&'x [u8], &'x [u8])> {
        match self {
            Self::Plain(pairs) => pairs.get(at).copied(),
            Self::Decoded(pairs) => pairs.get(at).map(|(name, value)| (&**name, *value)),
        }
    }

    /// All of them, in order.
    pub fn iter(self) -> impl Iterator<Item = (&'x [u8], &'x [u8])> {
        (0..self.len()).filter_map(move |at| self.get(at))
    }

    /// The names.
    pub fn names(self) -> Value<'x> {
        Value::Array(self.iter().map(|(name, _)| Value::text(name)).collect())
    }

    /// The values.
    pub fn values(self) -> Value<'x> {
        Value::Array(self.iter().map(|(_, value)| Value::text(value)).collect())
    }

    /// The values by name, names in lower case where `fold`.
    pub fn map(self, fold: bool) -> Value<'x> {
        Value::grouped(self.iter().map(|(name, value)| {
            let name = if fold && name.iter().any(u8::is_ascii_uppercase) {
                Cow::Owned(name.to_ascii_lowercase())
            } else {
                Cow::Borrowed(name)
            };
            (name, Value::text(value))
        }))
    }
}

/// The pairs of `a=1&b=2`, nothing decoded; what has no `=` has the empty value.
pub(super) fn form(text: &[u8]) -> PlainPairs<'_> {
    text.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()).map(halves).collect()
}

/// The pairs of a `Cookie` header, names percent-decoded.
pub(super) fn cookies<'a>(lines: impl Iterator<Item = &'a [u8]>) -> DecodedPairs<'a> {
    lines
        .flat_map(|line| line.split(|byte| *byte == b';'))
        .map(<[u8]>::trim_ascii)
        .filter(|piece| !piece.is_empty())
        .map(|piece| {
            let (name, value) = halves(piece);
            (percent_decoded(name), value)
        })
        .collect()
}

fn halves(piece: &[u8]) -> (&[u8], &[u8]) {
    let at = piece.iter().position(|byte| *byte == b'=').unwrap_or(piece.len());
    let (name, value) = piece.split_at(at);
    (name, value.get(1..).unwrap_or_default())
}

fn percent_decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        let pair = if *byte == b'%' { super::hex_pair(after) } else { None };
        let (value, after) = pair.unwrap_or((*byte, after));
        decoded.push(value);
        rest = after;
    }
    Cow::Owned(decoded)
}
