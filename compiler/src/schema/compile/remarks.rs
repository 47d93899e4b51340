//! What a schema says that is not enforced.

use super::Compiler;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::names::nearest;
use crate::schema::dialect::Dialect;
use crate::schema::tree::At;

/// Every keyword that is enforced or says nothing about validity, with the dialects that know it.
const KNOWN: &[(&str, u8)] = &[
    ("$anchor", NEW),
    ("$comment", ANY),
    ("$defs", ANY),
    ("$dynamicAnchor", NEW),
    ("$dynamicRef", NEW),
    ("$id", NEW),
    ("$ref", ANY),
    ("$schema", ANY),
    ("$vocabulary", NEW),
    ("additionalProperties", ANY),
    ("allOf", ANY),
    ("anyOf", ANY),
    ("const", NEW),
    ("contains", NEW),
    ("default", ANY),
    ("definitions", ANY),
    ("dependencies", NEW),
    ("dependentRequired", NEW),
    ("dependentSchemas", NEW),
    ("deprecated", ANY),
    ("description", ANY),
    ("discriminator", ANY),
    ("else", NEW),
    ("enum", ANY),
    ("example", ANY),
    ("examples", ANY),
    ("exclusiveMaximum", ANY),
    ("exclusiveMinimum", ANY),
    ("externalDocs", ANY),
    ("format", ANY),
    ("id", ANY),
    ("if", NEW),
    ("items", ANY),
    ("maxContains", NEW),
    ("maxItems", ANY),
    ("maxLength", ANY),
    ("maxProperties", ANY),
    ("maximum", ANY),
    ("minContains", NEW),
    ("minItems", ANY),
    ("minLength", ANY),
    ("minProperties", ANY),
    ("minimum", ANY),
    ("multipleOf", ANY),
    ("not", ANY),
    ("nullable", OLD),
    ("oneOf", ANY),
    ("pattern", ANY),
    ("patternProperties", NEW),
    ("prefixItems", NEW),
    ("properties", ANY),
    ("propertyNames", NEW),
    ("readOnly", ANY),
    ("required", ANY),
    ("then", NEW),
    ("title", ANY),
    ("type", ANY),
    ("unevaluatedItems", NEW),
    ("unevaluatedProperties", NEW),
    ("uniqueItems", ANY),
    ("writeOnly", ANY),
    ("xml", ANY),
];

/// Known to OpenAPI 3.0.
const OLD: u8 = 1;
/// Known to OpenAPI 3.1.
const NEW: u8 = 2;
const ANY: u8 = OLD | NEW;

/// Formats that say how a string is shown or that any bytes are fine.
const SILENT_FORMATS: &[&str] = &["binary", "password", "", "string"];

/// What may stand beside a reference without saying anything about validity.
const HARMLESS: &[&str] = &["$ref", "description", "summary", "title", "example", "default", "deprecated"];

impl Compiler<'_> {
    /// Remarks on keywords of an OpenAPI document that nothing here enforces.
    pub(super) fn remarks(&mut self, at: At<'_>, dialect: Dialect) {
        if !self.options.remark || !dialect.is_openapi() {
            return;
        }
        let bit = if dialect == Dialect::OpenApi30 { OLD } else { NEW };
        for (name, span, _) in at.members() {
            if name.starts_with("x-") {
                continue;
            }
            let row =
                KNOWN.binary_search_by_key(&name, |(known, _)| known).ok().and_then(|row| KNOWN.get(row));
            let message = match row {
                Some((_, dialects)) if dialects & bit != 0 => continue,
                Some(_) if dialect == Dialect::OpenApi30 => {
                    format!("`{name}` is not a keyword of OpenAPI 3.0 and is not enforced")
                }
                Some(_) => format!("`{name}` is not a keyword of OpenAPI 3.1 and is not enforced"),
                None => format!("`{name}` is not enforced"),
            };
            let mut remark = Diagnostic::new(codes::W0501, span, message);
            if name == "nullable" {
                remark = remark.help("write `type: [\"…\", \"null\"]`");
            } else if row.is_some() {
                remark = remark.help("write `openapi: 3.1.0` to have it");
            } else if let Some(known) = nearest(name, KNOWN.iter().map(|(known, _)| *known)) {
                remark = remark.help(format!("did you mean `{known}`?"));
            }
            self.diagnostics.push(remark);
        }
    }

    /// Remarks on keywords beside a `$ref` that hides them.
    pub(super) fn remark_hidden(&mut self, at: At<'_>) {
        if !self.options.remark {
            return;
        }
        for (name, span, _) in at.members() {
            if HARMLESS.contains(&name) || name.starts_with("x-") {
                continue;
            }
            let message =
                format!("`{name}` beside `$ref` is not enforced: OpenAPI 3.0 ignores what stands there");
            let help = "put the `$ref` into an `allOf` of its own";
            self.diagnostics.push(Diagnostic::new(codes::W0501, span, message).help(help));
        }
    }

    pub(super) fn remark_format(&mut self, name: &str, value: At<'_>) {
        if self.options.remark && !SILENT_FORMATS.contains(&name) {
            let message = format!("the format `{name}` is not enforced");
            let help = "say it with `pattern`, or leave it";
            self.diagnostics.push(Diagnostic::new(codes::W0501, value.span(), message).help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keywords_are_sorted() {
        assert!(KNOWN.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
