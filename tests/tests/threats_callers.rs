//! Threats about parameters, sessions, counters, keys and neighbours, on real sockets: 38, 40, 44, 46, 89, 103, 104, 115, 138, 139.
#![expect(
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on says so, and has a watch"
)]

use std::io::Write as _;
use std::time::{Duration, Instant};

use shield_runtime::{Settings, Source};
use shield_tests::live::{Folder, Live, bundle, bundle_with, settings, until};
use shield_tests::origin::{Act, Origin, ok};

/// A policy of its own in front of an origin, which it calls `ORIGIN`.
fn serving(origin: &Origin, policy: &str) -> Live {
    Live::start(bundle(&policy.replace("ORIGIN", &origin.url())), settings())
}

/// The status of a GET with more header lines, each of which ends in CR LF.
fn status(live: &Live, target: &str, lines: &str) -> u16 {
    live.connect().ask(&format!("GET {target} HTTP/1.1\r\nhost: a\r\n{lines}\r\n")).status
}

const OPEN: &str = r#"
api shop {
  host     "a"
  upstream "ORIGIN"
  requests off
  unknown  off
}
"#;

#[test]
fn threat_038_a_scalar_parameter_that_stands_twice_is_refused() {
    let document = r#"{
      "openapi": "3.1.0", "info": { "title": "t", "version": "1" }, "paths": {
        "/pets/{id}": { "get": {
          "parameters": [
            { "name": "id",  "in": "path",  "required": true, "schema": { "type": "integer" } },
            { "name": "id",  "in": "query", "schema": { "type": "integer" } },
            { "name": "tag", "in": "query", "schema": { "type": "array", "items": { "type": "string" } } }
          ],
          "responses": { "200": { "description": "ok" } }
    } } } }"#;
    let origin = Origin::plain();
    let policy = r#"
api shop {
  openapi    "pets.json"
  host       "a"
  upstream   "ORIGIN"
  undeclared query block
}
"#;
    let policy = policy.replace("ORIGIN", &origin.url());
    let live = Live::start(bundle_with(&policy, [("pets.json", document)]), settings());
    for target in
        ["/pets/1?id=1&id=2", "/pets/1?id=1&i%64=2", "/pets/1?id[]=1", "/pets/1?id[0]=1", "/pets/1?id=1,2"]
    {
        assert_eq!(status(&live, target, ""), 400, "{target}");
    }
    assert!(origin.seen().is_empty());
    // The same name in path and query is two parameters; a list may be one.
    assert_eq!(status(&live, "/pets/1?id=2", ""), 200);
    assert_eq!(status(&live, "/pets/1?tag=a&tag=b", ""), 200);
    assert!(live.events(5).iter().all(|event| event["reason"] == "request"));
}

const SESSIONS: &str = r#"
api shop {
  host     "a"
  upstream "ORIGIN"
  requests off
  unknown  off
  session  device
}
session device {
  cookie "sid"
  header "x-device"
}
limit each {
  by    session
  allow 2 per 1h
}
rule cookies {
  when http.request.cookies["role"][0] eq "admin"
  then block 403
}
rule tell {
  when cf.api_gateway.auth_id_present
  then set response header "x-session" session.id
}
"#;

#[test]
fn threat_040_cookies_are_read_in_one_way_and_a_session_is_given_once() {
    let origin = Origin::plain();
    let live = serving(&origin, SESSIONS);
    let session = |lines: &str| {
        let answer = live.connect().ask(&format!("GET / HTTP/1.1\r\nhost: a\r\n{lines}\r\n"));
        (answer.status, answer.header("x-session").map(str::to_owned))
    };
    // Twice, in one line or in two: whoever reads the other one would see another client.
    for lines in
        ["cookie: sid=1; sid=2\r\n", "cookie: sid=1\r\ncookie: sid=2\r\n", "x-device: 1\r\nx-device: 1\r\n"]
    {
        assert_eq!(session(lines), (400, None), "{lines}");
    }
    assert!(origin.seen().is_empty());
    // Other cookies may stand twice; a rule sees the first, and any of them where it asks so.
    assert_eq!(status(&live, "/", "cookie: role=admin; role=user\r\n"), 403);
    assert_eq!(status(&live, "/", "cookie: $Version=1; role=user; lone; =odd; x=\"quo ted\"\r\n"), 200);
    assert_eq!(status(&live, "/", &format!("cookie: big={}\r\n", "x".repeat(4_096))), 200);
    assert_eq!(live.connect().ask("GET / HTTP/1.1\r\nhost: a\r\ncookie: a=\0b\r\n\r\n").status, 400);
    // What identifies a client never leaves as it came.
    let (status, told) = session("cookie: sid=secret-of-one\r\n");
    assert!(status == 200 && told.is_some_and(|told| told.len() >= 16 && !told.contains("secret")));
}

