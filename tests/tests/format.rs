//! The layout of policies: the same again when repeated, the same meaning, every comment kept, no input too odd.

use proptest::prelude::*;
use shield_compiler::diagnostic::Diagnostic;
use shield_compiler::format::format;
use shield_compiler::parse;
use shield_compiler::source::FileId;
use shield_tests::{suite, text};

const STORE: &str = "tests/suite/syntax/bookshop.shield";

/// The tree of a text that parses.
fn outline(text: &str) -> Option<String> {
    let mut diagnostics = Vec::new();
    let file = parse::file(FileId(0), text, &mut diagnostics);
    (!diagnostics.iter().any(Diagnostic::is_error)).then(|| file.outline())
}

/// Everything that a layout promises of one text.
fn keeps_its_promises(text: &str) {
    let Ok(laid_out) = format(text) else {
        assert_eq!(outline(text), None, "a text without mistakes is laid out:\n{text}");
        return;
    };
    assert_eq!(outline(&laid_out), outline(text), "the meaning stays:\n{text}\nbecame\n{laid_out}");
    assert_eq!(format(&laid_out).as_ref(), Ok(&laid_out), "a layout stays:\n{text}\nbecame\n{laid_out}");
    assert!(!laid_out.contains("\n\n\n") || text.contains('"'), "blank lines:\n{laid_out}");
}

/// `text` with a comment after every token that a blank follows; the comments are numbered.
fn commented(text: &str, every: usize) -> (String, usize) {
    let mut out = String::new();
    let (mut comments, mut blanks) = (0, 0);
    let (mut quoted, mut comment) = (false, false);
    for c in text.chars() {
        quoted ^= c == '"' && !comment;
        comment = (comment || c == '#' && !quoted) && c != '\n';
        if c == ' ' && !quoted && !comment {
            blanks += 1;
            if blanks % every == 0 {
                out.push_str(&format!(" # note {comments}.\n"));
                comments += 1;
            }
        }
        out.push(c);
    }
    (out, comments)
}

#[test]
fn every_policy_of_the_repository_keeps_its_meaning() {
    let mut seen = 0;
    for folder in ["policies", "tests/suite"] {
        for path in suite::files(folder, ".shield") {
            let Ok(text) = String::from_utf8(std::fs::read(path).unwrap()) else { continue };
            keeps_its_promises(&text);
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen} policies");
}

#[test]
fn the_policies_that_people_copy_are_laid_out_already() {
    for path in suite::files("policies", ".shield") {
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(format(&text).as_ref(), Ok(&text), "{}", path.display());
    }
}

#[test]
fn a_large_example_is_laid_out() {
    insta::assert_snapshot!(format(&text(STORE)).unwrap());
}

#[test]
fn comments_survive_wherever_they_stand() {
    let plain = text(STORE);
    let mut laid_out_some = false;
    for every in 1..60 {
        let (with_comments, comments) = commented(&plain, every);
        keeps_its_promises(&with_comments);
        let Ok(laid_out) = format(&with_comments) else { continue };
        laid_out_some = true;
        for comment in 0..comments {
            let note = format!("# note {comment}.");
            assert_eq!(laid_out.matches(&note).count(), 1, "{note}\n{laid_out}");
        }
    }
    assert!(laid_out_some);
}

#[test]
fn a_large_file_takes_linear_time() {
    let many = "rule a { when http.host eq \"a\" and (ssl or not ssl) then block }\n".repeat(1000);
    keeps_its_promises(&many);
    let members = (0..20_000).map(|member| member.to_string()).collect::<Vec<_>>().join(" ");
    keeps_its_promises(&format!("list a = {{{members}}}"));
    keeps_its_promises(&format!("let a = {}ssl{}", "(".repeat(120), ")".repeat(120)));
}

/// Pieces of which policies are made, so that random texts get past the first token.
const PIECES: &[&str] = &[
    "rule a {",
    "}",
    "when ",
    "then block 403",
    "then log",
    "on POST /a/{b}",
    " and ",
    " or ",
    "not ",
    "(",
    ")",
    "ssl",
    "ip.src in {1.1.1.1 2.0.0.0/8}",
    "http.host eq \"a b\"",
    "any(",
    "[*]",
    "[0]",
    "[\"k\"]",
    "# c\n",
    "\n",
    "\n\n\n",
    "  ",
    "\t",
    "\r\n",
    "api x {",
    "host \"a\" \"b\"",
    "endpoint GET /h { requests off }",
    "endpoint GET /x",
    "list l = {",
    "1..9 ",
    "let y = ",
    "include \"a.shield\"",
    "test \"t\" {",
    "request GET \"https://a/\"",
    "expect allow",
    "repeat 3 {",
    "after 10m",
    "provide cf.client.bot = false",
    "mode shadow",
    "body max 1MiB",
    "limit z {",
    "public",
    "r#\"raw \" # \"#",
    "matches \"[\"]#\"",
    "lower(http.host)",
    ", ",
    "session s",
    "set request header \"x\" ",
    "\"\\x41\"",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        keeps_its_promises(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn random_pieces_do_no_harm(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..40)) {
        keeps_its_promises(&pieces.concat());
    }

    #[test]
    fn mutated_policies_do_no_harm(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..20, proptest::sample::select(PIECES)), 0..4)
    ) {
        let mut policy: Vec<char> = text(STORE).chars().collect();
        for (at, removed, piece) in edits {
            let at = at.index(policy.len());
            let end = (at + removed).min(policy.len());
            policy.splice(at..end, piece.chars());
        }
        keeps_its_promises(&policy.into_iter().collect::<String>());
    }

    #[test]
    fn white_space_means_nothing(blanks in proptest::collection::vec(proptest::sample::select(&[" ", "\n", "\n\n", "\t", " # c\n", "\r\n"][..]), 600)) {
        let (mut blanks, mut quoted, mut comment, mut before) = (blanks.into_iter().cycle(), false, false, ' ');
        let policy: String = text(STORE).chars().flat_map(|c| {
            quoted ^= c == '"' && !comment;
            comment = (comment || c == '#' && !quoted) && c != '\n';
            let blank = c == ' ' && before != ' ' && !quoted && !comment;
            before = c;
            if blank { blanks.next().unwrap_or(" ").chars().collect::<Vec<_>>() } else { vec![c] }
        }).collect();
        keeps_its_promises(&policy);
    }
}
