//! What people are told: every case of `tests/suite/diagnostics` as it is rendered, and that the case's name says its code.

use shield_compiler::codes::Code;
use shield_compiler::diagnostic::Diagnostic;
use shield_tests::suite::{compiled, rendered};

#[test]
fn every_mistake_is_told_as_the_snapshot_says() {
    insta::glob!("../suite/diagnostics", "*.shield", |path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let outcome = compiled(&name, &std::fs::read(path).unwrap());
        let code = Code::find(&name[..5]).unwrap();
        let codes: Vec<&str> = outcome.diagnostics.iter().map(|diagnostic| diagnostic.code.name).collect();
        assert!(codes.contains(&code.name), "{name} gives {codes:?}");
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "../suite/diagnostics" }, {
            insta::assert_snapshot!(rendered(&outcome.diagnostics, &outcome.sources));
        });
    });
}

#[test]
fn one_mistake_has_one_report() {
    let mut offences = Vec::new();
    for path in shield_tests::suite::files("tests/suite/diagnostics", ".shield") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Cases whose name says that they hold several mistakes.
        let several = ["two_mistakes", "member_without_quotes", "in_quotes_in_a_set"];
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
    for path in shield_tests::suite::files("tests/suite/diagnostics", ".shield") {
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
