//! `test` items: what they send and what they expect, ready to run.

use std::net::IpAddr;

use shield_ir::{FieldId, Literal};

use super::policy::PolicyChecker;
use super::{Checker, LetState};
use crate::ast::{self, Expectation, Spanned, TestStep, TokenValue};
use crate::codes::{E0201, E0202, E0401, E0403};
use crate::diagnostic::Diagnostic;
use crate::names::nearest;
use crate::source::Span;

/// A test.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// What it says.
    pub name: String,
    /// Where its name stands.
    pub span: Span,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// One step of a test.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A request and what is expected of it.
    Request(Box<Request>, Vec<Spanned<Expectation>>),
    /// Milliseconds pass.
    After(u64),
}

/// What a step sends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// The client's address.
    pub from: Option<IpAddr>,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
    /// The token that is made for it: its kind, and its claims.
    pub token: Option<(String, Vec<(String, TokenValue)>)>,
    /// Facts that a request cannot show.
    pub fields: Vec<(FieldId, Literal)>,
    /// What the upstream answers.
    pub response: Response,
}

/// What the upstream answers in a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Default for Response {
    fn default() -> Self {
        Self { status: 200, headers: Vec::new(), body: String::new() }
    }
}

impl PolicyChecker<'_, '_> {
    /// Checks a test and keeps it.
    pub(crate) fn test(&mut self, test: &ast::Test) {
        let mut steps = Vec::new();
        self.steps(&test.steps, &mut steps);
        if !steps
            .iter()
            .any(|step| matches!(step, Step::Request(_, expectations) if !expectations.is_empty()))
        {
            self.report(
                Diagnostic::new(
                    E0401,
                    test.name.span,
                    format!("`test \"{}\"` expects nothing", test.name.node),
                )
                .help("say what should happen: `expect allow` or `expect block 403 by RULE`"),
            );
        }
        self.tests.push(Test { name: test.name.node.clone(), span: test.name.span, steps });
    }

    fn steps(&mut self, written: &[Spanned<TestStep>], steps: &mut Vec<Step>) {
        for step in written {
            match &step.node {
                TestStep::Request { method, url, from } => {
                    self.url(url);
                    let request = Request {
                        method: method.node.clone(),
                        url: url.node.clone(),
                        from: from.as_ref().map(|from| from.node),
                        ..Request::default()
                    };
                    steps.push(Step::Request(Box::new(request), Vec::new()));
                }
                TestStep::After(milliseconds) => steps.push(Step::After(*milliseconds)),
                TestStep::Repeat(times, inner) => {
                    let mut once = Vec::new();
                    self.steps(inner, &mut once);
                    (0..*times).for_each(|_| steps.extend(once.iter().cloned()));
                }
                other => self.part(other, step.span, steps),
            }
        }
    }

    /// A statement about the request before it.
    fn part(&mut self, part: &TestStep, span: Span, steps: &mut [Step]) {
        let Some(Step::Request(request, expectations)) = steps.last_mut() else {
            self.report(
                Diagnostic::new(E0401, span, "there is no request that this is about")
                    .help("begin with `request GET \"https://…\"`"),
            );
            return;
        };
        let mut token = None;
        match part {
            TestStep::Header(name, value) => request.headers.push((name.clone(), value.clone())),
            TestStep::Body(text) => request.body = Some(text.clone()),
            TestStep::ResponseStatus(status) => request.response.status = *status,
            TestStep::ResponseHeader(name, value) => {
                request.response.headers.push((name.clone(), value.clone()));
            }
            TestStep::ResponseBody(text) => request.response.body.clone_from(text),
            TestStep::Expect(expectation) => expectations.push(Spanned::new(expectation.clone(), span)),
            TestStep::Token(name, claims) => {
                request.token = Some((name.node.clone(), claims.clone()));
                token = Some(name.clone());
            }
            TestStep::Field(name, value) => request.fields.extend(self.test_field(name, value)),
            TestStep::Request { .. } | TestStep::Repeat(..) | TestStep::After(_) => {}
        }
        if let Some(name) = token {
            self.token_named(&name);
        }
    }

    fn test_field(&mut self, name: &ast::Name, value: &ast::Word) -> Option<(FieldId, Literal)> {
        let Some(field) = FieldId::find(&name.node) else {
            let near = nearest(&name.node, shield_ir::field::FIELDS.iter().map(|row| row.name));
            let diagnostic =
                Diagnostic::new(E0201, name.span, format!("there is no field named `{}`", name.node));
            self.report(match near {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic,
            });
            return None;
        };
        let literal = self.with_expressions(|checker: &mut Checker<'_>| {
            checker.literal(&value.node, value.span, field.row().ty)
        })?;
        // A field that the policy provides itself would hide what the test says.
        if matches!(
            self.names.provided.get(&field),
            Some(LetState::Waiting(_) | LetState::Busy(_) | LetState::Done(_))
        ) {
            let message = format!("the policy itself provides `{}`", name.node);
            self.report(
                Diagnostic::new(E0401, name.span, message).help("send what its `provide` item reads"),
            );
        }
        Some((field, literal))
    }

    fn url(&mut self, url: &ast::Name) {
        let rest = url.node.strip_prefix("https://").or_else(|| url.node.strip_prefix("http://"));
        if rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) {
            self.report(
                Diagnostic::new(E0403, url.span, format!("`{}` is no URL", url.node))
                    .help("write scheme, host and path: `\"https://petstore.example.com/pets\"`"),
            );
        }
    }

    /// Expectations that name a rule which is not there; names of protections are fine too.
    pub(crate) fn tests_name_rules(&mut self) {
        const STAGES: &[&str] =
            &["host", "endpoint", "schema", "body", "request", "session", "token", "limits", "mtls"];
        let mut missing = Vec::new();
        for test in &self.tests {
            for step in &test.steps {
                let Step::Request(_, expectations) = step else { continue };
                for expectation in expectations {
                    let by = match &expectation.node {
                        Expectation::Allow => None,
                        Expectation::Block(_, by) | Expectation::Redirect(_, _, by) => by.as_ref(),
                        Expectation::Log(by) => Some(by),
                    };
                    missing.extend(
                        by.filter(|by| {
                            let stage = by.node.split(':').next().unwrap_or_default();
                            !self.rule_names.contains_key(&by.node) && !STAGES.contains(&stage)
                        })
                        .cloned(),
                    );
                }
            }
        }
        missing.dedup();
        for by in missing {
            let near =
                nearest(&by.node, self.rule_names.keys().map(String::as_str).chain(STAGES.iter().copied()))
                    .map(str::to_owned);
            let diagnostic = Diagnostic::new(E0202, by.span, format!("there is no rule named `{}`", by.node));
            self.report(match near {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help(format!("name a rule, or one of {}", STAGES.join(", "))),
            });
        }
    }
}
