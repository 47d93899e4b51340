//! Threats 30 to 46 and 113 to 117: what is matched is what is forwarded, who the client is, and streams that change hands.
#![expect(clippy::indexing_slicing, reason = "a test that cannot go on says so")]

use std::io::{Read as _, Write as _};
use std::time::Duration;

use shield_tests::live::{Live, until};
use shield_tests::origin::{Act, Origin, ok};
use shield_tests::shop::{in_front_of, with};

/// The statuses of GETs of these targets.
fn statuses(live: &Live, targets: &[&str]) -> Vec<u16> {
    targets.iter().map(|target| live.get(target).status).collect()
}

/// All are refused before any rule is asked, or forwarded in a form to which the rule for `/admin` was applied.
fn none_reaches_admin(origin: &Origin) {
    for seen in origin.seen() {
        assert!(!seen.target().to_lowercase().contains("admin"), "the origin got {}", seen.target());
    }
}

#[test]
fn threat_030_dot_segments_have_one_meaning() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let targets = ["/a/../admin", "/a/%2e%2e/admin", "/a/.%2E/admin", "/./admin", "/a/..", "/..", "/a/%2e/b"];
    assert_eq!(statuses(&live, &targets), [400; 7]);
    assert_eq!(statuses(&live, &["/a/..;/admin", "/a/.;x/admin"]), [400; 2]);
    none_reaches_admin(&origin);
    let live = with(&origin, |settings| settings.dot_segments = "resolve");
    assert_eq!(statuses(&live, &["/a/../admin", "/a/%2e%2e/admin", "/a/../b"]), [403, 403, 200]);
    assert_eq!(origin.seen().last().unwrap().target(), "/b");
}

#[test]
fn threat_031_encoded_separators_and_empty_segments_are_refused() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let targets = ["/a%2fb", "/a%2Fb", "/a%5cb", "/a\\b", "//admin", "/a//b", "///"];
    assert_eq!(statuses(&live, &targets), [400; 7]);
    assert!(origin.seen().is_empty());
    let live = with(&origin, |settings| settings.empty_segments = "collapse");
    assert_eq!(statuses(&live, &["//admin", "/a//b"]), [403, 200]);
    assert_eq!(origin.seen()[0].target(), "/a/b");
}

#[test]
fn threat_032_an_encoding_is_undone_once() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    assert_eq!(statuses(&live, &["/a/%252e%252e/b", "/%61dmin", "/%2561dmin"]), [200, 403, 200]);
    let seen: Vec<_> = origin.seen().iter().map(|seen| seen.target().to_owned()).collect();
    assert_eq!(seen, ["/a/%252e%252e/b", "/%2561dmin"]);
}

#[test]
fn threat_033_a_broken_encoding_is_refused() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let targets = ["/%zz", "/%", "/%4", "/a%c0%ae", "/%ff", "/%e2%82", "/%00"];
    assert_eq!(statuses(&live, &targets), [400; 7]);
    assert!(origin.seen().is_empty());
}

#[test]
fn threat_034_a_matrix_parameter_is_part_of_its_segment() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    assert_eq!(statuses(&live, &["/admin;x=1", "/admin;x=1/users", "/blocked;v=1"]), [403, 403, 200]);
    assert_eq!(origin.seen()[0].target(), "/blocked;v=1");
}

#[test]
fn threat_035_no_other_spelling_reaches_a_protected_path() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    statuses(
        &live,
        &["/ADMIN", "/admin/", "/admin.", "/admin%20", "/admin%00", "/admin?", "/%41dmin", "/admin%0a"],
    );
    none_reaches_admin(&origin);
}

#[test]
fn threat_036_paths_are_compared_as_bytes() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    assert_eq!(statuses(&live, &["/caf%C3%A9", "/cafe%CC%81", "/%D0%B0dmin"]), [200; 3]);
    let seen: Vec<_> = origin.seen().iter().map(|seen| seen.target().to_owned()).collect();
    assert_eq!(seen, ["/caf%C3%A9", "/cafe%CC%81", "/%D0%B0dmin"]);
}

#[test]
fn threat_037_template_characters_match_literally() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    assert_eq!(statuses(&live, &["/*", "/x", "/**"]), [403, 200, 200]);
}

#[test]
fn threat_039_queries_are_bounded_and_forwarded_as_matched() {
    let origin = Origin::plain();
    let live = with(&origin, |settings| (settings.uri_size, settings.header_size) = (1 << 20, 1 << 20));
    let flood = format!("/x?{}", "a=1&".repeat(10_000));
    assert_eq!(statuses(&live, &["/x?a=1+2&b=%20;c&&=d&a=2", &flood]), [200, 400]);
    assert_eq!(origin.seen()[0].target(), "/x?a=1+2&b=%20;c&&=d&a=2");
}

