//! The way to the origin and back: the request as it is sent on, and the origin's answer as the client gets it.

use std::borrow::Cow;
use std::rc::Rc;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::response;
use hyper::http::uri::PathAndQuery;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Response, Version};
use shield_engine::token::Pass;
use shield_engine::{HeaderEdit, Permit};

use crate::body::BodyError;
use crate::client::X_FORWARDED_FOR;
use crate::hop::{self, Trust};
use crate::listen::client::Client;
use crate::record::Record;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::trace::Trace;
use crate::translate;
use crate::tunnel::{self, Ends, Wish};
use crate::upstream::{Changed, Framing, write_headers};
use crate::worker::Worker;

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// A request as the origin gets it: written anew from what was judged.
#[derive(Debug)]
pub(crate) struct Onward<'a> {
    parts: &'a Parts,
    client: &'a Client,
    wish: Option<&'a Wish>,
    trace: Trace,
    target: Cow<'a, PathAndQuery>,
    /// What HTTP/2 calls the authority.
    host: Option<HeaderValue>,
    edits: Vec<HeaderEdit>,
}

impl<'a> Onward<'a> {
    pub(crate) fn new(
        permit: &Permit<'_>,
        parts: &'a Parts,
        client: &'a Client,
        wish: Option<&'a Wish>,
        record: &Record,
    ) -> Result<Self, Refusal> {
        let authority = parts.uri.authority().filter(|_| parts.version >= Version::HTTP_2);
        let host = authority.map(|authority| HeaderValue::from_str(authority.as_str()));
        // What is sent on as it came has been taken apart already.
        let came = parts.uri.path_and_query().filter(|came| came.as_str().as_bytes() == permit.target());
        let target = match came {
            Some(came) => Cow::Borrowed(came),
            None => Cow::Owned(PathAndQuery::try_from(permit.target()).map_err(|_| Refusal::internal())?),
        };
        Ok(Self {
            parts,
            client,
            wish,
            trace: record.trace,
            target,
            host: host.transpose().map_err(|_| Refusal::internal())?,
            edits: permit.headers().to_vec(),
        })
    }

    /// Writes the head for one try, and tells which trailers may follow. There is hardly ever a second try, so that no
    /// head is kept to be copied.
    pub(crate) fn write(&self, framing: Framing, out: &mut Vec<u8>) -> Vec<HeaderName> {
        let mut headers = hop::request(&self.parts.headers, self.client.trust);
        if let Some(host) = &self.host {
            headers.insert(header::HOST, host.clone());
        }
        forwarded_for(&mut headers, self.client);
        self.trace.apply(&mut headers);
        translate::edit(&mut headers, &self.edits);
        if let Some(wish) = self.wish {
            wish.apply(&mut headers);
        }
        let method = &self.parts.method;
        for part in [method.as_str(), " ", self.target.as_str(), " HTTP/1.1\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        write_headers(out, &headers);
        match framing {
            // Some origins will not have a request of these without being told that nothing follows.
            Framing::None if matches!(*method, Method::POST | Method::PUT | Method::PATCH) => {
                out.extend_from_slice(b"content-length: 0\r\n");
            }
            Framing::None => {}
            Framing::Length(length) => {
                out.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
            }
            Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        }
        out.extend_from_slice(b"\r\n");
        if framing != Framing::Chunked {
            return Vec::new();
        }
        let mut trailers = hop::trailers(&self.parts.headers, self.client.trust);
        // What the policy has said is not said again behind the body.
        trailers.retain(|name| !self.edits.iter().any(|edit| *edit.name == *name.as_str()));
        trailers
    }
}

/// Says whom the request comes from: after the hops that a trusted proxy has named, or alone.
fn forwarded_for(headers: &mut HeaderMap, client: &Client) {
    let chain = match client.trust {
        Trust::Proxy => headers
            .get_all(X_FORWARDED_FOR)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect::<Vec<_>>()
            .join(&b", "[..]),
        Trust::Nobody => Vec::new(),
    };
    let value = if chain.is_empty() {
        Some(client.peer_text.clone())
    } else {
        HeaderValue::from_bytes(&[&chain, client.peer_text.as_bytes()].join(&b", "[..])).ok()
    };
    if let Some(value) = value {
        headers.insert(X_FORWARDED_FOR, value);
    }
    if client.trust == Trust::Nobody || !headers.contains_key(X_FORWARDED_PROTO) {
        let scheme = if client.tls.is_some() { "https" } else { "http" };
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    }
}

/// Changes the protocol, when the origin agrees to what the client has asked for.
pub(crate) fn switch(
    (worker, client): (&Rc<Worker>, &Rc<Client>),
    mut answer: response::Parts,
    (upstream, passes): (Changed, Vec<Pass>),
    change: Option<(Wish, OnUpgrade)>,
) -> Result<Response<Reply>, Refusal> {
    let agreed = answer.headers.get(header::UPGRADE).cloned();
    let Some((wish, downstream)) = change.filter(|(wish, _)| wish.agrees(agreed.as_ref())) else {
        return Err(Refusal::new("upstream", "unasked_upgrade", 502));
    };
    let frames = wish.frames(&answer.headers, worker.shared.settings.websocket_message);
    hop::response(&mut answer.headers);
    wish.apply(&mut answer.headers);
    tunnel::open(worker, client, &wish, Ends { down: downstream, up: upstream, frames, passes });
    Ok(Response::from_parts(answer, Reply::whole("")))
}

/// An answer that must be seen and could not be read.
pub(crate) fn unread(error: &BodyError) -> Refusal {
    match error {
        BodyError::NoMemory => Refusal::overload("buffer_memory"),
        BodyError::TooLarge | BodyError::Broken(_) | BodyError::Trailers => {
            Refusal::new("upstream", "response_body", 502).saying("the answer broke off")
        }
    }
}

/// Makes of an answer's headers what the client gets.
pub(crate) fn homeward(headers: &mut HeaderMap, edits: &[HeaderEdit]) {
    hop::response(headers);
    translate::edit(headers, edits);
}
