//! Parameters: from raw texts by style and `explode` to values, and their verdicts.

use std::borrow::Cow;

use shield_ir::operation::{Encoding, Location, Parameter, Style};
use shield_ir::schema::{Direction, Plan, TypeSet};

use super::code::Code;
use super::coerce::Builder;
use super::interp::{Exhausted, Subject};
use super::json;
use super::shape::{Others, Shape};
use super::text::{Pair, decode};
use super::validators::Validators;
use super::value::Document;
use super::violation::{Class, Violation, escape};
use crate::jit::schema::Verdict;

/// A parameter with what its schema says of types.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) parameter: Parameter,
    pub(super) shape: Shape,
    pub(super) code: Code,
}

impl Prepared {
    pub(super) fn new(plan: &Plan, parameter: &Parameter) -> Self {
        let shape = Shape::of(plan, parameter.schema);
        Self { parameter: parameter.clone(), shape, code: Code::default() }
    }
}

/// Where the raw text of a parameter is found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Raw<'a> {
    /// Alone: a path variable or a header. `escaped` says whether it holds percent-escapes.
    Text { text: &'a str, escaped: bool },
    /// Among pairs: a query string, cookies or a form.
    Pairs(&'a [Pair<'a>]),
}

/// Why a text has no value.
#[derive(Debug)]
pub(super) enum Undecodable {
    Encoding,
    Syntax(&'static str),
    Twice,
    Json(json::SyntaxError),
}

/// A fault of decoding, or what the text may mean.
type Decoded<'a> = Result<Document<'a>, Undecodable>;

/// Checks one parameter.
#[derive(Clone, Copy)]
pub(super) struct Check<'a> {
    pub(super) validators: &'a Validators,
    pub(super) direction: Direction,
    /// Parameters beside it, whose names an exploded object does not claim.
    pub(super) siblings: &'a [Prepared],
}

impl<'a> Check<'a> {
    /// Adds what is wrong with a parameter.
    pub(super) fn run(self, prepared: &'a Prepared, raw: Option<Raw<'a>>, out: &mut Vec<Violation>) {
        let parameter = &prepared.parameter;
        let raw = raw.filter(|raw| self.is_present(prepared, *raw));
        let Some(raw) = raw else {
            if parameter.required {
                out.push(fault(parameter, "required", Class::MissingRequired, "is required".into()));
            }
            return;
        };
        if is_empty(prepared, raw) {
            if parameter.encoding.allows_empty() {
                return;
            }
            // Without text it is not the value that is required, nor anything but a string.
            let types = prepared.shape.types;
            let scalar = types.meets(TypeSet::NUMBER.with(TypeSet::BOOLEAN)) && types != TypeSet::ALL;
            if parameter.location == Location::Query && (parameter.required || scalar) {
                let message = "must not be empty".into();
                return out.push(fault(parameter, "allowEmptyValue", Class::ConstraintViolation, message));
            }
        }
        if too_many(prepared, raw) {
            out.push(fault(parameter, "style", Class::TooManyValues, "must be given once".into()));
            return;
        }
        let mut first: Option<Decoded<'a>> = None;
        for decoded in self.candidates(prepared, raw) {
            let by_code = decoded.as_ref().ok().and_then(|document| self.by_code(prepared, document));
            if by_code == Some(Verdict::Valid) {
                return;
            }
            let judged = decoded.as_ref().ok().map(|document| {
                self.subject(parameter, document, "").is_valid(prepared.shape.node, document.root())
            });
            match judged {
                Some(Ok(true)) if by_code == Some(Verdict::Invalid) => {
                    return out.push(disagreement(parameter.location, pointer_of(parameter)));
                }
                Some(Ok(true)) => return,
                Some(Err(Exhausted)) => {
                    return out.push(exhausted(parameter.location, pointer_of(parameter)));
                }
                Some(Ok(false)) | None => first = first.or(Some(decoded)),
            }
        }
        match first {
            None => {}
            Some(Err(why)) => out.push(undecodable(parameter, why)),
            Some(Ok(document)) => {
                let prefix = pointer_of(parameter);
                match self.subject(parameter, &document, &prefix).list(prepared.shape.node, document.root()) {
                    Ok(violations) => out.extend(violations),
                    Err(Exhausted) => out.push(exhausted(parameter.location, prefix.clone())),
                }
            }
        }
    }

    /// What native code, where there is some, says of a value: it reads JSON text, as it does bodies.
    fn by_code(self, prepared: &Prepared, document: &Document<'_>) -> Option<Verdict> {
        prepared.code.judge(self.validators, || document.to_text())
    }

