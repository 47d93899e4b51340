//! Requests with known verdicts against OpenAPI documents: those of other validators' suites, and generated ones.
#![expect(
    clippy::disallowed_methods,
    clippy::doc_markdown,
    clippy::indexing_slicing,
    clippy::or_fun_call,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests panic, print and read their corpora"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use shield_compiler::diagnostic::Diagnostic;
use shield_compiler::schema::{Compiled, Document, PlanBuilder};
use shield_compiler::source::{SourceError, SourceMap, Sources};
use shield_engine::router::{Match, Route, Router};
use shield_engine::schema::{Judge, Parts, Validators};

fn corpus(name: &str, cases: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SHIELD_CORPORA").map(PathBuf::from);
    let folder = root.map(|root| root.join(name)).filter(|folder| folder.exists());
    if folder.is_none() {
        eprintln!("NOT RUN: {cases} of the corpus `{name}`, because SHIELD_CORPORA does not name it");
    }
    folder
}

struct Folder(PathBuf);

impl Sources for Folder {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, SourceError> {
        std::fs::read(self.0.join(path)).map(Into::into).map_err(|_| SourceError::NotFound)
    }
}

/// A document made ready.
struct Api {
    validators: Validators,
    router: Router,
    judges: Vec<Judge>,
    /// The same, which get native code when they are first asked.
    natives: Vec<Judge>,
}

impl Api {
    fn load(folder: &Path, path: &str) -> Result<Self, Vec<Diagnostic>> {
        let (mut map, mut diagnostics) = (SourceMap::default(), Vec::new());
        let document = Document::read(&Folder(folder.to_path_buf()), &mut map, path, &mut diagnostics);
        let mut plan = PlanBuilder::new();
        let compiled =
            document.map_or_else(Compiled::default, |document| document.compile(&mut plan, &mut diagnostics));
        diagnostics.retain(Diagnostic::is_error);
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        let validators = Validators::load(plan.finish()).unwrap();
        let routes = compiled.operations.iter().enumerate().map(|(at, operation)| Route {
            scope: 0,
            method: operation.method.clone(),
            template: operation.template.clone(),
            endpoint: at as u32,
        });
        let router = Router::new(routes.collect::<Vec<_>>());
        let judges = || {
            let operations = compiled.operations.iter().map(|operation| operation.operation.clone());
            operations.map(|operation| Judge::new(&validators, operation)).collect()
        };
        Ok(Self { judges: judges(), natives: judges(), validators, router })
    }

    /// Why a request is refused, or nothing.
    fn refusal(&self, case: &Value, base: &str, scope: &str) -> Option<String> {
        let request = &case["request"];
        let target = format!("{base}{}", request["target"].as_str().unwrap());
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let method = request["method"].as_str().unwrap();
        let found = match self.router.route(0, method, path) {
            Match::Found(found) => found,
            other => return Some(format!("{other:?}")),
        };
        let judge = &self.judges[found.endpoint as usize];
        let rows = request["headers"].as_array().unwrap().iter();
        let headers: Vec<(&[u8], &[u8])> = rows
            .map(|row| (row[0].as_str().unwrap().as_bytes(), row[1].as_str().unwrap().as_bytes()))
            .collect();
        let body = decode_base64(request["body_b64"].as_str().unwrap_or_default());
        let parts = Parts { path: &found.params, query, headers: &headers, body: Some(&body) };
        let mut violations = Vec::new();
        let native = &self.natives[found.endpoint as usize];
        native.compile(&self.validators).unwrap();
        if scope != "body" && scope != "security" {
            let interpreted = judge.head(&self.validators, &parts);
            assert_eq!(native.head(&self.validators, &parts), interpreted, "native code says otherwise");
            violations.extend(interpreted);
        }
        if scope != "parameters" && scope != "security" {
            let interpreted = judge.body(&self.validators, &parts);
            assert_eq!(native.body(&self.validators, &parts), interpreted, "native code says otherwise");
            violations.extend(interpreted);
        }
        if matches!(scope, "full" | "security")
            && judged_by_credentials(case)
            && !judge.has_credentials(&parts)
        {
            return Some("credentials are missing".into());
        }
        (!violations.is_empty()).then(|| format!("{violations:?}"))
    }
}

/// Generated cases were recorded without credentials; those that are about them say so.
fn judged_by_credentials(case: &Value) -> bool {
    case.get("mode").is_none()
        || case["tags"].as_array().unwrap().iter().any(|tag| tag == "security-missing-credentials")
}

