//! The operators' listener: health, metrics, status, reload; on its own thread and never behind a client's port.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use shield_engine::Backend;

use crate::config;
use crate::metrics;
use crate::reload::{LoadError, Loader};
use crate::shared::{Life, Shared};
use crate::snapshot::Snapshot;

/// Connections at once; more wait.
const MOST_CONNECTIONS: usize = 64;
/// For an operator's request to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// A token shorter than this can be guessed.
pub(crate) const SHORTEST_TOKEN: usize = 16;

/// What the admin listener needs.
#[derive(Debug)]
pub(crate) struct Admin {
    pub(crate) shared: Arc<Shared>,
    pub(crate) loader: Arc<Loader>,
    pub(crate) token: Option<String>,
    pub(crate) address: SocketAddr,
}

type Answer = Response<Full<Bytes>>;

/// Accepts until its task is dropped.
pub(crate) async fn serve(admin: Arc<Admin>, socket: std::net::TcpListener) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(socket)?;
    let room = Arc::new(tokio::sync::Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return Ok(()) };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let admin = Arc::clone(&admin);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(Arc::clone(&admin), request));
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).half_close(true);
            // An operator's broken connection is the operator's to notice.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            drop(permit);
        });
    }
}

async fn answer(admin: Arc<Admin>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let probe = matches!(request.uri().path(), "/healthz" | "/readyz");
    if !is_ours(&admin, request.headers()) {
        return Ok(plain(
            StatusCode::FORBIDDEN,
            "asked through a name or a page that is not the operators' own\n",
        ));
    }
    if !probe && !is_allowed(&admin, request.headers()) {
        let mut refused = plain(StatusCode::UNAUTHORIZED, "a bearer token is needed\n");
        refused.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return Ok(refused);
    }
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET, "/healthz") => plain(StatusCode::OK, "alive\n"),
        (&Method::GET, "/readyz") => ready(&admin),
        (&Method::GET, "/metrics") => metrics(&admin),
        (&Method::GET, "/status") => json_answer(StatusCode::OK, &status(&admin)),
        (&Method::GET, "/config") => plain(StatusCode::OK, config::print(&admin.shared.settings)),
        (&Method::POST, "/reload") => load(&admin, Loader::reload).await,
        (&Method::POST, "/rollback") => load(&admin, Loader::rollback).await,
        (_, "/healthz" | "/readyz" | "/metrics" | "/status" | "/config" | "/reload" | "/rollback") => {
            plain(StatusCode::METHOD_NOT_ALLOWED, "another method is wanted\n")
        }
        _ => plain(
            StatusCode::NOT_FOUND,
            "GET /healthz /readyz /metrics /status /config, POST /reload /rollback\n",
        ),
    })
}

/// A browser that a page has sent here says so in `Origin`, one that was led here by a name says that name in `Host`.
fn is_ours(admin: &Admin, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let name =
        host.rsplit_once(':').map_or(host, |(name, port)| if port.contains(']') { host } else { name });
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let literal = name == "localhost" || name.parse::<IpAddr>().is_ok();
    !headers.contains_key(header::ORIGIN) && (literal || admin.token.is_some())
}

fn is_allowed(admin: &Admin, headers: &HeaderMap) -> bool {
    let Some(token) = &admin.token else { return true };
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (given.next(), given.next()) else { return false };
    let bearer =
        only.as_bytes().split_at_checked(7).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "));
    bearer.is_some_and(|(_, given)| equal(given, token.as_bytes()))
}

