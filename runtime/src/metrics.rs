//! Counters of each worker, written by its thread alone, and their sum in the `OpenMetrics` text format.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Adds one; without a locked instruction, for only one thread writes.
pub(crate) fn bump(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
}

/// Takes one away.
pub(crate) fn drop_one(gauge: &AtomicU64) {
    gauge.store(gauge.load(Relaxed).saturating_sub(1), Relaxed);
}

/// Upper bounds of the latency classes in microseconds; the last class has none.
const BOUNDS: [u64; 14] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    5_000_000,
];

/// What one worker counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) connections_shed: AtomicU64,
    pub(crate) open: AtomicU64,
    pub(crate) resting: AtomicU64,
    pub(crate) http2_faults: AtomicU64,
    pub(crate) in_flight: AtomicU64,
    pub(crate) permitted: AtomicU64,
    pub(crate) flagged: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) tunnels: AtomicU64,
    pub(crate) tunnel_faults: AtomicU64,
    pub(crate) upstream_failures: AtomicU64,
    pub(crate) upstream_retries: AtomicU64,
    pub(crate) upstream_idle: AtomicU64,
    responses: [AtomicU64; 5],
    latency: [AtomicU64; BOUNDS.len() + 1],
    latency_sum: AtomicU64,
    /// Refusals by stage and reason, both from closed sets.
    denials: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
}

impl Counters {
    pub(crate) fn denied(&self, stage: &'static str, reason: &'static str) {
        *self.denials.lock().unwrap_or_else(PoisonError::into_inner).entry((stage, reason)).or_default() += 1;
    }

    pub(crate) fn answered(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        let micros = took.as_micros() as u64;
        let bucket = BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS.len());
        self.responses.get(class).into_iter().chain(self.latency.get(bucket)).for_each(bump);
        self.latency_sum.store(self.latency_sum.load(Relaxed).wrapping_add(micros), Relaxed);
    }
}

/// How one metric is found in a worker's counters.
type Read = fn(&Counters) -> &AtomicU64;

/// Name, type, help, and where it is counted.
#[rustfmt::skip]
const SIMPLE: [(&str, &str, &str, Read); 14] = [
    ("shield_connections", "counter", "Client connections accepted.", |c| &c.connections),
    ("shield_connections_shed", "counter", "Client connections closed at once because a limit was reached.", |c| &c.connections_shed),
    ("shield_connections_open", "gauge", "Client connections that are open.", |c| &c.open),
    ("shield_connections_resting", "gauge", "Open client connections that have said nothing for half a second and are kept in less room.", |c| &c.resting),
    ("shield_http2_faults", "counter", "HTTP/2 connections given up for what their client sent.", |c| &c.http2_faults),
    ("shield_requests_in_flight", "gauge", "Requests whose response is not complete.", |c| &c.in_flight),
    ("shield_requests_permitted", "counter", "Requests that the policy let through.", |c| &c.permitted),
    ("shield_requests_flagged", "counter", "Requests let through with a finding: a rule that logs, or one in shadow mode.", |c| &c.flagged),
    ("shield_request_panics", "counter", "Requests ended by a defect of the proxy.", |c| &c.panics),
    ("shield_tunnels", "counter", "Connections that changed to another protocol.", |c| &c.tunnels),
    ("shield_tunnel_faults", "counter", "WebSockets that were ended for what their client sent.", |c| &c.tunnel_faults),
    ("shield_upstream_failures", "counter", "Tries at an origin that failed.", |c| &c.upstream_failures),
    ("shield_upstream_retries", "counter", "Requests sent once more.", |c| &c.upstream_retries),
    ("shield_upstream_idle", "gauge", "Unused connections to origins.", |c| &c.upstream_idle),
];

/// Process-wide values with their help, for [`render`].
pub(crate) type Extra = Vec<(&'static str, &'static str, &'static str, u64)>;

/// Everything, summed over `workers`, and `extra` besides.
pub(crate) fn render(workers: &[std::sync::Arc<Counters>], extra: &Extra) -> String {
    let mut out = String::with_capacity(4096);
    let sum = |read: &dyn Fn(&Counters) -> u64| workers.iter().map(|counters| read(counters)).sum::<u64>();
    let simple =
        SIMPLE.iter().map(|(name, kind, help, read)| (*name, *kind, *help, sum(&|c| read(c).load(Relaxed))));
    for (name, kind, help, value) in simple.chain(extra.iter().copied()) {
        family(&mut out, name, kind, help);
        let total = if kind == "counter" { "_total" } else { "" };
        let _ = writeln!(out, "{name}{total} {value}");
    }
    family(&mut out, "shield_responses", "counter", "Responses by class of status.");
    for class in 0..5 {
        let count = sum(&|c| c.responses.get(class).map_or(0, |n| n.load(Relaxed)));
        let _ = writeln!(out, "shield_responses_total{{class=\"{}xx\"}} {count}", class + 1);
    }
    latency(&mut out, &sum);
    family(&mut out, "shield_denials", "counter", "Refused requests by what refused them.");
    for ((stage, reason), count) in denials(workers) {
        let _ = writeln!(out, "shield_denials_total{{stage=\"{stage}\",reason=\"{reason}\"}} {count}");
    }
    out.push_str("# EOF\n");
    out
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# TYPE {name} {kind}\n# HELP {name} {help}");
}

/// Adds up what one way of looking finds in every worker.
type Sum<'a> = dyn Fn(&dyn Fn(&Counters) -> u64) -> u64 + 'a;

#[expect(clippy::cast_precision_loss, reason = "seconds are shown, not counted with")]
fn latency(out: &mut String, sum: &Sum<'_>) {
    family(out, "shield_request_seconds", "histogram", "Time from a request's head to its response's head.");
    let mut below = 0;
    for index in 0..=BOUNDS.len() {
        below += sum(&|c| c.latency.get(index).map_or(0, |n| n.load(Relaxed)));
        let bound =
            BOUNDS.get(index).map_or_else(|| "+Inf".into(), |micros| (*micros as f64 / 1e6).to_string());
        let _ = writeln!(out, "shield_request_seconds_bucket{{le=\"{bound}\"}} {below}");
    }
    let seconds = sum(&|c| c.latency_sum.load(Relaxed)) as f64 / 1e6;
    let _ = writeln!(out, "shield_request_seconds_sum {seconds}\nshield_request_seconds_count {below}");
}

/// Refusals of all workers.
pub(crate) fn denials(workers: &[std::sync::Arc<Counters>]) -> BTreeMap<(&'static str, &'static str), u64> {
    let mut all = BTreeMap::new();
    for counters in workers {
        for (key, count) in counters.denials.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            *all.entry(*key).or_default() += count;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn workers_are_summed_and_buckets_are_cumulative() {
        let workers = [Arc::new(Counters::default()), Arc::new(Counters::default())];
        for worker in &workers {
            worker.answered(204, Duration::from_micros(300));
            worker.denied("rules", "block");
        }
        workers[0].answered(502, Duration::from_mins(1));
        let text = render(&workers, &Extra::new());
        for line in [
            "shield_responses_total{class=\"2xx\"} 2",
            "shield_responses_total{class=\"5xx\"} 1",
            "shield_request_seconds_bucket{le=\"0.00025\"} 0",
            "shield_request_seconds_bucket{le=\"0.0005\"} 2",
            "shield_request_seconds_bucket{le=\"+Inf\"} 3",
            "shield_denials_total{stage=\"rules\",reason=\"block\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
