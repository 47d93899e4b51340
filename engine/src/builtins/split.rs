//! The pieces of a string between separators.

use crate::value::Value;

use super::Arguments;

pub(super) fn split<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    let separator = arguments.text(1).filter(|separator| !separator.is_empty())?;
    let most = arguments.int(2).map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let mut rest = arguments.text(0)?;
    let mut pieces = Vec::new();
    while pieces.len() + 1 < most
        && let Some(at) = memchr::memmem::find(rest, separator)
    {
        pieces.push(rest.get(..at)?.to_vec().into());
        rest = rest.get(at + separator.len()..)?;
    }
    pieces.push(rest.to_vec().into());
    Some(Value::Array(pieces))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn the_last_piece_keeps_the_rest() {
        let split = |source, limit| call("split", &[text(source), text(","), int(limit)]);
        assert_eq!(
            split("groceries,electronics,diy,auto", 3),
            Some(texts(&["groceries", "electronics", "diy,auto"]))
        );
        assert_eq!(split(",a,,", 128), Some(texts(&["", "a", "", ""])));
        assert_eq!(split("a,b", 1), Some(texts(&["a,b"])));
        assert_eq!(call("split", &[text("a--b"), text("--")]), Some(texts(&["a", "b"])));
        assert_eq!(call_absent("split", &[None, Some(text(",")), Some(int(2))]), None);
    }
}
