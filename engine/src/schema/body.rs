//! Bodies: which declared content they are, and their verdict.

use std::borrow::Cow;

use shield_ir::operation::{Content, ContentKind, Field, Location};
use shield_ir::schema::{Direction, NodeId, TypeSet};

use super::code::Code;
use super::coerce::Builder;
use super::form::{Fields, Text};
use super::interp::{Exhausted, Subject};
use super::json::{self, SyntaxKind};
use super::media::MediaType;
use super::multipart::{self, Part};
use super::parameters::{Check, Prepared, Raw, disagreement, exhausted};
use super::shape::Shape;
use super::text::{self, decode};
use super::validators::Validators;
use super::value::{Document, Ix, Member, Value};
use super::violation::{Class, Violation, escape};
use crate::jit::schema::Verdict;

/// More bytes than any part of the syntax that is read as one and shows its fault at its start: `\ud83d\udc09`.
const LOOKAHEAD: usize = 12;

/// Declared contents with what their schemas say of types.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    pub(super) list: Vec<Content>,
    shapes: Vec<Option<Shape>>,
    /// Native code for those that are JSON, once it has been made.
    codes: Vec<Code>,
}

impl Contents {
    pub(super) fn new(validators: &Validators, contents: Vec<Content>) -> Self {
        let shape = |content: &Content| content.schema.map(|schema| Shape::of(validators.plan(), schema));
        let shapes = contents.iter().map(shape).collect();
        let codes = contents.iter().map(|_| Code::default()).collect();
        Self { list: contents, shapes, codes }
    }

    #[cfg(test)]
    pub(super) fn replace_code(&mut self, code: Code) {
        self.codes.fill(code);
    }

    /// The schemas of JSON bodies, and where their code belongs.
    pub(super) fn json(&self) -> impl Iterator<Item = (NodeId, &Code)> {
        let all = self.list.iter().zip(&self.shapes).zip(&self.codes);
        all.filter_map(|((content, shape), code)| {
            let essence = content.media_type.split(';').next().unwrap_or_default().trim();
            let node = shape.as_ref()?.node;
            (ContentKind::of(essence) == ContentKind::Json).then_some((node, code))
        })
    }
}

/// Checks one body.
#[derive(Clone, Copy)]
pub(super) struct BodyCheck<'a> {
    pub(super) validators: &'a Validators,
    pub(super) direction: Direction,
    pub(super) contents: &'a Contents,
}

impl<'a> BodyCheck<'a> {
    /// Adds what is wrong with a body of that content type.
    pub(super) fn run(self, content_types: &[&str], body: &'a [u8], out: &mut Vec<Violation>) {
        let media = match content_types {
            [] => {
                return out.push(fault(
                    "content",
                    Class::UnsupportedMediaType,
                    "must say its content type".into(),
                ));
            }
            [one] => MediaType::parse(one),
            [..] => None,
        };
        let Some(media) = media else {
            let message = "must have one well-formed content type".into();
            return out.push(fault("content", Class::InvalidMediaType, message));
        };
        let Some((at, content)) = media.find(&self.contents.list) else {
            let known: Vec<_> =
                self.contents.list.iter().map(|content| content.media_type.as_str()).collect();
            let message = format!("must be of the type {}", known.join(" or "));
            return out.push(fault("content", Class::UnsupportedMediaType, message));
        };
        let shape = self.contents.shapes.get(at).and_then(Option::as_ref);
        let kind = ContentKind::of(&media.essence);
        if kind != ContentKind::Opaque && kind != ContentKind::Multipart && !media.is_utf8() {
            let message = "must be written in UTF-8".into();
            return out.push(fault("charset", Class::UnsupportedMediaType, message));
        }
        match (kind, shape) {
            (ContentKind::Json, shape) => {
                self.json(body, shape, self.contents.codes.get(at), out);
            }
            (ContentKind::Form, Some(shape)) => self.form(body, (content, shape), out),
            (ContentKind::Multipart, Some(shape)) => self.multipart(&media, body, (content, shape), out),
            (ContentKind::Text, Some(shape)) => self.text(body, shape, out),
            (ContentKind::Opaque, Some(shape)) if !shape.types.meets(TypeSet::STRING) => {
                let message =
                    format!("bodies of the type {} cannot be read as what is declared", media.essence);
                out.push(fault("content", Class::UnsupportedMediaType, message));
            }
            (ContentKind::Opaque, Some(shape)) => {
                let mut builder = Builder::new(self.validators);
                let root = builder.document.add(Value::String(opaque(body)));
                self.judge(&builder.finish(root), shape, out);
            }
            (ContentKind::Form | ContentKind::Multipart | ContentKind::Text | ContentKind::Opaque, None) => {}
        }
    }