#[test]
fn threat_044_a_proxys_greeting_from_anyone_is_no_request() {
    let origin = Origin::plain();
    let live = serving(&origin, OPEN);
    let request = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    for greeting in [
        "PROXY TCP4 203.0.113.9 127.0.0.1 1 80\r\n",
        "PROXY UNKNOWN\r\n",
        "PROXY TCP4 203.0.113.9\r\n",
        "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c",
    ] {
        let answer = live.raw(format!("{greeting}{request}").as_bytes());
        // `PROXY` is a method that nobody knows.
        let refused = ["400", "501"].iter().any(|status| answer.starts_with(&format!("HTTP/1.1 {status}")));
        assert!(
            refused && answer.contains("connection: close") && answer.matches("HTTP/1.1").count() == 1,
            "{answer}"
        );
    }
    assert!(origin.raw().is_empty());
}

#[test]
fn threat_046_no_absent_or_odd_session_has_a_bucket_of_its_own_each_time() {
    let origin = Origin::plain();
    let live = serving(&origin, SESSIONS);
    let passed = |lines: [&str; 4]| lines.iter().filter(|lines| status(&live, "/", lines) == 200).count();
    // Absent and empty ones share a bucket, whichever place is empty.
    assert_eq!(passed(["", "cookie: sid=\r\n", "x-device:\r\n", "cookie: other=1\r\n"]), 2);
    // A long one is one client, and another one another.
    let long = |last: char| format!("x-device: {}{last}\r\n", "x".repeat(8_000));
    assert_eq!(passed([&long('a'); 4]), 2);
    assert_eq!(passed([&long('b'); 4]), 2);
    assert_eq!(
        passed([
            "cookie: sid=1\r\n",
            "cookie: sid=1; x=y\r\n",
            "cookie: x=y\r\ncookie: sid=1\r\n",
            "cookie:  sid=1 \r\n"
        ]),
        2
    );
}

const TOKENS: &str = r#"
api shop {
  host     "a"
  upstream "ORIGIN"
  requests off
  unknown  off
  auth     jwt main
}
jwt main {
  from       header "authorization"
  keys       file "keys.json"
  algorithms HS256
  deny       file "denied.txt"
}
"#;

/// An HS256 key, and tokens for `u1` and `u2` that it has signed and that outlast this century.
const KEY: &str = r#"{"keys":[{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgeWVz"}]}"#;
const SUBJECTS: [&str; 2] = [
    "eyJzdWIiOiJ1MSIsImV4cCI6NDEwMjQ0NDgwMH0.e643VnfI0cFqnb90XXahq-FvzAwnDu66BdH67HE3dgw",
    "eyJzdWIiOiJ1MiIsImV4cCI6NDEwMjQ0NDgwMH0.my0k_E4VCO1tprpJy_U9effE7KWt0AaHW7p9gmd4AnQ",
];

