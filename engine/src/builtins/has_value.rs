//! Whether a map or an array holds a value.

use crate::value::Value;

use super::Arguments;

pub(super) fn has_value<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    let wanted = arguments.value(1)?;
    Some(Value::Bool(match arguments.value(0)? {
        Value::Array(elements) => elements.contains(wanted),
        Value::Map(entries) => entries.iter().any(|(_, value)| value == wanted),
        Value::Bool(_) | Value::Int(_) | Value::String(_) | Value::Ip(_) => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn values_are_compared_exactly() {
        assert_eq!(call("has_value", &[texts(&["X-My-Header"]), text("X-My-Header")]), Some(yes()));
        assert_eq!(call("has_value", &[texts(&["X-My-Header"]), text("x-my-header")]), Some(no()));
        assert_eq!(call("has_value", &[map(&[("a", int(1))]), int(1)]), Some(yes()));
    }
}
