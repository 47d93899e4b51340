//! Whether a string starts with another.

use crate::value::Value;

use super::Arguments;

pub(super) fn starts_with<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    Some(Value::Bool(arguments.text(0)?.starts_with(arguments.text(1)?)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn bytes_are_compared_at_the_start() {
        assert_eq!(call("starts_with", &[text("/api"), text("/a")]), Some(yes()));
        assert_eq!(call("starts_with", &[text("/api"), text("/A")]), Some(no()));
        assert_eq!(call_absent("starts_with", &[None, Some(text(""))]), None);
    }
}
