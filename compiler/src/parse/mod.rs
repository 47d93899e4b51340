//! Text to syntax tree: files item by item, so that one mistake hides no other, and bare expressions.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "pest's `Rule` has a variant for every token; each reader names those it takes"
)]

mod error;
mod expr;
mod identity;
mod item;
mod literal;
mod nesting;
mod test;

use pest::Parser as _;
use pest::iterators::Pair;

use crate::ast;
use crate::codes::E0105;
use crate::diagnostic::Diagnostic;
use crate::source::{FileId, Span};

/// The longest text that is parsed, in bytes.
pub const MAX_TEXT: usize = 16 << 20;

/// How deep brackets and blocks nest at most.
pub const MAX_NESTING: usize = 128;

/// pest's parser, kept in a module of its own for the documentation of what it generates.
mod grammar {
    /// The grammar.
    #[derive(pest_derive::Parser, Debug)]
    #[grammar = "../../grammar/shield.pest"]
    pub(crate) struct Grammar;
}
pub(crate) use grammar::{Grammar, Rule};

pub(crate) use expr::{glued_word, integer, is_number, malformed};

/// Words that begin an item; after a mistake, reading goes on at the next one in the first column.
const ITEM_WORDS: &[&str] = &[
    "include",
    "api",
    "list",
    "let",
    "rule",
    "test",
    "provide",
    "geoip",
    "session",
    "jwt",
    "limit",
    "sequence",
    "graphql",
    "sensitive",
    "mtls",
];

/// Reads a file's items; every mistake becomes a diagnostic and costs at most the item that it stands in.
pub fn file(file: FileId, text: &str, diagnostics: &mut Vec<Diagnostic>) -> ast::File {
    let mut reader = Reader { file, base: 0, diagnostics };
    if !reader.fits(text) {
        return ast::File::default();
    }
    let mut items = Vec::new();
    let mut at = after_blank(text, 0);
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        reader.base = at;
        at = match Grammar::parse(Rule::item, rest) {
            Ok(mut pairs) => {
                let end = pairs.next().map_or(rest.len(), |pair| {
                    let end = pair.as_span().end();
                    items.extend(pair.into_inner().next().and_then(|inner| reader.item(&inner)));
                    end
                });
                after_blank(text, at + end.max(1))
            }
            Err(error) => {
                reader.syntax(rest, &error);
                items.extend(reader.broken(rest));
                next_item(text, at)
            }
        };
    }
    ast::File { items }
}

/// Reads a bare expression.
pub fn expression(file: FileId, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<ast::Expr> {
    let mut reader = Reader { file, base: 0, diagnostics };
    if !reader.fits(text) {
        return None;
    }
    match Grammar::parse(Rule::bare_expression, text) {
        Ok(mut pairs) => {
            let inner = pairs.next()?.into_inner().next()?;
            Some(match inner.as_rule() {
                Rule::value_literal => reader.value_literal(inner),
                _ => reader.expression(inner),
            })
        }
        Err(error) => {
            reader.syntax(text, &error);
            None
        }
    }
}

/// Turns pest's pairs into the tree; offsets are relative to `base`.
struct Reader<'a> {
    file: FileId,
    base: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn fits(&mut self, text: &str) -> bool {
        if text.len() > MAX_TEXT {
            let span = Span::new(self.file, 0, 0);
            self.report(
                Diagnostic::new(E0105, span, format!("the text is longer than {} MiB", MAX_TEXT >> 20))
                    .help("put long lists into files: `list bots: String = file \"bots.txt\"`"),
            );
            return false;
        }
        let Some(at) = nesting::too_deep(text, MAX_NESTING) else { return true };
        let span = Span::new(self.file, at, at + 1);
        self.report(
            Diagnostic::new(E0105, span, format!("brackets nest more than {MAX_NESTING} deep"))
                .label("this one is too deep")
                .help("name parts of the expression with `let`"),
        );
        false
    }

    /// What an item that does not parse would have declared.
    fn broken(&self, text: &str) -> Option<ast::Item> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let word = text.split(|c| !is_name(c)).next()?;
        let rest = text.get(word.len()..)?;
        let name = rest.trim_start();
        let start = text.len() - name.len();
        let name = name.split(|c| !is_name(c)).next().filter(|name| !name.is_empty())?;
        let span = Span::new(self.file, self.base + start, self.base + start + name.len());
        Some(ast::Item::Broken(word.to_owned(), ast::Spanned::new(name.to_owned(), span)))
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn span(&self, pair: &Pair<'_, Rule>) -> Span {
        let start = self.base + pair.as_span().start();
        // A rule that may go on has looked beyond the white space after it.
        Span::new(self.file, start, start + pair.as_str().trim_end().len())
    }

    fn name(&self, pair: &Pair<'_, Rule>) -> ast::Name {
        ast::Spanned::new(pair.as_str().to_owned(), self.span(pair))
    }
}

/// The first child of that rule.
fn child<'p>(pair: &Pair<'p, Rule>, rule: Rule) -> Option<Pair<'p, Rule>> {
    pair.clone().into_inner().find(|inner| inner.as_rule() == rule)
}

/// All children of that rule.
fn children<'p>(pair: &Pair<'p, Rule>, rule: Rule) -> impl Iterator<Item = Pair<'p, Rule>> {
    pair.clone().into_inner().filter(move |inner| inner.as_rule() == rule)
}

/// The offset after white space and comments from `at` on.
pub(crate) fn after_blank(text: &str, mut at: usize) -> usize {
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        at += rest.len() - trimmed.len();
        if !trimmed.starts_with('#') {
            return at;
        }
        at += trimmed.find('\n').unwrap_or(trimmed.len());
    }
}

/// The offset of the next line after `at` that begins with an item's word.
fn next_item(text: &str, at: usize) -> usize {
    let mut from = at;
    while let Some(newline) = text.get(from..).and_then(|rest| rest.find('\n')) {
        from += newline + 1;
        let line = text.get(from..).unwrap_or_default();
        let word = line
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')
            .next()
            .unwrap_or_default();
        if ITEM_WORDS.contains(&word) {
            return from;
        }
    }
    text.len()
}
