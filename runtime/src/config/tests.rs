//! What the configuration takes, what wins, and what it says about mistakes.

use super::*;

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Command, ConfigError> {
    let arguments: Vec<String> = arguments.iter().map(|a| (*a).into()).collect();
    let environment: Vec<_> = environment.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
    read(&arguments, &environment)
}

fn settings(arguments: &[&str], environment: &[(&str, &str)]) -> Settings {
    match run(arguments, environment).unwrap() {
        Command::Run(settings) | Command::PrintConfig(settings) => *settings,
        other @ (Command::Help | Command::Version) => panic!("{other:?}"),
    }
}

fn problem(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    run(arguments, environment).unwrap_err().to_string()
}

fn file_with(text: &str) -> (tempfile::Folder, String) {
    let folder = tempfile::Folder::new();
    let path = folder.path().join("shieldd.conf");
    std::fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

use crate::testing as tempfile;

#[test]
fn a_flag_wins_over_a_variable_and_that_over_the_file() {
    let (_folder, path) = file_with("bundle = a.shieldb\nstreams = 1\nresets = 1\nworkers = 1\n");
    let flags = ["run", "--config", &path, "--streams", "3"];
    let found = settings(&flags, &[("SHIELD_STREAMS", "2"), ("SHIELD_RESETS", "2")]);
    assert_eq!((found.streams, found.resets, found.workers, found.bundle.as_str()), (3, 2, 1, "a.shieldb"));
}

#[test]
fn a_list_is_repeated_or_spaced() {
    let found = settings(&["--bundle=b", "--listen", "127.0.0.1:1", "--listen=[::1]:2"], &[]);
    assert_eq!(found.listen, ["127.0.0.1:1", "[::1]:2"]);
    let found = settings(&["--bundle", "b"], &[("SHIELD_LISTEN", "127.0.0.1:1 127.0.0.1:2")]);
    assert_eq!(found.listen.len(), 2);
}

#[test]
fn an_unknown_name_gets_its_place_and_a_suggestion() {
    assert_eq!(
        problem(&["--bundel", "x"], &[]).lines().next().unwrap(),
        "--bundel: no setting is called `bundel`; did you mean `bundle`?"
    );
    let (_folder, path) = file_with("bundle = b\n\nhedaer-size = 1KiB\n");
    assert_eq!(
        problem(&["--config", &path], &[]),
        format!("{path}:3: no setting is called `hedaer-size`; did you mean `header-size`?")
    );
    assert!(problem(&["--bundle", "b"], &[("SHIELD_LISTNE", "x")]).contains("did you mean `SHIELD_LISTEN`?"));
}

#[test]
fn variables_of_others_are_left_alone() {
    settings(&["--bundle", "b"], &[("SHIELD_SERVICE_HOST", "10.0.0.1"), ("SHIELD_CORPORA", "/x")]);
}

#[test]
fn values_out_of_range_or_of_another_kind_are_refused() {
    for (flag, value, expected) in [
        ("--streams", "0", "between 1 and 10000"),
        ("--header-timeout", "10", "a duration such as"),
        ("--backend", "llvm", "`jit` or `interpreter`"),
        ("--listen", "8080", "an address and port"),
        ("--upstream", "ftp://x", "http"),
        ("--trusted-proxies", "10.0.0.0/99", "a network"),
    ] {
        let message = problem(&["--bundle", "b", flag, value], &[]);
        assert!(message.contains(expected), "{flag} {value}: {message}");
    }
    assert!(problem(&["--bundle", "b", "--bundle", "c"], &[]).contains("given twice"));
    assert!(problem(&[], &[]).contains("`bundle` is missing"));
    assert!(problem(&["--bundle", "b", "--client-address", "forwarded"], &[]).contains("trusted-proxies"));
}

#[test]
fn what_is_printed_reads_back() {
    let found = settings(
        &["--bundle", "b", "--trusted-proxies", "10.0.0.0/8", "--body-size", "3MiB", "--print-config"],
        &[],
    );
    let (_folder, path) = file_with(&print(&found));
    assert_eq!(settings(&["--config", &path], &[]), found);
}
