//! Threats 118 to 139: bundles, reload, configuration, operators, logs, and origins that fail.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::large_stack_arrays,
    reason = "a test that cannot go on says so, and reads the time itself"
)]

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use shield_runtime::{Names, Settings, Source, StartError, World};
use shield_tests::h2::{H2, pseudo};
use shield_tests::live::{Client, Live, bundle, settings, until};
use shield_tests::origin::{Act, Origin, ok};
use shield_tests::shop::{POLICY, in_front_of, with};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("shield-tests-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Policies that differ in what they refuse and so in their digest.
fn policy(number: u32) -> Vec<u8> {
    bundle(&POLICY.replace("\"/blocked\"", &format!("\"/blocked-{number}\"")))
}

#[test]
fn threat_118_a_damaged_bundle_changes_nothing() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let good = policy(1);
    let active = live.server.status().active;
    let mut tried = 0;
    for length in (0..good.len()).step_by(7) {
        assert!(live.server.load(good[..length].to_vec()).is_err(), "cut at {length}");
        tried += 1;
    }
    for bit in (0..good.len() * 8).step_by(5) {
        let mut damaged = good.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(live.server.load(damaged).is_err(), "bit {bit}");
        tried += 1;
    }
    let status = live.server.status();
    assert_eq!((status.active, status.failures), (active, tried));
    assert!(status.error.is_some());
    assert_eq!(live.get("/blocked").status, 403);
}

#[test]
fn threat_119_a_reload_under_load_loses_no_request_and_mixes_no_policies() {
    let origin = Origin::plain();
    let live = with(&origin, |settings| settings.workers = 2);
    let bundles = [policy(0), policy(1)];
    let digests: Vec<_> = bundles.iter().map(|bytes| live.server.load(bytes.clone()).unwrap()).collect();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = live.connect();
                    let mut statuses = Vec::new();
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        statuses.push(client.ask("GET /blocked-1 HTTP/1.1\r\nhost: a\r\n\r\n").status);
                    }
                    statuses
                })
            })
            .collect();
        for round in 0..60 {
            live.server.load(bundles[round % 2].clone()).unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let statuses: Vec<_> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        let refused = statuses.iter().filter(|status| **status == 403).count();
        assert!(statuses.iter().all(|status| matches!(status, 200 | 403)));
        assert!(refused > 0 && refused < statuses.len(), "{refused} of {}", statuses.len());
        // Only the second policy refuses this path: every event names it.
        let events = live.events(refused.min(1000));
        assert!(events.iter().all(|event| event["bundle"] == digests[1].as_str()));
    });
}

#[test]
fn threat_120_the_last_good_bundle_serves_after_a_restart_with_a_bad_one() {
    let (origin, folder) = (Origin::plain(), Folder::new("last-good"));
    let path = folder.file("policy.shieldb", &policy(1));
    let data_dir = folder.0.join("data").display().to_string();
    let settings = || Settings {
        bundle: path.clone(),
        data_dir: data_dir.clone(),
        upstream: vec![origin.url()],
        ..settings()
    };
    let live = Live::try_start(Source::File, settings()).unwrap();
    let digest = live.server.status().active;
    drop(live);
    folder.file("policy.shieldb", b"half a bundle");
    let live = Live::try_start(Source::File, settings()).unwrap();
    let status = live.server.status();
    assert_eq!((status.active, status.degraded), (digest, true));
    assert_eq!(live.get("/blocked-1").status, 403);
    assert!(live.operator("GET", "/readyz").text().contains("degraded"));
    assert_eq!(live.metric("shield_degraded"), 1);
    // A crash while a bundle was being kept leaves a staged file, which nobody reads.
    folder.file("data/last-good.new", b"torn");
    folder.file("policy.shieldb", &policy(2));
    assert_eq!(live.operator("POST", "/reload").status, 200);
    let status = live.server.status();
    assert_eq!((status.degraded, status.error), (false, None));
    assert_eq!(live.operator("POST", "/rollback").status, 200);
    assert_eq!(live.get("/blocked-1").status, 403);
}

#[test]
fn threat_121_a_disk_that_takes_nothing_stops_no_reload() {
    let (origin, folder) = (Origin::plain(), Folder::new("full"));
    // A file where the folder should be: nothing can be written below it.
    let data_dir = folder.file("data", b"");
    let live = with(&origin, |settings| settings.data_dir = data_dir);
    let digest = live.server.load(policy(2)).unwrap();
    let status = live.server.status();
    assert_eq!(status.active, Some(digest));
    assert!(status.error.unwrap().contains("could not be kept"));
    assert_eq!(live.get("/blocked-2").status, 403);
}

