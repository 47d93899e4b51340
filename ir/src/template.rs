//! Path templates, parsed: what a router matches and what a document's path says.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A path template: `/pets/{petId}`, `/files/{name}.{ext}`, `/f/{rest*}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Template {
    /// What stands between the slashes.
    pub segments: Vec<Segment>,
}

/// One segment of a template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Segment {
    /// These characters.
    Literal(String),
    /// Any text that is not empty.
    Variable(String),
    /// Literals and variables in turn: at least one of each.
    Mixed(Vec<Piece>),
    /// Everything that is left of the path, at least one character; only as the last segment.
    Rest(String),
}

/// A part of a mixed segment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Piece {
    /// These characters.
    Literal(String),
    /// Some text that is not empty.
    Variable(String),
}

/// Why a text is not a path template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It does not start with `/`.
    #[error("a path starts with `/`")]
    NoSlash,
    /// `{` without `}`, or the reverse, or one inside another.
    #[error("the braces of a path variable do not pair up")]
    Braces,
    /// `{}`.
    #[error("a path variable has no name")]
    NoName,
    /// `{a}{b}`.
    #[error("two path variables touch, so nothing says where one ends")]
    Touching,
    /// `{a}/{a}`.
    #[error("a path names the same variable twice")]
    Twice,
    /// `{rest*}` before the end.
    #[error("`{{name*}}` takes the rest of the path and must stand last, alone in its segment")]
    RestNotLast,
    /// `?` or `#` in a path.
    #[error("a path has no `?` or `#`")]
    NotPath,
}

impl Template {
    /// Reads a template. A trailing slash is a last, empty segment.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let path = text.strip_prefix('/').ok_or(TemplateError::NoSlash)?;
        let segments: Vec<Segment> = split(path)?.into_iter().map(segment).collect::<Result<_, _>>()?;
        let rest_early = segments.iter().rev().skip(1).any(|segment| matches!(segment, Segment::Rest(_)));
        if rest_early {
            return Err(TemplateError::RestNotLast);
        }
        let template = Self { segments };
        let mut names: Vec<&str> = template.variables().collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(TemplateError::Twice);
        }
        Ok(template)
    }

    /// The names of its variables, from left to right.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().flat_map(Segment::variables)
    }

    /// The same template behind a base path.
    #[must_use]
    pub fn under(&self, base: &Self) -> Self {
        let mut segments = base.segments.clone();
        if segments.last().is_some_and(|last| *last == Segment::Literal(String::new())) {
            segments.pop();
        }
        segments.extend(self.segments.iter().cloned());
        Self { segments }
    }

    /// The template with every variable called the same: two that are equal so match the same paths.
    #[must_use]
    pub fn shape(&self) -> Self {
        Self { segments: self.segments.iter().map(Segment::shape).collect() }
    }

    /// Whether decoding may have left something that [`Template::parse`] would not: empty names, a rest that is
    /// not last, touching variables.
    pub fn verify(&self) -> Result<(), TemplateError> {
        Self::parse(&self.to_string())
            .and_then(|parsed| if parsed == *self { Ok(()) } else { Err(TemplateError::Braces) })
    }
}

impl Segment {
    fn variables(&self) -> Vec<&str> {
        match self {
            Self::Literal(_) => Vec::new(),
            Self::Variable(name) | Self::Rest(name) => vec![name],
            Self::Mixed(pieces) => pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Variable(name) => Some(name.as_str()),
                    Piece::Literal(_) => None,
                })
                .collect(),
        }
    }

    fn shape(&self) -> Self {
        match self {
            Self::Literal(text) => Self::Literal(text.clone()),
            Self::Variable(_) => Self::Variable("x".into()),
            Self::Rest(_) => Self::Rest("x".into()),
            Self::Mixed(pieces) => Self::Mixed(
                pieces
                    .iter()
                    .map(|piece| match piece {
                        Piece::Literal(text) => Piece::Literal(text.clone()),
                        Piece::Variable(_) => Piece::Variable("x".into()),
                    })
                    .collect(),
            ),
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segments.iter().try_for_each(|segment| write!(f, "/{segment}"))
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(text),
            Self::Variable(name) => write!(f, "{{{name}}}"),
            Self::Rest(name) => write!(f, "{{{name}*}}"),
            Self::Mixed(pieces) => pieces.iter().try_for_each(|piece| match piece {
                Piece::Literal(text) => f.write_str(text),
                Piece::Variable(name) => write!(f, "{{{name}}}"),
            }),
        }
    }
}

