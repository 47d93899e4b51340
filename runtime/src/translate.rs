//! Between hyper and the engine: the only file that names both.

use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use hyper::http::response;

use crate::listen::client::Client;
use crate::record::Record;
use crate::refusal::Refusal;
use crate::snapshot::Snapshot;

/// Stub.
#[derive(Debug)]
pub(crate) struct Permit {
    target: String,
}

impl Permit {
    pub(crate) fn api(&self) -> usize {
        0
    }
    pub(crate) fn target(&self) -> &str {
        &self.target
    }
    pub(crate) fn edit_request(&self, _headers: &mut HeaderMap) {}
}

/// What is to be done after the head.
#[derive(Debug)]
pub(crate) enum Step {
    Forward(Permit),
    Body(u64),
}

/// One exchange while it is judged.
#[derive(Debug)]
pub(crate) struct Judging<'a> {
    parts: &'a Parts,
}

impl<'a> Judging<'a> {
    pub(crate) fn begin(_snapshot: &'a Snapshot, parts: &'a Parts, _client: &Client, _record: &Record) -> Result<Self, Refusal> {
        Ok(Self { parts })
    }

    fn permit(&self) -> Permit {
        Permit { target: self.parts.uri.path_and_query().map_or("/".into(), ToString::to_string) }
    }

    pub(crate) fn head(&mut self, _record: &mut Record) -> Result<Step, Refusal> {
        match self.parts.uri.path() {
            "/blocked" => Err(Refusal::new("rules", "blocked", 403)),
            "/panic" => std::panic::panic_any("x"),
            "/inspected" => Ok(Step::Body(1 << 20)),
            _ => Ok(Step::Forward(self.permit())),
        }
    }

    pub(crate) fn body(&mut self, _bytes: &[u8], _record: &mut Record) -> Result<Permit, Refusal> {
        Ok(self.permit())
    }

    pub(crate) fn wants_response_body(&self) -> bool {
        false
    }

    pub(crate) fn response(&mut self, _parts: &mut response::Parts, _body: Option<&[u8]>, _record: &mut Record) -> Result<(), Refusal> {
        Ok(())
    }
}
