//! What the house demands of itself: arrows between crates, sizes, pages for every code, and no leftovers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{root, suite, text};

/// Crates of the workspace, and the crates of the workspace that each may depend on.
pub const ARROWS: &[(&str, &[&str])] = &[
    ("shield-ir", &[]),
    ("shield-state", &[]),
    ("shield-learn", &["shield-ir"]),
    ("shield-compiler", &["shield-ir", "shield-learn"]),
    ("shield-engine", &["shield-ir", "shield-state"]),
    ("shield-runtime", &["shield-engine", "shield-ir", "shield-learn", "shield-state"]),
    (
        "shield-cli",
        &["shield-compiler", "shield-engine", "shield-ir", "shield-learn", "shield-runtime", "shield-state"],
    ),
];

/// Dependencies that have one home; a name that ends in `*` stands for all that begin so.
pub const HOMES: &[(&str, &str)] = &[
    ("postcard", "shield-ir"),
    ("pest*", "shield-compiler"),
    ("miette", "shield-compiler"),
    ("saphyr*", "shield-compiler"),
    ("serde-saphyr", "shield-compiler"),
    ("openapiv3", "shield-compiler"),
    ("strsim", "shield-compiler"),
    ("cranelift*", "shield-engine"),
    ("aho-corasick", "shield-engine"),
    ("redis", "shield-state"),
    ("hyper*", "shield-runtime"),
    ("tokio*", "shield-runtime"),
    // Redis is spoken to through it, behind the feature that turns Redis on.
    ("tokio*", "shield-state"),
    ("rustls*", "shield-runtime"),
    ("arc-swap", "shield-runtime"),
    ("maxminddb", "shield-runtime"),
    ("notify", "shield-runtime"),
    ("clap", "shield-cli"),
];

/// What must not be reachable from a crate at all.
pub const UNREACHABLE: &[(&str, &[&str])] = &[
    ("shield-ir", &["pest*", "miette", "cranelift*", "tokio*", "hyper*"]),
    ("shield-compiler", &["cranelift*", "tokio*", "hyper*", "rustls*"]),
    ("shield-engine", &["pest*", "miette", "tokio*", "hyper*", "rustls*", "shield-compiler"]),
    (
        "shield-runtime",
        &["pest*", "miette", "saphyr*", "serde-saphyr", "clap", "shield-compiler", "shield-cli"],
    ),
];

/// Where `unsafe` may stand, and why; in what is shipped, machine code is the one reason.
const UNSAFE: &[(&str, &str)] = &[("engine/src/jit/code.rs", "machine code is called")];

/// The longest file, in lines, without its tests.
const LONGEST: usize = 600;

/// The longest tests inside a file; longer ones go into a `tests.rs` beside it.
const LONGEST_TESTS: usize = 150;

/// Files that may be longer, and why.
const TABLES: &[(&str, &str)] = &[];

/// Files whose tests may be longer, and why.
const LONG_TESTS: &[(&str, &str)] =
    &[("runtime/src/lib.rs", "the life of a request is tested beside the function that it is")];

/// Every offence against [`ARROWS`] and [`HOMES`] in the manifests of the workspace.
pub fn arrows() -> Vec<String> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages.flat_map(package_arrows).collect()
}

fn package_arrows(package: &Value) -> Vec<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let dependencies: Vec<(&str, bool)> = package["dependencies"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| (row["name"].as_str().unwrap_or_default(), row["kind"] == "dev"))
        .collect();
    if name == "shield-tests" {
        return Vec::new();
    }
    let Some((_, allowed)) = ARROWS.iter().find(|row| row.0 == name) else {
        return vec![format!("`{name}` has no row in the table of arrows")];
    };
    let arrow = dependencies
        .iter()
        .filter(|(other, _)| other.starts_with("shield-") && !allowed.contains(other))
        .map(|(other, _)| format!("`{name}` must not depend on `{other}`"));
    let home = dependencies.iter().filter(|(_, dev)| !dev).filter_map(|(other, _)| {
        let (_, home) = HOMES.iter().find(|(pattern, home)| covers(pattern, other) && *home != name)?;
        // `hyper-util` begins as `hyper` does; a crate that is the home of the name itself may have it.
        let at_home = HOMES.iter().any(|(pattern, home)| covers(pattern, other) && *home == name);
        (!at_home).then(|| format!("`{name}` depends on `{other}`, whose home is `{home}`"))
    });
    arrow.chain(home).collect()
}

/// Every offence against [`UNREACHABLE`], from what cargo resolves for this machine.
pub fn closures() -> Vec<String> {
    let mut offences = Vec::new();
    for (name, forbidden) in UNREACHABLE {
        let tree = cargo(&["tree", "-p", name, "-e", "normal", "--prefix", "none", "--format", "{p}"]);
        let reached: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(reached.contains(name), "cargo tree shows the crate itself");
        for other in reached {
            if other != *name && forbidden.iter().any(|pattern| covers(pattern, other)) {
                offences.push(format!("`{name}` reaches `{other}`"));
            }
        }
    }
    offences
}

