//! Remarks on single comparisons: what can never be true, what is said twice, what has a simpler form.

use std::collections::BTreeSet;

use regex_syntax::hir::{Hir, HirKind, Look};
use shield_ir::display::Quoted;
use shield_ir::{Builtin, Expr, ExprId, FieldId};

use super::Checker;
use super::expr::Operand;
use crate::ast::{Text, Word};
use crate::codes::{W0403, W0407, W0408};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// Maps whose keys are in lower case whatever was sent.
const LOWER_KEYS: &[&str] = &["http.request.headers", "http.response.headers", "raw.http.response.headers"];

/// Fields that begin with a slash, but for the path `*` of an OPTIONS request.
const PATHS: &[&str] = &["http.request.uri.path", "http.request.uri"];

impl Checker<'_> {
    /// A text compared for equality, or as part, with what an operand can never be.
    pub(super) fn remark_text(&mut self, operand: Operand, text: &[u8], whole: bool, span: Span) {
        let of = operand.body();
        let shown = Quoted(text);
        let folded = match self.call_of(of) {
            Some(Builtin::Lower) if text.iter().any(u8::is_ascii_uppercase) => {
                Some(("lower", text.to_ascii_lowercase()))
            }
            Some(Builtin::Upper) if text.iter().any(u8::is_ascii_lowercase) => {
                Some(("upper", text.to_ascii_uppercase()))
            }
            _ => None,
        };
        if let Some((function, right)) = folded {
            let right = Quoted(&right);
            self.report(
                Diagnostic::new(W0403, span, format!("`{function}(…)` never gives {shown}"))
                    .help(format!("write {right}")),
            );
            return;
        }
        let Some(name) = self.field_of(of).map(|field| field.row().name) else { return };
        let impossible = match name {
            _ if PATHS.contains(&name) && whole && !text.starts_with(b"/") && text != b"*" => {
                Some("it begins with a slash")
            }
            "http.request.uri.path" if text.iter().any(|byte| matches!(byte, b'?' | b'#')) => {
                Some("it ends before `?` and `#`")
            }
            "http.request.uri.path.extension" if whole && text.iter().any(u8::is_ascii_uppercase) => {
                Some("it is in lower case")
            }
            "http.request.uri.path.extension" if whole && text.starts_with(b".") => Some("it has no dot"),
            "http.request.method" if text.iter().any(u8::is_ascii_lowercase) => Some("it is in upper case"),
            "http.host" if text.iter().any(u8::is_ascii_uppercase) => Some("it is in lower case"),
            "http.host" if whole && has_port(text) => Some("it has no port"),
            _ => None,
        };
        if let Some(why) = impossible {
            self.report(
                Diagnostic::new(
                    W0403,
                    span,
                    format!("`{name}` is never {}{shown}", if whole { "" } else { "one with " }),
                )
                .label(why),
            );
        }
    }

    /// A key that a map never has.
    pub(super) fn remark_key(&mut self, operand: Operand, key: &[u8], span: Span) {
        let Some(field) = self.field_of(operand.body()) else { return };
        if LOWER_KEYS.contains(&field.row().name) && key.iter().any(u8::is_ascii_uppercase) {
            let (key, right) = (Quoted(key).to_string(), key.to_ascii_lowercase());
            self.report(
                Diagnostic::new(W0403, span, format!("`{}` never has the key {key}", field.row().name))
                    .label("keys of this map are in lower case")
                    .help(format!("write {}", Quoted(&right))),
            );
        }
    }

    /// Members that stand twice in one set.
    pub(super) fn remark_set(&mut self, operand: Operand, words: &[Word]) {
        let mut seen = BTreeSet::new();
        for word in words {
            let written = match &word.node {
                Text::String(bytes) => {
                    self.remark_text(operand, bytes, true, word.span);
                    bytes.clone()
                }
                Text::Regex(text) | Text::Word(text) => text.clone().into_bytes(),
            };
            if !seen.insert(written) {
                self.report(
                    Diagnostic::new(W0407, word.span, "this member stands in the set twice")
                        .help("delete it"),
                );
            }
        }
    }

    /// A regular expression that is a plain text.
    pub(super) fn remark_regex(&mut self, regex: &str, hir: &Hir, span: Span) {
        let Some((text, start, end)) = plain(hir) else { return };
        let text = Quoted(&text);
        let help = match (start, end) {
            (true, true) => format!("write `… eq {text}`"),
            (true, false) => format!("write `starts_with(…, {text})`"),
            (false, true) => format!("write `ends_with(…, {text})`"),
            (false, false) => format!("write `… contains {text}`"),
        };
        self.report(
            Diagnostic::new(W0408, span, format!("the regular expression `{regex}` is a plain text"))
                .help(help),
        );
    }

    fn field_of(&self, id: ExprId) -> Option<FieldId> {
        match self.program.node(id)?.expr {
            Expr::Field(field) => Some(field),
            _ => None,
        }
    }

    fn call_of(&self, id: ExprId) -> Option<Builtin> {
        match &self.program.node(id)?.expr {
            Expr::Call { builtin, .. } => Some(*builtin),
            _ => None,
        }
    }
}

impl Operand {
    /// The node that a comparison is about.
    const fn body(self) -> ExprId {
        match self {
            Self::One(typed) | Self::Each { over: _, body: typed } => typed.id,
        }
    }
}

/// Whether a host ends in a port; colons inside brackets are an address's.
fn has_port(host: &[u8]) -> bool {
    let after = host.iter().rposition(|byte| *byte == b']').map_or(0, |at| at + 1);
    host.get(after..).is_some_and(|rest| rest.contains(&b':'))
}

/// The text that an expression matches, and whether it must begin and end there; `None` where it is no plain text.
fn plain(hir: &Hir) -> Option<(Vec<u8>, bool, bool)> {
    let parts = match hir.kind() {
        HirKind::Literal(literal) => return Some((literal.0.to_vec(), false, false)),
        HirKind::Concat(parts) => parts.as_slice(),
        _ => return None,
    };
    let (mut text, mut start, mut end) = (Vec::new(), false, false);
    for (at, part) in parts.iter().enumerate() {
        match part.kind() {
            HirKind::Look(Look::Start) if at == 0 => start = true,
            HirKind::Look(Look::End) if at + 1 == parts.len() => end = true,
            HirKind::Literal(literal) => text.extend_from_slice(&literal.0),
            _ => return None,
        }
    }
    (!text.is_empty()).then_some((text, start, end))
}
