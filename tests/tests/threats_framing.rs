//! Threats 1 to 19: the framing of HTTP/1. The origin records bytes; what is refused never reaches it.
#![expect(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    clippy::large_stack_arrays,
    reason = "a test that cannot go on says so, and reads the time itself"
)]

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use shield_tests::live::{Live, until};
use shield_tests::origin::{Act, Origin, ok};
use shield_tests::shop::{in_front_of, post, with};

/// A second request that must never be seen.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";

/// Every one of these is answered with that status, the connection closed, and nothing forwarded.
fn refused(cases: &[(&str, u16)]) {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    for (bytes, status) in cases {
        refused_by(&live, bytes.as_bytes(), *status);
    }
    assert!(origin.raw().is_empty(), "the origin got {}", String::from_utf8_lossy(&origin.raw()));
    assert_eq!(live.events(cases.len()).len(), cases.len());
}

fn refused_by(live: &Live, bytes: &[u8], status: u16) {
    let answer = live.raw(bytes);
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{shown:?} got {answer:?}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{shown:?} got more than one answer: {answer}");
    assert!(answer.contains("connection: close"), "{shown:?} got {answer:?}");
}

#[test]
fn threat_001_content_length_beside_transfer_encoding_is_refused() {
    let both = post("content-length: 6\r\ntransfer-encoding: chunked\r\n") + "0\r\n\r\n" + SMUGGLED;
    let turned = post("transfer-encoding: chunked\r\ncontent-length: 6\r\n") + "0\r\n\r\n" + SMUGGLED;
    refused(&[(&both, 400), (&turned, 400)]);
}

#[test]
fn threat_002_several_content_lengths_are_refused_even_when_equal() {
    let cases: Vec<_> = [
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5\r\ncontent-length: 5\r\n",
        "content-length: 5, 5\r\n",
    ]
    .iter()
    .map(|lines| post(lines) + "hello" + SMUGGLED)
    .collect();
    refused(&cases.iter().map(|case| (case.as_str(), 400)).collect::<Vec<_>>());
}

#[test]
fn threat_003_a_content_length_that_is_no_plain_number_is_refused() {
    let values = [
        "+5",
        "-5",
        "0x5",
        "05_0",
        "",
        "5 5",
        "5;",
        "5\u{a0}",
        "9223372036854775808",
        "99999999999999999999",
        "5.0",
        "\t5",
    ];
    let cases: Vec<_> =
        values.iter().map(|value| post(&format!("content-length: {value}\r\n")) + "hello").collect();
    refused(&cases.iter().map(|case| (case.as_str(), 400)).collect::<Vec<_>>());
}

#[test]
fn threat_004_a_transfer_encoding_that_is_not_chunked_alone_is_refused() {
    let values = [
        ",chunked",
        "chunked, chunked",
        "xchunked",
        "\tchunked",
        "chunked\t",
        "gzip, chunked",
        "identity",
        "chunked;a=b",
        "",
    ];
    let mut cases: Vec<_> = values
        .iter()
        .map(|value| post(&format!("transfer-encoding: {value}\r\n")) + "0\r\n\r\n" + SMUGGLED)
        .collect();
    cases.push("POST /a HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".into());
    refused(&cases.iter().map(|case| (case.as_str(), 400)).collect::<Vec<_>>());
}

#[test]
fn threat_005_a_chunk_size_that_is_no_hexadecimal_number_is_refused() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    for size in ["0x5", "_5", "+5", "00000000000000005f", "FFFFFFFFFFFFFFFFF", " 5", "", "5 ", "5_"] {
        let bytes = post("transfer-encoding: chunked\r\n") + size + "\r\nhello\r\n0\r\n\r\n" + SMUGGLED;
        refused_by(&live, bytes.as_bytes(), 400);
    }
    assert!(origin.seen().is_empty());
}

#[test]
fn threat_006_a_bare_line_feed_or_carriage_return_ends_no_line() {
    refused(&[
        ("GET / HTTP/1.1\nhost: a\n\n", 400),
        ("GET / HTTP/1.1\r\nhost: a\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: a\r\nx: y\rz: w\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: a\r\n\n", 400),
    ]);
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    for body in [
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r\n0\n\n",
        "5\r\nhello\r\n0\r\nx: y\n\r\n",
    ] {
        refused_by(&live, (post("transfer-encoding: chunked\r\n") + body + SMUGGLED).as_bytes(), 400);
    }
    assert!(origin.seen().is_empty());
}

#[test]
fn threat_007_control_characters_are_in_no_header() {
    refused(&[
        (&post("n\0: x\r\n"), 400),
        (&post("n\u{7f}: x\r\n"), 400),
        (&post("n\u{e9}: x\r\n"), 400),
        (&post("n: x\0y\r\n"), 400),
        (&post("n: x\u{1}\r\n"), 400),
        (&post("n\r: x\r\n"), 400),
    ]);
}

