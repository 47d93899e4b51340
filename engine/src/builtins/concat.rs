//! Strings or arrays one after the other.

use crate::value::Value;

use super::{Arguments, MAX_STRING};

pub(super) fn concat<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    let mut present = arguments.values.iter().flatten().peekable();
    if let Value::Array(_) = present.peek()? {
        return Some(Value::Array(present.cloned().flat_map(Value::into_elements).collect()));
    }
    let pieces: Vec<&[u8]> = present.filter_map(Value::bytes).collect();
    let length = pieces.iter().try_fold(0_usize, |sum, piece| sum.checked_add(piece.len()))?;
    (length <= MAX_STRING).then(|| pieces.concat().into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn absent_arguments_count_as_empty_unless_all_are() {
        assert_eq!(call("concat", &[text("a"), text("b"), text("c")]), Some(text("abc")));
        assert_eq!(call_absent("concat", &[None, Some(text("x"))]), Some(text("x")));
        assert_eq!(call_absent("concat", &[None, None]), None);
        assert_eq!(call("concat", &[texts(&["a"]), texts(&[]), texts(&["b"])]), Some(texts(&["a", "b"])));
    }
}