#[test]
fn threat_122_a_bad_bundle_and_no_good_one_is_no_start() {
    let folder = Folder::new("no-start");
    for bytes in [&b""[..], b"shieldb\n", b"nonsense"] {
        let bundle = folder.file("bad.shieldb", bytes);
        let data_dir = folder.0.join("data").display().to_string();
        let started = Live::try_start(Source::File, Settings { bundle, data_dir, ..settings() });
        assert!(matches!(started, Err(StartError::Load(_))));
    }
}

#[test]
fn a_bundle_that_changes_on_disk_is_loaded() {
    let (origin, folder) = (Origin::plain(), Folder::new("watch"));
    let path = folder.file("policy.shieldb", &policy(1));
    let settings = Settings { bundle: path, upstream: vec![origin.url()], watch: "on", ..settings() };
    let live = Live::try_start(Source::File, settings).unwrap();
    assert_eq!(live.get("/blocked-2").status, 200);
    let staged = folder.file("staged", &policy(2));
    let replace = || {
        std::fs::write(&staged, policy(2)).unwrap();
        std::fs::rename(&staged, folder.0.join("policy.shieldb")).unwrap();
    };
    // The watch begins some time after the start; what it has not seen it is shown again.
    until("the new policy serves", || {
        replace();
        (live.get("/blocked-2").status == 403).then_some(())
    });
    folder.file("policy.shieldb", b"broken");
    until("the failure is told", || live.server.status().error);
    assert_eq!(live.get("/blocked-2").status, 403);
}