/// Compares without telling by its time where the first difference is.
fn equal(a: &[u8], b: &[u8]) -> bool {
    let differing = a.iter().zip(b.iter().cycle()).fold(0, |differing, (a, b)| differing | (a ^ b));
    std::hint::black_box(differing) == 0 && a.len() == b.len()
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn json_answer(status: StatusCode, value: &serde_json::Value) -> Answer {
    let mut answer = plain(status, format!("{value:#}\n"));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn ready(admin: &Admin) -> Answer {
    match (admin.shared.life(), admin.loader.status().degraded) {
        (Life::Ready, false) => plain(StatusCode::OK, "ready\n"),
        (Life::Ready, true) => plain(StatusCode::OK, "ready, degraded: the last good bundle serves\n"),
        (Life::Starting, _) => plain(StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
        (Life::Draining, _) => plain(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
    }
}

fn metrics(admin: &Admin) -> Answer {
    let shared = &admin.shared;
    let load = admin.loader.status();
    let events = shared.events.counts();
    let store = shared.store.status();
    let extra = vec![
        ("shield_reloads", "counter", "Bundles loaded.", load.loads),
        ("shield_reload_failures", "counter", "Bundles that could not be loaded.", load.failures),
        (
            "shield_degraded",
            "gauge",
            "1 while the last good bundle serves in place of the one asked for.",
            load.degraded.into(),
        ),
        ("shield_ready", "gauge", "1 while requests are welcome.", (shared.life() == Life::Ready).into()),
        ("shield_events_written", "counter", "Events written.", events.written.load(Relaxed)),
        (
            "shield_events_lost",
            "counter",
            "Events lost because their sink was slow or dead.",
            events.lost.load(Relaxed),
        ),
        ("shield_store_keys", "gauge", "Counters in this process.", store.keys),
        ("shield_store_bytes", "gauge", "Their bytes.", store.bytes),
        (
            "shield_store_overflows",
            "counter",
            "Requests counted in a bucket that keys share for want of memory.",
            store.overflowed,
        ),
        (
            "shield_store_degraded",
            "gauge",
            "1 while the shared store is away and this node decides alone.",
            store.degraded.into(),
        ),
        ("shield_store_outages", "counter", "How often the shared store went away.", store.outages),
        ("shield_buffer_bytes", "gauge", "Memory in use for bodies being inspected.", shared.memory.used()),
    ];
    let mut answer = plain(StatusCode::OK, metrics::render(&shared.counters, &extra));
    let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

fn status(admin: &Admin) -> serde_json::Value {
    let load = admin.loader.status();
    let store = admin.shared.store.status();
    let key_errors: serde_json::Map<_, _> =
        admin.shared.keys.errors().into_iter().map(|(url, error)| (url.into(), error.into())).collect();
    let name_errors: serde_json::Map<_, _> =
        admin.shared.registry.errors().into_iter().map(|(origin, error)| (origin, error.into())).collect();
    let upstreams: Vec<_> = admin.shared.registry.all().iter().map(|member| member.status()).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "state": match admin.shared.life() {
            Life::Starting => "starting",
            Life::Ready => "ready",
            Life::Draining => "draining",
        },
        "degraded": load.degraded,
        "bundle": { "digest": load.active, "from": load.from, "since_ms": load.since },
        "rules": rules(&admin.shared),
        "store": {
            "shared": store.shared,
            "degraded": store.degraded,
            "outages": store.outages,
            "keys": store.keys,
            "bytes": store.bytes,
            "overflowed": store.overflowed,
        },
        "key_errors": key_errors,
        "name_errors": name_errors,
        "loads": load.loads,
        "failures": load.failures,
        "error": load.error,
        "admin": admin.address.to_string(),
        "connections": admin.shared.connections.load(Relaxed),
        "requests_in_flight": admin.shared.in_flight.load(Relaxed),
        "upstreams": upstreams,
    })
}

/// What runs the rules, and why the interpreter does where native code could not be made.
fn rules(shared: &Shared) -> serde_json::Value {
    let snapshot = shared.snapshot.load_full();
    let run_by = |snapshot: &Snapshot| match snapshot.policy.backend() {
        Backend::Jit => "native code",
        Backend::Interpreter => "interpreter",
    };
    json!({
        "run_by": snapshot.as_deref().map(run_by),
        "no_native_code": snapshot.as_deref().and_then(|snapshot| snapshot.policy.fallback()),
    })
}

/// Loading takes as long as it takes, and the other operators are answered meanwhile.
async fn load(admin: &Arc<Admin>, how: fn(&Loader) -> Result<String, LoadError>) -> Answer {
    let loader = Arc::clone(&admin.loader);
    match tokio::task::spawn_blocking(move || how(&loader)).await {
        Ok(Ok(digest)) => json_answer(StatusCode::OK, &json!({ "digest": digest })),
        Ok(Err(error)) => {
            json_answer(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "error": error.to_string() }))
        }
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "loading was interrupted\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_equal_to_itself_alone() {
        assert!(equal(b"0123456789abcdef", b"0123456789abcdef"));
        for other in ["", "0123456789abcde", "0123456789abcdeg", "0123456789abcdef0"] {
            assert!(!equal(other.as_bytes(), b"0123456789abcdef"), "{other}");
        }
    }
}
