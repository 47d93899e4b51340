//! Syntax errors: pest's furthest failure in the words of the language.

use pest::error::{Error, ErrorVariant, InputLocation};

use super::{ITEM_WORDS, Reader, Rule};
use crate::codes::{E0101, E0102};
use crate::diagnostic::Diagnostic;
use crate::names::nearest;
use crate::source::Span;

/// Rules that mean several tokens, or a token whose name is no word of the language, in the words of a person.
const WORDS: &[(Rule, &str)] = &[
    (Rule::item, "an item such as `api`, `rule` or `list`"),
    (Rule::api_statement, "a statement of an `api`"),
    (Rule::endpoint_statement, "a statement of an `endpoint`"),
    (Rule::rule_statement, "`on`, `when`, `then` or `mode shadow`"),
    (Rule::test_statement, "`request`, `header`, `body`, `field`, `response`, `expect`, `repeat` or `after`"),
    (Rule::name, "a name"),
    (Rule::any_name, "a name"),
    (Rule::name_or_string, "a name"),
    (Rule::string, "a string between double quotes"),
    (Rule::string_or_raw, "a string"),
    (Rule::raw_string, "a raw string `r\"…\"`"),
    (Rule::regex_string, "a regular expression between double quotes"),
    (Rule::end_quote, "a closing `\"`"),
    (Rule::raw_end, "the end of the raw string"),
    (Rule::set, "a set `{…}`"),
    (Rule::set_item, "a member of the set"),
    (Rule::list_name, "a list `$name`"),
    (Rule::word, "a literal"),
    (Rule::value_literal, "a literal"),
    (Rule::value_number, "a number"),
    (Rule::operand, "a field, a function or a `let`"),
    (Rule::identifier, "a field or a `let`"),
    (Rule::call, "a function call"),
    (Rule::function_name, "a function"),
    (Rule::indexed_operand, "a function call"),
    (Rule::operand_value, "a field, a call, a literal, or an expression in parentheses"),
    (Rule::right, "a literal or a field"),
    (Rule::expression, "an expression"),
    (Rule::term, "an expression"),
    (Rule::comparison, "a comparison"),
    (Rule::argument, "an argument"),
    (Rule::each, "`*`"),
    (Rule::index_number, "an index"),
    (Rule::operation, "an operator"),
    (Rule::op_order, "an operator"),
    (Rule::op_contains, "an operator"),
    (Rule::op_matches, "an operator"),
    (Rule::op_wildcard, "an operator"),
    (Rule::op_in, "an operator"),
    (Rule::op_bits, "an operator"),
    (Rule::connective, "`and`, `xor` or `or`"),
    (Rule::conn_and, "`and`, `xor` or `or`"),
    (Rule::conn_xor, "`and`, `xor` or `or`"),
    (Rule::conn_or, "`and`, `xor` or `or`"),
    (Rule::negation, "`not`"),
    (Rule::kw_not, "`not`"),
    (Rule::op_bang, "`not`"),
    (Rule::group, "`(`"),
    (Rule::paren_open, "`(`"),
    (Rule::paren_close, "`)`"),
    (Rule::block_open, "`{`"),
    (Rule::block_close, "`}`"),
    (Rule::set_open, "`{`"),
    (Rule::set_close, "`}`"),
    (Rule::bracket_open, "`[`"),
    (Rule::bracket_close, "`]`"),
    (Rule::comma, "`,`"),
    (Rule::colon, "`:`"),
    (Rule::equals, "`=`"),
    (Rule::method, "a method such as `GET`, or `*`"),
    (Rule::path, "a path"),
    (Rule::status, "a status of three digits"),
    (Rule::count, "a number"),
    (Rule::duration, "a duration such as `10m`"),
    (Rule::size, "a size such as `1MiB`"),
    (Rule::type_name, "a type"),
    (Rule::scope, "a scope: an API, an endpoint, or a host in quotes"),
    (Rule::scope_endpoint, "a method and a path"),
    (Rule::scope_api, "an API"),
    (Rule::action, "an action such as `block`, `log` or `allow`"),
    (Rule::quote, "a string between double quotes"),
    (Rule::EOI, "the end of the expression"),
];

/// Rules that are possible at a place and no help to a person who made a mistake there.
const UNHELPFUL: &[Rule] = &[
    Rule::operation,
    Rule::op_order,
    Rule::op_contains,
    Rule::op_matches,
    Rule::op_wildcard,
    Rule::op_in,
    Rule::op_bits,
    Rule::connective,
    Rule::conn_and,
    Rule::conn_xor,
    Rule::conn_or,
];

