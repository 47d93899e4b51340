//! `list` items: their names, types and members.

use shield_ir::Type;
use shield_ir::set::Set;

use super::compare::is_list_name;
use super::{Checker, members};
use crate::ast::{List, ListMembers, Name, Spanned, Text, Word};
use crate::codes::{E0202, E0307};
use crate::diagnostic::Diagnostic;
use crate::load::Loader;
use crate::names::nearest;
use crate::source::{Span, join};

/// The types that a list may have.
const TYPES: &[(&str, Type)] = &[("String", Type::STRING), ("Int", Type::INT), ("IP", Type::IP)];

impl Checker<'_> {
    /// Declares a list.
    pub(crate) fn declare_list(&mut self, list: &List, loader: &mut Loader<'_>) -> Option<()> {
        if !is_list_name(&list.name.node) || list.name.node.contains('.') {
            self.report(
                Diagnostic::new(E0307, list.name.span, format!("`{}` cannot name a list", list.name.node))
                    .help("a list's name has lower-case letters, digits and `_`, at most 50"),
            );
        }
        let declared = match &list.ty {
            Some(name) => Some(self.list_type(name)?),
            None => None,
        };
        let words = match &list.members {
            ListMembers::Inline(words) => words.node.clone(),
            ListMembers::File(file) => file_words(file, loader)?,
        };
        let ty = match (declared, &list.members) {
            (Some(ty), _) => ty,
            (None, ListMembers::File(file)) => {
                self.report(
                    Diagnostic::new(E0307, file.span, "a list from a file says its type")
                        .help(format!("write `list {}: String = file \"{}\"`", list.name.node, file.node)),
                );
                return None;
            }
            (None, ListMembers::Inline(words)) => self.inferred(words, &list.name)?,
        };
        let words: Vec<Word> = match &list.members {
            ListMembers::File(_) if ty == Type::STRING => words.into_iter().map(quoted).collect(),
            _ => words,
        };
        let members = members(&words, ty, self.diagnostics)?;
        let set = self.add_set(Set { name: Some(list.name.node.clone().into()), members });
        self.names.lists.insert(list.name.node.clone(), set);
        Some(())
    }

    fn list_type(&mut self, name: &Name) -> Option<Type> {
        if let Some((_, ty)) = TYPES.iter().find(|(word, _)| *word == name.node) {
            return Some(*ty);
        }
        let near = nearest(&name.node, TYPES.iter().map(|(word, _)| *word)).unwrap_or("String");
        self.report(
            Diagnostic::new(E0202, name.span, format!("`{}` is no type that a list may have", name.node))
                .help(format!("lists hold `String`, `Int` or `IP`; did you mean `{near}`?")),
        );
        None
    }

    /// The type of a list's first member, which all others must have.
    fn inferred(&mut self, words: &Spanned<Vec<Word>>, name: &Name) -> Option<Type> {
        let Some(first) = words.node.first() else {
            self.report(
                Diagnostic::new(E0307, words.span, "an empty list says its type")
                    .help(format!("write `list {}: String = {{}}`", name.node)),
            );
            return None;
        };
        Some(match &first.node {
            Text::String(_) | Text::Regex(_) => Type::STRING,
            Text::Word(word)
                if word.contains(':') || word.matches('.').count() >= 3 || word.contains('/') =>
            {
                Type::IP
            }
            Text::Word(_) => Type::INT,
        })
    }
}

/// The members that a file holds: one a line, `#` begins a comment, blank lines and white space at the ends do not count.
fn file_words(file: &Name, loader: &mut Loader<'_>) -> Option<Vec<Word>> {
    let from = loader.map.file(file.span.file).map(|file| file.path.to_string()).unwrap_or_default();
    let Some(path) = join(&from, &file.node) else {
        let outside = crate::source::SourceError::OutsideRoot;
        loader.diagnostics.push(crate::load::unreadable(&file.node, file.span, &outside));
        return None;
    };
    let (id, text) = loader.text(&path, file.span)?;
    let mut words = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        let member = line.split_once('#').map_or(line, |(before, _)| before);
        let trimmed = member.trim();
        if !trimmed.is_empty() {
            let at = start + (member.len() - member.trim_start().len());
            let span = Span::new(id, at, at + trimmed.len());
            words.push(Spanned::new(Text::Word(trimmed.to_owned()), span));
        }
        start += line.len() + 1;
    }
    Some(words)
}

/// A line of a file of strings: its text, without the quotes that it may stand in.
fn quoted(word: Word) -> Word {
    let Text::Word(text) = &word.node else { return word };
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    Spanned::new(Text::String(inner.as_bytes().to_vec()), word.span)
}