    fn subject<'b>(self, parameter: &Parameter, document: &'b Document<'b>, prefix: &'b str) -> Subject<'b>
    where
        'a: 'b,
    {
        Subject {
            validators: self.validators,
            document,
            direction: self.direction,
            location: parameter.location,
            prefix,
        }
    }

    fn is_present(self, prepared: &Prepared, raw: Raw<'_>) -> bool {
        let Raw::Pairs(pairs) = raw else { return true };
        let name = prepared.parameter.name.as_str();
        pairs.iter().any(|pair| pair.name == name) || pairs.iter().any(|pair| self.claims(prepared, pair))
    }

    /// Whether an exploded or deep object is partly written in this pair.
    fn claims(self, prepared: &Prepared, pair: &Pair<'_>) -> bool {
        let Encoding::Style { style, explode, .. } = prepared.parameter.encoding else { return false };
        if !prepared.shape.types.meets(TypeSet::OBJECT) || prepared.shape.types == TypeSet::ALL {
            return false;
        }
        if style == Style::DeepObject {
            return key_path(&pair.name, &prepared.parameter.name).is_some();
        }
        explode && self.is_member(prepared, &pair.name)
    }

    /// Whether a name is one of an exploded object's members.
    fn is_member(self, prepared: &Prepared, name: &str) -> bool {
        if prepared.shape.members.iter().any(|(known, _)| known == name) {
            return true;
        }
        let own = |other: &Prepared| {
            let parameter = &other.parameter;
            let deep = matches!(parameter.encoding, Encoding::Style { style: Style::DeepObject, .. });
            parameter.location == prepared.parameter.location
                && (parameter.name == name || (deep && key_path(name, &parameter.name).is_some()))
        };
        !matches!(prepared.shape.others, Others::Closed) && !self.siblings.iter().any(own)
    }

    /// What the text may mean, the likeliest first.
    fn candidates(self, prepared: &'a Prepared, raw: Raw<'a>) -> Vec<Decoded<'a>> {
        let types = prepared.shape.types;
        let scalars = TypeSet::STRING.with(TypeSet::NUMBER).with(TypeSet::BOOLEAN).with(TypeSet::NULL);
        let (style, explode) = match prepared.parameter.encoding {
            Encoding::Json => return vec![Self::json(prepared, raw)],
            Encoding::Text => return vec![self.scalar(prepared, raw, Style::Form)],
            Encoding::Style { style, explode, .. } => (style, explode),
        };
        let mut out = Vec::new();
        if types.meets(scalars) && style != Style::DeepObject {
            out.push(self.scalar(prepared, raw, style));
        }
        if prepared.shape.is_array() {
            out.push(self.array(prepared, raw, (style, explode), false));
            if !explode && style == Style::Form && matches!(raw, Raw::Pairs(_)) {
                // Most servers decode before they split.
                out.push(self.array(prepared, raw, (style, explode), true));
            }
        }
        if types.meets(TypeSet::OBJECT) && (types != TypeSet::ALL || style == Style::DeepObject) {
            out.push(self.object(prepared, raw, (style, explode)));
        }
        out
    }

    fn json(prepared: &Prepared, raw: Raw<'a>) -> Decoded<'a> {
        let text = own(prepared, raw).first().map(|text| unescape(text, raw)).ok_or(Undecodable::Encoding)?;
        let text = text.ok_or(Undecodable::Encoding)?;
        let document = json::parse(text.as_bytes()).map_err(Undecodable::Json)?;
        Ok(document.into_owned())
    }

    fn scalar(self, prepared: &'a Prepared, raw: Raw<'a>, style: Style) -> Decoded<'a> {
        let text = own(prepared, raw).first().copied().unwrap_or_default();
        let text = match style {
            Style::Label => text.strip_prefix('.').ok_or(Undecodable::Syntax("must start with `.`"))?,
            Style::Matrix => matrix(text, &prepared.parameter.name)?,
            Style::Simple
            | Style::Form
            | Style::SpaceDelimited
            | Style::PipeDelimited
            | Style::DeepObject => text,
        };
        let mut builder = Builder::new(self.validators);
        let text = unescape(text, raw).ok_or(Undecodable::Encoding)?;
        let root = builder.scalar(text, Some(&prepared.shape));
        Ok(builder.finish(root))
    }

    fn array(self, prepared: &'a Prepared, raw: Raw<'a>, how: (Style, bool), escaped: bool) -> Decoded<'a> {
        let texts = own(prepared, raw);
        let first = texts.first().copied().unwrap_or_default();
        let name = &prepared.parameter.name;
        let parts: Vec<Cow<'a, str>> = match how {
            (Style::Form, false) if escaped => split(first, &[",", "%2C", "%2c"]),
            (Style::Simple, _) | (Style::Form | Style::DeepObject, false) => split(first, &[","]),
            (Style::Label, explode) => {
                let text = first.strip_prefix('.').ok_or(Undecodable::Syntax("must start with `.`"))?;
                split(text, if !explode && text.contains(',') { &[","] } else { &["."] })
            }
            (Style::Matrix, false) => split(matrix(first, name)?, &[","]),
            (Style::Matrix, true) => {
                let parts =
                    first.strip_prefix(';').ok_or(Undecodable::Syntax("must start with `;`"))?.split(';');
                parts.map(|part| matrix_pair(part, name).map(Cow::Borrowed)).collect::<Result<_, _>>()?
            }
            (_, true) => texts.iter().map(|text| Cow::Borrowed(*text)).collect(),
            (Style::SpaceDelimited, false) => split(first, &["%20", "+", " "]),
            (Style::PipeDelimited, false) => split(first, &["|", "%7C", "%7c"]),
        };
        let parts = parts.into_iter().map(|part| unescape_part(part, raw));
        let parts: Vec<Cow<'a, str>> = parts.collect::<Option<_>>().ok_or(Undecodable::Encoding)?;
        let mut builder = Builder::new(self.validators);
        let root = builder.array(parts, &prepared.shape);
        Ok(builder.finish(root))
    }

    fn object(self, prepared: &'a Prepared, raw: Raw<'a>, how: (Style, bool)) -> Decoded<'a> {
        let texts = own(prepared, raw);
        let first = texts.first().copied().unwrap_or_default();
        let name = &prepared.parameter.name;
        if how.0 == Style::DeepObject {
            return self.deep(prepared, raw);
        }
        let odd = Undecodable::Syntax("must name and give each member");
        let flat: Vec<(Cow<'a, str>, Cow<'a, str>)> = match (how, raw) {
            ((Style::Form, true), Raw::Pairs(pairs)) => {
                if !texts.is_empty() && !self.is_member(prepared, name) {
                    return Err(Undecodable::Syntax("must be written as its members"));
                }
                let members = pairs.iter().filter(|pair| self.is_member(prepared, &pair.name));
                members.map(|pair| (pair.name.clone(), Cow::Borrowed(pair.raw))).collect()
            }
            ((style, true), _) => {
                let (text, separator) = match style {
                    Style::Label => (first.strip_prefix('.').ok_or(odd)?, "."),
                    Style::Matrix => (first.strip_prefix(';').ok_or(odd)?, ";"),
                    Style::Simple
                    | Style::Form
                    | Style::SpaceDelimited
                    | Style::PipeDelimited
                    | Style::DeepObject => (first, ","),
                };
                let odd = || Undecodable::Syntax("must name and give each member");
                let members = text.split(separator).map(|part| part.split_once('=').ok_or_else(odd));
                let members = members.map(|member| member.map(|(name, text)| (name.into(), text.into())));
                members.collect::<Result<_, _>>()?
            }
            ((style, false), _) => {
                let (text, separators): (&str, &[&str]) = match style {
                    Style::Label => {
                        let text = first.strip_prefix('.').ok_or(odd)?;
                        (text, if text.contains(',') { &[","] } else { &["."] })
                    }
                    Style::Matrix => (matrix(first, name)?, &[","]),
                    Style::SpaceDelimited => (first, &["%20", "+", " "]),
                    Style::PipeDelimited => (first, &["|", "%7C", "%7c"]),
                    Style::Simple | Style::Form | Style::DeepObject => (first, &[","]),
                };
                in_turn(split(text, separators))
                    .ok_or(Undecodable::Syntax("must name and give each member"))?
            }
        };
        let flat =
            flat.into_iter().map(|(name, text)| Some((unescape_part(name, raw)?, unescape_part(text, raw)?)));
        let flat: Vec<_> = flat.collect::<Option<_>>().ok_or(Undecodable::Encoding)?;
        let mut builder = Builder::new(self.validators);
        let root = builder.object(flat, &prepared.shape).map_err(|_| Undecodable::Twice)?;
        Ok(builder.finish(root))
    }

    /// `name[key]=value`, with keys inside keys.
    fn deep(self, prepared: &'a Prepared, raw: Raw<'a>) -> Decoded<'a> {
        let keyless = || Undecodable::Syntax("must be written with keys");
        let Raw::Pairs(pairs) = raw else { return Err(keyless()) };
        // What stands without keys beside those with keys is seen by some servers.
        if !own(prepared, raw).is_empty() {
            return Err(keyless());
        }
        let mut entries = Vec::new();
        for pair in pairs {
            if let Some(path) = key_path(&pair.name, &prepared.parameter.name) {
                entries.push((path, decode(pair.raw, true).ok_or(Undecodable::Encoding)?));
            }
        }
        let mut builder = Builder::new(self.validators);
        let root = super::deep::value(&mut builder, entries, Some(&prepared.shape))?;
        Ok(builder.finish(root))
    }
}

