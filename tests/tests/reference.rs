//! The language, row by row: every case of `tests/suite/reference` by the interpreter and by native code, and that no row is without one.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reads its own files, and stops loudly when it cannot go on"
)]

use std::collections::BTreeSet;

use serde_json::Value as Json;
use shield_cli::request::Request;
use shield_cli::value::{from_json, to_json};
use shield_compiler::{Bare, BareOptions, expression};
use shield_engine::constants::Constants;
use shield_engine::interp::{Meaning, evaluate};
use shield_engine::{Backend, Exchange, Limits, Policy, Value};
use shield_ir::builtin::BUILTINS;
use shield_ir::expr::Node;
use shield_ir::field::FIELDS;
use shield_ir::policy::{Action, Origin, Rule, Scope};
use shield_ir::types::Layer;
use shield_ir::{Builtin, Bundle, Compare, Digest, Expr, ExprId, Literal, Phase, Type};
use shield_tests::{corpus, suite};

/// What an expression comes to.
#[derive(Debug, PartialEq)]
enum Outcome {
    Value(Json),
    Absent,
    Refused(String),
}

/// The lines of a file of cases; one with nothing but a request speaks for those below it that bring none.
fn cases() -> Vec<(String, Json)> {
    let mut cases = Vec::new();
    for path in suite::files("tests/suite/reference", ".jsonl") {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut common = Json::Null;
        for (number, line) in (1..).zip(text.lines()) {
            let mut case: Json = serde_json::from_str(line).unwrap();
            if case["expr"].is_null() {
                common = case["request"].take();
                continue;
            }
            if case["request"].is_null() {
                case["request"] = common.clone();
            }
            cases.push((format!("{name}:{number}"), case));
        }
    }
    cases
}

fn wanted(case: &Json) -> Outcome {
    if let Some(code) = case["error"].as_str() {
        return Outcome::Refused(code.to_owned());
    }
    case.get("value").map_or(Outcome::Absent, |value| Outcome::Value(value.clone()))
}

/// What the interpreter gives, and in what native code differs from it.
fn outcome(expr: &str, request: &Request) -> (Outcome, Vec<String>) {
    let declared = request.declared.iter().map(|(name, ty, _)| (name.clone(), *ty)).collect();
    let (bare, diagnostics, _) = expression(expr, &BareOptions { declared, cloud: request.has_fields });
    let Some(bare) = bare else {
        return (Outcome::Refused(diagnostics[0].code.name.to_owned()), Vec::new());
    };
    let constants = Constants::of(&bare.program).unwrap();
    let meaning = Meaning { program: &bare.program, constants: &constants };
    let judged = request.with_canonical(&Limits::default(), |canonical| {
        let mut exchange = request.exchange(canonical);
        request.complete(&mut exchange);
        let value = evaluate(meaning, bare.root, &exchange);
        let differences = differences(&bare, value.as_ref(), &exchange);
        (value.map_or(Outcome::Absent, |value| Outcome::Value(to_json(&value))), differences)
    });
    judged.unwrap_or_else(|denial| panic!("{expr}: the request is refused: {:?}", denial.reason))
}

/// Conditions that hold exactly where an expression has a value, as rules by what they say.
struct Claims {
    bundle: Bundle,
    sayings: Vec<(String, bool)>,
}

impl Claims {
    fn add(&mut self, expr: Expr, ty: Type) -> ExprId {
        self.bundle.program.nodes.push(Node { expr, ty });
        ExprId(self.bundle.program.nodes.len() as u32 - 1)
    }

    fn say(&mut self, when: ExprId, holds: bool, saying: String) {
        self.bundle.rules.push(Rule {
            name: format!("r{}", self.sayings.len()).into(),
            scope: Scope::Everything,
            when,
            actions: [Action::Log].into(),
            phase: Phase::Head,
            shadow: false,
            origin: Origin::default(),
        });
        self.sayings.push((saying, holds));
    }

