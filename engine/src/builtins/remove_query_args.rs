//! A query without some arguments.

use std::collections::BTreeSet;

use crate::value::Value;

use super::Arguments;

pub(super) fn remove_query_args<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    let removed: BTreeSet<&[u8]> =
        arguments.values.get(1..)?.iter().flatten().filter_map(Value::bytes).collect();
    let name = |piece: &[u8]| piece.iter().position(|byte| *byte == b'=').unwrap_or(piece.len());
    let is_kept = |piece: &&[u8]| !piece.get(..name(piece)).is_some_and(|name| removed.contains(name));
    let kept: Vec<&[u8]> = arguments.text(0)?.split(|byte| *byte == b'&').filter(is_kept).collect();
    Some(kept.join(&b'&').into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn all_arguments_of_the_names_go_and_the_rest_keeps_its_order() {
        let remove = |query: &str, names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| text(name)).collect();
            call("remove_query_args", &[&[text(query)], &names[..]].concat())
        };
        let query = "order=asc&country=GB&order=desc&x";
        assert_eq!(remove(query, &["country"]), Some(text("order=asc&order=desc&x")));
        assert_eq!(remove(query, &["order", "country"]), Some(text("x")));
        assert_eq!(remove(query, &["x"]), Some(text("order=asc&country=GB&order=desc")));
        assert_eq!(remove(query, &["ord"]), Some(text(query)));
    }
}
