//! Expressions: pest's flat lists of terms become a tree by precedence, common mistakes become diagnostics.

use pest::iterators::Pair;

use super::{Reader, Rule, child};
use crate::ast::{Compare, Expr, ExprKind, Index, Logic, Quantifier, Spanned, Text, Word};
use crate::codes::{E0101, E0103, E0105, E0304, W0101};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// How many negations or indexes follow each other at most.
const MAX_CHAIN: usize = 16;

/// Common mistakes in place of an operator, and what to write instead; `{}` stands for what is on the left.
const WRONG_OPERATORS: &[(&str, &str)] = &[
    ("=", "equality is `eq` or `==`"),
    ("===", "equality is `eq` or `==`"),
    ("is", "equality is `eq` or `==`"),
    ("EQ", "operators are lower case: `eq`"),
    ("NE", "operators are lower case: `ne`"),
    ("IN", "operators are lower case: `in`"),
    ("CONTAINS", "operators are lower case: `contains`"),
    ("MATCHES", "operators are lower case: `matches`"),
    ("<>", "inequality is `ne` or `!=`"),
    ("=~", "a regular expression follows `matches` or `~`"),
    ("!~", "write `not {} matches …`"),
    ("not in", "write `not {} in {…}`"),
    ("not contains", "write `not {} contains …`"),
    ("not matches", "write `not {} matches …`"),
    ("not eq", "write `{} ne …`"),
    ("starts_with", "it is a function: `starts_with({}, …)`"),
    ("ends_with", "it is a function: `ends_with({}, …)`"),
    ("like", "a pattern with `*` follows `wildcard`"),
];

