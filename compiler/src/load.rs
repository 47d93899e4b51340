//! A policy's files: read through `Sources`, parsed, includes followed inside the root and never in a cycle.

use std::collections::BTreeSet;

use crate::ast::{File, Item, Name};
use crate::codes::{E0104, E0204, E0205};
use crate::diagnostic::Diagnostic;
use crate::parse;
use crate::source::{FileId, SourceError, SourceMap, Sources, Span, join};

/// Reads files of a compilation.
pub(crate) struct Loader<'a> {
    /// Where files come from.
    pub sources: &'a dyn Sources,
    /// All texts so far.
    pub map: SourceMap,
    /// All mistakes so far.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loader<'_> {
    /// The items of these files and of all that they include, each file once.
    pub(crate) fn policy(&mut self, entries: &[String]) -> Vec<Item> {
        let mut files = BTreeSet::new();
        let mut items = Vec::new();
        for entry in entries {
            let nowhere = Span::new(FileId(0), 0, 0);
            self.file(entry, nowhere, &mut Visit { files: &mut files, open: Vec::new(), items: &mut items });
        }
        items
    }

    fn file(&mut self, path: &str, asked: Span, visit: &mut Visit<'_>) {
        if let Some(at) = visit.open.iter().position(|open| open == path) {
            let cycle = visit.open.get(at..).unwrap_or_default().join("` includes `");
            self.diagnostics.push(
                Diagnostic::new(E0205, asked, format!("`{cycle}` includes `{path}`"))
                    .help("move what both need into a third file"),
            );
            return;
        }
        if !visit.files.insert(path.to_owned()) {
            return;
        }
        let Some((id, text)) = self.text(path, asked) else { return };
        let File { items } = parse::file(id, &text, &mut self.diagnostics);
        visit.open.push(path.to_owned());
        for item in items {
            if let Item::Include(target) = &item {
                self.include(path, target, visit);
            } else {
                visit.items.push(item);
            }
        }
        visit.open.pop();
    }

    fn include(&mut self, from: &str, target: &Name, visit: &mut Visit<'_>) {
        match join(from, &target.node) {
            Some(path) => self.file(&path, target.span, visit),
            None => self.diagnostics.push(unreadable(&target.node, target.span, &SourceError::OutsideRoot)),
        }
    }

    /// The text of a file that a policy names; what goes wrong is reported where it is named.
    pub(crate) fn text(&mut self, path: &str, asked: Span) -> Option<(FileId, String)> {
        let bytes = match self.sources.read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.diagnostics.push(unreadable(path, asked, &error));
                return None;
            }
        };
        match std::str::from_utf8(&bytes) {
            Ok(text) => Some((self.map.add(path, text), text.to_owned())),
            Err(error) => {
                let id = self.map.add(path, &String::from_utf8_lossy(&bytes));
                let at = error.valid_up_to();
                self.diagnostics.push(
                    Diagnostic::new(E0104, Span::new(id, at, at + 1), format!("`{path}` is not UTF-8 text"))
                        .label("the first byte that is no text"),
                );
                None
            }
        }
    }
}

/// One walk over the files of a policy.
struct Visit<'a> {
    files: &'a mut BTreeSet<String>,
    open: Vec<String>,
    items: &'a mut Vec<Item>,
}

/// That a file cannot be had.
pub(crate) fn unreadable(path: &str, asked: Span, error: &SourceError) -> Diagnostic {
    let help = match error {
        SourceError::NotFound => "paths are relative to the file that names them",
        SourceError::OutsideRoot => "name files below the policy's root, by a relative path",
        SourceError::TooLarge { .. } | SourceError::Io(_) => "",
    };
    let diagnostic = Diagnostic::new(E0204, asked, format!("cannot read `{path}`: {error}"));
    if help.is_empty() { diagnostic } else { diagnostic.help(help) }
}
