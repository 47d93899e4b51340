//! Refusals: why, with what status, and the document that the client gets.

use serde_json::{Map, json};
use shield_ir::policy::{BodyKind, Problems};

use crate::event::Finder;
pub use crate::schema::Violation;

macro_rules! reasons {
    ($($variant:ident $stage:literal $label:literal $status:literal $title:literal;)*) => {
        /// Why something was refused or recorded; its label is stable and stands in metrics and events.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $(#[doc = $title] $variant),*
        }

        impl Reason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The stage that finds it.
            pub const fn stage(self) -> &'static str {
                match self { $(Self::$variant => $stage),* }
            }

            /// `stage:reason`.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => concat!($stage, ":", $label)),* }
            }

            /// The status that it has where the policy says no other.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status),* }
            }

            /// One line for people.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),* }
            }
        }
    };
}

reasons! {
    Method          "request" "method"            400 "The method is malformed";
    Target          "request" "target"            400 "The request target is malformed";
    TargetTooLong   "request" "target_too_long"   414 "The request target is too long";
    PathEncoding    "request" "path_encoding"     400 "The path is not encoded as it must be";
    DotSegment      "request" "dot_segment"       400 "The path has a dot segment";
    EmptySegment    "request" "empty_segment"     400 "The path has an empty segment";
    Separator       "request" "separator"         400 "The path has an encoded or foreign separator";
    TooManyArgs     "request" "too_many_args"     400 "The query has too many arguments";
    HostMissing     "request" "host_missing"      400 "The host is missing";
    HostDuplicate   "request" "host_duplicate"    400 "The host is given twice";
    HostMalformed   "request" "host_malformed"    400 "The host is malformed";
    HostMismatch    "request" "host_mismatch"     400 "The host is not the target's";
    Header          "request" "header"            400 "A header is malformed";
    TooManyHeaders  "request" "too_many_headers"  431 "There are too many headers";
    HeadersTooLarge "request" "headers_too_large" 431 "The headers are too large";
    UnknownHost     "host"    "unknown"           421 "No API has this host";
    UnknownEndpoint "endpoint" "unknown"          404 "No endpoint has this path";
    UnknownMethod   "endpoint" "method"           405 "The endpoint does not have this method";
    SessionTwice    "session" "twice"             400 "The client identifies itself twice";
    TokenMissing    "token"   "missing"           401 "A token is needed";
    Token           "token"   "invalid"           401 "The token is not valid";
    TokenScope      "token"   "scope"             403 "The token does not allow this";
    Limit           "limits"  "exceeded"          429 "Too many requests";
    CertificateMissing "mtls" "missing"           403 "A client certificate is needed";
    Certificate     "mtls"    "invalid"           403 "The client certificate is not accepted";
    CertificateHost "mtls"    "host"              421 "The connection was made for another host";
    Rule            "rules"   "block"             403 "The request is refused";
    Redirect        "rules"   "redirect"          302 "The resource is elsewhere";
    RuleLog         "rules"   "log"               200 "A rule recorded the request";
    HeaderValue     "rules"   "header_value"      200 "A header value with line breaks was dropped";
    BodyTooLarge    "body"    "too_large"         413 "The body is too large to be inspected";
    BodyEncoding    "body"    "encoding"          415 "The body's content encoding cannot be inspected";
    Schema          "schema"  "request"           400 "The request does not fit the API's description";
    MediaType       "schema"  "media_type"        415 "The media type is not one of the endpoint's";
    ResponseSchema  "schema"  "response"          502 "The answer does not fit the API's description";
    ResponseTooLarge "schema" "response_too_large" 502 "The answer is too large to be inspected";
    Disagreement    "schema"  "disagreement"      400 "The message could not be judged, please report it";
    Internal        "internal" "fault"            500 "An internal fault, please report it";
}

/// What few denials have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct More {
    violations: Vec<Violation>,
    retry_after: Option<u64>,
    location: Option<Vec<u8>>,
    allow: Option<Box<str>>,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Option<(BodyKind, Box<str>)>,
}

