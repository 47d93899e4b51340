//! The integer at a place in a JSON text.

use crate::value::Value;

use super::Arguments;
use super::lookup_json_string::lookup;

pub(super) fn lookup_json_integer<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    Some(Value::Int(lookup(arguments)?.as_i64()?))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn integers_are_found_by_keys_and_positions() {
        let json = r#"{"a":[1,{"b":-7,"c":42.0,"d":"5"}]}"#;
        let look =
            |keys: &[crate::Value<'static>]| call("lookup_json_integer", &[&[text(json)], keys].concat());
        assert_eq!(look(&[text("a"), int(1), text("b")]), Some(int(-7)));
        assert_eq!(look(&[text("a"), int(0)]), Some(int(1)));
        for absent in [
            vec![text("x")],
            vec![text("a"), int(1), text("c")],
            vec![text("a"), int(1), text("d")],
            vec![text("a"), int(-1)],
            vec![text("a"), text("0")],
        ] {
            assert_eq!(look(&absent), None);
        }
    }
}
