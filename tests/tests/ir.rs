//! What the optimiser does: every policy of `tests/suite/ir` before the first pass, after each, and as a bundle holds it.
#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reads its own files, and stops loudly when it cannot go on"
)]

use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::Rc;

use shield_compiler::optimize::{self, PASSES};
use shield_compiler::source::MemorySources;
use shield_compiler::{Diagnostic, compile_with};
use shield_ir::{Bundle, verify};
use shield_tests::suite;

/// The text of a bundle under a heading; where nothing has changed, only that.
fn step(text: &mut String, last: &mut String, heading: &str, bundle: &Bundle) {
    verify::bundle(bundle).unwrap_or_else(|error| panic!("{heading}: {error}"));
    let now = bundle.to_string();
    let shown = if now == *last { "(as before)\n" } else { &now };
    writeln!(text, "== {heading}\n{shown}").unwrap();
    *last = now;
}

fn story(name: &str, policy: &[u8]) -> String {
    let mut sources = MemorySources::default();
    sources.0.insert(name.to_owned(), policy.into());
    let text = Rc::new(RefCell::new(String::new()));
    let told = Rc::clone(&text);
    let outcome = compile_with(&sources, &[name.to_owned()], move |bundle| {
        let (mut text, mut last) = (told.borrow_mut(), String::new());
        step(&mut text, &mut last, "before", bundle);
        for pass in PASSES {
            optimize::apply(pass, bundle);
            step(&mut text, &mut last, &format!("{}: {}", pass.name, pass.doc), bundle);
        }
        optimize::run(bundle);
        step(&mut text, &mut last, "bundle: what nothing asks for is gone, anchors are planned", bundle);
    });
    let errors: Vec<&Diagnostic> = outcome.diagnostics.iter().filter(|one| one.is_error()).collect();
    assert!(errors.is_empty(), "{name}: {errors:?}");
    text.take()
}

#[test]
fn every_pass_does_what_the_snapshot_says() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("../suite/ir");
    let mut changed = vec![false; PASSES.len()];
    for path in suite::files("tests/suite/ir", ".shield") {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = story(&format!("{stem}.shield"), &std::fs::read(&path).unwrap());
        let steps = text.split("== ").skip(2).zip(&mut changed);
        steps.for_each(|(step, changed)| *changed |= !step.contains("(as before)"));
        settings.bind(|| insta::assert_snapshot!(stem.as_str(), text));
    }
    assert!(changed.iter().all(|changed| *changed), "a pass has no case that it changes: {changed:?}");
}
