//! Forms: fields by their names, with keys, by their style, or as JSON.

use std::borrow::Cow;

use shield_ir::operation::{Content, ContentKind, Encoding, Field, Style};
use shield_ir::schema::TypeSet;

use super::body::{field, field_fault, grafted};
use super::coerce::Builder;
use super::deep;
use super::parameters::{Undecodable, in_turn, key_path};
use super::shape::Shape;
use super::text::decode;
use super::validators::Validators;
use super::value::{Document, Ix, Member};
use super::violation::{Class, Violation};

/// The text of a field of a form, as it stands and decoded.
pub(super) struct Text<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) raw: &'a str,
}

/// Fields of a form while they are gathered.
pub(super) struct Fields<'a> {
    builder: Builder<'a>,
    groups: Vec<(Cow<'a, str>, Group<'a>)>,
    /// A field that stands both by its name and with keys: servers differ in which of the two they see.
    twofold: Option<String>,
}

enum Group<'a> {
    /// A field by its own name.
    Plain(Vec<Text<'a>>),
    /// A field with keys: `name[key]=value`.
    Keyed(Vec<deep::Entry<'a>>),
}

impl<'a> Fields<'a> {
    pub(super) fn new(validators: &'a Validators) -> Self {
        Self { builder: Builder::new(validators), groups: Vec::new(), twofold: None }
    }

    pub(super) fn add(&mut self, name: Cow<'a, str>, text: Text<'a>, shape: &Shape) {
        let known = shape.members.iter().any(|(known, _)| *known == name);
        let outer = name.split_once('[').map(|(outer, _)| outer.to_owned()).filter(|_| !known);
        if let Some((outer, path)) = outer.and_then(|outer| key_path(&name, &outer).map(|path| (outer, path)))
        {
            let entry = (path, text.text);
            match self.groups.iter_mut().find(|(found, _)| *found == outer) {
                Some((_, Group::Keyed(entries))) => entries.push(entry),
                Some((_, Group::Plain(_))) => self.twofold = Some(outer),
                None => self.groups.push((Cow::Owned(outer), Group::Keyed(vec![entry]))),
            }
            return;
        }
        match self.groups.iter_mut().find(|(found, _)| *found == name) {
            Some((_, Group::Plain(texts))) => texts.push(text),
            Some((_, Group::Keyed(_))) => self.twofold = Some(name.into_owned()),
            None => self.groups.push((name, Group::Plain(vec![text]))),
        }
    }

    /// The object that the fields write.
    pub(super) fn finish(mut self, content: &Content, shape: &Shape) -> Result<Document<'a>, Box<Violation>> {
        let twofold =
            |name: &str| Box::new(field_fault(name, Class::DuplicateValue, "is written in two ways"));
        if let Some(name) = &self.twofold {
            return Err(twofold(name));
        }
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
        let root = self.builder.document.add_object(members).map_err(|name| twofold(&name))?;
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
            return grafted(&mut self.builder, text.as_bytes(), name);
        }
        if let Some(shape) = shape.filter(|shape| shape.is_array()) {
            let objects = shape.item(0).is_some_and(|item| item.types == TypeSet::OBJECT);
            if objects && !field.is_some_and(|field| field.styled) {
                let items: Result<Vec<Ix>, _> =
                    texts.iter().map(|text| grafted(&mut self.builder, text.text.as_bytes(), name)).collect();
                return Ok(self.builder.document.add_array(items?));
            }
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
