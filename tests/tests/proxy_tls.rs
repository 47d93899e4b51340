//! TLS on both sides: one proxy speaks it to clients, another in front speaks it to that one.

use shield_runtime::Settings;
use shield_tests::live::{Live, bundle, settings};
use shield_tests::origin::Origin;
use shield_tests::root;
use shield_tests::shop::{POLICY, with};

fn path(name: &str) -> String {
    root().join("tests/certificates").join(name).display().to_string()
}

/// Speaks TLS to clients with the certificate called `name`.
fn behind(origin: &Origin, name: &str) -> Live {
    with(origin, |settings| {
        settings.listen = Vec::new();
        settings.listen_tls = vec!["127.0.0.1:0".into()];
        settings.certificate = vec![format!("{},{}", path(&format!("{name}.pem")), path(&format!("{name}.key")))];
    })
}

/// Speaks TLS to `behind` under the name `localhost`.
fn before(behind: &Live, authority: &str) -> Live {
    let upstream = vec![format!("https://localhost:{}", behind.address().port())];
    let upstream_ca = path(authority);
    Live::start(bundle(POLICY), Settings { upstream, upstream_ca, ..settings() })
}

#[test]
fn requests_go_through_tls_on_both_sides() {
    let origin = Origin::plain();
    let behind = behind(&origin, "a");
    let front = before(&behind, "authority.pem");
    let mut client = front.connect();
    for _ in 0..20 {
        assert_eq!(client.ask("GET /x HTTP/1.1\r\nhost: a\r\n\r\n").text(), "origin");
    }
    assert_eq!(origin.seen()[0].header("x-forwarded-proto"), Some("https"));
    assert_eq!(behind.metric("shield_connections_total"), 1);
    let body = vec![b'x'; 1 << 20];
    client.send(format!("POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes());
    client.send(&body);
    assert_eq!(client.response(false).map(|response| response.status), Some(200));
    assert!(origin.seen().last().is_some_and(|seen| seen.body == body));
}

#[test]
fn an_origin_that_has_another_name_or_authority_gets_nothing() {
    let origin = Origin::plain();
    let other_name = behind(&origin, "b");
    assert_eq!(before(&other_name, "authority.pem").get("/x").status, 502);
    let right_name = behind(&origin, "a");
    assert_eq!(before(&right_name, "b.pem").get("/x").status, 502);
    assert!(origin.raw().is_empty());
}

#[test]
fn threat_097_a_handshake_that_does_not_end_is_given_up() {
    let origin = Origin::plain();
    let live = with(&origin, |settings| {
        settings.listen = Vec::new();
        settings.listen_tls = vec!["127.0.0.1:0".into()];
        settings.certificate = vec![format!("{},{}", path("a.pem"), path("a.key"))];
        settings.handshake_timeout = std::time::Duration::from_millis(200);
    });
    let mut silent = live.connect();
    assert_eq!(silent.rest(), "");
    let mut garbled = live.connect();
    garbled.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    garbled.rest();
    let mut giant = live.connect();
    giant.send(&[&[0x16, 3, 1, 0xff, 0xff][..], &[1; 70_000]].concat());
    giant.rest();
    assert!(origin.raw().is_empty());
}
