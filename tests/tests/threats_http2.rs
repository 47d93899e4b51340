//! Threats 20 to 29: HTTP/2, and requests that must not change their meaning on the way to HTTP/1.

use std::time::Duration;

use shield_tests::h2::{Answer, END_HEADERS, END_STREAM, H2, block, encode, kind, pseudo};
use shield_tests::live::{Live, until};
use shield_tests::origin::{Act, Origin, ok};
use shield_tests::shop::{in_front_of, with};

fn connect(live: &Live) -> H2 {
    H2::connect(live.address())
}

#[test]
fn http2_requests_go_through_side_by_side() {
    let origin =
        Origin::start(|seen| ok(&format!("{} {}", seen.target(), String::from_utf8_lossy(&seen.body))));
    let live = in_front_of(&origin);
    let mut h2 = connect(&live);
    let mut headers = pseudo("POST", "/with?x=1").to_vec();
    headers.push(("content-length", "4"));
    h2.head(1, false, &headers);
    h2.head(3, true, &pseudo("GET", "/alone"));
    assert_eq!(h2.answer(3).body, b"/alone ");
    h2.frame(kind::DATA, END_STREAM, 1, b"body");
    let answer = h2.answer(1);
    assert_eq!((answer.status, answer.body.as_slice()), (Some(200), &b"/with?x=1 body"[..]));
    assert!(origin.seen().iter().all(|seen| seen.header("host") == Some("petstore.example.com")));
    assert_eq!(h2.get(5, "/blocked").status, Some(403));
    assert_eq!(live.events(1)[0]["protocol"], "HTTP/2");
}

/// Sends the frames again and again until the connection is given up; whether it was.
fn flooded(live: &Live, frames: impl Fn(u32) -> Vec<u8>) -> bool {
    let mut h2 = connect(live);
    for round in 0..20_000 {
        h2.client.send(&frames(round));
    }
    h2.ended_by_goaway()
}

#[test]
fn threat_020_a_rapid_reset_ends_the_connection() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let reset = |round: u32| {
        let stream = 1 + 2 * round;
        let head = encode(kind::HEADERS, END_HEADERS | END_STREAM, stream, &block(&pseudo("GET", "/x")));
        [head, encode(kind::RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    };
    assert!(flooded(&live, reset));
    assert!(origin.seen().len() < 5_000, "{} requests were made", origin.seen().len());
    assert_eq!(live.get("/after").status, 200);
}

#[test]
fn threat_021_resets_that_the_server_is_made_to_send_count_too() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    // A window that overflows makes the server reset the stream.
    let provoke = |round: u32| {
        let stream = 1 + 2 * round;
        let head = encode(kind::HEADERS, END_HEADERS, stream, &block(&pseudo("POST", "/x")));
        let window = encode(kind::WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes());
        [head, window.clone(), window].concat()
    };
    assert!(flooded(&live, provoke));
    assert_eq!(live.get("/after").status, 200);
}

#[test]
fn threat_022_a_flood_of_continuations_ends_the_connection() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    for payload in [&b""[..], &[0, 1, b'a', 1, b'b']] {
        let mut h2 = connect(&live);
        h2.frame(kind::HEADERS, END_STREAM, 1, &block(&pseudo("GET", "/x")));
        for _ in 0..10_000 {
            h2.frame(kind::CONTINUATION, 0, 1, payload);
        }
        h2.ended_by_goaway();
    }
    assert!(origin.seen().is_empty());
}

#[test]
fn threat_023_header_lists_are_bounded() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let value = "v".repeat(4000);
    let mut h2 = connect(&live);
    let mut headers = pseudo("GET", "/x").to_vec();
    headers.push(("x-big", &value));
    // The entry enters the table once, and is then named four thousand times in two bytes each.
    let mut payload = block(&headers[..4]);
    payload.extend([0x40, 5]);
    payload.extend(b"x-big");
    payload.extend([127, 0xa1, 30]);
    payload.extend(value.bytes());
    payload.extend([0xbe; 4000]);
    h2.frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, &payload);
    let answer = h2.answer(1);
    assert!(answer.status != Some(200), "{answer:?}");
    assert!(origin.seen().is_empty());
}

