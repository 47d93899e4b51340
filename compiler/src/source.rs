//! Where texts come from and what a place in them is: `Sources` is the compiler's only door to files.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A text of the compilation, as its place in the [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A stretch of bytes in one file, end exclusive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file it lies in.
    pub file: FileId,
    /// Its first byte.
    pub start: u32,
    /// The byte after its last.
    pub end: u32,
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}:{}..{}", self.file.0, self.start, self.end)
    }
}

impl Span {
    /// A span from byte offsets.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        Self { file, start: start as u32, end: end as u32 }
    }

    /// The span from the start of `self` to the end of `other`, both of one file.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { file: self.file, start: self.start, end: other.end.max(self.start) }
    }
}

/// Why a file could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// There is no such file.
    #[error("there is no such file")]
    NotFound,
    /// The path leaves the policy's root, by `..`, by being absolute or through a link.
    #[error("the path leaves the policy's root")]
    OutsideRoot,
    /// The file is larger than the compiler reads.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The environment failed.
    #[error("{0}")]
    Io(String),
}

/// How the compiler asks for a file: by a normalised path relative to the policy's root, `/` between parts.
pub trait Sources {
    /// The bytes of the file at `path`.
    fn read(&self, path: &str) -> Result<Arc<[u8]>, SourceError>;
}

/// Files held in memory: for tests, fuzzing and expressions from the command line.
#[derive(Clone, Debug, Default)]
pub struct MemorySources(pub BTreeMap<String, Arc<[u8]>>);

impl MemorySources {
    /// Sources of these (path, text) pairs.
    pub fn new<const N: usize>(files: [(&str, &str); N]) -> Self {
        Self(files.into_iter().map(|(path, text)| (path.to_owned(), text.as_bytes().into())).collect())
    }
}

impl Sources for MemorySources {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, SourceError> {
        self.0.get(path).map(Arc::clone).ok_or(SourceError::NotFound)
    }
}

/// One text with its path.
#[derive(Clone)]
pub struct SourceFile {
    /// Path relative to the policy's root.
    pub path: Arc<str>,
    /// The text; what was not UTF-8 has been replaced for display.
    pub text: Arc<str>,
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceFile({}, {} bytes)", self.path, self.text.len())
    }
}

/// Every text that a compilation has read, so that a [`Span`] can be shown.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
    /// What stands before every path when it is shown: the policy's root as the user named it.
    prefix: String,
}

impl SourceMap {
    /// Adds a text and names it.
    pub fn add(&mut self, path: &str, text: &str) -> FileId {
        self.files.push(SourceFile { path: path.into(), text: text.into() });
        FileId(self.files.len() as u32 - 1)
    }

    /// The file of that id.
    pub fn file(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// The id of the file at that path, if it has been read.
    pub fn find(&self, path: &str) -> Option<FileId> {
        self.files.iter().position(|file| &*file.path == path).map(|at| FileId(at as u32))
    }

    /// Says where the root is, for paths that are shown.
    pub fn set_prefix(&mut self, prefix: &str) {
        prefix.clone_into(&mut self.prefix);
    }

    /// A file's path as it is shown.
    pub fn shown(&self, file: FileId) -> String {
        self.file(file).map(|file| format!("{}{}", self.prefix, file.path)).unwrap_or_default()
    }

    /// All files, in the order in which they were read.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(at, file)| (FileId(at as u32), file))
    }

    /// Line and column of a byte offset, both from 1, the column in characters.
    pub fn position(&self, file: FileId, offset: u32) -> (u32, u32) {
        let Some(file) = self.file(file) else { return (1, 1) };
        let mut at = (offset as usize).min(file.text.len());
        while !file.text.is_char_boundary(at) {
            at -= 1;
        }
        let before = file.text.get(..at).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() as u32 + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (line, before.get(start..).unwrap_or_default().chars().count() as u32 + 1)
    }
}

/// Resolves `relative` against the folder of `base`, both inside the root; `None` where it would leave the root.
pub fn join(base: &str, relative: &str) -> Option<String> {
    if relative.starts_with('/') || relative.contains('\\') || relative.contains("://") {
        return None;
    }
    let folder = base.rfind('/').and_then(|slash| base.get(..slash)).unwrap_or_default();
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_resolved_inside_the_root_or_not_at_all() {
        assert_eq!(join("a/b.shield", "c.shield").as_deref(), Some("a/c.shield"));
        assert_eq!(join("a/b.shield", "../c/./d.shield").as_deref(), Some("c/d.shield"));
        assert_eq!(join("a.shield", "../x"), None);
        assert_eq!(join("a.shield", "/etc/passwd"), None);
        assert_eq!(join("a.shield", "https://x/y"), None);
    }
}