#[test]
fn threat_089_a_denied_caller_keeps_no_open_web_socket() {
    let origin = Origin::start(|_| {
        Act::Take(Box::new(|mut stream| {
            let head =
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
            stream.write_all(head.as_bytes()).unwrap();
            std::io::copy(&mut stream.try_clone().unwrap(), &mut stream).unwrap();
        }))
    });
    let folder = Folder::new("threat-089");
    folder.write("denied.txt", "# nobody\n");
    let path = folder.0.join("policy.shieldb");
    std::fs::write(&path, bundle_with(&TOKENS.replace("ORIGIN", &origin.url()), [("keys.json", KEY)]))
        .unwrap();
    let settings = Settings {
        bundle: path.display().to_string(),
        data_dir: folder.0.display().to_string(),
        watch: "on",
        ..settings()
    };
    let live = Live::try_start(Source::File, settings).unwrap();
    // A broken bundle must not keep the list from being read again.
    folder.write("policy.shieldb", "half a bundle");
    let open = |signed: &str| {
        let mut client = live.connect();
        let wish = "connection: upgrade\r\nupgrade: websocket";
        let token = format!("eyJhbGciOiJIUzI1NiJ9.{signed}");
        client.send(
            format!("GET /ws HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n{wish}\r\n\r\n")
                .as_bytes(),
        );
        let head = client.head().unwrap();
        (client, head)
    };
    let [(mut first, head), (mut second, _)] = SUBJECTS.map(open);
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let denied_by_policy = [0x88, 2, 0x03, 0xf0];
    for (client, list) in [(&mut second, "u2\n"), (&mut first, "u2\nu1\n")] {
        let frame = b"\x81\x85\0\0\0\0hello";
        client.send(frame);
        assert_eq!(client.take(frame.len()).unwrap(), frame);
        let since = Instant::now();
        folder.write("denied.txt", list);
        assert_eq!(client.take(4).unwrap(), denied_by_policy);
        assert_eq!(client.rest(), "");
        // The stated bound is two seconds; a busy machine has some more.
        assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    }
    assert!(open(SUBJECTS[0]).1.starts_with("HTTP/1.1 401"));
}

#[test]
fn threat_103_a_reload_lets_nobody_go_whose_limit_is_unchanged() {
    let origin = Origin::plain();
    let policy = |word: &str, most: u32| {
        let more = format!(
            "rule other {{ when http.request.uri.path eq \"/{word}\" then block 403 }}\n\
             limit few {{ by http.request.headers[\"x-client\"][0] allow {most} per 1h }}"
        );
        bundle(&format!("{}{more}", OPEN.replace("ORIGIN", &origin.url())))
    };
    let live = Live::start(policy("one", 2), settings());
    let ask = || status(&live, "/", "x-client: 1\r\n");
    assert_eq!([ask(), ask(), ask()], [200, 200, 429]);
    for word in ["two", "three"] {
        live.server.load(policy(word, 2)).unwrap();
        assert_eq!(ask(), 429);
        assert_eq!(status(&live, &format!("/{word}"), ""), 403);
    }
    // Another number is another limit, which begins anew.
    live.server.load(policy("two", 3)).unwrap();
    assert_eq!([ask(), ask(), ask(), ask()], [200, 200, 200, 429]);
}

#[test]
fn threat_104_no_cost_gives_units_back_or_wraps() {
    let origin = Origin::plain();
    let limit = r#"
limit units {
  by    http.request.headers["x-client"][0]
  cost  lookup_json_integer(http.request.headers["x-cost"][0], "n")
  allow 10 per 1h
}
"#;
    let live = serving(&origin, &format!("{OPEN}{limit}"));
    let ask =
        |client: &str, cost: &str| status(&live, "/", &format!("x-client: {client}\r\nx-cost: {cost}\r\n"));
    assert_eq!(
        [ask("a", "{\"n\":6}"), ask("a", "{\"n\":6}"), ask("a", "{\"n\":4}"), ask("a", "{\"n\":1}")],
        [200, 429, 200, 429]
    );
    // Each of these is one unit: it takes, and never gives back.
    let odd =
        ["{\"n\":-9}", "{\"n\":-9223372036854775808}", "{\"n\":\"x\"}", "nonsense", "{\"n\":1e999}", "{}"];
    assert_eq!(odd.map(|cost| ask("b", cost)), [200; 6]);
    assert_eq!([ask("b", "{\"n\":5}"), ask("b", "{\"n\":4}"), ask("b", "{\"n\":-5}")], [429, 200, 429]);
    for huge in ["{\"n\":11}", "{\"n\":4294967296}", "{\"n\":9223372036854775807}"] {
        assert_eq!(ask("c", huge), 429, "{huge}");
    }
    assert_eq!(ask("c", "{\"n\":10}"), 200);
}

