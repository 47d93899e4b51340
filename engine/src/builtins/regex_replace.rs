//! The first match of a regular expression replaced.

use shield_ir::wildcard::Part;

use crate::constants::Constant;
use crate::value::Value;

use super::{Arguments, MAX_STRING};

pub(super) fn regex_replace<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    let text = arguments.text(0)?;
    let Constant::RegexReplace(regex, parts) = arguments.constant? else { return None };
    let mut groups = regex.create_captures();
    regex.captures(text, &mut groups);
    let Some(whole) = groups.get_match() else { return arguments.value(0).cloned() };
    let before = text.get(..whole.start())?;
    let after = text.get(whole.end()..)?;
    let filled = fill(parts, |group| groups.get_group(group).and_then(|span| text.get(span.range())))?;
    Some([before, &filled, after].concat().into())
}

/// A replacement with its references filled in; a group that took no part is empty.
pub(super) fn fill<'t>(parts: &[Part], group: impl Fn(usize) -> Option<&'t [u8]>) -> Option<Vec<u8>> {
    let mut filled = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => filled.extend_from_slice(text),
            Part::Group(number) => filled.extend_from_slice(group(*number).unwrap_or_default()),
        }
        if filled.len() > MAX_STRING {
            return None;
        }
    }
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn the_first_match_alone_is_replaced() {
        let replace =
            |source, pattern, with| call("regex_replace", &[text(source), text(pattern), text(with)]);
        assert_eq!(replace("/foo/bar", "/bar$", "/baz"), Some(text("/foo/baz")));
        assert_eq!(replace("/x", "^/y$", "/mumble"), Some(text("/x")));
        assert_eq!(replace("/b", "^/B$", "/x"), Some(text("/b")));
        assert_eq!(
            replace("/foo/a/path", "^/foo/([^/]*)/(.*)$", "/bar/${2}/${1}"),
            Some(text("/bar/path/a"))
        );
        assert_eq!(replace("/aaa", "a", "$$b"), Some(text("/$baa")));
        assert_eq!(replace("/a", "a|(b)", "[${1}]"), Some(text("/[]")));
    }
}
