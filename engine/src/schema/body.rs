//! Bodies: which declared content they are, and their verdict.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use shield_ir::operation::{Content, ContentKind, Encoding, Field, Location, Style};
use shield_ir::schema::{Direction, NodeId, TypeSet};

use super::coerce::Builder;
use super::deep;
use super::interp::{Exhausted, Subject};
use super::json::{self, SyntaxKind};
use super::media::MediaType;
use super::multipart::{self, Part};
use super::parameters::{Check, Prepared, Raw, Undecodable, exhausted, in_turn, key_path};
use super::shape::Shape;
use super::text::{self, decode};
use super::validators::Validators;
use super::value::{Document, Ix, Member, Value};
use super::violation::{Class, Violation, escape};
use crate::jit::JitError;
use crate::jit::schema::{Native, Verdict};

/// Declared contents with what their schemas say of types.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    pub(super) list: Vec<Content>,
    shapes: Vec<Option<Shape>>,
    /// Native code for those that are JSON, once it has been made.
    natives: Vec<Arc<OnceLock<Native>>>,
}

impl Contents {
    pub(super) fn new(validators: &Validators, contents: Vec<Content>) -> Self {
        let shape = |content: &Content| content.schema.map(|schema| Shape::of(validators.plan(), schema));
        let shapes = contents.iter().map(shape).collect();
        let natives = contents.iter().map(|_| Arc::default()).collect();
        Self { list: contents, shapes, natives }
    }

    /// Makes native code for the schemas of JSON bodies that have none yet.
    pub(super) fn compile(&self, validators: &Validators, direction: Direction) -> Result<(), JitError> {
        for (node, native) in self.json().filter(|(_, native)| native.get().is_none()) {
            if let Some(made) = validators.native(node, direction)? {
                // Of two threads that make the same code, one does so in vain.
                native.get_or_init(|| made);
            }
        }
        Ok(())
    }

    /// That code as cranelift's text.
    pub(super) fn clif(
        &self,
        validators: &Validators,
        direction: Direction,
    ) -> Result<Vec<String>, JitError> {
        let texts = self.json().map(|(node, _)| validators.clif(node, direction));
        texts.filter_map(Result::transpose).collect()
    }

    /// The schemas of JSON bodies, and where their code belongs.
    fn json(&self) -> impl Iterator<Item = (NodeId, &OnceLock<Native>)> {
        let all = self.list.iter().zip(&self.shapes).zip(&self.natives);
        all.filter_map(|((content, shape), native)| {
            let essence = content.media_type.split(';').next().unwrap_or_default().trim();
            let node = shape.as_ref()?.node;
            (ContentKind::of(essence) == ContentKind::Json).then_some((node, &**native))
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
                let native = self.contents.natives.get(at).and_then(|native| native.get());
                self.json(body, shape, native, out);
            }
            (ContentKind::Form, Some(shape)) => self.form(body, (content, shape), out),
            (ContentKind::Multipart, Some(shape)) => self.multipart(&media, body, (content, shape), out),
            (ContentKind::Text, Some(shape)) => self.text(body, shape, out),
            (ContentKind::Opaque, Some(shape)) if !shape.types.meets(TypeSet::STRING) => {
                let message =
                    format!("bodies of the type {} cannot be read as what is declared", media.essence);
                out.push(fault("content", Class::UnsupportedMediaType, message));
            }
            (ContentKind::Form | ContentKind::Multipart | ContentKind::Text | ContentKind::Opaque, _) => {}
        }
    }

