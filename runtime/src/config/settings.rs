//! Every setting of `shieldd`, once: name, default, range and what it is for; flags, environment, file, help and manual read this table.

use std::time::Duration;

use super::value;

/// All settings, resolved; the field names are the setting names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "SETTINGS documents each field by its name")]
pub struct Settings {
    pub bundle: String,
    pub listen: Vec<String>,
    pub listen_tls: Vec<String>,
    pub certificate: Vec<String>,
    pub admin: String,
    pub admin_token_file: String,
    pub data_dir: String,
    pub upstream: Vec<String>,
    pub upstream_ca: String,
    pub store: String,
    pub store_memory: u64,
    pub store_timeout: Duration,
    pub workers: usize,
    pub backend: &'static str,
    pub mode: &'static str,
    pub watch: &'static str,
    pub client_address: &'static str,
    pub trusted_proxies: Vec<String>,
    pub events: String,
    pub access_log: &'static str,
    pub access_sample: usize,
    pub stage_times: usize,
    pub log_paths: &'static str,
    pub header_count: usize,
    pub header_size: u64,
    pub uri_size: u64,
    pub query_arguments: usize,
    pub dot_segments: &'static str,
    pub empty_segments: &'static str,
    pub separators: &'static str,
    pub body_size: u64,
    pub buffer_memory: u64,
    pub connections: usize,
    pub connections_per_address: usize,
    pub requests_per_connection: usize,
    pub requests_in_flight: usize,
    pub streams: usize,
    pub resets: usize,
    pub minimum_rate: u64,
    pub handshake_timeout: Duration,
    pub header_timeout: Duration,
    pub idle_timeout: Duration,
    pub body_timeout: Duration,
    pub write_timeout: Duration,
    pub connect_timeout: Duration,
    pub response_timeout: Duration,
    pub tunnel_timeout: Duration,
    pub websocket_message: u64,
    pub drain_timeout: Duration,
    pub upstream_idle: usize,
    pub upstream_idle_timeout: Duration,
    pub upstream_connections: usize,
    pub retry_percent: usize,
    pub failures: usize,
    pub failure_pause: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bundle: String::new(),
            listen: vec!["127.0.0.1:8080".into()],
            listen_tls: Vec::new(),
            certificate: Vec::new(),
            admin: "127.0.0.1:9901".into(),
            admin_token_file: String::new(),
            data_dir: String::new(),
            upstream: Vec::new(),
            upstream_ca: "/etc/ssl/certs/ca-certificates.crt".into(),
            store: String::new(),
            store_memory: 64 << 20,
            store_timeout: Duration::from_millis(50),
            workers: 0,
            backend: "jit",
            mode: "enforce",
            watch: "on",
            client_address: "peer",
            trusted_proxies: Vec::new(),
            events: "stdout".into(),
            access_log: "off",
            access_sample: 100,
            stage_times: 1,
            log_paths: "redacted",
            header_count: 100,
            header_size: 32 << 10,
            uri_size: 8 << 10,
            query_arguments: 1000,
            dot_segments: "reject",
            empty_segments: "reject",
            separators: "reject",
            body_size: 128 << 20,
            buffer_memory: 256 << 20,
            connections: 20_000,
            connections_per_address: 20_000,
            requests_per_connection: 1_000_000,
            requests_in_flight: 10_000,
            streams: 100,
            resets: 200,
            minimum_rate: 64,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(15),
            write_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(3),
            response_timeout: Duration::from_mins(1),
            tunnel_timeout: Duration::from_hours(1),
            websocket_message: 16 << 20,
            drain_timeout: Duration::from_secs(30),
            upstream_idle: 64,
            upstream_idle_timeout: Duration::from_secs(55),
            upstream_connections: 1024,
            retry_percent: 20,
            failures: 3,
            failure_pause: Duration::from_secs(5),
        }
    }
}