#[test]
fn threat_024_frames_that_carry_nothing_end_the_connection() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    assert!(flooded(&live, |_| encode(kind::PING, 0, 0, &[0; 8])), "ping");
    assert!(flooded(&live, |_| encode(kind::SETTINGS, 0, 0, &[])), "settings");
    assert!(flooded(&live, |_| encode(kind::PRIORITY, 0, 1, &[0, 0, 0, 3, 1])), "priority");
    assert!(flooded(&live, |_| encode(kind::WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())), "window update");
    let mut h2 = connect(&live);
    h2.head(1, false, &pseudo("POST", "/x"));
    for _ in 0..20_000 {
        h2.frame(kind::DATA, 0, 1, &[]);
    }
    assert!(h2.ended_by_goaway(), "empty data");
    assert_eq!(live.get("/after").status, 200);
}

#[test]
fn threat_025_a_client_that_takes_nothing_is_given_up() {
    let origin = Origin::start(|_| {
        let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 8000000\r\n\r\n".to_vec();
        answer.extend(vec![b'x'; 8_000_000]);
        Act::Answer(answer)
    });
    let live = with(&origin, |settings| settings.write_timeout = Duration::from_millis(300));
    let mut h2 = connect(&live);
    h2.head(1, true, &pseudo("GET", "/big"));
    while h2.read().is_some() {}
    until("nothing is left", || (live.metric("shield_connections_open") == 0).then_some(()));
}

/// What becomes of a request whose header block is this, on a connection of its own.
fn sent(live: &Live, headers: &[(&str, &str)]) -> Answer {
    let mut h2 = connect(live);
    h2.head(1, true, headers);
    h2.answer(1)
}

#[test]
fn threat_026_what_http1_would_read_otherwise_is_refused() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    for (name, value) in [
        ("X-Upper", "a"),
        (":custom", "a"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("keep-alive", "1"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("x", "a\r\nb: c"),
        ("x", "a\0b"),
        ("x\r\ny", "a"),
        ("x y", "a"),
        ("", "a"),
    ] {
        let mut headers = pseudo("GET", "/x").to_vec();
        headers.push((name, value));
        let answer = sent(&live, &headers);
        assert!(answer.status != Some(200), "{name:?}: {value:?} passed: {answer:?}");
    }
    assert!(origin.seen().is_empty(), "{:?}", origin.seen());
}

#[test]
fn threat_027_pseudo_headers_are_complete_and_well_formed() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let scheme = (":scheme", "http");
    let authority = (":authority", "a");
    for headers in [
        vec![(":method", "GET"), scheme, authority],
        vec![(":method", "GET"), scheme, (":path", ""), authority],
        vec![(":method", "GET"), scheme, (":path", "*"), authority],
        vec![(":method", "GET"), scheme, (":path", "x"), authority],
        vec![(":method", "GET"), scheme, (":path", "/x y"), authority],
        vec![(":method", "GET"), scheme, (":path", "/x")],
        vec![(":method", "CONNECT"), (":authority", "a:1")],
        vec![(":method", "CONNECT"), scheme, (":path", "/x"), authority],
        vec![(":method", "GET"), (":method", "POST"), scheme, (":path", "/x"), authority],
        vec![scheme, (":path", "/x"), authority],
        vec![("x", "y"), (":method", "GET"), scheme, (":path", "/x"), authority],
    ] {
        let answer = sent(&live, &headers);
        assert!(answer.status != Some(200), "{headers:?} passed");
    }
    assert!(origin.seen().is_empty(), "{:?}", origin.seen());
}

#[test]
fn threat_028_authority_and_host_say_the_same() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    for hosts in
        [vec![("host", "evil")], vec![("host", "petstore.example.com"), ("host", "petstore.example.com")]]
    {
        let answer = sent(&live, &[&pseudo("GET", "/x")[..], &hosts].concat());
        assert_eq!(answer.status, Some(400), "{hosts:?}");
    }
    assert!(origin.seen().is_empty());
    assert_eq!(
        sent(&live, &[&pseudo("GET", "/x")[..], &[("host", "petstore.example.com")]].concat()).status,
        Some(200)
    );
}

#[test]
fn threat_029_a_content_length_is_the_length_of_the_body() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    for (length, body) in [("5", &b"abc"[..]), ("2", b"abc"), ("0", b"abc"), ("x", b"abc"), ("+3", b"abc")] {
        let mut h2 = connect(&live);
        let mut headers = pseudo("POST", "/x").to_vec();
        headers.push(("content-length", length));
        h2.head(1, false, &headers);
        h2.frame(kind::DATA, END_STREAM, 1, body);
        let answer = h2.answer(1);
        assert!(answer.status != Some(200), "{length}: {answer:?}");
    }
    assert!(origin.seen().is_empty(), "{:?}", origin.seen());
}
