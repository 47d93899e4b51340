//! The harness: where things are, how suite folders are read, and what the house demands of itself.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    reason = "a harness reads its own files and the time, and stops loudly when it cannot go on"
)]

pub mod generate;
pub mod h2;
pub mod live;
pub mod mmdb;
pub mod native;
pub mod oracle;
pub mod origin;
pub mod random;
pub mod redis;
pub mod shop;
pub mod suite;
pub mod tidy;
pub mod tls;

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository")
}

/// A text of the repository.
pub fn text(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A corpus of other people's data, where `SHIELD_CORPORA` names the folder that has it; otherwise one loud line.
pub fn corpus(name: &str, cases: &str) -> Option<PathBuf> {
    let path = std::env::var_os("SHIELD_CORPORA").map(|folder| PathBuf::from(folder).join(name));
    let found = path.filter(|path| path.exists());
    if found.is_none() {
        eprintln!("LEFT OUT: {cases} of `{name}`; set SHIELD_CORPORA to the folder that has it");
    }
    found
}

/// The documents below a folder, by their paths from there, in order.
pub fn documents(root: &Path) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("the entry can be read").path();
            let extension = path.extension().map(|extension| extension.to_string_lossy().into_owned());
            if path.is_dir() {
                folders.push(path);
            } else if matches!(extension.as_deref(), Some("json" | "yaml" | "yml")) {
                found.push(
                    path.strip_prefix(root).expect("the walk began there").to_string_lossy().into_owned(),
                );
            }
        }
    }
    found.sort();
    found
}
