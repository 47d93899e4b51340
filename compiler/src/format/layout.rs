//! Tokens to lines: where a line ends, and how far the next one is indented.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the grammar's `Rule` has a variant for every token; a layout names those that are special"
)]

use super::WIDTH;
use super::columns::columns;
use super::lines::Line;
use super::tokens::{Starts, Token, Trivia};
use crate::parse::Rule;

/// Spaces a level.
const STEP: usize = 2;

/// The lines of the tokens, and of the comments after the last one.
pub(super) fn lay_out<'t>(tokens: &[Token<'t>], rest: &Trivia<'t>) -> Vec<Line<'t>> {
    let mut layout = Layout { fresh: true, ..Layout::default() };
    let mut before = None;
    for (at, column) in columns(tokens).into_iter().enumerate() {
        let following = tokens.get(at..).unwrap_or_default();
        layout.token(before, following, column);
        before = following.first();
    }
    layout.comments(rest, 0);
    layout.finish_line();
    layout.lines
}

#[derive(Default)]
struct Layout<'t> {
    lines: Vec<Line<'t>>,
    line: Line<'t>,
    /// How far brackets that open on this line indent what they hold, less one step.
    content: usize,
    /// The blocks around, outermost first.
    blocks: Vec<Block>,
    /// The brackets around, inside the statement.
    brackets: Vec<Bracket>,
    /// The indentation of the statement.
    statement: usize,
    /// The indentation of lines that go on with it.
    continuation: usize,
    /// The column of the statement's first value, until it is there.
    value: Option<usize>,
    /// The keyword of the item whose first line this is.
    keyword: Option<&'t str>,
    /// Whether nothing stands in the block yet, so that no blank line does.
    fresh: bool,
}

/// A block of statements.
#[derive(Clone, Copy)]
struct Block {
    indent: usize,
    one_line: bool,
}

/// A bracket of an expression.
#[derive(Clone, Copy)]
struct Bracket {
    content: usize,
    /// A set whose members stand on lines of their own.
    wrapped: bool,
    /// A set with white space inside its braces.
    spaced: bool,
}

