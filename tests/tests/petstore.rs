//! The README's example: its bundle takes no damage, and a running `shieldd` passes what is valid and refuses what is not.
#![expect(clippy::unwrap_used, reason = "a test stops loudly")]

use serde_json::{Value, json};
use shield_cli::{End, Io, run_on};
use shield_ir::Bundle;
use shield_runtime::Settings;
use shield_tests::live::{Live, settings};
use shield_tests::origin::{Act, Origin};
use shield_tests::{root, suite};

fn bundle() -> Vec<u8> {
    suite::policy(&root().join("policies/petstore")).bundle.unwrap().encode().bytes
}

#[test]
fn two_builds_are_the_same_bytes() {
    assert_eq!(bundle(), bundle());
}

#[test]
fn any_prefix_and_any_flipped_bit_of_the_bundle_is_refused() {
    let bytes = bundle();
    assert!(Bundle::decode(&bytes).is_ok());
    for end in 0..bytes.len() {
        assert!(Bundle::decode(&bytes[..end]).is_err(), "prefix of {end}");
    }
    let mut damaged = bytes.clone();
    for bit in 0..bytes.len() * 8 {
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(Bundle::decode(&damaged).is_err(), "bit {bit}");
        damaged[bit / 8] ^= 1 << (bit % 8);
    }
    eprintln!("{} prefixes and {} flipped bits refused", bytes.len(), bytes.len() * 8);
}

#[test]
fn a_decision_is_explained() {
    let folder = root().join("policies/petstore");
    let request = std::env::temp_dir().join(format!("shield-explain-{}.json", std::process::id()));
    std::fs::write(
        &request,
        r#"{"method": "GET", "url": "https://petstore.example.com/admin/users", "client_ip": "203.0.113.9"}"#,
    )
    .unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut io = Io { out: &mut out, err: &mut err, terminal: false };
    let end = run_on(["explain", folder.to_str().unwrap(), "--request", request.to_str().unwrap()], &mut io);
    std::fs::remove_file(&request).unwrap();
    let said = String::from_utf8(out).unwrap();
    assert_eq!(end, End::Fine, "{said}{}", String::from_utf8_lossy(&err));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "verdict      block 403 by admin-from-office");
    assert!(
        lines[1].starts_with("found        block rules:block by admin-from-office at petstore.shield:"),
        "{said}"
    );
    assert!(said.contains("head rules") && said.contains("holds     admin-from-office"), "{said}");
    assert!(lines.last().unwrap().starts_with("time ") && said.contains("(native code)"), "{said}");
}

const PET: &str = r#"{"name": "Rex",  "species":"dog", "weight": 12.35, "tags": [{"name": "good"}]}"#;

#[test]
fn a_valid_request_reaches_the_origin_byte_for_byte_and_its_answer_the_client() {
    let stored = "{\"id\": 1,\n \"name\":\t\"R\\u00e9\"}";
    let origin = Origin::start(move |_| {
        let head = "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length";
        Act::Answer(format!("{head}: {}\r\n\r\n{stored}", stored.len()).into_bytes())
    });
    let live = in_front_of(&origin);
    let response = live.connect().ask(&post("/pets?x=%20y&z", "application/json; charset=utf-8", PET));
    assert_eq!((response.status, response.text().as_str()), (201, stored));
    let seen = origin.seen();
    assert_eq!(
        (seen.len(), seen[0].target(), seen[0].body.as_slice()),
        (1, "/pets?x=%20y&z", PET.as_bytes())
    );
    assert_eq!(seen[0].header("content-type"), Some("application/json; charset=utf-8"));
}

/// Ways to be refused: request, status, `stage:reason`, the rule or the pointer and keyword of the first violation.
fn refusals() -> Vec<(&'static str, String, u16, &'static str, Value)> {
    let pet = |body: &str| post("/pets", "application/json", body);
    let at = |location: &str, pointer: &str, keyword: &str| json!({ "location": location, "pointer": pointer, "keyword": keyword });
    let rule = |name: &str| json!({ "rule": name });
    vec![
        (
            "wrong type",
            pet(r#"{"name": 7, "species": "dog"}"#),
            400,
            "schema:request",
            at("body", "/name", "type"),
        ),
        (
            "missing member",
            pet(r#"{"name": "Rex"}"#),
            400,
            "schema:request",
            at("body", "/species", "required"),
        ),
        (
            "bad enum",
            pet(r#"{"name": "Rex", "species": "dragon"}"#),
            400,
            "schema:request",
            at("body", "/species", "enum"),
        ),
        (
            "bad format",
            pet(r#"{"name": "Rex", "species": "dog", "born": "2026-02-30"}"#),
            400,
            "schema:request",
            at("body", "/born", "format"),
        ),
        (
            "malformed JSON",
            pet(r#"{"name": "Rex", "species": "dog""#),
            400,
            "schema:request",
            at("body", "", "json"),
        ),
        ("wrong media type", post("/pets", "application/xml", "<pet/>"), 415, "schema:media_type", json!({})),
        (
            "too large",
            pet(&format!(r#"{{"name": "{}"}}"#, "x".repeat(70_000))),
            413,
            "body:too_large",
            json!({}),
        ),
        ("path that is not there", get("/pets/7/toys", "localhost"), 404, "endpoint:unknown", json!({})),
        ("unknown host", get("/pets", "elsewhere.example.com"), 421, "host:unknown", json!({})),
        ("blocked by rule", get("/admin/users", "localhost"), 403, "rules:block", rule("admin-from-office")),
        (
            "bad query",
            get("/pets?limit=0", "localhost"),
            400,
            "schema:request",
            at("query", "/limit", "minimum"),
        ),
        (
            "bad path parameter",
            get("/pets/0", "localhost"),
            400,
            "schema:request",
            at("path", "/petId", "minimum"),
        ),
    ]
}

#[test]
fn what_is_invalid_gets_its_status_its_problem_and_its_event() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    for (at, (name, request, status, reason, found)) in refusals().into_iter().enumerate() {
        let response = live.connect().ask(&request);
        let event = live.events(at + 1).swap_remove(at);
        let problem = response.json();
        assert_eq!(response.status, status, "{name}: {problem}");
        assert_eq!(response.header("content-type"), Some("application/problem+json"), "{name}");
        assert_eq!(
            (&problem["status"], problem["instance"].is_string()),
            (&json!(status), true),
            "{name}: {problem}"
        );
        let said = format!("{}:{}", event["stage"].as_str().unwrap(), event["reason"].as_str().unwrap());
        assert_eq!(
            (event["status"].as_u64(), said.as_str()),
            (Some(status.into()), reason),
            "{name}: {event}"
        );
        let finding = &event["findings"][0];
        let told = if found.get("rule").is_some() { finding } else { &finding["violations"][0] };
        for (member, value) in found.as_object().unwrap() {
            assert_eq!(&told[member], value, "{name}: {event}");
        }
        if found.get("pointer").is_some() {
            assert_eq!(problem["errors"][0]["pointer"], found["pointer"], "{name}: {problem}");
        }
    }
    assert_eq!(origin.seen().len(), 0);
}

fn in_front_of(origin: &Origin) -> Live {
    Live::start(bundle(), Settings { upstream: vec![origin.url()], ..settings() })
}

fn get(target: &str, host: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n")
}

fn post(target: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {target} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
