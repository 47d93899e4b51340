//! The strings of an array with a separator between them.

use crate::value::Value;

use super::{Arguments, MAX_STRING};

pub(super) fn join<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    let Value::Array(elements) = arguments.value(0)? else { return None };
    let separator = arguments.text(1)?;
    let pieces: Vec<&[u8]> = elements.iter().filter_map(Value::bytes).collect();
    let length = pieces
        .iter()
        .try_fold(0_usize, |sum, piece| sum.checked_add(piece.len())?.checked_add(separator.len()))?;
    (length <= MAX_STRING).then(|| pieces.join(separator).into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn separators_stand_between() {
        assert_eq!(call("join", &[texts(&["a", "b"]), text(", ")]), Some(text("a, b")));
        assert_eq!(call("join", &[texts(&["a"]), text(",")]), Some(text("a")));
        assert_eq!(call("join", &[texts(&[]), text(",")]), Some(text("")));
        assert_eq!(call_absent("join", &[None, Some(text(","))]), None);
    }
}