/// Splits at slashes outside braces.
fn split(path: &str) -> Result<Vec<&str>, TemplateError> {
    let (mut segments, mut start, mut inside) = (Vec::new(), 0, false);
    for (at, byte) in path.bytes().enumerate() {
        match byte {
            b'{' if inside => return Err(TemplateError::Braces),
            b'}' if !inside => return Err(TemplateError::Braces),
            b'{' | b'}' => inside = !inside,
            b'/' if !inside => {
                segments.extend(path.get(start..at));
                start = at + 1;
            }
            b'?' | b'#' if !inside => return Err(TemplateError::NotPath),
            _ => {}
        }
    }
    if inside {
        return Err(TemplateError::Braces);
    }
    segments.extend(path.get(start..));
    Ok(segments)
}

fn segment(text: &str) -> Result<Segment, TemplateError> {
    let mut pieces = Vec::new();
    let mut left = text;
    while !left.is_empty() {
        let (literal, variable) = left.split_once('{').map_or((left, None), |(a, b)| (a, Some(b)));
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        let Some(variable) = variable else { break };
        let (name, after) = variable.split_once('}').ok_or(TemplateError::Braces)?;
        if name.is_empty() || name == "*" {
            return Err(TemplateError::NoName);
        }
        if matches!(pieces.last(), Some(Piece::Variable(_))) {
            return Err(TemplateError::Touching);
        }
        pieces.push(Piece::Variable(name.to_owned()));
        left = after;
    }
    Ok(match pieces.as_slice() {
        [] => Segment::Literal(String::new()),
        [Piece::Literal(text)] => Segment::Literal(text.clone()),
        [Piece::Variable(name)] => match name.strip_suffix('*') {
            Some(rest) => Segment::Rest(rest.to_owned()),
            None => Segment::Variable(name.clone()),
        },
        _ if pieces.iter().any(|piece| matches!(piece, Piece::Variable(name) if name.ends_with('*'))) => {
            return Err(TemplateError::RestNotLast);
        }
        _ => Segment::Mixed(pieces),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_read_and_write_alike() {
        for text in ["/", "/a", "/a/", "/a/{b}", "/a/{b}.json", "/{a}-{b}/c", "/f/{rest*}", "//a", "/v1:{x}"]
        {
            let template = Template::parse(text).unwrap();
            assert_eq!(template.to_string(), text);
            assert_eq!(template.verify(), Ok(()));
        }
    }

    #[test]
    fn malformed_templates_are_refused() {
        for (text, error) in [
            ("a", TemplateError::NoSlash),
            ("/{", TemplateError::Braces),
            ("/}", TemplateError::Braces),
            ("/{}", TemplateError::NoName),
            ("/{a}{b}", TemplateError::Touching),
            ("/{a}/{a}", TemplateError::Twice),
            ("/{a*}/b", TemplateError::RestNotLast),
            ("/x{a*}", TemplateError::RestNotLast),
            ("/a?b=c", TemplateError::NotPath),
        ] {
            assert_eq!(Template::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_base_path_joins_without_a_double_slash() {
        let template = Template::parse("/pets/{id}").unwrap();
        for (base, whole) in [("/", "/pets/{id}"), ("/v1", "/v1/pets/{id}"), ("/v1/", "/v1/pets/{id}")] {
            assert_eq!(template.under(&Template::parse(base).unwrap()).to_string(), whole);
        }
    }
}
