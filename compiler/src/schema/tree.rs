//! A document as a tree with positions, the same from JSON and from YAML.

use crate::source::{FileId, Span};

/// A node of a [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ix(pub u32);

/// A document: nodes in an arena. YAML aliases share nodes, so that walking one visits each once or bounds its work.
#[derive(Debug)]
pub struct Tree {
    /// The text it was read from.
    pub file: FileId,
    nodes: Vec<(u32, u32, Value)>,
    root: Ix,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as JSON writes it.
    Number(String),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Ix>),
    /// An object; names are unique.
    Object(Vec<Member>),
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub span: (u32, u32),
    /// Its value.
    pub value: Ix,
}

impl Tree {
    /// An empty tree, to be filled.
    pub fn new(file: FileId) -> Self {
        Self { file, nodes: Vec::new(), root: Ix(0) }
    }

    /// Adds a node that spans these bytes.
    pub fn add(&mut self, start: usize, end: usize, value: Value) -> Ix {
        self.nodes.push((start as u32, end as u32, value));
        Ix(self.nodes.len() as u32 - 1)
    }

    /// Says which node is the root.
    pub fn set_root(&mut self, root: Ix) {
        self.root = root;
    }

    /// The root.
    pub fn root(&self) -> At<'_> {
        self.at(self.root)
    }

    /// The node of that id.
    pub fn at(&self, ix: Ix) -> At<'_> {
        At { tree: self, ix }
    }

    /// How many nodes it has.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

/// A place in a tree.
#[derive(Clone, Copy)]
pub struct At<'a> {
    tree: &'a Tree,
    /// The node.
    pub ix: Ix,
}

impl std::fmt::Debug for At<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.value())
    }
}

impl<'a> At<'a> {
    /// What stands here.
    pub fn value(self) -> &'a Value {
        self.tree.nodes.get(self.ix.0 as usize).map_or(&Value::Null, |(_, _, value)| value)
    }

    /// Where it stands.
    pub fn span(self) -> Span {
        let (start, end) =
            self.tree.nodes.get(self.ix.0 as usize).map_or((0, 0), |(start, end, _)| (*start, *end));
        Span { file: self.tree.file, start, end }
    }

    /// The member of that name.
    pub fn get(self, name: &str) -> Option<Self> {
        self.member(name).map(|(_, value)| value)
    }

    /// The member of that name, with the place of the name.
    pub fn member(self, name: &str) -> Option<(Span, Self)> {
        self.members().find(|(known, _, _)| *known == name).map(|(_, span, value)| (span, value))
    }

    /// The members, where it is an object: name, place of the name, value.
    pub fn members(self) -> impl Iterator<Item = (&'a str, Span, Self)> {
        let members: &[Member] = match self.value() {
            Value::Object(members) => members,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => &[],
        };
        members.iter().map(move |member| {
            let (start, end) = member.span;
            (member.name.as_str(), Span { file: self.tree.file, start, end }, self.tree.at(member.value))
        })
    }

    /// The items, where it is an array.
    pub fn items(self) -> impl Iterator<Item = Self> {
        let items: &[Ix] = match self.value() {
            Value::Array(items) => items,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => &[],
        };
        items.iter().map(move |ix| self.tree.at(*ix))
    }

    /// The text, where it is a string.
    pub fn as_str(self) -> Option<&'a str> {
        if let Value::String(text) = self.value() { Some(text) } else { None }
    }

    /// The truth value, where it is one.
    pub fn as_bool(self) -> Option<bool> {
        if let Value::Bool(value) = self.value() { Some(*value) } else { None }
    }

    /// The number's text, where it is a number.
    pub fn as_number(self) -> Option<&'a str> {
        if let Value::Number(text) = self.value() { Some(text) } else { None }
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        matches!(self.value(), Value::Object(_))
    }

    /// Whether it is an array.
    pub fn is_array(self) -> bool {
        matches!(self.value(), Value::Array(_))
    }

    /// What it is, in a word.
    pub fn kind(self) -> &'static str {
        match self.value() {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        }
    }

    /// Its JSON text, members sorted by name; `None` where it is longer than `limit`.
    pub fn to_json(self, limit: usize) -> Option<String> {
        let mut out = String::new();
        self.write(&mut out, limit).then_some(out)
    }

    fn write(self, out: &mut String, limit: usize) -> bool {
        match self.value() {
            Value::Null => out.push_str("null"),
            Value::Bool(true) => out.push_str("true"),
            Value::Bool(false) => out.push_str("false"),
            Value::Number(text) => out.push_str(text),
            Value::String(text) => quote(text, out),
            Value::Array(_) => {
                out.push('[');
                for (at, item) in self.items().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    if !item.write(out, limit) {
                        return false;
                    }
                }
                out.push(']');
            }
            Value::Object(_) => {
                let mut members: Vec<_> = self.members().collect();
                members.sort_by_key(|(name, _, _)| *name);
                out.push('{');
                for (at, (name, _, value)) in members.into_iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    quote(name, out);
                    out.push(':');
                    if !value.write(out, limit) {
                        return false;
                    }
                }
                out.push('}');
            }
        }
        out.len() <= limit
    }
}

/// Writes a JSON string.
pub fn quote(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if (control as u32) < 0x20 => {
                let _ = std::fmt::Write::write_fmt(out, format_args!("\\u{:04x}", control as u32));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}
