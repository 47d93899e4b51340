//! The proxy on real sockets: what goes through, what comes back, and what is refused.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use shield_runtime::config::Settings;
use shield_tests::live::{Live, bundle, settings, until};
use shield_tests::origin::{Act, Origin, ok};
use shield_tests::shop::{POLICY, in_front_of, with};

/// Another policy that does the same.
fn again() -> Vec<u8> {
    bundle(&POLICY.replace("no-secrets", "none-at-all"))
}

#[test]
fn a_request_goes_through_and_its_response_comes_back() {
    let answer = b"HTTP/1.1 201 Created\r\nx-mine: 1\r\ncontent-length: 5\r\n\r\nhello";
    let origin = Origin::start(|_| Act::Answer(answer.to_vec()));
    let live = in_front_of(&origin);
    let response = live.connect().ask(
        "POST /pets?x=1&y=%20 HTTP/1.1\r\nhost: petstore.example.com\r\nx-a: b\r\ncontent-length: 3\r\n\r\nabc",
    );
    assert_eq!(
        (response.status, response.text().as_str(), response.header("x-mine")),
        (201, "hello", Some("1"))
    );
    let seen = &origin.seen()[0];
    assert_eq!((seen.target(), seen.body.as_slice()), ("/pets?x=1&y=%20", &b"abc"[..]));
    assert_eq!((seen.header("x-a"), seen.header("host")), (Some("b"), Some("petstore.example.com")));
    assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1"));
    assert!(seen.header("traceparent").is_some());
}

#[test]
fn connections_are_kept_on_both_sides() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let mut client = live.connect();
    for _ in 0..50 {
        assert_eq!(client.ask("GET /a HTTP/1.1\r\nhost: a\r\n\r\n").text(), "origin");
    }
    assert_eq!((origin.connections(), origin.seen().len()), (1, 50));
}

#[test]
fn a_silent_connection_rests_and_goes_on_where_it_was() {
    let origin = Origin::start(|seen| ok(seen.target()));
    let live = in_front_of(&origin);
    let mut client = live.connect();
    let resting =
        |count| until("it rests", || (live.metric("shield_connections_resting") == count).then_some(()));
    for round in ["/1", "/2", "/3"] {
        assert_eq!(client.ask(&format!("GET {round} HTTP/1.1\r\nhost: a\r\n\r\n")).text(), round);
        resting(1);
    }
    // A body that is longer than what wakes it, and two requests at once.
    let body = "x".repeat(5_000);
    client.send(format!("POST /4 HTTP/1.1\r\nhost: a\r\ncontent-length: 5000\r\n\r\n{body}").as_bytes());
    client.send(b"GET /5 HTTP/1.1\r\nhost: a\r\n\r\n");
    for expected in ["/4", "/5"] {
        assert_eq!(client.response(false).unwrap().text(), expected);
    }
    resting(1);
    assert!(client.ask("GET / HTTP/1.1\nhost: a\n\n").status == 400, "the gate is as strict as before");
    resting(0);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::start(|seen| ok(seen.target()));
    let live = in_front_of(&origin);
    let mut client = live.connect();
    client.send(b"GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n");
    client.send(
        b"POST /3 HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nxxGET /4 HTTP/1.1\r\nhost: a\r\n\r\n",
    );
    for expected in ["/1", "/2", "/3", "/4"] {
        assert_eq!(client.response(false).unwrap().text(), expected);
    }
}

#[test]
fn names_of_headers_belong_to_their_own_request_and_answer() {
    const POLICY: &str = r#"
        rule names { when any(http.request.headers.names[*] eq "X-Odd") then block 403 }
        rule answers { when any(http.response.headers.names[*] eq "X-Odd") then block 502 }
    "#;
    let origin = Origin::start(|seen| {
        let name = seen.header("x-answer").unwrap_or("x-none");
        Act::Answer(
            format!("HTTP/1.1 103 Early Hints\r\nX-Odd: a\r\n\r\nHTTP/1.1 200 OK\r\n{name}: 1\r\ncontent-length: 0\r\n\r\n")
                .into_bytes(),
        )
    });
    let live = Live::start(bundle(POLICY), Settings { upstream: vec![origin.url()], ..settings() });
    let mut client = live.connect();
    let headers = ["x-odd: 1", "X-Odd: 1", "a: b", "X-ODD: 1", "x-answer: X-Odd", "x-answer: X-odd"];
    let request = |header| format!("POST / HTTP/1.1\r\nhost: a\r\n{header}\r\ncontent-length: 2\r\n\r\nxx");
    client.send(headers.map(request).concat().as_bytes());
    for expected in [200, 403, 200, 200, 502, 200] {
        assert_eq!(client.response(false).unwrap().status, expected);
    }
}

