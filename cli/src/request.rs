//! Requests as data: the JSON that `eval`, `test`, `explain` and `replay` take, and entries of HAR files.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::Value as Json;
use shield_engine::{Canonical, Denial, Exchange, Head, Headers, Limits, ResponseHead, Value, Version};
use shield_ir::{FieldId, Type};

use crate::value;

/// The members of a request.
const KNOWN: &[&str] =
    &["method", "url", "http_version", "headers", "body", "client_ip", "time", "response", "fields"];

/// A request, and what it cannot show.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Scheme, host, path and query.
    pub url: String,
    /// `1.0`, `1.1`, `2` or `3`.
    pub version: String,
    /// Headers in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// The client's address.
    pub client: IpAddr,
    /// When it is received, in milliseconds since 1970.
    pub time: u64,
    /// Facts that a request cannot show, by field.
    pub fields: BTreeMap<FieldId, Value<'static>>,
    /// Facts under names that no table knows, in order.
    pub declared: Vec<(String, Type, Value<'static>)>,
    /// What the upstream answers.
    pub response: Option<Response>,
    /// Whether the data says anything about fields at all.
    pub has_fields: bool,
}

/// What the upstream answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Headers in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            url: "https://example.com/".to_owned(),
            version: "1.1".to_owned(),
            headers: Vec::new(),
            body: None,
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            time: 0,
            fields: BTreeMap::new(),
            declared: Vec::new(),
            response: None,
            has_fields: false,
        }
    }
}

impl Request {
    /// The request in a JSON document; what is wrong with it in words.
    pub fn from_json(json: &Json) -> Result<Self, String> {
        let members = json.as_object().ok_or("a request is a JSON object")?;
        if let Some(request) = members.get("request").filter(|inner| inner.is_object()) {
            return Self::from_har(request, json);
        }
        if let Some(other) = members.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            return Err(format!("a request has no member `{other}`; known are {}", KNOWN.join(", ")));
        }
        let mut request = Self {
            method: text(json, "method")?.ok_or("a request has a `method`")?,
            url: text(json, "url")?.ok_or("a request has a `url`")?,
            headers: headers(json.get("headers"))?,
            body: body(json.get("body"))?,
            ..Self::default()
        };
        if let Some(version) = text(json, "http_version")? {
            request.version = version;
        }
        if let Some(client) = text(json, "client_ip")? {
            request.client = client.parse().map_err(|_| format!("`client_ip`: `{client}` is no address"))?;
        }
        if let Some(time) = text(json, "time")? {
            request.time = milliseconds(&time)?;
        }
        if let Some(response) = json.get("response") {
            request.response = Some(Response::from_json(response)?);
        }
        if let Some(fields) = json.get("fields") {
            request.fields(fields)?;
        }
        Ok(request)
    }

    fn from_har(har: &Json, entry: &Json) -> Result<Self, String> {
        let post = har.get("postData").and_then(|post| post.get("text"));
        let mut request = Self {
            method: text(har, "method")?.ok_or("a request has a `method`")?,
            url: text(har, "url")?.ok_or("a request has a `url`")?,
            headers: headers(har.get("headers"))?
                .into_iter()
                .filter(|(name, _)| !name.starts_with(':'))
                .collect(),
            body: body(post)?,
            ..Self::default()
        };
        if let Some(version) = text(har, "httpVersion")? {
            version
                .to_ascii_lowercase()
                .trim_start_matches("http/")
                .trim_start_matches('h')
                .clone_into(&mut request.version);
        }
        if let Some(time) = text(entry, "startedDateTime")? {
            request.time = milliseconds(&time)?;
        }
        if let Some(response) = entry.get("response").filter(|response| response.is_object()) {
            let content = response.get("content").and_then(|content| content.get("text"));
            request.response = Some(Response {
                status: status(response)?,
                headers: headers(response.get("headers"))?,
                body: body(content)?.unwrap_or_default(),
            });
        }
        Ok(request)
    }

    fn fields(&mut self, fields: &Json) -> Result<(), String> {
        self.has_fields = true;
        for (name, json) in fields.as_object().ok_or("`fields` is an object")? {
            let Some(field) = FieldId::find(name) else {
                let ty =
                    value::type_of(json).ok_or_else(|| format!("`{name}`: no field has such a value"))?;
                let value = value::from_json(json, ty)
                    .ok_or_else(|| format!("`{name}`: its parts have several types"))?;
                self.declared.push((name.clone(), ty, value));
                continue;
            };
            let ty = field.row().ty;
            let value =
                value::from_json(json, ty).ok_or_else(|| format!("`{name}` is {ty}, `{json}` is not"))?;
            self.fields.insert(field, value);
        }
        Ok(())
    }

    /// Hands the canonical form of this request's head to `f`; a request that has none is refused.
    pub fn with_canonical<T>(
        &self,
        limits: &Limits,
        f: impl FnOnce(&Canonical<'_>) -> T,
    ) -> Result<T, Box<Denial>> {
        let (tls, target, authority) = self.parts();
        let mut headers: Vec<(&[u8], &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())).collect();
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"host")) {
            headers.insert(0, (b"host", authority.as_bytes()));
        }
        let head = Head {
            method: self.method.as_bytes(),
            target: target.as_bytes(),
            version: self.version(),
            tls,
            headers: Headers::new(headers).map_err(Box::new)?,
            client: self.client,
            server: SocketAddr::from((Ipv4Addr::LOCALHOST, if tls { 443 } else { 80 })),
            received_at: self.time,
            seed: [0; 16],
            request_id: "0000000000000000",
        };
        let canonical = Canonical::of(&head, limits).map_err(Box::new)?;
        Ok(f(&canonical))
    }

    /// What is judged: the head, and what fields and declared names were given.
    pub fn exchange<'e>(&'e self, canonical: &'e Canonical<'e>) -> Exchange<'e> {
        let mut exchange = Exchange::new(canonical);
        exchange.with_fields(self.fields.clone());
        exchange.with_declared(self.declared.iter().map(|(_, _, value)| Some(value.clone())).collect());
        exchange
    }

    /// The body, as far as it is inspected, and the answer become part of the exchange.
    pub fn complete<'e>(&'e self, exchange: &mut Exchange<'e>) {
        if let Some(body) = &self.body {
            exchange.set_body(body, false);
        }
        if let Some(response) = &self.response {
            exchange.set_response(response.head());
        }
    }

    /// Whether it comes over TLS, its target, and its authority.
    fn parts(&self) -> (bool, String, String) {
        let tls = !self.url.starts_with("http://");
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let rest = rest.split('#').next().unwrap_or_default();
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(at);
        let slash = if target.starts_with('/') { "" } else { "/" };
        (tls, format!("{slash}{target}"), authority.to_owned())
    }

    fn version(&self) -> Version {
        match self.version.trim_start_matches("HTTP/") {
            "1.0" => Version::Http10,
            "2" | "2.0" => Version::Http2,
            "3" | "3.0" => Version::Http3,
            _ => Version::Http11,
        }
    }
}

