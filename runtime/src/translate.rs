//! Between hyper and the engine: the only file that names both an exchange and hyper's messages.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use hyper::Version;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::response;
use shield_engine::Value;
use shield_engine::exchange::{DotSegments, EmptySegments, PathPolicy, Separators};
use shield_engine::token::{Pass, WantedKey};
use shield_engine::{
    Canonical, Change, ClientAuth, Denial, Exchange, Head, HeaderEdit, Headers, Limits, Policy, ResponseHead,
    Standing, Step, Stopwatch,
};
use shield_ir::FieldId;

use shield_state::{Op, Reply};

use crate::config::Settings;
use crate::gate::fault::Fault;
use crate::listen::client::{Client, TlsFacts};
use crate::record::{Place, Record, Span};
use crate::refusal::{Answer, Refusal};
use crate::spelling::{self, Spelling};

/// What a request's head may be at most, for the engine.
pub(crate) fn limits(settings: &Settings) -> Limits {
    Limits {
        target: settings.uri_size as usize,
        headers: settings.header_count,
        header_bytes: settings.header_size as usize,
        args: settings.query_arguments,
        path: PathPolicy {
            dot_segments: if settings.dot_segments == "resolve" {
                DotSegments::Resolve
            } else {
                DotSegments::Reject
            },
            empty_segments: match settings.empty_segments {
                "collapse" => EmptySegments::Collapse,
                "keep" => EmptySegments::Keep,
                _ => EmptySegments::Reject,
            },
            separators: if settings.separators == "keep" { Separators::Keep } else { Separators::Reject },
        },
    }
}

/// The target where it is not in the head as it stands: the absolute form.
pub(crate) fn absolute_target(parts: &Parts) -> Option<String> {
    (parts.version < Version::HTTP_2 && parts.uri.scheme().is_some()).then(|| parts.uri.to_string())
}

/// What is wrong with the headers of HTTP/2 that the library below lets pass (RFC 9113, sections 8.1.1 and 8.2.1); the
/// gate has looked at those of HTTP/1.
pub(crate) fn malformed(parts: &Parts) -> Option<Fault> {
    if parts.version < Version::HTTP_2 {
        return None;
    }
    let padded = |value: &HeaderValue| matches!(value.as_bytes(), [b' ' | b'\t', ..] | [.., b' ' | b'\t']);
    if parts.headers.values().any(padded) {
        return Some(Fault::HeaderValue);
    }
    (parts.headers.get_all(header::CONTENT_LENGTH).iter().nth(1).is_some()).then_some(Fault::ContentLength)
}

/// One exchange while it is judged.
#[derive(Debug)]
pub(crate) struct Judging<'e, 'a> {
    policy: &'a Policy,
    exchange: &'e mut Exchange<'a>,
}

/// What of a request the engine borrows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) parts: &'a Parts,
    /// How the names of headers were written, where that is asked.
    pub(crate) spelling: Option<&'a Spelling>,
    pub(crate) absolute: Option<&'a str>,
    pub(crate) id: &'a str,
    pub(crate) client: &'a Client,
    pub(crate) seed: [u8; 16],
    /// What the policy thinks of the client's certificate.
    pub(crate) standings: &'a [Standing],
    /// Times the stages, where that is wanted.
    pub(crate) stopwatch: Option<&'a Stopwatch>,
}

impl<'a> Asked<'a> {
    /// A request's head, or its refusal.
    pub(crate) fn head(self, record: &Record) -> Result<Head<'a>, Refusal> {
        let Self { parts, spelling, absolute, id, client, seed, .. } = self;
        let headers = Headers::new(headers(parts, spelling)).map_err(|denial| refusal(&denial, id))?;
        Ok(Head {
            method: parts.method.as_str().as_bytes(),
            target: absolute.unwrap_or_else(|| origin_form(parts)).as_bytes(),
            version: version(parts.version),
            tls: client.tls.is_some(),
            headers,
            client: record.client,
            server: client.local,
            received_at: record.unix_millis,
            seed,
            request_id: id,
        })
    }

    /// Its canonical form, or its refusal.
    pub(crate) fn canonical(self, head: &'a Head<'a>, limits: &Limits) -> Result<Canonical<'a>, Refusal> {
        Canonical::of(head, limits).map_err(|denial| refusal(&denial, self.id))
    }
}

