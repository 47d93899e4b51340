//! The first argument that is there.

use crate::value::Value;

use super::Arguments;

pub(super) fn coalesce<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    arguments.values.iter().find_map(Clone::clone)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn absent_arguments_are_passed_over() {
        assert_eq!(call_absent("coalesce", &[None, Some(text("/")), Some(text("x"))]), Some(text("/")));
        assert_eq!(call_absent("coalesce", &[None, None]), None);
    }
}
