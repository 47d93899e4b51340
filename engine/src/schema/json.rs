//! Reads JSON bodies strictly by RFC 8259: no duplicate names, no lone surrogates, no trailing bytes, bounded depth.

use std::borrow::Cow;

use shield_ir::schema::Decimal;

use super::value::{Document, Ix, Member, Value};

/// A body that nests deeper is refused.
pub const MAX_DEPTH: usize = 128;

/// Why bytes are not a JSON text that is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The byte at which it shows.
    pub offset: usize,
    /// What kind of fault it is.
    pub kind: SyntaxKind,
}

/// Kinds of faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyntaxKind {
    /// Something else was expected.
    Expected(&'static str),
    /// The bytes are not UTF-8, or a string holds half a surrogate pair.
    Encoding(&'static str),
    /// A name stands twice in one object.
    Duplicate(String),
    /// It nests too deeply.
    Depth,
    /// A number's exponent exceeds any use.
    Number,
}

impl std::fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { offset, kind } = self;
        match kind {
            SyntaxKind::Expected(what) => write!(f, "expected {what} at byte {offset}"),
            SyntaxKind::Encoding(what) => write!(f, "{what} at byte {offset}"),
            SyntaxKind::Duplicate(_) => {
                write!(f, "a name stands twice in the object that ends at byte {offset}")
            }
            SyntaxKind::Depth => write!(f, "nested more than {MAX_DEPTH} levels at byte {offset}"),
            SyntaxKind::Number => write!(f, "a number out of any range at byte {offset}"),
        }
    }
}

/// What the grammar of RFC 8259 leaves to its readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How deeply a text may nest.
    pub depth: usize,
    /// Whether a name may stand twice in one object.
    pub duplicates: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { depth: MAX_DEPTH, duplicates: false }
    }
}

/// Reads one JSON text.
pub fn parse(bytes: &[u8]) -> Result<Document<'_>, SyntaxError> {
    parse_by(bytes, Rules::default())
}

/// Reads one JSON text by other rules than the usual ones.
pub fn parse_by(bytes: &[u8], rules: Rules) -> Result<Document<'_>, SyntaxError> {
    let text = std::str::from_utf8(bytes).map_err(|error| SyntaxError {
        offset: error.valid_up_to(),
        kind: SyntaxKind::Encoding("not UTF-8"),
    })?;
    let mut reader = Reader {
        text,
        at: 0,
        rules,
        document: Document::new(),
        open: Vec::new(),
        items: Vec::new(),
        members: Vec::new(),
    };
    let root = reader.document()?;
    reader.document.set_root(root);
    Ok(reader.document)
}

