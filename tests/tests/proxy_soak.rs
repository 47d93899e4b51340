//! Mixed load while bundles are exchanged, an origin restarts, clients dawdle and tunnels stay open.
//!
//! It takes ten seconds; `SHIELD_SOAK_SECONDS` says otherwise (60 in continuous integration, 600 in the long run).
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so, and reads the time and the environment itself"
)]

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use shield_runtime::{Output, Settings, Source};
use shield_tests::live::{Client, bundle, settings};
use shield_tests::origin::{Act, Origin, Seen, ok};

/// A client's frame with four letters of text.
const PING: &[u8] = b"\x81\x84\0\0\0\0ping";

fn policy(steady: &Origin, flaky: &str, closed: &str) -> Vec<u8> {
    bundle(&format!(
        r#"
api sockets {{ host "ws.test" upstream "{steady}" requests off unknown off }}
api shop    {{ host "a" upstream "{steady}" "{flaky}" requests off unknown off }}
rule closed {{ when http.request.uri.path eq "{closed}" then block 403 }}
"#,
        steady = steady.url(),
    ))
}

fn answer(seen: &Seen) -> Act {
    if seen.header("upgrade").is_none() {
        return ok("fine");
    }
    Act::Take(Box::new(|mut stream| {
        let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
        let _ = stream.write_all(head.as_bytes());
        let mut space = [0; 64];
        while let Ok(count @ 1..) = stream.read(&mut space) {
            let _ = stream.write_all(&space[..count]);
        }
    }))
}

/// Resident memory of this process in MiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.trim().split(' ').next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// What clients have seen.
#[derive(Default)]
struct Tally {
    permitted: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

fn ask(client: &mut Option<Client>, address: std::net::SocketAddr, request: &str, tally: &Tally) {
    let open = client.get_or_insert_with(|| Client::connect(address));
    open.send(request.as_bytes());
    let Some(response) = open.response(false) else {
        *client = None;
        tally.dropped.fetch_add(1, Relaxed);
        return;
    };
    let counter = match response.status {
        200 => &tally.permitted,
        403 => &tally.refused,
        _ => &tally.failed,
    };
    counter.fetch_add(1, Relaxed);
    if response.header("connection") == Some("close") {
        *client = None;
    }
}

#[test]
fn mixed_load_loses_nothing_while_everything_around_it_changes() {
    let seconds = std::env::var("SHIELD_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let steady = Origin::start(answer).forgetful();
    let mut flaky = Some(Origin::start(answer).forgetful());
    let address = flaky.as_ref().unwrap().address.to_string();
    let flaky_url = format!("http://{address}");
    let bundles = ["/one", "/two"].map(|closed| policy(&steady, &flaky_url, closed));
    let settings = Settings {
        workers: 2,
        header_timeout: Duration::from_secs(1),
        failure_pause: Duration::from_millis(300),
        retry_percent: 100,
        ..settings()
    };
    let server = shield_runtime::start(settings, Source::Bytes(bundles[0].clone()), Output::Off).unwrap();
    let (at, stop, tally) = (server.addresses()[0], AtomicBool::new(false), Tally::default());
    let (mut settled, mut rounds) = (0, 0_usize);
    std::thread::scope(|scope| {
        for path in ["/one", "/two", "/three"] {
            let (stop, tally) = (&stop, &tally);
            scope.spawn(move || {
                let mut client = None;
                while !stop.load(Relaxed) {
                    ask(&mut client, at, &format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"), tally);
                    std::thread::sleep(Duration::from_micros(500));
                }
            });
        }
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                let mut slow = Client::connect(at);
                slow.send(b"GET /slow HTTP/1.1\r\nhost:");
                assert!(slow.rest().starts_with("HTTP/1.1 408"));
            }
        });
        for _ in 0..3 {
            scope.spawn(|| {
                let mut socket = Client::connect(at);
                socket.send(
                    b"GET /ws HTTP/1.1\r\nhost: ws.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
                );
                assert!(socket.head().unwrap().starts_with("HTTP/1.1 101"));
                while !stop.load(Relaxed) {
                    socket.send(PING);
                    assert_eq!(socket.take(PING.len()).expect("the WebSocket is open"), PING);
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
        }
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(seconds) {
            std::thread::sleep(Duration::from_millis(if seconds > 30 { 1000 } else { 200 }));
            rounds += 1;
            server.load(bundles[rounds % 2].clone()).unwrap();
            match rounds % 5 {
                2 => flaky = None,
                3 => flaky = Some(Origin::at(&address, answer).forgetful()),
                _ => {}
            }
            if started.elapsed() > Duration::from_secs(seconds / 4) && settled == 0 {
                settled = memory();
            }
        }
        stop.store(true, Relaxed);
    });
    let [permitted, refused, failed, dropped] =
        [&tally.permitted, &tally.refused, &tally.failed, &tally.dropped]
            .map(|counter| counter.load(Relaxed));
    let grown = memory().saturating_sub(settled);
    eprintln!(
        "{permitted} permitted, {refused} refused, {failed} failed, {dropped} dropped, {rounds} reloads, {grown} MiB more"
    );
    assert!(permitted > 100 && refused > 100);
    assert_eq!((failed, dropped), (0, 0), "requests failed that an origin could have answered");
    assert!(grown < 48, "{grown} MiB more than when it had settled");
    drop(flaky);
}
