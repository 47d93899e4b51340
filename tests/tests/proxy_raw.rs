//! Raw messages, ours and from elsewhere: what is no plain request reaches no origin, however it is cut.
#![expect(clippy::disallowed_methods, clippy::indexing_slicing, reason = "a test that cannot go on says so")]

use serde_json::Value;
use shield_compiler::schema::typed;
use shield_tests::live::Live;
use shield_tests::origin::Origin;
use shield_tests::shop::{in_front_of, with};
use shield_tests::{corpus, suite};

/// Standard base64.
fn decode(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Vec<u8> = text.bytes().filter_map(value).collect();
    let word = |chunk: &[u8]| {
        (0..4).fold(0_u32, |word, at| word << 6 | u32::from(chunk.get(at).copied().unwrap_or(0)))
    };
    digits.chunks(4).flat_map(|chunk| word(chunk).to_be_bytes()[1..chunk.len()].to_vec()).collect()
}

#[test]
fn messages_marked_as_errors_reach_no_origin() {
    let Some(path) = corpus("http-raw/llhttp.jsonl", "every message marked as an error") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let cases: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut judged = 0;
    for case in cases.iter().filter(|case| case["kind"] == "request" && case["expected"] == "error") {
        let bytes = decode(case["raw_b64"].as_str().unwrap());
        let complete = case["messages_completed"].as_u64().unwrap() as usize;
        for step in [usize::MAX, 1] {
            let origin = Origin::plain();
            let live = with(&origin, |settings| settings.access_log = "on");
            let mut client = live.connect();
            bytes.chunks(step.min(bytes.len().max(1))).for_each(|piece| client.send(piece));
            client.finish();
            let answer = client.rest();
            let seen = origin.seen();
            assert!(
                seen.len() <= complete,
                "{} ({}): {} requests of {complete} reached the origin: {seen:?}\n{:?}\n{answer}",
                case["id"],
                case["title"],
                seen.len(),
                String::from_utf8_lossy(&bytes),
            );
        }
        judged += 1;
    }
    assert!(judged > 50, "only {judged} cases were judged");
}

/// What follows every case, and must be read as a request of its own or not at all.
const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nhost: a\r\n\r\n";

/// The statuses that a case gets when it is sent in pieces of `step`, and what the origin has read since it had read `before`.
fn told(live: &Live, origin: &Origin, bytes: &[u8], step: usize) -> (Vec<u16>, Vec<String>) {
    let before = origin.seen().len();
    let mut client = live.connect();
    [bytes, NEXT].concat().chunks(step).for_each(|piece| client.send(piece));
    client.finish();
    let answers: Vec<_> = std::iter::from_fn(|| client.response(false)).map(|answer| answer.status).collect();
    let text = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
    let line = |head: &str| head.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let seen = origin.seen().split_off(before);
    (answers, seen.iter().map(|seen| format!("{} {}", line(&seen.head), text(&seen.body))).collect())
}

#[test]
fn a_request_that_two_readers_may_cut_differently_is_refused_or_sent_on_in_one_way() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let (mut wrong, mut count) = (Vec::new(), 0);
    for path in suite::files("tests/suite/http1", ".yaml") {
        let cases = typed::value(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for case in cases.as_array().unwrap() {
            let bytes: Vec<u8> = case["send"].as_str().unwrap().chars().map(|c| c as u8).collect();
            let expected = match (case.get("refused"), case.get("origin")) {
                (Some(status), None) => (vec![status.as_u64().unwrap() as u16], Vec::new()),
                (None, Some(seen)) => {
                    let seen = seen.as_array().unwrap().iter().map(|seen| seen.as_str().unwrap().to_owned());
                    let seen: Vec<_> = seen.chain(["GET /next ".to_owned()]).collect();
                    (vec![200; seen.len()], seen)
                }
                _ => panic!("{case} is either refused or sent on"),
            };
            for step in [usize::MAX, 1] {
                count += 1;
                let found = told(&live, &origin, &bytes, step);
                if found != expected {
                    wrong.push(format!("{} in pieces of {step}: {found:?}, not {expected:?}", case["case"]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count}\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 150, "{count} cases");
}
