//! `tests/suite/http2`: what RFC 9113 and RFC 7541 demand of a server, one conversation in frames a case.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reads its own files, and stops loudly when it cannot go on"
)]

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;
use shield_compiler::schema::typed;
use shield_runtime::Settings;
use shield_tests::h2::{Frame, H2, PREFACE, block, encode, kind, pseudo, status};
use shield_tests::live::{Live, bundle, settings};
use shield_tests::origin::{Act, Origin, ok};
use shield_tests::shop::{POLICY, with};
use shield_tests::suite;

/// How long a case waits for a frame.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a request may be under way to the origin.
const ARRIVAL: Duration = Duration::from_secs(1);
/// How long the beginning of a request is waited for that may have been sent on, so that it is not taken for one of the next case.
const LULL: Duration = Duration::from_millis(20);

/// What a case may say; anything else is a slip of the pen.
const WORDS: &[&str] = &["case", "start", "steps", "origin", "instead"];

/// How a request that no server may take is refused: its stream alone, in words, or everything.
const MALFORMED: &[&str] = &["RST_STREAM 1 PROTOCOL_ERROR", "HEADERS 1 400", "GOAWAY PROTOCOL_ERROR"];

const KINDS: [&str; 10] = [
    "DATA",
    "HEADERS",
    "PRIORITY",
    "RST_STREAM",
    "SETTINGS",
    "PUSH_PROMISE",
    "PING",
    "GOAWAY",
    "WINDOW_UPDATE",
    "CONTINUATION",
];

const FLAGS: [(&str, u8); 5] =
    [("ACK", 1), ("END_STREAM", 1), ("END_HEADERS", 4), ("PADDED", 8), ("PRIORITY", 0x20)];

const CODES: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// Frames that may come at any time and decide nothing, unless a case waits for one of their kind.
const PASSING: [&str; 4] = ["SETTINGS", "WINDOW_UPDATE", "PING", "DATA"];

/// A number, in hexadecimal after an `x`.
fn number(word: &str) -> u32 {
    let parsed = word.strip_prefix('x').map_or_else(|| word.parse(), |hex| u32::from_str_radix(hex, 16));
    parsed.unwrap_or_else(|_| panic!("`{word}` is no number"))
}

/// `TYPE stream FLAG…`: a frame without its payload.
fn frame(head: &str) -> Frame {
    let mut words = head.split(' ');
    let name = words.next().unwrap();
    let kind = KINDS.iter().position(|kind| *kind == name).map_or_else(|| number(name) as u8, |at| at as u8);
    let stream = number(words.next().unwrap_or_else(|| panic!("`{head}` has no stream")));
    let flag = |word: &str| {
        FLAGS.iter().find(|(flag, _)| *flag == word).map_or_else(|| number(word) as u8, |(_, bit)| *bit)
    };
    Frame { kind, flags: words.map(flag).fold(0, |all, bit| all | bit), stream, payload: Vec::new() }
}

/// Bytes in hexadecimal, `count*byte` for many that are alike.
fn bytes(words: &str) -> Vec<u8> {
    let byte = |hex: &str| u8::from_str_radix(hex, 16).unwrap_or_else(|_| panic!("`{hex}` is no byte"));
    let word = |word: &str| match word.split_once('*') {
        Some((count, hex)) => vec![byte(hex); count.parse().unwrap()],
        None => (0..word.len()).step_by(2).map(|at| byte(word.get(at..at + 2).unwrap())).collect(),
    };
    words.split_whitespace().flat_map(word).collect()
}

/// A payload: bytes, header fields in literals, the fields of a plain request by its method, or a list of these.
fn payload(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => Vec::new(),
        Value::String(method) if method.chars().all(|c| c.is_ascii_uppercase()) => {
            block(&pseudo(method, "/x"))
        }
        Value::String(words) => bytes(words),
        Value::Array(parts) => parts.iter().flat_map(payload).collect(),
        Value::Object(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|(name, text)| (&**name, text.as_str().unwrap())).collect();
            block(&fields)
        }
        Value::Bool(_) | Value::Number(_) => panic!("{value} is no payload; put it into quotes"),
    }
}

