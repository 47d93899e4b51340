//! The text of a scalar.

use crate::value::Value;

use super::Arguments;

pub(super) fn to_string<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    let text = match arguments.value(0)? {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Ip(value) => value.to_string(),
        Value::String(_) | Value::Array(_) | Value::Map(_) => return None,
    };
    Some(text.into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn scalars_have_one_text() {
        assert_eq!(call("to_string", &[int(-5)]), Some(text("-5")));
        assert_eq!(call("to_string", &[yes()]), Some(text("true")));
        assert_eq!(call("to_string", &[ip("2001:DB8:0::1")]), Some(text("2001:db8::1")));
    }
}
