//! How diagnostics are told to programs: JSON, SARIF and annotations, as they are written for one wrong policy.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test runs programs on files of its own, and stops loudly when it cannot go on"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Two errors of one code, a warning, a place that another speaks of, and a file whose name no URI may hold as it is.
const POLICY: &str = "rule a {\n  when http.hots eq \"100%\"\n  then block\n}\n\nlet é = ssl\nlet unused = ssl\n\n\
    rule b {\n  when http.request.method eq \"GET\"\n  then block\n}\n\nrule b {\n  when ssl\n  then log\n}\n";

fn told(format: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("formats-{format}"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("a policy, 50%.shield"), POLICY).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_shieldc"))
        .args(["check", "--format", format, "a policy, 50%.shield"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn json_says_all() {
    insta::assert_snapshot!(told("json"));
}

#[test]
fn annotations_are_one_line_each() {
    let told = told("github");
    assert!(
        told.lines().all(|line| line.starts_with("::error file=") || line.starts_with("::warning file="))
    );
    insta::assert_snapshot!(told);
}

#[test]
fn sarif_is_what_its_standard_asks_for() {
    let mut log: Value = serde_json::from_str(&told("sarif")).unwrap();
    assert_eq!(log["version"], "2.1.0");
    for run in log["runs"].as_array_mut().unwrap() {
        let driver = &mut run["tool"]["driver"];
        assert!(driver["name"].is_string());
        driver["version"] = "VERSION".into();
        let rules = driver["rules"].as_array_mut().unwrap();
        for rule in rules.iter_mut() {
            assert!(rule["shortDescription"]["text"].is_string());
            // Pages are told elsewhere.
            assert!(rule["help"]["text"].as_str().unwrap().len() > 100);
            rule["help"] = "PAGE".into();
        }
        let ids: Vec<String> = rules.iter().map(|rule| rule["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(run["columnKind"], "unicodeCodePoints");
        for result in run["results"].as_array().unwrap() {
            assert!(ids.contains(&result["ruleId"].as_str().unwrap().to_owned()));
            assert!(["error", "warning"].contains(&result["level"].as_str().unwrap()));
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            let related = result["relatedLocations"].as_array().unwrap();
            for location in result["locations"].as_array().unwrap().iter().chain(related) {
                is_place(&location["physicalLocation"]);
            }
        }
    }
    insta::assert_snapshot!(format!("{log:#}"));
}

/// Lines and columns count from 1, what ends does so after it begins, and the file is a relative URI reference.
fn is_place(location: &Value) {
    let number = |name: &str| location["region"][name].as_u64().unwrap();
    assert!(number("startLine") >= 1 && number("startColumn") >= 1);
    assert!(
        (number("startLine"), number("startColumn")) <= (number("endLine"), number("endColumn")),
        "{location}"
    );
    let uri = location["artifactLocation"]["uri"].as_str().unwrap();
    assert!(!uri.starts_with('/') && uri.bytes().all(|byte| byte.is_ascii_graphic()), "{uri}");
}