impl Reader<'_> {
    /// A rule `expression`.
    pub(super) fn expression(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let mut terms = Vec::new();
        let mut connectives = Vec::new();
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::term => terms.push(self.term(inner)),
                _ => connectives.push(self.connective(&inner)),
            }
        }
        join(terms, &connectives, &[Logic::Or, Logic::Xor, Logic::And])
    }

    fn connective(&mut self, pair: &Pair<'_, Rule>) -> Logic {
        let span = self.span(pair);
        let Some(inner) = pair.clone().into_inner().next() else { return Logic::And };
        let logic = match inner.as_rule() {
            Rule::conn_and => Logic::And,
            Rule::conn_xor => Logic::Xor,
            Rule::conn_or => Logic::Or,
            _ => {
                let (logic, right) = match inner.as_str() {
                    "OR" | "Or" => (Logic::Or, "or"),
                    "|" => (Logic::Or, "||"),
                    "XOR" => (Logic::Xor, "xor"),
                    "&" => (Logic::And, "&&"),
                    _ => (Logic::And, "and"),
                };
                let message = format!("`{}` does not join conditions", inner.as_str());
                self.report(Diagnostic::new(E0101, span, message).help(format!("write `{right}`")));
                return logic;
            }
        };
        let input = inner.as_span().get_input();
        let glued = inner.as_str().starts_with(|c: char| c.is_ascii_alphabetic())
            && input
                .get(inner.as_span().end()..)
                .is_some_and(|rest| rest.starts_with(is_identifier_character));
        if glued {
            self.report(glued_word(inner.as_str(), span));
        }
        logic
    }

    fn term(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let whole = self.span(&pair);
        let mut negations = Vec::new();
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::negation => negations.push(self.span(&inner)),
                _ if negations.len() > MAX_CHAIN => {
                    self.report(Diagnostic::new(
                        E0105,
                        whole,
                        format!("more than {MAX_CHAIN} negations in a row"),
                    ));
                    break;
                }
                _ => {
                    let expr = self.primary(inner);
                    return negations.into_iter().rev().fold(expr, |expr, start| {
                        let span = start.to(expr.span);
                        Spanned::new(ExprKind::Not(Box::new(expr)), span)
                    });
                }
            }
        }
        Expr::broken(whole)
    }

    fn primary(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let span = self.span(&pair);
        match pair.as_rule() {
            Rule::group | Rule::group_value => {
                self.nested(&pair).map_or_else(|| Expr::broken(span), |inner| Spanned::new(inner.node, span))
            }
            Rule::quantifier => {
                let any = child(&pair, Rule::quantifier_word).is_some_and(|word| word.as_str() == "any");
                let quantifier = if any { Quantifier::Any } else { Quantifier::All };
                let inner = self.nested(&pair).unwrap_or_else(|| Expr::broken(span));
                Spanned::new(ExprKind::Quantify(quantifier, Box::new(inner)), span)
            }
            _ => self.comparison(pair),
        }
    }

    fn nested(&mut self, pair: &Pair<'_, Rule>) -> Option<Expr> {
        child(pair, Rule::expression).map(|inner| self.expression(inner))
    }

    fn comparison(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let span = self.span(&pair);
        let mut inner = pair.into_inner();
        let Some(left) = inner.next().map(|operand| self.operand(operand)) else {
            return Expr::broken(span);
        };
        match inner.next() {
            None => left,
            Some(operation) => Spanned::new(self.operation(left, operation), span),
        }
    }

    fn operation(&mut self, left: Expr, pair: Pair<'_, Rule>) -> ExprKind {
        let mut inner = pair.into_inner();
        let (Some(operator), right) = (inner.next(), inner.next()) else { return ExprKind::Broken };
        let at = self.span(&operator);
        let left = Box::new(left);
        if operator.as_rule() == Rule::wrong_operator {
            self.wrong_operator(&left, &operator, right.as_ref());
            return ExprKind::Broken;
        }
        let Some(right) = right else { return ExprKind::Broken };
        match operator.as_rule() {
            Rule::op_matches => {
                self.pattern(right).map_or(ExprKind::Broken, |regex| ExprKind::Matches(left, at, regex))
            }
            Rule::op_wildcard => {
                let strict = Spanned::new(operator.as_str().starts_with("strict"), at);
                self.pattern(right)
                    .map_or(ExprKind::Broken, |pattern| ExprKind::Wildcard(left, strict, pattern))
            }
            Rule::op_in => match right.as_rule() {
                Rule::set => ExprKind::InSet(left, at, self.set(&right)),
                Rule::list_name => ExprKind::InList(left, at, self.list_name(&right)),
                _ => {
                    self.wrong_in(&right);
                    ExprKind::Broken
                }
            },
            Rule::op_contains => ExprKind::Contains(left, at, Box::new(self.right(&right))),
            Rule::op_bits => ExprKind::BitAnd(left, at, Box::new(self.right(&right))),
            _ => {
                let compare = match operator.as_str() {
                    "eq" | "==" => Compare::Eq,
                    "ne" | "!=" => Compare::Ne,
                    "lt" | "<" => Compare::Lt,
                    "le" | "<=" => Compare::Le,
                    "gt" | ">" => Compare::Gt,
                    _ => Compare::Ge,
                };
                ExprKind::Compare(left, Spanned::new(compare, at), Box::new(self.right(&right)))
            }
        }
    }

    /// The right side of `matches` or `wildcard`; nothing where it is no string, which is reported.
    fn pattern(&mut self, pair: Pair<'_, Rule>) -> Option<Word> {
        if pair.as_rule() != Rule::wrong_right {
            return Some(self.word(&pair));
        }
        let inner = pair.into_inner().next()?;
        if inner.as_rule() == Rule::wrong_quotes {
            return Some(self.word(&inner));
        }
        let span = self.span(&inner);
        let help = match inner.as_rule() {
            Rule::word => format!("write it between quotes: `r\"{}\"`", inner.as_str()),
            _ => {
                "patterns are fixed before any request comes; `eq` compares with a field or a call".to_owned()
            }
        };
        self.report(
            Diagnostic::new(E0101, span, "a pattern is a literal string").label("this is none").help(help),
        );
        None
    }

    fn right(&mut self, pair: &Pair<'_, Rule>) -> Expr {
        let span = self.span(pair);
        let Some(inner) = pair.clone().into_inner().next() else { return Expr::broken(span) };
        match inner.as_rule() {
            Rule::indexed_operand => self.operand(inner),
            Rule::set | Rule::list_name => Spanned::new(ExprKind::Misplaced(inner.as_str().to_owned()), span),
            _ => literal(self.word(&inner)),
        }
    }

    /// A rule `operand` or `indexed_operand`.
    fn operand(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let span = self.span(&pair);
        let mut expr = Expr::broken(span);
        for (count, inner) in pair.into_inner().enumerate() {
            let at = self.span(&inner);
            if count > MAX_CHAIN {
                self.report(Diagnostic::new(E0105, at, format!("more than {MAX_CHAIN} indexes in a row")));
                return Expr::broken(span);
            }
            expr = match inner.as_rule() {
                Rule::identifier => Spanned::new(ExprKind::Name(inner.as_str().to_owned()), at),
                Rule::call => self.call(inner),
                _ => {
                    let index = Spanned::new(self.index(inner), at);
                    let whole = expr.span.to(at);
                    Spanned::new(ExprKind::Index(Box::new(expr), index), whole)
                }
            };
        }
        expr
    }

    fn call(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let span = self.span(&pair);
        let mut name = Spanned::new(String::new(), span);
        let mut arguments = Vec::new();
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::function_name => name = self.name(&inner),
                Rule::argument => {
                    arguments.extend(inner.into_inner().next().and_then(|value| self.argument(value)));
                }
                _ => {}
            }
        }
        Spanned::new(ExprKind::Call(name, arguments), span)
    }

    fn argument(&mut self, pair: Pair<'_, Rule>) -> Option<Expr> {
        match pair.as_rule() {
            Rule::expression => Some(self.expression(pair)),
            Rule::comma | Rule::paren_close => None,
            _ => Some(literal(self.word(&pair))),
        }
    }

    fn index(&mut self, pair: Pair<'_, Rule>) -> Index {
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::each => return Index::Each,
                Rule::string => return Index::Key(self.string_bytes(&inner)),
                Rule::index_number => {
                    let at = integer(inner.as_str()).and_then(|number| u32::try_from(number).ok());
                    return at.map_or_else(|| self.wrong_index(&inner), Index::At);
                }
                _ => {}
            }
        }
        Index::Broken
    }

    fn wrong_index(&mut self, pair: &Pair<'_, Rule>) -> Index {
        let span = self.span(pair);
        let (message, help) = if pair.as_str().starts_with(|c: char| c.is_ascii_alphabetic()) {
            ("a map's key stands between quotes", format!("write `[\"{}\"]`", pair.as_str()))
        } else {
            (
                "an index is a whole number from 0",
                "the first element is `[0]`, every element is `[*]`".to_owned(),
            )
        };
        self.report(Diagnostic::new(E0304, span, message).help(help));
        Index::Broken
    }

    /// A rule `set`.
    pub(super) fn set(&mut self, pair: &Pair<'_, Rule>) -> Spanned<Vec<Word>> {
        let span = self.span(pair);
        let mut members = Vec::new();
        let mut comma = None;
        for item in super::children(pair, Rule::set_item) {
            let Some(inner) = item.into_inner().next() else { continue };
            match inner.as_rule() {
                Rule::wrong_comma => comma = comma.or_else(|| Some(self.span(&inner))),
                _ => members.push(self.word(&inner)),
            }
        }
        if let Some(comma) = comma {
            self.report(
                Diagnostic::new(E0101, comma, "white space stands between members of a set, not a comma")
                    .help("write `{\"a\" \"b\"}`"),
            );
        }
        Spanned::new(members, span)
    }

    fn list_name(&mut self, pair: &Pair<'_, Rule>) -> Spanned<String> {
        let span = self.span(pair);
        Spanned::new(pair.as_str().trim_start_matches('$').to_owned(), span)
    }

    fn wrong_in(&mut self, pair: &Pair<'_, Rule>) {
        let span = self.span(pair);
        let inside = pair.as_str().trim_matches(['(', ')', '[', ']']).replace(',', " ");
        self.report(Diagnostic::new(E0101, span, "`in` takes a set between braces or a list").help(format!(
            "write `in {{{}}}` or `in $list`",
            inside.split_whitespace().collect::<Vec<_>>().join(" ")
        )));
    }

    fn wrong_operator(&mut self, left: &Expr, operator: &Pair<'_, Rule>, right: Option<&Pair<'_, Rule>>) {
        let span = self.span(operator);
        let input = operator.as_span().get_input();
        let left = input
            .get(left.span.start as usize - self.base..left.span.end as usize - self.base)
            .unwrap_or("…");
        let written = operator.as_str().split_whitespace().collect::<Vec<_>>().join(" ");
        let help = WRONG_OPERATORS.iter().find(|(wrong, _)| *wrong == written).map_or("", |(_, help)| help);
        let mut help = help.replace("{}", left);
        if let Some(right) = right {
            help = help.replace("{…}", "…").replace('…', right.as_str());
        }
        self.report(Diagnostic::new(E0101, span, format!("`{written}` is no operator")).help(help));
    }

    /// A rule `value_literal`.
    pub(super) fn value_literal(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let span = self.span(&pair);
        pair.into_inner().next().map_or_else(|| Expr::broken(span), |inner| literal(self.word(&inner)))
    }

    /// A rule `operand_value`.
    pub(super) fn operand_value(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let span = self.span(&pair);
        let Some(inner) = pair.into_inner().next() else { return Expr::broken(span) };
        match inner.as_rule() {
            Rule::group_value => self.primary(inner),
            Rule::indexed_operand => self.operand(inner),
            _ => literal(self.word(&inner)),
        }
    }
}

