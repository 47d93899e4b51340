//! Syntax errors: pest's furthest failure in the words of the language.

use pest::error::{Error, ErrorVariant, InputLocation};

use super::{ITEM_WORDS, Reader, Rule, nesting};
use crate::codes::{E0101, E0102};
use crate::diagnostic::Diagnostic;
use crate::names::nearest;
use crate::source::Span;

/// Rules that mean several tokens, or a token whose name is no word of the language, in the words of a person; `|` stands
/// between alternatives.
const WORDS: &[(Rule, &str)] = &[
    (Rule::item, "an item such as `api`, `rule` or `list`"),
    (Rule::api_statement, "a statement of an `api`"),
    (Rule::endpoint_statement, "a statement of an `endpoint`"),
    (Rule::rule_statement, "`on`|`when`|`then`|`mode shadow`"),
    (Rule::session_statement, "`jwt`|`header`|`cookie`"),
    (Rule::jwt_statement, "a statement of a `jwt`"),
    (Rule::limit_statement, "`on`|`by`|`count`|`cost`|`allow`|`then`|`mode shadow`"),
    (Rule::mtls_statement, "`ca`|`revoked`|`on`|`then`|`mode shadow`"),
    (Rule::token_statement, "a claim"),
    (Rule::claim, "a claim"),
    (Rule::from_header, "`header`"),
    (Rule::from_cookie, "`cookie`"),
    (Rule::keys_file, "`file`"),
    (Rule::keys_url, "`url`"),
    (Rule::keys_secret, "`secret`"),
    (Rule::by_value, "`session`|a field|a call|an expression in parentheses"),
    (Rule::by_session, "`session`"),
    (Rule::token_ago, "a duration such as `10m`"),
    (Rule::token_list, "`[`"),
    (Rule::burst, "a number"),
    (Rule::test_statement, "`request`|`header`|`body`|`field`|`response`|`expect`|`token`|`repeat`|`after`"),
    (Rule::name, "a name"),
    (Rule::any_name, "a name"),
    (Rule::name_or_string, "a name"),
    (Rule::operation_name, "an operationId"),
    (Rule::string, "a string between double quotes"),
    (Rule::string_or_raw, "a string between double quotes"),
    (Rule::raw_string, "a string between double quotes"),
    (Rule::regex_string, "a regular expression between double quotes"),
    (Rule::set, "a set `{…}`"),
    (Rule::list_file, "`file \"…\"`"),
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
    (Rule::operand_value, "a field|a call|a literal|an expression in parentheses"),
    (Rule::group_value, "an expression in parentheses"),
    (Rule::right, "a literal|a field"),
    (Rule::expression, "a condition"),
    (Rule::bare_expression, "an expression"),
    (Rule::term, "a condition"),
    (Rule::comparison, "a condition"),
    (Rule::quantifier, "`any(…)`"),
    (Rule::argument, "an argument"),
    (Rule::index, "`[`"),
    (Rule::each, "`*`"),
    (Rule::index_number, "an index"),
    (Rule::operation, "an operator"),
    (Rule::op_order, "an operator"),
    (Rule::op_contains, "an operator"),
    (Rule::op_matches, "an operator"),
    (Rule::op_wildcard, "an operator"),
    (Rule::op_in, "an operator"),
    (Rule::op_bits, "an operator"),
    (Rule::operator_ahead, "an operator"),
    (Rule::connective, "`and`|`or`"),
    (Rule::conn_and, "`and`|`or`"),
    (Rule::conn_xor, "`and`|`or`"),
    (Rule::conn_or, "`and`|`or`"),
    (Rule::negation, "`not`"),
    (Rule::kw_not, "`not`"),
    (Rule::op_bang, "`not`"),
    (Rule::group, "`(`"),
    (Rule::paren_open, "`(`"),
    (Rule::paren_close, "`)`"),
    (Rule::block_open, "`{`"),
    (Rule::block_close, "`}`"),
    (Rule::later_block, "`{`"),
    (Rule::set_open, "`{`"),
    (Rule::set_close, "`}`"),
    (Rule::bracket_open, "`[`"),
    (Rule::bracket_close, "`]`"),
    (Rule::comma, "`,`"),
    (Rule::colon, "`:`"),
    (Rule::dot, "`.`"),
    (Rule::equals, "`=`"),
    (Rule::method, "a method such as `GET`"),
    (Rule::path, "a path"),
    (Rule::status, "a status of three digits"),
    (Rule::count, "a number"),
    (Rule::duration, "a duration such as `10m`"),
    (Rule::size, "a size such as `1MiB`"),
    (Rule::type_name, "a type"),
    (Rule::environment, "`env \"NAME\"`"),
    (Rule::check_mode, "`block`|`log`|`off`"),
    (Rule::request_part, "`query`|`headers`|`cookies`"),
    (Rule::undeclared_mode, "`block`|`log`|`allow`"),
    (Rule::problem_detail, "`full`|`short`|`none`"),
    (Rule::protection, "a protection such as `schema` or `limits`"),
    (Rule::message_side, "`request`|`response`"),
    (Rule::rewrite_part, "`path`|`query`"),
    (Rule::body_text, "a body"),
    (Rule::body_kind, "a body"),
    (Rule::hold, "`for`"),
    (Rule::scope, "a scope: an API, an endpoint, or a host in quotes"),
    (Rule::scope_endpoint, "a method and a path"),
    (Rule::scope_operation, "an API"),
    (Rule::scope_api, "an API"),
    (Rule::scope_tag, "`tag`"),
    (Rule::scope_named, "`operation`"),
    (Rule::action, "an action such as `block`, `log` or `allow`"),
    (Rule::quote, "a string between double quotes"),
    (Rule::EOI, "the end of the expression"),
];

