//! Raw messages from elsewhere: what is marked as an error reaches no origin, however it is cut.
#![expect(clippy::indexing_slicing, clippy::disallowed_methods, reason = "a test that cannot go on says so")]

use serde_json::Value;
use shield_tests::corpus;
use shield_tests::origin::Origin;
use shield_tests::shop::with;

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
