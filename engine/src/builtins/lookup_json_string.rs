//! The string at a place in a JSON text.

use crate::value::Value;

use super::Arguments;

pub(super) fn lookup_json_string<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    let serde_json::Value::String(found) = lookup(arguments)? else { return None };
    Some(found.into_bytes().into())
}

/// What stands at the keys and positions that follow a JSON text.
pub(super) fn lookup(arguments: &Arguments<'_, '_>) -> Option<serde_json::Value> {
    let mut found: serde_json::Value = serde_json::from_slice(arguments.text(0)?).ok()?;
    for key in arguments.values.get(1..)?.iter().flatten() {
        let place = if let Value::Int(at) = key {
            found.get_mut(usize::try_from(*at).ok()?)
        } else {
            found.get_mut(std::str::from_utf8(key.bytes()?).ok()?)
        };
        found = place?.take();
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn only_strings_are_strings() {
        let json = r#"{"company":"cloudflare","n":1,"k\u00e9y":["x"]}"#;
        let look =
            |keys: &[crate::Value<'static>]| call("lookup_json_string", &[&[text(json)], keys].concat());
        assert_eq!(look(&[text("company")]), Some(text("cloudflare")));
        assert_eq!(look(&[text("k\u{e9}y"), int(0)]), Some(text("x")));
        assert_eq!(look(&[text("n")]), None);
        assert_eq!(call("lookup_json_string", &[text("{no json"), text("a")]), None);
        assert_eq!(call("lookup_json_string", &[text(&"[".repeat(100_000)), int(0)]), None);
    }
}