/// Rules that may go on with what is complete already; they are named only where nothing else is expected.
const CONTINUATIONS: &[Rule] = &[
    Rule::operation,
    Rule::op_order,
    Rule::op_contains,
    Rule::op_matches,
    Rule::op_wildcard,
    Rule::op_in,
    Rule::op_bits,
    Rule::operator_ahead,
    Rule::connective,
    Rule::conn_and,
    Rule::conn_xor,
    Rule::conn_or,
    Rule::index,
    Rule::bracket_open,
    Rule::status,
    Rule::body_text,
    Rule::body_kind,
    Rule::hold,
    Rule::kw_json,
    Rule::kw_text,
    Rule::kw_html,
    Rule::kw_for,
    Rule::kw_by,
    Rule::kw_from,
    Rule::kw_tag,
    Rule::kw_operation,
    Rule::kw_env,
    Rule::environment,
    Rule::scope_tag,
    Rule::scope_named,
    Rule::scope_endpoint,
    Rule::protection,
    Rule::set_item,
];

/// Rules that stand for several keywords, which a misspelt word may have meant.
const KEYWORDS: &[(Rule, &[&str])] = &[
    (
        Rule::api_statement,
        &[
            "openapi",
            "host",
            "upstream",
            "requests",
            "responses",
            "unknown",
            "undeclared",
            "problems",
            "body",
            "mode",
            "endpoint",
        ],
    ),
    (Rule::endpoint_statement, &["requests", "responses", "undeclared", "problems", "body", "mode"]),
    (Rule::rule_statement, &["on", "when", "then", "mode"]),
    (Rule::session_statement, &["jwt", "header", "cookie"]),
    (
        Rule::jwt_statement,
        &[
            "from",
            "keys",
            "algorithms",
            "issuer",
            "audience",
            "type",
            "require",
            "optional",
            "leeway",
            "deny",
        ],
    ),
    (Rule::limit_statement, &["on", "by", "count", "cost", "allow", "then", "mode"]),
    (Rule::mtls_statement, &["ca", "revoked", "on", "then", "mode"]),
    (
        Rule::test_statement,
        &["request", "header", "body", "field", "response", "expect", "token", "repeat", "after"],
    ),
    (Rule::action, &["log", "block", "allow", "skip", "redirect", "rewrite", "set", "add", "remove"]),
    (Rule::check_mode, &["block", "log", "off"]),
    (Rule::problem_detail, &["full", "short", "none"]),
    (Rule::request_part, &["query", "headers", "cookies"]),
    (Rule::protection, &["rules", "limits", "schema", "jwt", "sequence", "graphql", "sensitive"]),
];