impl Reader<'_> {
    /// Reports that a text does not parse.
    pub(super) fn syntax(&mut self, text: &str, error: &Error<Rule>) {
        let at = match error.location {
            InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
        };
        let expected = match &error.variant {
            ErrorVariant::ParsingError { positives, negatives: _ } => positives.as_slice(),
            ErrorVariant::CustomError { .. } => &[],
        };
        let found = found(text, at);
        let span = Span::new(self.file, self.base + at, self.base + at + found.len());
        if let Some(open) = unclosed(text, at, expected) {
            let open = Span::new(self.file, self.base + open, self.base + open + 1);
            let message = "this string is not closed";
            self.report(
                Diagnostic::new(E0102, open, message).label("it begins here").help("close it with `\"`"),
            );
            return;
        }
        let words = in_words(expected);
        let shown = if found.is_empty() { "the end of the text".to_owned() } else { format!("`{found}`") };
        let mut diagnostic = if words.is_empty() {
            Diagnostic::new(E0101, span, format!("{shown} cannot stand here"))
        } else {
            Diagnostic::new(E0101, span, format!("expected {}, found {shown}", list(&words)))
        };
        if let Some(help) = advice(expected, found, text, at) {
            diagnostic = diagnostic.help(help);
        }
        self.report(diagnostic);
    }
}

/// The token that stands where parsing failed.
fn found(text: &str, at: usize) -> &str {
    let rest = text.get(at..).unwrap_or_default();
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let end = match rest.chars().next() {
        Some(c) if word(c) => rest.find(|c| !word(c)).unwrap_or(rest.len()),
        Some(c) => c.len_utf8(),
        None => 0,
    };
    rest.get(..end).unwrap_or_default()
}

/// Where a string begins that never ends, when that is what went wrong.
fn unclosed(text: &str, at: usize, expected: &[Rule]) -> Option<usize> {
    let ends = expected.iter().any(|rule| matches!(rule, Rule::end_quote | Rule::raw_end));
    (ends && at >= text.len()).then(|| text.rfind('"')).flatten()
}

/// What was expected, each kind once, the helpful ones alone where there are any.
fn in_words(expected: &[Rule]) -> Vec<String> {
    let helpful: Vec<Rule> = expected.iter().copied().filter(|rule| !UNHELPFUL.contains(rule)).collect();
    let mut words = Vec::new();
    for rule in if helpful.is_empty() { expected } else { &helpful } {
        let word = word(*rule);
        if !word.is_empty() && !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

fn word(rule: Rule) -> String {
    if let Some((_, word)) = WORDS.iter().find(|(known, _)| *known == rule) {
        return (*word).to_owned();
    }
    let name = format!("{rule:?}");
    match name.strip_prefix("kw_") {
        Some(keyword) => format!("`{keyword}`"),
        None if name.starts_with("wrong_") => String::new(),
        None => format!("{} here", name.replace('_', " ")).replace(" here", ""),
    }
}

fn list(words: &[String]) -> String {
    const SHOWN: usize = 8;
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some(_) if words.len() > SHOWN => {
            format!(
                "one of {}, …",
                words.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ")
            )
        }
        Some((last, before)) => format!("{} or {last}", before.join(", ")),
    }
}

/// What to write instead: the nearest keyword that could stand here, or a known trap.
fn advice(expected: &[Rule], found: &str, text: &str, at: usize) -> Option<String> {
    let keywords: Vec<String> = if expected.contains(&Rule::item) || at == 0 {
        ITEM_WORDS.iter().map(|word| (*word).to_owned()).collect()
    } else {
        expected
            .iter()
            .filter_map(|rule| format!("{rule:?}").strip_prefix("kw_").map(str::to_owned))
            .collect()
    };
    if let Some(keyword) = nearest(found, keywords.iter().map(String::as_str)) {
        return Some(format!("did you mean `{keyword}`?"));
    }
    if text.get(at..).is_some_and(|rest| rest.starts_with("//")) {
        return Some("comments begin with `#`".to_owned());
    }
    if expected.contains(&Rule::name) && super::Grammar::is_reserved(found) {
        return Some(format!("`{found}` is a word of the language; choose another name"));
    }
    if matches!(found, ";" | ",") {
        return Some("statements need no separator".to_owned());
    }
    if found == "\"" || found.starts_with(|c: char| c.is_ascii_digit()) {
        let operand = expected
            .iter()
            .any(|rule| matches!(rule, Rule::operand | Rule::identifier | Rule::function_name));
        return operand.then(|| "a literal stands on the right side of an operator".to_owned());
    }
    None
}

impl super::Grammar {
    /// Whether a word is reserved.
    pub(super) fn is_reserved(word: &str) -> bool {
        use pest::Parser as _;
        Self::parse(Rule::reserved, word).is_ok_and(|pairs| pairs.as_str().len() == word.len())
    }
}