fn decode_base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => u32::from(byte - b'A'),
        b'a'..=b'z' => u32::from(byte - b'a') + 26,
        b'0'..=b'9' => u32::from(byte - b'0') + 52,
        b'+' | b'-' => 62,
        _ => 63,
    };
    let bytes: Vec<u8> = text.bytes().filter(|byte| *byte != b'=').collect();
    let mut out = Vec::new();
    for chunk in bytes.chunks(4) {
        let word = chunk.iter().fold(0, |word, byte| word << 6 | digit(*byte)) << (6 * (4 - chunk.len()));
        out.extend(word.to_be_bytes()[1..].iter().take(chunk.len() - 1));
    }
    out
}

/// Runs cases; what is not as expected, with the case's name.
fn run(folder: &Path, cases: &[Value], verdict: impl Fn(&Value) -> &str) -> Vec<String> {
    let mut apis: BTreeMap<String, Result<Api, Vec<Diagnostic>>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in cases {
        let spec = case["spec"].as_str().unwrap().to_owned();
        let api = apis.entry(spec.clone()).or_insert_with(|| Api::load(folder, &spec));
        let base = case["base_path_omitted"].as_str().unwrap_or_default();
        let scope = case["scope"].as_str().unwrap_or("full");
        let refusal = match api {
            Ok(api) => api.refusal(case, base, scope),
            Err(diagnostics) => Some(format!(
                "the document: {:?}",
                diagnostics.iter().map(|d| &d.message).collect::<Vec<_>>()
            )),
        };
        let expected = verdict(case);
        if refusal.is_none() != (expected == "accept") {
            let request = &case["request"];
            wrong.push(format!(
                "{} {} {} {} {} tags={} expected {expected} {}: {}",
                case["id"].as_str().unwrap(),
                spec,
                scope,
                request["method"].as_str().unwrap(),
                request["target"].as_str().unwrap(),
                case["tags"],
                case["expected"]["message"],
                refusal.unwrap_or_else(|| "accepted".into())
            ));
        }
    }
    wrong
}

/// Cases whose verdict came from the test's own code for credentials, not from the document: with its defaults that
/// validator lets OAuth 2 and OpenID Connect pass without any.
fn needs_callbacks(case: &Value) -> bool {
    let tags = case["tags"].as_array().unwrap();
    tags.iter().any(|tag| tag == "uses-js-callbacks:validateSecurity")
        && case["expected"]["verdict"] == "accept"
}

