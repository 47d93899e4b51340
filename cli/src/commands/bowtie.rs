//! `shieldc bowtie`: the harness protocol of Bowtie, one JSON line in, one out.

use std::io::BufRead;

use serde_json::{Value as Json, json};
use shield_compiler::schema::{Dialect, Reading, Texts, compile_schema};
use shield_compiler::source::SourceMap;
use shield_engine::schema::{Native, Validators, Verdict, json as reader};
use shield_ir::schema::{Direction, NodeId};

use super::validate::Formats;
use crate::{End, Failure, Io};

/// Arguments of `bowtie`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What `format` means
    #[arg(long, value_enum, default_value_t = Formats::Annotate)]
    format: Formats,
    /// What judges
    #[arg(long, value_enum, default_value_t = Backend::Interp)]
    backend: Backend,
}

/// What judges values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Backend {
    /// The interpreter, which defines what a schema means
    Interp,
    /// Native code, and the interpreter where there is none
    Jit,
}

impl Backend {
    /// Native code for a schema, where this asks for it and some can be made.
    pub(super) fn native(self, validators: &Validators, root: NodeId) -> Result<Option<Native>, String> {
        match self {
            Self::Interp => Ok(None),
            Self::Jit => validators.native(root, Direction::Both).map_err(|error| error.to_string()),
        }
    }
}

/// The dialects that the harness may ask for.
const DIALECTS: &[(&str, Dialect)] = &[
    ("https://json-schema.org/draft/2020-12/schema", Dialect::Draft202012),
    ("http://json-schema.org/draft-04/schema#", Dialect::Draft4),
];

/// The name by which a schema knows itself, until it says another.
const ROOT: &str = "http://shield.invalid/schema";

pub(super) fn run(arguments: &Arguments, io: &mut Io<'_>) -> Result<End, Failure> {
    let assert_formats = arguments.format == Formats::Assert;
    let mut reading = Reading { dialect: Dialect::Draft202012, assert_formats };
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let request: Json = serde_json::from_str(&line)
            .map_err(|error| Failure::Usage(format!("a line is not JSON: {error}")))?;
        let answer = match request.get("cmd").and_then(Json::as_str) {
            Some("start") => start(),
            Some("dialect") => dialect(&request, &mut reading),
            Some("run") => case(&request, reading, arguments.backend),
            Some("stop") => return Ok(End::Fine),
            other => return Err(Failure::Usage(format!("`{}` is no command", other.unwrap_or("?")))),
        };
        writeln!(io.out, "{answer}")?;
        io.out.flush()?;
    }
    Ok(End::Fine)
}

fn start() -> Json {
    json!({
        "version": 1,
        "implementation": {
            "language": "rust",
            "name": "shield",
            "version": env!("CARGO_PKG_VERSION"),
            "homepage": "https://shield.example",
            "issues": "https://shield.example/issues",
            "source": "https://shield.example",
            "dialects": DIALECTS.iter().map(|(uri, _)| *uri).collect::<Vec<_>>(),
        },
    })
}

fn dialect(request: &Json, reading: &mut Reading) -> Json {
    let asked = request.get("dialect").and_then(Json::as_str).unwrap_or_default();
    let known = DIALECTS.iter().find(|(uri, _)| uri.trim_end_matches('#') == asked.trim_end_matches('#'));
    if let Some((_, dialect)) = known {
        reading.dialect = *dialect;
    }
    json!({ "ok": known.is_some() })
}

/// One schema with its values.
fn case(request: &Json, reading: Reading, backend: Backend) -> Json {
    let seq = request.get("seq").cloned().unwrap_or(Json::Null);
    let Some(case) = request.get("case") else {
        return json!({ "seq": seq, "errored": true, "context": { "message": "a run has a case" } });
    };
    let schema = case.get("schema").cloned().unwrap_or(Json::Bool(true)).to_string();
    let registry = case.get("registry").and_then(Json::as_object).into_iter().flatten();
    let others: Vec<(String, String)> =
        registry.map(|(uri, schema)| (uri.clone(), schema.to_string())).collect();
    let others: Vec<(&str, &str)> = others.iter().map(|(uri, text)| (uri.as_str(), text.as_str())).collect();
    let texts = Texts { root: (ROOT, &schema), others: &others };
    let loaded = compile_schema(&mut SourceMap::default(), texts, reading)
        .map_err(|diagnostics| diagnostics.first().map(|first| first.message.clone()).unwrap_or_default())
        .and_then(|(plan, root)| {
            let validators = Validators::load(plan).map_err(|error| error.to_string())?;
            let native = backend.native(&validators, root)?;
            Ok((validators, root, native))
        });
    let (validators, root, native) = match loaded {
        Ok(loaded) => loaded,
        Err(message) => return json!({ "seq": seq, "errored": true, "context": { "message": message } }),
    };
    let tests = case.get("tests").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let results: Vec<Json> = tests
        .iter()
        .map(|test| {
            let text = test.get("instance").unwrap_or(&Json::Null).to_string();
            let verdict = native.as_ref().map(|native| validators.judge(native, text.as_bytes()));
            match reader::parse(text.as_bytes()) {
                Ok(_) if verdict == Some(Verdict::Valid) => json!({ "valid": true }),
                Ok(_) if verdict == Some(Verdict::Invalid) => json!({ "valid": false }),
                Ok(document) => match validators.is_valid(root, &document) {
                    Ok(valid) => json!({ "valid": valid }),
                    Err(_) => json!({ "errored": true, "context": { "message": "takes too much work" } }),
                },
                Err(error) => json!({ "errored": true, "context": { "message": error.to_string() } }),
            }
        })
        .collect();
    json!({ "seq": seq, "results": results })
}
