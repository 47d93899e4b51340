//! Any bytes as a policy and as an expression: told what is wrong, or compiled; never a panic, never a hang.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shield_compiler::source::MemorySources;
use shield_compiler::{BareOptions, compile, expression};

fuzz_target!(|bytes: &[u8]| {
    let mut sources = MemorySources::default();
    sources.0.insert("p.shield".to_owned(), bytes.into());
    let outcome = compile(&sources, &["p.shield".to_owned()]);
    let errors = outcome.diagnostics.iter().any(|one| one.is_error());
    assert_eq!(outcome.bundle.is_none(), errors);
    if let Ok(text) = std::str::from_utf8(bytes) {
        expression(text, &BareOptions::default());
    }
});
