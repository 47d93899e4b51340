//! A text as tokens, each with what stands before it: comments, line breaks, blank lines.

use pest::Parser as _;
use pest::iterators::Pair;

use crate::parse::{Grammar, Rule, after_blank};

/// A token of the grammar.
#[derive(Debug)]
pub(super) struct Token<'t> {
    /// Its text, never changed.
    pub text: &'t str,
    /// Its rule.
    pub rule: Rule,
    /// What begins with it.
    pub starts: Starts,
    /// Whether it lies in a block whose statements this version does not read.
    pub opaque: bool,
    /// What stands before it.
    pub before: Trivia<'t>,
}

impl Token<'_> {
    /// Whether it is a brace of that rule around statements.
    pub(super) fn is_block(&self, rule: Rule) -> bool {
        self.rule == rule && !self.opaque
    }
}

/// What begins with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Starts {
    /// An item.
    Item,
    /// A statement of a block.
    Statement,
    /// Nothing: it goes on with what stands before it.
    Nothing,
}

/// White space and comments.
#[derive(Debug, Default)]
pub(super) struct Trivia<'t> {
    /// Comments, in order.
    pub comments: Vec<Comment<'t>>,
    /// Whether there is anything at all.
    pub gap: bool,
    /// Whether a line ends directly before the token.
    pub newline: bool,
    /// Whether a blank line stands directly before the token.
    pub blank: bool,
}

/// A comment.
#[derive(Debug)]
pub(super) struct Comment<'t> {
    /// From `#` on, without white space at its end.
    pub text: &'t str,
    /// Whether nothing but white space stands before it on its line.
    pub own_line: bool,
    /// Whether a blank line stands before it.
    pub blank: bool,
}

/// The tokens of a text that parses, and what stands after the last one.
pub(super) fn read(text: &str) -> (Vec<Token<'_>>, Trivia<'_>) {
    let mut tokens = Tokens { text, at: 0, starts: Starts::Nothing, opaque_until: 0, found: Vec::new() };
    let mut at = after_blank(text, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(item) = Grammar::parse(Rule::item, rest).ok().and_then(|mut pairs| pairs.next()) else {
            break;
        };
        let end = item.as_span().end().max(1);
        tokens.starts = Starts::Item;
        item.into_inner().flatten().for_each(|pair| tokens.pair(&pair, at));
        at = after_blank(text, at + end);
    }
    let rest = tokens.trivia(text.len());
    (tokens.found, rest)
}

struct Tokens<'t> {
    text: &'t str,
    /// The end of the token before.
    at: usize,
    starts: Starts,
    opaque_until: usize,
    found: Vec<Token<'t>>,
}

impl<'t> Tokens<'t> {
    /// Takes a pair, which lies in the text from `base` on, if it is a token.
    fn pair(&mut self, pair: &Pair<'_, Rule>, base: usize) {
        let rule = pair.as_rule();
        if is_statement(rule) {
            self.starts = Starts::Statement;
        }
        let (start, end) = (base + pair.as_span().start(), base + pair.as_span().end());
        if rule == Rule::later_block {
            self.opaque_until = self.opaque_until.max(end);
        }
        let whole = self.text.get(start..end).unwrap_or_default();
        let start = end - whole.trim_start().len();
        let text = whole.trim();
        if pair.clone().into_inner().next().is_some() || text.is_empty() {
            return;
        }
        let before = self.trivia(start);
        self.at = start + text.len();
        let starts = std::mem::replace(&mut self.starts, Starts::Nothing);
        self.found.push(Token { text, rule, starts, opaque: start < self.opaque_until, before });
    }

    /// What stands between the token before and `end`.
    fn trivia(&self, end: usize) -> Trivia<'t> {
        let mut rest = self.text.get(self.at..end).unwrap_or_default();
        let mut trivia = Trivia { gap: !rest.is_empty(), ..Trivia::default() };
        // The text begins a line of its own, as a text after a line break does.
        let mut own_line = self.found.is_empty();
        loop {
            let comment = rest.find('#').unwrap_or(rest.len());
            let breaks = rest.get(..comment).unwrap_or_default().matches('\n').count();
            // A comment takes its line break with it, so that one break more is a blank line already.
            let blank = breaks > usize::from(!own_line);
            own_line |= breaks > 0;
            rest = rest.get(comment..).unwrap_or_default();
            if rest.is_empty() {
                return Trivia { newline: own_line, blank, ..trivia };
            }
            let end = rest.find('\n').map_or(rest.len(), |newline| newline + 1);
            let text = rest.get(..end).unwrap_or_default().trim_end_matches([' ', '\t', '\r', '\n']);
            trivia.comments.push(Comment { text, own_line, blank });
            own_line = true;
            rest = rest.get(end..).unwrap_or_default();
        }
    }
}

/// Whether a rule is a statement of a block, which the grammar says by its name.
fn is_statement(rule: Rule) -> bool {
    format!("{rule:?}").ends_with("_statement")
}
