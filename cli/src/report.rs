//! Diagnostics for people and for programs: text, JSON, SARIF 2.1.0 and GitHub annotations.

use std::collections::BTreeSet;

use clap::ValueEnum;
use serde_json::{Value, json};
use shield_compiler::diagnostic::{Look, render};
use shield_compiler::source::{SourceMap, Span};
use shield_compiler::{Diagnostic, explain};

use crate::{End, Failure, Io};

/// How wide text reports are.
const WIDTH: usize = 110;

/// How diagnostics are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Reports with the place in the text, on standard error.
    #[default]
    Text,
    /// One JSON document on standard output.
    Json,
    /// A SARIF 2.1.0 log on standard output.
    Sarif,
    /// Workflow commands that annotate a pull request, on standard output.
    Github,
}

/// What is told of one or more policies.
#[derive(Debug, Default)]
pub struct Reports {
    parts: Vec<(Vec<Diagnostic>, SourceMap)>,
}

impl Reports {
    /// Adds what is told of one policy.
    pub fn add(&mut self, diagnostics: Vec<Diagnostic>, sources: SourceMap) {
        self.parts.push((diagnostics, sources));
    }

    /// How many errors and warnings there are.
    pub fn counts(&self) -> (usize, usize) {
        let all = self.parts.iter().flat_map(|(diagnostics, _)| diagnostics);
        let errors = all.clone().filter(|diagnostic| diagnostic.is_error()).count();
        (errors, all.count() - errors)
    }

    /// Whether the policies are good, warnings counting as errors where that is asked.
    pub fn end(&self, deny_warnings: bool) -> End {
        match self.counts() {
            (0, 0) => End::Fine,
            (0, _) if !deny_warnings => End::Fine,
            _ => End::Wrong,
        }
    }

    /// Writes everything.
    pub fn write(&self, format: Format, io: &mut Io<'_>) -> Result<(), Failure> {
        match format {
            Format::Text => self.text(io),
            Format::Json => Ok(writeln!(io.out, "{:#}", self.json())?),
            Format::Sarif => Ok(writeln!(io.out, "{:#}", self.sarif())?),
            Format::Github => self.github(io),
        }
    }

    fn each(&self) -> impl Iterator<Item = (&Diagnostic, &SourceMap)> {
        self.parts.iter().flat_map(|(diagnostics, sources)| diagnostics.iter().map(move |one| (one, sources)))
    }

    fn text(&self, io: &mut Io<'_>) -> Result<(), Failure> {
        let look = if io.terminal { Look::Terminal } else { Look::Plain };
        for (diagnostic, sources) in self.each() {
            writeln!(io.err, "{}", render(diagnostic, sources, look, WIDTH).trim_end())?;
            writeln!(io.err)?;
        }
        let (errors, warnings) = self.counts();
        if errors + warnings > 0 {
            writeln!(io.err, "{}, {}", counted(errors, "error"), counted(warnings, "warning"))?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let (errors, warnings) = self.counts();
        let diagnostics: Vec<Value> =
            self.each().map(|(diagnostic, sources)| as_json(diagnostic, sources)).collect();
        json!({ "diagnostics": diagnostics, "errors": errors, "warnings": warnings })
    }

    fn sarif(&self) -> Value {
        let codes: BTreeSet<_> = self.each().map(|(diagnostic, _)| diagnostic.code).collect();
        let rules: Vec<Value> = codes
            .iter()
            .map(|code| {
                let page = explain::page(*code);
                json!({
                    "id": code.name,
                    "shortDescription": { "text": code.title },
                    "help": { "text": page, "markdown": page },
                    "defaultConfiguration": { "level": level(code.is_error()) },
                })
            })
            .collect();
        let results: Vec<Value> =
            self.each().map(|(diagnostic, sources)| sarif_result(diagnostic, sources)).collect();
        json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": "shieldc",
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": rules,
                } },
                "columnKind": "unicodeCodePoints",
                "results": results,
            }],
        })
    }

    fn github(&self, io: &mut Io<'_>) -> Result<(), Failure> {
        for (diagnostic, sources) in self.each() {
            let level = level(diagnostic.is_error());
            let place = Place::of(diagnostic.span, sources);
            let mut message = diagnostic.message.clone();
            if let Some(help) = &diagnostic.help {
                message = format!("{message}\n{help}");
            }
            writeln!(
                io.out,
                "::{level} file={},line={},col={},endLine={},endColumn={},title={}::{}",
                escape_property(&place.file),
                place.line,
                place.column,
                place.end_line,
                place.end_column,
                diagnostic.code.name,
                escape(&message),
            )?;
        }
        Ok(())
    }
}

/// A span in lines and columns, both from 1, the end exclusive.
struct Place {
    file: String,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
}

impl Place {
    fn of(span: Span, sources: &SourceMap) -> Self {
        let (line, column) = sources.position(span.file, span.start);
        let (end_line, end_column) = sources.position(span.file, span.end);
        Self { file: sources.shown(span.file), line, column, end_line, end_column }
    }

    /// As SARIF has it.
    fn physical(&self) -> Value {
        json!({
            "artifactLocation": { "uri": uri(&self.file) },
            "region": {
                "startLine": self.line,
                "startColumn": self.column,
                "endLine": self.end_line,
                "endColumn": self.end_column,
            },
        })
    }
}

/// A diagnostic as data.
pub fn as_json(diagnostic: &Diagnostic, sources: &SourceMap) -> Value {
    let place = Place::of(diagnostic.span, sources);
    let related: Vec<Value> = diagnostic
        .related
        .iter()
        .map(|(span, label)| {
            let place = Place::of(*span, sources);
            json!({ "file": place.file, "line": place.line, "column": place.column, "label": label })
        })
        .collect();
    json!({
        "code": diagnostic.code.name,
        "severity": level(diagnostic.is_error()),
        "message": diagnostic.message,
        "label": diagnostic.label,
        "help": diagnostic.help,
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "span": [diagnostic.span.start, diagnostic.span.end],
        "related": related,
    })
}

fn sarif_result(diagnostic: &Diagnostic, sources: &SourceMap) -> Value {
    let place = Place::of(diagnostic.span, sources);
    let text = match &diagnostic.help {
        Some(help) => format!("{}; {help}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let related: Vec<Value> = diagnostic
        .related
        .iter()
        .map(|(span, label)| {
            let place = Place::of(*span, sources);
            json!({ "physicalLocation": place.physical(), "message": { "text": label } })
        })
        .collect();
    json!({
        "ruleId": diagnostic.code.name,
        "level": level(diagnostic.is_error()),
        "message": { "text": text },
        "locations": [{ "physicalLocation": place.physical() }],
        "relatedLocations": related,
    })
}

/// A path as a relative URI reference: what no path of a URI may hold is escaped.
fn uri(path: &str) -> String {
    let escaped = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    path.bytes().map(escaped).collect()
}

const fn level(is_error: bool) -> &'static str {
    if is_error { "error" } else { "warning" }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A message of a workflow command.
fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command.
fn escape_property(text: &str) -> String {
    escape(text).replace(':', "%3A").replace(',', "%2C")
}
