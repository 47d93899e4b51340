//! What matching costs: `cargo run --release --manifest-path tests/benches/Cargo.toml -- rules [--json]`.
//!
//! Every engine and size runs in a process of its own, on the same conditions and requests, from a parsed request head to the
//! verdict; the verdicts are asserted. Without `--json`, a table. `worst` tries what indexes are bad at.
//! `schema [--json]` does the same for JSON bodies, `schema real` for schemas of real documents.

mod callers;
mod mix;
mod peers;
mod report;
mod schema;
mod shield;

use std::hint::black_box;
use std::process::Command;
use std::time::Duration;

use mix::{Condition, Mix, Request};
use serde_json::{Value, json};
use shield_engine::Backend;
use shield_ir::FieldId;

/// What `shieldd` runs with too; every engine gets it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIZES: [usize; 5] = [1, 10, 100, 1_000, 10_000];
/// Every engine is measured so many times, with all others in between.
const PASSES: usize = 5;
const ENGINES: [&str; 7] = ["shield", "shield-interpreter", "walk", "wirefilter", "cel", "cedar", "regorus"];

/// What is measured by which arguments.
const USAGE: &str = "rules [--json] | schema [real] [--json] | schema load FILE | limits [--json] | jwt [--json] | worst-all | worst CASE \
    | one ENGINE MIX RULES";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["one", engine, mix, rules] => one(engine, mix, rules),
        ["count", "schema", "names"] => schema::names(),
        ["count", "schema", name, case] => schema::count(name, case, "shield"),
        ["count", "schema", name, case, engine] => schema::count(name, case, engine),
        ["count", mix, rules, case] => count(mix, rules, case),
        ["worst", case] => worst(case),
        ["schema", ..] => schema::run(&arguments),
        ["rules", ..] => rules(arguments.contains(&"--json")),
        ["limits", ..] => callers::limits(arguments.contains(&"--json")),
        ["jwt", ..] => callers::jwt(arguments.contains(&"--json")),
        ["worst-all"] => {
            for case in ["unanchored", "regexes", "suffixes", "all-candidates", "addresses", "strings"] {
                print!("{}", child(&["worst", case]));
            }
        }
        _ => eprintln!("{USAGE}"),
    }
}

