//! Whether a map has a key.

use crate::value::Value;

use super::Arguments;

pub(super) fn has_key<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    let Value::Map(entries) = arguments.value(0)? else { return None };
    let key = arguments.text(1)?;
    Some(Value::Bool(entries.iter().any(|(name, _)| **name == *key)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn keys_are_compared_bytewise() {
        let map = || map(&[("a", text("1"))]);
        assert_eq!(call("has_key", &[map(), text("a")]), Some(yes()));
        assert_eq!(call("has_key", &[map(), text("A")]), Some(no()));
        assert_eq!(call_absent("has_key", &[Some(map()), None]), None);
    }
}
