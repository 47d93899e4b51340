//! What a judgement ends in when it is no denial: a permit to forward, edits of the answer.

use std::borrow::Cow;

use shield_ir::policy::{ApiId, EndpointId};
use shield_state::Op;

/// How a header is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This value in place of all there are.
    Set(Vec<u8>),
    /// This value beside those there are.
    Add(Vec<u8>),
    /// None.
    Remove,
}

/// A change of one header; edits are applied in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderEdit {
    /// The name, in lower case.
    pub name: Box<str>,
    /// How.
    pub change: Change,
}

/// What comes after the head has been judged.
#[derive(Debug)]
pub enum Step<'a> {
    /// The request may go upstream, its body unseen.
    Forward(Permit<'a>),
    /// The store must be asked first: give its answers to [`crate::Policy::judge_replies`].
    Ask(Vec<Op>),
    /// The body must be seen first: give it with [`crate::Exchange::set_body`] and judge it.
    Body {
        /// How many bytes to buffer at most; a longer body is given cut to this length and marked as truncated.
        max: u64,
    },
}

/// The right to send one request upstream. Only [`crate::pipeline`] makes one.
#[derive(Debug)]
pub struct Permit<'a> {
    pub(crate) api: Option<ApiId>,
    pub(crate) endpoint: Option<EndpointId>,
    pub(crate) target: Cow<'a, [u8]>,
    pub(crate) headers: Vec<HeaderEdit>,
}

impl Permit<'_> {
    /// The API whose upstream it goes to; none where the policy protects no API.
    pub const fn api(&self) -> Option<ApiId> {
        self.api
    }

    /// The endpoint that it is for.
    pub const fn endpoint(&self) -> Option<EndpointId> {
        self.endpoint
    }

    /// Path and query to send, in origin form (or `*`), rewrites applied.
    pub fn target(&self) -> &[u8] {
        &self.target
    }

    /// Changes of the request's headers, in order.
    pub fn headers(&self) -> &[HeaderEdit] {
        &self.headers
    }
}

/// What is changed in an answer, by rules of every phase.
#[derive(Debug, Default)]
pub struct ResponseEdits {
    pub(crate) headers: Vec<HeaderEdit>,
}

impl ResponseEdits {
    /// Changes of the answer's headers, in order.
    pub fn headers(&self) -> &[HeaderEdit] {
        &self.headers
    }
}
