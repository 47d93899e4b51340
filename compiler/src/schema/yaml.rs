//! Reads YAML documents into the same tree, by the core schema of YAML 1.2; aliases share nodes.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as YamlSpan, Tag};
use shield_ir::schema::Decimal;

use super::read::{Failure, MAX_DEPTH};
use super::tree::{Ix, Member, Tree, Value};
use crate::source::FileId;

/// Reads one YAML document.
pub(super) fn read(file: FileId, text: &str) -> Result<Tree, Failure> {
    let mut reader = Reader {
        tree: Tree::new(file),
        offsets: offsets(text),
        open: Vec::new(),
        anchors: BTreeMap::new(),
        root: None,
        documents: 0,
    };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            Failure::at(reader.offset(error.marker().index()), format!("this is not YAML: {}", error.info()))
        })?;
        reader.event(event, span)?;
    }
    let root = match reader.root {
        Some(root) => root,
        None => reader.tree.add(0, 0, Value::Null),
    };
    reader.tree.set_root(root);
    Ok(reader.tree)
}

struct Reader {
    tree: Tree,
    /// Byte offsets of characters, where the text is not ASCII.
    offsets: Option<Vec<u32>>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Ix>,
    root: Option<Ix>,
    documents: usize,
}

struct Open {
    start: usize,
    anchor: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Ix>),
    Mapping { members: Vec<Member>, merged: Vec<Ix>, key: Option<(String, (u32, u32))> },
}

impl Reader {
    fn event(&mut self, event: Event<'_>, span: YamlSpan) -> Result<(), Failure> {
        let (start, end) = (self.offset(span.start.index()), self.offset(span.end.index()));
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Failure::at(start, "a second document in one file"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                if self.wants_key() {
                    self.key(text.into_owned(), (start, end));
                    return Ok(());
                }
                let value = scalar(&text, plain, tag.as_deref()).map_err(|why| Failure::at(start, why))?;
                let ix = self.tree.add(start, end, value);
                self.anchor(anchor, ix);
                self.place(ix, start)
            }
            Event::Alias(anchor) => {
                let ix = self.anchors.get(&anchor).copied();
                let ix = ix.ok_or_else(|| Failure::at(start, "an alias inside what it stands for"))?;
                if self.wants_key() {
                    return Err(Failure::at(start, "an alias as a key"));
                }
                self.place(ix, start)
            }
            Event::SequenceStart(anchor, _) => self.enter(start, anchor, Content::Sequence(Vec::new())),
            Event::MappingStart(anchor, _) => {
                let content = Content::Mapping { members: Vec::new(), merged: Vec::new(), key: None };
                self.enter(start, anchor, content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave(end),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { content: Content::Mapping { key: None, .. }, .. }))
    }

    fn key(&mut self, text: String, span: (usize, usize)) {
        if let Some(Open { content: Content::Mapping { key, .. }, .. }) = self.open.last_mut() {
            *key = Some((text, (span.0 as u32, span.1 as u32)));
        }
    }

    fn enter(&mut self, start: usize, anchor: usize, content: Content) -> Result<(), Failure> {
        if self.wants_key() {
            return Err(Failure::at(start, "a key that is not a plain text"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(Failure::at(start, format!("this nests more than {MAX_DEPTH} levels")));
        }
        self.open.push(Open { start, anchor, content });
        Ok(())
    }

    fn leave(&mut self, end: usize) -> Result<(), Failure> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.content {
            Content::Sequence(items) => Value::Array(items),
            Content::Mapping { members, merged, .. } => {
                super::read::unique(&members)?;
                Value::Object(self.merge(members, &merged))
            }
        };
        let ix = self.tree.add(open.start, end, value);
        self.anchor(open.anchor, ix);
        self.place(ix, open.start)
    }

    /// Adds the members of merged mappings (`<<`) that the mapping does not have itself.
    fn merge(&self, mut members: Vec<Member>, merged: &[Ix]) -> Vec<Member> {
        for ix in merged {
            let Value::Object(others) = self.tree.at(*ix).value() else { continue };
            for other in others {
                if !members.iter().any(|member| member.name == other.name) {
                    members.push(other.clone());
                }
            }
        }
        members
    }

    fn anchor(&mut self, anchor: usize, ix: Ix) {
        if anchor > 0 {
            self.anchors.insert(anchor, ix);
        }
    }

    fn place(&mut self, ix: Ix, start: usize) -> Result<(), Failure> {
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(ix),
            Some(Content::Sequence(items)) => items.push(ix),
            Some(Content::Mapping { members, merged, key }) => {
                let Some((name, span)) = key.take() else { return Ok(()) };
                if name == "<<" {
                    match self.tree.at(ix).value() {
                        Value::Object(_) => merged.push(ix),
                        Value::Array(items) => merged.extend(items),
                        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                            return Err(Failure::at(start, "`<<` merges a mapping"));
                        }
                    }
                } else {
                    members.push(Member { name, span, value: ix });
                }
            }
        }
        Ok(())
    }

    fn offset(&self, character: usize) -> usize {
        match &self.offsets {
            None => character,
            Some(offsets) => {
                offsets.get(character).or_else(|| offsets.last()).map_or(0, |offset| *offset as usize)
            }
        }
    }
}

fn offsets(text: &str) -> Option<Vec<u32>> {
    if text.is_ascii() {
        return None;
    }
    let ends = std::iter::once(text.len());
    Some(text.char_indices().map(|(at, _)| at).chain(ends).map(|at| at as u32).collect())
}

fn scalar(text: &str, plain: bool, tag: Option<&Tag>) -> Result<Value, String> {
    match tag.map(|tag| (tag.is_yaml_core_schema(), tag.suffix.as_str())) {
        None if plain => Ok(resolve(text)),
        None | Some((true, "str")) => Ok(Value::String(text.to_owned())),
        Some((true, "null" | "bool" | "int" | "float")) => Ok(resolve(text)),
        Some((_, name)) => Err(format!("the tag `{name}` is not one that a document may use")),
    }
}

/// What a plain scalar is.
fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

/// The number of the core schema that a text is, as JSON writes it.
fn number(text: &str) -> Option<String> {
    if let Some(hex) = text.strip_prefix("0x") {
        return u128::from_str_radix(hex, 16).ok().map(|value| value.to_string());
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return u128::from_str_radix(octal, 8).ok().map(|value| value.to_string());
    }
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (unsigned.get(..at)?, unsigned.get(at..)?),
        None => (unsigned, ""),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    let normal = format!("{sign}{whole}{point}{fraction}{exponent}");
    Decimal::parse(&normal).is_some().then_some(normal)
}
