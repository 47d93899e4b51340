//! A fleet's counters while Redis is there, gone, stopped, or no Redis at all.
#![cfg(feature = "redis")]
#![expect(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods, reason = "a test may fail")]

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use shield_state::{Fleet, Key, KeyMaker, Op, Rate, Redis, Reply, Store as _, StoreError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const NOW: u64 = 1_800_000_000_000;
const DEADLINE: Duration = Duration::from_millis(100);

/// A server of this test's own on loopback.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// One, unless the machine has none.
    fn start(port: Option<u16>) -> Option<Self> {
        let port = port.unwrap_or_else(|| {
            std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
        });
        let arguments = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"];
        let child = Command::new("redis-server")
            .args(arguments)
            .arg(port.to_string())
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            eprintln!("LEFT OUT: a test needs the program redis-server");
            return None;
        };
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::yield_now();
        }
        Some(Self { child, port })
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    async fn fleet(&self) -> Arc<Fleet> {
        fleet(self.port, DEADLINE).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn fleet(port: u16, deadline: Duration) -> Arc<Fleet> {
    let redis = Redis::new(&format!("redis://127.0.0.1:{port}"), "fleet", deadline).unwrap();
    let fleet = Fleet::new(redis, 1 << 20);
    fleet.connect().await;
    fleet
}

fn take(most: u32) -> Op {
    Op::Take { key: key(), rate: Rate::Window { most, millis: 60_000 }, units: 1, hold: 0, pending: false }
}

fn key() -> Key {
    KeyMaker::new(&[5; 32]).key(1, [Some(&b"client"[..])])
}

async fn passes(fleet: &Arc<Fleet>, op: Op) -> bool {
    matches!(fleet.apply(NOW, &[op]).await.unwrap()[..], [Reply::Taken { .. }])
}

/// Waits for a state of a fleet, which a probe brings about.
async fn until(fleet: &Fleet, degraded: bool) {
    let wait = async {
        while fleet.status().degraded != degraded {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap();
}

/// Two nodes share a limit, without slack.
#[tokio::test]
async fn threat_099_two_nodes_admit_what_one_would() {
    let Some(server) = Server::start(None) else { return };
    let patient = Duration::from_secs(10);
    let (one, two) = (fleet(server.port, patient).await, fleet(server.port, patient).await);
    for (most, scope) in [(100, 1), (1_500, 2)] {
        let op = Op::Take {
            key: Key { scope, ..key() },
            rate: Rate::Window { most, millis: 600_000 },
            units: 1,
            hold: 0,
            pending: false,
        };
        let mut tasks = tokio::task::JoinSet::new();
        for client in 0..2_000 {
            let fleet = Arc::clone(if client % 2 == 0 { &one } else { &two });
            tasks.spawn(async move { passes(&fleet, op).await });
            if client % 32 == 31 {
                tokio::task::yield_now().await;
            }
        }
        let passed = tasks.join_all().await.into_iter().filter(|passed| *passed).count();
        assert!(!one.status().degraded && !two.status().degraded);
        assert_eq!(passed, most as usize);
    }
}

/// Stopped, started again, paused, and let go: no question fails, and counters come back.
#[tokio::test]
async fn threat_101_without_redis_the_local_limiter_decides_and_the_way_back_is_found() {
    let Some(mut server) = Server::start(None) else { return };
    let fleet = server.fleet().await;
    assert!(passes(&fleet, take(5)).await);
    assert!(!fleet.status().degraded);
    // Stopped: the local count goes on where it was.
    drop(server.child.kill());
    drop(server.child.wait());
    for _ in 0..4 {
        assert!(passes(&fleet, take(5)).await);
    }
    assert!(!passes(&fleet, take(5)).await);
    assert!(fleet.status().degraded);
    // Started again, empty: what this node knows still holds, and other nodes share again.
    let server = Server::start(Some(server.port)).unwrap();
    until(&fleet, false).await;
    assert!(!passes(&fleet, take(5)).await);
    let shared = Op::Take {
        key: Key { scope: 2, ..key() },
        rate: Rate::Window { most: 1, millis: 60_000 },
        units: 1,
        hold: 0,
        pending: false,
    };
    let other = server.fleet().await;
    assert!(passes(&other, shared).await);
    assert!(!passes(&fleet, shared).await);
    // Paused: one deadline is lost, not one a question.
    server.signal("-STOP");
    let begin = Instant::now();
    for scope in 100..1_100 {
        let key = Key { scope, ..key() };
        let Op::Take { rate, units, hold, pending, .. } = shared else { return };
        assert!(passes(&fleet, Op::Take { key, rate, units, hold, pending }).await);
    }
    assert!(begin.elapsed() < DEADLINE * 5, "{:?}", begin.elapsed());
    assert!(fleet.status().degraded);
    server.signal("-CONT");
    until(&fleet, false).await;
    assert!(!passes(&fleet, shared).await, "a paused server kept its counters");
    assert_eq!(fleet.status().outages, 2);
}

/// Whatever a server at that address says, questions are answered.
#[tokio::test]
async fn threat_101_garbage_instead_of_redis_is_an_outage() {
    let garbage: [&[u8]; 5] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n",
        b"*4\r\n:1\r\n:-1\r\n:7\r\n:9\r\n",
        b"$1000000000000\r\n",
        b"\xff\xfe\x00",
    ];
    for answer in garbage {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            loop {
                let Ok((mut stream, _)) = listener.accept().await else { return };
                tokio::spawn(async move {
                    let mut buffer = [0; 4_096];
                    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                        if stream.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        let fleet = fleet(port, DEADLINE).await;
        for expected in [true, true, false] {
            assert_eq!(passes(&fleet, take(2)).await, expected, "{answer:?}");
        }
        assert!(fleet.status().degraded, "{answer:?}");
        server.abort();
    }
}

/// A node's own refusals never reach Redis, and a hold that begins at one node holds at all.
#[tokio::test]
async fn a_hold_is_shared() {
    let Some(server) = Server::start(None) else { return };
    let (one, two) = (server.fleet().await, server.fleet().await);
    let op = Op::Take {
        key: key(),
        rate: Rate::Window { most: 1, millis: 1_000 },
        units: 1,
        hold: 600_000,
        pending: false,
    };
    assert!(passes(&one, op).await);
    let held = Reply::Refused { wait: 600_000, held: true, shared: false };
    assert_eq!(one.apply(NOW, &[op]).await.unwrap(), [held]);
    assert_eq!(
        two.apply(NOW + 300_000, &[op]).await.unwrap()[..],
        [Reply::Refused { wait: 300_000, held: true, shared: false }]
    );
}

/// What Redis refuses is given back to the local limiter.
#[tokio::test]
async fn what_the_fleet_refuses_does_not_use_up_the_local_count() {
    let Some(server) = Server::start(None) else { return };
    let (one, two) = (server.fleet().await, server.fleet().await);
    for _ in 0..2 {
        assert!(passes(&one, take(2)).await);
    }
    for _ in 0..5 {
        assert!(!passes(&two, take(2)).await);
    }
    drop(server);
    for expected in [true, true, false] {
        assert_eq!(passes(&two, take(2)).await, expected);
    }
}

#[tokio::test]
async fn a_malformed_address_is_refused_at_once() {
    assert!(matches!(Redis::new("http://x", "p", DEADLINE), Err(StoreError::Address(_))));
    let nobody = Redis::new("redis://127.0.0.1:1", "p", DEADLINE).unwrap();
    assert!(matches!(nobody.connect().await, Err(StoreError::Unreachable(_))));
    assert!(matches!(nobody.apply(NOW, &[take(1)]).await, Err(StoreError::Unreachable(_))));
}
