//! `shieldc import`: a starting policy for what describes an API already.

use std::path::{Path, PathBuf};

use shield_compiler::schema::import as policy_of;
use shield_compiler::source::SourceMap;

use crate::files::{self, PolicyPath};
use crate::report::{Format, Reports};
use crate::{End, Failure, Io};

/// What can be imported.
#[derive(Debug, clap::Subcommand)]
pub enum Import {
    /// An OpenAPI document
    Openapi(Arguments),
}

/// Arguments of `import openapi`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The document, as JSON or YAML
    spec: PathBuf,
    /// Where the policy is written; the document must lie in that folder or below. Standard output if left out
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(import: &Import, io: &mut Io<'_>) -> Result<End, Failure> {
    let Import::Openapi(arguments) = import;
    let document = PolicyPath::open(&arguments.spec)?;
    let name = document.entries.first().cloned().unwrap_or_default();
    let shown = match &arguments.output {
        None => name.clone(),
        Some(output) => below(output, &arguments.spec)?,
    };
    let (mut map, mut diagnostics) = (SourceMap::default(), Vec::new());
    let policy = policy_of(&document.sources(), &mut map, (&name, &shown), &mut diagnostics);
    map.set_prefix(&document.prefix);
    let mut reports = Reports::default();
    reports.add(diagnostics, map);
    reports.write(Format::Text, io)?;
    let (Some(text), End::Fine) = (policy, reports.end(false)) else { return Ok(End::Wrong) };
    match &arguments.output {
        None => write!(io.out, "{text}")?,
        Some(output) => files::write(output, text.as_bytes())?,
    }
    Ok(End::Fine)
}

/// The path of the document from the folder of the policy, which it must not leave.
fn below(output: &Path, spec: &Path) -> Result<String, Failure> {
    let folder = output.parent().unwrap_or_else(|| Path::new(""));
    let relative = spec.strip_prefix(folder).ok().filter(|relative| relative.is_relative());
    let relative = relative.map(|relative| relative.to_string_lossy().replace('\\', "/"));
    relative.filter(|text| !text.starts_with("..")).ok_or_else(|| {
        Failure::Usage(format!(
            "`{}` does not lie below the folder of `{}`",
            spec.display(),
            output.display()
        ))
    })
}
