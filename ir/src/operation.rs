//! What a request to an endpoint, and the answer to it, must look like: the normal form of an OpenAPI operation.

use serde::{Deserialize, Serialize};

use crate::schema::{NodeId, Plan};

/// One operation of an API document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its `operationId`.
    pub id: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Whether the document calls it deprecated.
    pub deprecated: bool,
    /// Path, query, header and cookie parameters, sorted by location and name.
    pub parameters: Vec<Parameter>,
    /// Its request body, where it declares one.
    pub body: Option<Body>,
    /// Its responses, the most specific status first.
    pub responses: Vec<Response>,
    /// Which schemes satisfy it: one of these sets. Empty where it is public.
    pub security: Vec<Vec<Requirement>>,
}

/// A security scheme that must be satisfied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Requirement {
    /// Its name in the document.
    pub scheme: String,
    /// What kind of credential it asks for.
    pub kind: SchemeKind,
    /// The scopes or roles that it asks for.
    pub scopes: Vec<String>,
}

/// Kinds of credentials, with where they stand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SchemeKind {
    /// A key in a parameter of this location and name.
    ApiKey(Location, String),
    /// `Authorization: Basic`.
    Basic,
    /// `Authorization: Bearer`, `OAuth` 2 and `OpenID` Connect included.
    Bearer,
    /// A client certificate.
    MutualTls,
    /// Another HTTP authentication scheme, or one that the document does not define.
    Other,
}

/// Where a parameter, or a violation, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Location {
    /// A variable of the path.
    Path,
    /// The query string.
    Query,
    /// A header.
    Header,
    /// A cookie.
    Cookie,
    /// The body.
    Body,
}

impl Location {
    /// Its word in documents, problems and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
            Self::Body => "body",
        }
    }
}

/// One parameter, or one response header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name; in lower case where it is a header.
    pub name: String,
    /// Where it is.
    pub location: Location,
    /// Whether it must be there.
    pub required: bool,
    /// How its value is written.
    pub encoding: Encoding,
    /// What its value must satisfy.
    pub schema: NodeId,
}

/// How a value is written in a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// By `style` and `explode`.
    Style {
        /// The style.
        style: Style,
        /// Whether items and members are written apart.
        explode: bool,
        /// Whether reserved characters may stand unescaped.
        allow_reserved: bool,
        /// Whether an empty value is one.
        allow_empty: bool,
    },
    /// As a text of a media type that is JSON.
    Json,
    /// As a text of another media type.
    Text,
}

impl Encoding {
    /// Whether a value without any text is one.
    pub fn allows_empty(&self) -> bool {
        matches!(self, Self::Style { allow_empty: true, .. })
    }
}

/// The styles of OpenAPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Style {
    /// `a,b` in paths and headers.
    Simple,
    /// `.a.b` in paths.
    Label,
    /// `;name=a` in paths.
    Matrix,
    /// `name=a` in queries and cookies.
    Form,
    /// `name=a%20b` in queries.
    SpaceDelimited,
    /// `name=a|b` in queries.
    PipeDelimited,
    /// `name[key]=a` in queries.
    DeepObject,
}

impl Style {
    /// Its name in a document.
    pub fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Label => "label",
            Self::Matrix => "matrix",
            Self::Form => "form",
            Self::SpaceDelimited => "spaceDelimited",
            Self::PipeDelimited => "pipeDelimited",
            Self::DeepObject => "deepObject",
        }
    }
}

/// A request body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// Whether there must be one.
    pub required: bool,
    /// What it may be.
    pub contents: Vec<Content>,
}

/// What a body of one media type must look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The media type or range, in lower case without white space: `application/json`, `text/*`.
    pub media_type: String,
    /// The parameters that the document gives it, in lower case.
    pub media_parameters: Vec<(String, String)>,
    /// What it must satisfy, where the document says.
    pub schema: Option<NodeId>,
    /// How properties of a form or a multipart body are written, sorted by name.
    pub fields: Vec<Field>,
}

/// How a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ContentKind {
    /// As one JSON text.
    Json,
    /// As `application/x-www-form-urlencoded`.
    Form,
    /// As `multipart/form-data` or another multipart type.
    Multipart,
    /// As one string.
    Text,
    /// Not at all: only its size matters.
    Opaque,
}

impl ContentKind {
    /// How a body of that media type (`type/subtype`, in lower case) is read.
    pub fn of(media_type: &str) -> Self {
        let Some((kind, subtype)) = media_type.split_once('/') else { return Self::Opaque };
        let json = subtype == "json" || subtype.ends_with("+json");
        match kind {
            "application" | "text" | "image" | "model" if json => Self::Json,
            "application" if subtype == "x-www-form-urlencoded" => Self::Form,
            "multipart" => Self::Multipart,
            "text" if !matches!(subtype, "xml" | "html" | "css" | "javascript") => Self::Text,
            _ => Self::Opaque,
        }
    }
}

/// How one property of a form or multipart body is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The property.
    pub name: String,
    /// Its style in a form.
    pub encoding: Encoding,
    /// Whether the document says that style, which then goes before its content type.
    pub styled: bool,
    /// The media types that its part may have, where the document says.
    pub content_types: Vec<String>,
    /// The headers of its part.
    pub headers: Vec<Parameter>,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// For which statuses.
    pub status: Status,
    /// Its headers.
    pub headers: Vec<Parameter>,
    /// What its body may be; empty where the document says nothing of a body.
    pub contents: Vec<Content>,
}

/// The statuses that a response is for; the order is that of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Status {
    /// This one.
    Code(u16),
    /// `2XX`: all of this hundred.
    Class(u8),
    /// Every status that no other response is for.
    Default,
}

impl Status {
    /// Whether a response of this status is meant.
    pub fn covers(self, status: u16) -> bool {
        match self {
            Self::Code(code) => code == status,
            Self::Class(class) => u16::from(class) == status / 100,
            Self::Default => true,
        }
    }
}

impl Operation {
    /// Every schema that it names, so that decoded bytes can be checked against the plan.
    pub fn verify(&self, plan: &Plan) -> bool {
        let contents = self
            .body
            .iter()
            .flat_map(|body| &body.contents)
            .chain(self.responses.iter().flat_map(|response| &response.contents));
        let fields =
            contents.clone().flat_map(|content| content.fields.iter().flat_map(|field| &field.headers));
        let headers = self.responses.iter().flat_map(|response| &response.headers);
        self.parameters.iter().chain(headers).chain(fields).all(|parameter| plan.has(parameter.schema))
            && contents.filter_map(|content| content.schema).all(|schema| plan.has(schema))
    }
}
