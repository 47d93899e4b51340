//! From texts without types to JSON values, as far as a schema says which type was meant.

use std::borrow::Cow;

use shield_ir::schema::{Decimal, TypeSet};

use super::shape::Shape;
use super::validators::Validators;
use super::value::{Document, Ix, Member, Value};

/// Builds a document out of texts.
pub(super) struct Builder<'a> {
    pub(super) validators: &'a Validators,
    pub(super) document: Document<'a>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(validators: &'a Validators) -> Self {
        Self { validators, document: Document::new() }
    }

    /// The document, with this value as its root.
    pub(super) fn finish(mut self, root: Ix) -> Document<'a> {
        self.document.set_root(root);
        self.document
    }

    /// Adds the value that a text is meant to be.
    pub(super) fn scalar(&mut self, text: Cow<'a, str>, shape: Option<&Shape>) -> Ix {
        let value = self.read(text, shape);
        self.document.add(value)
    }

    fn read(&self, text: Cow<'a, str>, shape: Option<&Shape>) -> Value<'a> {
        let Some(shape) = shape else { return Value::String(text) };
        let candidates = candidates(&text, shape.types);
        match candidates.as_slice() {
            [] => Value::String(text),
            [only] => only.value(text),
            several => {
                let fits = several.iter().find(|kind| self.fits(kind.value(text.clone()), shape));
                fits.or_else(|| several.first()).map_or(Value::Null, |kind| kind.value(text.clone()))
            }
        }
    }

    fn fits(&self, value: Value<'_>, shape: &Shape) -> bool {
        let mut document = Document::new();
        let root = document.add(value);
        document.set_root(root);
        self.validators.is_valid(shape.node, &document).unwrap_or(false)
    }

    /// Adds an array of texts.
    pub(super) fn array(&mut self, texts: impl IntoIterator<Item = Cow<'a, str>>, shape: &Shape) -> Ix {
        let items: Vec<Ix> =
            texts.into_iter().enumerate().map(|(at, text)| self.scalar(text, shape.item(at))).collect();
        self.document.add_array(items)
    }

    /// Adds an object of texts; the name that stands twice, where one does.
    pub(super) fn object(
        &mut self,
        texts: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
        shape: &Shape,
    ) -> Result<Ix, String> {
        let mut groups: Vec<(Cow<'a, str>, Vec<Cow<'a, str>>)> = Vec::new();
        for (name, text) in texts {
            let list = shape.member(&name).is_some_and(Self::is_array);
            match groups.iter_mut().find(|(known, _)| list && *known == name) {
                Some((_, texts)) => texts.push(text),
                None => groups.push((name, vec![text])),
            }
        }
        let mut members = Vec::new();
        for (name, texts) in groups {
            let inner = shape.member(&name);
            let value = match inner.filter(|inner| Self::is_array(inner)) {
                Some(inner) => self.array(texts, inner),
                None => self.scalar(texts.into_iter().next().unwrap_or_default(), inner),
            };
            members.push(Member { name, value });
        }
        self.document.add_object(members)
    }

    /// Whether a value is an array and nothing that one text could write.
    fn is_array(shape: &Shape) -> bool {
        shape.types.meets(TypeSet::ARRAY) && !shape.types.meets(TypeSet::STRING.with(TypeSet::NUMBER))
    }
}

/// How truth values are written where there are no types: not only as JSON writes them.
const TRUTHS: &[(&str, bool)] = &[
    ("true", true),
    ("false", false),
    ("1", true),
    ("0", false),
    ("yes", true),
    ("no", false),
    ("y", true),
    ("n", false),
    ("t", true),
    ("f", false),
    ("on", true),
    ("off", false),
];

/// What a text may be read as.
#[derive(Clone, Copy)]
enum Kind {
    Null,
    Bool(bool),
    Number,
    String,
}

impl Kind {
    fn value(self, text: Cow<'_, str>) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Number => Value::Number(text),
            Self::String => Value::String(text),
        }
    }
}

fn candidates(text: &str, types: TypeSet) -> Vec<Kind> {
    let mut kinds = Vec::new();
    if types.meets(TypeSet::NULL) && (text.is_empty() || text == "null") {
        kinds.push(Kind::Null);
    }
    if types.meets(TypeSet::BOOLEAN)
        && let Some((_, value)) = TRUTHS.iter().find(|(word, _)| text.eq_ignore_ascii_case(word))
    {
        kinds.push(Kind::Bool(*value));
    }
    if types.meets(TypeSet::NUMBER) && Decimal::parse(text).is_some() {
        kinds.push(Kind::Number);
    }
    if types.meets(TypeSet::STRING) {
        kinds.push(Kind::String);
    }
    kinds
}
