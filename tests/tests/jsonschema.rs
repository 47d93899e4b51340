//! The JSON-Schema-Test-Suite: pass counts as a snapshot, so that neither a loss nor a gain goes unseen.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests panic, print and read their corpora"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;
use shield_compiler::schema::{Dialect, Reading, Texts, compile_schema};
use shield_compiler::source::SourceMap;
use shield_engine::schema::{Validators, Violation, json};
use shield_ir::schema::{Node, NodeId, Plan};
use shield_tests::native::Both;
use shield_tests::oracle;

/// Where the corpora are, said loudly where they are not.
fn corpus(name: &str, cases: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SHIELD_CORPORA").map(PathBuf::from);
    let folder = root.map(|root| root.join(name)).filter(|folder| folder.exists());
    if folder.is_none() {
        eprintln!("NOT RUN: {cases} of the corpus `{name}`, because SHIELD_CORPORA does not name it");
    }
    folder
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn remotes(folder: &Path) -> Vec<(String, String)> {
    let root = folder.join("remotes");
    files(&root, "json")
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            (format!("http://localhost:1234/{name}"), std::fs::read_to_string(&path).unwrap())
        })
        .collect()
}

/// Runs the files of a folder; one line for each, and what failed.
fn run(
    folder: &Path,
    tests: &Path,
    dialect: Dialect,
    assert_formats: bool,
    skip: &[&str],
) -> (String, Vec<String>, Vec<String>) {
    let remotes = remotes(folder);
    let others: Vec<(&str, &str)> = remotes.iter().map(|(uri, text)| (uri.as_str(), text.as_str())).collect();
    let (mut report, mut failures, mut disagreements) = (String::new(), Vec::new(), Vec::new());
    let (mut all, mut right, mut native) = (0, 0, 0);
    let mut paths: Vec<_> = std::fs::read_dir(tests).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == "json"));
    paths.sort();
    for path in paths {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if skip.contains(&name.as_str()) {
            continue;
        }
        let groups: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let (mut count, mut passed) = (0, 0);
        for group in &groups {
            let text = group["schema"].to_string();
            let root = ("http://shield.test/schema", text.as_str());
            let reading = Reading { dialect, assert_formats };
            let compiled =
                compile_schema(&mut SourceMap::default(), Texts { root, others: &others }, reading);
            let oracle = oracle::validator(&group["schema"], &others, reading);
            let validators = compiled.map(|(plan, root)| (Validators::load(plan).unwrap(), root));
            for test in group["tests"].as_array().unwrap() {
                count += 1;
                let expected = test["valid"].as_bool().unwrap();
                let data = test["data"].to_string();
                let name_of_case = format!("{name}: {} / {}", group["description"], test["description"]);
                let actual = match &validators {
                    Err(diagnostics) => Err(format!("{:?}", diagnostics.first().map(|d| &d.message))),
                    Ok((validators, root)) => match json::parse(data.as_bytes()) {
                        Err(error) => Err(error.to_string()),
                        Ok(document) => {
                            let valid = validators.is_valid(*root, &document).unwrap();
                            let violations = validators.violations(*root, &document).unwrap();
                            assert_eq!(
                                valid,
                                violations.is_empty(),
                                "the list and the verdict differ: {group}"
                            );
                            let both = Both::new(validators, *root);
                            native += usize::from(both.is_native());
                            assert_eq!(both.judge(data.as_bytes()), Some(valid));
                            let said = compared(&oracle, &test["data"], valid, &violations);
                            disagreements.extend(said.map(|said| format!("{name_of_case}: {said}")));
                            Ok(valid)
                        }
                    },
                };
                if actual == Ok(expected) {
                    passed += 1;
                } else {
                    failures.push(format!("{name_of_case}: {actual:?}, expected {expected}"));
                }
            }
        }
        writeln!(report, "{name} {passed}/{count}").unwrap();
        all += count;
        right += passed;
    }
    eprintln!("{native} of {all} judged by native code too");
    assert!(native * 10 > all * 8, "native code judges hardly anything");
    writeln!(report, "all {right}/{all}").unwrap();
    (report, failures, disagreements)
}

/// Cases of which the crate `jsonschema` says something else than we do, and whose fault that is.
type Explained = &'static [(&'static str, &'static str)];

const REQUIRED: Explained = &[(
    "vocabulary: \"schema that uses custom metaschema with with no validation vocabulary\"",
    "the crate's: it asserts keywords whose vocabulary the metaschema leaves out",
)];

