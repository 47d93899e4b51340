//! Requests and responses against an operation: the door to everything in this folder.

use std::borrow::Cow;

use shield_ir::operation::{Encoding, Location, Operation, Parameter, SchemeKind, Status, Style};
use shield_ir::schema::{Direction, NodeId, TypeSet};

use super::body::{BodyCheck, Contents, fault};
use super::code::{self, Code};
use super::parameters::{Check, Prepared, Raw, key_path};
use super::shape::Others;
use super::text::{self, Pair, PairsError};
use super::validators::Validators;
use super::violation::{Class, Violation, escape};
use crate::jit::JitError;

/// An operation, ready to judge requests and responses.
#[derive(Clone, Debug)]
pub struct Judge {
    operation: Operation,
    parameters: Vec<Prepared>,
    contents: Contents,
    responses: Vec<Answer>,
}

/// A declared response.
#[derive(Clone, Debug)]
struct Answer {
    status: Status,
    headers: Vec<Prepared>,
    contents: Contents,
}

/// The parts of a request that schemas speak of, as they stand in its canonical form.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parts<'a> {
    /// Path variables by name, still percent-encoded.
    pub path: &'a [(&'a str, &'a str)],
    /// The query string without `?`, still percent-encoded.
    pub query: &'a str,
    /// Headers, names in any case.
    pub headers: &'a [(&'a [u8], &'a [u8])],
    /// The body, where it is known.
    pub body: Option<&'a [u8]>,
}

/// The parts of a response that schemas speak of.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResponseParts<'a> {
    /// Its status.
    pub status: u16,
    /// Headers, names in any case.
    pub headers: &'a [(&'a [u8], &'a [u8])],
    /// The body, where it is known.
    pub body: Option<&'a [u8]>,
}

/// Headers that clients and proxies send without being asked, which no document declares.
const USUAL_HEADERS: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "dnt",
    "expect",
    "forwarded",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "max-forwards",
    "origin",
    "pragma",
    "priority",
    "range",
    "referer",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
];

impl Judge {
    /// Makes an operation ready. Its schemas are those of the validators' plan.
    pub fn new(validators: &Validators, operation: Operation) -> Self {
        let plan = validators.plan();
        let prepare = |parameters: &[Parameter]| -> Vec<Prepared> {
            parameters.iter().map(|parameter| Prepared::new(plan, parameter)).collect()
        };
        let parameters = prepare(&operation.parameters);
        let declared = operation.body.as_ref().map(|body| body.contents.clone()).unwrap_or_default();
        let responses = operation.responses.iter().map(|response| Answer {
            status: response.status,
            headers: prepare(&response.headers),
            contents: Contents::new(validators, response.contents.clone()),
        });
        let responses = responses.collect();
        Self { parameters, contents: Contents::new(validators, declared), responses, operation }
    }

    /// Makes native code for parameters and JSON bodies of requests and responses; the interpreter serves until it is there.
    pub fn compile(&self, validators: &Validators) -> Result<(), JitError> {
        self.schemas().try_for_each(|(direction, schemas)| code::compile(validators, direction, &schemas))
    }

    /// That code as cranelift's text, schema by schema.
    pub(crate) fn clif(&self, validators: &Validators) -> Result<Vec<String>, JitError> {
        let nodes = |schemas: &[(NodeId, &Code)]| schemas.iter().map(|(node, _)| *node).collect::<Vec<_>>();
        self.schemas().map(|(direction, schemas)| validators.clif(&nodes(&schemas), direction)).collect()
    }

    /// The schemas of requests and of each response, and where their code belongs.
    fn schemas(&self) -> impl Iterator<Item = (Direction, Vec<(NodeId, &Code)>)> {
        let answers = self.responses.iter();
        let answers = answers.map(|answer| (Direction::Response, &answer.headers, &answer.contents));
        let all = std::iter::once((Direction::Request, &self.parameters, &self.contents)).chain(answers);
        all.map(|(direction, parameters, contents)| {
            let own = parameters.iter().map(|prepared| (prepared.shape.node, &prepared.code));
            (direction, own.chain(contents.json()).collect())
        })
    }

    /// Judges all bodies of requests by this code, whatever their schemas are.
    #[cfg(test)]
    pub(crate) fn replace_code(&mut self, native: crate::jit::schema::Native) {
        self.contents.replace_code(Code::of(native));
    }

    /// The operation.
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// Whether requests may have a body that must be seen.
    pub fn reads_body(&self) -> bool {
        self.operation.body.is_some()
    }

    /// All that is wrong with a request.
    pub fn request(&self, validators: &Validators, parts: &Parts<'_>) -> Vec<Violation> {
        let mut out = self.head(validators, parts);
        out.extend(self.body(validators, parts));
        out
    }