impl<'e, 'a> Judging<'e, 'a> {
    /// Begins to judge a request.
    pub(crate) fn new(policy: &'a Policy, asked: Asked<'a>, exchange: &'e mut Exchange<'a>) -> Self {
        let Asked { client, standings, stopwatch, .. } = asked;
        if let Some(stopwatch) = stopwatch {
            exchange.set_stopwatch(stopwatch);
        }
        if let Some(tls) = &client.tls {
            exchange.with_fields(tls_fields(tls));
            exchange.set_client_auth(ClientAuth {
                server_name: tls.server_name.as_deref(),
                asked: tls.asked,
                certificate: tls.shown.as_ref().map(|shown| &shown.certificate),
                standings,
            });
        }
        Self { policy, exchange }
    }

    /// Judges the head.
    pub(crate) fn head(&mut self, record: &mut Record) -> Result<Step<'a>, Refusal> {
        let judged = self.policy.judge_head(self.exchange);
        self.told(judged, record, Span::Head)
    }

    /// The policy, and the key that the request's token names and that is not known yet.
    pub(crate) fn wanted(&self) -> Option<(&'a Policy, WantedKey)> {
        Some((self.policy, self.policy.tokens()?.wanted(self.exchange)?))
    }

    /// Judges by what the store has answered.
    pub(crate) fn replies(&mut self, replies: Vec<Reply>, record: &mut Record) -> Result<Step<'a>, Refusal> {
        let judged = self.policy.judge_replies(self.exchange, replies);
        self.told(judged, record, Span::State)
    }

    /// What the store is told in the end, whether there was an answer or not.
    pub(crate) fn settle(&mut self, answered: bool) -> Vec<Op> {
        self.policy.settle(self.exchange, answered)
    }

    /// Judges what has arrived of a body that is not whole yet.
    pub(crate) fn beginning(&mut self, bytes: &[u8], record: &mut Record) -> Result<(), Refusal> {
        let judged = self.policy.judge_beginning(self.exchange, bytes);
        if judged.is_ok() {
            return Ok(());
        }
        // The rest of the body is not waited for, so nothing can follow it.
        self.told(judged, record, Span::BodyWait).map_err(|refusal| Refusal { close: true, ..refusal })
    }

    /// Judges the body, whole or cut where `truncated`.
    pub(crate) fn body(
        &mut self,
        bytes: &'a [u8],
        truncated: bool,
        record: &mut Record,
    ) -> Result<Step<'a>, Refusal> {
        self.exchange.set_body(bytes, truncated);
        let judged = self.policy.judge_body(self.exchange);
        self.told(judged, record, Span::Body)
    }

    /// Shows the answer's head: how much of its body must be seen, where it must be.
    pub(crate) fn answer(
        &mut self,
        parts: &'a response::Parts,
        spelling: &'a Spelling,
        record: &Record,
    ) -> Option<u64> {
        if !self.policy.reads_answers() {
            return None;
        }
        let since_start = record.elapsed().as_millis() as i64;
        self.exchange.set_response(ResponseHead {
            status: parts.status.as_u16(),
            headers: spelling.spell(&parts.headers).collect(),
            ttfb_ms: since_start,
            edge_ms: since_start,
        });
        self.policy.response_needs(self.exchange).body
    }

    /// The tokens that have passed.
    pub(crate) fn passes(&self) -> Vec<Pass> {
        self.exchange.passes()
    }

    /// Shows the answer's body, whole or cut where `truncated`.
    pub(crate) fn answer_body(&mut self, bytes: &'a [u8], truncated: bool) {
        self.exchange.set_response_body(bytes, truncated);
    }

    /// Judges the answer: what is to be changed in it.
    pub(crate) fn response(&mut self, record: &mut Record) -> Result<Vec<HeaderEdit>, Refusal> {
        let judged = self.policy.judge_response(self.exchange);
        // Where nobody looks, there is nothing to tell, and no time that it took.
        let judged = if self.policy.reads_answers() {
            self.told(judged, record, Span::Answer)
        } else {
            judged.map_err(|denial| refusal(&denial, self.exchange.head().request_id))
        };
        judged.map(|edits| edits.headers().to_vec())
    }

    /// Passes a judgement on, and its findings to the record.
    fn told<T>(&mut self, judged: Result<T, Denial>, record: &mut Record, span: Span) -> Result<T, Refusal> {
        record.spend(span);
        record.findings.append(&mut self.exchange.take_events());
        if judged.is_err() || record.wants_place() {
            record.place = place(self.policy, self.exchange);
        }
        judged.map_err(|denial| refusal(&denial, self.exchange.head().request_id))
    }
}

