//! Request bodies and responses: media types, their schemas, the fields of forms.

use shield_ir::operation::{Body, Content, ContentKind, Field, Parameter, Response, Status, Style};

use super::Reader;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::schema::library::Loc;
use crate::schema::tree::At;
use crate::source::Span;

const FORM_STYLES: &[Style] = &[Style::Form, Style::SpaceDelimited, Style::PipeDelimited, Style::DeepObject];

impl Reader<'_> {
    pub(super) fn request_body(&mut self, loc: Loc) -> Option<Body> {
        let loc = self.follow(loc)?;
        let at = self.at(loc);
        let required = at.get("required").and_then(At::as_bool).unwrap_or(false);
        let content = self.child(loc, "content");
        let contents = content.map(|content| self.contents(content)).unwrap_or_default();
        if content.is_none_or(|content| self.at(content).members().next().is_none()) {
            // Generators write an empty `content` for an operation without a body.
            if content.is_some() && !required {
                return None;
            }
            self.error(at.span(), "a request body names at least one media type in its `content`");
        }
        Some(Body { required, contents })
    }

    pub(super) fn responses(&mut self, operation: Loc) -> Vec<Response> {
        let Some(list) = self.child(operation, "responses") else { return Vec::new() };
        let mut responses = Vec::new();
        for (name, span, value) in self.at(list).members() {
            if name.starts_with("x-") {
                continue;
            }
            let Some(status) = status(name) else {
                let message = format!("`{name}` is not a status");
                let help = "a status is `200`, `2XX` or `default`";
                self.compiler.diagnostics.push(Diagnostic::new(codes::E0503, span, message).help(help));
                continue;
            };
            let Some(loc) = self.follow(Loc { document: list.document, ix: value.ix }) else { continue };
            let headers = self.headers(loc);
            let contents =
                self.child(loc, "content").map(|content| self.contents(content)).unwrap_or_default();
            responses.push(Response { status, headers, contents });
        }
        responses.sort_by_key(|response| response.status);
        responses
    }

    fn headers(&mut self, owner: Loc) -> Vec<Parameter> {
        let Some(list) = self.child(owner, "headers") else { return Vec::new() };
        let members: Vec<_> = self.at(list).members().collect();
        let mut headers: Vec<Parameter> = members
            .into_iter()
            .filter_map(|(name, _, value)| self.header(name, Loc { document: list.document, ix: value.ix }))
            .collect();
        headers.sort_by(|a, b| a.name.cmp(&b.name));
        headers
    }

    fn contents(&mut self, list: Loc) -> Vec<Content> {
        let mut contents = Vec::new();
        for (name, span, value) in self.at(list).members() {
            let loc = Loc { document: list.document, ix: value.ix };
            let Some((media_type, media_parameters)) = media_type(name) else {
                self.error(span, format!("`{name}` is not a media type"));
                continue;
            };
            let schema = self.child(loc, "schema").map(|schema| self.compiler.schema(schema));
            self.remark_opaque(&media_type, span, loc);
            self.remark_nameless(&media_type, span, loc);
            let fields = self.fields(loc);
            contents.push(Content { media_type, media_parameters, schema, fields });
        }
        contents
    }

    /// A schema of what is not read at all is said to be so.
    fn remark_opaque(&mut self, media_type: &str, span: Span, loc: Loc) {
        if ContentKind::of(media_type) != ContentKind::Opaque || media_type.contains('*') {
            return;
        }
        let Some(schema) = self.child(loc, "schema").and_then(|schema| self.follow(schema)) else { return };
        let at = self.at(schema);
        let says_nothing = at.members().all(|(name, _, value)| match name {
            "type" => value.as_str() == Some("string"),
            "format" => matches!(value.as_str(), Some("binary" | "byte")),
            "contentMediaType" | "contentEncoding" | "description" | "title" | "example" | "maxLength" => {
                true
            }
            _ => name.starts_with("x-"),
        });
        if !says_nothing {
            let message = format!(
                "bodies of `{media_type}` cannot be read, so the schema is enforced as far as strings go"
            );
            let help = "leave the schema out to let such bodies pass without being looked at";
            self.compiler.diagnostics.push(Diagnostic::new(codes::W0501, span, message).help(help));
        }
    }

    /// Only the parts of a form are sure to have names, by which they are members of an object.
    fn remark_nameless(&mut self, media_type: &str, span: Span, loc: Loc) {
        let multipart = ContentKind::of(media_type) == ContentKind::Multipart;
        let schema = self.child(loc, "schema").filter(|_| multipart && media_type != "multipart/form-data");
        let Some(schema) = schema.and_then(|schema| self.follow(schema)) else { return };
        if self.at(schema).get("properties").is_some() {
            let message = format!(
                "a part of `{media_type}` is the member that its `content-disposition` names; one without a name is refused"
            );
            let help =
                "write `type: array` for parts in order, or leave the schema out to let all parts pass";
            self.compiler.diagnostics.push(Diagnostic::new(codes::W0501, span, message).help(help));
        }
    }

    fn fields(&mut self, content: Loc) -> Vec<Field> {
        let Some(list) = self.child(content, "encoding") else { return Vec::new() };
        let members: Vec<_> = self.at(list).members().collect();
        let mut fields = Vec::new();
        for (name, _, value) in members {
            let loc = Loc { document: list.document, ix: value.ix };
            let types = value.get("contentType").and_then(At::as_str).unwrap_or_default();
            let content_types = types.split(',').map(|text| text.trim().to_ascii_lowercase());
            let content_types = content_types.filter(|text| !text.is_empty()).collect();
            let headers = self.headers(loc);
            let Some(encoding) = self.style(value, FORM_STYLES) else { continue };
            let styled = ["style", "explode", "allowReserved"].iter().any(|name| value.get(name).is_some());
            fields.push(Field { name: name.to_owned(), encoding, styled, content_types, headers });
        }
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        fields
    }
}

fn status(name: &str) -> Option<Status> {
    if name == "default" {
        return Some(Status::Default);
    }
    let class = name.as_bytes().first().filter(|digit| matches!(digit, b'1'..=b'5'))?;
    if name.len() == 3 && name.to_ascii_uppercase().ends_with("XX") {
        return Some(Status::Class(class - b'0'));
    }
    let code = (name.len() == 3).then(|| name.parse().ok()).flatten()?;
    Some(Status::Code(code))
}

/// A media type and its parameters, in lower case.
fn media_type(text: &str) -> Option<(String, Vec<(String, String)>)> {
    let mut parts = text.split(';');
    let essence = parts.next()?.trim().to_ascii_lowercase();
    let (kind, subtype) = essence.split_once('/')?;
    if kind.is_empty() || subtype.is_empty() || essence.contains([' ', ',']) {
        return None;
    }
    let mut parameters: Vec<(String, String)> = parts
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| {
            (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"').to_ascii_lowercase())
        })
        .collect();
    parameters.sort();
    Some((essence, parameters))
}
