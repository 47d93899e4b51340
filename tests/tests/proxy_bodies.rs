//! Bodies that arrive in pieces: refused as soon as nothing can make them fit, and sent on only when they are whole.

use shield_tests::live::{Live, bundle_with, settings, until};
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