    /// That `id` has this value, part by part.
    fn equal(&mut self, id: ExprId, ty: Type, value: &Value<'_>, path: &str) {
        match value {
            Value::Bool(value) => {
                self.say(id, *value, format!("{path} is {value}"));
                let not = self.add(Expr::Not(id), Type::BOOL);
                self.say(not, !*value, format!("not {path} is {}", !*value));
            }
            Value::Array(elements) => {
                self.length(id, elements.len(), path);
                let element = ty.element().unwrap();
                for (at, value) in (0..).zip(elements) {
                    let part = self.add(Expr::Index { of: id, at }, element);
                    self.equal(part, element, value, &format!("{path}[{at}]"));
                }
            }
            Value::Map(entries) => {
                let element = ty.element().unwrap();
                for (key, value) in entries {
                    let part = self.add(Expr::Key { of: id, key: (**key).into() }, element);
                    self.equal(
                        part,
                        element,
                        value,
                        &format!("{path}[\"{}\"]", String::from_utf8_lossy(key)),
                    );
                }
            }
            Value::Int(value) => self.same(id, ty, Literal::Int(*value), path),
            Value::String(value) => self.same(id, ty, Literal::String((**value).into()), path),
            Value::Ip(value) => self.same(id, ty, Literal::Ip(*value), path),
        }
    }

    fn same(&mut self, id: ExprId, ty: Type, literal: Literal, path: &str) {
        let saying = format!("{path} eq {literal:?}");
        let right = self.add(Expr::Literal(literal), ty);
        let when = self.add(Expr::Compare { op: Compare::Eq, left: id, right }, Type::BOOL);
        self.say(when, true, saying);
    }

    fn length(&mut self, id: ExprId, length: usize, path: &str) {
        let builtin = Builtin::find("len").unwrap();
        let len = self.add(Expr::Call { builtin, arguments: [id].into() }, Type::INT);
        self.same(len, Type::INT, Literal::Int(i64::try_from(length).unwrap()), &format!("len({path})"));
    }

    /// That `id` has no value at all: nothing is equal to it, and something else takes its place.
    fn absent(&mut self, id: ExprId, ty: Type) {
        let builtin = Builtin::find("coalesce").unwrap();
        if ty.layer() == Some(Layer::Map) {
            return;
        }
        let literal = match ty.innermost() {
            _ if ty.layer().is_some() => return,
            shield_ir::Scalar::Bool => Literal::Bool(true),
            shield_ir::Scalar::Int => Literal::Int(77),
            shield_ir::Scalar::String => Literal::String(b"a stand-in".as_slice().into()),
            shield_ir::Scalar::Ip => Literal::Ip(std::net::Ipv4Addr::BROADCAST.into()),
        };
        let other = self.add(Expr::Literal(literal.clone()), ty);
        let taken = self.add(Expr::Call { builtin, arguments: [id, other].into() }, ty);
        if ty == Type::BOOL {
            self.say(taken, true, "it is absent".to_owned());
            self.say(id, false, "absent is not true".to_owned());
        } else {
            self.same(taken, ty, literal, "it is absent, or");
            let never = self.add(Expr::Compare { op: Compare::Ne, left: id, right: other }, Type::BOOL);
            self.say(never, false, "absent is unequal to nothing".to_owned());
        }
    }
}

fn differences(bare: &Bare, value: Option<&Value<'_>>, exchange: &Exchange<'_>) -> Vec<String> {
    let program = bare.program.clone();
    let mut claims = Claims { bundle: Bundle { program, ..Bundle::default() }, sayings: Vec::new() };
    // A bundle knows no names beyond the table; those of one evaluation are the interpreter's alone.
    if !claims.bundle.program.declared.is_empty() {
        return Vec::new();
    }
    match value {
        Some(value) => claims.equal(bare.root, bare.ty, value, "it"),
        None => claims.absent(bare.root, bare.ty),
    }
    let policy = Policy::load(claims.bundle, Digest([0; 32]), Backend::Jit).unwrap();
    assert_eq!(policy.fallback(), None);
    let holding = policy.holding(exchange, Phase::Head);
    let naively = policy.holding_naively(exchange, Phase::Head);
    let holds = |rules: &[shield_ir::policy::RuleId], at: usize| rules.iter().any(|id| id.0 as usize == at);
    let offences = claims.sayings.iter().enumerate().filter_map(|(at, (saying, wanted))| {
        let (jit, interp) = (holds(&holding, at), holds(&naively, at));
        (jit != *wanted || interp != *wanted)
            .then(|| format!("{saying}: {wanted} was meant, native code says {jit}, interpreter {interp}"))
    });
    offences.collect()
}