    /// What is wrong with every body that begins like this, where that is known; without native code, nothing is.
    pub(super) fn beginning(self, content_types: &[&str], beginning: &[u8]) -> Option<Violation> {
        let [content_type] = content_types else { return None };
        let media = MediaType::parse(content_type).filter(MediaType::is_utf8)?;
        let (at, _) = media.find(&self.contents.list)?;
        if !self.contents.codes.get(at)?.refuses(self.validators, beginning) {
            return None;
        }
        let broken = json::parse(beginning).err().filter(|error| error.offset + LOOKAHEAD < beginning.len());
        let message = || format!("does not fit, whatever follows its first {} bytes", beginning.len());
        Some(
            broken
                .map_or_else(|| fault("body", Class::ConstraintViolation, message()), |error| syntax(&error)),
        )
    }

    /// The verdict first; only where it is not *valid* the interpreter says what is wrong.
    fn json(self, body: &[u8], shape: Option<&Shape>, code: Option<&Code>, out: &mut Vec<Violation>) {
        let verdict = code.and_then(|code| code.judge(self.validators, || body));
        if verdict == Some(Verdict::Valid) {
            return;
        }
        let known = out.len();
        self.interpret(body, shape, out);
        if verdict == Some(Verdict::Invalid) && out.len() == known {
            out.push(disagreement(Location::Body, String::new()));
        }
    }

    fn interpret(self, body: &[u8], shape: Option<&Shape>, out: &mut Vec<Violation>) {
        match json::parse(body) {
            Err(error) => out.push(syntax(&error)),
            Ok(document) => {
                if let Some(shape) = shape {
                    self.judge(&document, shape, out);
                }
            }
        }
    }

    fn text(self, body: &[u8], shape: &Shape, out: &mut Vec<Violation>) {
        let Ok(text) = std::str::from_utf8(body) else {
            return out.push(fault("content", Class::InvalidEncoding, "must be UTF-8".into()));
        };
        let mut builder = Builder::new(self.validators);
        let root = builder.scalar(Cow::Owned(text.to_owned()), Some(shape));
        self.judge(&builder.finish(root), shape, out);
    }

    fn judge(self, document: &Document<'_>, shape: &Shape, out: &mut Vec<Violation>) {
        let subject = Subject {
            validators: self.validators,
            document,
            direction: self.direction,
            location: Location::Body,
            prefix: "",
        };
        let verdict = match subject.is_valid(shape.node, document.root()) {
            Ok(true) => return,
            Ok(false) => subject.list(shape.node, document.root()),
            Err(Exhausted) => Err(Exhausted),
        };
        match verdict {
            Ok(violations) => out.extend(violations),
            Err(Exhausted) => out.push(exhausted(Location::Body, String::new())),
        }
    }

    fn form(self, body: &'a [u8], declared: (&'a Content, &'a Shape), out: &mut Vec<Violation>) {
        let (content, shape) = declared;
        let pairs = std::str::from_utf8(body).map_err(|_| text::PairsError::Encoding).and_then(text::pairs);
        let pairs = match pairs {
            Ok(pairs) => pairs,
            Err(text::PairsError::Encoding) => {
                return out.push(fault(
                    "content",
                    Class::InvalidEncoding,
                    "must be a well-formed form".into(),
                ));
            }
            Err(text::PairsError::TooMany) => {
                return out.push(fault("content", Class::TooManyValues, "has too many fields".into()));
            }
        };
        let mut fields = Fields::new(self.validators);
        for pair in pairs {
            let Some(value) = decode(pair.raw, true) else {
                return out.push(field_fault(&pair.name, Class::InvalidEncoding, "does not decode"));
            };
            fields.add(pair.name, Text { text: value, raw: pair.raw }, shape);
        }
        match fields.finish(content, shape) {
            Ok(document) => self.judge(&document, shape, out),
            Err(violation) => out.push(*violation),
        }
    }

