//! From bytes to a tree: which of the two readers, and what both share.

use super::tree::{Member, Tree};
use super::{json, yaml};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::source::{FileId, SourceMap, Span};

/// A document that nests deeper is refused.
pub(super) const MAX_DEPTH: usize = 400;
/// A longer document is refused: positions are 32 bits.
const MAX_BYTES: usize = 256 << 20;

/// Why a text is not a document, and at which byte.
#[derive(Debug)]
pub(super) struct Failure {
    start: usize,
    end: usize,
    why: String,
}

impl Failure {
    pub(super) fn at(start: usize, why: impl Into<String>) -> Self {
        Self { start, end: start + 1, why: why.into() }
    }
}

/// Reads a text that may be JSON or YAML; adds it to the map.
pub(super) fn document(map: &mut SourceMap, path: &str, bytes: &[u8]) -> Result<Tree, Box<Diagnostic>> {
    let text = std::str::from_utf8(bytes);
    let file = match text {
        Ok(text) => map.add(path, text),
        Err(_) => map.add(path, &String::from_utf8_lossy(bytes)),
    };
    let text = text.map_err(|error| {
        let at = Span::new(file, error.valid_up_to(), error.valid_up_to() + 1);
        Box::new(Diagnostic::new(codes::E0501, at, format!("`{path}` is not UTF-8 text")))
    })?;
    if bytes.len() > MAX_BYTES {
        let at = Span::new(file, 0, 1);
        let message = format!("`{path}` is larger than 256 MiB");
        return Err(Box::new(Diagnostic::new(codes::E0501, at, message)));
    }
    tree(file, path, text).map_err(|failure| {
        let end = failure.end.min(text.len()).max(failure.start);
        Box::new(Diagnostic::new(codes::E0501, Span::new(file, failure.start.min(end), end), failure.why))
    })
}

/// By name first; what has neither name is JSON if it looks like it. A flow mapping in a `.yaml` is YAML still.
fn tree(file: FileId, path: &str, text: &str) -> Result<Tree, Failure> {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    let braces = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).starts_with(['{', '[']);
    match extension.as_str() {
        "json" => json::read(file, text),
        "yaml" | "yml" if braces => json::read(file, text).or_else(|_| yaml::read(file, text)),
        "yaml" | "yml" => yaml::read(file, text),
        _ if braces => json::read(file, text),
        _ => yaml::read(file, text),
    }
}

/// Refuses two members of one name, at the second.
pub(super) fn unique(members: &[Member]) -> Result<(), Failure> {
    let mut order: Vec<&Member> = members.iter().collect();
    order.sort_by(|a, b| (&a.name, a.span).cmp(&(&b.name, b.span)));
    let twice = order.windows(2).find_map(|pair| match pair {
        [first, second] if first.name == second.name => Some(*second),
        _ => None,
    });
    match twice {
        None => Ok(()),
        Some(Member { name, span: (start, end), value: _ }) => Err(Failure {
            start: *start as usize,
            end: *end as usize,
            why: format!("`{name}` stands here for the second time"),
        }),
    }
}