fn covers(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

fn metadata() -> Value {
    serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1"]))
        .expect("cargo writes JSON")
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--locked", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}

/// The top-level folders that hold the project.
pub fn folders() -> Vec<String> {
    let entries = std::fs::read_dir(root()).expect("the repository can be read");
    let mut folders: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "target" && name != ".git")
        .collect();
    folders.sort();
    folders
}

/// Texts of the project with these endings: path from the root, text.
pub fn texts(endings: &[&str]) -> Vec<(String, String)> {
    let all = folders().into_iter().flat_map(|folder| suite::files(&folder, ""));
    let ours = |path: &PathBuf| {
        let path = path.to_string_lossy();
        endings.iter().any(|ending| path.ends_with(ending)) && !path.contains("/target/")
    };
    let mut texts: Vec<(String, String)> = all
        .filter(ours)
        .map(|path| {
            let relative =
                path.strip_prefix(root()).unwrap_or_else(|_| Path::new("")).to_string_lossy().into_owned();
            // Cases that are no text are read as far as they are.
            let bytes = std::fs::read(&path).expect("the walk found it");
            (relative, String::from_utf8_lossy(&bytes).into_owned())
        })
        .collect();
    let top = ["README.md", "ARCHITECTURE.md", "Cargo.toml", "justfile", "deny.toml", "clippy.toml"];
    let top = top.iter().filter(|name| endings.iter().any(|ending| name.ends_with(ending)));
    texts.extend(top.map(|name| ((*name).to_owned(), text(name))));
    texts
}

/// Files with `unsafe` outside its one place.
pub fn unsafe_code() -> Vec<String> {
    texts(&[".rs"])
        .iter()
        .filter(|(path, text)| !UNSAFE.iter().any(|(place, _)| place == path) && text.lines().any(has_unsafe))
        .map(|(path, _)| format!("{path} has unsafe code; {} is its only place", UNSAFE[0].0))
        .collect()
}

fn has_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let quoted = |at: usize| code.get(..at).is_some_and(|before| before.matches('"').count() % 2 == 1);
    code.match_indices("unsafe").any(|(at, word)| {
        let next = code.get(at + word.len()..).unwrap_or_default();
        !quoted(at)
            && matches!(next.trim_start().chars().next(), Some('{' | 'f' | 'i' | 'e' | 't') | None)
            && next.starts_with([' ', '{'])
    })
}

/// Files that do not say what they are for, or are too long.
pub fn files() -> Vec<String> {
    let mut offences = Vec::new();
    for (path, text) in texts(&[".rs"]) {
        if !text.starts_with("//! ") && !path.ends_with("tests.rs") {
            offences.push(format!("{path} does not begin with `//!` and one sentence"));
        }
        if path.ends_with("utils.rs") || path.ends_with("util.rs") {
            offences.push(format!("{path} has a name that says nothing"));
        }
        let code = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        let tests = text.lines().count() - code;
        let is_test = path.starts_with("tests/") || path.ends_with("tests.rs");
        if code > LONGEST && !is_test && !TABLES.iter().any(|(table, _)| *table == path) {
            offences.push(format!("{path} has {code} lines; {LONGEST} is the limit"));
        }
        if tests > LONGEST_TESTS && !is_test && !LONG_TESTS.iter().any(|(file, _)| *file == path) {
            offences.push(format!("{path} has {tests} lines of tests; they go into a `tests.rs` beside it"));
        }
    }
    let stale = TABLES.iter().filter(|(table, _)| text(table).lines().count() <= LONGEST);
    offences.extend(stale.map(|(table, _)| format!("{table} needs no exception any more")));
    offences
}

/// Words that must not stand in the project, and why.
const LEFTOVERS: &[(&str, &str)] = &[
    ("#[ignore", "a test runs or is not there"),
    ("/home/", "a path of one machine"),
    ("/Users/", "a path of one machine"),
    ("TODO:", "a TODO has an owner and a reason to wait: `TODO(name): …`"),
    ("TODO ", "a TODO has an owner and a reason to wait: `TODO(name): …`"),
];

/// Leftovers in texts.
pub fn leftovers() -> Vec<String> {
    let mut offences = Vec::new();
    // Where this clone and its user happen to be, whatever machine that is.
    let beside = root().parent().map(|folder| format!("{}/", folder.display()));
    let home = std::env::var("HOME").ok().map(|folder| format!("{}/", folder.trim_end_matches('/')));
    let here: Vec<String> = beside.into_iter().chain(home).filter(|folder| folder.len() > 1).collect();
    let words = || {
        LEFTOVERS.iter().copied().chain(here.iter().map(|folder| (folder.as_str(), "a path of this machine")))
    };
    for (path, text) in texts(&[".rs", ".md", ".pest", ".toml", ".shield", "justfile", ".ci/run", ".sh"]) {
        if path == "tests/src/tidy.rs" {
            continue;
        }
        for (at, line) in (1..).zip(text.lines()) {
            for (word, why) in words() {
                if line.contains(word) {
                    offences.push(format!("{path}:{at} has `{word}`: {why}"));
                }
            }
        }
    }
    offences
}

/// Rules of the grammar without documentation: every paragraph begins with what it is.
pub fn grammar() -> Vec<String> {
    let text = text("grammar/shield.pest");
    let mut offences = Vec::new();
    let mut documented = false;
    for line in text.lines() {
        if line.trim().is_empty() {
            documented = false;
        } else if line.starts_with("//") {
            documented = true;
        } else if let Some((name, _)) = line.split_once(" =").or_else(|| line.split_once("= "))
            && !documented
            && line.starts_with(|c: char| c.is_ascii_alphabetic())
        {
            offences.push(format!("the grammar's rule `{}` is not documented", name.trim()));
        }
    }
    offences
}

/// The words of the language, as the grammar has them.
pub fn keywords() -> Vec<String> {
    let text = text("grammar/shield.pest");
    let keyword = |line: &str| {
        let (_, rest) = line.strip_prefix("kw_")?.split_once('"')?;
        rest.split('"').next().map(str::to_owned)
    };
    text.lines().filter_map(keyword).collect()
}
