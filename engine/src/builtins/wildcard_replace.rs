//! A whole string that matches a wildcard pattern replaced.

use crate::constants::Constant;
use crate::value::Value;

use super::Arguments;
use super::regex_replace::fill;

pub(super) fn wildcard_replace<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    let text = arguments.text(0)?;
    let Constant::WildcardReplace(glob, parts) = arguments.constant? else { return None };
    let Some(stars) = glob.captures(text) else {
        return arguments.value(0).cloned();
    };
    let star = |number: usize| text.get(stars.get(number.checked_sub(1)?)?.clone());
    Some(fill(parts, star)?.into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn stars_match_lazily_and_case_does_not_matter() {
        let replace =
            |source, pattern, with| call("wildcard_replace", &[text(source), text(pattern), text(with)]);
        assert_eq!(
            replace(
                "https://apps.example.com/calendar/admin?expand=true",
                "https://*.example.com/*/*",
                "https://example.com/${1}/${2}/${3}"
            ),
            Some(text("https://example.com/apps/calendar/admin?expand=true"))
        );
        assert_eq!(replace("/A/b", "/a/*", "/x/${1}"), Some(text("/x/b")));
        assert_eq!(replace("/a/x/x/b", "/*/x/*", "${1}|${2}"), Some(text("a|x/b")));
        assert_eq!(replace("/a", "/b*", "x"), Some(text("/a")));
        assert_eq!(
            call("wildcard_replace", &[text("/A"), text("/a"), text("x"), text("s")]),
            Some(text("/A"))
        );
    }
}
