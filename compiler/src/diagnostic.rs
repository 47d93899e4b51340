//! What the compiler tells the author of a policy: one `Diagnostic` type, and miette's view of it.

use std::fmt;

use miette::{LabeledSpan, MietteError, SourceCode, SourceSpan, SpanContents};

use crate::codes::Code;
use crate::source::{FileId, SourceMap, Span};

/// One mistake or remark: what is wrong, where, and what to write instead.
///
/// Messages are lower case without a full stop, user text stands in backticks, no line breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its row in the table of codes; `E…` is an error, `W…` a warning.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What is said at the place itself; may be empty.
    pub label: String,
    /// Other places that matter, in any file, with what is said there.
    pub related: Vec<(Span, String)>,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A diagnostic without label, related places or help.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), span, label: String::new(), related: Vec::new(), help: None }
    }

    /// With words at the place itself.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With another place that matters.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// With what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether it forbids a bundle.
    pub fn is_error(&self) -> bool {
        self.code.is_error()
    }
}

/// Sorts by place, then code, and drops exact repetitions, so that output never depends on the order of passes.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| {
        (a.span.file, a.span.start, a.span.end, a.code.name, &a.message).cmp(&(
            b.span.file,
            b.span.start,
            b.span.end,
            b.code.name,
            &b.message,
        ))
    });
    diagnostics.dedup();
}

/// How a rendered report looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// For a terminal: colours and line drawing.
    Terminal,
    /// Without colours and in ASCII: for files, logs and snapshots.
    Plain,
}

/// The report of a diagnostic as text, `width` columns wide.
pub fn render(diagnostic: &Diagnostic, sources: &SourceMap, look: Look, width: usize) -> String {
    let theme = match look {
        Look::Terminal => miette::GraphicalTheme::unicode(),
        Look::Plain => miette::GraphicalTheme::none(),
    };
    let handler = miette::GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false);
    let mut text = String::new();
    match handler.render_report(&mut text, &Report::new(diagnostic, sources)) {
        Ok(()) => text,
        // A place that cannot be shown must not hide what is wrong.
        Err(fmt::Error) => format!("{}: {}\n", diagnostic.code.name, diagnostic.message),
    }
}

/// Drops warnings that the line above their place allows: `# shield: allow W0403 <reason>`.
pub fn silence(diagnostics: &mut Vec<Diagnostic>, sources: &SourceMap) {
    diagnostics.retain(|diagnostic| diagnostic.is_error() || !is_allowed(diagnostic, sources));
}

fn is_allowed(diagnostic: &Diagnostic, sources: &SourceMap) -> bool {
    let Some(file) = sources.file(diagnostic.span.file) else { return false };
    let before = file.text.get(..diagnostic.span.start as usize).unwrap_or_default();
    let above = before.rsplit('\n').nth(1).unwrap_or_default().trim();
    let Some(allowed) =
        above.strip_prefix('#').and_then(|rest| rest.trim_start().strip_prefix("shield: allow "))
    else {
        return false;
    };
    allowed
        .split_once(' ')
        .is_some_and(|(code, reason)| code == diagnostic.code.name && !reason.trim().is_empty())
}

/// A diagnostic with the texts it points into, as miette renders it.
#[derive(Debug)]
pub struct Report<'a> {
    diagnostic: &'a Diagnostic,
    sources: &'a SourceMap,
    related: Vec<Note<'a>>,
}

impl<'a> Report<'a> {
    /// The report of `diagnostic` over `sources`.
    pub fn new(diagnostic: &'a Diagnostic, sources: &'a SourceMap) -> Self {
        let related = diagnostic
            .related
            .iter()
            .filter(|(span, _)| span.file != diagnostic.span.file)
            .map(|(span, label)| Note { span: *span, label, sources })
            .collect();
        Self { diagnostic, sources, related }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(self.diagnostic.code.name))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(if self.diagnostic.is_error() { miette::Severity::Error } else { miette::Severity::Warning })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.sources.file(self.diagnostic.span.file).map(|_| self as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let own = labelled(self.sources, self.diagnostic.span, &self.diagnostic.label, true);
        let others = self
            .diagnostic
            .related
            .iter()
            .filter(|(span, _)| span.file == self.diagnostic.span.file)
            .map(|(span, label)| labelled(self.sources, *span, label, false));
        Some(Box::new(std::iter::once(own).chain(others)))
    }