    fn multipart(
        self,
        media: &MediaType,
        body: &'a [u8],
        declared: (&'a Content, &'a Shape),
        out: &mut Vec<Violation>,
    ) {
        let (content, shape) = declared;
        let parts = match multipart::parts(media, body) {
            Ok(parts) => parts,
            Err(why) => {
                return out.push(fault(
                    "content",
                    Class::InvalidSyntax,
                    format!("is no multipart body: {why}"),
                ));
            }
        };
        let is_form = media.essence == multipart::FORM;
        let types = shape.types;
        // Where parts need no names, they are the items of an array or the named members of an object; any other schema
        // speaks of the bytes of the whole.
        if !is_form && types == TypeSet::ARRAY {
            return self.parts_in_order(&parts, shape, out);
        }
        if !is_form && types.meets(TypeSet::STRING) {
            return;
        }
        let mut builder = Builder::new(self.validators);
        let mut groups: Vec<(String, Vec<Ix>)> = Vec::new();
        for part in &parts {
            let Some(name) = &part.name else {
                let message = "has a part without a name, which is none of the members that are declared";
                out.push(fault("content", Class::InvalidSyntax, message.into()));
                continue;
            };
            let field = field(content, name);
            if !part_is_declared(self, part, name, field, out) {
                continue;
            }
            match part_value(&mut builder, part, name, element(shape.member(name))) {
                Ok(value) => match groups.iter_mut().find(|(known, _)| known == name) {
                    Some((_, values)) => values.push(value),
                    None => groups.push((name.clone(), vec![value])),
                },
                Err(violation) => out.push(*violation),
            }
        }
        if out.is_empty() {
            let root = grouped(&mut builder, groups, shape);
            self.judge(&builder.finish(root), shape, out);
        }
    }

    /// Parts without names, which are the items of an array.
    fn parts_in_order(self, parts: &[Part<'a>], shape: &Shape, out: &mut Vec<Violation>) {
        let mut builder = Builder::new(self.validators);
        let mut items = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let name = at.to_string();
            if !part_is_declared(self, part, &name, None, out) {
                continue;
            }
            match part_value(&mut builder, part, &name, shape.item(at)) {
                Ok(value) => items.push(value),
                Err(violation) => out.push(*violation),
            }
        }
        if out.is_empty() {
            let root = builder.document.add_array(items);
            self.judge(&builder.finish(root), shape, out);
        }
    }
}

/// Whether a part has a content type that its field may have.
fn part_is_declared(
    check: BodyCheck<'_>,
    part: &Part<'_>,
    name: &str,
    field: Option<&Field>,
    out: &mut Vec<Violation>,
) -> bool {
    if let Some(media) = &part.media_type
        && !media.is_utf8()
    {
        out.push(field_fault(name, Class::UnsupportedMediaType, "must be written in UTF-8"));
        return false;
    }
    let Some(field) = field else { return true };
    let mut found = Vec::new();
    for header in &field.headers {
        let prepared = Prepared::new(check.validators.plan(), header);
        let own = part.headers.iter().find(|(known, _)| *known == header.name);
        let raw = own.map(|(_, text)| Raw::Text { text, escaped: false });
        let check = Check { validators: check.validators, direction: check.direction, siblings: &[] };
        check.run(&prepared, raw, &mut found);
    }
    // The header belongs to a part of the body, and that is where the client has to look.
    out.extend(found.into_iter().map(|fault| Violation {
        location: Location::Body,
        message: format!("its header `{}` {}", fault.pointer.trim_start_matches('/'), fault.message),
        pointer: field_pointer(name),
        ..fault
    }));
    let essence = part.media_type.as_ref().map_or("text/plain", |media| media.essence.as_str());
    let matches = |declared: &String| {
        let declared = declared.split(';').next().unwrap_or(declared).trim();
        let kind = declared.strip_suffix("/*");
        declared == essence
            || declared == "*/*"
            || kind.is_some_and(|kind| essence.split('/').next() == Some(kind))
    };
    let allowed = field.content_types.is_empty() || field.content_types.iter().any(matches);
    if !allowed {
        out.push(field_fault(name, Class::UnsupportedMediaType, "has a content type that is not declared"));
    }
    allowed
}