    /// All that is wrong with a request's path, query, headers and cookies.
    pub fn head(&self, validators: &Validators, parts: &Parts<'_>) -> Vec<Violation> {
        let mut out = Vec::new();
        let check = Check { validators, direction: Direction::Request, siblings: &self.parameters };
        let query = query_pairs(parts, &mut out);
        let cookies = cookies(parts.headers);
        for prepared in &self.parameters {
            let name = prepared.parameter.name.as_str();
            match prepared.parameter.location {
                Location::Path => {
                    let value = parts.path.iter().find(|(known, _)| *known == name);
                    check.run(prepared, value.map(|(_, text)| Raw::Text { text, escaped: true }), &mut out);
                }
                Location::Query => check.run(prepared, Some(Raw::Pairs(&query)), &mut out),
                Location::Cookie => check.run(prepared, Some(Raw::Pairs(&cookies)), &mut out),
                Location::Header => check_header(check, prepared, parts.headers, &mut out),
                Location::Body => {}
            }
        }
        out
    }

    /// All that is wrong with a request's body.
    pub fn body(&self, validators: &Validators, parts: &Parts<'_>) -> Vec<Violation> {
        let mut out = Vec::new();
        let body = parts.body.unwrap_or_default();
        match (&self.operation.body, body.is_empty()) {
            (Some(declared), true) => {
                if declared.required {
                    out.push(fault("required", Class::MissingRequired, "a body is required".into()));
                }
            }
            (Some(_), false) => {
                let check = BodyCheck { validators, direction: Direction::Request, contents: &self.contents };
                check.run(&content_types(parts.headers), body, &mut out);
            }
            (None, _) => {}
        }
        out
    }

    /// What is wrong with every request of this head whose body begins like that of `parts`, where something is.
    pub fn beginning(&self, validators: &Validators, parts: &Parts<'_>) -> Option<Violation> {
        let check = BodyCheck { validators, direction: Direction::Request, contents: &self.contents };
        check.beginning(&content_types(parts.headers), parts.body?)
    }

    /// Query parameters, headers, cookies or a body that nothing declares, in this location.
    pub fn undeclared(&self, location: Location, parts: &Parts<'_>) -> Vec<Violation> {
        let names: Vec<String> = match location {
            Location::Query => {
                let pairs = text::pairs(parts.query).unwrap_or_default();
                pairs.into_iter().map(|pair| pair.name.into_owned()).collect()
            }
            Location::Cookie => {
                cookies(parts.headers).into_iter().map(|pair| pair.name.into_owned()).collect()
            }
            Location::Header => {
                // A name that is no text cannot be one that a document names.
                let own = parts.headers.iter().filter_map(|(name, _)| std::str::from_utf8(name).ok());
                let own = own.map(str::to_ascii_lowercase);
                own.filter(|name| !USUAL_HEADERS.contains(&name.as_str())).collect()
            }
            Location::Path => Vec::new(),
            Location::Body => {
                let undeclared =
                    self.operation.body.is_none() && parts.body.is_some_and(|body| !body.is_empty());
                let message = "no body is declared for this operation".into();
                return undeclared
                    .then(|| fault("undeclared", Class::UnsupportedMediaType, message))
                    .into_iter()
                    .collect();
            }
        };
        let unknown = names.into_iter().filter(|name| !self.declares(location, name));
        let violation = |name: String| {
            let mut pointer = String::from("/");
            escape(&name, &mut pointer);
            let message = "is not a parameter that is declared".into();
            Violation { location, pointer, keyword: "undeclared", class: Class::ConstraintViolation, message }
        };
        unknown.map(violation).collect()
    }

    fn declares(&self, location: Location, name: &str) -> bool {
        let credential =
            self.operation.security.iter().flatten().any(|requirement| match &requirement.kind {
                SchemeKind::ApiKey(place, known) => *place == location && known == name,
                SchemeKind::Basic | SchemeKind::Bearer | SchemeKind::MutualTls | SchemeKind::Other => false,
            });
        let own = self.parameters.iter().filter(|prepared| prepared.parameter.location == location);
        credential || own.into_iter().any(|prepared| claims(prepared, name))
    }

    /// Whether the credentials that one of the document's security requirements asks for are all there; what they
    /// are worth is for others to say.
    pub fn has_credentials(&self, parts: &Parts<'_>) -> bool {
        let sets = &self.operation.security;
        let given = |kind: &SchemeKind| match kind {
            SchemeKind::ApiKey(Location::Query, name) => {
                text::pairs(parts.query).unwrap_or_default().iter().any(|pair| pair.name == *name)
            }
            SchemeKind::ApiKey(Location::Cookie, name) => {
                cookies(parts.headers).iter().any(|pair| pair.name == *name)
            }
            SchemeKind::ApiKey(_, name) => values(parts.headers, name).next().is_some(),
            SchemeKind::Basic => authorization(parts.headers, "basic"),
            SchemeKind::Bearer => authorization(parts.headers, "bearer"),
            SchemeKind::Other => values(parts.headers, "authorization").next().is_some(),
            SchemeKind::MutualTls => true,
        };
        sets.is_empty() || sets.iter().any(|set| set.iter().all(|requirement| given(&requirement.kind)))
    }