/// Writes a text as most writers of JSON do: only what must be is escaped.
pub(crate) fn write_usual(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        let short = match byte {
            b'"' | b'\\' => *byte,
            8 => b'b',
            9 => b't',
            10 => b'n',
            12 => b'f',
            13 => b'r',
            0..=0x1f => {
                let digit = |digit: u8| char::from_digit(u32::from(digit), 16).map_or(b'0', |c| c as u8);
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
                continue;
            }
            _ => {
                out.push(*byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    rules: Rules,
    document: Document<'a>,
    open: Vec<Open>,
    /// Items of all open arrays.
    items: Vec<Ix>,
    /// Members of all open objects; the last one of each waits for its value.
    members: Vec<Member<'a>>,
}

/// A container whose end has not been read, with where its parts start.
#[derive(Clone, Copy)]
enum Open {
    Array(usize),
    Object(usize),
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Ix, SyntaxError> {
        loop {
            let Some(mut done) = self.value()? else { continue };
            loop {
                match self.open.last() {
                    None => return self.end(done),
                    Some(Open::Array(_)) => self.items.push(done),
                    Some(Open::Object(_)) => {
                        if let Some(member) = self.members.last_mut() {
                            member.value = done;
                        }
                    }
                }
                match self.after_part()? {
                    Some(closed) => done = closed,
                    None => break,
                }
            }
        }
    }

    fn end(&mut self, root: Ix) -> Result<Ix, SyntaxError> {
        self.space();
        if self.at == self.text.len() { Ok(root) } else { Err(self.expected("the end")) }
    }

    /// A value without parts, or `None` after opening one with parts.
    fn value(&mut self) -> Result<Option<Ix>, SyntaxError> {
        self.space();
        let value = match self.peek() {
            Some(b'{') => return self.enter(Open::Object(self.members.len()), b'}'),
            Some(b'[') => return self.enter(Open::Array(self.items.len()), b']'),
            Some(b'"') => Value::String(self.string()?),
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => return Err(self.expected("a value")),
        };
        Ok(Some(self.document.add(value)))
    }

    fn enter(&mut self, open: Open, close: u8) -> Result<Option<Ix>, SyntaxError> {
        if self.open.len() >= self.rules.depth {
            return Err(self.fault(SyntaxKind::Depth));
        }
        self.at += 1;
        self.open.push(open);
        self.space();
        if self.peek() == Some(close) {
            return self.close().map(Some);
        }
        self.name()?;
        Ok(None)
    }

    /// Reads the next member's name, in an object.
    fn name(&mut self) -> Result<(), SyntaxError> {
        let Some(Open::Object(_)) = self.open.last() else { return Ok(()) };
        self.space();
        if self.peek() != Some(b'"') {
            return Err(self.expected("a name in quotes"));
        }
        let name = self.string()?;
        self.members.push(Member { name, value: Ix(0) });
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.expected("`:`"));
        }
        self.at += 1;
        Ok(())
    }

    fn after_part(&mut self) -> Result<Option<Ix>, SyntaxError> {
        self.space();
        match (self.peek(), self.open.last()) {
            (Some(b','), _) => {
                self.at += 1;
                self.name()?;
                Ok(None)
            }
            (Some(b']'), Some(Open::Array(_))) | (Some(b'}'), Some(Open::Object(_))) => {
                self.close().map(Some)
            }
            (_, Some(Open::Array(_))) => Err(self.expected("`,` or `]`")),
            _ => Err(self.expected("`,` or `}`")),
        }
    }

    fn close(&mut self) -> Result<Ix, SyntaxError> {
        self.at += 1;
        match self.open.pop() {
            Some(Open::Array(start)) => Ok(self.document.add_array(self.items.drain(start..))),
            Some(Open::Object(start)) => match self.document.add_members(self.members.drain(start..)) {
                (_, Some(name)) if !self.rules.duplicates => Err(self.fault(SyntaxKind::Duplicate(name))),
                (object, _) => Ok(object),
            },
            None => Err(self.expected("a value")),
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, SyntaxError> {
        if self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.expected("a value"))
    }

    fn number(&mut self) -> Result<Value<'a>, SyntaxError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        if Decimal::parse(text).is_some() {
            return Ok(Value::Number(Cow::Borrowed(text)));
        }
        let huge = text.find(['e', 'E']).is_some_and(|e| {
            let digits = text.get(e + 1..).unwrap_or_default().trim_start_matches(['+', '-']);
            let mantissa = text.get(..e).unwrap_or_default();
            !digits.is_empty()
                && digits.bytes().all(|b| b.is_ascii_digit())
                && Decimal::parse(mantissa).is_some()
        });
        self.at = start;
        Err(if huge { self.fault(SyntaxKind::Number) } else { self.expected("a number") })
    }

    fn string(&mut self) -> Result<Cow<'a, str>, SyntaxError> {
        self.at += 1;
        let plain = self.plain();
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut out = plain.to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(out));
                }
                Some(b'\\') => out.push(self.escape()?),
                _ => return Err(self.expected("the end of the string")),
            }
            out.push_str(self.plain());
        }
    }

    /// What stands before the next quote, backslash or control character.
    fn plain(&mut self) -> &'a str {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let len = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len());
        self.at += len;
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        self.at += 1;
        let escape = self.peek();
        self.at += 1;
        Ok(match escape {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => {
                self.at = self.at.saturating_sub(1);
                return Err(self.expected("an escape"));
            }
        })
    }

    fn unicode(&mut self) -> Result<char, SyntaxError> {
        let half = SyntaxKind::Encoding("half a surrogate pair");
        let first = self.hex()?;
        let code = if (0xd800..0xdc00).contains(&first) {
            if !self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u")) {
                return Err(self.fault(half));
            }
            self.at += 2;
            let second = self.hex()?;
            if !(0xdc00..0xe000).contains(&second) {
                return Err(self.fault(half));
            }
            0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        char::from_u32(code).ok_or_else(|| self.fault(half))
    }

    fn hex(&mut self) -> Result<u32, SyntaxError> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).unwrap_or_default();
        if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(self.expected("four hexadecimal digits"));
        }
        self.at += 4;
        Ok(digits.iter().fold(0, |code, digit| code * 16 + char::from(*digit).to_digit(16).unwrap_or(0)))
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expected(&self, what: &'static str) -> SyntaxError {
        self.fault(SyntaxKind::Expected(what))
    }

    fn fault(&self, kind: SyntaxKind) -> SyntaxError {
        SyntaxError { offset: self.at, kind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_stand() {
        let document =
            parse(br#" {"a": [1, -2.5e3, "x\n\u00e9\ud83d\udc09", true, null], "b": {}} "#).unwrap();
        let a = document.member(document.root(), "a").unwrap();
        assert_eq!(document.items(a).len(), 5);
        assert!(matches!(document.value(document.items(a)[2]), Value::String(text) if text == "x\né🐉"));
        assert!(document.member(document.root(), "c").is_none());
    }

    #[test]
    fn large_objects_are_searched_by_name() {
        let text = format!("{{{}}}", (0..100).map(|i| format!("\"k{i}\":{i}")).collect::<Vec<_>>().join(","));
        let document = parse(text.as_bytes()).unwrap();
        for i in 0..100 {
            let value = document.member(document.root(), &format!("k{i}")).unwrap();
            assert!(matches!(document.value(value), Value::Number(text) if *text == i.to_string()));
        }
    }

    #[test]
    fn what_is_not_strict_json_is_refused() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "1.",
            "+1",
            "NaN",
            "'a'",
            "[1] 2",
            "\"\u{1}\"",
            "\"\\x\"",
            "{a:1}",
            "nul",
            "\u{feff}{}",
            "[1 2]",
            "{\"a\" 1}",
            "/* */1",
            "]",
            "1e99999999999999999999",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        let kind = |text: &str| parse(text.as_bytes()).unwrap_err().kind;
        assert_eq!(kind("{\"a\":1,\"\\u0061\":2}"), SyntaxKind::Duplicate("a".into()));
        assert_eq!(kind(&"[".repeat(200)), SyntaxKind::Depth);
        assert!(matches!(kind("\"\\ud800\""), SyntaxKind::Encoding(_)));
        assert!(parse(b"\"\xff\"").is_err());
    }
}
