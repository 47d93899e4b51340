//! How suite folders and manual pages are read: every file and every code block is a case.

use std::path::{Path, PathBuf};

use shield_cli::files::PolicyPath;
use shield_compiler::diagnostic::{Diagnostic, Look, render};
use shield_compiler::source::{MemorySources, SourceMap};
use shield_compiler::{Outcome, compile};

/// The files below a folder of the repository whose names end so, in order.
pub fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(&crate::root().join(folder), ending, &mut found);
    found.sort();
    found
}

fn walk(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() {
            walk(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
}

/// Compiles the policy of a folder, as `shieldc` does.
pub fn policy(folder: &Path) -> Outcome {
    let opened = PolicyPath::open(folder).expect("the policy's folder is there");
    compile(&opened.sources(), &opened.entries)
}

/// Compiles one text as `name`, with the files of `tests/suite/support` beside it.
pub fn compiled(name: &str, text: &[u8]) -> Outcome {
    compiled_with(name, text, &[])
}

/// The same, with more files beside it.
pub fn compiled_with(name: &str, text: &[u8], more: &[(&str, &[u8])]) -> Outcome {
    let support = crate::root().join("tests/suite/support");
    let mut sources = MemorySources::default();
    for path in files("tests/suite/support", "") {
        let relative =
            path.strip_prefix(&support).expect("the walk began there").to_string_lossy().into_owned();
        sources.0.insert(relative, std::fs::read(&path).expect("the walk found it").into());
    }
    for (path, bytes) in more.iter().chain([&(name, text)]) {
        sources.0.insert((*path).to_owned(), (*bytes).into());
    }
    compile(&sources, &[name.to_owned()])
}

/// Diagnostics as people see them, without colours, in 110 columns.
pub fn rendered(diagnostics: &[Diagnostic], sources: &SourceMap) -> String {
    let all: String =
        diagnostics.iter().map(|diagnostic| render(diagnostic, sources, Look::Plain, 110) + "\n").collect();
    all.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

/// A fenced code block of a manual page.
#[derive(Debug)]
pub struct Block {
    /// What follows the fence: `shield`, `json` and so on.
    pub language: String,
    /// The line of its fence, from 1.
    pub line: usize,
    /// Its text.
    pub text: String,
}

impl Block {
    /// The codes that the block says it gives, each with its line inside the block, from 1.
    pub fn expected(&self) -> Vec<(u32, String)> {
        let mut expected = Vec::new();
        for (at, line) in (1..).zip(self.text.lines()) {
            let Some((_, codes)) = line.rsplit_once("# error:").or_else(|| line.rsplit_once("# warning:"))
            else {
                continue;
            };
            expected.extend(codes.split_whitespace().map(|code| (at, code.to_owned())));
        }
        expected.sort();
        expected
    }
}

/// The code blocks of a page.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (at, line) in (1..).zip(page.lines()) {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(language), None) => {
                open = Some(Block { language: language.trim().to_owned(), line: at, text: String::new() });
            }
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a code block does not end");
    blocks
}
