//! `shieldc explain`: the page of a diagnostic's code, and the tables of fields and functions.

use shield_compiler::codes::{CODES, Code};
use shield_compiler::explain::page;
use shield_ir::builtin::BUILTINS;
use shield_ir::field::FIELDS;

use crate::{End, Failure, Io};

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A code such as `E0302`, or `codes`, `fields`, `functions`
    topic: String,
}

pub(super) fn run(arguments: &Arguments, io: &mut Io<'_>) -> Result<End, Failure> {
    match arguments.topic.as_str() {
        "codes" => {
            for code in CODES {
                writeln!(io.out, "{}  {}", code.name, code.title)?;
            }
        }
        "fields" => {
            for row in FIELDS {
                writeln!(
                    io.out,
                    "{:<55} {:<22} {:<9} {}",
                    row.name,
                    row.ty.to_string(),
                    row.phase.name(),
                    row.doc
                )?;
            }
        }
        "functions" => {
            for row in BUILTINS {
                let parameters = row.required.iter().map(|parameter| parameter.name.to_owned());
                let optional = row.optional.iter().map(|parameter| format!("[{}]", parameter.name));
                let rest = row.rest.iter().map(|_| "…".to_owned());
                let all: Vec<String> = parameters.chain(optional).chain(rest).collect();
                writeln!(io.out, "{}({})\n    {}", row.name, all.join(", "), row.doc)?;
            }
        }
        code => {
            let Some(code) = Code::find(code) else {
                return Err(Failure::Usage(format!(
                    "there is no code `{code}`; `shieldc explain codes` lists all, `fields` and `functions` list those"
                )));
            };
            writeln!(io.out, "{}", page(code).trim_end())?;
        }
    }
    Ok(End::Fine)
}
