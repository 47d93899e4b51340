//! The one layout of a policy, for `shieldc fmt`: tokens of the grammar with comments woven in, meaning untouched.
//!
//! One statement a line, two spaces a level, values of neighbouring statements in one column, at most one blank line.
//! Line breaks that the author made inside an expression stay; strings and comments are never touched.

mod columns;
mod layout;
mod lines;
mod tokens;

#[cfg(test)]
mod tests;

use crate::diagnostic::Diagnostic;
use crate::parse;
use crate::source::FileId;

/// Where a set is wrapped.
const WIDTH: usize = 100;

/// Lays out the text of a file; a text with mistakes is not laid out, and they come back instead.
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    let before = parse::file(FileId(0), text, &mut diagnostics);
    if diagnostics.iter().any(Diagnostic::is_error) {
        crate::diagnostic::sort(&mut diagnostics);
        return Err(diagnostics);
    }
    let (tokens, rest) = tokens::read(text);
    let laid_out = lines::render(layout::lay_out(&tokens, &rest));
    let after = parse::file(FileId(0), &laid_out, &mut diagnostics);
    let same = !diagnostics.iter().any(Diagnostic::is_error) && before.outline() == after.outline();
    debug_assert!(same, "a layout changes no meaning:\n{text}\nbecame\n{laid_out}");
    Ok(if same { laid_out } else { text.to_owned() })
}
