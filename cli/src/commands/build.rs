//! `shieldc build`: a policy into a bundle.

use std::path::PathBuf;

use super::{Telling, good};
use crate::{End, Failure, Io, files};

/// Arguments of `build`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A file, or a folder whose `.shield` files form one policy
    path: PathBuf,
    /// Where the bundle goes
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    telling: Telling,
}

pub(super) fn run(arguments: &Arguments, io: &mut Io<'_>) -> Result<End, Failure> {
    let outcome = match good(&arguments.path, arguments.telling, io)? {
        Ok(outcome) => outcome,
        Err(end) => return Ok(end),
    };
    let Some(bundle) = outcome.bundle else { return Ok(End::Wrong) };
    let encoded = bundle.encode();
    files::write(&arguments.output, &encoded.bytes)?;
    writeln!(io.err, "{} {} ({} bytes)", arguments.output.display(), encoded.digest, encoded.bytes.len())?;
    Ok(End::Fine)
}
