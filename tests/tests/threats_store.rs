//! Threats of group I on real sockets: limits over many connections, over several nodes, and whatever becomes of their store.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test takes the time, and stops loudly"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use shield_runtime::Settings;
use shield_tests::live::{Client, Folder, Live, bundle, settings, until};
use shield_tests::origin::Origin;
use shield_tests::redis::Redis;

const POLICY: &str = r#"
api shop {
  host     "a"
  upstream "http://127.0.0.1:1"
  requests off
  unknown  off
}
limit clients {
  by    http.request.headers["x-client"][0]
  allow 100 per 1h
}
"#;

fn node(origin: &Origin, store: &str, folder: &Folder) -> Live {
    node_with(origin, store, folder, |_| {})
}

/// One that has found its store.
fn node_with(origin: &Origin, store: &str, folder: &Folder, change: impl FnOnce(&mut Settings)) -> Live {
    let mut settings = Settings {
        upstream: vec![origin.url()],
        store: store.into(),
        // Nodes that share counters share their secret.
        data_dir: folder.0.display().to_string(),
        ..settings()
    };
    change(&mut settings);
    let live = Live::start(bundle(POLICY), settings);
    until("the store is there", || (!is_alone(&live)).then_some(()));
    live
}

fn request(client: &str) -> String {
    format!("GET / HTTP/1.1\r\nhost: a\r\nx-client: {client}\r\n\r\n")
}

/// Sends one request on each connection before any answer is read: how many pass; the rest is refused.
fn admitted(connections: &mut [Client], client: &str) -> usize {
    for connection in connections.iter_mut() {
        connection.send(request(client).as_bytes());
    }
    let statuses: Vec<u16> =
        connections.iter_mut().map(|each| each.response(false).map_or(0, |answer| answer.status)).collect();
    assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
    statuses.iter().filter(|status| **status == 200).count()
}

#[test]
fn threat_099_five_hundred_connections_with_one_key_get_exactly_the_limit() {
    let (origin, folder) = (Origin::plain(), Folder::new("store-500"));
    let live = node_with(&origin, "", &folder, |settings| settings.workers = 2);
    let mut connections: Vec<_> = (0..500).map(|_| live.connect()).collect();
    for client in ["one", "two", "three"] {
        assert_eq!(admitted(&mut connections, client), 100);
    }
    assert_eq!(origin.seen().len(), 300);
}

#[test]
fn threat_099_two_nodes_on_one_redis_admit_what_one_would() {
    let Some(redis) = Redis::start() else { return };
    let (origin, folder) = (Origin::plain(), Folder::new("store-nodes"));
    let patient = |settings: &mut Settings| settings.store_timeout = Duration::from_secs(10);
    let nodes = [(); 2].map(|()| node_with(&origin, &redis.url(), &folder, patient));
    let mut connections: Vec<_> = (0..400).map(|each| nodes[each % 2].connect()).collect();
    for client in ["one", "two", "three"] {
        assert_eq!(admitted(&mut connections, client), 100);
    }
    assert!(nodes.iter().all(|node| !is_alone(node)));
}

#[test]
fn threat_100_a_refused_client_is_told_to_the_second_when_to_come_back() {
    let (origin, folder) = (Origin::plain(), Folder::new("store-retry"));
    let policy = POLICY.replace("100 per 1h", "2 per 3s");
    let settings =
        Settings { upstream: vec![origin.url()], data_dir: folder.0.display().to_string(), ..settings() };
    let live = Live::start(bundle(&policy), settings);
    let mut client = live.connect();
    let before_first = Instant::now();
    assert_eq!(client.ask(&request("one")).status, 200);
    let after_first = Instant::now();
    assert_eq!(client.ask(&request("one")).status, 200);
    let mut told = Vec::new();
    let passed = until("the window passes", || {
        let before = Instant::now();
        let answer = client.ask(&request("one"));
        if answer.status == 200 {
            return Some(Instant::now());
        }
        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        // The first unit comes back three seconds after it was taken; clocks of milliseconds differ by one.
        let least = Duration::from_millis(2_999).saturating_sub(before_first.elapsed());
        let most = Duration::from_millis(3_001).saturating_sub(before - after_first);
        assert!((rounded(least)..=rounded(most)).contains(&seconds), "{seconds} for {least:?} to {most:?}");
        told.push(seconds);
        None
    });
    assert!(passed - before_first >= Duration::from_millis(2_999));
    assert_eq!(told.first(), Some(&3));
    assert_eq!(told.last(), Some(&1));
}

