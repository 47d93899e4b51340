//! What a whole document costs: made ready to judge, then native code for every endpoint.

use serde_json::json;
use shield_compiler::schema::{Document, PlanBuilder};
use shield_compiler::source::{MemorySources, SourceMap};
use shield_engine::schema::{Judge, Validators, interpreted};

/// Reads an OpenAPI document and says how long it takes and how much memory is there afterwards.
pub fn run(path: &str) {
    let text = std::fs::read_to_string(path).expect("a document");
    let name = if path.ends_with("json") { "api.json" } else { "api.yaml" };
    let (mut map, mut diagnostics, mut plan) = (SourceMap::default(), Vec::new(), PlanBuilder::new());
    let files = MemorySources::new([(name, text.as_str())]);
    let document = Document::read(&files, &mut map, name, &mut diagnostics).expect("an OpenAPI document");
    let compiled = document.compile(&mut plan, &mut diagnostics);
    let plan = plan.finish();
    drop((map, diagnostics, document, files));
    let nodes = plan.nodes.len();
    let left = interpreted(&plan).len();
    let (before, start) = (crate::rss(), crate::cpu_time());
    let validators = Validators::load(plan).expect("a plan");
    let operations = compiled.operations.into_iter().map(|operation| operation.operation);
    let judges: Vec<Judge> = operations.map(|operation| Judge::new(&validators, operation)).collect();
    let (active, loaded) = (crate::cpu_time() - start, crate::rss() - before);
    let start = crate::cpu_time();
    judges.iter().for_each(|judge| judge.compile(&validators).expect("code"));
    let code = crate::cpu_time() - start;
    println!(
        "{}",
        json!({"document": path, "operations": judges.len(), "schemas": nodes, "interpreted": left,
               "active_ms": crate::milliseconds(active).round(), "plan_mb": loaded.round(),
               "code_ms": crate::milliseconds(code).round(), "code_mb": (executable() * 10.0).round() / 10.0})
    );
}

/// The memory in MB that holds code and comes from no file.
fn executable() -> f64 {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let rows = maps.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let code = rows.filter(|row| row.get(1).is_some_and(|kind| kind.contains('x')) && row.len() == 5);
    let sizes = code.filter_map(|row| {
        let (start, end) = row.first()?.split_once('-')?;
        Some(u64::from_str_radix(end, 16).ok()? - u64::from_str_radix(start, 16).ok()?)
    });
    sizes.sum::<u64>() as f64 / 1e6
}
