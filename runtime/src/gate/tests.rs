//! What the gate lets through, what it refuses, and that it is never more lenient than hyper alone.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::*;
use crate::clock::Ticks;
use crate::random::Random;
use crate::spelling::Spelling;
use crate::testing::mutated;

const BOUNDS: Bounds = Bounds { size: 4096, target: 1024, count: 50 };

/// Judges a whole connection's bytes in pieces of `step`: what passes, and the fault that ends it.
fn judge(bytes: &[u8], step: usize) -> (Vec<u8>, Option<Fault>) {
    let mut framing = Framing::new(BOUNDS);
    let (mut passed, mut held) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(step) {
        held.extend_from_slice(piece);
        loop {
            match framing.judge(&held) {
                Ok(0) => break,
                Ok(count) => passed.extend(held.drain(..count)),
                Err(fault) => return (passed, Some(fault)),
            }
        }
    }
    (passed, None)
}

fn fault(text: &str) -> Option<Fault> {
    let faults: Vec<_> = [1, 2, 7, 100_000].iter().map(|step| judge(text.as_bytes(), *step).1).collect();
    assert!(faults.iter().all(|fault| *fault == faults[0]), "{text:?} depends on how it is cut: {faults:?}");
    faults[0]
}

fn with(lines: &str) -> String {
    format!("POST /a HTTP/1.1\r\nhost: a\r\n{lines}\r\n")
}

#[test]
fn what_is_well_formed_passes_whole_however_it_is_cut() {
    for text in [
        with(""),
        with("content-length: 3\r\n") + "abc",
        with("transfer-encoding: chunked\r\n") + "3\r\nabc\r\n0\r\n\r\n",
        with("Transfer-Encoding:  Chunked\r\n") + "A;x=y;z=\"q \\\" \"\r\n0123456789\r\n00\r\nx-t: 1\r\n\r\n",
        with("x:\r\nx-obs: \u{e9}\r\n") + &with("content-length: 0\r\n") + &with(""),
        "GET / HTTP/1.0\r\n\r\n".into(),
        "OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: keep-alive\r\nexpect: 100-Continue\r\n\r\n".into(),
        "GET http://a/b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".into(),
    ] {
        for step in [1, 3, 10_000] {
            assert_eq!(judge(text.as_bytes(), step), (text.as_bytes().to_vec(), None), "{text:?}");
        }
    }
}