const OPTIONAL: Explained = &[
    ("cross-draft: ", "ours: documents of draft 2019-09 are read as 2020-12, where `items` is one schema"),
    (
        "format-assertion: \"schema that uses custom metaschema with format-assertion: false\"",
        "the crate's: told not to assert formats, it does not where the metaschema asks for it",
    ),
    ("format-assertion: \"schema that uses custom metaschema with format-assertion: true\"", "the same"),
];

/// Fails where the crate and we disagree without an explanation, or where an explanation is no longer needed.
fn assert_explained(disagreements: &[String], explained: Explained) {
    let known = |said: &&String| explained.iter().any(|(case, _)| said.starts_with(case));
    let unknown: Vec<_> = disagreements.iter().filter(|said| !known(said)).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
    for (case, why) in explained {
        assert!(disagreements.iter().any(|said| said.starts_with(case)), "both agree on {case}: {why}");
    }
}

/// Where the crate `jsonschema` says something else of a value than we do.
fn compared(
    oracle: &Result<Validator, String>,
    data: &Value,
    valid: bool,
    violations: &[Violation],
) -> Option<String> {
    let oracle = match oracle {
        Ok(oracle) => oracle,
        Err(error) => return Some(format!("the crate cannot read the schema: {error}")),
    };
    if oracle.is_valid(data) != valid {
        return Some(format!("the crate says valid={}", !valid));
    }
    oracle::difference(&oracle::ours(violations), &oracle::theirs(oracle, data))
}

#[test]
fn draft_2020_12_required() {
    let Some(folder) = corpus("jsonschema", "the required tests of 2020-12") else { return };
    let (report, failures, disagreements) =
        run(&folder, &folder.join("tests/draft2020-12"), Dialect::Draft202012, false, &[]);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    insta::assert_snapshot!(report);
    assert_explained(&disagreements, REQUIRED);
}

#[test]
fn draft_2020_12_formats_are_asserted() {
    let Some(folder) = corpus("jsonschema", "the format tests of 2020-12") else { return };
    let tests = folder.join("tests/draft2020-12/optional/format");
    let (report, failures, disagreements) = run(&folder, &tests, Dialect::Draft202012, true, &[]);
    insta::assert_snapshot!(format!("{report}\n{}", failures.join("\n")));
    assert_explained(&disagreements, &[]);
}

#[test]
fn draft_2020_12_optional() {
    let Some(folder) = corpus("jsonschema", "the optional tests of 2020-12") else { return };
    let tests = folder.join("tests/draft2020-12/optional");
    let (report, failures, disagreements) = run(&folder, &tests, Dialect::Draft202012, false, &[]);
    insta::assert_snapshot!(format!("{report}\n{}", failures.join("\n")));
    assert_explained(&disagreements, OPTIONAL);
}

#[test]
fn draft_4() {
    let Some(folder) = corpus("jsonschema", "the required tests of draft 4") else { return };
    let (report, failures, disagreements) =
        run(&folder, &folder.join("tests/draft4"), Dialect::Draft4, false, &[]);
    insta::assert_snapshot!(format!("{report}\n{}", failures.join("\n")));
    assert_explained(&disagreements, &[]);
}

#[test]
fn json_parsing() {
    let Some(folder) = corpus("json-parsing", "318 texts") else { return };
    let anything = Plan { nodes: vec![Node::default()], ..Plan::default() };
    let validators = Validators::load(anything).unwrap();
    let both = Both::new(&validators, NodeId(0));
    let (mut accepted, mut refused, mut free) = (0, 0, Vec::new());
    for path in files(&folder.join("test_parsing"), "json") {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // The grammar lets a name stand twice; whether a reader does is another matter, and this one does not.
        let rules = json::Rules { duplicates: true, ..json::Rules::default() };
        let text = std::fs::read(&path).unwrap();
        let valid = json::parse_by(&text, rules).is_ok();
        both.judge(&text);
        match name.as_bytes().first() {
            Some(b'y') => {
                assert!(valid, "{name} must be accepted");
                accepted += 1;
            }
            Some(b'n') => {
                assert!(!valid, "{name} must be refused");
                refused += 1;
            }
            _ => free.push(format!("{name} {}", if valid { "accepted" } else { "refused" })),
        }
    }
    insta::assert_snapshot!(format!("y {accepted}, n {refused}\n{}", free.join("\n")));
}