impl Response {
    /// As the engine takes it.
    pub fn head(&self) -> ResponseHead<'_> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())).collect();
        ResponseHead { status: self.status, headers, ttfb_ms: 0, edge_ms: 0 }
    }

    fn from_json(json: &Json) -> Result<Self, String> {
        Ok(Self {
            status: status(json)?,
            headers: headers(json.get("headers"))?,
            body: body(json.get("body"))?.unwrap_or_default(),
        })
    }
}

fn text(json: &Json, member: &str) -> Result<Option<String>, String> {
    match json.get(member) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("`{member}` is a string")),
    }
}

fn status(json: &Json) -> Result<u16, String> {
    let status = json.get("status").and_then(Json::as_u64).and_then(|status| u16::try_from(status).ok());
    status.ok_or_else(|| "`response` has a `status`".to_owned())
}

fn body(json: Option<&Json>) -> Result<Option<Vec<u8>>, String> {
    match json {
        None | Some(Json::Null) => Ok(None),
        Some(json) => {
            value::bytes(json).map(Some).ok_or_else(|| "`body` is a string or {\"base64\": \"…\"}".to_owned())
        }
    }
}

/// Headers as pairs, as HAR's objects, or as one object.
fn headers(json: Option<&Json>) -> Result<Vec<(String, Vec<u8>)>, String> {
    let wrong = || "`headers` is a list of [name, value] pairs".to_owned();
    match json {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::Object(members)) => members
            .iter()
            .map(|(name, value)| Ok((name.clone(), value::bytes(value).ok_or_else(wrong)?)))
            .collect(),
        Some(Json::Array(pairs)) => pairs.iter().map(|pair| header(pair).ok_or_else(wrong)).collect(),
        Some(Json::Bool(_) | Json::Number(_) | Json::String(_)) => Err(wrong()),
    }
}

/// One header, as a pair or as HAR's object.
fn header(json: &Json) -> Option<(String, Vec<u8>)> {
    let (name, value) = match json.as_array().map(Vec::as_slice) {
        Some([name, value]) => (name, value),
        Some(_) => return None,
        None => (json.get("name")?, json.get("value")?),
    };
    Some((name.as_str()?.to_owned(), value::bytes(value)?))
}

/// A time of RFC 3339 in milliseconds since 1970.
fn milliseconds(time: &str) -> Result<u64, String> {
    let parsed = humantime::parse_rfc3339_weak(time).map_err(|error| format!("`time`: `{time}`: {error}"))?;
    let since = parsed
        .duration_since(std::time::UNIX_EPOCH)
        .map_err(|_| format!("`time`: `{time}` is before 1970"))?;
    Ok(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