#[test]
fn every_doubt_has_its_fault() {
    for (text, expected) in [
        (with("content-length: 3\r\ntransfer-encoding: chunked\r\n"), Fault::BothLengths),
        (with("content-length: 3\r\ncontent-length: 3\r\n"), Fault::ContentLength),
        (with("content-length: 3, 3\r\n"), Fault::ContentLength),
        (with("content-length: +3\r\n"), Fault::ContentLength),
        (with("content-length: 0x3\r\n"), Fault::ContentLength),
        (with("content-length: 3_0\r\n"), Fault::ContentLength),
        (with("content-length:\r\n"), Fault::ContentLength),
        (with("content-length: 9223372036854775808\r\n"), Fault::ContentLength),
        (with("content-length:\t3\r\n"), Fault::ContentLength),
        (with("transfer-encoding: ,chunked\r\n"), Fault::TransferEncoding),
        (with("transfer-encoding: chunked, chunked\r\n"), Fault::TransferEncoding),
        (with("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n"), Fault::TransferEncoding),
        (with("transfer-encoding: xchunked\r\n"), Fault::TransferEncoding),
        (with("transfer-encoding:\tchunked\r\n"), Fault::TransferEncoding),
        (with("transfer-encoding: gzip, chunked\r\n"), Fault::TransferEncoding),
        ("POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n".into(), Fault::TransferEncoding),
        (with("transfer_encoding: chunked\r\n"), Fault::HeaderName),
        (with("content_length: 3\r\n"), Fault::HeaderName),
        ("GET / HTTP/1.1\r\n\r\n".into(), Fault::Host),
        (with("host: b\r\n"), Fault::Host),
        (with("expect: 200-ok\r\n"), Fault::Expectation),
        (with("name : x\r\n"), Fault::HeaderName),
        // Told as soon as the line is there.
        ("GET / HTTP/1.1\r\nname : x\r\n".into(), Fault::HeaderName),
        (with("name : x\r\na: b\n"), Fault::HeaderName),
        (with(": x\r\n"), Fault::HeaderName),
        (with("nocolon\r\n"), Fault::HeaderName),
        (with("a: b\r\n folded\r\n"), Fault::HeaderName),
        (with("n\0: x\r\n"), Fault::HeaderName),
        (with("n\u{e9}: x\r\n"), Fault::HeaderName),
        (with("a: b\0\r\n"), Fault::HeaderValue),
        (with("a: b\u{7f}\r\n"), Fault::HeaderValue),
        (with("a: b\rc\r\n"), Fault::LineEnd),
        (with("a: b\n"), Fault::LineEnd),
        ("GET / HTTP/1.1\nhost: a\n\n".into(), Fault::LineEnd),
        ("\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n".into(), Fault::LineEnd),
        ("\nGET / HTTP/1.1\r\nhost: a\r\n\r\n".into(), Fault::LineEnd),
        (" GET / HTTP/1.1\r\nhost: a\r\n\r\n".into(), Fault::RequestLine),
        ("GET  / HTTP/1.1\r\nhost: a\r\n\r\n".into(), Fault::RequestLine),
        ("GET\t/ HTTP/1.1\r\nhost: a\r\n\r\n".into(), Fault::RequestLine),
        ("GET /\r\nhost: a\r\n\r\n".into(), Fault::RequestLine),
        ("GET / HTTP/1.1 \r\nhost: a\r\n\r\n".into(), Fault::RequestLine),
        ("GET / HTTP/1.10\r\nhost: a\r\n\r\n".into(), Fault::Version),
        ("GET / HTTP/2.0\r\nhost: a\r\n\r\n".into(), Fault::Version),
        ("GET / http/1.1\r\nhost: a\r\n\r\n".into(), Fault::Version),
        ("get / HTTP/1.1\r\nhost: a\r\n\r\n".into(), Fault::Method),
        ("GETX / HTTP/1.1\r\nhost: a\r\n\r\n".into(), Fault::Method),
        ("CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n".into(), Fault::Method),
        ("GET /\u{e9} HTTP/1.1\r\nhost: a\r\n\r\n".into(), Fault::Target),
        ("GET /#x HTTP/1.1\r\nhost: a\r\n\r\n".into(), Fault::Target),
        ("\u{16}\u{3}\u{1}".into(), Fault::RequestLine),
        (format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(2000)), Fault::TargetSize),
        (format!("GET /{}", "a".repeat(5000)), Fault::TargetSize),
        (with(&format!("a: {}\r\n", "b".repeat(5000))), Fault::HeadSize),
        (with(&"a: b\r\n".repeat(60)), Fault::HeaderCount),
    ] {
        assert_eq!(fault(&text), Some(expected), "{text:?}");
    }
}

#[test]
fn every_doubt_about_chunks_has_its_fault() {
    let long = format!("1{}\r\n", ";a".repeat(200));
    for (body, expected) in [
        ("0x1\r\na\r\n0\r\n\r\n", Fault::Chunk),
        ("+1\r\na\r\n0\r\n\r\n", Fault::Chunk),
        (" 1\r\na\r\n0\r\n\r\n", Fault::Chunk),
        ("1 \r\na\r\n0\r\n\r\n", Fault::Chunk),
        ("1_0\r\n", Fault::Chunk),
        ("\r\n", Fault::Chunk),
        ("11111111111111111\r\n", Fault::Chunk),
        ("1\na\n0\n\n", Fault::Chunk),
        ("1\r\nab\r\n", Fault::Chunk),
        ("1\r\na\n", Fault::Chunk),
        ("1\r\na\r\r\n", Fault::Chunk),
        ("1;\r\na\r\n", Fault::Chunk),
        ("1;a=\r\na\r\n", Fault::Chunk),
        ("1;a=\"b\r\na\r\n", Fault::Chunk),
        ("1;a\rb\r\na\r\n", Fault::Chunk),
        ("g\r\n", Fault::Chunk),
        (long.as_str(), Fault::Chunk),
        ("0\r\ncontent-length: 1\r\n\r\n", Fault::Trailer),
        ("0\r\nHost: x\r\n\r\n", Fault::Trailer),
        ("0\r\nx: y\n\r\n", Fault::Trailer),
        ("0\r\nx y\r\n\r\n", Fault::Trailer),
    ] {
        let text = with("transfer-encoding: chunked\r\n") + body;
        assert_eq!(fault(&text), Some(expected), "{body:?}");
    }
    let flood = with("transfer-encoding: chunked\r\n") + "0\r\n" + &"x: y\r\n".repeat(2000);
    assert_eq!(fault(&flood), Some(Fault::Trailer));
}