/// The keys of `name[a][b]`.
pub(super) fn key_path(text: &str, name: &str) -> Option<Vec<String>> {
    let mut rest = text.strip_prefix(name).filter(|rest| rest.starts_with('['))?;
    let mut path = Vec::new();
    while !rest.is_empty() {
        let (key, after) = rest.strip_prefix('[')?.split_once(']')?;
        path.push(key.to_owned());
        rest = after;
        if path.len() > super::deep::MAX_KEYS {
            return None;
        }
    }
    Some(path)
}

/// The raw values of a parameter by its own name.
fn own<'a>(prepared: &Prepared, raw: Raw<'a>) -> Vec<&'a str> {
    match raw {
        Raw::Text { text, .. } => vec![text],
        Raw::Pairs(pairs) => {
            pairs.iter().filter(|pair| pair.name == prepared.parameter.name).map(|pair| pair.raw).collect()
        }
    }
}

/// Whether it is given by its own name, each time without a value.
fn is_empty(prepared: &Prepared, raw: Raw<'_>) -> bool {
    let own = own(prepared, raw);
    !own.is_empty() && own.iter().all(|text| text.is_empty())
}

/// Whether it is given several times and has one value.
fn too_many(prepared: &Prepared, raw: Raw<'_>) -> bool {
    let several = own(prepared, raw).len() > 1;
    let exploded = matches!(prepared.parameter.encoding, Encoding::Style { explode: true, .. });
    several && !(exploded && prepared.shape.is_array())
}

