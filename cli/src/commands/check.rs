//! `shieldc check`: every mistake of policies, or of bare expressions.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::PathBuf;

use serde_json::{Value as Json, json};
use shield_compiler::{BareOptions, Diagnostic, expression};
use shield_ir::Bundle;
use shield_ir::operation::ContentKind;

use super::{Telling, compiled};
use crate::report::{Format, Reports};
use crate::{End, Failure, Io};

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Files, or folders whose `.shield` files form one policy each
    #[arg(required_unless_present = "stdin_exprs")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    telling: Telling,
    /// Say too what native code is made for
    #[arg(short, long)]
    verbose: bool,
    /// Read `{"expr": …}` lines from standard input, write `{"type": …}` or `{"error": …}` lines
    #[arg(long, conflicts_with = "paths")]
    stdin_exprs: bool,
}

pub(super) fn run(arguments: &Arguments, io: &mut Io<'_>) -> Result<End, Failure> {
    if arguments.stdin_exprs {
        return expressions(&mut std::io::stdin().lock(), io);
    }
    let mut reports = Reports::default();
    for path in &arguments.paths {
        let outcome = compiled(path)?;
        if let (true, Some(bundle)) = (arguments.verbose, &outcome.bundle) {
            native(&path.display().to_string(), bundle, io)?;
        }
        reports.add(outcome.diagnostics, outcome.sources);
    }
    reports.write(arguments.telling.format, io)?;
    let end = reports.end(arguments.telling.denies_warnings());
    if end == End::Fine && arguments.telling.format == Format::Text {
        let count = arguments.paths.len();
        writeln!(io.err, "{count} {} checked, no errors", if count == 1 { "policy" } else { "policies" })?;
    }
    Ok(end)
}

/// Says how many schemas have native code, and which keywords keep the others from it.
fn native(policy: &str, bundle: &Bundle, io: &mut Io<'_>) -> Result<(), Failure> {
    let interpreted = shield_engine::schema::interpreted(&bundle.schemas);
    let (all, own) = (bundle.schemas.nodes.len(), interpreted.len());
    writeln!(io.err, "{policy}: native code for {} of {all} schemas", all - own)?;
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (_, reason) in interpreted {
        *counts.entry(reason.text()).or_default() += 1;
    }
    for ((keyword, why), count) in counts {
        writeln!(io.err, "{policy}: the interpreter judges {count} with `{keyword}`: {why}")?;
    }
    for (kind, what) in [(ContentKind::Form, "forms"), (ContentKind::Multipart, "multipart bodies")] {
        let count = contents(bundle).filter(|known| *known == kind).count();
        if count > 0 {
            let why = "native code reads JSON, and these are no JSON before their parts are put together";
            writeln!(io.err, "{policy}: {what} that the interpreter judges: {count}; {why}")?;
        }
    }
    Ok(())
}

/// How the bodies of requests are read that have a schema.
fn contents(bundle: &Bundle) -> impl Iterator<Item = ContentKind> {
    let operations = bundle.endpoints.iter().filter_map(|endpoint| endpoint.operation.as_ref());
    let contents = operations.filter_map(|operation| operation.body.as_ref()).flat_map(|body| &body.contents);
    contents
        .filter(|content| content.schema.is_some())
        .map(|content| ContentKind::of(content.media_type.split(';').next().unwrap_or_default().trim()))
}

/// One JSON line in, one out, until the input ends.
fn expressions(input: &mut dyn BufRead, io: &mut Io<'_>) -> Result<End, Failure> {
    for line in input.lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let answer = match expr_of(&line) {
            Ok((expr, _)) => match expression(&expr, &BareOptions::default()) {
                (Some(bare), _, _) => json!({ "type": bare.ty.to_string() }),
                (None, diagnostics, _) => json!({ "error": error(&diagnostics) }),
            },
            Err(message) => json!({ "error": { "code": "input", "message": message, "span": null } }),
        };
        writeln!(io.out, "{answer}")?;
        io.out.flush()?;
    }
    Ok(End::Fine)
}

/// The expression of an input line, and the whole line.
pub(super) fn expr_of(line: &str) -> Result<(String, Json), String> {
    let json: Json = serde_json::from_str(line).map_err(|error| format!("not JSON: {error}"))?;
    let expr = json.get("expr").and_then(Json::as_str).ok_or("a line has a member `expr`")?;
    Ok((expr.to_owned(), json.clone()))
}

/// The first error as data.
pub(super) fn error(diagnostics: &[Diagnostic]) -> Json {
    diagnostics.iter().find(|diagnostic| diagnostic.is_error()).map_or(Json::Null, |diagnostic| {
        json!({
            "code": diagnostic.code.name,
            "message": diagnostic.message,
            "span": [diagnostic.span.start, diagnostic.span.end],
            "help": diagnostic.help,
        })
    })
}
