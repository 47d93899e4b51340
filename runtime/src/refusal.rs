//! Requests that are not forwarded: what the client is told, and by which name operators find it.

use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::json;

use crate::body::BodyError;
use crate::gate::fault::Fault;
use crate::reply::Reply;
use crate::upstream::Failure;

/// Why a request ends here.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) stage: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) status: u16,
    pub(crate) detail: Option<&'static str>,
    /// The policy's own answer, where it gives one.
    pub(crate) answer: Option<Box<Answer>>,
    /// The connection cannot be used any more.
    pub(crate) close: bool,
}

/// Headers and body that a policy answers with.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    pub(crate) body: Bytes,
}

impl Refusal {
    pub(crate) const fn new(stage: &'static str, reason: &'static str, status: u16) -> Self {
        Self { stage, reason, status, detail: None, answer: None, close: false }
    }

    pub(crate) const fn saying(mut self, detail: &'static str) -> Self {
        self.detail = Some(detail);
        self
    }

    /// The framing of the connection is in doubt.
    pub(crate) fn framing(fault: Fault) -> Self {
        Self { close: true, ..Self::new("framing", fault.reason(), fault.status()).saying(fault.detail()) }
    }

    /// There is more to do than can be done.
    pub(crate) const fn overload(reason: &'static str) -> Self {
        Self::new("overload", reason, 503).saying("the proxy is at a limit; try again soon")
    }

    /// No policy is loaded.
    pub(crate) const fn unready() -> Self {
        Self::new("runtime", "no_policy", 503).saying("no policy is loaded")
    }

    /// A defect of ours: a refusal, never a pass.
    pub(crate) const fn internal() -> Self {
        Self::new("runtime", "internal", 500).saying("an internal error; please report it")
    }

    /// The client's body could not be read.
    pub(crate) fn body(error: &BodyError, fault: Option<Fault>) -> Self {
        match (fault, error) {
            (Some(fault), _) => Self::framing(fault),
            (None, BodyError::TooLarge) => {
                Self { close: true, ..Self::new("body", "too_large", 413).saying("the body is too large") }
            }
            (None, BodyError::NoMemory) => Self { close: true, ..Self::overload("buffer_memory") },
            (None, BodyError::Broken(_) | BodyError::Trailers) => {
                Self { close: true, ..Self::new("body", "broken", 400).saying("the body broke off") }
            }
        }
    }

    /// No origin has answered.
    pub(crate) fn upstream(failure: Failure, fault: Option<Fault>) -> Self {
        match (fault, failure) {
            (Some(fault), Failure::Client) => Self::framing(fault),
            (_, Failure::NoOrigin) => Self::new("upstream", "no_origin", 502).saying("the API has no origin"),
            (_, Failure::Connect) => {
                Self::new("upstream", "connect", 502).saying("no origin could be reached")
            }
            (_, Failure::Broken) => {
                Self::new("upstream", "broken", 502).saying("the origin gave no valid response")
            }
            (_, Failure::Doubted(why)) => Self::new("upstream", "answer", 502).saying(why),
            (_, Failure::Timeout) => Self::new("upstream", "timeout", 504).saying("the origin took too long"),
            (_, Failure::Busy) => Self::overload("upstream_connections"),
            (_, Failure::TooLarge) => Self::body(&BodyError::TooLarge, fault),
            (None, Failure::Client) => {
                Self { close: true, ..Self::new("body", "broken", 400).saying("the body broke off") }
            }
        }
    }

    /// The response, with a problem document (RFC 9457) unless the policy has an answer of its own.
    pub(crate) fn response(&self, id: &str) -> Response<Reply> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::new(Reply::whole(match &self.answer {
            Some(answer) => answer.body.clone(),
            None => self.problem(status, id).into(),
        }));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if let Some(answer) = &self.answer {
            for (name, value) in &answer.headers {
                // What no header can hold (a line break from a request) is left out, never written.
                if let Ok(value) = HeaderValue::from_bytes(value) {
                    headers.append(header::HeaderName::from_static(name), value);
                }
            }
        } else {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if self.status == 503 {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    fn problem(&self, status: StatusCode, id: &str) -> String {
        let mut problem = json!({
            "type": format!("urn:shield:{}:{}", self.stage, self.reason),
            "title": status.canonical_reason().unwrap_or("Refused"),
            "status": status.as_u16(),
        });
        if let (Some(detail), Some(members)) = (self.detail, problem.as_object_mut()) {
            members.insert("detail".into(), detail.into());
        }
        if let Some(members) = problem.as_object_mut() {
            members.insert("instance".into(), format!("urn:shield:request:{id}").into());
        }
        problem.to_string()
    }
}
