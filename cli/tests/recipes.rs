//! The recipes of `docs/operations/ci.md`, run as they stand there in a repository of their own.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test runs programs on files of its own, and stops loudly when it cannot go on"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const GOOD: &str = "api shop {\n  host     \"shop.test\"\n  upstream \"http://127.0.0.1:9000\"\n\n  endpoint GET /a\n}\n\nrule shut {\n  on   shop\n  when ssl and http.host eq \"x\"\n  then block\n}\n\n\
    test \"it is open\" {\n  request GET \"https://shop.test/a\"\n  expect  allow\n}\n";
const WRONG: &str = "rule a {\n  when http.hots eq \"x\"\n  then block\n}\n";

/// A repository with one policy, `shop`.
struct Repository {
    folder: PathBuf,
}

impl Repository {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(folder.join("policies/shop")).unwrap();
        let repository = Self { folder };
        repository.write(GOOD);
        assert!(repository.sh("git init -q . && git add -A").status.success());
        repository
    }

    fn write(&self, policy: &str) {
        fs::write(self.folder.join("policies/shop/shop.shield"), policy).unwrap();
    }

    /// Runs a script as a workflow does: the first command that fails ends it.
    fn sh(&self, script: &str) -> Output {
        let binaries = Path::new(env!("CARGO_BIN_EXE_shieldc")).parent().unwrap();
        let path = std::env::join_paths(
            std::iter::once(binaries.to_owned())
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        Command::new("bash")
            .args(["-e", "-c", script])
            .current_dir(&self.folder)
            .env("PATH", path.unwrap())
            // What a user has set up elsewhere does not matter here.
            .env("HOME", &self.folder)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap()
    }

    fn commit(&self) -> Output {
        self.sh("git add -A && git -c user.name=a -c user.email=a@a.test commit -q -m policies")
    }
}

fn recipe(language: &str) -> String {
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations/ci.md")).unwrap();
    let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// The scripts of a workflow by the names of their steps.
fn steps(workflow: &str) -> Vec<(String, String)> {
    let mut steps = Vec::new();
    for step in workflow.split("\n      - ").skip(1) {
        let (name, Some((_, script))) = (step.lines().next().unwrap(), step.split_once("run: ")) else {
            continue;
        };
        let script = script.strip_prefix("|\n").unwrap_or(script);
        steps.push((name.trim_start_matches("name: ").to_owned(), script.to_owned()));
    }
    steps
}

/// What the steps of the workflow come to, but for the one that installs what is here already.
fn run(repository: &Repository) -> Vec<(String, Output)> {
    let steps = steps(&recipe("yaml"));
    assert_eq!(steps.len(), 6);
    let ours = steps.into_iter().filter(|(name, _)| name != "Install shieldc");
    ours.map(|(name, script)| (name, repository.sh(&script))).collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

#[test]
fn the_workflow_passes_a_good_policy_and_keeps_its_bundle() {
    let repository = Repository::new("workflow-good");
    for (name, output) in run(&repository) {
        assert!(output.status.success(), "{name}: {}", said(&output));
    }
    assert!(repository.folder.join("bundles/shop.shieldb").exists());
    assert!(repository.folder.join("policies.sarif").exists());
}

#[test]
fn the_workflow_fails_on_a_mistake_and_says_where_it_is() {
    let repository = Repository::new("workflow-wrong");
    repository.write(&format!("{GOOD}\n{WRONG}"));
    let outputs = run(&repository);
    let of = |step: &str| &outputs.iter().find(|(name, _)| name == step).unwrap().1;
    assert!(!of("No mistakes").status.success());
    assert!(said(of("No mistakes")).contains("::error file=policies/shop/shop.shield,line=20,"));
    assert!(of("Mistakes as a log").status.success());
    assert!(!of("Bundles").status.success());
}

#[test]
fn the_hook_looks_at_what_is_staged() {
    let repository = Repository::new("hook");
    let hook = repository.folder.join(".git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(hook, recipe("sh")).unwrap();
    assert!(repository.sh("chmod +x .git/hooks/pre-commit").status.success());
    let first = repository.commit();
    assert!(first.status.success(), "{}", said(&first));

    repository.write(&format!("{GOOD}\n{WRONG}"));
    assert!(repository.sh("git add -A").status.success());
    repository.write(GOOD);
    let refused = repository.sh("git -c user.name=a -c user.email=a@a.test commit -q -m policies");
    assert!(!refused.status.success(), "the working tree is good, what is staged is not");
    assert!(said(&refused).contains("E0201"), "{}", said(&refused));

    repository.write(&GOOD.replace("  host     ", "  host "));
    assert!(!repository.commit().status.success(), "not laid out");

    assert!(repository.sh("git checkout -q HEAD -- policies && echo a > other").status.success());
    assert!(repository.commit().status.success(), "nothing of the policies is staged");
}
