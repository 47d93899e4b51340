//! Answers are read as hyper reads them, or refused; whatever their pieces.

use std::future::poll_fn;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::ext::ReasonPhrase;
use hyper::http::response::Parts;
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::{LocalSet, spawn_local, yield_now};

use super::wire::Wire;
use super::{Content, Failure};
use crate::random::Random;
use crate::testing::mutated;

/// An answer that was read to its end.
#[derive(Debug, PartialEq)]
struct Read {
    head: String,
    body: Vec<u8>,
    trailers: HeaderMap,
}

impl Read {
    fn new(head: &Parts, body: Vec<u8>, trailers: HeaderMap) -> Self {
        let reason = head.extensions.get::<ReasonPhrase>();
        let head = format!("{:?} {} {reason:?} {:?}", head.version, head.status, head.headers);
        Self { head, body, trailers }
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, future)
}

/// An origin that answers a request with `bytes` in pieces of `step`, then closes.
fn origin(bytes: &[u8], step: usize) -> DuplexStream {
    let (near, mut far) = tokio::io::duplex(1 << 20);
    let bytes = bytes.to_vec();
    spawn_local(async move {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") && matches!(far.read_buf(&mut request).await, Ok(1..)) {}
        for piece in bytes.chunks(step) {
            let _ = far.write_all(piece).await;
            yield_now().await;
        }
        let _ = far.shutdown().await;
        let _ = far.read_to_end(&mut Vec::new()).await;
    });
    near
}

fn asked(stream: DuplexStream, content: Content) -> Wire {
    let mut wire = Wire::new(stream);
    let head = |_, out: &mut Vec<u8>| {
        out.extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
        Vec::new()
    };
    wire.begin(content, &head, &mut Vec::new());
    wire
}

/// What we read of an answer, and whether the connection may be used again.
async fn ours(stream: DuplexStream, bodiless: bool) -> Option<(Read, bool)> {
    let mut wire = asked(stream, Content::Empty);
    let (head, _) = poll_fn(|cx| wire.poll_answer((bodiless, false), cx)).await.ok()?;
    let (mut body, mut trailers) = (Vec::new(), HeaderMap::new());
    while let Some(frame) = poll_fn(|cx| wire.poll_frame(cx)).await {
        match frame.ok()?.into_data() {
            Ok(data) => body.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().unwrap(),
        }
    }
    Some((Read::new(&head, body, trailers), wire.is_clean()))
}

/// What hyper reads of it.
async fn theirs(stream: DuplexStream, bodiless: bool) -> Option<Read> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    spawn_local(connection.with_upgrades());
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = if bodiless { Method::HEAD } else { Method::GET };
    let (head, body) = sender.send_request(request).await.ok()?.into_parts();
    let body = body.collect().await.ok()?;
    let trailers = body.trailers().cloned().unwrap_or_default();
    Some(Read::new(&head, body.to_bytes().to_vec(), trailers))
}

fn read(text: &str, bodiless: bool) -> Option<(String, bool)> {
    let reads = [1, 3, 100_000].map(|step| {
        run(async {
            let (read, clean) = ours(origin(text.as_bytes(), step), bodiless).await?;
            Some((format!("{}{}", String::from_utf8(read.body).unwrap(), read.trailers.len()), clean))
        })
    });
    let [first, others @ ..] = reads;
    assert!(
        others.iter().all(|other| *other == first),
        "{text:?} depends on its pieces: {first:?} {others:?}"
    );
    first
}