impl<'t> Layout<'t> {
    /// Takes the first of `tokens`; `column` is how wide the keyword of its statement is made.
    fn token(&mut self, before: Option<&Token<'t>>, tokens: &[Token<'t>], column: usize) {
        let Some(token) = tokens.first() else { return };
        let commented = self.comments(&token.before, self.inside(token));
        if token.is_block(Rule::block_close) {
            self.close_block(before, commented);
        } else if token.starts != Starts::Nothing {
            self.start(token, column, commented);
        } else if commented || self.breaks(before, token) {
            let indent = self.goes_on(tokens);
            self.new_line(indent, indent, token.opaque && token.before.blank);
        } else if self.spaced(before, token) {
            self.space();
        }
        if matches!(token.rule, Rule::paren_close | Rule::set_close | Rule::bracket_close | Rule::block_close)
        {
            self.brackets.pop();
        }
        if token.rule == Rule::equals {
            self.line.equals = self.keyword.take().map(|keyword| (keyword, self.line.code.len()));
        }
        self.line.code.push_str(token.text);
        self.open(before, tokens);
    }

    /// Lays out comments; whether there were any, so that a new line must begin.
    fn comments(&mut self, trivia: &Trivia<'t>, indent: usize) -> bool {
        for comment in &trivia.comments {
            if comment.own_line || self.line.comment.is_some() {
                self.new_line(indent, self.content, comment.blank);
            }
            self.line.comment = Some(comment.text);
        }
        !trivia.comments.is_empty()
    }

    /// How far comments before a token are indented.
    fn inside(&self, token: &Token<'t>) -> usize {
        match (token.starts, self.blocks.last()) {
            (Starts::Nothing, Some(block)) if token.is_block(Rule::block_close) => block.indent,
            (Starts::Nothing, _) => {
                self.brackets.last().map_or(self.continuation, |bracket| bracket.content + STEP)
            }
            (Starts::Statement, Some(block)) => block.indent,
            (Starts::Statement | Starts::Item, _) => 0,
        }
    }

    fn close_block(&mut self, before: Option<&Token<'t>>, commented: bool) {
        let Some(block) = self.blocks.pop() else { return };
        self.brackets.clear();
        self.statement = block.indent.saturating_sub(STEP);
        self.continuation = block.indent;
        if !block.one_line || commented {
            self.new_line(self.statement, self.statement, false);
        } else if !before.is_some_and(|before| before.is_block(Rule::block_open)) {
            self.line.code.push(' ');
        }
    }

    /// Begins an item or a statement.
    fn start(&mut self, token: &Token<'t>, column: usize, commented: bool) {
        self.brackets.clear();
        match self.blocks.last().copied().filter(|_| token.starts == Starts::Statement) {
            Some(block) if block.one_line && !commented => self.line.code.push(' '),
            Some(block) => {
                self.statement = block.indent;
                self.continuation = block.indent + column + 1;
                self.new_line(block.indent, self.continuation, token.before.blank);
                self.value = Some(self.continuation);
            }
            None => {
                self.blocks.clear();
                self.statement = 0;
                self.continuation = STEP;
                self.new_line(0, 0, token.before.blank);
                self.keyword = Some(token.text);
            }
        }
    }

    /// Whether a line ends before a token inside a statement: where the author ended one and it may, and in long sets.
    fn breaks(&self, before: Option<&Token<'t>>, token: &Token<'t>) -> bool {
        let Some(before) = before else { return false };
        if let Some(set) = self.brackets.last().filter(|bracket| bracket.wrapped) {
            let full = self.line.width() + 1 + token.text.chars().count() > WIDTH;
            return before.rule == Rule::set_open
                || token.rule == Rule::set_close
                || token.before.newline
                || full && self.line.width() > set.content + STEP;
        }
        let may = match (before.rule, token.rule) {
            _ if token.opaque => true,
            (_, Rule::comma) => false,
            (
                Rule::conn_and
                | Rule::conn_or
                | Rule::conn_xor
                | Rule::paren_open
                | Rule::comma
                | Rule::equals,
                _,
            )
            | (_, Rule::conn_and | Rule::conn_or | Rule::conn_xor | Rule::paren_close)
            | (Rule::string, Rule::string | Rule::kw_env) => true,
            _ => false,
        };
        may && token.before.newline
    }

    /// The indentation of a line that goes on with a statement at the first of `tokens`.
    fn goes_on(&self, tokens: &[Token<'t>]) -> usize {
        let closing = |token: &&Token<'t>| {
            matches!(token.rule, Rule::paren_close | Rule::set_close | Rule::block_close)
        };
        let mut closed = tokens.iter().take_while(closing).enumerate();
        let closed = closed.by_ref().take_while(|(at, token)| *at == 0 || !token.before.newline).count();
        if closed == 0 {
            return self.brackets.last().map_or(self.continuation, |bracket| bracket.content + STEP);
        }
        let outermost = self.brackets.len().saturating_sub(closed);
        self.brackets.get(outermost).map_or(self.statement, |bracket| bracket.content)
    }

    /// Whether white space stands between two tokens of one line.
    fn spaced(&self, before: Option<&Token<'t>>, token: &Token<'t>) -> bool {
        let Some(before) = before else { return false };
        match (before.rule, token.rule) {
            _ if token.opaque && before.opaque => token.before.gap,
            (Rule::set_open, Rule::set_close)
            | (
                _,
                Rule::comma
                | Rule::colon
                | Rule::paren_close
                | Rule::bracket_open
                | Rule::bracket_close
                | Rule::dot
                | Rule::operation_name,
            )
            | (Rule::paren_open | Rule::bracket_open | Rule::dot | Rule::op_bang | Rule::minus, _)
            | (Rule::function_name | Rule::quantifier_word, Rule::paren_open) => false,
            (Rule::set_open, _) | (_, Rule::set_close) => {
                self.brackets.last().is_some_and(|bracket| bracket.spaced)
            }
            _ => true,
        }
    }

    /// White space before the next token, up to the column of values where the first of them comes next.
    fn space(&mut self) {
        let missing = self.value.take().unwrap_or_default().saturating_sub(self.line.width()).max(1);
        self.line.code.extend(std::iter::repeat_n(' ', missing));
    }

    /// Notes what the first of `tokens`, which is on the line already, opens.
    fn open(&mut self, before: Option<&Token<'t>>, tokens: &[Token<'t>]) {
        let Some((token, inside)) = tokens.split_first() else { return };
        let content = self.content;
        let plain = Bracket { content, wrapped: false, spaced: false };
        match token.rule {
            Rule::block_open if !token.opaque => {
                self.blocks.push(Block { indent: self.statement + STEP, one_line: fits_a_line(inside) });
                self.fresh = true;
            }
            Rule::paren_open | Rule::bracket_open | Rule::block_open => self.brackets.push(plain),
            Rule::set_open => {
                let spaced = before.is_some_and(|before| before.rule == Rule::equals);
                self.brackets.push(Bracket { wrapped: self.wraps(inside), spaced, ..plain });
            }
            _ => {}
        }
    }

    /// Whether the set whose members come next is wrapped: where the author did, for comments, and where it is long.
    fn wraps(&self, inside: &[Token<'t>]) -> bool {
        let mut width = self.line.width();
        for token in inside {
            width += token.text.chars().count() + 1;
            if token.before.newline || !token.before.comments.is_empty() || width > WIDTH + 1 {
                return token.rule != Rule::set_close
                    || width > WIDTH + 1
                    || !token.before.comments.is_empty();
            }
            if token.rule == Rule::set_close {
                return false;
            }
        }
        false
    }

    fn new_line(&mut self, indent: usize, content: usize, blank: bool) {
        self.finish_line();
        self.line = Line { indent, blank: blank && !self.fresh, ..Line::default() };
        self.content = content;
        self.fresh = false;
        self.keyword = None;
        self.value = None;
    }

    fn finish_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if !line.code.is_empty() || line.comment.is_some() {
            self.lines.push(line);
        }
    }
}

/// Whether a block, whose tokens come next, stays on the line of its `{`: one statement at most, as the author has it.
fn fits_a_line(inside: &[Token<'_>]) -> bool {
    let closes = |token: &Token<'_>| token.is_block(Rule::block_close);
    let Some(end) = inside.iter().position(|token| closes(token) || token.is_block(Rule::block_open)) else {
        return false;
    };
    let block = inside.get(..=end).unwrap_or_default();
    let statements = block.iter().filter(|token| token.starts != Starts::Nothing).count();
    block.last().is_some_and(closes)
        && statements <= 1
        && block.iter().all(|token| token.before.comments.is_empty())
        && (statements == 0 || block.iter().all(|token| !token.before.newline && !token.text.contains('\n')))
}