/// What a frame shows, in the words of the cases.
fn sight(frame: &Frame) -> String {
    let Frame { kind, flags, stream, payload } = frame;
    let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
    let code = |at: usize| CODES.get(number(at) as usize).unwrap_or(&"UNKNOWN");
    let name = KINDS[usize::from(*kind)];
    let ack = if flags & 1 == 0 { "" } else { " ACK" };
    match *kind {
        kind::HEADERS => status(payload)
            .map_or_else(|| format!("{name} {stream}"), |status| format!("{name} {stream} {status}")),
        kind::DATA => format!("{name} {stream} {}", payload.len()),
        kind::RST_STREAM => format!("{name} {stream} {}", code(0)),
        kind::GOAWAY => format!("{name} {}", code(4)),
        kind::SETTINGS => format!("{name}{ack}"),
        kind::PING => format!("{name}{ack} {:016x}", u64::from_be_bytes(payload[..8].try_into().unwrap())),
        _ => format!("{name} {stream}"),
    }
}

/// Whether what was seen is what was to be seen, where `x` stands for any digit.
fn alike(wanted: &str, seen: &str) -> bool {
    let same = |(a, b): (u8, u8)| a == b || a == b'x' && b.is_ascii_digit();
    wanted.len() == seen.len() && wanted.bytes().zip(seen.bytes()).all(same)
}

/// One conversation.
struct Talk {
    h2: H2,
    /// The highest stream that was used.
    stream: u32,
}

impl Talk {
    fn start(live: &Live, start: Option<&Value>) -> Self {
        let mut client = live.connect();
        client.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        client.send(&start.map_or_else(|| [PREFACE, &encode(kind::SETTINGS, 0, 0, &[])].concat(), payload));
        Self { h2: H2 { client }, stream: 0 }
    }

    /// What comes next: a frame, the end, or nothing.
    fn next(&mut self) -> String {
        match self.h2.read() {
            Some(frame) => sight(&frame),
            None => match self.h2.client.stream.peek(&mut [0]) {
                Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => "silence".into(),
                Ok(_) | Err(_) => "closed".into(),
            },
        }
    }

    /// Waits for one of these; says what came instead.
    fn see(&mut self, wanted: &[&str]) -> Result<String, String> {
        loop {
            let seen = self.next();
            if wanted.iter().any(|wanted| alike(wanted, &seen)) {
                return Ok(seen);
            }
            let kind = |sight: &str| sight.split(' ').next().unwrap().to_owned();
            let waited = wanted.iter().any(|wanted| kind(wanted) == kind(&seen));
            // Settings come in two, of which one answers the other.
            if !PASSING.contains(&&*kind(&seen)) || waited && seen != "SETTINGS" {
                return Err(format!("saw {seen} instead of {}", wanted.join(" or ")));
            }
        }
    }

    fn step(&mut self, step: &Value) -> Result<String, String> {
        let step = step.as_object().unwrap();
        assert_eq!(step.len(), 1, "{step:?} is no step");
        let (head, value) = step.iter().next().unwrap();
        if head == "see" {
            let list = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
            let wanted: Vec<_> = list.iter().map(|wanted| wanted.as_str().unwrap()).collect();
            return self.see(if wanted == ["malformed"] { MALFORMED } else { &wanted });
        }
        let Frame { kind, flags, stream, .. } = frame(head);
        self.h2.frame(kind, flags, stream, &payload(value));
        self.stream = self.stream.max(stream & 0x7fff_ffff);
        Ok(String::new())
    }

    /// What must hold after every case: an end is an end, and a connection without one goes on. How many requests
    /// that took.
    fn finish(mut self, last: &str) -> Result<usize, String> {
        if last == "closed" {
            return Ok(0);
        }
        if last.starts_with("GOAWAY") {
            return self.see(&["closed"]).map(|_| 0);
        }
        let stream = (self.stream + 1) | 1;
        self.h2.head(stream, true, &pseudo("GET", "/same"));
        let wanted = format!("HEADERS {stream} 200");
        loop {
            let seen = self.next();
            match seen.as_str() {
                _ if seen == wanted => return Ok(1),
                "closed" | "silence" => return Err(format!("no further request is served: {seen}")),
                goaway if goaway.starts_with("GOAWAY") => return Err(format!("a late {goaway}")),
                _ => {}
            }
        }
    }
}

