//! Whether a string ends with another.

use crate::value::Value;

use super::Arguments;

pub(super) fn ends_with<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    Some(Value::Bool(arguments.text(0)?.ends_with(arguments.text(1)?)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn bytes_are_compared_at_the_end() {
        assert_eq!(call("ends_with", &[text("a.PHP"), text(".PHP")]), Some(yes()));
        assert_eq!(call("ends_with", &[text("a.PHP"), text(".php")]), Some(no()));
        assert_eq!(call("ends_with", &[text("a"), text("")]), Some(yes()));
    }
}
