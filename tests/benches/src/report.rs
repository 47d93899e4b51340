//! What a run over all sizes has measured, for people: a table for each mix, and a plot of how times grow.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// Engines of a table, in the order of its columns, with the colour of their lines.
const COLUMNS: [(&str, &str); 6] = [
    ("shield", "#0a7"),
    ("walk", "#888"),
    ("wirefilter", "#06c"),
    ("cel", "#c60"),
    ("cedar", "#a3a"),
    ("regorus", "#b22"),
];

/// Where the plot's axes end, in its own units.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 620.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 320.0;
/// Powers of ten of a nanosecond at the bottom and at the top.
const DECADES: (u32, u32) = (2, 8);

/// What another engine took for the same as in a row.
pub fn time(rows: &[Value], like: &Value, engine: &str) -> Option<f64> {
    find(rows, like, engine)?["ns"].as_f64()
}

fn find<'r>(rows: &'r [Value], like: &Value, engine: &str) -> Option<&'r Value> {
    let same = |row: &&Value| ["mix", "rules", "case"].iter().all(|key| row[key] == like[key]);
    rows.iter().find(|row| row["engine"] == engine && same(row))
}

fn sizes(rows: &[Value]) -> Vec<u64> {
    let mut sizes: Vec<u64> = rows.iter().filter_map(|row| row["rules"].as_u64()).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

fn shown(ns: f64) -> String {
    match ns {
        ..1e3 => format!("{ns:.0} ns"),
        1e3..1e6 => format!("{:.1} µs", ns / 1e3),
        _ => format!("{:.1} ms", ns / 1e6),
    }
}

/// The tables, in Markdown.
pub fn tables(rows: &[Value]) -> String {
    let mut out = String::new();
    for mix in ["scalar", "full"] {
        let names: Vec<&str> = COLUMNS.map(|(name, _)| name).to_vec();
        let peers: Vec<String> = names[2..].iter().map(|name| format!("vs {name}")).collect();
        let _ = writeln!(out, "\n{mix}\n\n| rules | case | {} | {} |", names.join(" | "), peers.join(" | "));
        let _ = writeln!(out, "|{}", "---|".repeat(2 + names.len() + peers.len()));
        for rules in sizes(rows) {
            for case in ["no_match", "match"] {
                let like = json!({ "mix": mix, "rules": rules, "case": case });
                let times: Vec<_> = names.iter().map(|name| time(rows, &like, name)).collect();
                let own = times[0].unwrap_or(f64::NAN);
                let cell = |text: Option<String>| text.unwrap_or_else(|| "—".to_owned());
                let columns: Vec<_> = times.iter().map(|time| cell(time.map(shown))).collect();
                let ratios = times[2..].iter().map(|time| cell(time.map(|time| ratio(time / own))));
                let ratios: Vec<_> = ratios.collect();
                let case = case.replace('_', " ");
                let _ =
                    writeln!(out, "| {rules} | {case} | {} | {} |", columns.join(" | "), ratios.join(" | "));
            }
        }
        let largest = json!({ "mix": mix, "rules": sizes(rows).last(), "case": "match" });
        for row in names.iter().filter_map(|name| find(rows, &largest, name)) {
            let (name, load, memory) = (&row["engine"], &row["load_ms"], &row["rss_mb"]);
            let _ = writeln!(out, "- loading {}: {name} {load} ms, {memory} MB", largest["rules"]);
        }
    }
    out
}

fn ratio(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2}×") } else { format!("{ratio:.0}×") }
}

/// The plot: the full mix, and wirefilter in the scalar one, where nothing matches; both axes logarithmic.
pub fn plot(rows: &[Value]) -> String {
    let mut out = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 360\" font-family=\"sans-serif\" font-size=\"11\">\
         <title>Time per request that nothing matches, by number of rules, both axes logarithmic</title>\
         <rect width=\"720\" height=\"360\" fill=\"white\"/>\n",
    );
    let y = |ns: f64| {
        let (low, high) = (f64::from(DECADES.0), f64::from(DECADES.1));
        BOTTOM - (ns.log10() - low) / (high - low) * (BOTTOM - TOP)
    };
    for decade in DECADES.0..=DECADES.1 {
        let (ns, at) = (10_f64.powi(decade as i32), y(10_f64.powi(decade as i32)));
        let label = shown(ns).replace(".0", "");
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" y1=\"{at:.0}\" x2=\"{RIGHT}\" y2=\"{at:.0}\" stroke=\"#eee\"/>\
             <text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{label}</text>",
            LEFT - 6.0,
            at + 4.0
        );
    }
    let sizes = sizes(rows);
    let last = sizes.last().copied().unwrap_or(10) as f64;
    let x = |rules: u64| LEFT + (rules as f64).log10() / last.log10() * (RIGHT - LEFT);
    for rules in &sizes {
        let _ = writeln!(out, "<text x=\"{:.0}\" y=\"338\" text-anchor=\"middle\">{rules}</text>", x(*rules));
    }
    for (engine, colour) in COLUMNS {
        let mix = if engine == "wirefilter" { "scalar" } else { "full" };
        let known = |rules: &u64| {
            let like = json!({ "mix": mix, "rules": rules, "case": "no_match" });
            Some((x(*rules), y(time(rows, &like, engine)?)))
        };
        let points: Vec<(f64, f64)> = sizes.iter().filter_map(known).collect();
        let Some((right, height)) = points.last() else { continue };
        let line: Vec<_> = points.iter().map(|(x, y)| format!("{x:.0},{y:.0}")).collect();
        let dashes = if mix == "scalar" { "4 3" } else { "" };
        let note = if mix == "scalar" { " (scalar)" } else { "" };
        let _ = writeln!(
            out,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\" points=\"{}\"/>\
             <text x=\"{:.0}\" y=\"{:.0}\" fill=\"{colour}\">{engine}{note}</text>",
            line.join(" "),
            right + 4.0,
            height + 4.0
        );
    }
    out + "</svg>\n"
}
