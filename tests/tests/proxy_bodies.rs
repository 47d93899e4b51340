//! Bodies that arrive in pieces: refused as soon as nothing can make them fit, and sent on only when they are whole.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use shield_runtime::Settings;
use shield_tests::live::{Live, bundle, bundle_with, settings, until};
use shield_tests::origin::{Act, Origin};

const DOCUMENT: &str = r#"{
  "openapi": "3.1.0", "info": { "title": "t", "version": "1" }, "paths": { "/pets": { "post": {
    "requestBody": { "required": true, "content": { "application/json": { "schema": {
      "type": "object", "required": ["name"], "additionalProperties": false,
      "properties": { "name": { "type": "string", "maxLength": 20 }, "tags": { "type": "array", "items": { "type": "string" } } }
    } } } },
    "responses": { "200": { "description": "ok" } }
} } } }"#;

/// A request whose body is to have so many bytes and begins like this.
fn request(length: usize, beginning: &str) -> Vec<u8> {
    format!("POST /pets HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{beginning}").into_bytes()
}

#[test]
fn a_body_is_refused_before_the_rest_of_it_arrives_and_never_sent_on() {
    let origin = Origin::plain();
    let policy =
        format!("api shop {{\n  openapi \"pets.json\"\n  host \"a\"\n  upstream \"{}\"\n}}\n", origin.url());
    let live = Live::start(bundle_with(&policy, [("pets.json", DOCUMENT)]), settings());
    // The interpreter serves until there is code, and waits for all of the body.
    until("native code is made", || {
        let mut client = live.connect();
        client.send(&request(1000, r#"{"name":1,"#));
        client.finish();
        client.rest().contains("urn:shield:schema:request").then_some(())
    });
    for (beginning, keyword) in
        [(r#"{"name":1,"#, "body"), (r#"{"name":"a","tags":["b",]"#, "body"), (r#"{"other":"#, "body")]
    {
        let mut client = live.connect();
        client.send(&request(900_000, beginning));
        let response = client.response(false).unwrap();
        assert_eq!((response.status, response.header("connection")), (400, Some("close")));
        assert!(response.text().contains(keyword), "{}", response.text());
    }
    // One byte after the other. What is there is looked at when it has become twice as much, so that with twice as many
    // bytes it is, in whatever pieces they arrive.
    let mut client = live.connect();
    client.send(&request(900_000, ""));
    let doomed = br#"{"name":"a name that is too long""#;
    for byte in doomed.iter().chain([b' '; 40].iter()) {
        client.send(&[*byte]);
    }
    assert_eq!(client.response(false).unwrap().status, 400);
    assert!(origin.seen().is_empty());

    // What may still fit is waited for.
    let body = r#"{"name":"Rex","tags":["good","old"]}"#;
    let mut client = live.connect();
    client.send(&request(body.len(), ""));
    for byte in body.bytes() {
        client.send(&[byte]);
    }
    assert_eq!(client.response(false).unwrap().status, 200);
    assert_eq!(origin.seen()[0].body, body.as_bytes());
    assert!(live.metric("shield_denials_total{stage=\"schema\",reason=\"request\"}") >= 5);
}

/// An origin that has read one head and goes on with `then`.
fn early(
    then: impl FnOnce(TcpStream) -> io::Result<()> + Send + 'static,
) -> io::Result<(String, JoinHandle<io::Result<()>>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    let origin = thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.extend(byte);
        }
        then(stream)
    });
    Ok((url, origin))
}

#[test]
fn an_origin_that_answers_before_it_has_read_is_sent_the_rest_all_the_same() {
    const LENGTH: usize = 8 << 20;
    let (url, origin) = early(|mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst").unwrap();
        let mut left = LENGTH;
        let mut piece = vec![0; 1 << 16];
        while left > 0 {
            let read = stream.read(&mut piece).unwrap();
            assert_ne!(read, 0, "{left} bytes are missing");
            left -= read;
        }
        stream.write_all(b"after").unwrap();
        // A second answer on this connection would be as good as the first.
        stream.read_exact(&mut [0]).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nagain")
    })
    .unwrap();
    let policy = format!("api a {{ host \"a\" upstream \"{url}\" unknown off }}\n");
    let live = Live::start(bundle(&policy), Settings { body_size: LENGTH as u64, ..settings() });
    let mut client = live.connect();
    client.send(format!("PUT /a HTTP/1.1\r\nhost: a\r\ncontent-length: {LENGTH}\r\n\r\n").as_bytes());
    // The origin has answered by the time that the client goes on.
    let head = client.head().unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(client.until(b"first").is_some());
    client.send(&vec![b'~'; LENGTH]);
    assert!(client.until(b"after").is_some());
    assert_eq!(client.ask("GET /b HTTP/1.1\r\nhost: a\r\n\r\n").text(), "again");
    origin.join().unwrap().unwrap();
}

#[test]
fn a_body_that_fails_after_an_early_answer_ends_both() {
    let (url, origin) = early(|mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst")?;
        // The connection ends.
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    })
    .unwrap();
    let policy = format!("api a {{ host \"a\" upstream \"{url}\" unknown off }}\n");
    let live = Live::start(bundle(&policy), Settings { body_size: 1000, ..settings() });
    let mut client = live.connect();
    client.send(b"PUT /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
    client.send(b"2\r\nab\r\n");
    assert!(client.until(b"first").is_some());
    client.send(format!("3e9\r\n{}\r\n0\r\n\r\n", "c".repeat(1001)).as_bytes());
    assert!(client.response(false).is_none(), "the answer looked complete");
    origin.join().unwrap().unwrap();
}

#[test]
fn trailers_pass_when_they_are_announced_and_say_no_more_than_a_client_may() {
    let origin = Origin::start(|_| {
        Act::Answer(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-up\r\n\r\n2\r\nok\r\n0\r\nx-up: 1\r\n\r\n".to_vec(),
        )
    });
    let policy = format!("api a {{ host \"a\" upstream \"{}\" unknown off }}\n", origin.url());
    let live = Live::start(bundle(&policy), settings());
    let mut client = live.connect();
    client.send(
        b"PUT /a HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: x-hop\r\ntransfer-encoding: chunked\r\n\
        trailer: x-sum, x-hop, X-Forwarded-For, x_shield_session, set-cookie, upgrade\r\n\r\n2\r\nab\r\n0\r\n\
        x-sum: 7\r\nx-hop: 1\r\nx-quiet: 1\r\nx-forwarded-for: 1.1.1.1\r\nx_shield_session: a\r\nset-cookie: a=b\r\nupgrade: x\r\n\r\n",
    );
    assert!(client.until(b"x-up: 1\r\n\r\n").is_some());
    let [seen] = origin.seen().try_into().unwrap();
    assert_eq!((seen.body.as_slice(), seen.trailers.trim()), (&b"ab"[..], "x-sum: 7"));
}