#[test]
fn a_refusal_has_a_problem_document_and_an_event() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let response = live.get("/blocked");
    assert_eq!((response.status, response.header("content-type")), (403, Some("application/problem+json")));
    assert_eq!(response.json()["status"], 403);
    let event = &live.events(1)[0];
    assert_eq!((event["verdict"].as_str(), event["stage"].as_str()), (Some("deny"), Some("rules")));
    assert!(response.json()["instance"].as_str().unwrap().ends_with(event["id"].as_str().unwrap()));
    assert!(origin.seen().is_empty());
}

#[test]
fn an_event_tells_the_time_of_each_stage_where_that_is_wanted() {
    let origin = Origin::plain();
    let told = |change: fn(&mut Settings), target: &str| {
        let live = with(&origin, change);
        live.get(target);
        let event = live.events(1).remove(0);
        let stages = event["stages"].as_object().cloned().unwrap_or_default();
        let spent: u64 = stages.values().map(|nanos| nanos.as_u64().unwrap()).sum();
        assert!(spent <= 1000 * (1 + event["micros"].as_u64().unwrap()), "{event}");
        stages.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    let head = ["head:host", "head:endpoint", "head:rules"];
    assert_eq!(told(|settings| settings.stage_times = 100, "/blocked"), head);
    assert!(told(|settings| settings.stage_times = 0, "/blocked").is_empty());
    let logged = told(|settings| (settings.access_log, settings.stage_times) = ("on", 0), "/open");
    assert_eq!(logged, [&head[..], &["body:body", "body:rules"]].concat());
}

#[test]
fn bodies_stream_both_ways_in_chunks() {
    let origin = Origin::start(|seen| {
        let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        for chunk in seen.body.chunks(1000) {
            answer.extend(format!("{:x}\r\n", chunk.len()).bytes());
            answer.extend(chunk);
            answer.extend(b"\r\n");
        }
        answer.extend(b"0\r\n\r\n");
        Act::Answer(answer)
    });
    let live = in_front_of(&origin);
    let body: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let mut client = live.connect();
    client.send(b"PUT /big HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
    for chunk in body.chunks(70_001) {
        client.send(format!("{:X};a=b\r\n", chunk.len()).as_bytes());
        client.send(chunk);
        client.send(b"\r\n");
    }
    client.send(b"0\r\n\r\n");
    assert!(client.response(false).unwrap().body == body);
    assert_eq!(client.ask("GET /next HTTP/1.1\r\nhost: a\r\n\r\n").status, 200);
}

#[test]
fn a_slow_event_stream_reaches_the_client_piece_by_piece() {
    let origin = Origin::start(|_| {
        Act::Take(Box::new(|mut stream| {
            let _ =
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n");
            // There is no more until the client goes.
            let _ = stream.read_to_end(&mut Vec::new());
        }))
    });
    let live = in_front_of(&origin);
    let mut client = live.connect();
    client.send(b"GET /events HTTP/1.1\r\nhost: a\r\n\r\n");
    assert!(client.head().unwrap().contains("text/event-stream"));
    assert!(client.until(b"data: 1\n\n").is_some());
}

#[test]
fn inspected_bodies_are_buffered_and_sent_whole() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let head = "POST /x HTTP/1.1\r\nhost: inspected.example.com\r\ntransfer-encoding: chunked\r\n\r\n";
    let response = live.connect().ask(&format!("{head}3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"));
    assert_eq!(response.status, 200);
    let response = live.connect().ask(&format!("{head}3\r\nsec\r\n3\r\nret\r\n0\r\n\r\n"));
    assert_eq!((response.status, origin.seen().len()), (400, 1));
    let seen = &origin.seen()[0];
    assert_eq!((seen.body.as_slice(), seen.header("content-length")), (&b"abcdef"[..], Some("6")));
}

#[test]
fn an_origin_that_is_away_is_502_and_one_that_is_slow_is_504() {
    let origin = Origin::start(|seen| match seen.target() {
        "/hang" => Act::Take(Box::new(|mut stream| drop(stream.read_to_end(&mut Vec::new())))),
        _ => Act::Last(b"nonsense\r\n\r\n".to_vec()),
    });
    let live = with(&origin, |settings| settings.response_timeout = Duration::from_millis(200));
    assert_eq!(live.get("/hang").status, 504);
    assert_eq!(live.get("/nonsense").status, 502);
    drop(origin);
    assert_eq!(live.get("/away").status, 502);
    let events = live.events(3);
    let reasons: Vec<_> = events.iter().map(|event| event["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["timeout", "answer", "connect"]);
}

#[test]
fn a_connection_that_the_origin_has_closed_is_replaced_unnoticed() {
    let origin = Origin::start(|_| Act::Last(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec()));
    let live = in_front_of(&origin);
    let mut client = live.connect();
    for _ in 0..20 {
        assert_eq!(client.ask("GET /a HTTP/1.1\r\nhost: a\r\n\r\n").status, 200);
    }
    assert_eq!(origin.connections(), 20);
}

#[test]
fn head_and_bodiless_answers_leave_the_connection_usable() {
    let origin = Origin::start(|seen| match seen.target() {
        "/204" => Act::Answer(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
        "/304" => Act::Answer(b"HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\n\r\n".to_vec()),
        _ if seen.head.starts_with("HEAD") => {
            Act::Answer(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".to_vec())
        }
        _ => ok("x"),
    });
    let live = in_front_of(&origin);
    let mut client = live.connect();
    for (request, status) in [("GET /204", 204), ("HEAD /", 200), ("GET /304", 304), ("GET /", 200)] {
        assert_eq!(client.ask(&format!("{request} HTTP/1.1\r\nhost: a\r\n\r\n")).status, status);
    }
    let head = client.ask("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(head.header("content-length"), Some("1000"));
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_websocket_passes_through_once_the_origin_agrees() {
    let origin = Origin::start(|seen| {
        assert_eq!(seen.header("upgrade"), Some("websocket"));
        Act::Take(Box::new(|mut stream| {
            let head =
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
            stream.write_all(format!("{head}first").as_bytes()).unwrap();
            let mut got = [0; 11];
            stream.read_exact(&mut got).unwrap();
            stream.write_all(&got).unwrap();
        }))
    });
    let live = in_front_of(&origin);
    let mut client = live.connect();
    client.send(b"GET /ws HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 101"));
    assert_eq!(client.take(5).unwrap(), b"first");
    let frame = b"\x81\x85\0\0\0\0hello";
    client.send(frame);
    assert_eq!(client.take(frame.len()).unwrap(), frame);
    assert_eq!(client.rest(), "");
    drop(client);
    until("the tunnel is forgotten", || (live.metric("shield_connections_open") == 0).then_some(()));
}

#[test]
fn operators_see_health_metrics_and_status() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    live.get("/a");
    live.get("/blocked");
    assert_eq!(live.operator("GET", "/healthz").status, 200);
    assert_eq!(live.operator("GET", "/readyz").text(), "ready\n");
    let status = live.operator("GET", "/status").json();
    assert_eq!(status["state"], "ready");
    assert_eq!(live.metric("shield_denials_total{stage=\"rules\",reason=\"block\"}"), 1);
    assert_eq!(live.metric("shield_responses_total{class=\"2xx\"}"), 1);
    assert!(live.operator("GET", "/config").text().contains("\nworkers = 1\n"));
    assert_eq!(live.operator("GET", "/nothing").status, 404);
    assert_eq!(live.operator("GET", "/reload").status, 405);
}

#[test]
fn native_code_arrives_while_the_interpreter_serves() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    assert_eq!((live.get("/blocked").status, live.get("/").status), (403, 200));
    let native =
        || Some(live.operator("GET", "/status").json()["rules"]["run_by"] == "native code").filter(|is| *is);
    until("native code serves", native);
    assert_eq!((live.get("/blocked").status, live.get("/").status), (403, 200));
    let live = with(&origin, |settings| settings.backend = "interpreter");
    assert_eq!(live.get("/blocked").status, 403);
    assert_eq!(live.operator("GET", "/status").json()["rules"]["run_by"], "interpreter");
}

#[test]
fn a_reload_exchanges_the_policy_and_a_broken_bundle_only_the_status() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let mut client = live.connect();
    assert_eq!(client.ask("GET /a HTTP/1.1\r\nhost: a\r\n\r\n").status, 200);
    let second = live.server.load(again()).unwrap();
    assert_eq!(client.ask("GET /blocked HTTP/1.1\r\nhost: a\r\n\r\n").status, 403);
    assert_eq!(live.events(1)[0]["bundle"].as_str(), Some(second.as_str()));
    assert!(live.server.load(b"broken".to_vec()).is_err());
    let status = live.operator("GET", "/status").json();
    assert_eq!(
        (status["bundle"]["digest"].as_str(), status["failures"].as_u64()),
        (Some(second.as_str()), Some(1))
    );
    assert_ne!(live.operator("POST", "/rollback").json()["digest"], second.as_str());
    assert_eq!(client.ask("GET /a HTTP/1.1\r\nhost: a\r\n\r\n").status, 200);
}

#[test]
fn draining_finishes_what_is_under_way_and_nothing_else() {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let told = std::sync::Mutex::new(told);
    let origin = Origin::start(move |_| {
        told.lock().unwrap().recv().unwrap();
        ok("late")
    });
    let live = in_front_of(&origin);
    let (mut idle, mut busy) = (live.connect(), live.connect());
    busy.send(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n");
    let under_way = || (live.metric("shield_requests_in_flight") == 1).then_some(());
    until("the request is under way", under_way);
    let address = live.address();
    let stopping = std::thread::spawn(move || drop(live));
    assert_eq!(idle.rest(), "");
    tell.send(()).unwrap();
    let response = busy.response(false).unwrap();
    assert_eq!((response.text().as_str(), response.header("connection")), ("late", Some("close")));
    stopping.join().unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());
}