/// Words of other languages, and what to write here.
const SYNONYMS: &[(&str, &str)] = &[
    ("if", "conditions follow `when`"),
    ("where", "conditions follow `when`"),
    ("deny", "the action is called `block`"),
    ("drop", "the action is called `block`"),
    ("reject", "the action is called `block`"),
    ("pass", "the action is called `allow`"),
    ("accept", "the action is called `allow`"),
    ("challenge", "nobody here can solve a challenge: `block` or `log`"),
    ("js_challenge", "nobody here can solve a challenge: `block` or `log`"),
    ("managed_challenge", "nobody here can solve a challenge: `block` or `log`"),
    ("limit", "a limit is an item of its own, beside rules"),
    ("name", "the name follows the keyword: `api petstore { … }`"),
    ("+", "there is no arithmetic; `len`, `concat` and comparisons are what there is"),
    ("*", "there is no arithmetic; `len`, `concat` and comparisons are what there is"),
    ("%", "there is no arithmetic; `len`, `concat` and comparisons are what there is"),
    ("?", "there is no `? :`; write two rules, or `coalesce(…)` for a value that may be absent"),
    (";", "statements need no separator"),
    (",", "statements need no separator"),
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
        if let Some(open) = unclosed_string(text, at) {
            let open = Span::new(self.file, self.base + open, self.base + open + 1);
            let message = "this string is not closed";
            self.report(
                Diagnostic::new(E0102, open, message).label("it begins here").help("close it with `\"`"),
            );
            return;
        }
        let found = found(text, at);
        let span = Span::new(self.file, self.base + at, self.base + at + found.len());
        let words = in_words(expected, found);
        let shown = if found.is_empty() { "the end of the text".to_owned() } else { format!("`{found}`") };
        let mut diagnostic = if words.is_empty() {
            Diagnostic::new(E0101, span, format!("{shown} cannot stand here"))
        } else {
            Diagnostic::new(E0101, span, format!("expected {}, found {shown}", list(&words)))
        };
        if let Some(open) = unclosed_block(text, at, expected, found) {
            let open = Span::new(self.file, self.base + open, self.base + open + 1);
            diagnostic = diagnostic.related(open, "this block is not closed");
        } else if let Some(open) = unclosed_parenthesis(text, at, expected, found) {
            let open = Span::new(self.file, self.base + open, self.base + open + 1);
            diagnostic = diagnostic.related(open, "this parenthesis is not closed");
        } else if let Some(start) = string_over_lines(text, at) {
            let start = Span::new(self.file, self.base + start, self.base + start + 1);
            diagnostic = diagnostic.related(start, "the string that begins here ends on a later line");
        }
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
        Some('"') => {
            let line = rest.lines().next().unwrap_or_default();
            line.get(1..).and_then(|inside| inside.find('"')).map_or(1, |quote| quote + 2)
        }
        Some('/') if rest.starts_with("//") => 2,
        Some(c) if word(c) => rest.find(|c| !word(c)).unwrap_or(rest.len()),
        Some(c) => c.len_utf8(),
        None => 0,
    };
    rest.get(..end).unwrap_or_default()
}

/// The place of the string that begins where parsing failed and never ends.
fn unclosed_string(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let opens = rest.strip_prefix('r').map_or(rest, |raw| raw.trim_start_matches('#')).starts_with('"');
    (opens && nesting::string_end(text, at).is_none()).then_some(at)
}

/// The brace of the item's block, when another item begins where it should have ended.
fn unclosed_block(text: &str, at: usize, expected: &[Rule], found: &str) -> Option<usize> {
    let first_column = text.get(..at).is_some_and(|before| before.ends_with('\n')) || found.is_empty();
    let ends = expected.contains(&Rule::block_close) && (found.is_empty() || ITEM_WORDS.contains(&found));
    (first_column && ends).then(|| text.find('{')).flatten()
}

/// The innermost open parenthesis, when something stands where it should have ended.
fn unclosed_parenthesis(text: &str, at: usize, expected: &[Rule], found: &str) -> Option<usize> {
    let ends = expected.contains(&Rule::paren_close) && matches!(found, "" | "when" | "then" | "on" | "}");
    ends.then(|| nesting::open_parenthesis(text, at)).flatten()
}

/// Where a string begins that ends on the line at which parsing failed, and not on the one on which it begins.
fn string_over_lines(text: &str, at: usize) -> Option<usize> {
    let line = text.get(..at)?.rfind('\n')?;
    nesting::strings(text)
        .take_while(|(start, _)| *start < at)
        .find(|(start, end)| *start < line && *end > line)
        .map(|(start, _)| start)
}

/// What was expected, each kind once: the next tokens, and what may go on with those before only where that is all,
/// or where a sign stands that begins no statement.
fn in_words(expected: &[Rule], found: &str) -> Vec<String> {
    let sign = found.starts_with(|c: char| c.is_ascii_punctuation() && !matches!(c, '{' | '}' | '"' | '#'));
    let operators = expected.iter().any(|rule| word(*rule).starts_with("an operator"));
    let wanted = |rule: &Rule| {
        if CONTINUATIONS.contains(rule) {
            sign && operators
        } else {
            !(sign && operators) || *rule == Rule::block_close
        }
    };
    let some: Vec<Rule> = expected.iter().copied().filter(wanted).collect();
    let mut words = Vec::new();
    for rule in if some.is_empty() { expected } else { &some } {
        for word in word(*rule).split('|') {
            if !word.is_empty() && !words.iter().any(|known| known == word) {
                words.push(word.to_owned());
            }
        }
    }
    words
}

