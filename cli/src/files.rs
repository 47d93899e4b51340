//! The files of a policy on disk: the only place where `shieldc` reads and writes them.
#![expect(clippy::disallowed_methods, reason = "this is the place that other code is sent to")]

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use shield_compiler::source::{SourceError, Sources};

use crate::Failure;

/// The largest file that is read.
const MAX_FILE: u64 = 256 << 20;

/// How deep folders are searched for policies.
const MAX_FOLDERS: usize = 16;

/// A policy on disk: a file, or a folder whose `.shield` files form one policy.
#[derive(Clone, Debug)]
pub struct PolicyPath {
    /// The folder that nothing the policy names may leave.
    pub root: PathBuf,
    /// The `.shield` files, relative to the root, sorted.
    pub entries: Vec<String>,
    /// What stands before relative paths when they are shown.
    pub prefix: String,
}

impl PolicyPath {
    /// The policy at a path.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let shown = path.display().to_string();
        let failure = |why: String| Failure::File { path: shown.clone(), why };
        let metadata = fs::metadata(path).map_err(|error| failure(plain(&error)))?;
        if metadata.is_dir() {
            let mut entries = Vec::new();
            collect(path, "", MAX_FOLDERS, &mut entries).map_err(|error| failure(plain(&error)))?;
            if entries.is_empty() {
                return Err(failure("the folder has no `.shield` file".to_owned()));
            }
            entries.sort();
            let prefix =
                if shown == "." { String::new() } else { format!("{}/", shown.trim_end_matches('/')) };
            return Ok(Self { root: path.to_owned(), entries, prefix });
        }
        let parent = path.parent().unwrap_or_else(|| Path::new(""));
        let root = if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let prefix =
            if parent.as_os_str().is_empty() { String::new() } else { format!("{}/", parent.display()) };
        Ok(Self { root, entries: vec![name], prefix })
    }

    /// Its files.
    pub fn sources(&self) -> FileSources {
        FileSources { root: self.root.clone() }
    }
}

fn collect(folder: &Path, prefix: &str, depth: usize, entries: &mut Vec<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if name.starts_with('.') {
            continue;
        }
        if kind.is_dir() && depth > 0 {
            collect(&entry.path(), &format!("{prefix}{name}/"), depth - 1, entries)?;
        } else if !kind.is_dir() && name.ends_with(".shield") {
            entries.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

/// Files below a folder; links may not leave it.
#[derive(Clone, Debug)]
pub struct FileSources {
    root: PathBuf,
}

impl Sources for FileSources {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, SourceError> {
        let full = self.root.join(path);
        let real = fs::canonicalize(&full).map_err(|error| io_error(&error))?;
        let root = fs::canonicalize(&self.root).map_err(|error| io_error(&error))?;
        if !real.starts_with(&root) {
            return Err(SourceError::OutsideRoot);
        }
        let metadata = fs::metadata(&real).map_err(|error| io_error(&error))?;
        if metadata.is_dir() {
            return Err(SourceError::Io("it is a folder".to_owned()));
        }
        if metadata.len() > MAX_FILE {
            return Err(SourceError::TooLarge { limit: MAX_FILE });
        }
        fs::read(&real).map(Into::into).map_err(|error| io_error(&error))
    }
}

/// A file with the time of its last change; none where it is not there.
pub fn changes(path: PathBuf) -> (PathBuf, Option<SystemTime>) {
    let changed = fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
    (path, changed)
}

/// The bytes of a file that the user names.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    fs::read(path).map_err(|error| failure(path, &error))
}

/// The text of a file that the user names.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(path)?).map_err(|_| Failure::File {
        path: path.display().to_string(),
        why: "it is not UTF-8 text".to_owned(),
    })
}

/// Writes a file whole or not at all: to a file beside it that then takes its place.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let written = fs::File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    written.map_err(|error| {
        drop(fs::remove_file(&beside));
        failure(path, &error)
    })
}

fn failure(path: &Path, error: &std::io::Error) -> Failure {
    Failure::File { path: path.display().to_string(), why: plain(error) }
}

fn plain(error: &std::io::Error) -> String {
    if error.kind() == ErrorKind::NotFound {
        return "there is no such file or folder".to_owned();
    }
    error.to_string()
}

fn io_error(error: &std::io::Error) -> SourceError {
    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) {
        return SourceError::NotFound;
    }
    SourceError::Io(plain(error))
}
