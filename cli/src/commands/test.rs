//! `shieldc test`: runs a policy's tests on the interpreter and on machine code, which must agree.

use std::collections::BTreeMap;
use std::path::PathBuf;

use shield_compiler::ast::{Expectation, TokenValue};
use shield_compiler::source::SourceMap;
use shield_compiler::{Step, Test, TestRequest};
use shield_engine::token::sign_for_tests;
use shield_engine::{Backend, Denial, Kind, Policy};
use shield_ir::identity::TokenSource;
use shield_ir::{Bundle, Literal};
use shield_state::Memory;

use super::{Telling, good};
use crate::request::{Request, Response};
use crate::verdict::Verdict;
use crate::{End, Failure, Io};

/// Arguments of `test`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Files, or folders whose `.shield` files form one policy each
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Run the tests whose names hold this text alone
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    #[command(flatten)]
    telling: Telling,
}

/// When the clock of a test begins, in milliseconds since 1970: 2026-01-01T00:00:00Z.
const START: u64 = 1_767_225_600_000;

/// Bytes of counters that a test may fill.
const STORE_BYTES: usize = 64 << 20;

/// What tokens of tests are signed with; it is admitted here and nowhere else.
const TEST_SECRET: &[u8] = b"shieldc test";

pub(super) fn run(arguments: &Arguments, io: &mut Io<'_>) -> Result<End, Failure> {
    let (mut passed, mut failed) = (0, 0);
    for path in &arguments.paths {
        let outcome = match good(path, arguments.telling, io)? {
            Ok(outcome) => outcome,
            Err(end) => return Ok(end),
        };
        let Some(bundle) = outcome.bundle else { return Ok(End::Wrong) };
        let wanted =
            |test: &&Test| arguments.only.as_ref().is_none_or(|only| test.name.contains(only.as_str()));
        for test in outcome.tests.iter().filter(wanted) {
            match failure(&bundle, test, &outcome.sources)? {
                None => {
                    passed += 1;
                    writeln!(io.out, "ok      {}", test.name)?;
                }
                Some(why) => {
                    failed += 1;
                    writeln!(io.out, "FAILED  {}\n        {why}", test.name)?;
                }
            }
        }
    }
    writeln!(io.out, "{passed} passed, {failed} failed")?;
    Ok(if failed == 0 { End::Fine } else { End::Wrong })
}

/// Why a test fails, on any backend.
fn failure(bundle: &Bundle, test: &Test, sources: &SourceMap) -> Result<Option<String>, Failure> {
    let digest = bundle.encode().digest;
    for backend in [Backend::Interpreter, Backend::Jit] {
        let policy = Policy::load(bundle.clone(), digest, backend)
            .map_err(|error| Failure::Usage(error.to_string()))?;
        if policy.backend() == Backend::Jit {
            policy.compile().map_err(|error| Failure::Usage(error.to_string()))?;
        }
        let store = Memory::new(STORE_BYTES);
        let mut now = START;
        for step in &test.steps {
            match step {
                Step::After(milliseconds) => now = now.saturating_add(*milliseconds),
                Step::Request(request, expectations) => {
                    let verdict = judge(&policy, &store, request, now);
                    for expectation in expectations {
                        if let Some(why) = mismatch(&expectation.node, &verdict) {
                            let (line, _) = sources.position(expectation.span.file, expectation.span.start);
                            let file = sources.shown(expectation.span.file);
                            return Ok(Some(format!("{file}:{line}: {why}")));
                        }
                    }
                }
            }
        }
    }
    Ok(None)
}

fn judge<'p>(policy: &'p Policy, store: &Memory, request: &TestRequest, now: u64) -> Verdict<'p> {
    let mut data = as_data(request, now);
    data.headers.extend(token(policy, request, now));
    Verdict::of(policy, store, &data, |_| ())
}