#[test]
fn cases_on_which_two_implementations_agree() {
    let Some(folder) = corpus("openapi-cases", "691 requests") else { return };
    let mut wrong = Vec::new();
    for file in ["eov.json", "kogo-open-api.json", "openapi-core.json"] {
        let cases: Vec<Value> =
            serde_json::from_str(&std::fs::read_to_string(folder.join(file)).unwrap()).unwrap();
        let agreed: Vec<Value> =
            cases.into_iter().filter(|case| case["consensus"] == true && !needs_callbacks(case)).collect();
        wrong.extend(run(&folder, &agreed, |case| case["expected"]["verdict"].as_str().unwrap()));
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn generated_cases_on_which_two_implementations_agree() {
    let Some(folder) = corpus("openapi-cases-generated", "9,020 requests") else { return };
    let text = std::fs::read_to_string(folder.join("schemathesis-shared.jsonl")).unwrap();
    let cases = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let agreed: Vec<Value> = cases.filter(|case| case["consensus"] == true).collect();
    let wrong = run(&folder.join("../openapi"), &agreed, |case| case["expected"].as_str().unwrap());
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

/// Why we judge a case unlike the suite that it comes from: a part of its line, and the reason. The first that fits counts.
const REASONS: &[(&str, &str)] = &[
    ("stands here for the second time", "an operationId is unique, says the specification"),
    ("`required` is an array of names", "in a schema, `required` is a list of names"),
    ("nothing stands at `#components", "a pointer starts with `/`"),
    ("`file` is not a type", "`file` is a type of Swagger 2.0"),
    ("uses-js-callbacks", "the verdict is that of the suite's own code"),
    (
        "policy:unknown-query-param",
        "what is undeclared passes unless the policy says `undeclared query block`",
    ),
    ("policy:reserved-chars", "a reserved character that splits nothing is taken as it stands"),
    ("opt:ignorePaths", "that validator was told to leave these paths alone"),
    ("opt:validateFormats", "that validator was told not to assert formats"),
    ("opt:coerceTypes", "that validator was told to take texts for numbers in JSON"),
    ("opt:removeAdditional", "that validator was told to drop what is read-only"),
    ("opt:validateSecurity", "that validator was told not to look for credentials"),
    ("opt:forbid_unspecified", "that validator was told to refuse what the document lets through"),
    ("opt:fileUploader", "no body was sent, and none is required"),
    ("unsupported media type", "no body was sent, and none is required"),
    ("Unsupported Content-Type", "no body was sent, and none is required"),
    ("Server not found", "which hosts an API has is for its policy to say"),
    (
        ": Nothing",
        "the path is written for a router, or lies outside the servers; `unknown` says what becomes of it",
    ),
    (": WrongMethod", "the path is declared without this method; `unknown` says what becomes of it"),
    ("eov-0046", "there is no thirteenth month"),
    ("eov-0177", "a parameter whose `content` is JSON is not written with keys"),
    ("eov-0217", "an object that is not exploded is written as names and values, not as JSON"),
    ("eov-0343", "an exploded object is written as its members, not as JSON"),
    ("kogo-0001", "a `default` is not a value that was sent"),
    ("kogo-0018", "a `default` is not a value that was sent"),
    ("kogo-0014", "the body is JSON and not multipart"),
    ("kogo-0034", "`nullable` adds null to `type`, not to `enum`"),
    ("kogo-0035", "`nullable` adds null to the `type` beside it, and there is none"),
    ("kogo-0036", "`nullable` adds null to the `type` beside it, and there is none"),
    ("kogo-0037", "`nullable` adds null to the `type` beside it, and there is none"),
    ("limit=None", "`None` is a word of Python"),
];

/// The cases on which implementations differ: those that we judge unlike the suite they come from, with our reason.
#[test]
fn other_cases_are_listed_with_our_reason() {
    let Some(folder) = corpus("openapi-cases", "the cases without agreement") else { return };
    let mut listed = Vec::new();
    for file in ["eov.json", "kogo-open-api.json", "openapi-core.json"] {
        let cases: Vec<Value> =
            serde_json::from_str(&std::fs::read_to_string(folder.join(file)).unwrap()).unwrap();
        let others: Vec<Value> = cases.into_iter().filter(|case| case["consensus"] != true).collect();
        listed.push(format!("{file}: {} cases", others.len()));
        for line in run(&folder, &others, |case| case["expected"]["verdict"].as_str().unwrap()) {
            let reason = REASONS.iter().find(|(part, _)| line.contains(part));
            let (_, reason) = reason.unwrap_or_else(|| panic!("no reason is given for {line}"));
            listed.push(format!("{line}\n    {reason}"));
        }
    }
    for (part, reason) in REASONS {
        assert!(listed.iter().any(|line| line.contains(part)), "nothing is left of which `{reason}` is said");
    }
    insta::assert_snapshot!(listed.join("\n"));
}

/// The same for generated cases, counted by what was expected, the case's tags and our reason.
#[test]
fn other_generated_cases_are_counted_by_our_reason() {
    let Some(folder) = corpus("openapi-cases-generated", "the requests without agreement") else { return };
    let text = std::fs::read_to_string(folder.join("schemathesis-shared.jsonl")).unwrap();
    let cases = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let others: Vec<Value> = cases.filter(|case| case["consensus"] != true).collect();
    let wrong = run(&folder.join("../openapi"), &others, |case| case["expected"].as_str().unwrap());
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for line in &wrong {
        let (_, tail) = line.split_once(" tags=").unwrap();
        let (head, reason) = tail.split_once(": ").unwrap();
        let keyword = reason.split("keyword: \"").nth(1).and_then(|rest| rest.split('"').next());
        let message = reason.split("message: \"").nth(1).and_then(|rest| rest.split('"').next());
        let reason = keyword
            .zip(message)
            .map_or(reason.to_owned(), |(keyword, message)| format!("{keyword}: {message}"));
        *counts.entry(format!("{head}: {reason}")).or_default() += 1;
    }
    let lines: Vec<String> = counts.into_iter().map(|(line, count)| format!("{count} × {line}")).collect();
    insta::assert_snapshot!(format!(
        "{} of {} judged otherwise\n{}",
        wrong.len(),
        others.len(),
        lines.join("\n")
    ));
}