#[test]
fn threat_041_an_untrusted_peer_says_nothing_about_the_client() {
    let origin = Origin::plain();
    let ask = |live: &Live, header: &str| {
        live.connect().ask(&format!("GET /office HTTP/1.1\r\nhost: a\r\n{header}\r\n\r\n")).status
    };
    let live = in_front_of(&origin);
    for header in [
        "x-forwarded-for: 203.0.113.9",
        "forwarded: for=203.0.113.9",
        "x-real-ip: 203.0.113.9",
        "X_Forwarded_For: 203.0.113.9",
    ] {
        assert_eq!(ask(&live, header), 403, "{header}");
    }
    live.connect().ask("GET /x HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 6.6.6.6\r\nforwarded: for=6.6.6.6\r\nx-real-ip: 6.6.6.6\r\n\r\n");
    let seen = origin.seen().pop().unwrap();
    assert_eq!(
        (seen.header("x-forwarded-for"), seen.header("forwarded"), seen.header("x-real-ip")),
        (Some("127.0.0.1"), None, None)
    );
    let live = with(&origin, |settings| {
        settings.client_address = "x-forwarded-for";
        settings.trusted_proxies = vec!["127.0.0.0/8".into()];
    });
    assert_eq!(ask(&live, "x-forwarded-for: 6.6.6.6, 203.0.113.9"), 200);
    assert_eq!(ask(&live, "x-forwarded-for: 203.0.113.9, 6.6.6.6"), 403);
    assert_eq!(
        origin.seen().last().unwrap().header("x-forwarded-for"),
        Some("6.6.6.6, 203.0.113.9, 127.0.0.1")
    );
    assert_eq!(live.events(1)[0]["client"], "6.6.6.6");
}

#[test]
fn threat_042_a_client_cannot_write_our_headers() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    live.connect().ask(
        "GET /x HTTP/1.1\r\nhost: a\r\nX-Shield-User: root\r\nx_shield_user: root\r\nClient-Cert: :AA==:\r\nclient_cert: x\r\nX-Mine: 1\r\n\r\n",
    );
    let head = origin.seen()[0].head.to_lowercase();
    assert!(head.contains("x-mine: 1") && !head.contains("shield") && !head.contains("cert"), "{head}");
}

#[test]
fn threat_043_connection_takes_away_nothing_that_is_protected() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    live.connect().ask(
        "GET /x HTTP/1.1\r\nhost: a\r\nauthorization: Bearer x\r\ncookie: a=b\r\nx-own: 1\r\n\
         connection: authorization, cookie, x-forwarded-for, x-shield-id, x-own, host\r\n\r\n",
    );
    let seen = &origin.seen()[0];
    assert_eq!((seen.header("authorization"), seen.header("cookie")), (Some("Bearer x"), Some("a=b")));
    assert_eq!(
        (seen.header("x-forwarded-for"), seen.header("x-own"), seen.header("host")),
        (Some("127.0.0.1"), None, Some("a"))
    );
}

#[test]
fn threat_045_an_address_has_one_form() {
    let origin = Origin::plain();
    let live = with(&origin, |settings| {
        settings.client_address = "x-forwarded-for";
        settings.trusted_proxies = vec!["127.0.0.0/8".into()];
    });
    let ask = |hop: &str| {
        live.connect()
            .ask(&format!("GET /office HTTP/1.1\r\nhost: a\r\nx-forwarded-for: {hop}\r\n\r\n"))
            .status
    };
    assert_eq!(
        (ask("203.0.113.9"), ask("::ffff:203.0.113.9"), ask("[::ffff:cb00:7109]:80")),
        (200, 200, 200)
    );
    for hop in ["0313.0.0161.9", "203.0.113.9%eth0", "3405803785", "203.0.113.009"] {
        assert_eq!(ask(hop), 403, "{hop}");
    }
}

#[test]
fn threat_071_a_deny_rule_sees_bytes_that_are_no_text() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let mut client = live.connect();
    client.send(b"GET /x HTTP/1.1\r\nhost: a\r\nuser-agent: \xff\xfe BadBot \xe9\r\n\r\n");
    assert_eq!(client.response(false).unwrap().status, 403);
    assert!(origin.seen().is_empty());
}

/// An origin that agrees to a WebSocket on `/ws`, and echoes what it then gets; it refuses elsewhere.
fn echo() -> Origin {
    Origin::start(|seen| match seen.target() {
        "/ws" => Act::Take(Box::new(|mut stream| {
            let head =
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
            let _ = stream.write_all(head.as_bytes());
            let mut space = [0; 1024];
            while let Ok(count @ 1..) = stream.read(&mut space) {
                let _ = stream.write_all(&space[..count]);
            }
        })),
        _ => ok("no"),
    })
}

