//! Real documents: each builds, or gets a precise error for a real fault; the table of outcomes is a snapshot.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests panic, print and read their corpora"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

/// What becomes of a document: its operations and remarks, or its errors.
fn outcome(root: &Path, path: &str) -> String {
    let (mut map, mut diagnostics) = (SourceMap::default(), Vec::new());
    let document = Document::read(&Folder(root.to_path_buf()), &mut map, path, &mut diagnostics);
    let mut plan = PlanBuilder::new();
    let compiled = document.map(|document| document.compile(&mut plan, &mut diagnostics)).unwrap_or_default();
    diagnostic::sort(&mut diagnostics);
    let errors: Vec<&Diagnostic> = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
    let mut out = String::new();
    if errors.is_empty() {
        let plan = plan.finish();
        write!(
            out,
            "{} operations, {} schemas, {} remarks",
            compiled.operations.len(),
            plan.nodes.len(),
            diagnostics.len()
        )
        .unwrap();
        // What was built is ready to run, and survives the way into a bundle.
        let validators = Validators::load(plan).unwrap();
        for operation in compiled.operations {
            assert!(operation.operation.verify(validators.plan()));
            Judge::new(&validators, operation.operation);
        }
    }
    for error in errors.iter().take(3) {
        let file = map.file(error.span.file).unwrap();
        let (line, column) = map.position(error.span.file, error.span.start);
        write!(
            out,
            "{}{} {}:{line}:{column} {}",
            if out.is_empty() { "" } else { "; " },
            error.code.name,
            file.path,
            error.message
        )
        .unwrap();
    }
    if errors.len() > 3 {
        write!(out, "; and {} more", errors.len() - 3).unwrap();
    }
    out
}

/// Documents below a folder.
fn documents(root: &Path) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let extension = path.extension().map(|extension| extension.to_string_lossy().into_owned());
            if path.is_dir() {
                folders.push(path);
            } else if matches!(extension.as_deref(), Some("json" | "yaml" | "yml")) {
                found.push(path.strip_prefix(root).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
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

/// The same for any folder: `SHIELD_DOCUMENTS=folder cargo test --release --test openapi_documents -- --nocapture`.
#[test]
fn every_document_of_a_named_folder_builds_or_says_why_not() {
    let Some(root) = std::env::var_os("SHIELD_DOCUMENTS").map(PathBuf::from) else {
        eprintln!("NOT RUN: documents of another folder, because SHIELD_DOCUMENTS names none");
        return;
    };
    for path in documents(&root) {
        eprintln!("{path}\t{}", outcome(&root, &path));
    }
}
