//! `shieldc`: arguments to a command; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    shield_cli::run()
}
