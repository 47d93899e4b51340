//! The JSON-Schema-Test-Suite through `shieldc bowtie`, as its harness would run it, and through `shieldc validate`: native
//! code says what the interpreter says.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test runs programs on a corpus, and stops loudly when it cannot go on"
)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};

const DRAFT_2020_12: &str = "https://json-schema.org/draft/2020-12/schema";
const DRAFT_4: &str = "http://json-schema.org/draft-04/schema#";

/// The suite, said loudly where it is not there.
fn suite() -> Option<PathBuf> {
    let root = std::env::var_os("SHIELD_CORPORA").map(PathBuf::from);
    let folder = root.map(|root| root.join("jsonschema")).filter(|folder| folder.exists());
    if folder.is_none() {
        eprintln!(
            "NOT RUN: the JSON-Schema-Test-Suite by its harness, because SHIELD_CORPORA does not name it"
        );
    }
    folder
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn remotes(root: &Path, folder: &Path, out: &mut Map<String, Value>) {
    for path in files(folder) {
        if path.is_dir() {
            remotes(root, &path, out);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            let schema = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            out.insert(format!("http://localhost:1234/{name}"), schema);
        }
    }
}

/// The groups of all files of a folder.
fn groups(folder: &Path) -> Vec<Value> {
    let tests =
        files(folder).into_iter().filter(|path| path.extension().is_some_and(|found| found == "json"));
    let read =
        |path: PathBuf| serde_json::from_str::<Vec<Value>>(&fs::read_to_string(path).unwrap()).unwrap();
    tests.flat_map(read).collect()
}

/// What `shieldc bowtie` answers to these lines.
fn harness(arguments: &[&str], lines: Vec<Value>) -> Vec<Value> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_shieldc"))
        .arg("bowtie")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let writing =
        std::thread::spawn(move || lines.iter().for_each(|line| writeln!(input, "{line}").unwrap()));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// How many of the suite's tests pass by both backends, which answer alike.
fn passed(suite: &Path, tests: &str, dialect: &str, format: &str) -> (usize, usize) {
    let mut registry = Map::new();
    remotes(&suite.join("remotes"), &suite.join("remotes"), &mut registry);
    let groups = groups(&suite.join(tests));
    let mut lines =
        vec![json!({ "cmd": "start", "version": 1 }), json!({ "cmd": "dialect", "dialect": dialect })];
    lines.extend(groups.iter().enumerate().map(|(seq, group)| {
        let tests = group["tests"].as_array().unwrap().iter();
        let tests: Vec<Value> = tests
            .map(|test| json!({ "description": test["description"], "instance": test["data"] }))
            .collect();
        let case = json!({ "description": group["description"], "schema": group["schema"], "registry": registry, "tests": tests });
        json!({ "cmd": "run", "seq": seq, "case": case })
    }));
    lines.push(json!({ "cmd": "stop" }));
    let [interp, jit] =
        ["interp", "jit"].map(|backend| harness(&["--format", format, "--backend", backend], lines.clone()));
    assert_eq!(interp, jit);
    assert_eq!((interp[0]["version"].clone(), interp[1]["ok"].clone()), (json!(1), json!(true)));
    let (mut right, mut all) = (0, 0);
    for (group, answer) in groups.iter().zip(&jit[2..]) {
        for (at, test) in group["tests"].as_array().unwrap().iter().enumerate() {
            all += 1;
            right += usize::from(answer["results"][at]["valid"] == test["valid"]);
        }
    }
    (right, all)
}

#[test]
fn draft_2020_12_passes_by_both_backends() {
    let Some(suite) = suite() else { return };
    let (right, all) = passed(&suite, "tests/draft2020-12", DRAFT_2020_12, "annotate");
    assert!(all > 1_000, "the suite has more than {all} tests");
    assert_eq!(right, all);
}

#[test]
fn draft_2020_12_formats_pass_alike() {
    let Some(suite) = suite() else { return };
    let (right, all) = passed(&suite, "tests/draft2020-12/optional/format", DRAFT_2020_12, "assert");
    insta::assert_snapshot!(format!("{right} of {all}"));
}

#[test]
fn draft_4_passes_alike() {
    let Some(suite) = suite() else { return };
    let (right, all) = passed(&suite, "tests/draft4", DRAFT_4, "annotate");
    insta::assert_snapshot!(format!("{right} of {all}"));
}

#[test]
fn values_are_judged_alike_by_validate() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("backends");
    fs::create_dir_all(&folder).unwrap();
    let schema = r#"{ "type": "object", "required": ["kind"], "properties": { "n": { "type": "integer", "maximum": 9 } },
        "oneOf": [{ "properties": { "kind": { "const": "a" } } }, { "properties": { "kind": { "const": "b" } }, "required": ["n"] }] }"#;
    fs::write(folder.join("schema.json"), schema).unwrap();
    let texts = [
        r#"{"kind":"a"}"#,
        r#"{"kind":"b"}"#,
        r#"{"kind":"b","n":10}"#,
        r#"{"n":1}"#,
        r#"{"kind":"a","kind":"a"}"#,
        "[",
        "",
    ];
    let names: Vec<String> = (0..texts.len()).map(|at| format!("{at}.json")).collect();
    names.iter().zip(texts).for_each(|(name, text)| fs::write(folder.join(name), text).unwrap());
    let told = |backend: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_shieldc"))
            .args(["validate", "--json", "--backend", backend, "--schema", "schema.json"])
            .args(&names)
            .current_dir(&folder)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let jit = told("jit");
    assert_eq!(told("interp"), jit);
    let valid: Vec<bool> =
        jit.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["valid"] == true).collect();
    assert_eq!(valid, [true, false, false, false, false, false, false], "{jit}");
}