#[test]
fn threat_008_a_header_line_is_a_name_and_a_colon() {
    refused(&[
        (&post("content-length : 5\r\n"), 400),
        (&post("a: b\r\n c\r\n"), 400),
        (&post("a: b\r\n\tc\r\n"), 400),
        (&post(": x\r\n"), 400),
        (&post("nothing\r\n"), 400),
        ("GET / HTTP/1.1\r\n host: a\r\n\r\n", 400),
    ]);
}

#[test]
fn threat_009_chunk_extensions_and_trailers_are_bounded() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let head = post("transfer-encoding: chunked\r\n");
    let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(1000));
    let trailers = format!("0\r\n{}\r\n", "x: y\r\n".repeat(100_000));
    for body in ["5;a\rb\r\nhello\r\n0\r\n\r\n", &long, &trailers] {
        refused_by(&live, (head.clone() + body).as_bytes(), 400);
    }
    assert!(origin.seen().is_empty());
}

#[test]
fn threat_010_a_request_names_one_host_and_means_it() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    for head in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost:\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a@b\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a b\r\n\r\n",
        "GET http://other/ HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET http://user@a/ HTTP/1.1\r\nhost: a\r\n\r\n",
    ] {
        let mut client = live.connect();
        client.send(head.as_bytes());
        assert_eq!(client.response(false).map(|response| response.status), Some(400), "{head}");
    }
    assert_eq!(live.connect().ask("GET / HTTP/1.1\r\nhost: elsewhere\r\n\r\n").status, 421);
    assert!(origin.seen().is_empty());
    assert_eq!(live.connect().ask("GET http://a/x HTTP/1.1\r\nhost: a\r\n\r\n").status, 200);
    assert_eq!(origin.seen()[0].target(), "/x");
}

