//! Reads JSON documents into a tree with positions, strictly by RFC 8259.

use super::read::{Failure, MAX_DEPTH};
use super::tree::{Ix, Member, Tree, Value};
use crate::source::FileId;

/// Reads one JSON text.
pub(super) fn read(file: FileId, text: &str) -> Result<Tree, Failure> {
    let mut reader = Reader { text, at: 0, tree: Tree::new(file), open: Vec::new() };
    let root = reader.document()?;
    reader.tree.set_root(root);
    Ok(reader.tree)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    tree: Tree,
    open: Vec<Open>,
}

/// A container whose end has not been read.
struct Open {
    start: usize,
    content: Content,
}

enum Content {
    Array(Vec<Ix>),
    Object { members: Vec<Member>, name: Option<(String, (u32, u32))> },
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Ix, Failure> {
        if self.text.starts_with('\u{feff}') {
            self.at = '\u{feff}'.len_utf8();
        }
        loop {
            if let Some(mut done) = self.value()? {
                loop {
                    let Some(open) = self.open.last_mut() else { return self.finish(done) };
                    open.content.push(done);
                    match self.after_item()? {
                        Some(closed) => done = closed,
                        None => break,
                    }
                }
            }
        }
    }

    fn finish(&mut self, root: Ix) -> Result<Ix, Failure> {
        self.space();
        if self.at == self.text.len() { Ok(root) } else { Err(self.fail("nothing more after the document")) }
    }

    /// A scalar or an empty container, or `None` after opening one that has content.
    fn value(&mut self) -> Result<Option<Ix>, Failure> {
        self.space();
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => return self.enter(Content::Object { members: Vec::new(), name: None }),
            Some(b'[') => return self.enter(Content::Array(Vec::new())),
            Some(b'"') => Value::String(self.string()?),
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => return Err(self.fail("a value")),
        };
        Ok(Some(self.tree.add(start, self.at, value)))
    }

    fn enter(&mut self, content: Content) -> Result<Option<Ix>, Failure> {
        let start = self.at;
        if self.open.len() >= MAX_DEPTH {
            return Err(Failure::at(start, format!("this nests more than {MAX_DEPTH} levels")));
        }
        self.at += 1;
        self.space();
        let close = if matches!(content, Content::Array(_)) { b']' } else { b'}' };
        self.open.push(Open { start, content });
        if self.peek() == Some(close) {
            return Ok(self.close());
        }
        self.name()?;
        Ok(None)
    }

    /// Reads the name of the next member, in an object.
    fn name(&mut self) -> Result<(), Failure> {
        let Some(Open { content: Content::Object { .. }, .. }) = self.open.last() else { return Ok(()) };
        self.space();
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.fail("a member's name in quotes"));
        }
        let text = self.string()?;
        let span = (start as u32, self.at as u32);
        self.space();
        self.take(b':', "`:`")?;
        if let Some(Open { content: Content::Object { name, .. }, .. }) = self.open.last_mut() {
            *name = Some((text, span));
        }
        Ok(())
    }

    /// After an item: the container when it ends here, `None` when another item follows.
    fn after_item(&mut self) -> Result<Option<Ix>, Failure> {
        self.space();
        let array = matches!(self.open.last(), Some(Open { content: Content::Array(_), .. }));
        match (self.peek(), array) {
            (Some(b','), _) => {
                self.at += 1;
                self.name()?;
                Ok(None)
            }
            (Some(b']'), true) | (Some(b'}'), false) => {
                self.duplicates()?;
                Ok(self.close())
            }
            (_, true) => Err(self.fail("`,` or `]`")),
            (_, false) => Err(self.fail("`,` or `}`")),
        }
    }

    fn duplicates(&self) -> Result<(), Failure> {
        match self.open.last() {
            Some(Open { content: Content::Object { members, .. }, .. }) => super::read::unique(members),
            _ => Ok(()),
        }
    }

    fn close(&mut self) -> Option<Ix> {
        let open = self.open.pop()?;
        self.at += 1;
        let value = match open.content {
            Content::Array(items) => Value::Array(items),
            Content::Object { members, .. } => Value::Object(members),
        };
        Some(self.tree.add(open.start, self.at, value))
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Failure> {
        if self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.fail("a value"))
    }

    fn number(&mut self) -> Result<Value, Failure> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        match shield_ir::schema::Decimal::parse(text) {
            Some(_) => Ok(Value::Number(text.to_owned())),
            None => Err(Failure::at(start, format!("`{text}` is not a number of JSON"))),
        }
    }

    fn string(&mut self) -> Result<String, Failure> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let start = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            out.push_str(self.text.get(start..self.at).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                _ => return Err(self.fail("the end of the string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Failure> {
        let escape = self.text.as_bytes().get(self.at + 1).copied();
        self.at += 2;
        let simple = match escape {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(Failure::at(self.at.saturating_sub(2), "an unknown escape")),
        };
        Ok(simple)
    }

    fn unicode(&mut self) -> Result<char, Failure> {
        let start = self.at.saturating_sub(2);
        let first = self.hex()?;
        let code = if (0xd800..0xdc00).contains(&first) {
            let low = self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u"));
            self.at += 2;
            let second = if low { self.hex()? } else { 0 };
            if !(0xdc00..0xe000).contains(&second) {
                return Err(Failure::at(start, "half a surrogate pair"));
            }
            0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        char::from_u32(code).ok_or_else(|| Failure::at(start, "half a surrogate pair"))
    }

    fn hex(&mut self) -> Result<u32, Failure> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        value.ok_or_else(|| Failure::at(self.at.saturating_sub(4), "four hexadecimal digits are missing"))
    }

    fn take(&mut self, byte: u8, what: &str) -> Result<(), Failure> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.fail(what))
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn fail(&self, expected: &str) -> Failure {
        Failure::at(self.at, format!("expected {expected}"))
    }
}

impl Content {
    fn push(&mut self, ix: Ix) {
        match self {
            Self::Array(items) => items.push(ix),
            Self::Object { members, name } => {
                if let Some((name, span)) = name.take() {
                    members.push(Member { name, span, value: ix });
                }
            }
        }
    }
}
