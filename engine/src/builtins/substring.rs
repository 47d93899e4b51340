//! A part of a string by byte positions.

use crate::value::Value;

use super::Arguments;

pub(super) fn substring<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    let text = arguments.text(0)?;
    let start = clamp(arguments.int(1)?, text.len());
    let end = arguments.int(2).map_or(text.len(), |end| clamp(end, text.len()));
    Some(text.get(start..end).unwrap_or_default().to_vec().into())
}

/// A position in a string; a negative one counts from the end.
fn clamp(position: i64, length: usize) -> usize {
    let distance = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
    if position < 0 { length.saturating_sub(distance) } else { distance.min(length) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn positions_are_clamped_and_count_from_the_end_where_negative() {
        let cut = |start, end| call("substring", &[text("asdfghjk"), int(start), int(end)]);
        assert_eq!(cut(2, 5), Some(text("dfg")));
        assert_eq!(call("substring", &[text("asdfghjk"), int(2)]), Some(text("dfghjk")));
        assert_eq!(call("substring", &[text("asdfghjk"), int(-2)]), Some(text("jk")));
        assert_eq!(cut(0, -2), Some(text("asdfgh")));
        assert_eq!(cut(5, 2), Some(text("")));
        assert_eq!(cut(-100, 100), Some(text("asdfghjk")));
        assert_eq!(cut(i64::MIN, i64::MAX), Some(text("asdfghjk")));
        assert_eq!(cut(9, 12), Some(text("")));
    }
}