/// How a setting is stored and what it may be.
#[derive(Clone, Copy)]
pub(crate) enum Slot {
    Text(fn(&mut Settings) -> &mut String, Check),
    List(fn(&mut Settings) -> &mut Vec<String>, Check),
    Choice(fn(&mut Settings) -> &mut &'static str, &'static [&'static str]),
    Count(fn(&mut Settings) -> &mut usize, [usize; 2]),
    Size(fn(&mut Settings) -> &mut u64, [u64; 2]),
    /// With its bounds in milliseconds.
    Time(fn(&mut Settings) -> &mut Duration, [u64; 2]),
}

/// Says what a text should have been.
type Check = fn(&str) -> Result<(), String>;

/// One row of the table.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) slot: Slot,
    pub(crate) doc: &'static str,
}

const fn row(name: &'static str, slot: Slot, doc: &'static str) -> Setting {
    Setting { name, slot, doc }
}

const MANY: usize = 10_000_000;
const HUGE: u64 = 1 << 40;
const DAY: u64 = 86_400_000;

use Slot::{Choice, Count, List, Size, Text, Time};

#[rustfmt::skip]
pub(crate) const SETTINGS: &[Setting] = &[
    row("bundle", Text(|s| &mut s.bundle, value::anything), "the compiled policy to serve"),
    row("listen", List(|s| &mut s.listen, value::address), "where clients connect in plain HTTP"),
    row("listen-tls", List(|s| &mut s.listen_tls, value::address), "where clients connect over TLS"),
    row("certificate", List(|s| &mut s.certificate, value::certificate), "`chain.pem,key.pem`; the name a client asks for chooses, the first is the default; reread when changed"),
    row("admin", Text(|s| &mut s.admin, value::admin), "where operators connect, or `off`; an address that is not loopback needs a token"),
    row("admin-token-file", Text(|s| &mut s.admin_token_file, value::anything), "a file with the bearer token of the admin listener; SHIELD_ADMIN_TOKEN holds it otherwise"),
    row("data-dir", Text(|s| &mut s.data_dir, value::anything), "where the last good bundles are kept"),
    row("upstream", List(|s| &mut s.upstream, value::upstream), "origins to use in place of those the policy names"),
    row("upstream-ca", Text(|s| &mut s.upstream_ca, value::anything), "the authorities trusted to name an https origin"),
    row("store", Text(|s| &mut s.store, value::anything), "`redis://…` where nodes share counters; empty keeps them in this process"),
    row("store-memory", Size(|s| &mut s.store_memory, [1 << 20, HUGE]), "bytes that counters in this process may take"),
    row("store-timeout", Time(|s| &mut s.store_timeout, [1, 10_000]), "how long a shared store may take before this node decides alone"),
    row("workers", Count(|s| &mut s.workers, [0, 1024]), "threads that serve; 0 is one for each core"),
    row("backend", Choice(|s| &mut s.backend, &["jit", "interpreter"]), "`jit`: rules and schemas become native code in the background, and the interpreter serves until then"),
    row("mode", Choice(|s| &mut s.mode, &["enforce", "shadow"]), "`shadow` judges and records, and refuses nothing the policy would refuse"),
    row("watch", Choice(|s| &mut s.watch, &["on", "off"]), "reload when the bundle or a certificate changes on disk"),
    row("client-address", Choice(|s| &mut s.client_address, &["peer", "forwarded", "x-forwarded-for"]), "where the client's address comes from behind trusted proxies"),
    row("trusted-proxies", List(|s| &mut s.trusted_proxies, value::network), "networks whose word about the client's address counts"),
    row("events", Text(|s| &mut s.events, value::anything), "where events go: `stdout`, `off`, or a file"),
    row("access-log", Choice(|s| &mut s.access_log, &["off", "on"]), "write an event for every request, not only for refused and flagged ones"),
    row("access-sample", Count(|s| &mut s.access_sample, [1, 100]), "per cent of the permitted requests that the access log keeps"),
    row("stage-times", Count(|s| &mut s.stage_times, [0, 100]), "per cent of the other requests whose stages are timed, in case there is an event; a request of the access log always is"),
    row("log-paths", Choice(|s| &mut s.log_paths, &["redacted", "full"]), "`redacted` writes an endpoint's template in place of the path, which may hold secrets"),
    row("header-count", Count(|s| &mut s.header_count, [1, 1000]), "header lines of one request"),
    row("header-size", Size(|s| &mut s.header_size, [1 << 10, 1 << 20]), "bytes of a request's head"),
    row("uri-size", Size(|s| &mut s.uri_size, [64, 1 << 20]), "bytes of a request's target"),
    row("query-arguments", Count(|s| &mut s.query_arguments, [1, 100_000]), "arguments of a query"),
    row("dot-segments", Choice(|s| &mut s.dot_segments, &["reject", "resolve"]), "what becomes of `.` and `..` in a path"),
    row("empty-segments", Choice(|s| &mut s.empty_segments, &["reject", "collapse", "keep"]), "what becomes of `//` in a path"),
    row("separators", Choice(|s| &mut s.separators, &["reject", "keep"]), "what becomes of encoded slashes, and of backslashes, in a path"),
    row("body-size", Size(|s| &mut s.body_size, [0, HUGE]), "bytes of a request's body, inspected or not"),
    row("buffer-memory", Size(|s| &mut s.buffer_memory, [1 << 10, HUGE]), "bytes that bodies being inspected may take in all"),
    row("connections", Count(|s| &mut s.connections, [1, MANY]), "client connections in all"),
    row("connections-per-address", Count(|s| &mut s.connections_per_address, [1, MANY]), "client connections from one address"),
    row("requests-per-connection", Count(|s| &mut s.requests_per_connection, [1, MANY]), "requests on one connection before it is closed"),
    row("requests-in-flight", Count(|s| &mut s.requests_in_flight, [1, MANY]), "requests being served in all; more are answered 503"),
    row("streams", Count(|s| &mut s.streams, [1, 10_000]), "concurrent HTTP/2 streams of one connection"),
    row("resets", Count(|s| &mut s.resets, [1, 100_000]), "HTTP/2 streams of one connection that may end by reset before it is closed"),
    row("minimum-rate", Size(|s| &mut s.minimum_rate, [0, 1 << 30]), "bytes a second that a client must keep up when it is waited for"),
    row("handshake-timeout", Time(|s| &mut s.handshake_timeout, [100, DAY]), "for a TLS handshake"),
    row("header-timeout", Time(|s| &mut s.header_timeout, [100, DAY]), "from a request's first byte to the end of its head"),
    row("idle-timeout", Time(|s| &mut s.idle_timeout, [100, DAY]), "between two requests of a connection"),
    row("body-timeout", Time(|s| &mut s.body_timeout, [100, DAY]), "between two pieces of a request's body"),
    row("write-timeout", Time(|s| &mut s.write_timeout, [100, DAY]), "until a client takes more of its response"),
    row("connect-timeout", Time(|s| &mut s.connect_timeout, [100, DAY]), "for connecting to an origin"),
    row("response-timeout", Time(|s| &mut s.response_timeout, [100, DAY]), "from the last byte sent to an origin to the head of its response"),
    row("tunnel-timeout", Time(|s| &mut s.tunnel_timeout, [100, 30 * DAY]), "of silence on an upgraded connection"),
    row("websocket-message", Size(|s| &mut s.websocket_message, [125, HUGE]), "bytes of one WebSocket message of a client, as they are sent"),
    row("drain-timeout", Time(|s| &mut s.drain_timeout, [0, DAY]), "for open connections to end once stopping has begun"),
    row("upstream-idle", Count(|s| &mut s.upstream_idle, [0, 100_000]), "unused connections that a worker keeps for each origin address"),
    row("upstream-idle-timeout", Time(|s| &mut s.upstream_idle_timeout, [100, DAY]), "how long an unused connection to an origin is kept"),
    row("upstream-connections", Count(|s| &mut s.upstream_connections, [1, MANY]), "connections of one worker to one origin address"),
    row("retry-percent", Count(|s| &mut s.retry_percent, [0, 100]), "requests sent again to another try, per hundred requests"),
    row("failures", Count(|s| &mut s.failures, [1, 1000]), "failures in a row after which an origin address rests"),
    row("failure-pause", Time(|s| &mut s.failure_pause, [100, DAY]), "how long a failing origin address rests"),
];

impl Setting {
    /// The row called `name`.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// The environment variable of this setting.
    pub(crate) fn variable(&self) -> String {
        format!("SHIELD_{}", self.name.replace('-', "_").to_uppercase())
    }

