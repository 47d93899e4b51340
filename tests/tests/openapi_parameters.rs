//! Every location, style, `explode` and kind of value, as the tables of the specification write them; and what must
//! not pass for them.
#![expect(clippy::unwrap_used, reason = "tests panic")]

use serde_json::{Value, json};
use shield_compiler::diagnostic::Diagnostic;
use shield_compiler::schema::{Document, PlanBuilder};
use shield_compiler::source::{MemorySources, SourceMap};
use shield_engine::schema::{Class, Judge, Location, Parts, ResponseParts, Validators, Violation};

struct Api {
    validators: Validators,
    judge: Judge,
    /// The same without native code.
    plain: Judge,
}

impl Api {
    /// One operation, `path` and all.
    fn of(path: &str, operation: &Value) -> Self {
        let text =
            json!({ "openapi": "3.1.0", "info": {}, "paths": { path: { "post": operation } } }).to_string();
        let (mut map, mut diagnostics, mut plan) = (SourceMap::default(), Vec::new(), PlanBuilder::new());
        let files = MemorySources::new([("a.json", &text)]);
        let document = Document::read(&files, &mut map, "a.json", &mut diagnostics).unwrap();
        let compiled = document.compile(&mut plan, &mut diagnostics);
        let errors: Vec<&Diagnostic> =
            diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        let validators = Validators::load(plan.finish()).unwrap();
        let operation = compiled.operations.into_iter().next().unwrap().operation;
        let [judge, plain] = [(); 2].map(|()| Judge::new(&validators, operation.clone()));
        judge.compile(&validators).unwrap();
        Self { validators, judge, plain }
    }

    fn parameter(parameter: &Value) -> Self {
        Self::of(
            if parameter["in"] == "path" { "/{color}" } else { "/x" },
            &json!({ "parameters": [parameter] }),
        )
    }

    fn request(&self, parts: &Parts<'_>) -> Vec<Violation> {
        let found = self.judge.request(&self.validators, parts);
        assert_eq!(found, self.plain.request(&self.validators, parts));
        found
    }

    /// The verdict on the raw text of the parameter `color`.
    fn color(&self, location: &str, raw: &str) -> Vec<Violation> {
        let cookie = raw.as_bytes();
        match location {
            "path" => self.request(&Parts { path: &[("color", raw)], ..Parts::default() }),
            "query" => self.request(&Parts { query: raw, ..Parts::default() }),
            "header" => self.request(&Parts { headers: &[(b"color", raw.as_bytes())], ..Parts::default() }),
            _ => self.request(&Parts { headers: &[(b"cookie", cookie)], ..Parts::default() }),
        }
    }

    fn body(&self, content_type: &str, body: &str) -> Vec<Violation> {
        let headers: &[(&[u8], &[u8])] = &[(b"content-type", content_type.as_bytes())];
        self.request(&Parts { headers, body: Some(body.as_bytes()), ..Parts::default() })
    }
}

