//! The checks on the house itself.

use shield_compiler::codes::CODES;
use shield_tests::tidy::{self, texts};
use shield_tests::{root, suite, text};

#[track_caller]
fn none(offences: &[String]) {
    assert!(offences.is_empty(), "\n{}\n", offences.join("\n"));
}

#[test]
fn arrows_point_where_the_architecture_says() {
    none(&tidy::arrows());
}

#[test]
fn the_proxy_reaches_no_parser_and_the_compiler_no_socket() {
    none(&tidy::closures());
}

#[test]
fn unsafe_code_has_one_place() {
    none(&tidy::unsafe_code());
}

#[test]
fn files_say_what_they_are_for_and_stay_short() {
    none(&tidy::files());
}

#[test]
fn nothing_is_left_over() {
    none(&tidy::leftovers());
}

#[test]
fn the_grammar_is_documented() {
    none(&tidy::grammar());
    let manual: String = texts(&[".md"])
        .into_iter()
        .filter(|(path, _)| path.starts_with("docs/language/"))
        .map(|(_, text)| text)
        .collect();
    let said = |word: &String| {
        manual.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|other| other == word)
    };
    let unsaid: Vec<String> = tidy::keywords().into_iter().filter(|word| !said(word)).collect();
    none(&unsaid);
}

#[test]
fn every_code_has_a_page_and_a_case() {
    let cases: Vec<String> = suite::files("tests/suite/diagnostics", "")
        .iter()
        .filter_map(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()))
        .collect();
    let tables = ["compiler/src/codes.rs", "compiler/src/explain.rs"];
    let compiler: Vec<String> = texts(&[".rs"])
        .into_iter()
        .filter(|(path, _)| path.starts_with("compiler/src") && !tables.contains(&path.as_str()))
        .map(|(_, text)| text)
        .collect();
    let mut offences = Vec::new();
    for code in CODES {
        let page = root().join(format!("docs/errors/{}.md", code.name));
        if !page.exists() {
            offences.push(format!("{} has no page", code.name));
        } else if shield_compiler::explain::page(*code) == code.title {
            offences.push(format!("`shieldc explain` does not know the page of {}", code.name));
        }
        // A code that no source names yet is kept for what it is about; its page says so.
        let given = compiler.iter().any(|text| text.contains(code.name));
        let start = code.name.to_ascii_lowercase() + "_";
        if given && !cases.iter().any(|case| case.starts_with(&start)) {
            offences.push(format!("{} has no case in tests/suite/diagnostics", code.name));
        }
    }
    none(&offences);
}

#[test]
fn the_map_of_the_house_is_complete() {
    let map = text("ARCHITECTURE.md");
    assert!(map.lines().count() < 200);
    let missing = tidy::folders().into_iter().filter(|folder| !map.contains(&format!("{folder}/")));
    none(&missing.map(|folder| format!("ARCHITECTURE.md does not name `{folder}/`")).collect::<Vec<_>>());
}

#[test]
fn every_page_is_linked() {
    let mut offences = Vec::new();
    for (path, _) in texts(&[".md"]) {
        let Some((folder, name)) = path.rsplit_once('/') else { continue };
        if !path.starts_with("docs/") || path.starts_with("docs/errors/") || name == "README.md" {
            continue;
        }
        let beside = root().join(folder).join("README.md");
        let index = if beside.exists() { text(&format!("{folder}/README.md")) } else { String::new() };
        let map = text("ARCHITECTURE.md") + &text("README.md");
        if !index.contains(name) && !map.contains(&path) {
            offences.push(format!("{path} is linked from nowhere"));
        }
    }
    none(&offences);
}