    /// Stores `texts`; a setting that is not a list takes the last one.
    pub(crate) fn store(&self, into: &mut Settings, texts: &[&str]) -> Result<(), String> {
        let last = texts.last().copied().unwrap_or_default();
        let wants = |expected: String, text: &str| format!("`{}` wants {expected}, not `{text}`", self.name);
        match self.slot {
            Text(slot, check) => {
                check(last).map_err(|e| wants(e, last))?;
                *slot(into) = last.into();
            }
            List(slot, check) => {
                texts.iter().try_for_each(|text| check(text).map_err(|e| wants(e, text)))?;
                *slot(into) = texts.iter().map(|text| (*text).into()).collect();
            }
            Choice(slot, all) => {
                let found = all.iter().find(|choice| **choice == last);
                *slot(into) = found.ok_or_else(|| wants(format!("`{}`", all.join("` or `")), last))?;
            }
            Count(slot, range) => {
                *slot(into) =
                    within(value::count(last), range, |n| n.to_string()).map_err(|e| wants(e, last))?;
            }
            Size(slot, range) => {
                *slot(into) =
                    within(value::size(last), range, value::show_size).map_err(|e| wants(e, last))?;
            }
            Time(slot, [low, high]) => {
                let range = [Duration::from_millis(low), Duration::from_millis(high)];
                *slot(into) =
                    within(value::duration(last), range, value::show_duration).map_err(|e| wants(e, last))?;
            }
        }
        Ok(())
    }

    /// The current values as texts that [`Setting::store`] takes.
    pub(crate) fn show(&self, of: &mut Settings) -> Vec<String> {
        match self.slot {
            Text(slot, _) => vec![slot(of).clone()],
            List(slot, _) => slot(of).clone(),
            Choice(slot, _) => vec![(*slot(of)).into()],
            Count(slot, _) => vec![slot(of).to_string()],
            Size(slot, _) => vec![value::show_size(*slot(of))],
            Time(slot, _) => vec![value::show_duration(*slot(of))],
        }
    }
}

fn within<T: PartialOrd + Copy>(
    value: Result<T, String>,
    [low, high]: [T; 2],
    show: fn(T) -> String,
) -> Result<T, String> {
    let value = value?;
    if value < low || value > high {
        return Err(format!("between {} and {}", show(low), show(high)));
    }
    Ok(value)
}
