//! ASCII letters in lower case.

use crate::value::Value;

use super::Arguments;

pub(super) fn lower<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    Some(arguments.text(0)?.to_ascii_lowercase().into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn other_bytes_stay() {
        assert_eq!(call("lower", &[bytes(b"ABC\xc3\x89\xff")]), Some(bytes(b"abc\xc3\x89\xff")));
        assert_eq!(call("upper", &[bytes(b"abc\xc3\xa9z")]), Some(bytes(b"ABC\xc3\xa9Z")));
        assert_eq!(call_absent("lower", &[None]), None);
    }
}