#[test]
fn threat_011_versions_and_methods_are_exact() {
    refused(&[
        ("GET / HTTP/1.10\r\nhost: a\r\n\r\n", 505),
        ("GET / HTTP/2.0\r\nhost: a\r\n\r\n", 505),
        ("GET / HTTP/1\r\nhost: a\r\n\r\n", 505),
        ("get / HTTP/1.1\r\nhost: a\r\n\r\n", 501),
        ("GETS / HTTP/1.1\r\nhost: a\r\n\r\n", 501),
        ("CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n", 501),
        ("G\u{e9}T / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ]);
}

#[test]
fn threat_012_a_body_of_a_get_is_a_body_and_no_request() {
    let origin = Origin::start(|seen| ok(seen.target()));
    let live = in_front_of(&origin);
    let mut client = live.connect();
    let body = SMUGGLED.len();
    client.send(format!("GET /one HTTP/1.1\r\nhost: a\r\ncontent-length: {body}\r\n\r\n{SMUGGLED}GET /two HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes());
    assert_eq!(client.response(false).unwrap().text(), "/one");
    assert_eq!(client.response(false).unwrap().text(), "/two");
    assert_eq!(origin.seen()[0].body, SMUGGLED.as_bytes());
}

#[test]
fn threat_013_nothing_follows_a_refused_framing() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let answer = live.raw((post("content-length: 1\r\ncontent-length: 1\r\n") + "x" + SMUGGLED).as_bytes());
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1);
    // Before the fault, requests are answered; what is refused by policy only does not end the connection.
    let answer = live.raw(
        ("GET /blocked HTTP/1.1\r\nhost: a\r\n\r\n".to_owned()
            + SMUGGLED
            + "GET /x HTTP/9\r\n\r\n"
            + SMUGGLED)
            .as_bytes(),
    );
    let statuses: Vec<_> =
        answer.match_indices("HTTP/1.1 ").map(|(at, _)| &answer[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["403", "200", "505"]);
    assert_eq!(origin.seen().len(), 1);
}

#[test]
fn threat_014_what_reaches_the_origin_is_written_anew() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let odd = "GET /a HTTP/1.1\r\nHOST:a\r\nX-Odd:   spaced\t\r\nTransfer-Encoding:   chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nt: u\r\n\r\n";
    assert_eq!(live.connect().ask(odd).status, 200);
    let raw = String::from_utf8(origin.raw()).unwrap();
    assert!(
        raw.starts_with("GET /a HTTP/1.1\r\n")
            && raw.contains("host: a\r\n")
            && raw.contains("x-odd: spaced\r\n"),
        "{raw}"
    );
    assert!(raw.contains("\r\n3\r\nabc\r\n") && !raw.contains("x=y"), "{raw}");
}

#[test]
fn threat_015_an_early_refusal_does_not_wait_for_the_body() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let mut client = live.connect();
    client.send(
        b"POST /blocked HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1000000\r\n\r\n",
    );
    assert_eq!(client.response(false).unwrap().status, 403);
    // Without the expectation the answer can be read although the body is on its way.
    let mut client = live.connect();
    client.send(b"POST /blocked HTTP/1.1\r\nhost: a\r\ncontent-length: 900000\r\n\r\n");
    client.send(&vec![b'x'; 900_000]);
    assert_eq!(client.response(false).unwrap().status, 403);
    assert_eq!(client.rest(), "");
    let mut client = live.connect();
    client.send(b"POST /fine HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 100"));
    client.send(b"ok");
    assert_eq!(client.response(false).unwrap().status, 200);
    assert_eq!(origin.seen().len(), 1);
}

#[test]
fn threat_016_a_header_made_of_input_splits_no_response() {
    let policy = r#"
api a { host "a" upstream "http://127.0.0.1:1" requests off unknown off }
rule moved { when http.request.uri.path eq "/moved" then redirect 302 url_decode(http.request.uri.query) }
rule told  { when true then set response header "x-query" url_decode(http.request.uri.query) }
"#;
    let origin = Origin::plain();
    let settings =
        shield_runtime::Settings { upstream: vec![origin.url()], ..shield_tests::live::settings() };
    let live = Live::start(shield_tests::live::bundle(policy), settings);
    for path in ["/moved", "/other"] {
        let head = live
            .connect()
            .ask(&format!("GET {path}?/x%0d%0aset-cookie:%20a=b HTTP/1.1\r\nhost: a\r\n\r\n"))
            .head;
        assert!(!head.to_lowercase().contains("\r\nset-cookie"), "{head}");
    }
}

#[test]
fn threat_017_slow_clients_are_given_up() {
    let origin = Origin::start(|_| {
        let body = vec![b'x'; 64 << 20];
        let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
        answer.extend(body);
        Act::Answer(answer)
    });
    let live = with(&origin, |settings| {
        settings.header_timeout = Duration::from_millis(300);
        settings.body_timeout = Duration::from_millis(300);
        settings.write_timeout = Duration::from_millis(300);
        settings.idle_timeout = Duration::from_millis(600);
    });
    let started = Instant::now();
    let (mut head, mut body, mut reader, mut idle) =
        (live.connect(), live.connect(), live.connect(), live.connect());
    head.send(b"GET / HTTP/1.1\r\nhost:");
    body.send(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nx");
    reader.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert!(head.rest().starts_with("HTTP/1.1 408"));
    assert!(body.rest().starts_with("HTTP/1.1 408"));
    assert_eq!(idle.rest(), "");
    until("the reader that does not read is cut off", || {
        (live.metric("shield_connections_open") == 0).then_some(())
    });
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(reader.rest().len() < 64 << 20);
}

#[test]
fn threat_018_sizes_are_bounded() {
    let lines = "a: b\r\n".repeat(10_000);
    refused(&[
        (&post(&lines), 431),
        (&post(&"a: b\r\n".repeat(101)), 431),
        (&format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(1 << 20)), 414),
        (&post(&format!("a: {}\r\n", "b".repeat(100 << 10))), 431),
    ]);
}

#[test]
fn threat_019_a_faulty_origin_is_502_and_its_connection_is_not_used_again() {
    let origin = Origin::start(|seen| {
        let answer: &[u8] = match seen.target() {
            "/chunk" => b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            "/lengths" => b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxy",
            "/short" => b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
            "/smuggled" => b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
            "/header" => b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
            _ => b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine",
        };
        match seen.target() {
            "/short" | "/chunk" => Act::Last(answer.to_vec()),
            "/flood" => {
                Act::Take(Box::new(
                    |mut stream| {
                        while stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_ok() {}
                    },
                ))
            }
            "/huge" => Act::Take(Box::new(|mut stream| {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ");
                while stream.write_all(&[b'x'; 1 << 16]).is_ok() {}
                let _ = stream.read(&mut [0]);
            })),
            _ => Act::Answer(answer.to_vec()),
        }
    });
    let live = with(&origin, |settings| settings.response_timeout = Duration::from_secs(1));
    let status = |path: &str| live.get(path).status;
    assert_eq!((status("/lengths"), status("/header"), status("/huge")), (502, 502, 502));
    assert!(live.get("/lengths").text().contains("content length is not one plain number"));
    assert_eq!(live.metric("shield_denials_total{stage=\"upstream\",reason=\"answer\"}"), 4);
    assert!(matches!(status("/flood"), 502 | 504));
    // What has begun cannot be taken back: the client sees that it is not complete.
    for path in ["/short", "/chunk"] {
        let mut client = live.connect();
        client.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes());
        assert!(client.response(false).is_none(), "{path} looked complete");
    }
    let mut client = live.connect();
    assert_eq!(client.ask("GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n").text(), "ok");
    for _ in 0..5 {
        assert_eq!(client.ask("GET /next HTTP/1.1\r\nhost: a\r\n\r\n").text(), "fine");
    }
}
