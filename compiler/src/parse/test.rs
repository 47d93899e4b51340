//! `test` items.

use std::net::IpAddr;

use pest::iterators::Pair;

use super::{Reader, Rule, child, children};
use crate::ast::{Expectation, Name, Spanned, Test, TestStep, TokenValue};
use crate::codes::{E0103, E0403};
use crate::diagnostic::Diagnostic;

/// How often a test repeats its steps at most.
const MAX_REPEAT: u32 = 10_000;

impl Reader<'_> {
    /// A rule `test`.
    pub(super) fn test(&mut self, pair: &Pair<'_, Rule>) -> Option<Test> {
        let name = self.string_name(&child(pair, Rule::string)?);
        Some(Test { name, steps: self.steps(pair) })
    }

    fn steps(&mut self, pair: &Pair<'_, Rule>) -> Vec<Spanned<TestStep>> {
        children(pair, Rule::test_statement)
            .filter_map(|statement| {
                let span = self.span(&statement);
                self.step(&statement.into_inner().next()?).map(|node| Spanned::new(node, span))
            })
            .collect()
    }

    fn step(&mut self, pair: &Pair<'_, Rule>) -> Option<TestStep> {
        Some(match pair.as_rule() {
            Rule::test_request => TestStep::Request {
                method: self.name(&child(pair, Rule::method)?),
                url: self.string_name(&child(pair, Rule::string)?),
                from: child(pair, Rule::word).and_then(|word| self.address(&word)),
            },
            Rule::test_header => {
                let (name, value) = self.header(pair)?;
                TestStep::Header(name, value)
            }
            Rule::test_body => TestStep::Body(self.string_text(&child(pair, Rule::string_or_raw)?)),
            Rule::test_field => {
                let value = child(pair, Rule::value_literal)?.into_inner().next()?;
                TestStep::Field(self.name(&child(pair, Rule::identifier)?), self.word(&value))
            }
            Rule::test_response => self.response(pair)?,
            Rule::test_expect => TestStep::Expect(self.expectation(pair)?),
            Rule::test_repeat => {
                let count = child(pair, Rule::count)?;
                let times =
                    count.as_str().parse().ok().filter(|times| *times <= MAX_REPEAT).unwrap_or_else(|| {
                        let span = self.span(&count);
                        self.report(Diagnostic::new(
                            E0403,
                            span,
                            format!("a test repeats at most {MAX_REPEAT} times"),
                        ));
                        1
                    });
                TestStep::Repeat(times, self.steps(pair))
            }
            Rule::test_token => {
                let claims = children(pair, Rule::token_statement)
                    .filter_map(|claim| self.token_claim(&claim))
                    .collect();
                TestStep::Token(self.name(&child(pair, Rule::name)?), claims)
            }
            Rule::test_after => TestStep::After(self.duration(&child(pair, Rule::duration)?)),
            _ => return None,
        })
    }

    fn token_claim(&mut self, pair: &Pair<'_, Rule>) -> Option<(String, TokenValue)> {
        let name = self.name_or_string(&child(pair, Rule::name_or_string)?)?.node;
        let value = pair.clone().into_inner().nth(1)?;
        let span = self.span(&value);
        let value = match value.as_rule() {
            Rule::token_ago => {
                TokenValue::From(-(self.duration(&child(&value, Rule::duration)?).cast_signed()))
            }
            Rule::duration => TokenValue::From(self.duration(&value).cast_signed()),
            Rule::count => TokenValue::Number(value.as_str().parse().unwrap_or_else(|_| {
                self.report(Diagnostic::new(E0403, span, format!("`{}` is too large", value.as_str())));
                0
            })),
            Rule::token_list => {
                TokenValue::List(self.strings(&value).into_iter().map(|text| text.node).collect())
            }
            _ => TokenValue::Text(self.string_text(&value)),
        };
        Some((name, value))
    }

    fn header(&mut self, pair: &Pair<'_, Rule>) -> Option<(String, String)> {
        let name = self.string_text(&child(pair, Rule::string)?);
        Some((name, self.string_text(&child(pair, Rule::string_or_raw)?)))
    }

    fn response(&mut self, pair: &Pair<'_, Rule>) -> Option<TestStep> {
        let inner = pair.clone().into_inner().find(|inner| inner.as_rule() != Rule::kw_response)?;
        Some(match inner.as_rule() {
            Rule::status => TestStep::ResponseStatus(self.status(&inner).node),
            Rule::test_header => {
                let (name, value) = self.header(&inner)?;
                TestStep::ResponseHeader(name, value)
            }
            _ => TestStep::ResponseBody(self.string_text(&child(&inner, Rule::string_or_raw)?)),
        })
    }

    fn expectation(&mut self, pair: &Pair<'_, Rule>) -> Option<Expectation> {
        let inner = pair.clone().into_inner().find(|inner| inner.as_rule() != Rule::kw_expect)?;
        let status = child(&inner, Rule::status).map(|status| self.status(&status).node);
        let by = child(&inner, Rule::name_or_string).and_then(|name| self.name_or_string(&name));
        Some(match inner.as_rule() {
            Rule::expect_allow => Expectation::Allow,
            Rule::expect_block => Expectation::Block(status, by),
            Rule::expect_redirect => {
                let to = child(&inner, Rule::string).map(|to| self.string_text(&to));
                Expectation::Redirect(status, to, by)
            }
            _ => Expectation::Log(by?),
        })
    }

    fn name_or_string(&mut self, pair: &Pair<'_, Rule>) -> Option<Name> {
        let inner = pair.clone().into_inner().next()?;
        Some(match inner.as_rule() {
            Rule::string => self.string_name(&inner),
            _ => self.name(&inner),
        })
    }

    fn address(&mut self, pair: &Pair<'_, Rule>) -> Option<Spanned<IpAddr>> {
        let span = self.span(pair);
        let parsed = pair.as_str().parse().ok();
        if parsed.is_none() {
            self.report(
                Diagnostic::new(E0103, span, format!("`{}` is no address", pair.as_str()))
                    .help("write it without quotes or port: `from 203.0.113.9`"),
            );
        }
        parsed.map(|address| Spanned::new(address, span))
    }
}
