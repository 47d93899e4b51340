//! Which JSON Schema a document speaks.

use super::tree::At;

/// A dialect of JSON Schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// JSON Schema 2020-12, and 2019-09 where the two agree.
    Draft202012,
    /// JSON Schema draft 4.
    Draft4,
    /// The schema object of OpenAPI 3.0.
    OpenApi30,
    /// The schema object of OpenAPI 3.1: 2020-12 with a vocabulary of its own.
    OpenApi31,
}

/// Names of dialects in `$schema`, by what they contain.
const NAMES: &[(&str, Dialect)] = &[
    ("json-schema.org/draft/2020-12/schema", Dialect::Draft202012),
    ("json-schema.org/draft/2019-09/schema", Dialect::Draft202012),
    ("json-schema.org/draft-04/schema", Dialect::Draft4),
    ("spec.openapis.org/oas/3.1/dialect", Dialect::OpenApi31),
];

impl Dialect {
    /// The dialect that an OpenAPI document's version names.
    pub(super) fn of_document(root: At<'_>) -> Self {
        let version = root.get("openapi").and_then(At::as_str).unwrap_or("3.1");
        if version.starts_with("3.0") {
            return Self::OpenApi30;
        }
        match root.get("jsonSchemaDialect").and_then(At::as_str).and_then(Self::named) {
            Some(Self::Draft4 | Self::OpenApi30) => Self::OpenApi30,
            Some(Self::Draft202012 | Self::OpenApi31) | None => Self::OpenApi31,
        }
    }

    /// The dialect that a schema's `$schema` names, where it is one we know.
    pub(super) fn of_schema(root: At<'_>) -> Option<Self> {
        Self::named(root.get("$schema").and_then(At::as_str)?)
    }

    /// The dialect of that URI.
    pub fn named(uri: &str) -> Option<Self> {
        let uri = uri.trim_end_matches('#');
        NAMES.iter().find(|(name, _)| uri.ends_with(name)).map(|(_, dialect)| *dialect)
    }

    /// Whether it is of the family of draft 4: `$ref` hides its siblings, exclusive bounds are flags.
    pub(super) fn is_draft4(self) -> bool {
        matches!(self, Self::Draft4 | Self::OpenApi30)
    }

    /// Whether it is one of OpenAPI, where schemas have a direction.
    pub(super) fn is_openapi(self) -> bool {
        matches!(self, Self::OpenApi30 | Self::OpenApi31)
    }
}
