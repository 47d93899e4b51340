//! Bodies that arrive in pieces: refused as soon as nothing can make them fit, and sent on only when they are whole.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use shield_runtime::Settings;
use shield_tests::live::{Live, bundle, bundle_with, settings, until};
use shield_tests::origin::Origin;

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

#[test]
fn an_origin_that_answers_before_it_has_read_is_sent_the_rest_all_the_same() {
    const LENGTH: usize = 8 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let origin = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
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
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nagain").unwrap();
    });
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
    origin.join().unwrap();
}
