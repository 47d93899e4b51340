//! Real expressions: valid ones check or need Cloudflare's network, invalid ones are refused; the rest is explained.
#![expect(
    clippy::disallowed_methods,
    clippy::format_collect,
    clippy::match_same_arms,
    clippy::unwrap_used,
    reason = "a test reads its own files, and stops loudly when it cannot go on"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use shield_compiler::diagnostic::Diagnostic;
use shield_compiler::source::MemorySources;
use shield_compiler::{BareOptions, compile, expression};
use shield_tests::suite::{files, rendered};
use shield_tests::{corpus, root};

/// What is said of an expression: nothing, or the code and message of the first error.
fn refused(text: &str) -> Option<(String, String)> {
    let (bare, diagnostics, _) = expression(text, &BareOptions::default());
    let error = diagnostics.iter().find(|one| one.is_error());
    assert_eq!(bare.is_none(), error.is_some(), "an expression passes or is told why not: {text}");
    error.map(|one: &Diagnostic| (one.code.name.to_owned(), one.message.clone()))
}

#[test]
fn real_expressions_are_taken_and_refused_as_cloudflare_does() {
    let Some(path) = corpus("expressions.jsonl", "1,536 real expressions") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let mut counts: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let mut rest = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let kind = row["kind"].as_str().unwrap().to_owned();
        if row["scheme"].is_string() {
            *counts.entry((kind, "other fields, skipped")).or_default() += 1;
            continue;
        }
        let expr = row["expr"].as_str().unwrap();
        let outcome = refused(expr);
        let (what, listed) = match (kind.as_str(), &outcome) {
            ("valid", None) => ("taken", false),
            ("valid", Some((code, _))) if code == "E0299" => ("needs the network", false),
            ("valid", Some(_)) => ("refused, listed", true),
            ("invalid", None) => ("taken, listed", true),
            ("invalid", Some(_)) => ("refused", false),
            (_, None) => ("taken", false),
            (_, Some(_)) => ("refused", false),
        };
        if listed {
            let why =
                outcome.map_or_else(|| "taken".to_owned(), |(code, message)| format!("{code}: {message}"));
            writeln!(rest, "- line {number}, {kind}, {why}").unwrap();
        }
        *counts.entry((kind, what)).or_default() += 1;
    }
    for ((kind, what), count) in &counts {
        eprintln!("{kind}: {count} {what}");
    }
    let known =
        std::fs::read_to_string(root().join("tests/suite/corpora/expressions.md")).unwrap_or_default();
    // What stands behind the colon explains, and is not compared.
    let listed = |page: &str| {
        let lines = page.lines().filter(|line| line.starts_with("- line "));
        lines.map(|line| line.split(':').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let unexplained: Vec<String> =
        listed(&rest).into_iter().filter(|line| !listed(&known).contains(line)).collect();
    assert!(
        unexplained.is_empty(),
        "{} are not explained in tests/suite/corpora/expressions.md:\n{}",
        unexplained.len(),
        unexplained.join("\n")
    );
}

/// Compiles any bytes; whatever is wrong is told, and can be shown.
fn does_no_harm(bytes: &[u8]) {
    let mut sources = MemorySources::default();
    sources.0.insert("p.shield".to_owned(), bytes.into());
    let outcome = compile(&sources, &["p.shield".to_owned()]);
    assert_eq!(outcome.bundle.is_none(), outcome.diagnostics.iter().any(Diagnostic::is_error));
    for diagnostic in &outcome.diagnostics {
        assert!(diagnostic.span.start <= diagnostic.span.end, "{diagnostic:?}");
    }
    rendered(
        outcome.diagnostics.get(..outcome.diagnostics.len().min(5)).unwrap_or_default(),
        &outcome.sources,
    );
    if let Ok(text) = std::str::from_utf8(bytes) {
        refused(text);
    }
}

/// Every policy and every case of the repository, as texts to change.
fn seeds() -> Vec<Vec<u8>> {
    let all = files("policies", ".shield").into_iter().chain(files("tests/suite", ".shield"));
    all.map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn every_prefix_of_a_policy_does_no_harm() {
    let policy = std::fs::read(root().join("tests/suite/syntax/bookshop.shield")).unwrap();
    for end in (0..policy.len()).step_by(7) {
        does_no_harm(&policy[..end]);
    }
}

#[test]
fn what_takes_longest_is_bounded() {
    let many = |piece: &str, count: usize| piece.repeat(count);
    does_no_harm(many("rule a { when ssl then block }\n", 3_000).as_bytes());
    does_no_harm(many("rule a { wen ssl }\n", 3_000).as_bytes());
    does_no_harm(many("(", 100_000).as_bytes());
    does_no_harm(format!("rule a {{ when {} then log }}", many("ssl and ", 20_000) + "ssl").as_bytes());
    does_no_harm(format!("rule a {{ when {}ssl then log }}", many("not ", 50_000)).as_bytes());
    does_no_harm(
        format!("rule a {{ when http.host matches \"{}\" then log }}", many("(a?)", 2_000)).as_bytes(),
    );
    does_no_harm(many("\"", 100_001).as_bytes());
    does_no_harm(many("r#\"", 20_000).as_bytes());
    let lets: String = (0..1_500).map(|at| format!("let a{at} = a{} and ssl\n", at + 1)).collect();
    does_no_harm(format!("{lets}let a1500 = ssl\nrule a {{ when a0 then log }}\n").as_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        does_no_harm(&bytes);
    }

    #[test]
    fn mutated_policies_do_no_harm(
        seed in proptest::sample::select(seeds()),
        other in proptest::sample::select(seeds()),
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..30, any::<prop::sample::Index>()), 1..4),
    ) {
        let mut policy = seed;
        for (at, removed, from) in cuts {
            let at = at.index(policy.len() + 1);
            let from = from.index(other.len() + 1);
            let piece = other[from..(from + removed).min(other.len())].to_vec();
            policy.splice(at..(at + removed).min(policy.len()), piece);
        }
        does_no_harm(&policy);
    }
}

#[test]
fn what_people_write_every_day_is_taken_or_needs_the_network() {
    let text = std::fs::read_to_string(root().join("tests/suite/corpora/ordinary.txt")).unwrap();
    let outcomes: Vec<_> = text.lines().map(|line| (line, refused(line))).collect();
    let wrong: Vec<_> =
        outcomes.iter().filter(|(_, why)| why.as_ref().is_some_and(|(code, _)| code != "E0299")).collect();
    assert!(outcomes.len() > 100 && wrong.is_empty(), "{wrong:#?}");
}
