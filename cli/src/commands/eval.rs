//! `shieldc eval`: an expression's value for a request.

use std::io::BufRead;
use std::path::PathBuf;

use serde_json::{Value as Json, json};
use shield_compiler::{Bare, BareOptions, expression};
use shield_engine::Limits;
use shield_engine::constants::Constants;
use shield_engine::interp::{Meaning, evaluate};

use super::check::{error, expr_of};
use crate::report::{Format, Reports};
use crate::request::Request;
use crate::value::to_json;
use crate::{End, Failure, Io, files};

/// Arguments of `eval`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The expression
    #[arg(required_unless_present = "stdin")]
    expression: Option<String>,
    /// A file with the request as JSON; `-` is standard input
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// Read `{"expr": …, "request": …}` lines from standard input, write one line for each
    #[arg(long, conflicts_with_all = ["expression", "request"])]
    stdin: bool,
}

pub(super) fn run(arguments: &Arguments, io: &mut Io<'_>) -> Result<End, Failure> {
    let Some(text) = &arguments.expression else { return lines(&mut std::io::stdin().lock(), io) };
    let request = match &arguments.request {
        Some(path) => {
            let failure = |why: String| Failure::File { path: path.display().to_string(), why };
            let json: Json =
                serde_json::from_str(&files::read_text(path)?).map_err(|error| failure(error.to_string()))?;
            Request::from_json(&json).map_err(failure)?
        }
        None => Request::default(),
    };
    let (bare, diagnostics, sources) = expression(text, &options(&request));
    let mut reports = Reports::default();
    reports.add(diagnostics, sources);
    reports.write(Format::Text, io)?;
    let Some(bare) = bare else { return Ok(End::Wrong) };
    match value(&bare, &request) {
        Ok(Some(json)) => writeln!(io.out, "{json}")?,
        Ok(None) => writeln!(io.out, "absent")?,
        Err(why) => {
            writeln!(io.err, "shieldc: {why}")?;
            return Ok(End::Wrong);
        }
    }
    Ok(End::Fine)
}

/// One JSON line in, one out, until the input ends.
fn lines(input: &mut dyn BufRead, io: &mut Io<'_>) -> Result<End, Failure> {
    for line in input.lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let answer = answer(&line).unwrap_or_else(
            |message| json!({ "error": { "code": "input", "message": message, "span": null } }),
        );
        writeln!(io.out, "{answer}")?;
        io.out.flush()?;
    }
    Ok(End::Fine)
}

fn answer(line: &str) -> Result<Json, String> {
    let (text, json) = expr_of(line)?;
    let request = json.get("request").map_or_else(|| Ok(Request::default()), Request::from_json)?;
    let (bare, diagnostics, _) = expression(&text, &options(&request));
    let Some(bare) = bare else { return Ok(json!({ "error": error(&diagnostics) })) };
    Ok(match value(&bare, &request)? {
        Some(value) => json!({ "value": value }),
        None => json!({ "absent": true }),
    })
}

/// A request that says anything of fields may be asked for those that need Cloudflare's network.
fn options(request: &Request) -> BareOptions {
    let declared = request.declared.iter().map(|(name, ty, _)| (name.clone(), *ty)).collect();
    BareOptions { declared, cloud: request.has_fields }
}

/// What an expression gives for a request.
fn value(bare: &Bare, request: &Request) -> Result<Option<Json>, String> {
    let constants = Constants::of(&bare.program).map_err(|error| error.to_string())?;
    let meaning = Meaning { program: &bare.program, constants: &constants };
    request
        .with_canonical(&Limits::default(), |canonical| {
            let mut exchange = request.exchange(canonical);
            request.complete(&mut exchange);
            evaluate(meaning, bare.root, &exchange).map(|value| to_json(&value))
        })
        .map_err(|denial| format!("the request is refused: {}", denial.reason.label()))
}