fn unescape<'a>(text: &'a str, raw: Raw<'_>) -> Option<Cow<'a, str>> {
    match raw {
        Raw::Text { escaped: false, .. } => Some(Cow::Borrowed(text)),
        Raw::Text { .. } => decode(text, false),
        Raw::Pairs(_) => decode(text, true),
    }
}

fn unescape_part<'a>(part: Cow<'a, str>, raw: Raw<'_>) -> Option<Cow<'a, str>> {
    match part {
        Cow::Borrowed(text) => unescape(text, raw),
        Cow::Owned(text) => unescape(&text, raw).map(|text| Cow::Owned(text.into_owned())),
    }
}

/// Splits at any of the separators.
fn split<'a>(text: &'a str, separators: &[&str]) -> Vec<Cow<'a, str>> {
    let mut parts = vec![text];
    for separator in separators {
        parts = parts.into_iter().flat_map(|part| part.split(separator)).collect();
    }
    parts.into_iter().map(|part| Cow::Borrowed(part.trim_matches(' '))).collect()
}

/// Names and values in turn.
pub(super) fn in_turn(parts: Vec<Cow<'_, str>>) -> Option<Vec<(Cow<'_, str>, Cow<'_, str>)>> {
    let mut members = Vec::new();
    let mut parts = parts.into_iter();
    while let Some(name) = parts.next() {
        members.push((name, parts.next()?));
    }
    Some(members)
}

/// `;name=value`.
fn matrix<'a>(text: &'a str, name: &str) -> Result<&'a str, Undecodable> {
    matrix_pair(text.strip_prefix(';').ok_or(Undecodable::Syntax("must start with `;`"))?, name)
}

fn matrix_pair<'a>(part: &'a str, name: &str) -> Result<&'a str, Undecodable> {
    let (found, value) = part.split_once('=').unwrap_or((part, ""));
    if found == name { Ok(value) } else { Err(Undecodable::Syntax("must be written after its name")) }
}

pub(super) fn pointer_of(parameter: &Parameter) -> String {
    let mut pointer = String::from("/");
    escape(&parameter.name, &mut pointer);
    pointer
}

fn undecodable(parameter: &Parameter, why: Undecodable) -> Violation {
    match why {
        Undecodable::Encoding => fault(
            parameter,
            "encoding",
            Class::InvalidEncoding,
            "holds escapes or bytes that do not decode".into(),
        ),
        Undecodable::Syntax(message) => fault(parameter, "style", Class::InvalidSyntax, message.into()),
        Undecodable::Twice => fault(parameter, "style", Class::DuplicateValue, "names a member twice".into()),
        Undecodable::Json(error) => {
            fault(parameter, "content", Class::InvalidSyntax, format!("must be JSON: {error}"))
        }
    }
}

fn fault(parameter: &Parameter, keyword: &'static str, class: Class, message: String) -> Violation {
    Violation { location: parameter.location, pointer: pointer_of(parameter), keyword, class, message }
}

/// One of two that must say the same is wrong, and nobody knows which.
pub(super) fn disagreement(location: Location, pointer: String) -> Violation {
    let message = "native code and the interpreter disagree; please report it".into();
    Violation { location, pointer, keyword: "verdict", class: Class::Disagreement, message }
}

/// A verdict that would take too much work is a refusal.
pub(super) fn exhausted(location: Location, pointer: String) -> Violation {
    let message = "would take more work to check than is allowed".into();
    Violation { location, pointer, keyword: "budget", class: Class::ConstraintViolation, message }
}