/// What rules may ask about an encrypted connection, looked up once.
static TLS_FIELDS: LazyLock<[Option<FieldId>; 2]> =
    LazyLock::new(|| ["cf.tls_version", "cf.tls_cipher"].map(FieldId::find));

fn tls_fields(tls: &TlsFacts) -> BTreeMap<FieldId, Value<'_>> {
    let known = TLS_FIELDS.iter().flatten().zip([tls.version, &tls.cipher]);
    known.map(|(field, value)| (*field, Value::String(Cow::Borrowed(value.as_bytes())))).collect()
}

fn version(version: Version) -> shield_engine::exchange::Version {
    use shield_engine::exchange::Version as Known;
    match version {
        Version::HTTP_10 | Version::HTTP_09 => Known::Http10,
        Version::HTTP_2 => Known::Http2,
        Version::HTTP_3 => Known::Http3,
        _ => Known::Http11,
    }
}

fn origin_form(parts: &Parts) -> &str {
    parts.uri.path_and_query().map_or("", |target| target.as_str())
}

/// All headers in order; HTTP/2's `:authority` stands among them as the host, beside one that says something else.
fn headers<'a>(parts: &'a Parts, spelling: Option<&'a Spelling>) -> Vec<(&'a [u8], &'a [u8])> {
    let mut headers = Vec::with_capacity(parts.headers.len() + 1);
    if parts.version >= Version::HTTP_2
        && let Some(authority) = parts.uri.authority()
    {
        let differs =
            |host: &HeaderValue| !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes());
        let mut hosts = parts.headers.get_all(header::HOST).iter();
        let alone = hosts.next().is_none_or(differs) || hosts.next().is_some();
        if alone {
            headers.push((&b"host"[..], authority.as_str().as_bytes()));
        }
    }
    match spelling {
        Some(spelling) => headers.extend(spelling.spell(&parts.headers)),
        None => headers.extend(spelling::plain(&parts.headers)),
    }
    headers
}

fn place(policy: &Policy, exchange: &Exchange<'_>) -> Place {
    let endpoints = &policy.bundle().endpoints;
    Place {
        path: Some(exchange.path().to_vec()),
        api: exchange.api().and_then(|id| policy.api(id)).map(|api| api.name.clone()),
        endpoint: exchange
            .endpoint()
            .and_then(|id| endpoints.get(id.0 as usize))
            .map(shield_ir::policy::Endpoint::name),
    }
}

fn refusal(denial: &Denial, id: &str) -> Refusal {
    let document = denial.document(id);
    let reason = denial.reason.label().split_once(':').map_or("", |(_, reason)| reason);
    let answer = Answer { headers: document.headers, body: document.body.into() };
    Refusal { answer: Some(answer.into()), ..Refusal::new(denial.stage(), reason, document.status) }
}

/// Applies changes in order; a value that no header can hold changes nothing.
pub(crate) fn edit(headers: &mut HeaderMap, edits: &[HeaderEdit]) {
    for HeaderEdit { name, change } in edits {
        let Ok(name) = HeaderName::try_from(&**name) else { continue };
        match change {
            Change::Remove => drop(headers.remove(name)),
            Change::Set(value) => {
                if let Ok(value) = HeaderValue::from_bytes(value) {
                    headers.insert(name, value);
                }
            }
            Change::Add(value) => {
                if let Ok(value) = HeaderValue::from_bytes(value) {
                    headers.append(name, value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use shield_engine::Reason;

    use super::*;
    use crate::metrics::{self, Counters};

    #[test]
    fn a_disagreement_of_native_code_and_interpreter_is_counted_by_its_name() {
        let refusal = refusal(&Denial::from(Reason::Disagreement), "1");
        assert_eq!((refusal.stage, refusal.reason, refusal.status), ("schema", "disagreement", 400));
        let counters = std::sync::Arc::new(Counters::default());
        counters.denied(refusal.stage, refusal.reason);
        let text = metrics::render(&[counters], &metrics::Extra::new());
        assert!(
            text.contains("shield_denials_total{stage=\"schema\",reason=\"disagreement\"} 1\n"),
            "{text}"
        );
    }
}
