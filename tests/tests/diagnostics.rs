//! What people are told: every case of `tests/suite/diagnostics` as it is rendered, and that the case's name says its code.
#![expect(
    clippy::disallowed_methods,
    clippy::string_slice,
    reason = "a test reads its own files, and stops loudly when it cannot go on"
)]

use shield_compiler::codes::Code;
use shield_compiler::diagnostic::Diagnostic;
use shield_tests::suite::{self, compiled, rendered};

#[test]
fn every_mistake_is_told_as_the_snapshot_says() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("../suite/diagnostics");
    let mut failed = Vec::new();
    for path in suite::files("tests/suite/diagnostics", ".shield") {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let outcome = compiled(&format!("{stem}.shield"), &std::fs::read(&path).unwrap());
        let code = Code::find(&stem[..5]).unwrap();
        let codes: Vec<&str> = outcome.diagnostics.iter().map(|diagnostic| diagnostic.code.name).collect();
        if !codes.contains(&code.name) {
            failed.push(format!("{stem} gives {codes:?}"));
        }
        let text = rendered(&outcome.diagnostics, &outcome.sources);
        let compared = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            settings.bind(|| insta::assert_snapshot!(stem.as_str(), text));
        }));
        if compared.is_err() {
            failed.push(format!("{stem} is told otherwise"));
        }
    }
    assert!(failed.is_empty(), "\n{}\n", failed.join("\n"));
}

#[test]
fn one_mistake_has_one_report() {
    let mut offences = Vec::new();
    for path in suite::files("tests/suite/diagnostics", ".shield") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Cases whose name says that they hold several mistakes.
        let several = ["two_mistakes", "_many_", "member_without_quotes", "in_quotes_in_a_set"];
        if several.iter().any(|word| name.contains(word)) {
            continue;
        }
        let outcome = compiled(&name, &std::fs::read(&path).unwrap());
        let errors: Vec<&Diagnostic> = outcome.diagnostics.iter().filter(|one| one.is_error()).collect();
        let said = errors.iter().map(|one| format!("{} {}", one.code.name, one.message)).collect::<Vec<_>>();
        if errors.len() > 1 {
            offences.push(format!("{name}: {}", said.join("; ")));
        }
    }
    assert!(offences.is_empty(), "\n{}\n", offences.join("\n"));
}

#[test]
fn messages_are_written_as_the_house_writes() {
    for path in suite::files("tests/suite/diagnostics", ".shield") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for diagnostic in compiled(&name, &std::fs::read(&path).unwrap()).diagnostics {
            let texts = [Some(&diagnostic.message), Some(&diagnostic.label), diagnostic.help.as_ref()];
            for text in texts.into_iter().flatten() {
                assert!(!text.ends_with('.') && !text.contains('\n'), "{name}: {text}");
                assert!(text.matches('`').count() % 2 == 0 || text.contains("``"), "{name}: {text}");
            }
            let capital = diagnostic.message.starts_with(|c: char| c.is_ascii_uppercase());
            assert!(!capital || diagnostic.message.starts_with("JSON"), "{name}: {}", diagnostic.message);
        }
    }
}

#[test]
fn a_warning_is_silenced_by_the_line_above_with_a_reason() {
    let policy = |line: &str| format!("{line}\nlet unused = ssl\n");
    let warnings = |text: &str| compiled("p.shield", text.as_bytes()).diagnostics.len();
    assert_eq!(warnings(&policy("# shield: allow W0404 kept for later")), 0);
    assert_eq!(warnings(&policy("# shield: allow W0404")), 1, "a reason is needed");
    assert_eq!(warnings(&policy("# shield: allow W0401 kept for later")), 1);
}
