//! `shieldc validate`: JSON files against a schema, every violation with its pointer.

use std::path::PathBuf;

use serde_json::{Value as Json, json};
use shield_compiler::schema::{Dialect, Reading, compile_schema_file};
use shield_compiler::source::SourceMap;
use shield_engine::schema::{Exhausted, Validators, Verdict, json as reader};
use shield_ir::schema::NodeId;

use super::bowtie::Backend;
use crate::files::{self, PolicyPath};
use crate::report::{Format, Reports};
use crate::{End, Failure, Io};

/// Arguments of `validate`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The schema, as JSON or YAML; files that it refers to lie beside it
    #[arg(long, value_name = "FILE")]
    schema: PathBuf,
    /// JSON files; `-` is standard input
    #[arg(required = true)]
    instances: Vec<PathBuf>,
    /// What `format` means
    #[arg(long, value_enum, default_value_t = Formats::Assert)]
    format: Formats,
    /// The dialect of a schema without `$schema`
    #[arg(long, value_enum, default_value_t = DialectName::Draft202012)]
    dialect: DialectName,
    /// What judges
    #[arg(long, value_enum, default_value_t = Backend::Interp)]
    backend: Backend,
    /// Write one JSON line for each file
    #[arg(long)]
    json: bool,
}

/// What `format` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Formats {
    /// A value without the format is valid.
    Annotate,
    /// A value without the format is not valid.
    Assert,
}

/// Dialects by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DialectName {
    /// JSON Schema 2020-12
    #[value(name = "2020-12")]
    Draft202012,
    /// JSON Schema draft 4
    #[value(name = "draft4")]
    Draft4,
    /// The schema object of OpenAPI 3.0
    #[value(name = "openapi3.0")]
    OpenApi30,
    /// The schema object of OpenAPI 3.1
    #[value(name = "openapi3.1")]
    OpenApi31,
}

impl DialectName {
    fn dialect(self) -> Dialect {
        match self {
            Self::Draft202012 => Dialect::Draft202012,
            Self::Draft4 => Dialect::Draft4,
            Self::OpenApi30 => Dialect::OpenApi30,
            Self::OpenApi31 => Dialect::OpenApi31,
        }
    }
}

pub(super) fn run(arguments: &Arguments, io: &mut Io<'_>) -> Result<End, Failure> {
    let policy = PolicyPath::open(&arguments.schema)?;
    let name = policy.entries.first().cloned().unwrap_or_default();
    let reading =
        Reading { dialect: arguments.dialect.dialect(), assert_formats: arguments.format == Formats::Assert };
    let mut map = SourceMap::default();
    let (plan, root) = match compile_schema_file(&policy.sources(), &mut map, &name, reading) {
        Ok(compiled) => compiled,
        Err(diagnostics) => {
            map.set_prefix(&policy.prefix);
            let mut reports = Reports::default();
            reports.add(diagnostics, map);
            reports.write(if arguments.json { Format::Json } else { Format::Text }, io)?;
            return Ok(End::Wrong);
        }
    };
    let validators = Validators::load(plan).map_err(|error| Failure::Usage(error.to_string()))?;
    let native = arguments.backend.native(&validators, root).map_err(Failure::Usage)?;
    let mut end = End::Fine;
    for path in &arguments.instances {
        let bytes = files::read(path)?;
        let violations = match native.as_ref().map(|native| validators.judge(native, &bytes)) {
            Some(Verdict::Valid) => Vec::new(),
            Some(Verdict::Invalid) => {
                let listed = violations(&validators, root, &bytes);
                if listed.is_empty() { vec![fault("verdict", "the backends disagree")] } else { listed }
            }
            None | Some(Verdict::Exhausted) => violations(&validators, root, &bytes),
        };
        if !violations.is_empty() {
            end = End::Wrong;
        }
        let shown = path.display().to_string();
        if arguments.json {
            writeln!(
                io.out,
                "{}",
                json!({ "file": shown, "valid": violations.is_empty(), "errors": violations })
            )?;
        } else {
            tell(&shown, &violations, io)?;
        }
    }
    Ok(end)
}

/// All that the interpreter finds wrong with a text.
fn violations(validators: &Validators, root: NodeId, text: &[u8]) -> Vec<Json> {
    match reader::parse(text) {
        Err(error) => vec![fault("json", &error.to_string())],
        Ok(document) => match validators.violations(root, &document) {
            Ok(violations) => violations.iter().map(as_json).collect(),
            Err(Exhausted) => vec![fault("budget", "takes more work than is allowed")],
        },
    }
}

fn fault(keyword: &str, message: &str) -> Json {
    json!({ "pointer": "", "keyword": keyword, "message": message })
}

fn tell(file: &str, violations: &[Json], io: &mut Io<'_>) -> Result<(), Failure> {
    if violations.is_empty() {
        writeln!(io.out, "{file}: valid")?;
    }
    for violation in violations {
        let text = |name: &str| violation.get(name).and_then(Json::as_str).unwrap_or_default();
        let place = if text("pointer").is_empty() { "the value" } else { text("pointer") };
        writeln!(io.out, "{file}: {place} {} ({})", text("message"), text("keyword"))?;
    }
    Ok(())
}

fn as_json(violation: &shield_engine::schema::Violation) -> Json {
    json!({
        "pointer": violation.pointer,
        "keyword": violation.keyword,
        "class": violation.class.name(),
        "message": violation.message,
    })
}
