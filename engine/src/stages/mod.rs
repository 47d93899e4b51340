//! One file for each protection; `pipeline` says when they run.

pub(crate) mod body;
pub(crate) mod endpoint;
pub(crate) mod host;
pub(crate) mod limits;
pub(crate) mod mtls;
pub(crate) mod rules;
pub(crate) mod schema;
pub(crate) mod session;
pub(crate) mod token;