/// A refusal. It is small and, where reason and item say it all, costs no allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub reason: Reason,
    /// The status of the answer.
    pub status: u16,
    /// What refuses, where that is an item.
    pub by: Option<Finder>,
    problems: Problems,
    more: Option<Box<More>>,
}

/// An answer that we write ourselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The status.
    pub status: u16,
    /// Headers, names in lower case; never `content-length`.
    pub headers: Vec<(&'static str, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl From<Reason> for Denial {
    fn from(reason: Reason) -> Self {
        Self { reason, status: reason.status(), by: None, problems: Problems::default(), more: None }
    }
}

impl Denial {
    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// Where the client is sent instead, if it is.
    pub fn location(&self) -> Option<&[u8]> {
        self.more.as_ref()?.location.as_deref()
    }

    /// With another status than the reason's own.
    #[must_use]
    pub const fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// By that item.
    #[must_use]
    pub const fn by(mut self, finder: Finder) -> Self {
        self.by = Some(finder);
        self
    }

    /// With these violations, told to the client as far as `problems` allows.
    #[must_use]
    pub fn with_violations(mut self, violations: Vec<Violation>, problems: Problems) -> Self {
        self.more().violations = violations;
        self.with_problems(problems)
    }

    /// With as much detail as `problems` allows.
    #[must_use]
    pub const fn with_problems(mut self, problems: Problems) -> Self {
        self.problems = problems;
        self
    }

    /// To be tried again after so many seconds.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u64) -> Self {
        self.more().retry_after = Some(seconds);
        self
    }

    /// With a place to go; what would end the header line is percent-encoded.
    #[must_use]
    pub fn with_location(mut self, to: &[u8]) -> Self {
        self.more().location = Some(one_line(to));
        self
    }

    /// With the methods that there are, separated by commas.
    #[must_use]
    pub fn with_allow(mut self, methods: &str) -> Self {
        self.more().allow = Some(methods.into());
        self
    }

    /// With another header, its name in lower case.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: Vec<u8>) -> Self {
        self.more().headers.push((name, value));
        self
    }

    /// With a body of the policy's own.
    #[must_use]
    pub fn with_body(mut self, kind: BodyKind, text: &str) -> Self {
        self.more().body = Some((kind, text.into()));
        self
    }

    /// The stage that refuses.
    pub const fn stage(&self) -> &'static str {
        self.reason.stage()
    }

    /// What breaks a schema.
    pub fn violations(&self) -> &[Violation] {
        self.more.as_ref().map_or(&[], |more| &more.violations)
    }

    /// The same, to keep.
    pub(crate) fn all_violations(&self) -> Vec<Violation> {
        self.more.as_ref().map_or_else(Vec::new, |more| more.violations.clone())
    }

    /// After how many seconds another try makes sense.
    pub fn retry_after(&self) -> Option<u64> {
        self.more.as_ref()?.retry_after
    }

    /// The answer to the client: the policy's own body, or an RFC 9457 problem document.
    pub fn document(&self, request_id: &str) -> Document {
        let mut headers = vec![("cache-control", b"no-store".to_vec())];
        let none = More::default();
        let more = self.more.as_deref().unwrap_or(&none);
        headers.extend(more.headers.iter().cloned());
        if let Some(location) = &more.location {
            headers.push(("location", location.clone()));
        }
        if let Some(seconds) = more.retry_after {
            headers.push(("retry-after", seconds.to_string().into_bytes()));
        }
        if let Some(allow) = &more.allow {
            headers.push(("allow", allow.as_bytes().to_vec()));
        }
        let body = match &more.body {
            _ if more.location.is_some() => Vec::new(),
            Some((kind, text)) => {
                headers.push(("content-type", media_type(*kind).into()));
                text.as_bytes().to_vec()
            }
            None => {
                headers.push(("content-type", b"application/problem+json".to_vec()));
                self.problem(more, request_id)
            }
        };
        Document { status: self.status, headers, body }
    }

    fn problem(&self, more: &More, request_id: &str) -> Vec<u8> {
        let mut members = Map::new();
        if self.problems != Problems::None {
            members.insert("type".into(), json!(format!("urn:shield:{}", self.reason.label())));
        }
        members.insert("title".into(), json!(self.reason.title()));
        members.insert("status".into(), json!(self.status));
        if self.problems != Problems::None {
            members.insert("instance".into(), json!(format!("urn:shield:request:{request_id}")));
            if !more.violations.is_empty() {
                let errors: Vec<_> =
                    more.violations.iter().map(|each| violation(each, self.problems)).collect();
                let detail = match errors.len() {
                    1 => "1 violation".to_owned(),
                    many => format!("{many} violations"),
                };
                members.insert("detail".into(), json!(detail));
                members.insert("errors".into(), errors.into());
            }
        }
        serde_json::Value::Object(members).to_string().into_bytes()
    }
}

