//! `shieldc fmt`: policies in one form.

use std::path::PathBuf;

use shield_compiler::format::format;
use shield_compiler::source::{SourceMap, Sources};

use crate::files::PolicyPath;
use crate::report::{Format, Reports};
use crate::{End, Failure, Io, files};

/// Arguments of `fmt`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Files or folders of `.shield` files; `-` formats standard input to standard output
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Change nothing: name the files that are not formatted, and fail where there are any
    #[arg(long)]
    check: bool,
}

pub(super) fn run(arguments: &Arguments, io: &mut Io<'_>) -> Result<End, Failure> {
    let mut end = End::Fine;
    for path in &arguments.paths {
        if path.as_os_str() == "-" {
            let text = files::read_text(path)?;
            match formatted("standard input", &text, io)? {
                Some(new) => write!(io.out, "{new}")?,
                None => end = End::Wrong,
            }
            continue;
        }
        let policy = PolicyPath::open(path)?;
        for entry in &policy.entries {
            let shown = format!("{}{entry}", policy.prefix);
            if file(&policy, entry, &shown, arguments.check, io)? == End::Wrong {
                end = End::Wrong;
            }
        }
    }
    Ok(end)
}

fn file(policy: &PolicyPath, entry: &str, shown: &str, check: bool, io: &mut Io<'_>) -> Result<End, Failure> {
    let failure = |why: String| Failure::File { path: shown.to_owned(), why };
    let bytes = policy.sources().read(entry).map_err(|error| failure(error.to_string()))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| failure("it is not UTF-8 text".to_owned()))?;
    let Some(new) = formatted(shown, text, io)? else { return Ok(End::Wrong) };
    if new == text {
        return Ok(End::Fine);
    }
    writeln!(io.out, "{shown}")?;
    if check {
        return Ok(End::Wrong);
    }
    files::write(&policy.root.join(entry), new.as_bytes())?;
    Ok(End::Fine)
}

/// The text in its one form; mistakes are reported and leave it as it is.
fn formatted(shown: &str, text: &str, io: &mut Io<'_>) -> Result<Option<String>, Failure> {
    match format(text) {
        Ok(new) => Ok(Some(new)),
        Err(diagnostics) => {
            let mut sources = SourceMap::default();
            sources.add(shown, text);
            let mut reports = Reports::default();
            reports.add(diagnostics, sources);
            reports.write(Format::Text, io)?;
            Ok(None)
        }
    }
}