/// What a part is, by its content type and by what its field may be.
fn part_value(
    builder: &mut Builder<'_>,
    part: &Part<'_>,
    name: &str,
    element: Option<&Shape>,
) -> Result<Ix, Box<Violation>> {
    let encoding = || Box::new(field_fault(name, Class::InvalidEncoding, "must be UTF-8"));
    let said = part.media_type.as_ref().map(|media| ContentKind::of(&media.essence));
    let composite = element.is_some_and(|shape| {
        shape.types != TypeSet::ALL
            && !shape.types.meets(TypeSet::STRING.with(TypeSet::NUMBER).with(TypeSet::BOOLEAN))
    });
    let textual = element.is_some_and(|shape| !shape.types.meets(TypeSet::OBJECT.with(TypeSet::ARRAY)));
    if (said == Some(ContentKind::Json) && !textual) || (said.is_none() && composite) {
        return grafted(builder, part.content, name);
    }
    let is_file = part.filename.is_some() || said == Some(ContentKind::Opaque);
    if is_file {
        return Ok(builder.document.add(Value::String(opaque(part.content))));
    }
    let text = std::str::from_utf8(part.content).map_err(|_| encoding())?;
    Ok(builder.scalar(Cow::Owned(text.to_owned()), element))
}

/// Bytes that are not read, as a string of which a schema may bound the length: where they are no text, each byte counts.
fn opaque<'a>(bytes: &[u8]) -> Cow<'a, str> {
    Cow::Owned(match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    })
}

/// What each part of a field is, which may be an array of parts.
fn element(shape: Option<&Shape>) -> Option<&Shape> {
    shape.map(|shape| shape.item(0).filter(|_| shape.types.meets(TypeSet::ARRAY)).unwrap_or(shape))
}

/// The object of a multipart body: fields given several times, and fields that are arrays, are arrays.
fn grouped(builder: &mut Builder<'_>, groups: Vec<(String, Vec<Ix>)>, shape: &Shape) -> Ix {
    let mut members = Vec::new();
    for (name, values) in groups {
        let array = shape.member(&name).is_some_and(Shape::is_array);
        let only = match values.as_slice() {
            // A part that is JSON may be the whole array.
            [one] if !array || matches!(builder.document.value(*one), Value::Array(_)) => Some(*one),
            _ => None,
        };
        let value = only.unwrap_or_else(|| builder.document.add_array(values));
        members.push(Member { name: Cow::Owned(name), value });
    }
    builder.document.add_object(members).unwrap_or_default()
}

pub(super) fn field<'a>(content: &'a Content, name: &str) -> Option<&'a Field> {
    content.fields.iter().find(|field| field.name == name)
}

/// Adds the value of a field that is written as JSON.
pub(super) fn grafted(builder: &mut Builder<'_>, text: &[u8], name: &str) -> Result<Ix, Box<Violation>> {
    let document = json::parse(text).map_err(|error| {
        let mut violation = syntax(&error);
        violation.pointer = field_pointer(name);
        Box::new(violation)
    })?;
    Ok(builder.document.graft(&document.into_owned()))
}

fn syntax(error: &json::SyntaxError) -> Violation {
    let class = match &error.kind {
        SyntaxKind::Expected(_) => Class::InvalidSyntax,
        SyntaxKind::Encoding(_) => Class::InvalidEncoding,
        SyntaxKind::Duplicate(_) => Class::DuplicateValue,
        SyntaxKind::Depth | SyntaxKind::Number => Class::ConstraintViolation,
    };
    fault("json", class, format!("must be JSON: {error}"))
}

fn field_pointer(name: &str) -> String {
    let mut pointer = String::from("/");
    escape(name, &mut pointer);
    pointer
}

pub(super) fn field_fault(name: &str, class: Class, message: &str) -> Violation {
    let pointer = field_pointer(name);
    Violation { location: Location::Body, pointer, keyword: "content", class, message: message.into() }
}

pub(super) fn fault(keyword: &'static str, class: Class, message: String) -> Violation {
    Violation { location: Location::Body, pointer: String::new(), keyword, class, message }
}
