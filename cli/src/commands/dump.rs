//! `shieldc dump`: what a policy becomes on its way from text to machine code.

use std::path::PathBuf;

use shield_compiler::source::{SourceMap, Sources};
use shield_compiler::{compile_with, optimize, parse};

use crate::files::PolicyPath;
use crate::report::{Format, Reports};
use crate::{End, Failure, Io};

/// Arguments of `dump`.
#[derive(Debug, clap::Args)]
#[group(id = "what", required = true, args = ["ast", "ir", "pass", "clif"])]
pub struct Arguments {
    /// A file, or a folder whose `.shield` files form one policy
    path: PathBuf,
    /// The syntax tree
    #[arg(long)]
    ast: bool,
    /// The typed, optimised form that goes into a bundle
    #[arg(long)]
    ir: bool,
    /// The typed form after this pass; `none` is before the first
    #[arg(long, value_name = "NAME")]
    pass: Option<String>,
    /// The code that cranelift makes machine code of
    #[arg(long)]
    clif: bool,
}

pub(super) fn run(arguments: &Arguments, io: &mut Io<'_>) -> Result<End, Failure> {
    let policy = PolicyPath::open(&arguments.path)?;
    if arguments.ast {
        return ast(&policy, io);
    }
    let last = match arguments.pass.as_deref() {
        None | Some("none") => None,
        Some(name) => Some(optimize::PASSES.iter().position(|pass| pass.name == name).ok_or_else(|| {
            let names: Vec<&str> = optimize::PASSES.iter().map(|pass| pass.name).collect();
            Failure::Usage(format!("there is no pass `{name}`; passes are none, {}", names.join(", ")))
        })?),
    };
    let mut outcome =
        compile_with(&policy.sources(), &policy.entries, |bundle| match (&arguments.pass, last) {
            (None, _) => optimize::run(bundle),
            (Some(_), last) => {
                let until = last.map_or(0, |last| last + 1);
                optimize::PASSES.iter().take(until).for_each(|pass| optimize::apply(pass, bundle));
            }
        });
    outcome.sources.set_prefix(&policy.prefix);
    let mut reports = Reports::default();
    reports.add(std::mem::take(&mut outcome.diagnostics), outcome.sources);
    reports.write(Format::Text, io)?;
    let Some(bundle) = outcome.bundle else { return Ok(End::Wrong) };
    if arguments.clif {
        let text = shield_engine::clif(&bundle).map_err(|error| Failure::Usage(error.to_string()))?;
        write!(io.out, "{text}")?;
    } else {
        write!(io.out, "{bundle}")?;
    }
    Ok(End::Fine)
}

fn ast(policy: &PolicyPath, io: &mut Io<'_>) -> Result<End, Failure> {
    let mut map = SourceMap::default();
    map.set_prefix(&policy.prefix);
    let mut diagnostics = Vec::new();
    for entry in &policy.entries {
        let failure = |why: String| Failure::File { path: format!("{}{entry}", policy.prefix), why };
        let bytes = policy.sources().read(entry).map_err(|error| failure(error.to_string()))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| failure("it is not UTF-8 text".to_owned()))?;
        let file = map.add(entry, text);
        writeln!(io.out, "{:#?}", parse::file(file, text, &mut diagnostics))?;
    }
    let mut reports = Reports::default();
    reports.add(diagnostics, map);
    reports.write(Format::Text, io)?;
    Ok(reports.end(false))
}
