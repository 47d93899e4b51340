//! A string without white space at both ends.

use crate::value::Value;

use super::Arguments;

pub(super) fn trim<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    Some(arguments.text(0)?.trim_ascii().to_vec().into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn white_space_inside_stays() {
        assert_eq!(call("trim", &[text(" \t a b\r\n")]), Some(text("a b")));
    }
}