#[test]
fn where_an_answer_ends_is_what_its_head_says() {
    for (head, rest, found, clean) in [
        ("200 OK\r\ncontent-length: 2", "ok", "ok0", true),
        ("200 OK\r\ncontent-length: 2\r\ncontent-length: 2", "ok", "ok0", true),
        ("200 OK\r\ncontent-length: 2\r\nconnection: close", "ok", "ok0", false),
        ("200 OK\r\ncontent-length: 2\r\nconnection: close\r\nconnection: keep-alive", "ok", "ok0", false),
        ("200 OK\r\ncontent-length: 0", "", "0", true),
        ("204 No Content", "", "0", true),
        ("304 Not Modified\r\ncontent-length: 7", "", "0", true),
        ("200", "to the end", "to the end0", false),
        ("200 OK\r\ntransfer-encoding: Chunked", "2\r\nok\r\n3;a=b\r\nend\r\n0\r\n\r\n", "okend0", true),
        ("200 OK\r\ntransfer-encoding: chunked", "2  \r\nok\r\n0 ;a\r\nx: 1\r\ny: 2\r\n\r\n", "ok2", true),
        (
            "200 OK\r\ntransfer-encoding: chunked",
            "0\r\nx: 1\r\nx-shield-id: 2\r\ncontent-length: 5\r\n\r\n",
            "1",
            true,
        ),
        ("304 Not Modified\r\ncontent-length: 7\r\ntransfer-encoding: chunked", "", "0", true),
        ("103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2", "ok", "ok0", true),
    ] {
        let text = format!("HTTP/1.1 {head}\r\n\r\n{rest}");
        assert_eq!(read(&text, false), Some((found.into(), clean)), "{text:?}");
    }
    assert_eq!(read("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", true), Some(("0".into(), true)));
    assert_eq!(read("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", false), Some(("ok0".into(), false)));
    let kept = "HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: Keep-Alive\r\n\r\nok";
    assert_eq!(read(kept, false), Some(("ok0".into(), true)));
}

#[test]
fn what_follows_an_answer_is_nobodys() {
    let more = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n";
    let (read, clean) = run(async { ours(origin(more, 1000), false).await }).unwrap();
    assert_eq!((read.body.as_slice(), clean), (&b"ok"[..], false));
}

#[test]
fn an_answer_that_could_be_read_in_two_ways_is_none() {
    for (head, rest) in [
        ("200 OK\r\ncontent-length: 2\r\ncontent-length: 3", "abc"),
        ("200 OK\r\ncontent-length: 2, 2", "ab"),
        ("200 OK\r\ncontent-length: +2", "ab"),
        ("200 OK\r\ncontent-length: 99999999999999999999", "ab"),
        ("200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked", "2\r\nok\r\n0\r\n\r\n"),
        ("200 OK\r\ntransfer-encoding: gzip, chunked", "2\r\nok\r\n0\r\n\r\n"),
        ("200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked", "0\r\n\r\n"),
        ("200 OK\r\ntransfer-encoding: identity", "ok"),
        ("200 OK\r\nx: a\r\n b\r\ncontent-length: 2", "ok"),
        ("200 OK\r\nx : a\r\ncontent-length: 2", "ok"),
        ("200 OK\r\nx: a\rb\r\ncontent-length: 2", "ok"),
        ("200 OK\r\nx\r\ncontent-length: 2", "ok"),
        ("2000 OK\r\ncontent-length: 2", "ok"),
        ("200 OK\r\ncontent-length: 9", "short"),
        ("200 OK\r\ntransfer-encoding: chunked", "2\r\nok\r\n"),
        ("200 OK\r\ntransfer-encoding: chunked", "2\nok\r\n0\r\n\r\n"),
        ("200 OK\r\ntransfer-encoding: chunked", "2\r\r\nok\r\n0\r\n\r\n"),
        ("200 OK\r\ntransfer-encoding: chunked", "2 \x0c\r\nok\r\n0\r\n\r\n"),
        ("200 OK\r\ntransfer-encoding: chunked", "2\r\nokay\r\n0\r\n\r\n"),
        ("103 Early Hints", ""),
        ("200 OK\r\ncontent-", ""),
    ] {
        let text = format!("HTTP/1.1 {head}\r\n\r\n{rest}");
        assert_eq!(read(&text, false), None, "{text:?}");
    }
    let old = "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    assert_eq!(read(old, false), None);
    assert_eq!(read(&format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(1 << 17)), false), None);
    assert_eq!(read(&format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101)), false), None);
}

