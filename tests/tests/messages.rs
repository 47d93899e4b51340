//! `tests/suite/messages`: operations of OpenAPI, and messages that each accepts or refuses with these faults.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test reads its own files, and stops loudly when it cannot go on"
)]

use std::path::Path;

use serde_json::{Value, json};
use shield_compiler::diagnostic::Diagnostic;
use shield_compiler::schema::{Document, PlanBuilder, typed};
use shield_compiler::source::{MemorySources, SourceMap};
use shield_engine::schema::{Judge, Parts, ResponseParts, Validators};
use shield_tests::suite;

/// What a case may say of a message; anything else is a slip of the pen.
const WORDS: &[&str] = &["path", "query", "headers", "cookie", "type", "body", "status", "faults"];

/// The document of a case: one operation, with the components that it refers to.
fn document(case: &Value) -> String {
    let path = case["path"].as_str().unwrap_or("/x");
    json!({
        "openapi": case["openapi"],
        "info": { "title": "case", "version": "1" },
        "paths": { path: { "post": case["operation"] } },
        "components": case.get("components").cloned().unwrap_or_else(|| json!({})),
    })
    .to_string()
}

/// The operation of a case, ready to judge, by the interpreter and by native code.
fn judges(path: &Path, case: &Value) -> (Validators, Judge, Judge) {
    let (mut map, mut diagnostics, mut plan) = (SourceMap::default(), Vec::new(), PlanBuilder::new());
    let files = MemorySources::new([("case.json", &document(case))]);
    let read = Document::read(&files, &mut map, "case.json", &mut diagnostics);
    let compiled = read.map(|document| document.compile(&mut plan, &mut diagnostics)).unwrap_or_default();
    let errors: Vec<&Diagnostic> = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
    assert!(errors.is_empty(), "{}: {errors:?}", path.display());
    let validators = Validators::load(plan.finish()).unwrap();
    let operation = compiled.operations.into_iter().next().unwrap().operation;
    let (interpreted, native) =
        (Judge::new(&validators, operation.clone()), Judge::new(&validators, operation));
    native.compile(&validators).unwrap();
    (validators, interpreted, native)
}

/// What a judge finds wrong with a message: pointers and keywords.
fn faults(validators: &Validators, judge: &Judge, message: &Value) -> Vec<String> {
    let text = |name: &str| message.get(name).map(|text| text.as_str().unwrap());
    let pairs = |name: &str| -> Vec<(String, String)> {
        let rows = message.get(name).into_iter().flat_map(|map| map.as_object().unwrap());
        rows.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
    };
    let path = pairs("path");
    let path: Vec<(&str, &str)> = path.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let mut headers = pairs("headers");
    headers.extend(text("type").map(|text| ("content-type".to_owned(), text.to_owned())));
    headers.extend(text("cookie").map(|text| ("cookie".to_owned(), text.to_owned())));
    let headers: Vec<(&[u8], &[u8])> =
        headers.iter().map(|(name, text)| (name.as_bytes(), text.as_bytes())).collect();
    let multipart = text("type").is_some_and(|text| text.starts_with("multipart/"));
    let body = text("body").unwrap_or_default();
    let body = if multipart { body.replace('\n', "\r\n") } else { body.to_owned() };
    let violations = if let Some(status) = message.get("status") {
        let status = status.as_u64().unwrap() as u16;
        let parts = ResponseParts { status, headers: &headers, body: Some(body.as_bytes()) };
        judge.response(validators, &parts)
    } else {
        let query = text("query").unwrap_or_default();
        let parts = Parts { path: &path, query, headers: &headers, body: Some(body.as_bytes()) };
        judge.request(validators, &parts)
    };
    let mut faults: Vec<String> = violations
        .into_iter()
        .map(|violation| format!("{} {} {}", violation.location.name(), violation.pointer, violation.keyword))
        .map(|fault| fault.replace("  ", " "))
        .collect();
    faults.sort();
    faults
}

#[test]
fn messages_are_judged_as_their_cases_say() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for path in suite::files("tests/suite/messages", ".yaml") {
        let text = std::fs::read_to_string(&path).unwrap();
        let cases = typed::value(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for case in cases.as_array().unwrap() {
            let (validators, interpreted, native) = judges(&path, case);
            let rows =
                |name: &str| case.get(name).into_iter().flat_map(|list| list.as_array().unwrap()).cloned();
            let accepted = rows("accept").map(|message| (message, Vec::new()));
            let refused = rows("refuse").map(|message| {
                let said = message["faults"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|fault| fault.as_str().unwrap().to_owned());
                let mut said: Vec<String> = said.collect();
                said.sort();
                (message, said)
            });
            for (message, expected) in accepted.chain(refused) {
                let unknown =
                    message.as_object().unwrap().keys().find(|word| !WORDS.contains(&word.as_str()));
                assert_eq!(unknown, None, "{}", path.display());
                let found = faults(&validators, &interpreted, &message);
                count += 1;
                if found != expected || faults(&validators, &native, &message) != found {
                    let (file, name) = (path.file_stem().unwrap().display(), &case["case"]);
                    wrong.push(format!(
                        "{file}: {name}: {message}\n  expected {expected:?}\n  found    {found:?}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count}\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 100, "{count} messages");
}
