//! ASCII letters in upper case.

use crate::value::Value;

use super::Arguments;

pub(super) fn upper<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    Some(arguments.text(0)?.to_ascii_uppercase().into())
}