/// A client's frame with four letters of text.
const PING: &[u8] = b"\x81\x84\0\0\0\0ping";

const UPGRADE: &str = "HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

#[test]
fn threat_113_nothing_passes_before_the_origin_has_agreed() {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let told = std::sync::Mutex::new(told);
    let origin = Origin::start(move |seen| {
        if seen.target() == "/ws" {
            told.lock().unwrap().recv().unwrap();
        }
        ok("no")
    });
    let live = in_front_of(&origin);
    let mut client = live.connect();
    client.send(format!("GET /ws {UPGRADE}GET /admin HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes());
    until("the origin has been asked", || (!origin.raw().is_empty()).then_some(()));
    assert!(!String::from_utf8_lossy(&origin.raw()).contains("admin"));
    tell.send(()).unwrap();
    assert_eq!((client.response(false).unwrap().status, client.response(false).unwrap().status), (200, 403));
    assert!(!String::from_utf8_lossy(&origin.raw()).contains("admin"));
}

#[test]
fn threat_114_after_a_failed_upgrade_bytes_are_http_again() {
    let origin = echo();
    let live = in_front_of(&origin);
    let mut client = live.connect();
    assert_eq!(client.ask(&format!("GET /other {UPGRADE}")).text(), "no");
    client.send(b"\x81\x05hello");
    assert!(client.rest().starts_with("HTTP/1.1 400"));
    assert_eq!(origin.seen().len(), 1);
}

#[test]
fn threat_114_protocols_that_would_hide_requests_are_not_offered() {
    let origin = echo();
    let live = in_front_of(&origin);
    for protocol in ["h2c", "HTTP/2.0", "TLS/1.2", "websocket, h2c"] {
        let head = format!(
            "GET /x HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nupgrade: {protocol}\r\nhttp2-settings: AA\r\n\r\n"
        );
        assert_eq!(live.connect().ask(&head).status, 200);
    }
    assert!(
        origin
            .seen()
            .iter()
            .all(|seen| seen.header("upgrade").is_none() && seen.header("connection").is_none())
    );
}

#[test]
fn threat_116_an_upgrade_with_a_body_is_none() {
    let origin = echo();
    let live = in_front_of(&origin);
    let mut client = live.connect();
    client.send(b"GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\ncontent-length: 3\r\n\r\nabc");
    assert_eq!(client.response(false).unwrap().status, 502);
}

#[test]
fn threat_116_a_web_socket_ends_where_its_client_breaks_rules_or_bounds() {
    let origin = echo();
    let live = with(&origin, |settings| settings.websocket_message = 1_000);
    let flood = b"\x89\x80\0\0\0\0".repeat(200);
    for (frames, code) in [
        (&b"\x81\x04ping"[..], 1002_u16),
        (b"\xc1\x84\0\0\0\0ping", 1002),
        (b"\x82\xfe\x03\xe9\0\0\0\0", 1009),
        (&flood, 1008),
        (b"GET /admin HTTP/1.1\r\nhost: a\r\n\r\n", 1002),
    ] {
        let mut client = live.connect();
        client.send(format!("GET /ws {UPGRADE}").as_bytes());
        assert!(client.head().unwrap().starts_with("HTTP/1.1 101"));
        client.send(PING);
        assert_eq!(client.take(PING.len()).unwrap(), PING);
        client.send(frames);
        let farewell = [&[0x88, 2][..], &code.to_be_bytes()].concat();
        assert!(client.until(&farewell).is_some(), "{code}");
        assert_eq!(client.take(1), None);
    }
    assert_eq!(live.metric("shield_tunnel_faults_total"), 5);
    assert!(!String::from_utf8_lossy(&origin.raw()).contains("admin"));
}

#[test]
fn threat_117_streams_live_through_a_reload_and_end_with_the_drain() {
    let origin = echo();
    let live = with(&origin, |settings| settings.drain_timeout = Duration::from_millis(500));
    let mut client = live.connect();
    client.send(format!("GET /ws {UPGRADE}").as_bytes());
    assert!(client.head().unwrap().starts_with("HTTP/1.1 101"));
    for round in 0..5 {
        let policy = shield_tests::shop::POLICY.replace("no-secrets", &format!("no-secrets-{round}"));
        live.server.load(shield_tests::live::bundle(&policy)).unwrap();
        client.send(PING);
        assert_eq!(client.take(PING.len()).unwrap(), PING);
    }
    let stopping = std::thread::spawn(move || drop(live));
    client.send(PING);
    assert_eq!(client.take(PING.len()).unwrap(), PING);
    assert_eq!(client.rest(), "");
    stopping.join().unwrap();
}
