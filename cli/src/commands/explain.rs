//! `shieldc explain`: the page of a diagnostic's code, the tables of fields and functions, and why a request fares as it does.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use shield_compiler::codes::{CODES, Code};
use shield_compiler::explain::page;
use shield_engine::{Backend, Exchange, Policy};
use shield_ir::builtin::BUILTINS;
use shield_ir::bundle::MAGIC;
use shield_ir::field::FIELDS;
use shield_ir::policy::RuleId;
use shield_ir::{Bundle, Phase};
use shield_state::Memory;

use super::{Telling, good};
use crate::request::Request;
use crate::verdict::Verdict;
use crate::{End, Failure, Io, files};

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A code such as `E0302`, or `codes`, `fields`, `functions`; with `--request`, a bundle or policy
    topic: String,
    /// A file with a request as JSON, as `eval` takes it: which rules were candidates, what decided, and the time it took
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, io: &mut Io<'_>) -> Result<End, Failure> {
    if let Some(request) = &arguments.request {
        return decision(Path::new(&arguments.topic), request, io);
    }
    match arguments.topic.as_str() {
        "codes" => {
            for code in CODES {
                writeln!(io.out, "{}  {}", code.name, code.title)?;
            }
        }
        "fields" => {
            for row in FIELDS {
                writeln!(
                    io.out,
                    "{:<55} {:<22} {:<9} {}",
                    row.name,
                    row.ty.to_string(),
                    row.phase.name(),
                    row.doc
                )?;
            }
        }
        "functions" => {
            for row in BUILTINS {
                let parameters = row.required.iter().map(|parameter| parameter.name.to_owned());
                let optional = row.optional.iter().map(|parameter| format!("[{}]", parameter.name));
                let rest = row.rest.iter().map(|_| "…".to_owned());
                let all: Vec<String> = parameters.chain(optional).chain(rest).collect();
                writeln!(io.out, "{}({})\n    {}", row.name, all.join(", "), row.doc)?;
            }
        }
        code => {
            let Some(code) = Code::find(code) else {
                return Err(Failure::Usage(format!(
                    "there is no code `{code}`; `shieldc explain codes` lists all, `fields` and `functions` list those"
                )));
            };
            writeln!(io.out, "{}", page(code).trim_end())?;
        }
    }
    Ok(End::Fine)
}

/// How often a request is judged to see how long it takes.
const ROUNDS: u32 = 100;

/// Bytes of counters that one request may fill.
const STORE_BYTES: usize = 1 << 20;

/// Says what a policy makes of a request, and why.
fn decision(policy: &Path, request: &Path, io: &mut Io<'_>) -> Result<End, Failure> {
    let bundle = match bundle(policy, io)? {
        Ok(bundle) => bundle,
        Err(end) => return Ok(end),
    };
    let failure = |why: String| Failure::File { path: request.display().to_string(), why };
    let json: Json =
        serde_json::from_str(&files::read_text(request)?).map_err(|error| failure(error.to_string()))?;
    let request = Request::from_json(&json).map_err(failure)?;
    let load = |backend| {
        let digest = bundle.encode().digest;
        Policy::load(bundle.clone(), digest, backend).map_err(|error| Failure::Usage(error.to_string()))
    };
    let (native, interpreter) = (load(Backend::Jit)?, load(Backend::Interpreter)?);
    let mut phases = Vec::new();
    let store = Memory::new(STORE_BYTES);
    let verdict = Verdict::of(&native, &store, &request, |exchange| phases = considered(&native, exchange));
    writeln!(io.out, "verdict      {}", verdict.words())?;
    for event in &verdict.events {
        let by = verdict
            .cite(event.by)
            .map(|item| format!(" by {} at {}:{}", item.name, item.origin.file, item.origin.line));
        writeln!(
            io.out,
            "found        {} {}{}",
            event.kind.name(),
            event.reason.label(),
            by.unwrap_or_default()
        )?;
    }
    for phase in &phases {
        writeln!(io.out, "{:<12} {}", format!("{} rules", phase.name), phase.counts())?;
        for (name, holds) in &phase.candidates {
            writeln!(io.out, "             {} {name}", if *holds { "holds    " } else { "does not " })?;
        }
    }
    let (fast, slow) = (time(&native, &request), time(&interpreter, &request));
    let backend = if native.backend() == Backend::Jit { "native code" } else { "no native code here" };
    writeln!(io.out, "time         {fast:.1?} ({backend}), {slow:.1?} (interpreter); the best of {ROUNDS}")?;
    Ok(End::Fine)
}

/// The bundle of a path: its bytes, or what the policy there compiles to.
fn bundle(path: &Path, io: &mut Io<'_>) -> Result<Result<Bundle, End>, Failure> {
    if path.is_file() {
        let bytes = files::read(path)?;
        if bytes.starts_with(&MAGIC) {
            let decoded = Bundle::decode(&bytes).map(|(bundle, _)| Ok(bundle));
            let path = path.display().to_string();
            return decoded.map_err(|error| Failure::File { path, why: error.to_string() });
        }
    }
    let compiled = good(path, Telling::default(), io)?;
    Ok(compiled.and_then(|outcome| outcome.bundle.ok_or(End::Wrong)))
}

/// What became of a phase's rules.
struct Considered {
    name: &'static str,
    rules: usize,
    /// Those that the index let through and whose scope and condition were looked at, and whether they hold.
    candidates: Vec<(String, bool)>,
}

impl Considered {
    fn counts(&self) -> String {
        format!("{}, of which the index lets {} through", self.rules, self.candidates.len())
    }
}

/// The phases that have rules; facts do not change, so that what is asked at the end is what was asked on the way.
fn considered(policy: &Policy, exchange: &Exchange<'_>) -> Vec<Considered> {
    let name = |id: &RuleId| policy.bundle().rules.get(id.0 as usize).map(|rule| rule.name.to_string());
    let phase = |phase: Phase| {
        let holding = policy.holding(exchange, phase);
        let candidates = policy.candidates(exchange, phase);
        let candidates = candidates.iter().filter_map(|id| Some((name(id)?, holding.contains(id)))).collect();
        Considered { name: phase.name(), rules: policy.rules(phase).len(), candidates }
    };
    Phase::ALL.into_iter().map(phase).filter(|phase| phase.rules > 0).collect()
}

#[expect(clippy::disallowed_methods, reason = "how long it takes is what was asked")]
fn time(policy: &Policy, request: &Request) -> Duration {
    let one = |_| {
        let store = Memory::new(STORE_BYTES);
        let before = Instant::now();
        let verdict = Verdict::of(policy, &store, request, |_| ());
        let spent = before.elapsed();
        drop(verdict);
        spent
    };
    (0..ROUNDS).map(one).min().unwrap_or_default()
}