    fn related<'b>(&'b self) -> Option<Box<dyn Iterator<Item = &'b dyn miette::Diagnostic> + 'b>> {
        (!self.related.is_empty()).then(|| {
            Box::new(self.related.iter().map(|note| note as &dyn miette::Diagnostic))
                as Box<dyn Iterator<Item = &dyn miette::Diagnostic>>
        })
    }
}

impl SourceCode for Report<'_> {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        read(self.sources, self.diagnostic.span.file, span, before, after)
    }
}

/// A place in another file, rendered below the diagnostic itself.
#[derive(Debug)]
struct Note<'a> {
    span: Span,
    label: &'a str,
    sources: &'a SourceMap,
}

impl fmt::Display for Note<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label)
    }
}

impl std::error::Error for Note<'_> {}

impl miette::Diagnostic for Note<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Advice)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(labelled(self.sources, self.span, "", true))))
    }
}

impl SourceCode for Note<'_> {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        read(self.sources, self.span.file, span, before, after)
    }
}

fn labelled(sources: &SourceMap, span: Span, label: &str, primary: bool) -> LabeledSpan {
    let text = (!label.is_empty()).then(|| label.to_owned());
    let (start, mut end) = (span.start as usize, span.end.max(span.start) as usize);
    let file = sources.file(span.file).map_or("", |file| &file.text);
    if file.get(start..end).is_some_and(has_long_line) {
        end = file.floor_char_boundary(start + AROUND);
    }
    let range = SourceSpan::new(start.into(), end - start);
    if primary {
        LabeledSpan::new_primary_with_span(text, range)
    } else {
        LabeledSpan::new_with_span(text, range)
    }
}

/// A longer line is shown in part: documents of one line are common, may be megabytes long, and miette panics at what
/// stands behind the column 65,535.
const LONG_LINE: usize = 2000;
/// What is shown of such a line before and behind a place.
const AROUND: usize = 60;

fn has_long_line(text: &str) -> bool {
    text.split('\n').any(|line| line.len() > LONG_LINE)
}

fn read<'b>(
    sources: &'b SourceMap,
    file: FileId,
    span: &SourceSpan,
    before: usize,
    after: usize,
) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
    let name = sources.shown(file);
    let text: &str = &sources.file(file).ok_or(MietteError::OutOfBounds)?.text;
    let contents = text.as_bytes().read_span(span, before, after)?;
    let whole = (contents.span().offset(), contents.span().offset() + contents.data().len());
    let long = before > 0 && text.get(whole.0..whole.1).is_some_and(has_long_line);
    let (from, to) = if long { around(text, span).ok_or(MietteError::OutOfBounds)? } else { whole };
    Ok(Box::new(miette::MietteSpanContents::new_named(
        name,
        text.as_bytes().get(from..to).unwrap_or_default(),
        SourceSpan::new(from.into(), to - from),
        if long { text.get(..from).unwrap_or_default().matches('\n').count() } else { contents.line() },
        contents.column(),
        contents.line_count(),
    )))
}

/// A place in a long line with a little around it; none for two places that lie far apart.
fn around(text: &str, span: &SourceSpan) -> Option<(usize, usize)> {
    let (start, end) = (span.offset(), span.offset() + span.len());
    let line_start = text.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
    let line_end = text.get(end..)?.find('\n').map_or(text.len(), |at| end + at);
    let from = text.ceil_char_boundary(start.saturating_sub(AROUND)).max(line_start);
    let to = text.floor_char_boundary(end + AROUND).min(line_end);
    (to - from <= LONG_LINE).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    #[test]
    fn a_place_in_a_document_of_one_line_is_shown_with_what_stands_around_it() {
        let mut sources = SourceMap::default();
        let text = format!("{{{}\"é\":1,{}}}", "\"a\":[],".repeat(20_000), "\"b\":{},".repeat(20_000));
        let file = sources.add("a.json", &text);
        let at = text.find('é').unwrap();
        let shown = |start, end, related: Option<usize>| {
            let mut diagnostic = Diagnostic::new(codes::E0503, Span::new(file, start, end), "is wrong");
            if let Some(at) = related {
                diagnostic = diagnostic.related(Span::new(file, at, at + 1), "the other one");
            }
            render(&diagnostic, &sources, Look::Plain, 100)
        };
        for text in [shown(at, at + 2, None), shown(at, at + 2, Some(1)), shown(1, text.len(), Some(at))] {
            assert!(text.len() < 2000 && text.contains("is wrong"), "{text}");
        }
        let shown = shown(at, at + 2, None);
        assert!(
            shown.contains(&format!("a.json:1:{}", at + 1)) && shown.contains("\"a\":[],\"é\":1"),
            "{shown}"
        );
    }
}