fn word(rule: Rule) -> String {
    if let Some((_, word)) = WORDS.iter().find(|(known, _)| *known == rule) {
        return (*word).to_owned();
    }
    let name = format!("{rule:?}");
    name.strip_prefix("kw_").map_or_else(String::new, |keyword| format!("`{keyword}`"))
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
    let expects = |rules: &[Rule]| rules.iter().any(|rule| expected.contains(rule));
    if let Some(keyword) = nearest(found, keywords(expected, at).iter().map(String::as_str)) {
        return Some(format!("did you mean `{keyword}`?"));
    }
    let before = text.get(..at).unwrap_or_default();
    let whole = text.get(at..).unwrap_or_default().split_whitespace().next().unwrap_or_default();
    let last = before.split_whitespace().next_back().unwrap_or_default();
    let is_word = found.starts_with(|c: char| c.is_ascii_alphanumeric());
    Some(match found {
        "//" => "comments begin with `#`".to_owned(),
        ":" if expects(&[Rule::equals]) => "write `=` before what the name stands for".to_owned(),
        ":" => "no `:` follows a word of the language".to_owned(),
        _ if expects(&[Rule::name]) && super::Grammar::is_reserved(found) => {
            format!("`{found}` is a word of the language; choose another name")
        }
        _ if expects(&[Rule::regex_string]) => format!("write the expression between quotes: `r\"{whole}\"`"),
        _ if expects(&[Rule::path]) && is_word => format!("a path begins with `/`: `/{found}`"),
        _ if found == "/"
            && last.bytes().all(|byte| byte.is_ascii_lowercase())
            && expects(&[Rule::method]) =>
        {
            format!("methods are upper case: `{}`", last.to_ascii_uppercase())
        }
        _ if expects(&[Rule::status])
            && found.len() > 1
            && found.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            "a status has three digits: `403`".to_owned()
        }
        _ if expects(&[Rule::duration]) => "units are `ms`, `s`, `m`, `h` and `d`: `90s`, `10m`".to_owned(),
        _ if expects(&[Rule::size]) => "units are `B`, `KiB`, `MiB` and `GiB`: `64KiB`, `1MiB`".to_owned(),
        _ if expects(&[Rule::block_open]) => "statements stand in a block: `{ … }`".to_owned(),
        _ if found.starts_with('-') && before.ends_with(|c: char| c.is_ascii_alphanumeric()) => {
            let key = before.rsplit(['.', ' ']).next().unwrap_or_default();
            format!("a key with `-` stands in brackets and quotes: `[\"{key}{found}\"]`")
        }
        _ if is_word && expects(&[Rule::string, Rule::string_or_raw]) && !expects(&[Rule::word]) => {
            format!("write it between quotes: `\"{whole}\"`")
        }
        _ if expects(&[Rule::term, Rule::expression, Rule::operand, Rule::comparison])
            && (found.starts_with('"') || found.starts_with(|c: char| c.is_ascii_digit())) =>
        {
            "a literal stands on the right side of an operator".to_owned()
        }
        "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "in" | "matches" | "contains" | "wildcard" | "and"
        | "or"
            if before.lines().next_back().is_some_and(|line| line.trim_start().starts_with("then")) =>
        {
            "an expression with an operator stands in parentheses here".to_owned()
        }
        _ => SYNONYMS.iter().find(|(word, _)| *word == found).map(|(_, help)| (*help).to_owned())?,
    })
}

/// The keywords that a misspelt word may have meant.
fn keywords(expected: &[Rule], at: usize) -> Vec<String> {
    if expected.contains(&Rule::item) || at == 0 {
        return ITEM_WORDS.iter().map(|word| (*word).to_owned()).collect();
    }
    let of_groups = KEYWORDS.iter().filter(|(rule, _)| expected.contains(rule)).flat_map(|(_, words)| *words);
    of_groups
        .map(|word| (*word).to_owned())
        .chain(expected.iter().filter_map(|rule| keyword(*rule)))
        .collect()
}

/// The word of the language that a rule is, by the name that the grammar gives it.
fn keyword(rule: Rule) -> Option<String> {
    format!("{rule:?}").strip_prefix("kw_").map(str::to_owned)
}

impl super::Grammar {
    /// Whether a word is reserved.
    pub(super) fn is_reserved(word: &str) -> bool {
        use pest::Parser as _;
        Self::parse(Rule::reserved, word).is_ok_and(|pairs| pairs.as_str().len() == word.len())
    }
}
