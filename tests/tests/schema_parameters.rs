//! Random parameters of every location, style and kind of value: native code and the interpreter find the same.
#![expect(clippy::unwrap_used, reason = "tests panic")]

use serde_json::{Value, json};
use shield_compiler::diagnostic::Diagnostic;
use shield_compiler::schema::{Document, PlanBuilder};
use shield_compiler::source::{MemorySources, SourceMap};
use shield_engine::schema::{Judge, Parts, Validators};
use shield_tests::random::Random;

const PARAMETERS: u64 = 600;
/// Texts for each.
const TEXTS: u64 = 40;

/// Where a parameter stands, and how it may be written there.
const PLACES: &[(&str, &[&str])] = &[
    ("path", &["simple", "label", "matrix"]),
    ("query", &["form", "spaceDelimited", "pipeDelimited", "deepObject"]),
    ("header", &["simple"]),
    ("cookie", &["form"]),
];

/// What raw texts are made of.
const PIECES: &[&str] = &[
    "a",
    "b",
    "ab",
    "1",
    "2",
    "12",
    "-1",
    "1.5",
    "1e1",
    "true",
    "no",
    "null",
    "%20",
    "+",
    "%C3%A9",
    "%",
    "%ff",
    ",",
    "%2C",
    ".",
    ";",
    "=",
    "|",
    "&",
    "color",
    "color=",
    ";color=",
    "&color=",
    "color[a]=",
    "&color[b]=",
    "a=",
    "&b=",
    "\"",
    "\\",
    "%22",
    "%00",
    "{\"a\":1}",
    "[1]",
    "2026-01-02",
    "",
];

/// A value without parts.
fn scalar(random: &mut Random) -> Value {
    random
        .pick(&[
            json!({ "type": "integer", "minimum": 1, "maximum": 12 }),
            json!({ "type": "number", "exclusiveMinimum": -1, "multipleOf": 0.5 }),
            json!({ "type": "string", "minLength": 1, "maxLength": 3 }),
            json!({ "type": "string", "pattern": "^[ab]+$" }),
            json!({ "type": "string", "format": "date" }),
            json!({ "type": "boolean" }),
            json!({ "type": ["integer", "null"] }),
            json!({ "type": ["string", "number"], "maximum": 2, "maxLength": 2 }),
            json!({ "enum": ["a", "b", "12", 1, true] }),
            json!({ "const": "a b" }),
            json!({ "oneOf": [{ "type": "integer" }, { "enum": [1, "a"] }] }),
            json!({ "not": { "const": "ab" } }),
            json!({}),
        ])
        .clone()
}

fn schema(random: &mut Random) -> Value {
    match random.below(4) {
        0 | 1 => scalar(random),
        2 => {
            json!({ "type": "array", "items": scalar(random), "minItems": random.below(3), "uniqueItems": random.one_in(2) })
        }
        _ => {
            let members = json!({ "a": scalar(random), "b": scalar(random) });
            json!({ "type": "object", "properties": members, "required": ["a"], "additionalProperties": random.one_in(2) })
        }
    }
}

fn text(random: &mut Random) -> String {
    let first = random.pick(&["", "", "color=", ";color=", ".", "color[a]=", "a="]);
    let rest: Vec<&str> = (0..=random.below(4)).map(|_| *random.pick(PIECES)).collect();
    format!("{first}{}", rest.concat())
}

/// The operation's judge twice: as it is, and with native code.
fn judges(parameter: &Value) -> Option<(Validators, Judge, Judge)> {
    let path = if parameter["in"] == "path" { "/{color}" } else { "/x" };
    let text =
        json!({ "openapi": "3.1.0", "info": {}, "paths": { path: { "post": { "parameters": [parameter] } } } }).to_string();
    let (mut map, mut diagnostics, mut plan) = (SourceMap::default(), Vec::new(), PlanBuilder::new());
    let files = MemorySources::new([("a.json", &text)]);
    let compiled =
        Document::read(&files, &mut map, "a.json", &mut diagnostics)?.compile(&mut plan, &mut diagnostics);
    if diagnostics.iter().any(Diagnostic::is_error) {
        return None;
    }
    let validators = Validators::load(plan.finish()).unwrap();
    let operation = compiled.operations.into_iter().next()?.operation;
    let [plain, coded] = [(); 2].map(|()| Judge::new(&validators, operation.clone()));
    coded.compile(&validators).unwrap();
    Some((validators, plain, coded))
}

#[test]
fn parameters_are_judged_alike_by_native_code_and_interpreter() {
    let (mut judged, mut valid) = (0_u64, 0_u64);
    for seed in 0..PARAMETERS {
        let mut random = Random(seed);
        let (place, styles) = *random.pick(PLACES);
        let parameter = if random.one_in(8) {
            let content = json!({ "application/json": { "schema": schema(&mut random) } });
            json!({ "name": "color", "in": place, "required": true, "content": content })
        } else {
            json!({ "name": "color", "in": place, "required": true, "schema": schema(&mut random),
                    "style": random.pick(styles), "explode": random.one_in(2) })
        };
        let Some((validators, plain, coded)) = judges(&parameter) else { continue };
        for _ in 0..TEXTS {
            let raw = text(&mut random);
            let (path, headers) = (
                [("color", raw.as_str())],
                [(&b"color"[..], raw.as_bytes()), (&b"cookie"[..], raw.as_bytes())],
            );
            let parts = match place {
                "path" => Parts { path: &path, ..Parts::default() },
                "query" => Parts { query: &raw, ..Parts::default() },
                "header" => Parts { headers: &headers[..1], ..Parts::default() },
                _ => Parts { headers: &headers[1..], ..Parts::default() },
            };
            let found = coded.head(&validators, &parts);
            assert_eq!(found, plain.head(&validators, &parts), "{parameter}\n{raw}");
            judged += 1;
            valid += u64::from(found.is_empty());
        }
    }
    eprintln!("{judged} texts, {valid} of them valid");
    assert!(
        judged > PARAMETERS * TEXTS / 2 && valid * 20 > judged,
        "hardly a text is judged, or hardly one is valid"
    );
}