/// Seconds, rounded up, and never none.
fn rounded(duration: Duration) -> u64 {
    (duration.as_millis() as u64).div_ceil(1_000).max(1)
}

fn is_alone(node: &Live) -> bool {
    node.operator("GET", "/status").json()["store"]["degraded"] == true
}

/// Clients that never stop asking; each request is timed, and must pass.
struct Load {
    stop: Arc<AtomicBool>,
    times: std::thread::JoinHandle<Vec<(Instant, Duration)>>,
}

impl Load {
    fn start(live: &Live) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (mut client, stopped) = (live.connect(), Arc::clone(&stop));
        let times = std::thread::spawn(move || {
            let mut times = Vec::new();
            for number in 0_u64.. {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let begun = Instant::now();
                assert_eq!(client.ask(&request(&number.to_string())).status, 200);
                times.push((begun, begun.elapsed()));
            }
            times
        });
        Self { stop, times }
    }

    fn finish(self) -> Vec<(Instant, Duration)> {
        self.stop.store(true, Ordering::SeqCst);
        self.times.join().unwrap()
    }
}

/// The time that 99 of 100 requests of a span stay below.
fn slow(times: &[(Instant, Duration)], from: Instant, to: Instant) -> Duration {
    let within = times.iter().filter(|(begun, _)| (from..to).contains(begun));
    let mut within: Vec<Duration> = within.map(|(_, took)| *took).collect();
    within.sort();
    within[within.len() * 99 / 100]
}

#[test]
fn threat_101_whatever_becomes_of_redis_no_request_fails_or_waits() {
    const SPAN: Duration = Duration::from_millis(1_500);
    let Some(mut redis) = Redis::start() else { return };
    let (origin, folder) = (Origin::plain().forgetful(), Folder::new("store-outage"));
    let live = node(&origin, &redis.url(), &folder);
    let load = Load::start(&live);
    let mut spans = Vec::new();
    let mut span = |what: &'static str| {
        let begun = Instant::now();
        until("a span passes", || (begun.elapsed() >= SPAN).then_some(()));
        spans.push((what, begun, Instant::now()));
    };
    span("before");
    // A client that this node knows to be at its limit, and one that only Redis knows.
    let mut known = live.connect();
    for _ in 0..100 {
        assert_eq!(known.ask(&request("known")).status, 200);
    }
    redis.stop();
    span("stopped");
    assert!(is_alone(&live));
    assert_eq!(known.ask(&request("known")).status, 429);
    redis.again();
    until("the way back is found", || (!is_alone(&live)).then_some(()));
    span("started again");
    assert_eq!(known.ask(&request("known")).status, 429);
    let other = node(&origin, &redis.url(), &folder);
    for _ in 0..100 {
        assert_eq!(other.connect().ask(&request("shared")).status, 200);
    }
    assert_eq!(known.ask(&request("shared")).status, 429);
    redis.pause();
    span("paused");
    assert!(is_alone(&live));
    redis.go_on();
    until("the way back is found", || (!is_alone(&live)).then_some(()));
    assert_eq!(known.ask(&request("shared")).status, 429);
    redis.stop();
    speak_garbage(redis.port());
    span("garbage");
    assert!(is_alone(&live));
    assert_eq!(known.ask(&request("known")).status, 429);
    let times = load.finish();
    let slow: Vec<_> = spans.iter().map(|(what, from, to)| (*what, slow(&times, *from, *to))).collect();
    eprintln!("99 of 100 requests took at most {slow:?}");
    // Twice as long as before, or as long as a busy machine makes anything take: far less than a wait for the store.
    let most = (slow[0].1 * 2).max(Settings::default().store_timeout / 2);
    assert!(slow.iter().all(|(_, after)| *after <= most), "{slow:?}");
    assert_eq!(live.metric("shield_store_outages_total"), 3);
}

/// Says nothing that Redis would say, at that port.
fn speak_garbage(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut bytes = [0; 4_096];
                while stream.read(&mut bytes).is_ok_and(|count| count > 0) {
                    let _ = stream.write_all(b"*4\r\n:1\r\n:-1\r\n$oops\r\nHTTP/1.1 400 Bad Request\r\n\r\n");
                }
            });
        }
    });
}
