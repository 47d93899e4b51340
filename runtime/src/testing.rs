//! What this crate's tests share.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::random::Random;

/// A folder of its own that goes with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("shield-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What breaks messages of HTTP/1.
const PIECES: [&[u8]; 22] = [
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b"\0",
    b":",
    b";",
    b",",
    b"0",
    b"1",
    b"chunked",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    b"\x80",
    b"x",
    b"0\r\n\r\n",
    b"Connection: close\r\n",
];

/// One of `seeds`, of which up to three places have become one of [`PIECES`].
pub(crate) fn mutated(random: &Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let below = |bound: usize| random.next() as usize % bound;
    let mut bytes = seeds[below(seeds.len())].clone();
    for _ in 0..=below(3) {
        let at = below(bytes.len());
        let piece = PIECES[below(PIECES.len())];
        let removed = at + below(3);
        bytes.splice(at..removed.min(bytes.len()), piece.iter().copied());
    }
    bytes
}
