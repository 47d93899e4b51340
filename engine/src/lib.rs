//! Turns a bundle into a policy and judges exchanges; no sockets, no clock, no threads.
//!
//! ```text
//! Bundle ──load──► Policy ──judge──► Permit | Denial
//!                    ▲
//! Head ──────────► Exchange          (canonical: the only spelling that rules see and the upstream gets)
//! ```
//!
//! ```
//! use std::net::{IpAddr, Ipv4Addr};
//! use shield_engine::{Backend, Canonical, Exchange, Head, Headers, Limits, Policy, Step};
//! use shield_ir::{Bundle, Digest};
//!
//! let policy = Policy::load(Bundle::default(), Digest([0; 32]), Backend::Interpreter).unwrap();
//! let headers = Headers::new(vec![(b"host", b"Example.com")]).unwrap();
//! let head = Head { target: b"/a/%7Ejane?x=1", headers, ..Head::default() };
//! let canonical = Canonical::of(&head, &Limits::default()).unwrap();
//! let mut exchange = Exchange::new(&canonical);
//! let Ok(Step::Forward(permit)) = policy.judge_head(&mut exchange) else { unreachable!() };
//! assert_eq!(permit.target(), b"/a/~jane?x=1");
//! ```

pub mod builtins;
mod callers;
pub mod certificate;
pub mod constants;
pub mod denial;
pub mod event;
pub mod exchange;
pub mod facts;
pub mod geo;
pub mod glob;
pub mod interp;
mod jit;
mod matcher;
pub mod pipeline;
pub mod policy;
pub mod router;
pub mod schema;
mod stages;
mod stopwatch;
#[cfg(test)]
mod testing;
pub mod token;
pub mod value;
pub mod verdict;

pub use certificate::{Certificate, ClientAuth, Standing};
pub use denial::{Denial, Document, Reason, Violation};
pub use event::{Cited, Event, Finder, Kind};
pub use exchange::{Canonical, Exchange, Head, Headers, Limits, PathPolicy, ResponseHead, Version};
pub use facts::Facts;
pub use jit::JitError;
pub use policy::{Backend, ClifError, LoadError, Policy, clif};
pub use stopwatch::{Lap, Stopwatch};
pub use value::Value;
pub use verdict::{Change, HeaderEdit, Permit, ResponseEdits, Step};
