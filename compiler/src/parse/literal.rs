//! Strings: what their quotes and escapes stand for.

use pest::iterators::Pair;

use super::{Reader, Rule};
use crate::ast::{Spanned, Text, Word};
use crate::codes::{E0102, E0103};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// Escapes of other languages for characters that cannot be seen, and how they are written here.
const CONTROLS: &[(&str, &str)] = &[("\\n", "\\x0a"), ("\\r", "\\x0d"), ("\\t", "\\x09"), ("\\0", "\\x00")];

/// How many `#` may stand around a raw string.
const MAX_HASHES: usize = 255;

impl Reader<'_> {
    /// The bytes of a `"…"` or `r"…"` token.
    pub(super) fn string_bytes(&mut self, pair: &Pair<'_, Rule>) -> Vec<u8> {
        match pair.as_rule() {
            Rule::raw_string => self.raw(pair),
            Rule::string_or_raw => {
                pair.clone().into_inner().next().map(|inner| self.string_bytes(&inner)).unwrap_or_default()
            }
            _ => self.unescape(quoted_body(pair.as_str()), self.span(pair)),
        }
    }

    /// The text of a string token that must be UTF-8, as file names, hosts and messages are.
    pub(super) fn string_text(&mut self, pair: &Pair<'_, Rule>) -> String {
        let span = self.span(pair);
        String::from_utf8(self.string_bytes(pair)).unwrap_or_else(|error| {
            self.report(
                Diagnostic::new(E0102, span, "this string must be UTF-8")
                    .help("an escape `\\xHH` above `\\x7f` is a single byte, not a character"),
            );
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        })
    }

    /// A string token as a name with its place.
    pub(super) fn string_name(&mut self, pair: &Pair<'_, Rule>) -> Spanned<String> {
        let span = self.span(pair);
        Spanned::new(self.string_text(pair), span)
    }

    /// A literal token: string, raw string, regular expression or bare word.
    pub(super) fn word(&mut self, pair: &Pair<'_, Rule>) -> Word {
        let span = self.span(pair);
        let text = match pair.as_rule() {
            Rule::string | Rule::raw_string | Rule::string_or_raw => Text::String(self.string_bytes(pair)),
            Rule::regex_string => Text::Regex(quoted_body(pair.as_str()).replace("\\\"", "\"")),
            Rule::wrong_quotes => {
                let body = trimmed(pair.as_str());
                self.report(
                    Diagnostic::new(E0103, span, "strings stand between double quotes")
                        .label("these are other quotes")
                        .help(format!("write `\"{body}\"`")),
                );
                Text::String(body.as_bytes().to_vec())
            }
            _ => Text::Word(pair.as_str().to_owned()),
        };
        Spanned::new(text, span)
    }

    fn raw(&mut self, pair: &Pair<'_, Rule>) -> Vec<u8> {
        let (hashes, body) = raw_body(pair.as_str());
        if hashes > MAX_HASHES {
            let span = self.span(pair);
            let message = format!("a raw string has at most {MAX_HASHES} `#`, this one has {hashes}");
            self.report(Diagnostic::new(E0102, span, message));
        }
        body.as_bytes().to_vec()
    }

    fn unescape(&mut self, body: &str, token: Span) -> Vec<u8> {
        let mut out = Vec::with_capacity(body.len());
        let mut at = 0;
        let bytes = body.as_bytes();
        while let Some(byte) = bytes.get(at).copied() {
            if byte != b'\\' {
                out.push(byte);
                at += 1;
                continue;
            }
            let (value, length) = escape(bytes.get(at + 1..).unwrap_or_default());
            match value {
                Some(value) => out.push(value),
                None => self.wrong_escape(body, at, token),
            }
            at += 1 + length;
        }
        out
    }

    fn wrong_escape(&mut self, body: &str, at: usize, token: Span) {
        let escaped = body.get(at + 1..).and_then(|rest| rest.chars().next());
        let length = 1 + escaped.map_or(0, char::len_utf8);
        let start = token.start as usize + 1 + at;
        let shown = body.get(at..at + length).unwrap_or("\\");
        self.report(
            Diagnostic::new(
                E0102,
                Span::new(self.file, start, start + length),
                format!("`{shown}` is no escape"),
            )
            .label("escapes are `\\\"`, `\\\\`, `\\xHH` and `\\OOO`")
            .help(match CONTROLS.iter().find(|(escape, _)| *escape == shown) {
                Some((_, byte)) => format!("write `{byte}` for that character, `\\\\` for a backslash"),
                None => format!("write `\\\\` for a backslash, or a raw string: `r\"{body}\"`"),
            }),
        );
    }
}

/// The byte that the text after a backslash stands for, and how long that text is.
fn escape(rest: &[u8]) -> (Option<u8>, usize) {
    match rest {
        [byte @ (b'"' | b'\\'), ..] => (Some(*byte), 1),
        [b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            (u8::from_str_radix(&format!("{}{}", char::from(*high), char::from(*low)), 16).ok(), 3)
        }
        [a @ b'0'..=b'7', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
            let value = u32::from(a - b'0') * 64 + u32::from(b - b'0') * 8 + u32::from(c - b'0');
            (u8::try_from(value).ok(), 3)
        }
        _ => (None, 0),
    }
}

fn quoted_body(token: &str) -> &str {
    token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(token)
}

/// How many `#` stand around a raw string, and what stands between its quotes.
fn raw_body(token: &str) -> (usize, &str) {
    let inner = token.trim_start_matches('r');
    let hashes = inner.len() - inner.trim_start_matches('#').len();
    (hashes, inner.get(hashes + 1..inner.len() - hashes - 1).unwrap_or_default())
}

fn trimmed(token: &str) -> &str {
    let mut chars = token.chars();
    chars.next();
    chars.next_back();
    chars.as_str()
}