#[test]
fn threat_115_a_policy_says_which_pages_may_open_a_web_socket() {
    let origin = Origin::start(|_| ok("no"));
    let rule = r#"
rule own-pages {
  when lower(http.request.headers["upgrade"][0]) eq "websocket"
       and not http.request.headers["origin"][0] in { "https://a" }
  then block 403
}
"#;
    let live = serving(&origin, &format!("{OPEN}{rule}"));
    let ask =
        |more: &str| status(&live, "/", &format!("connection: upgrade\r\nupgrade: WebSocket\r\n{more}"));
    for other in ["", "origin: https://evil\r\n", "origin: null\r\n", "origin: https://a.evil\r\n"] {
        assert_eq!(ask(other), 403, "{other}");
    }
    assert!(origin.raw().is_empty());
    assert_eq!(ask("origin: https://a\r\n"), 200);
}

#[test]
fn threat_138_an_api_that_hangs_leaves_its_neighbours_alone() {
    let (well, ill) = (
        Origin::plain(),
        Origin::start(|_| {
            Act::Take(Box::new(|mut stream| {
                // Holds the request until the other end has had enough.
                let _ = std::io::Read::read(&mut stream, &mut [0]);
            }))
        }),
    );
    let policy = format!(
        "api well {{ host \"well\" upstream \"{}\" requests off unknown off }}\n\
         api ill {{ host \"ill\" upstream \"{}\" requests off unknown off }}",
        well.url(),
        ill.url()
    );
    let settings = Settings { upstream_connections: 20, requests_in_flight: 1_000, ..settings() };
    let live = Live::start(bundle(&policy), settings);
    let mut hanging: Vec<_> = (0..200).map(|_| live.connect()).collect();
    for client in &mut hanging {
        client.send(b"GET / HTTP/1.1\r\nhost: ill\r\n\r\n");
    }
    // The cap of one origin is reached, and what is beyond it is shed at once.
    let shed = "shield_denials_total{stage=\"overload\",reason=\"upstream_connections\"} 180\n";
    until("requests are shed", || live.operator("GET", "/metrics").text().contains(shed).then_some(()));
    for _ in 0..50 {
        assert_eq!(live.connect().ask("GET / HTTP/1.1\r\nhost: well\r\n\r\n").status, 200);
    }
    assert_eq!(ill.connections(), 20);
}

#[test]
fn threat_139_a_herd_of_unknown_keys_asks_once() {
    let keys = Origin::start(|_| {
        std::thread::sleep(Duration::from_millis(50));
        ok(
            r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"k","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#,
        )
    });
    let origin = Origin::plain();
    let policy = r#"
api shop {
  host     "a"
  upstream "ORIGIN"
  requests off
  unknown  off
  auth     jwt main
}
jwt main {
  from       header "authorization"
  keys       url "KEYS/keys" refresh 10m
  algorithms ES256
  audience   any
}
"#;
    let live = serving(&origin, &policy.replace("KEYS", &keys.url()));
    let mut clients: Vec<_> = (0..100).map(|_| live.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        // `{"alg":"ES256","kid":"…"}`, an empty set of claims, and no signature to speak of.
        let kid = format!("{{\"alg\":\"ES256\",\"kid\":\"{number:03}\"}}");
        let token = format!("{}.e30.{}", base64url(kid.as_bytes()), "A".repeat(86));
        client.send(format!("GET / HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n").as_bytes());
    }
    for client in &mut clients {
        assert_eq!(client.response(false).unwrap().status, 401);
    }
    // Once at the start, and once more at most for all of them together.
    assert!((1..=2).contains(&keys.seen().len()), "{}", keys.seen().len());
    assert!(origin.raw().is_empty());
}

fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let letters = bytes.chunks(3).flat_map(|chunk| {
        let bits =
            chunk.iter().chain(&[0; 2]).take(3).fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        (0..=chunk.len()).map(move |place| char::from(LETTERS[bits >> (18 - 6 * place) & 63]))
    });
    letters.collect()
}