/// The header that carries the token that a test makes, and its value.
fn token(policy: &Policy, request: &TestRequest, now: u64) -> Option<(String, Vec<u8>)> {
    let (name, claims) = request.token.as_ref()?;
    let tokens = policy.tokens()?;
    let id = tokens.find(name.as_bytes())?;
    let (_, kind) = tokens.kinds().find(|(known, _)| *known == id)?;
    tokens.admit_test_secret(id, TEST_SECRET);
    let claims = claims.iter().map(|(name, value)| (name.clone(), claim(value, now))).collect();
    let token = sign_for_tests(&claims, TEST_SECRET);
    Some(match kind.from.first()? {
        TokenSource::Header(name) if **name == *"authorization" => {
            (name.to_string(), format!("Bearer {token}").into_bytes())
        }
        TokenSource::Header(name) => (name.to_string(), token.into_bytes()),
        TokenSource::Cookie(name) => ("cookie".to_owned(), format!("{name}={token}").into_bytes()),
    })
}

fn claim(value: &TokenValue, now: u64) -> serde_json::Value {
    match value {
        TokenValue::From(millis) => (now.cast_signed().saturating_add(*millis) / 1_000).into(),
        TokenValue::Number(number) => (*number).into(),
        TokenValue::Text(text) => text.as_str().into(),
        TokenValue::List(texts) => texts.clone().into(),
    }
}

fn as_data(request: &TestRequest, now: u64) -> Request {
    let bytes = |headers: &[(String, String)]| {
        headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect()
    };
    let mut data = Request {
        method: request.method.clone(),
        url: request.url.clone(),
        headers: bytes(&request.headers),
        body: request.body.clone().map(String::into_bytes),
        time: now,
        fields: request
            .fields
            .iter()
            .map(|(field, literal)| (*field, owned(literal)))
            .collect::<BTreeMap<_, _>>(),
        response: Some(Response {
            status: request.response.status,
            headers: bytes(&request.response.headers),
            body: request.response.body.clone().into_bytes(),
        }),
        ..Request::default()
    };
    if let Some(client) = request.from {
        data.client = client;
    }
    let length = data.body.as_ref().map(Vec::len);
    let has = |name: &str| data.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    if let Some(length) = length.filter(|_| !has("content-length") && !has("transfer-encoding")) {
        data.headers.push(("content-length".to_owned(), length.to_string().into_bytes()));
    }
    data
}

fn owned(literal: &Literal) -> shield_engine::Value<'static> {
    shield_engine::Value::from(literal).into_owned()
}

/// Why a verdict is not what was expected.
fn mismatch(expectation: &Expectation, verdict: &Verdict<'_>) -> Option<String> {
    let denial = verdict.denial.as_ref();
    let (holds, expected) = match expectation {
        Expectation::Allow => (denial.is_none(), "allow".to_owned()),
        Expectation::Block(status, by) => {
            let holds = denial.is_some_and(|denial| {
                denial.location().is_none()
                    && status.is_none_or(|status| status == denial.status)
                    && by.as_ref().is_none_or(|by| is_by(verdict, denial, &by.node))
            });
            (holds, words("block", *status, by.as_ref().map(|by| by.node.as_str())))
        }
        Expectation::Redirect(status, to, by) => {
            let holds = denial.is_some_and(|denial| {
                denial
                    .location()
                    .is_some_and(|location| to.as_ref().is_none_or(|to| to.as_bytes() == location))
                    && status.is_none_or(|status| status == denial.status)
                    && by.as_ref().is_none_or(|by| is_by(verdict, denial, &by.node))
            });
            (holds, words("redirect", *status, by.as_ref().map(|by| by.node.as_str())))
        }
        Expectation::Log(by) => {
            let holds = verdict.events.iter().any(|event| {
                matches!(event.kind, Kind::Log | Kind::WouldBlock)
                    && verdict.cite(event.by).is_some_and(|item| item.name == by.node)
            });
            (holds, format!("log by {}", by.node))
        }
    };
    (!holds).then(|| format!("expected {expected}, got {}", verdict.words()))
}

fn is_by(verdict: &Verdict<'_>, denial: &Denial, by: &str) -> bool {
    verdict.cite(denial.by).is_some_and(|item| item.name == by)
        || denial.reason.label() == by
        || denial.stage() == by
}

fn words(verb: &str, status: Option<u16>, by: Option<&str>) -> String {
    let status = status.map(|status| format!(" {status}")).unwrap_or_default();
    let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
    format!("{verb}{status}{by}")
}
