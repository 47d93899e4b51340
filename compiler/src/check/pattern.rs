//! Regular expressions and wildcards: checked as the engine will compile them.

use regex_automata::nfa::thompson;
use regex_syntax::hir::Hir;
use shield_ir::verify::MAX_REGEX;
use shield_ir::wildcard::{Pieces, WildcardError};

use super::Checker;
use crate::ast::{Text, Word};
use crate::codes::E0305;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The largest automaton of one expression in bytes, as Cloudflare has it.
const MAX_PROGRAM: usize = 10 << 20;

impl Checker<'_> {
    /// The text of a regular expression that the engine can run.
    pub(super) fn regex(&mut self, word: &Word) -> Option<Box<str>> {
        let text = match &word.node {
            Text::Regex(text) | Text::Word(text) => text.clone(),
            Text::String(bytes) => String::from_utf8(bytes.clone()).ok().or_else(|| {
                self.report(Diagnostic::new(E0305, word.span, "a regular expression is UTF-8 text"));
                None
            })?,
        };
        let hir = self.regex_text(&text, word.span)?;
        self.remark_regex(&text, &hir, word.span);
        Some(text.into())
    }

    /// A regular expression taken apart; one that the engine cannot run is reported.
    pub(super) fn regex_text(&mut self, text: &str, span: Span) -> Option<Hir> {
        if text.len() > MAX_REGEX {
            self.report(Diagnostic::new(
                E0305,
                span,
                format!("the expression is longer than {MAX_REGEX} bytes"),
            ));
            return None;
        }
        let parsed = regex_syntax::ParserBuilder::new().utf8(false).unicode(false).build().parse(text);
        let hir = match parsed {
            Ok(hir) => hir,
            Err(error) => {
                self.report(syntax(text, span, &error));
                return None;
            }
        };
        let config = thompson::Config::new().utf8(false).nfa_size_limit(Some(MAX_PROGRAM));
        if thompson::Compiler::new().configure(config).build_from_hir(&hir).is_err() {
            self.report(
                Diagnostic::new(
                    E0305,
                    span,
                    format!("the expression compiles to more than {} MiB", MAX_PROGRAM >> 20),
                )
                .help("lower its counts: `{1,1000}` repeats what it is about a thousand times"),
            );
            return None;
        }
        Some(hir)
    }

    /// The bytes of a wildcard pattern.
    pub(super) fn wildcard_pattern(&mut self, word: &Word) -> Option<Box<[u8]>> {
        let bytes = match &word.node {
            Text::String(bytes) => bytes.clone(),
            Text::Regex(text) | Text::Word(text) => text.clone().into_bytes(),
        };
        self.wildcard_bytes(&bytes, word.span)?;
        Some(bytes.into())
    }

    /// Reports a wildcard pattern that is malformed.
    pub(super) fn wildcard_bytes(&mut self, bytes: &[u8], span: Span) -> Option<()> {
        let diagnostic = match Pieces::parse(bytes) {
            Ok(_) => return Some(()),
            Err(WildcardError::DoubleStar(_)) => {
                Diagnostic::new(E0305, span, "the pattern has two stars in a row")
                    .help("one `*` stands for any text")
            }
            Err(WildcardError::Escape(_)) => {
                Diagnostic::new(E0305, span, "only `\\*` and `\\\\` are escapes of a pattern")
                    .help("write `\\\\` for a backslash, inside a raw string: `r\"…\"`")
            }
        };
        self.report(diagnostic);
        None
    }
}

fn syntax(text: &str, span: Span, error: &regex_syntax::Error) -> Diagnostic {
    use regex_syntax::ast::ErrorKind;
    let (message, help) = match error {
        regex_syntax::Error::Parse(error) => match error.kind() {
            ErrorKind::UnsupportedLookAround => (
                "look-around is not supported: expressions run in linear time".to_owned(),
                "match what must be there, and exclude the rest with `and not … matches …`",
            ),
            ErrorKind::UnsupportedBackreference => (
                "back-references are not supported: expressions run in linear time".to_owned(),
                "write out the alternatives",
            ),
            kind => (kind.to_string(), "expressions have Rust `regex` syntax, on bytes"),
        },
        regex_syntax::Error::Translate(error) => (
            error.kind().to_string().to_lowercase(),
            "expressions match bytes; `(?u)` at the start turns Unicode on",
        ),
        _ => ("the expression is malformed".to_owned(), "expressions have Rust `regex` syntax, on bytes"),
    };
    Diagnostic::new(E0305, span, message).label(format!("in `{text}`")).help(help)
}