fn violation(violation: &Violation, problems: Problems) -> serde_json::Value {
    let mut members = Map::new();
    members.insert("location".into(), json!(violation.location.name()));
    members.insert("pointer".into(), json!(violation.pointer));
    members.insert("class".into(), json!(violation.class.name()));
    if problems == Problems::Full {
        members.insert("keyword".into(), json!(violation.keyword));
        members.insert("message".into(), json!(violation.message));
    }
    members.into()
}

const fn media_type(kind: BodyKind) -> &'static [u8] {
    match kind {
        BodyKind::Json => b"application/json",
        BodyKind::Text => b"text/plain; charset=utf-8",
        BodyKind::Html => b"text/html; charset=utf-8",
    }
}

/// Without control characters, spaces and bytes that are not ASCII: they are percent-encoded.
fn one_line(text: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(text.len());
    for byte in text {
        if byte.is_ascii_graphic() {
            line.push(*byte);
        } else {
            line.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(denial: &Denial) -> String {
        String::from_utf8(denial.document("r1").body).unwrap()
    }

    #[test]
    fn labels_are_unique_and_begin_with_the_stage() {
        for (at, reason) in Reason::ALL.iter().enumerate() {
            assert!(reason.label().starts_with(reason.stage()));
            assert!(Reason::ALL[..at].iter().all(|before| before.label() != reason.label()));
        }
    }

    #[test]
    fn a_problem_document_tells_as_much_as_the_policy_allows() {
        let violation = Violation {
            location: crate::schema::Location::Body,
            pointer: "/name".into(),
            keyword: "minLength",
            class: crate::schema::Class::ConstraintViolation,
            message: "shorter than 3".into(),
        };
        let denial =
            |problems| Denial::from(Reason::Schema).with_violations(vec![violation.clone()], problems);
        assert_eq!(
            text(&denial(Problems::Short)),
            r#"{"type":"urn:shield:schema:request","title":"The request does not fit the API's description","status":400,"instance":"urn:shield:request:r1","detail":"1 violation","errors":[{"location":"body","pointer":"/name","class":"constraint_violation"}]}"#
        );
        assert!(
            text(&denial(Problems::Full)).contains(r#""keyword":"minLength","message":"shorter than 3""#)
        );
        assert_eq!(
            text(&denial(Problems::None)),
            r#"{"title":"The request does not fit the API's description","status":400}"#
        );
    }

    #[test]
    fn a_location_cannot_split_the_response() {
        let denial = Denial::from(Reason::Redirect).with_location(b"/a\r\nset-cookie: x=1");
        let document = denial.document("r1");
        assert!(document.headers.contains(&("location", b"/a%0D%0Aset-cookie:%20x=1".to_vec())));
        assert!(document.body.is_empty());
    }

    #[test]
    fn a_policy_may_write_the_body_itself() {
        let document = Denial::from(Reason::Rule).with_body(BodyKind::Text, "no").document("r1");
        assert_eq!(document.body, b"no");
        assert!(document.headers.contains(&("content-type", b"text/plain; charset=utf-8".to_vec())));
    }
}