#[test]
fn what_is_read_is_what_hyper_reads() {
    let seeds = [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx: y\r\n\r\nhello",
        "HTTP/1.1 404 Gone Fishing\r\nTransfer-Encoding: chunked\r\nTrailer: t\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nt: u\r\n\r\n",
        "HTTP/1.0 200 OK\r\nconnection: keep-alive, x\r\n\r\nall of it",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nx: 1\r\nX: 2\r\n\r\n",
    ]
    .map(|text| text.as_bytes().to_vec());
    let random = Random::new([7; 32]);
    let mut same = 0;
    for _ in 0..3000 {
        let bytes = mutated(&random, &seeds);
        let (step, bodiless) = (1 + random.next() as usize % 80, random.next().is_multiple_of(4));
        run(async {
            let Some((ours, _)) = ours(origin(&bytes, step), bodiless).await else { return };
            let theirs = theirs(origin(&bytes, step), bodiless).await;
            assert_eq!(Some(ours), theirs, "{:?}", String::from_utf8_lossy(&bytes));
            same += 1;
        });
    }
    assert!(same > 500, "only {same} were compared");
}

#[test]
fn a_long_body_is_written_as_it_is_however_little_is_taken_at_once() {
    let body: Bytes = (0..1 << 20).map(|at: u32| at as u8).collect();
    let (near, mut far) = tokio::io::duplex(1000);
    let seen = run(async {
        let reading = spawn_local(async move {
            let mut seen = vec![0; b"GET / HTTP/1.1\r\n\r\n".len() + (1 << 20)];
            far.read_exact(&mut seen).await.unwrap();
            far.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            seen
        });
        let mut wire = asked(near, Content::whole(body.clone()));
        assert!(poll_fn(|cx| wire.poll_answer((false, false), cx)).await.is_ok());
        // What waits for another request keeps nothing of this one.
        assert!(wire.is_clean() && body.is_unique());
        reading.await.unwrap()
    });
    assert_eq!(seen[seen.len() - body.len()..], body[..]);
}

#[test]
fn a_request_is_written_on_after_an_early_answer_and_no_longer_than_somebody_reads_it() {
    const LENGTH: usize = 1 << 20;
    for reads_on in [true, false] {
        let (near, mut far) = tokio::io::duplex(1000);
        run(async {
            far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no").await.unwrap();
            let mut wire = asked(near, Content::whole(Bytes::from(vec![0; LENGTH])));
            let answered = poll_fn(|cx| wire.poll_answer((false, false), cx)).await.unwrap();
            assert_eq!(answered.0.status, 200);
            let mut frame = async || poll_fn(|cx| wire.poll_frame(cx)).await;
            assert_eq!(frame().await.unwrap().unwrap().into_data().unwrap(), "o");
            let mut seen = vec![0; b"GET / HTTP/1.1\r\n\r\n".len() + LENGTH];
            if reads_on {
                far.read_exact(&mut seen).await.unwrap();
                far.write_all(b"k").await.unwrap();
                assert_eq!(frame().await.unwrap().unwrap().into_data().unwrap(), "k");
                assert!(frame().await.is_none() && wire.is_clean() && wire.is_quiet());
            } else {
                assert!(!wire.is_clean());
                drop(wire);
                let read = far.read_exact(&mut seen).await;
                assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
            }
        });
    }
}

#[test]
fn an_origin_that_takes_no_more_may_have_said_why() {
    for (said, status) in
        [("HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n", Ok(413)), ("", Err(Failure::Broken))]
    {
        let (near, mut far) = tokio::io::duplex(1000);
        let answered = run(async {
            far.write_all(said.as_bytes()).await.unwrap();
            drop(far);
            let mut wire = asked(near, Content::whole(Bytes::from(vec![0; 1 << 20])));
            let answered = poll_fn(|cx| wire.poll_answer((false, false), cx)).await;
            assert!(!wire.is_clean());
            answered.map(|(head, _)| head.status.as_u16())
        });
        assert_eq!(answered, status);
    }
}

#[test]
fn a_connection_is_used_again_only_while_its_origin_is_quiet() {
    run(async {
        let (near, far) = tokio::io::duplex(1000);
        let mut wire = Wire::new(near);
        assert!(wire.is_quiet());
        drop(far);
        assert!(!wire.is_quiet());
        let (near, mut far) = tokio::io::duplex(1000);
        let mut wire = Wire::new(near);
        far.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").await.unwrap();
        assert!(!wire.is_quiet());
    });
}