#[test]
fn threat_126_a_panic_ends_its_own_request_alone() {
    /// Looks at the clock until there is one too many; none while this is 0.
    static LOOKS_LEFT: AtomicUsize = AtomicUsize::new(0);
    let clock = || {
        let left = LOOKS_LEFT.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        assert_ne!(left, Ok(1), "a defect that a test has made");
        Instant::now()
    };
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let told = Mutex::new(told);
    let origin = Origin::start(move |seen| {
        if seen.target() == "/slow" {
            let _ = told.lock().unwrap().recv();
        }
        ok("origin")
    });
    let policy = "api shop { host \"a\" \"petstore.example.com\" upstream \"http://127.0.0.1:1\" requests off unknown off }
        limit three { by ip.src allow 3 per 1h }";
    let settings = Settings { upstream: vec![origin.url()], ..settings() };
    let live = Live::start_in(World { clock, ..World::default() }, bundle(policy), settings);
    let mut other = H2::connect(live.address());
    other.head(1, true, &pseudo("GET", "/slow"));
    until("another request is under way", || (origin.connections() == 1).then_some(()));
    // The second look at the clock is in the middle of a request.
    LOOKS_LEFT.store(2, SeqCst);
    let mut client = live.connect();
    let broken = client.ask("GET /x HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!((broken.status, broken.json()["type"].as_str()), (500, Some("urn:shield:runtime:internal")));
    assert_eq!(live.events(1)[0]["reason"], "internal");
    assert_eq!(client.ask("GET /x HTTP/1.1\r\nhost: a\r\n\r\n").status, 200);
    LOOKS_LEFT.store(2, SeqCst);
    assert_eq!(other.get(3, "/x").status, Some(500));
    drop(tell);
    assert_eq!(other.answer(1).status, Some(200));
    assert_eq!(live.metric("shield_request_panics_total"), 2);
    until("nothing is under way", || (live.metric("shield_requests_in_flight") == 0).then_some(()));
    let statuses = [(); 3].map(|()| live.get("/x").status);
    assert_eq!(statuses, [200, 429, 429], "limits count on");
}

#[test]
fn threat_127_draining_is_told_and_bounded() {
    let origin = Origin::start(|_| {
        Act::Take(Box::new(|mut stream| drop(io::Read::read_to_end(&mut stream, &mut Vec::new()))))
    });
    let live = with(&origin, |settings| settings.drain_timeout = Duration::from_secs(2));
    let admin = live.server.admin().unwrap();
    let mut stuck = live.connect();
    stuck.send(b"GET /stuck HTTP/1.1\r\nhost: a\r\n\r\n");
    until("the request is under way", || (live.metric("shield_requests_in_flight") == 1).then_some(()));
    let started = Instant::now();
    let stopping = std::thread::spawn(move || drop(live));
    let ready = until("the proxy is not ready any more", || {
        let mut client = Client::connect(admin);
        client.send(b"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
        client.response(false).filter(|response| response.status == 503)
    });
    assert_eq!(ready.text(), "draining\n");
    assert_eq!(stuck.rest(), "");
    stopping.join().unwrap();
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn threat_128_a_configuration_with_a_mistake_is_no_start() {
    let wrong = |arguments: &[&str]| {
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        shield_runtime::config::read(&arguments, &[]).unwrap_err().to_string()
    };
    assert!(wrong(&["--bundle", "b", "--steams", "3"]).contains("did you mean `streams`?"));
    assert!(wrong(&["--bundle", "b", "--streams", "0"]).contains("between 1 and 10000"));
    assert!(wrong(&["--bundle", "b", "stray"]).contains("`stray`"));
}

#[test]
fn threat_129_operators_are_not_reached_through_the_clients_port() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let admin = live.server.admin().unwrap();
    for head in [
        "GET /status HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        format!("GET http://{admin}/status HTTP/1.1\r\nhost: {admin}\r\n\r\n"),
        format!("GET /status HTTP/1.1\r\nhost: {admin}\r\n\r\n"),
    ] {
        let response = live.connect().ask(&head);
        assert!(!response.text().contains("\"bundle\""), "{head}");
    }
    assert_eq!(origin.seen().len(), 1);
}

#[test]
fn threat_130_the_operators_door_has_a_lock() {
    let origin = Origin::plain();
    let folder = Folder::new("token");
    let start = |token: &[u8], admin: &str| {
        let admin_token_file = folder.file("token", token);
        let settings =
            Settings { admin_token_file, admin: admin.into(), upstream: vec![origin.url()], ..settings() };
        Live::try_start(Source::Bytes(policy(1)), settings)
    };
    assert!(matches!(start(b"", "127.0.0.1:0"), Err(StartError::ShortToken)));
    assert!(matches!(start(b"short", "127.0.0.1:0"), Err(StartError::ShortToken)));
    let open = Settings { admin: "0.0.0.0:0".into(), ..settings() };
    assert!(matches!(Live::try_start(Source::Bytes(policy(1)), open), Err(StartError::OpenAdmin(_))));

    let live = start(b"0123456789abcdef\n", "127.0.0.1:0").unwrap();
    let ask = |lines: &str| {
        Client::connect(live.server.admin().unwrap())
            .ask(&format!("GET /status HTTP/1.1\r\nhost: 127.0.0.1\r\n{lines}\r\n"))
            .status
    };
    assert_eq!(ask("authorization: Bearer 0123456789abcdef\r\n"), 200);
    for lines in [
        "",
        "authorization: Bearer 0123456789abcdeg\r\n",
        "authorization: Basic 0123456789abcdef\r\n",
        "authorization: Bearer \r\n",
    ] {
        assert_eq!(ask(lines), 401, "{lines}");
    }
    assert_eq!(ask("origin: http://evil\r\nauthorization: Bearer 0123456789abcdef\r\n"), 403);
    assert_eq!(live.operator("GET", "/healthz").status, 200);

    let live = in_front_of(&origin);
    let admin = live.server.admin().unwrap();
    let rebound = Client::connect(admin)
        .ask("POST /reload HTTP/1.1\r\nhost: rebound.example.com\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(rebound.status, 403);
}

#[test]
fn threat_131_no_request_adds_a_series() {
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let series = |live: &Live| live.operator("GET", "/metrics").text().lines().count();
    live.get("/blocked");
    live.get("/warm");
    let before = series(&live);
    for number in 0..200 {
        let request =
            format!("PURGE /{number}/x HTTP/1.1\r\nhost: a\r\nuser-agent: {number}\r\nx-{number}: 1\r\n\r\n");
        live.connect().ask(&request);
    }
    assert_eq!(series(&live), before);
}

#[test]
fn threat_132_an_event_stays_one_line_and_threat_134_holds_no_secret() {
    const CANARY: &str = "c4n4ry";
    let origin = Origin::plain();
    let live = in_front_of(&origin);
    let mut client = live.connect();
    let secret = format!(
        "authorization: Bearer {CANARY}\r\ncookie: sid={CANARY}\r\nx-api-key: {CANARY}\r\nreferer: http://{CANARY}/\r\n"
    );
    client.send(format!("GET /blocked?token={CANARY} HTTP/1.1\r\nhost: a\r\n{secret}\r\n").as_bytes());
    client.send(format!("GET /admin/{CANARY} HTTP/1.1\r\nhost: a\r\n{secret}\r\n").as_bytes());
    client.send(format!("POST /x HTTP/1.1\r\nhost: inspected.example.com\r\n{secret}content-length: 12\r\n\r\nsecret{CANARY}").as_bytes());
    client.send(b"GET /x HTTP/1.1\r\nhost: elsewhere\x1b[31m\r\n\r\n");
    let answers: Vec<_> = std::iter::from_fn(|| client.response(false)).collect();
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [403, 403, 400, 400]);
    let events = live.events(4);
    assert_eq!(events.len(), 4);
    let everything = format!(
        "{events:?} {} {}",
        live.operator("GET", "/metrics").text(),
        live.operator("GET", "/status").text()
    );
    assert!(!everything.contains(CANARY), "{everything}");
    assert!(answers.iter().all(|answer| !answer.text().contains(CANARY)));
}

#[test]
fn threat_133_a_sink_that_hangs_holds_no_request() {
    struct Hanging(Mutex<()>);
    static HELD: Mutex<()> = Mutex::new(());
    impl io::Write for Hanging {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _own = self.0.lock().unwrap();
            let _held = HELD.lock().unwrap();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let held = HELD.lock().unwrap();
    let output = shield_runtime::Output::To(Box::new(Hanging(Mutex::new(()))));
    let server = shield_runtime::start(settings(), Source::Bytes(policy(1)), output).unwrap();
    let mut client = Client::connect(server.addresses()[0]);
    for _ in 0..6_000 {
        assert_eq!(client.ask("GET /blocked-1 HTTP/1.1\r\nhost: a\r\n\r\n").status, 403);
    }
    let metrics = Client::connect(server.admin().unwrap())
        .ask("GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        .text();
    let lost = metrics.lines().find_map(|line| line.strip_prefix("shield_events_lost_total ")).unwrap();
    assert!(lost.parse::<u64>().unwrap() > 1_000, "{lost}");
    drop(held);
}

#[test]
fn threat_135_only_what_cannot_do_harm_is_sent_again() {
    let origin = Origin::start(|_| Act::Close);
    let live = with(&origin, |settings| settings.failures = 1000);
    assert_eq!(live.connect().ask("POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx").status, 502);
    assert_eq!(origin.seen().len(), 1, "a POST was sent again");
    let other = Origin::plain();
    let live = with(&origin, |settings| {
        settings.upstream.push(other.url());
        settings.failures = 1000;
    });
    for _ in 0..10 {
        assert_eq!(live.get("/x").status, 200);
    }
}

#[test]
fn threat_135_retries_have_a_budget() {
    let origins =
        [Origin::start(|_| Act::Close), Origin::start(|_| Act::Close), Origin::start(|_| Act::Close)];
    let live = with(&origins[0], |settings| {
        settings.upstream = origins.iter().map(Origin::url).collect();
        (settings.failures, settings.retry_percent) = (1000, 10);
    });
    for _ in 0..200 {
        assert_eq!(live.get("/x").status, 502);
    }
    let tries: usize = origins.iter().map(|origin| origin.seen().len()).sum();
    assert!((200..=235).contains(&tries), "{tries} tries for 200 requests");
}

#[test]
fn threat_135_a_failing_origin_rests_and_its_sister_serves() {
    let (bad, good) = (Origin::start(|_| Act::Close), Origin::plain());
    let live = with(&bad, |settings| {
        settings.upstream.push(good.url());
        (settings.failures, settings.failure_pause) = (3, Duration::from_mins(1));
    });
    for _ in 0..100 {
        assert_eq!(live.get("/x").status, 200);
    }
    assert!(bad.seen().len() <= 3, "{} tries at an origin that fails", bad.seen().len());
}

#[test]
fn threat_136_a_name_that_is_lost_or_captured_leads_nowhere_else() {
    let (good, victim) = (Origin::plain(), Origin::plain());
    let answers: Arc<Mutex<io::Result<Vec<SocketAddr>>>> = Arc::new(Mutex::new(Ok(vec![good.address])));
    let shared = Arc::clone(&answers);
    let names = Names::new(move |_, _| match &*shared.lock().unwrap() {
        Ok(addresses) => Ok(addresses.clone()),
        Err(error) => Err(error.kind().into()),
    });
    let upstream = |name| Settings { upstream: vec![format!("http://{name}:80")], ..settings() };
    let start =
        |name| Live::start_in(World { names: names.clone(), ..World::default() }, policy(0), upstream(name));
    let live = start("api.localhost");
    assert_eq!(live.get("/x").status, 200);
    let metadata: SocketAddr = "169.254.169.254:80".parse().unwrap();
    let lost = [
        Err(io::ErrorKind::NotFound.into()),
        Ok(Vec::new()),
        Ok(vec![metadata]),
        Ok(vec![SocketAddr::from(([0, 0, 0, 0], victim.address.port()))]),
    ];
    for (round, answer) in (1..).zip(lost) {
        let shown = format!("{answer:?}");
        *answers.lock().unwrap() = answer;
        live.server.load(policy(round)).unwrap();
        assert_eq!(live.get("/x").status, 200, "{shown}");
        let status = live.operator("GET", "/status").json();
        assert!(status["name_errors"]["http://api.localhost:80"].is_string(), "{shown}: {status}");
    }
    assert_eq!(good.seen().len(), 5);
    // An answer that is partly good is used as far as it is.
    *answers.lock().unwrap() = Ok(vec![metadata, good.address]);
    live.server.load(policy(9)).unwrap();
    assert_eq!(live.get("/x").status, 200);
    assert_eq!(live.operator("GET", "/status").json()["name_errors"], serde_json::json!({}));
    // A name that says nothing of this machine cannot stand for it, however many addresses it has.
    let admin = live.server.admin().unwrap();
    for captured in
        [victim.address, admin, SocketAddr::new("::ffff:127.0.0.1".parse().unwrap(), admin.port())]
    {
        *answers.lock().unwrap() = Ok(vec![captured; 1000]);
        assert_eq!(start("api.test").get("/status").status, 502, "{captured}");
    }
    *answers.lock().unwrap() =
        Ok((0..1000_u32).map(|at| SocketAddr::from(([10, 0, (at / 250) as u8, at as u8], 80))).collect());
    let status = start("api.test").operator("GET", "/status").json();
    assert_eq!(status["upstreams"].as_array().unwrap().len(), 64);
    assert!(victim.raw().is_empty());
}

#[test]
fn threat_137_load_beyond_the_limits_is_shed_and_operators_are_answered() {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let told = Mutex::new(told);
    let origin = Origin::start(move |_| {
        let _ = told.lock().unwrap().recv();
        ok("late")
    });
    let live = with(&origin, |settings| (settings.requests_in_flight, settings.connections) = (2, 4));
    let mut busy = [live.connect(), live.connect()];
    for client in &mut busy {
        client.send(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n");
    }
    until("both are under way", || (live.metric("shield_requests_in_flight") == 2).then_some(()));
    let mut third = live.connect();
    let shed = third.ask("GET /third HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!((shed.status, shed.header("retry-after")), (503, Some("1")));
    let _fourth = live.connect();
    let mut fifth = live.connect();
    assert!(fifth.rest().starts_with("HTTP/1.1 503"));
    assert_eq!(live.operator("GET", "/healthz").status, 200);
    drop(tell);
    assert!(busy.iter_mut().all(|client| client.response(false).unwrap().status == 200));
}

#[test]
fn limits_of_one_connection_and_one_address_hold() {
    let origin = Origin::plain();
    let live = with(&origin, |settings| settings.requests_per_connection = 2);
    let answer = live.raw(&b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n".repeat(5));
    assert_eq!((answer.matches("HTTP/1.1 200").count(), answer.matches("connection: close").count()), (2, 1));
    let live = with(&origin, |settings| settings.connections_per_address = 1);
    let mut first = live.connect();
    assert_eq!(first.ask("GET /x HTTP/1.1\r\nhost: a\r\n\r\n").status, 200);
    assert!(live.connect().rest().starts_with("HTTP/1.1 503"));
}

#[test]
fn bodies_that_are_inspected_share_a_bounded_memory() {
    let origin = Origin::plain();
    let live = with(&origin, |settings| settings.buffer_memory = 64 << 10);
    let head = |length: usize| {
        format!("POST /x HTTP/1.1\r\nhost: inspected.example.com\r\ncontent-length: {length}\r\n\r\n")
    };
    let mut small = live.connect();
    small.send(head(1000).as_bytes());
    small.send(&[b'x'; 1000]);
    assert_eq!(small.response(false).unwrap().status, 200);
    let mut big = live.connect();
    big.send(head(100_000).as_bytes());
    big.send(&[b'x'; 100_000]);
    assert_eq!(big.response(false).unwrap().status, 503);
    until("the memory is given back", || (live.metric("shield_buffer_bytes") == 0).then_some(()));
}

#[test]
fn a_body_beyond_its_limit_is_refused_and_one_that_grows_beyond_it_is_cut() {
    let origin = Origin::plain();
    let live = with(&origin, |settings| settings.body_size = 1000);
    let mut client = live.connect();
    client.send(b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 1001\r\n\r\n");
    assert_eq!(client.response(false).unwrap().status, 413);
    let mut client = live.connect();
    client.send(b"POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
    for _ in 0..20 {
        client.send(format!("64\r\n{}\r\n", "x".repeat(100)).as_bytes());
        let _ = client.stream.flush();
    }
    assert_eq!(client.response(false).unwrap().status, 413);
    assert!(origin.seen().is_empty());
}