    /// The verdict first; only where it is not *valid* the interpreter says what is wrong.
    fn json(self, body: &[u8], shape: Option<&Shape>, native: Option<&Native>, out: &mut Vec<Violation>) {
        let verdict = native.map(|native| self.validators.judge(native, body));
        if verdict == Some(Verdict::Valid) {
            return;
        }
        let known = out.len();
        self.interpret(body, shape, out);
        if verdict == Some(Verdict::Invalid) && out.len() == known {
            let message = "native code and the interpreter disagree; please report it".into();
            out.push(fault("verdict", Class::Disagreement, message));
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
        let mut fields = Fields { builder: Builder::new(self.validators), groups: Vec::new() };
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
        let prepared =
            Prepared { parameter: header.clone(), shape: Shape::of(check.validators.plan(), header.schema) };
        let own = part.headers.iter().find(|(known, _)| *known == header.name);
        let raw = own.map(|(_, text)| Raw::Text { text, escaped: false });
        let check = Check { validators: check.validators, direction: check.direction, siblings: &[] };
        check.run(&prepared, raw, &mut found);
    }
    // The header belongs to a part of the body, and that is where the client has to look.
    out.extend(found.into_iter().map(|fault| Violation {
        location: Location::Body,
        message: format!("has a header `{}` that {}", fault.pointer.trim_start_matches('/'), fault.message),
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
        let document = json::parse(part.content).map_err(|error| {
            let mut violation = syntax(&error);
            violation.pointer = field_pointer(name);
            Box::new(violation)
        })?;
        return Ok(builder.document.graft(&document.into_owned()));
    }
    let is_file = part.filename.is_some() || said == Some(ContentKind::Opaque);
    let text = match std::str::from_utf8(part.content) {
        Ok(text) => Cow::Owned(text.to_owned()),
        Err(_) if is_file => String::from_utf8_lossy(part.content).into_owned().into(),
        Err(_) => return Err(encoding()),
    };
    if is_file { Ok(builder.document.add(Value::String(text))) } else { Ok(builder.scalar(text, element)) }
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

fn field<'a>(content: &'a Content, name: &str) -> Option<&'a Field> {
    content.fields.iter().find(|field| field.name == name)
}

/// The text of a field of a form, as it stands and decoded.
struct Text<'a> {
    text: Cow<'a, str>,
    raw: &'a str,
}

/// Fields of a form while they are gathered.
struct Fields<'a> {
    builder: Builder<'a>,
    groups: Vec<(Cow<'a, str>, Group<'a>)>,
}

