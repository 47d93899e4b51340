//! How long a string or an array is.

use crate::value::Value;

use super::Arguments;

pub(super) fn len<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    let length = match arguments.value(0)? {
        Value::String(bytes) => bytes.len(),
        Value::Array(elements) => elements.len(),
        Value::Bool(_) | Value::Int(_) | Value::Ip(_) | Value::Map(_) => return None,
    };
    Some(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn bytes_and_elements_are_counted() {
        assert_eq!(call("len", &[text("caf\u{e9}")]), Some(int(5)));
        assert_eq!(call("len", &[texts(&["a", "b"])]), Some(int(2)));
        assert_eq!(call_absent("len", &[None]), None);
    }
}
