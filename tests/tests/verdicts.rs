//! Every `test` item of `policies/` and `tests/suite/verdicts`: on the interpreter, on machine code, and through a live
//! `shieldd` in front of an origin that answers as the test says.
#![expect(
    clippy::format_push_string,
    clippy::unwrap_used,
    reason = "a test writes requests as it goes, and stops loudly"
)]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use shield_cli::{End, Io, run_on};
use shield_compiler::ast::Expectation;
use shield_compiler::{Step, Test, TestRequest};
use shield_runtime::Settings;
use shield_tests::live::{Live, Response, settings};
use shield_tests::origin::{Act, Origin};
use shield_tests::suite::{self, policy};

/// Policies whose tests are run, each a folder.
fn policies() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = ["policies", "tests/suite/verdicts"]
        .iter()
        .flat_map(|place| suite::files(place, ".shield"))
        .map(|file| file.parent().unwrap().to_owned())
        .collect();
    found.dedup();
    found
}

#[test]
fn tests_of_policies_pass_on_interpreter_and_machine_code() {
    for folder in policies() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut io = Io { out: &mut out, err: &mut err, terminal: false };
        let end = run_on(["test", folder.to_str().unwrap()], &mut io);
        let said = String::from_utf8_lossy(&out) + String::from_utf8_lossy(&err);
        assert_eq!(end, End::Fine, "{}\n{said}", folder.display());
        assert!(!said.starts_with("0 passed"), "{} has no tests", folder.display());
    }
}

#[test]
fn tests_of_policies_pass_through_a_running_proxy() {
    let (mut sent, mut left_out) = (0, 0);
    for folder in policies() {
        let outcome = policy(&folder);
        let bundle = outcome.bundle.unwrap().encode().bytes;
        for test in &outcome.tests {
            if !is_live(test) {
                left_out += 1;
                continue;
            }
            let place = format!("{}: {}", folder.display(), test.name);
            sent += replay(bundle.clone(), test, &place);
        }
    }
    eprintln!(
        "{sent} requests sent; {left_out} tests left out, as they set the clock, facts or keys of tokens"
    );
    assert!(sent > 30, "{sent} requests");
}

/// Whether a socket can show all that a test is about.
fn is_live(test: &Test) -> bool {
    test.steps.iter().all(|step| match step {
        Step::After(_) => false,
        Step::Request(request, _) => request.token.is_none() && request.fields.is_empty(),
    })
}

/// Sends the requests of a test; how many there were.
fn replay(bundle: Vec<u8>, test: &Test, place: &str) -> usize {
    let answer = Arc::new(Mutex::new(Vec::new()));
    let says = Arc::clone(&answer);
    let origin = Origin::start(move |_| Act::Answer(says.lock().unwrap().clone()));
    let settings = Settings {
        upstream: vec![origin.url()],
        client_address: "x-forwarded-for",
        trusted_proxies: vec!["127.0.0.1".into()],
        access_log: "on",
        access_sample: 100,
        ..settings()
    };
    let live = Live::start(bundle, settings);
    let mut requests = 0;
    for step in &test.steps {
        let Step::Request(request, expectations) = step else { continue };
        *answer.lock().unwrap() = answered(request);
        let reached = origin.seen().len();
        let mut client = live.connect();
        client.send(&written(request));
        let response = client.response(request.method == "HEAD").unwrap();
        requests += 1;
        let event = live.events(requests).swap_remove(requests - 1);
        for expectation in expectations {
            let holds = holds(&expectation.node, request, &response, &event);
            assert!(holds, "{place}: expected {:?}\n{response:?}\n{event}", expectation.node);
            let went_up = matches!(expectation.node, Expectation::Allow | Expectation::Log(_));
            if went_up {
                assert_eq!(origin.seen().len(), reached + 1, "{place}");
            }
        }
    }
    requests
}

fn answered(request: &TestRequest) -> Vec<u8> {
    let response = &request.response;
    let mut text =
        format!("HTTP/1.1 {} Said\r\ncontent-length: {}\r\n", response.status, response.body.len());
    for (name, value) in &response.headers {
        text += &format!("{name}: {value}\r\n");
    }
    (text + "\r\n" + &response.body).into_bytes()
}

fn written(request: &TestRequest) -> Vec<u8> {
    let (_, rest) = request.url.split_once("://").unwrap();
    let (host, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let client = request.from.map_or_else(|| "198.51.100.1".to_owned(), |address| address.to_string());
    let mut text =
        format!("{} {target} HTTP/1.1\r\nhost: {host}\r\nx-forwarded-for: {client}\r\n", request.method);
    for (name, value) in &request.headers {
        text += &format!("{name}: {value}\r\n");
    }
    let body = request.body.clone().unwrap_or_default();
    let has_length = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    if request.body.is_some() && !has_length {
        text += &format!("content-length: {}\r\n", body.len());
    }
    (text + "\r\n" + &body).into_bytes()
}

/// Whether what came back and what was recorded are what was expected.
fn holds(expectation: &Expectation, request: &TestRequest, response: &Response, event: &Value) -> bool {
    let by = |name: &str| {
        let reason =
            format!("{}:{}", event["stage"].as_str().unwrap_or(""), event["reason"].as_str().unwrap_or(""));
        let rules = event["findings"].as_array().into_iter().flatten();
        reason == name || event["stage"] == name || rules.clone().any(|finding| finding["rule"] == name)
    };
    let status = |wanted: &Option<u16>| wanted.is_none_or(|wanted| wanted == response.status);
    match expectation {
        Expectation::Allow => response.status == request.response.status && event["verdict"] == "permit",
        Expectation::Block(wanted, name) => {
            event["verdict"] == "deny"
                && status(wanted)
                && response.header("location").is_none()
                && name.as_ref().is_none_or(|name| by(&name.node))
        }
        Expectation::Redirect(wanted, to, name) => {
            status(wanted)
                && response.header("location").is_some_and(|found| to.as_ref().is_none_or(|to| to == found))
                && name.as_ref().is_none_or(|name| by(&name.node))
        }
        Expectation::Log(name) => event["findings"]
            .as_array()
            .is_some_and(|findings| findings.iter().any(|finding| finding["rule"] == name.node.as_str())),
    }
}