/// That a word operator is glued to what follows.
pub(crate) fn glued_word(word: &str, span: Span) -> Diagnostic {
    Diagnostic::new(W0101, span, format!("`{word}` is glued to what follows"))
        .help(format!("put a space after `{word}`"))
}

/// An integer as the language writes it: decimal, `0x` hexadecimal, or octal with a leading `0`.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    let plain = digits.strip_prefix('-').filter(|_| radix == 10).unwrap_or(digits);
    (!plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .then(|| i64::from_str_radix(digits, radix).ok())
        .flatten()
}

fn literal(word: Word) -> Expr {
    Spanned::new(ExprKind::Literal(word.node), word.span)
}

fn is_identifier_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Groups terms by the connective that binds loosest first.
fn join(terms: Vec<Expr>, connectives: &[Logic], loosest_first: &[Logic]) -> Expr {
    let Some((logic, tighter)) = loosest_first.split_first() else {
        return terms
            .into_iter()
            .next()
            .unwrap_or_else(|| Expr::broken(Span::new(crate::source::FileId(0), 0, 0)));
    };
    let mut groups = Vec::new();
    let mut group = (Vec::new(), Vec::new());
    let mut following = connectives.iter();
    for term in terms {
        group.0.push(term);
        match following.next() {
            Some(connective) if connective == logic => {
                let (terms, connectives) = std::mem::take(&mut group);
                groups.push(join(terms, &connectives, tighter));
            }
            Some(connective) => group.1.push(*connective),
            None => {}
        }
    }
    groups.push(join(group.0, &group.1, tighter));
    match (groups.len(), groups.first().map(|first| first.span), groups.last().map(|last| last.span)) {
        (2.., Some(first), Some(last)) => Spanned::new(ExprKind::Logic(*logic, groups), first.to(last)),
        _ => groups.swap_remove(0),
    }
}

/// Whether a bare word is written like a number, which no name is.
pub(crate) fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+')
}

/// That a word is no literal of the type it must have.
pub(crate) fn malformed(text: &Text, span: Span, wanted: &str, help: &str) -> Diagnostic {
    let shown = match text {
        Text::String(bytes) => shield_ir::display::Quoted(bytes).to_string(),
        Text::Regex(text) | Text::Word(text) => text.clone(),
    };
    Diagnostic::new(E0103, span, format!("`{shown}` is no {wanted}")).help(help)
}