/// Location, style, explode, and how a string, an array and an object are written.
type Row = (&'static str, &'static str, bool, [&'static str; 3]);

const TABLE: &[Row] = &[
    ("path", "simple", false, ["blue", "blue,black,brown", "R,100,G,200,B,150"]),
    ("path", "simple", true, ["blue", "blue,black,brown", "R=100,G=200,B=150"]),
    ("path", "label", false, [".blue", ".blue,black,brown", ".R,100,G,200,B,150"]),
    ("path", "label", true, [".blue", ".blue.black.brown", ".R=100.G=200.B=150"]),
    ("path", "matrix", false, [";color=blue", ";color=blue,black,brown", ";color=R,100,G,200,B,150"]),
    ("path", "matrix", true, [";color=blue", ";color=blue;color=black;color=brown", ";R=100;G=200;B=150"]),
    ("query", "form", false, ["color=blue", "color=blue,black,brown", "color=R,100,G,200,B,150"]),
    ("query", "form", true, ["color=blue", "color=blue&color=black&color=brown", "R=100&G=200&B=150"]),
    (
        "query",
        "spaceDelimited",
        false,
        ["", "color=blue%20black%20brown", "color=R%20100%20G%20200%20B%20150"],
    ),
    ("query", "spaceDelimited", true, ["", "color=blue&color=black&color=brown", ""]),
    (
        "query",
        "pipeDelimited",
        false,
        ["", "color=blue%7Cblack%7Cbrown", "color=R%7C100%7CG%7C200%7CB%7C150"],
    ),
    ("query", "pipeDelimited", true, ["", "color=blue&color=black&color=brown", ""]),
    ("query", "deepObject", true, ["", "", "color%5BR%5D=100&color[G]=200&color%5BB%5D=150"]),
    ("header", "simple", false, ["blue", "blue,black,brown", "R,100,G,200,B,150"]),
    ("header", "simple", true, ["blue", "blue, black, brown", "R=100,G=200,B=150"]),
    ("cookie", "form", false, ["color=blue", "color=blue,black,brown", "color=R,100,G,200,B,150"]),
    ("cookie", "form", true, ["color=blue", "", "R=100; G=200; B=150"]),
];

#[test]
fn every_style_reads_what_the_specification_writes() {
    let number = json!({ "type": "integer", "minimum": 0, "maximum": 255 });
    let kinds = [
        json!({ "type": "string", "const": "blue" }),
        json!({ "type": "array", "items": { "enum": ["blue", "black", "brown"] }, "minItems": 3, "maxItems": 3 }),
        json!({ "type": "object", "properties": { "R": number, "G": number, "B": number },
                "required": ["R", "G", "B"], "additionalProperties": false }),
    ];
    for (location, style, explode, texts) in TABLE {
        for (schema, text) in kinds.iter().zip(texts).filter(|(_, text)| !text.is_empty()) {
            let api = Api::parameter(&json!({
                "name": "color", "in": location, "style": style, "explode": explode, "required": true, "schema": schema
            }));
            let case = format!("{location} {style} {explode} {text}");
            assert_eq!(api.color(location, text), [], "{case}");
            // The same text with another value in it, or cut short, is something else.
            let other = text.replace("blue", "green").replace("100", "900");
            let wrong = api.color(location, &other);
            assert!(
                !wrong.is_empty() && wrong.iter().all(|v| v.pointer.starts_with("/color")),
                "{case}: {wrong:?}"
            );
            let missing = api.request(&Parts::default());
            assert!(
                matches!(missing.as_slice(), [v] if v.class == Class::MissingRequired),
                "{case}: {missing:?}"
            );
        }
    }
}

#[test]
fn scalars_are_read_by_their_types() {
    let verdict = |schema: Value, text: &str| {
        let api = Api::parameter(&json!({ "name": "color", "in": "query", "schema": schema }));
        api.color("query", &format!("color={text}")).is_empty()
    };
    assert!(verdict(json!({ "type": "integer" }), "12") && !verdict(json!({ "type": "integer" }), "1.5"));
    assert!(verdict(json!({ "type": "number" }), "-1.5e3") && !verdict(json!({ "type": "number" }), "0x10"));
    assert!(verdict(json!({ "type": "boolean" }), "true") && !verdict(json!({ "type": "boolean" }), "maybe"));
    assert!(verdict(json!({ "type": "string", "pattern": "^1$" }), "1"));
    assert!(verdict(json!({ "type": ["integer", "string"], "maxLength": 3 }), "abc"));
    assert!(
        verdict(json!({ "type": "string", "minLength": 3 }), "a%20b")
            && verdict(json!({ "const": "a b" }), "a+b")
    );
    assert!(!verdict(json!({ "type": "string" }), "%zz") && !verdict(json!({ "type": "string" }), "%ff"));
    assert!(!verdict(json!({ "type": "integer" }), "1&color=2"), "given twice");
}

#[test]
fn content_parameters_hold_json() {
    let schema = json!({ "type": "object", "required": ["a"], "properties": { "a": { "type": "integer" } } });
    let api = Api::parameter(&json!({
        "name": "color", "in": "query", "content": { "application/json": { "schema": schema } }
    }));
    assert!(api.color("query", "color=%7B%22a%22%3A1%7D").is_empty());
    let violations = api.color("query", "color={\"a\":\"x\"}");
    assert!(matches!(violations.as_slice(), [v] if v.pointer == "/color/a" && v.class == Class::InvalidType));
    assert!(matches!(api.color("query", "color={").as_slice(), [v] if v.class == Class::InvalidSyntax));
}

#[test]
fn undeclared_parameters_are_named() {
    let api = Api::of(
        "/x",
        &json!({ "parameters": [
        { "name": "a", "in": "query", "schema": {} },
        { "name": "f", "in": "query", "style": "deepObject", "schema": { "type": "object" } }
    ] }),
    );
    let parts = Parts {
        query: "a=1&f[x]=2&b=3&b%2Fc=4",
        headers: &[(b"Cookie", b"s=1"), (b"X-Y", b"1"), (b"Host", b"h")],
        ..Parts::default()
    };
    let names = |location| -> Vec<String> {
        api.judge.undeclared(location, &parts).into_iter().map(|violation| violation.pointer).collect()
    };
    assert_eq!(names(Location::Query), ["/b", "/b~1c"]);
    assert_eq!(names(Location::Cookie), ["/s"]);
    assert_eq!(names(Location::Header), ["/x-y"]);
}

#[test]
fn forms_and_multipart_bodies_are_read_by_their_fields() {
    let schema = json!({ "type": "object", "required": ["n"], "additionalProperties": false, "properties": {
        "n": { "type": "integer" }, "tags": { "type": "array", "items": { "type": "string", "maxLength": 3 } },
        "o": { "type": "object", "properties": { "k": { "type": "boolean" } } } } });
    let api = Api::of(
        "/x",
        &json!({ "requestBody": { "required": true, "content": {
        "application/x-www-form-urlencoded": { "schema": schema }, "multipart/form-data": { "schema": schema },
        "text/plain": { "schema": { "type": "string", "maxLength": 2 } }, "application/xml": { "schema": schema } } } }),
    );
    let form = "application/x-www-form-urlencoded";
    assert_eq!(api.body(form, "n=1&tags=a&tags=bc&o%5Bk%5D=true"), []);
    for (text, pointer, class) in [
        ("n=x", "/n", Class::InvalidType),
        ("tags=a", "/n", Class::MissingRequired),
        ("n=1&tags=abcd", "/tags/0", Class::ConstraintViolation),
        ("n=1&n=2", "/n", Class::TooManyValues),
        ("n=1&z=1", "/z", Class::ConstraintViolation),
        ("n=%zz", "/n", Class::InvalidEncoding),
    ] {
        let violations = api.body(form, text);
        assert!(
            matches!(violations.as_slice(), [v] if v.pointer == pointer && v.class == class),
            "{text}: {violations:?}"
        );
    }
    let part =
        |head: &str, value: &str| format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n");
    let multipart = |parts: &[String]| {
        api.body("multipart/form-data; boundary=b", &format!("{}--b--\r\n", parts.concat()))
    };
    assert_eq!(
        multipart(&[part("name=\"n\"", "1"), part("name=\"tags\"", "a"), part("name=o", "{\"k\":true}")]),
        []
    );
    assert!(matches!(multipart(&[part("name=\"n\"", "x")]).as_slice(), [v] if v.pointer == "/n"));
    assert!(
        matches!(multipart(&[part("name=\"n\"; filename*=utf-8''x", "1")]).as_slice(), [v] if v.class == Class::InvalidSyntax)
    );
    assert_eq!(api.body("text/plain; charset=utf-8", "ab"), []);
    assert!(matches!(api.body("text/plain", "abc").as_slice(), [v] if v.keyword == "maxLength"));
    for media in ["application/xml", "text/csv", "application/json", "text/plain; charset=utf-16"] {
        assert!(
            matches!(api.body(media, "x").as_slice(), [v] if v.class == Class::UnsupportedMediaType),
            "{media}"
        );
    }
    assert!(matches!(api.body("text", "x").as_slice(), [v] if v.class == Class::InvalidMediaType));
    assert!(matches!(api.body(form, "").as_slice(), [v] if v.class == Class::MissingRequired));
}

#[test]
fn json_bodies_cannot_hide_behind_their_media_type() {
    let api = Api::of(
        "/x",
        &json!({ "requestBody": { "content": { "application/json": { "schema": { "type": "object" } },
        "application/*+json": { "schema": { "type": "array" } } } } }),
    );
    for media in ["application/json; charset=utf-8", "Application/JSON", "application/json;v=1"] {
        assert_eq!(api.body(media, "{}"), [], "{media}");
        assert!(matches!(api.body(media, "[]").as_slice(), [v] if v.class == Class::InvalidType), "{media}");
    }
    assert!(
        matches!(api.body("application/json", "{\"a\":1,\"\\u0061\":2}").as_slice(), [v] if v.class == Class::DuplicateValue)
    );
    assert!(
        matches!(api.body("application/json", "\u{feff}{}").as_slice(), [v] if v.class == Class::InvalidSyntax)
    );
}

#[test]
fn members_travel_in_their_direction_only() {
    let schema = json!({ "allOf": [{ "type": "object", "properties": {
        "id": { "type": "integer", "readOnly": true }, "secret": { "type": "string", "writeOnly": true } } },
        { "required": ["id", "secret"] }] });
    let content = json!({ "application/json": { "schema": schema } });
    let api = Api::of(
        "/x",
        &json!({ "requestBody": { "content": content }, "responses": { "2XX": { "content": content } } }),
    );
    assert_eq!(api.body("application/json", r#"{"secret":"s"}"#), []);
    let violations = api.body("application/json", r#"{"id":1}"#);
    let keywords: Vec<&str> = violations.iter().map(|violation| violation.keyword).collect();
    assert_eq!(keywords, ["readOnly", "required"]);
    let response = |status, body: &str| {
        let headers: &[(&[u8], &[u8])] = &[(b"content-type", b"application/json")];
        api.judge.response(&api.validators, &ResponseParts { status, headers, body: Some(body.as_bytes()) })
    };
    assert_eq!(response(201, r#"{"id":1}"#), []);
    assert!(matches!(response(200, r#"{"id":1,"secret":"s"}"#).as_slice(), [v] if v.keyword == "writeOnly"));
    assert!(matches!(response(404, "{}").as_slice(), [v] if v.keyword == "responses"));
}

#[test]
fn a_discriminator_chooses_the_branch_and_explains_its_failure() {
    let pet = |kind: &str, member: &str| {
        json!({ "type": "object", "required": ["kind", member], "properties": { "kind": { "type": "string" },
            member: { "type": "integer", "description": kind } } })
    };
    let text = json!({ "openapi": "3.0.3", "info": {}, "paths": { "/x": { "post": { "requestBody": { "content": {
        "application/json": { "schema": { "oneOf": [{ "$ref": "#/components/schemas/Cat" }, { "$ref": "#/components/schemas/Dog" }],
            "discriminator": { "propertyName": "kind", "mapping": { "c": "#/components/schemas/Cat" } } } } } } } } },
        "components": { "schemas": { "Cat": pet("c", "lives"), "Dog": pet("Dog", "age") } } }).to_string();
    let (mut map, mut diagnostics, mut plan) = (SourceMap::default(), Vec::new(), PlanBuilder::new());
    let files = MemorySources::new([("a.json", &text)]);
    let compiled = Document::read(&files, &mut map, "a.json", &mut diagnostics)
        .unwrap()
        .compile(&mut plan, &mut diagnostics);
    let validators = Validators::load(plan.finish()).unwrap();
    let judge = Judge::new(&validators, compiled.operations.into_iter().next().unwrap().operation);
    let api = Api { plain: judge.clone(), validators, judge };
    assert_eq!(api.body("application/json", r#"{"kind":"c","lives":9}"#), []);
    assert_eq!(api.body("application/json", r#"{"kind":"Dog","age":9,"lives":9}"#), []);
    let pointers = |text: &str| -> Vec<String> {
        api.body("application/json", text).into_iter().map(|violation| violation.pointer).collect()
    };
    assert_eq!(pointers(r#"{"kind":"Dog","age":"old"}"#), ["/age"]);
    assert_eq!(pointers(r#"{"kind":"cow","age":1}"#), ["/kind"]);
    let none = api.body("application/json", r#"{"age":"x"}"#);
    assert!(
        matches!(none.as_slice(), [v] if v.keyword == "oneOf" && v.message.contains("comes closest")),
        "{none:?}"
    );
}

#[test]
fn a_branch_that_cannot_hold_its_name_is_called_by_its_constant() {
    let made = |kind: &str| json!({ "allOf": [{ "type": "object", "required": ["kind"], "properties": { "kind": { "enum": [kind] } } }] });
    let text = json!({ "openapi": "3.0.3", "info": {}, "paths": { "/x": { "post": { "requestBody": { "content": {
        "application/json": { "schema": { "oneOf": [{ "$ref": "#/components/schemas/A" }, { "$ref": "#/components/schemas/B" }],
            "discriminator": { "propertyName": "kind" } } } } } } } },
        "components": { "schemas": { "A": made("a"), "B": made("b") } } }).to_string();
    let (mut map, mut diagnostics, mut plan) = (SourceMap::default(), Vec::new(), PlanBuilder::new());
    let files = MemorySources::new([("a.json", &text)]);
    let compiled = Document::read(&files, &mut map, "a.json", &mut diagnostics)
        .unwrap()
        .compile(&mut plan, &mut diagnostics);
    let validators = Validators::load(plan.finish()).unwrap();
    let judge = Judge::new(&validators, compiled.operations.into_iter().next().unwrap().operation);
    let api = Api { plain: judge.clone(), validators, judge };
    assert_eq!(api.body("application/json", r#"{"kind":"b"}"#), []);
    assert!(!api.body("application/json", r#"{"kind":"B"}"#).is_empty());
}
