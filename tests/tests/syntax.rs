//! Trees: every policy of `tests/suite/syntax` as the parser reads it.

use shield_compiler::parse;
use shield_compiler::source::FileId;

#[test]
fn policies_have_the_trees_of_their_snapshots() {
    insta::glob!("../suite/syntax", "*.shield", |path| {
        let mut diagnostics = Vec::new();
        let file = parse::file(FileId(0), &std::fs::read_to_string(path).unwrap(), &mut diagnostics);
        assert_eq!(diagnostics, []);
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "../suite/syntax" }, {
            insta::assert_snapshot!(file.outline());
        });
    });
}
