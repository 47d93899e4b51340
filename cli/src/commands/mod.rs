//! One file a command; this table names them and their arguments.

pub mod bowtie;
pub mod build;
pub mod check;
pub mod dev;
pub mod dump;
pub mod eval;
pub mod explain;
pub mod fmt;
pub mod import;
pub mod test;
pub mod validate;

use std::path::Path;

use clap::{Args, Subcommand};
use shield_compiler::{Outcome, compile};

use crate::files::PolicyPath;
use crate::report::{Format, Reports};
use crate::{End, Failure, Io};

/// What `shieldc` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check policies and report every mistake
    Check(check::Arguments),
    /// Build a policy into a bundle for shieldd
    Build(build::Arguments),
    /// Run the tests of policies
    Test(test::Arguments),
    /// Format policies
    Fmt(fmt::Arguments),
    /// Explain a diagnostic's code, a verdict (`--request`), or list fields and functions
    Explain(explain::Arguments),
    /// Compile, serve and watch a policy, before a demo origin
    Dev(dev::Arguments),
    /// Evaluate an expression on a request
    Eval(eval::Arguments),
    /// Show what a policy becomes on its way
    Dump(dump::Arguments),
    /// Check JSON files against a schema
    Validate(validate::Arguments),
    /// Write a starting policy for an API document
    #[command(subcommand)]
    Import(import::Import),
    /// Answer the harness of Bowtie on standard input and output
    Bowtie(bowtie::Arguments),
}

/// How diagnostics are told.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Telling {
    /// How diagnostics are written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// What counts as an error: `warnings`
    #[arg(long, value_name = "WHAT")]
    pub deny: Option<Denied>,
}

/// What may be denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Denied {
    /// Warnings count as errors.
    Warnings,
}

impl Telling {
    fn denies_warnings(self) -> bool {
        self.deny == Some(Denied::Warnings)
    }
}

/// Runs a command.
pub fn run(command: Command, io: &mut Io<'_>) -> Result<End, Failure> {
    match command {
        Command::Check(arguments) => check::run(&arguments, io),
        Command::Build(arguments) => build::run(&arguments, io),
        Command::Test(arguments) => test::run(&arguments, io),
        Command::Fmt(arguments) => fmt::run(&arguments, io),
        Command::Explain(arguments) => explain::run(&arguments, io),
        Command::Dev(arguments) => dev::run(&arguments, io),
        Command::Eval(arguments) => eval::run(&arguments, io),
        Command::Dump(arguments) => dump::run(&arguments, io),
        Command::Validate(arguments) => validate::run(&arguments, io),
        Command::Import(arguments) => import::run(&arguments, io),
        Command::Bowtie(arguments) => bowtie::run(&arguments, io),
    }
}

/// Compiles the policy at a path.
fn compiled(path: &Path) -> Result<Outcome, Failure> {
    let policy = PolicyPath::open(path)?;
    let mut outcome = compile(&policy.sources(), &policy.entries);
    outcome.sources.set_prefix(&policy.prefix);
    Ok(outcome)
}

/// Compiles a policy and reports what is wrong; `Err` holds how the command ends where that is all.
fn good(path: &Path, telling: Telling, io: &mut Io<'_>) -> Result<Result<Outcome, End>, Failure> {
    let mut outcome = compiled(path)?;
    let mut reports = Reports::default();
    reports.add(std::mem::take(&mut outcome.diagnostics), outcome.sources.clone());
    reports.write(telling.format, io)?;
    let end = reports.end(telling.denies_warnings());
    Ok(if end == End::Fine { Ok(outcome) } else { Err(end) })
}