#[test]
fn nothing_passes_behind_the_last_request_or_an_unanswered_upgrade() {
    let next = with("");
    for (lines, kept) in [
        ("connection: close\r\n", true),
        ("connection: x, Upgrade\r\nupgrade: websocket\r\n", true),
        ("upgrade: h2c\r\n", false),
    ] {
        let first = with(lines);
        let (passed, _) = judge((first.clone() + &next).as_bytes(), 10_000);
        assert_eq!(passed.len(), if kept { first.len() } else { first.len() + next.len() }, "{lines}");
    }
    let old = "GET / HTTP/1.0\r\n\r\n";
    assert_eq!(judge(format!("{old}{old}").as_bytes(), 10_000).0.len(), old.len());
}

/// What a service saw of a connection.
type Seen = Vec<(String, Vec<u8>)>;

/// Serves `bytes` by hyper, behind the gate or without it: the complete requests that the service saw, and the answer.
fn served(bytes: &[u8], gated: bool) -> (Seen, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let seen = Rc::new(RefCell::new(Seen::new()));
        let link = Arc::new(Link::new(Arc::default(), Arc::default()));
        if gated {
            converse(Gate::new(server, BOUNDS, Arc::clone(&link)), &seen, &link).await;
        } else {
            converse(server, &seen, &link).await;
        }
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(1), client.read_to_end(&mut answer)).await;
        (seen.take(), String::from_utf8_lossy(&answer).into_owned())
    })
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(io: S, seen: &Rc<RefCell<Seen>>, link: &Arc<Link>) {
    let service = service_fn(|request: Request<Incoming>| async move {
        if let Some(fault) = link.fault() {
            return Ok::<_, hyper::Error>(
                Response::builder().status(fault.status()).body(Empty::<Bytes>::new()).unwrap(),
            );
        }
        if link.upgrade() == Upgrade::Asked {
            link.set_upgrade(Upgrade::Refused);
        }
        let (head, body) = request.into_parts();
        // What does not end was not seen.
        let body = body.collect().await?.to_bytes();
        seen.borrow_mut().push((format!("{} {} {:?}", head.method, head.uri, head.headers), body.to_vec()));
        Ok(Response::new(Empty::<Bytes>::new()))
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    let connection = builder.half_close(true).serve_connection(TokioIo::new(io), service);
    let _ = tokio::time::timeout(Duration::from_secs(1), connection).await;
}

#[test]
fn a_faulty_head_is_answered_in_its_turn_and_ends_the_connection() {
    let (seen, answer) = served((with("") + "GET / HTTP/9\r\n\r\n" + &with("")).as_bytes(), true);
    assert_eq!(seen.len(), 1);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 505").count(), 1, "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{answer}");
}

#[test]
fn the_gate_is_only_ever_stricter_than_hyper() {
    let seeds = [
        with("") + &with("content-length: 5\r\n") + "hello" + &with("x: y\r\n"),
        with("transfer-encoding: chunked\r\n") + "5\r\nhello\r\n0\r\n\r\n" + &with(""),
        with("transfer-encoding: chunked\r\nx: \"a\"\r\n")
            + "3;a=b\r\nabc\r\n3\r\nabc\r\n0\r\nt: u\r\n\r\n"
            + &with("connection: close\r\n"),
        "GET http://a/x?y HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, x\r\n\r\nGET / HTTP/1.0\r\n\r\n"
            .into(),
    ]
    .map(String::into_bytes);
    let random = Random::new([42; 32]);
    let mut passed = 0;
    for _ in 0..3000 {
        let bytes = mutated(&random, &seeds);
        let ((strict, _), (lenient, _)) = (served(&bytes, true), served(&bytes, false));
        assert!(
            lenient.starts_with(&strict),
            "{:?}\n{strict:?}\n{lenient:?}",
            String::from_utf8_lossy(&bytes)
        );
        passed += strict.len();
    }
    assert!(passed > 1000, "nothing was compared");
}

#[test]
fn a_client_is_waited_for_as_long_as_patience_says() {
    let patience = link::Patience { request: 5, head: 3, body: 3, write: 3, tunnel: 9, rate: 0 };
    let ticks = Arc::new(Ticks::new());
    let waits = |wait: Wait, passed: u32| {
        let link = Link::new(Arc::clone(&ticks), Arc::default());
        link.wait_for(Wait::Nothing);
        link.wait_for(wait);
        ticks.skip(passed);
        link.watch(&patience);
        (link.fault(), link.is_to_close())
    };
    assert_eq!(waits(Wait::Head, 3), (None, false));
    assert_eq!(waits(Wait::Head, 4), (Some(Fault::HeadTimeout), false));
    assert_eq!(waits(Wait::Body, 4), (Some(Fault::BodyTimeout), false));
    assert_eq!(waits(Wait::Request, 5), (None, false));
    assert_eq!(waits(Wait::Request, 6), (None, true));
    assert_eq!(waits(Wait::Nothing, 1000), (None, false));
}

#[test]
fn a_client_that_is_slower_than_the_least_rate_is_given_up() {
    let patience = link::Patience { request: 5, head: 3, body: 1000, write: 3, tunnel: 9, rate: 10 };
    let ticks = Arc::new(Ticks::new());
    let link = Link::new(Arc::clone(&ticks), Arc::default());
    link.begin_body();
    for second in 0..30 {
        link.wait_for(Wait::Body);
        ticks.skip(10);
        link.watch(&patience);
        assert_eq!(link.fault().is_some(), second >= 10, "after {second} seconds");
        if link.fault().is_some() {
            return;
        }
        link.came(5);
    }
}

#[test]
fn each_request_gets_the_spelling_of_its_own_head_whenever_somebody_begins_to_ask() {
    let asked = Arc::new(AtomicBool::new(false));
    let link = Link::new(Arc::default(), Arc::clone(&asked));
    let heads = [b"GET / HTTP/1.1\r\nA: 1\r\n\r\n", b"GET / HTTP/1.1\r\nB: 1\r\n\r\n"];
    for asks in [[false, true], [true, false], [true, true], [false, false]] {
        for (head, asks) in heads.iter().zip(asks) {
            asked.store(asks, Relaxed);
            link.spell(*head);
        }
        asked.store(true, Relaxed);
        let spelled = heads.map(|head| link.spelled() == Spelling::of(head));
        assert_eq!(spelled, asks);
    }
}

#[test]
fn preface_and_request_are_told_apart_by_the_first_bytes() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let sniff = |bytes: &'static [u8]| {
        runtime.block_on(async move {
            let (mut client, server): (DuplexStream, _) = tokio::io::duplex(1024);
            client.write_all(bytes).await.unwrap();
            drop(client);
            Gate::new(server, BOUNDS, Arc::new(Link::new(Arc::default(), Arc::default())))
                .sniff(None, 1)
                .await
                .unwrap()
        })
    };
    assert_eq!(sniff(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Some(Protocol::Http2));
    assert_eq!(sniff(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"), Some(Protocol::Http1));
    assert_eq!(sniff(b"G"), Some(Protocol::Http1));
    assert_eq!(sniff(b"GET / HTTP/1.1"), Some(Protocol::Http1));
    assert_eq!(sniff(b"PR"), None);
}
