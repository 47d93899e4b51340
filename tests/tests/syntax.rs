//! Trees: every policy of `tests/suite/syntax` as the parser reads it.
#![expect(
    clippy::disallowed_methods,
    reason = "a test reads its own files, and stops loudly when it cannot go on"
)]

use shield_compiler::parse;
use shield_compiler::source::FileId;
use shield_tests::suite;

#[test]
fn policies_have_the_trees_of_their_snapshots() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("../suite/syntax");
    for path in suite::files("tests/suite/syntax", ".shield") {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut diagnostics = Vec::new();
        let file = parse::file(FileId(0), &std::fs::read_to_string(&path).unwrap(), &mut diagnostics);
        assert_eq!(diagnostics, []);
        settings.bind(|| insta::assert_snapshot!(stem.as_str(), file.outline()));
    }
}