enum Group<'a> {
    /// A field by its own name.
    Plain(Vec<Text<'a>>),
    /// A field with keys: `name[key]=value`.
    Keyed(Vec<deep::Entry<'a>>),
}

impl<'a> Fields<'a> {
    fn add(&mut self, name: Cow<'a, str>, text: Text<'a>, shape: &Shape) {
        let known = shape.members.iter().any(|(known, _)| *known == name);
        let outer = name.split_once('[').map(|(outer, _)| outer.to_owned()).filter(|_| !known);
        if let Some((outer, path)) = outer.and_then(|outer| key_path(&name, &outer).map(|path| (outer, path)))
        {
            let entry = (path, text.text);
            match self.groups.iter_mut().find(|(found, _)| *found == outer) {
                Some((_, Group::Keyed(entries))) => entries.push(entry),
                Some((_, Group::Plain(_))) => {}
                None => self.groups.push((Cow::Owned(outer), Group::Keyed(vec![entry]))),
            }
            return;
        }
        match self.groups.iter_mut().find(|(found, _)| *found == name) {
            Some((_, Group::Plain(texts))) => texts.push(text),
            Some((_, Group::Keyed(_))) => {}
            None => self.groups.push((name, Group::Plain(vec![text]))),
        }
    }

    fn finish(mut self, content: &Content, shape: &Shape) -> Result<Document<'a>, Box<Violation>> {
        let mut members = Vec::new();
        for field in content.fields.iter().filter(|field| field.styled && explodes(field)) {
            let inner = shape.member(&field.name).filter(|inner| inner.types == TypeSet::OBJECT);
            members
                .extend(inner.map(|inner| self.exploded(&field.name, inner, shape)).transpose()?.flatten());
        }
        for (name, group) in std::mem::take(&mut self.groups) {
            let inner = shape.member(&name);
            let value = match group {
                Group::Plain(texts) => self.plain(texts, inner, (&name, field(content, &name)))?,
                Group::Keyed(entries) => self.keyed(entries, inner, &name)?,
            };
            members.push(Member { name, value });
        }
        let root = self.builder.document.add_object(members).unwrap_or_default();
        Ok(self.builder.finish(root))
    }

    /// An object whose members stand in the form by their own names; none where none of them does.
    fn exploded(
        &mut self,
        name: &str,
        inner: &Shape,
        outer: &Shape,
    ) -> Result<Option<Member<'a>>, Box<Violation>> {
        let names = |list: &[(String, Shape)], name: &str| list.iter().any(|(known, _)| known == name);
        let own = |(name, group): &mut (Cow<'a, str>, Group<'a>)| {
            matches!(group, Group::Plain(_)) && names(&inner.members, name) && !names(&outer.members, name)
        };
        let mut texts = Vec::new();
        for (name, group) in self.groups.extract_if(.., own) {
            let Group::Plain(values) = group else { continue };
            texts.extend(values.into_iter().map(|text| (name.clone(), text.text)));
        }
        if texts.is_empty() {
            return Ok(None);
        }
        let value = self.object(texts, inner, name)?;
        Ok(Some(Member { name: Cow::Owned(name.to_owned()), value }))
    }

    fn object(
        &mut self,
        texts: Vec<(Cow<'a, str>, Cow<'a, str>)>,
        shape: &Shape,
        name: &str,
    ) -> Result<Ix, Box<Violation>> {
        let twice = |_| Box::new(field_fault(name, Class::DuplicateValue, "names a member twice"));
        self.builder.object(texts, shape).map_err(twice)
    }

    fn keyed(
        &mut self,
        entries: Vec<deep::Entry<'a>>,
        shape: Option<&Shape>,
        name: &str,
    ) -> Result<Ix, Box<Violation>> {
        deep::value(&mut self.builder, entries, shape).map_err(|why| {
            Box::new(match why {
                Undecodable::Syntax(message) => field_fault(name, Class::InvalidSyntax, message),
                Undecodable::Encoding | Undecodable::Twice | Undecodable::Json(_) => {
                    field_fault(name, Class::DuplicateValue, "names a member twice")
                }
            })
        })
    }

    fn plain(
        &mut self,
        texts: Vec<Text<'a>>,
        shape: Option<&Shape>,
        field: (&str, Option<&Field>),
    ) -> Result<Ix, Box<Violation>> {
        let (name, field) = field;
        let json = field.is_some_and(|field| {
            !field.styled && field.content_types.iter().any(|kind| ContentKind::of(kind) == ContentKind::Json)
        });
        let object = shape.is_some_and(|shape| shape.types == TypeSet::OBJECT);
        let written = field.filter(|field| field.styled && object).and_then(delimiter);
        if let (Some(delimiter), [one], Some(shape)) = (written, texts.as_slice(), shape) {
            let parts: Option<Vec<_>> = one.raw.split(delimiter).map(|part| decode(part, true)).collect();
            let odd = || Box::new(field_fault(name, Class::InvalidSyntax, "must name and give each member"));
            return self.object(parts.and_then(in_turn).ok_or_else(odd)?, shape, name);
        }
        if json || (object && texts.len() == 1) {
            let text = texts.first().map(|text| text.text.clone()).unwrap_or_default();
            let document = json::parse(text.as_bytes()).map_err(|error| {
                let mut violation = syntax(&error);
                violation.pointer = field_pointer(name);
                Box::new(violation)
            })?;
            return Ok(self.builder.document.graft(&document.into_owned()));
        }
        if let Some(shape) = shape.filter(|shape| shape.is_array()) {
            let delimiter = field.and_then(delimiter);
            let parts: Vec<Cow<'a, str>> = match (delimiter, texts.as_slice()) {
                (Some(delimiter), [one]) => {
                    let parts = one.raw.split(delimiter).map(|part| decode(part, true));
                    parts.collect::<Option<_>>().unwrap_or_default()
                }
                _ => texts.into_iter().map(|text| text.text).collect(),
            };
            return Ok(self.builder.array(parts, shape));
        }
        let mut texts = texts.into_iter().map(|text| text.text);
        match (texts.next(), texts.len()) {
            (Some(text), 0) => Ok(self.builder.scalar(text, shape)),
            (first, _) if shape.is_none() => {
                let values: Vec<Ix> =
                    first.into_iter().chain(texts).map(|text| self.builder.scalar(text, None)).collect();
                Ok(self.builder.document.add_array(values))
            }
            _ => Err(Box::new(field_fault(name, Class::TooManyValues, "must be given once"))),
        }
    }
}

/// Whether the members of an object stand by themselves.
fn explodes(field: &Field) -> bool {
    matches!(field.encoding, Encoding::Style { style: Style::Form, explode: true, .. })
}

/// What separates the items of a field that is not exploded.
fn delimiter(field: &Field) -> Option<&'static str> {
    match field.encoding {
        Encoding::Style { style: Style::SpaceDelimited, explode: false, .. } => Some("%20"),
        Encoding::Style { style: Style::PipeDelimited, explode: false, .. } => Some("|"),
        Encoding::Style { explode: false, .. } => Some(","),
        Encoding::Style { .. } | Encoding::Json | Encoding::Text => None,
    }
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

fn field_fault(name: &str, class: Class, message: &str) -> Violation {
    let pointer = field_pointer(name);
    Violation { location: Location::Body, pointer, keyword: "content", class, message: message.into() }
}

pub(super) fn fault(keyword: &'static str, class: Class, message: String) -> Violation {
    Violation { location: Location::Body, pointer: String::new(), keyword, class, message }
}