    /// All that is wrong with a response.
    pub fn response(&self, validators: &Validators, parts: &ResponseParts<'_>) -> Vec<Violation> {
        let mut out = Vec::new();
        if self.responses.is_empty() {
            return out;
        }
        let Some(answer) = self.responses.iter().find(|answer| answer.status.covers(parts.status)) else {
            let message = format!("the status {} is not declared", parts.status);
            out.push(fault("responses", Class::ConstraintViolation, message));
            return out;
        };
        let check = Check { validators, direction: Direction::Response, siblings: &answer.headers };
        for prepared in &answer.headers {
            check_header(check, prepared, parts.headers, &mut out);
        }
        let body = parts.body.unwrap_or_default();
        // Answers to HEAD and these statuses have no body, whatever the document says.
        let bodiless = matches!(parts.status, 100..=199 | 204 | 205 | 304);
        if !answer.contents.list.is_empty() && !body.is_empty() && !bodiless {
            let check = BodyCheck { validators, direction: Direction::Response, contents: &answer.contents };
            check.run(&content_types(parts.headers), body, &mut out);
        }
        out
    }

    /// Whether responses of that status have a body that must be seen.
    pub fn reads_response(&self, status: u16) -> bool {
        let answer = self.responses.iter().find(|answer| answer.status.covers(status));
        answer.is_some_and(|answer| !answer.contents.list.is_empty())
    }
}

/// The pairs of the query; what is wrong with them is said.
fn query_pairs<'a>(parts: &Parts<'a>, out: &mut Vec<Violation>) -> Vec<Pair<'a>> {
    let (class, message) = match text::pairs(parts.query) {
        Ok(pairs) => return pairs,
        Err(PairsError::Encoding) => (Class::InvalidEncoding, "holds escapes that do not decode"),
        Err(PairsError::TooMany) => (Class::TooManyValues, "has too many parameters"),
    };
    let location = Location::Query;
    out.push(Violation {
        location,
        pointer: String::new(),
        keyword: "query",
        class,
        message: message.into(),
    });
    Vec::new()
}

/// Whether a name is a parameter's, or a part of one.
fn claims(prepared: &Prepared, name: &str) -> bool {
    if prepared.parameter.name == name {
        return true;
    }
    let Encoding::Style { style, explode, .. } = prepared.parameter.encoding else { return false };
    let object = prepared.shape.types.meets(TypeSet::OBJECT) && prepared.shape.types != TypeSet::ALL;
    match style {
        Style::DeepObject => key_path(name, &prepared.parameter.name).is_some(),
        Style::Form if explode && object => {
            let open = !matches!(prepared.shape.others, Others::Closed);
            open || prepared.shape.members.iter().any(|(known, _)| known == name)
        }
        Style::Form
        | Style::Simple
        | Style::Label
        | Style::Matrix
        | Style::SpaceDelimited
        | Style::PipeDelimited => false,
    }
}

fn check_header<'a>(
    check: Check<'a>,
    prepared: &'a Prepared,
    headers: &'a [(&'a [u8], &'a [u8])],
    out: &mut Vec<Violation>,
) {
    let values = values(headers, &prepared.parameter.name);
    let texts: Option<Vec<&str>> = values.map(|value| std::str::from_utf8(value).ok()).collect();
    let Some(texts) = texts else {
        let location = Location::Header;
        let pointer = super::parameters::pointer_of(&prepared.parameter);
        let message = "must be UTF-8".into();
        out.push(Violation {
            location,
            pointer,
            keyword: "encoding",
            class: Class::InvalidEncoding,
            message,
        });
        return;
    };
    match texts.as_slice() {
        [] => check.run(prepared, None, out),
        [one] => check.run(prepared, Some(Raw::Text { text: one, escaped: false }), out),
        several => {
            // Several lines of one header are one list (RFC 9110).
            let joined = several.join(",");
            let mut found = Vec::new();
            run_owned(check, prepared, &joined, &mut found);
            out.extend(found);
        }
    }
}

fn run_owned(check: Check<'_>, prepared: &Prepared, text: &str, out: &mut Vec<Violation>) {
    let check = Check { validators: check.validators, direction: check.direction, siblings: &[] };
    check.run(prepared, Some(Raw::Text { text, escaped: false }), out);
}

/// The values of a header, each line by itself.
fn values<'a>(headers: &'a [(&'a [u8], &'a [u8])], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let own = headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
    own.map(|(_, value)| *value)
}

fn content_types<'a>(headers: &'a [(&'a [u8], &'a [u8])]) -> Vec<&'a str> {
    values(headers, "content-type").map(|value| std::str::from_utf8(value).unwrap_or_default()).collect()
}

fn cookies<'a>(headers: &'a [(&'a [u8], &'a [u8])]) -> Vec<Pair<'a>> {
    let texts = values(headers, "cookie").map(|value| std::str::from_utf8(value).unwrap_or_default());
    texts.flat_map(text::cookies).collect()
}

fn authorization(headers: &[(&[u8], &[u8])], scheme: &str) -> bool {
    values(headers, "authorization").any(|value| {
        let text: Cow<'_, str> = String::from_utf8_lossy(value);
        text.split(' ').next().is_some_and(|found| found.eq_ignore_ascii_case(scheme))
    })
}