#[test]
fn every_case_comes_to_what_the_reference_says() {
    let cases = cases();
    let mut offences = Vec::new();
    for (place, case) in &cases {
        let expr = case["expr"].as_str().unwrap();
        let request = Request::from_json(&case["request"]).unwrap_or_else(|why| panic!("{place}: {why}"));
        let (found, differences) = outcome(expr, &request);
        let wanted = wanted(case);
        if found != wanted {
            offences.push(format!("{place}: {expr}\n    wanted {wanted:?}\n    found  {found:?}"));
        }
        offences.extend(differences.into_iter().map(|one| format!("{place}: {expr}\n    {one}")));
    }
    println!("{} cases", cases.len());
    assert!(offences.is_empty(), "{} offences\n{}\n", offences.len(), offences.join("\n"));
}

#[test]
fn every_field_and_every_function_has_a_case_that_gives_a_value() {
    let mut named = BTreeSet::new();
    for (_, case) in cases() {
        if case["error"].is_null() {
            let expr = case["expr"].as_str().unwrap().to_owned();
            let words = expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.');
            named.extend(words.map(str::to_owned));
        }
    }
    let rows = FIELDS.iter().map(|row| row.name).chain(BUILTINS.iter().map(|row| row.name));
    let missing: Vec<&str> = rows.filter(|name| !named.contains(*name)).collect();
    assert!(missing.is_empty(), "no case of tests/suite/reference names {missing:?}");
}

/// What that engine refuses and we take on purpose: production's newer forms, white space and comments, any type at the top.
const TAKEN: &[&str] = &[
    r#"any(http.request.headers.names[*] eq "x" or http.request.headers.names[*] eq "y")"#,
    "true",
    "ssl\tand ssl",
    "ssl # comment",
    "len(http.host)",
    "http.host",
    "http.host eq http.host",
    "http.host eq lower(http.host)",
];

#[test]
fn recorded_results_of_another_engine_are_ours() {
    let Some(path) = corpus("semantics.jsonl", "202 expressions with their results") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let context = lines.next().unwrap()["context"].take();
    let request = Request::from_json(&serde_json::json!({
        "method": "GET", "url": "https://example.com/", "fields": context
    }));
    let request = request.unwrap();
    let (mut seen, mut offences) = (0, Vec::new());
    for case in lines {
        // Scalars are never absent here.
        if case["group"].as_str().is_some_and(|group| group.starts_with("missing scalar")) {
            continue;
        }
        seen += 1;
        let expr = case["expr"].as_str().unwrap();
        let (found, differences) = outcome(expr, &request);
        let agrees = match (&found, case.get("result_if_nil_ne_is_false")) {
            (Outcome::Refused(_), None) => case.get("error").is_some(),
            (Outcome::Value(value), Some(wanted)) => value == wanted,
            (Outcome::Absent, Some(wanted)) => *wanted == Json::Bool(false),
            (_, None) => TAKEN.contains(&expr),
            _ => false,
        };
        if !agrees {
            offences.push(format!("{case}\n    found {found:?}"));
        }
        offences.extend(differences.into_iter().map(|one| format!("{expr}\n    {one}")));
    }
    println!("{seen} cases");
    assert!(seen > 150 && offences.is_empty(), "\n{}\n", offences.join("\n"));
}

#[test]
fn what_is_read_from_json_is_written_as_it_was() {
    let json = serde_json::json!({"a": ["x", {"base64": "/w=="}]});
    let value = from_json(&json, Type::STRING.array().map()).unwrap();
    assert_eq!(to_json(&value), json);
}
