//! `shieldc`: files, arguments and the terminal around the compiler and the engine.

pub mod commands;
pub mod demo;
pub mod files;
pub mod report;
pub mod request;
pub mod value;
pub mod verdict;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;

use commands::Command;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All is well; warnings count as well.
    Fine,
    /// Errors in a policy, or tests that failed.
    Wrong,
    /// Arguments or the environment.
    Failed,
}

/// Where a command writes.
pub struct Io<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// Messages.
    pub err: &'a mut dyn Write,
    /// Whether a person reads the messages in a terminal.
    pub terminal: bool,
}

impl std::fmt::Debug for Io<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Io").field("terminal", &self.terminal).finish_non_exhaustive()
    }
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Something about a file, with its path.
    #[error("{path}: {why}")]
    File {
        /// The path.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The arguments ask for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// Writing failed.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

/// What `shieldc` is called with.
#[derive(Debug, Parser)]
#[command(name = "shieldc", version, about = "Checks, formats, tests, builds and serves API policies")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Runs `shieldc` on the process's arguments.
pub fn run() -> ExitCode {
    // Not locked: `dev` writes events from another thread.
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let terminal = err.is_terminal();
    let mut io = Io { out: &mut out, err: &mut err, terminal };
    ExitCode::from(match end(Arguments::parse().command, &mut io) {
        End::Fine => 0,
        End::Wrong => 1,
        End::Failed => 2,
    })
}

/// Runs `shieldc` on arguments, the first of which is the command's name.
pub fn run_on<'s>(arguments: impl IntoIterator<Item = &'s str>, io: &mut Io<'_>) -> End {
    match Arguments::try_parse_from(std::iter::once("shieldc").chain(arguments)) {
        Ok(arguments) => end(arguments.command, io),
        Err(error) => {
            drop(write!(io.err, "{error}"));
            if error.use_stderr() { End::Failed } else { End::Fine }
        }
    }
}

fn end(command: Command, io: &mut Io<'_>) -> End {
    match commands::run(command, io) {
        Ok(end) => end,
        // A reader that has seen enough, as `head` has, is no failure.
        Err(Failure::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => End::Fine,
        Err(failure) => {
            drop(writeln!(io.err, "shieldc: {failure}"));
            End::Failed
        }
    }
}