fn child(arguments: &[&str]) -> String {
    let this = std::env::current_exe().expect("this program");
    let output = Command::new(this).args(arguments).output().expect("a child");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Runs everything and compares.
fn rules(as_json: bool) {
    let mut rows: Vec<Value> = Vec::new();
    for (pass, mix) in (0..PASSES).flat_map(|pass| [(pass, Mix::Scalar), (pass, Mix::Full)]) {
        for size in SIZES {
            for engine in ENGINES {
                // wirefilter has no words for the full mix; ten thousand bodies are more than a program of regorus may hold.
                if (engine == "wirefilter" && mix == Mix::Full) || (engine == "regorus" && size == 10_000) {
                    continue;
                }
                let text = child(&["one", engine, mix.name(), &size.to_string()]);
                let new = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a result"));
                if pass == 0 {
                    rows.extend(new);
                } else {
                    new.for_each(|new| keep_best(&mut rows, &new));
                }
            }
        }
    }
    if !as_json {
        println!("{}", report::tables(&rows));
        let plot = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/performance.svg");
        return std::fs::write(plot, report::plot(&rows)).expect("the manual's folder");
    }
    for row in &rows {
        let ratio = |peer| {
            let peer = report::time(&rows, row, peer)?;
            Some((peer / row["ns"].as_f64()? * 100.0).round() / 100.0)
        };
        let mut row = row.clone();
        row["vs_wirefilter"] = json!(ratio("wirefilter"));
        row["vs_cel"] = json!(ratio("cel"));
        println!("{row}");
    }
}

/// Of what was measured twice, the better times count: what else the machine does only ever makes them worse.
fn keep_best(rows: &mut [Value], new: &Value) {
    let same = |row: &&mut Value| ["engine", "mix", "rules", "case"].iter().all(|key| row[key] == new[key]);
    let known = rows.iter_mut().find(same).expect("the first pass has all");
    for time in ["ns", "load_ms"] {
        if new[time].as_f64() < known[time].as_f64() {
            known[time] = new[time].clone();
        }
    }
}

/// One engine, mix and size: a line for each case.
fn one(engine: &str, mix: &str, rules: &str) {
    let mix = if mix == "scalar" { Mix::Scalar } else { Mix::Full };
    let rules: usize = rules.parse().expect("a number");
    let conditions = mix::conditions(mix, rules);
    let country = FieldId::find("ip.src.country").expect("a field");
    let report = |load: f64, before: f64, judge: &dyn Fn(&Request) -> bool| {
        // What is made when first used belongs to loading.
        assert!(!judge(&mix::no_match()) && judge(&mix::matching()), "{engine} says otherwise");
        let rss = rss() - before;
        for (case, request) in [("no_match", mix::no_match()), ("match", mix::matching())] {
            let ns = measure(|| black_box(judge(black_box(&request))));
            println!(
                "{}",
                json!({"engine": engine, "mix": mix.name(), "rules": rules, "case": case, "ns": (ns * 10.0).round() / 10.0,
                       "load_ms": (load * 100.0).round() / 100.0, "rss_mb": (rss * 10.0).round() / 10.0})
            );
        }
    };
    match engine {
        "shield" | "shield-interpreter" | "walk" => {
            let backend = if engine == "shield" { Backend::Jit } else { Backend::Interpreter };
            let bytes = shield::bundle(&conditions);
            let (before, start) = (rss(), cpu_time());
            let policy = shield::load(&bytes, backend);
            let load = milliseconds(cpu_time() - start);
            if engine == "walk" {
                report(load, before, &|request| shield::walk(&policy, request, country));
            } else {
                report(load, before, &|request| shield::judge(&policy, request, country));
            }
        }
        "wirefilter" => {
            let scheme = peers::scheme();
            let (before, start) = (rss(), cpu_time());
            let filters = peers::wirefilters(&scheme, &conditions).expect("the scalar mix");
            report(milliseconds(cpu_time() - start), before, &|request| {
                peers::wirefilter(&scheme, &filters, request)
            });
        }
        "cel" => {
            let (before, start) = (rss(), cpu_time());
            let cel = peers::cel(&conditions);
            report(milliseconds(cpu_time() - start), before, &|request| cel.judge(request));
        }
        "cedar" => {
            let (before, start) = (rss(), cpu_time());
            let cedar = peers::cedar::cedar(&conditions);
            report(milliseconds(cpu_time() - start), before, &|request| cedar.judge(request));
        }
        "regorus" => {
            let (before, start) = (rss(), cpu_time());
            let rego = peers::rego::rego(&conditions);
            report(milliseconds(cpu_time() - start), before, &|request| rego.judge(request));
        }
        other => panic!("no engine {other}"),
    }
}

/// Judges a request a hundred times: `tests/benches/counts.sh` counts the instructions.
fn count(mix: &str, rules: &str, case: &str) {
    let mix = if mix == "scalar" { Mix::Scalar } else { Mix::Full };
    let conditions = mix::conditions(mix, rules.parse().expect("a number"));
    let country = FieldId::find("ip.src.country").expect("a field");
    let policy = shield::load(&shield::bundle(&conditions), Backend::Jit);
    let request = if case == "match" { mix::matching() } else { mix::no_match() };
    shield::judge(&policy, &request, country);
    counted(&policy, &request, country);
}

/// What is counted.
#[inline(never)]
fn counted(policy: &shield_engine::Policy, request: &Request, country: FieldId) {
    for _ in 0..100 {
        black_box(shield::judge(policy, black_box(request), country));
    }
}

/// What indexes are bad at, 10,000 rules of each, and long lists.
fn worst(case: &str) {
    let country = FieldId::find("ip.src.country").expect("a field");
    let count = 10_000;
    let of = |make: &dyn Fn(usize) -> Condition| (0..count).map(make).collect::<Vec<_>>();
    let conditions = match case {
        // A literal of any length would be an anchor; a class is none.
        "unanchored" => of(&|at| Condition::PathRegex(format!("^[/a-z]+[0-9]{{{}}}$", 20 + at % 200))),
        "regexes" => of(&|at| Condition::PathRegex(format!("^/api/v[0-9]+/secret{at}/[a-z]+$"))),
        "suffixes" => of(&|at| Condition::Wildcard(format!("*/suffix-{at}.bak"))),
        "all-candidates" => of(&|at| {
            Condition::PathRegex(format!("^/api/v2/products/1234/reviews.?[0-9]{{{}}}x", at % 100 + 1))
        }),
        "addresses" => {
            let networks =
                |from: usize| (from..from + 100).map(|at| ((at >> 16) as u8, (at >> 8) as u8, at as u8));
            of(&|at| Condition::Networks(networks(at * 100).collect(), "POST"))
        }
        "strings" => of(&|at| Condition::Path(format!("/{at}/{at}"))),
        other => panic!("no case {other}"),
    };
    let bytes = shield::bundle(&conditions);
    let (before, start) = (rss(), cpu_time());
    let policy = shield::load(&bytes, Backend::Jit);
    let load = milliseconds(cpu_time() - start);
    let request = mix::no_match();
    assert!(!shield::judge(&policy, &request, country));
    let rss = rss() - before;
    let ns = measure(|| black_box(shield::judge(&policy, black_box(&request), country)));
    println!(
        "{}",
        json!({"case": case, "rules": count, "ns": ns.round(), "load_ms": load.round(), "rss_mb": rss.round()})
    );
}

/// The nanoseconds of one call: the best of several rounds.
fn measure(mut call: impl FnMut() -> bool) -> f64 {
    let start = cpu_time();
    let mut calls = 0_u32;
    while cpu_time() - start < Duration::from_millis(30) {
        call();
        calls += 1;
    }
    let rounds = 7;
    (0..rounds)
        .map(|_| {
            let start = cpu_time();
            for _ in 0..calls {
                call();
            }
            (cpu_time() - start).as_nanos() as f64 / f64::from(calls)
        })
        .fold(f64::INFINITY, f64::min)
}

/// What this process has computed: other processes on the machine do not count.
fn cpu_time() -> Duration {
    cpu_time::ProcessTime::now().as_duration()
}

fn milliseconds(elapsed: Duration) -> f64 {
    elapsed.as_secs_f64() * 1e3
}

/// The resident memory of this process in MB.
fn rss() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_ascii_whitespace().nth(1).and_then(|number| number.parse::<f64>().ok()).unwrap_or_default()
        / 1024.0
}
