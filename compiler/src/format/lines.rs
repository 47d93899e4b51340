//! Lines of a layout: columns of neighbouring lines, then text.

/// A line.
#[derive(Debug, Default)]
pub(super) struct Line<'t> {
    /// Spaces before it.
    pub indent: usize,
    /// Its tokens; a string may hold line breaks of its own.
    pub code: String,
    /// The comment at its end, or the whole line.
    pub comment: Option<&'t str>,
    /// Whether a blank line stands before it.
    pub blank: bool,
    /// For items that declare a name: their keyword, and where in `code` their `=` stands.
    pub equals: Option<(&'t str, usize)>,
}

impl Line<'_> {
    /// The column after its last character.
    pub(super) fn width(&self) -> usize {
        match self.code.rsplit_once('\n') {
            Some((_, last)) => last.chars().count(),
            None => self.indent + self.code.chars().count(),
        }
    }
}

/// The text of the lines.
pub(super) fn render(mut lines: Vec<Line<'_>>) -> String {
    align_equals(&mut lines);
    let mut text = String::new();
    let mut neighbours = lines.as_slice();
    while let Some(first) = neighbours.first() {
        // Comments at the ends of neighbouring lines stand in one column.
        let aligned = |line: &&Line<'_>| line.comment.is_some() && !line.code.is_empty();
        let more = neighbours.iter().skip(1).take_while(|line| aligned(line) && !line.blank).count();
        let group = if aligned(&first) { 1 + more } else { 1 };
        let (now, later) = neighbours.split_at(group);
        let column = now.iter().map(Line::width).max().unwrap_or_default() + 2;
        for line in now {
            write(&mut text, line, column);
        }
        neighbours = later;
    }
    text
}

fn write(text: &mut String, line: &Line<'_>, column: usize) {
    if line.blank {
        text.push('\n');
    }
    text.extend(std::iter::repeat_n(' ', line.indent));
    text.push_str(&line.code);
    if let Some(comment) = line.comment {
        if !line.code.is_empty() {
            text.extend(std::iter::repeat_n(' ', column.saturating_sub(line.width())));
        }
        text.push_str(comment);
    }
    text.push('\n');
}

/// Puts the `=` of neighbouring declarations of one kind into one column.
fn align_equals(lines: &mut [Line<'_>]) {
    let alike = |a: &Line<'_>, b: &Line<'_>| match (a.equals, b.equals) {
        (Some((a, _)), Some((other, _))) => a == other && !b.blank,
        _ => false,
    };
    for group in lines.chunk_by_mut(alike) {
        let column = group.iter().filter_map(|line| line.equals).map(|(_, at)| at).max().unwrap_or_default();
        for line in group {
            if let Some((_, at)) = line.equals {
                line.code.insert_str(at, &" ".repeat(column - at));
            }
        }
    }
}
