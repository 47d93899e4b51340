//! `shieldc import openapi`: what it writes is a policy that compiles, and whose tests pass.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test writes its own files, and stops loudly"
)]

use std::path::{Path, PathBuf};

use shield_cli::{End, Io, run_on};

/// Longer documents are left to the test of all documents: what is written about them does not grow with them.
const LONGEST: u64 = 40 << 10;

/// Runs `shieldc`; its end and what it says.
fn shieldc(arguments: &[&str]) -> (End, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let end = run_on(arguments.iter().copied(), &mut Io { out: &mut out, err: &mut err, terminal: false });
    (end, String::from_utf8_lossy(&out).into_owned() + &String::from_utf8_lossy(&err))
}

/// An empty folder of this test run's own.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("shield-import-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Imports a document, and runs the tests of what was written; nothing where the document is refused.
fn imported(folder: &Path, document: &str) -> Option<String> {
    let (policy, document) = (folder.join("policy.shield"), folder.join(document));
    let (policy, document) = (policy.to_str().unwrap(), document.to_str().unwrap());
    let (end, said) = shieldc(&["import", "openapi", document, "-o", policy]);
    if end != End::Fine {
        assert!(said.contains("E0"), "{document}: {said}");
        return None;
    }
    let text = std::fs::read_to_string(policy).unwrap();
    // A document whose every path is taken or needs something has no tests that would hold at once.
    if text.contains("\ntest ") {
        let (end, said) = shieldc(&["test", policy]);
        assert_eq!(end, End::Fine, "{document}: {said}\n{text}");
    }
    Some(text)
}

#[test]
fn a_policy_is_written_in_full() {
    let folder = folder("shop");
    std::fs::create_dir_all(folder.join("parts")).unwrap();
    for path in ["shop.yaml", "parts/common.yaml"] {
        std::fs::write(folder.join(path), shield_tests::text(&format!("tests/suite/openapi/{path}")))
            .unwrap();
    }
    insta::assert_snapshot!("shop", imported(&folder, "shop.yaml").unwrap());
    // A response without a description is not one of the specification's.
    let departing =
        shield_tests::text("tests/suite/openapi/shop.yaml").replace("description: A line.", "x-none: 1");
    std::fs::write(folder.join("shop.yaml"), departing).unwrap();
    let text = imported(&folder, "shop.yaml").unwrap();
    let remark: String = text.lines().filter(|line| line.contains("departs")).collect();
    insta::assert_snapshot!("departing", remark);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn policies_of_real_documents_hold() {
    let Some(root) = shield_tests::corpus("openapi", "299 documents") else { return };
    let folder = folder("corpus");
    let (mut written, mut departing) = (0, 0);
    for path in shield_tests::documents(&root) {
        let from = root.join(&path);
        if std::fs::metadata(&from).unwrap().len() > LONGEST {
            continue;
        }
        let extension = from.extension().unwrap().to_str().unwrap();
        let name = format!("document.{extension}");
        std::fs::copy(&from, folder.join(&name)).unwrap();
        if let Some(text) = imported(&folder, &name) {
            written += 1;
            departing += u32::from(text.contains("departs"));
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
    eprintln!("{written} policies written, {departing} of them for documents that depart from OpenAPI 3.0");
    assert!(written > 100, "{written}");
}