/// Requests that the origin has read to their end, and heads that it has been sent.
fn arrived(origin: &Origin) -> (usize, usize) {
    let raw = origin.raw();
    (origin.seen().len(), raw.windows(11).filter(|window| window == b" HTTP/1.1\r\n").count())
}

fn run(live: &Live, origin: &Origin, case: &Value) -> Result<(), String> {
    let words = case.as_object().unwrap();
    assert!(words.keys().all(|word| WORDS.contains(&word.as_str())), "{:?}", words.keys());
    let before = arrived(origin);
    let mut talk = Talk::start(live, case.get("start"));
    let (mut last, mut served) = (String::new(), 0);
    let mut steps = case["steps"].as_array().unwrap().clone();
    if let Some(instead) = case.get("instead") {
        let see = steps.iter_mut().rev().find_map(|step| step.get_mut("see"));
        *see.unwrap() = instead.clone();
    }
    for step in &steps {
        let seen = talk.step(step)?;
        served += usize::from(seen.starts_with("HEADERS") && seen.ends_with("200"));
        last = if seen.is_empty() { last } else { seen };
    }
    assert!(!last.is_empty(), "a case says what is to be seen");
    let mut after = talk.finish(&last)?;
    if live.connect().ask("GET /after HTTP/1.1\r\nhost: a\r\n\r\n").status != 200 {
        return Err("other clients are not served".into());
    }
    after += 1;
    // What is under way to the origin on one connection may arrive after what was sent later on another.
    let began = Instant::now();
    loop {
        let now = arrived(origin);
        let (whole, heads) = (now.0 - before.0 - after, now.1 - before.1 - after);
        let elapsed = began.elapsed();
        let fits = match case.get("origin") {
            Some(part) if part == "part" => whole == 0 && (heads > 0 || elapsed > LULL),
            Some(count) => count.as_u64() == Some(whole as u64),
            None => (whole, heads) == (served, served),
        };
        if fits {
            return Ok(());
        }
        if elapsed > ARRIVAL {
            return Err(format!("the origin saw {whole} requests and {heads} heads"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn origin() -> Origin {
    let bodiless = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n".to_vec();
    Origin::start(
        move |seen| {
            if seen.head.starts_with("HEAD") { Act::Answer(bodiless.clone()) } else { ok("origin") }
        },
    )
}

#[test]
fn servers_do_what_the_standards_demand() {
    let origin = origin();
    let live = with(&origin, |settings| settings.streams = 8);
    let (mut wrong, mut count) = (Vec::new(), 0);
    for path in suite::files("tests/suite/http2", ".yaml") {
        let file = path.file_stem().unwrap().display();
        let cases = typed::value(&std::fs::read_to_string(&path).unwrap());
        for case in cases.unwrap_or_else(|error| panic!("{file}: {error}")).as_array().unwrap() {
            count += 1;
            if let Err(fault) = run(&live, &origin, case) {
                wrong.push(format!("{file}: {}: {fault}", case["case"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count}\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 200, "{count} cases");
    assert!(live.metric("shield_http2_faults_total") > 80);
}

#[test]
fn a_client_that_sends_more_than_the_windows_allow_is_stopped() {
    // Nobody reads what comes here, so that windows do not open again.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = vec![format!("http://{}", deaf.local_addr().unwrap())];
    let live = Live::start(bundle(POLICY), Settings { upstream, ..settings() });
    let mut talk = Talk::start(&live, None);
    talk.h2.head(1, false, &pseudo("POST", "/x"));
    for _ in 0..4_000 {
        talk.h2.frame(kind::DATA, 0, 1, &[b'x'; 16_384]);
    }
    let seen = talk.see(&["RST_STREAM 1 FLOW_CONTROL_ERROR", "GOAWAY FLOW_CONTROL_ERROR"]);
    assert!(seen.is_ok(), "{seen:?}");
}
