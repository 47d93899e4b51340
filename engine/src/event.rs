//! What an exchange leaves behind for the log: findings, enforced or not.

use std::sync::Arc;

use shield_ir::policy::Origin;

use crate::denial::{Denial, Reason, Violation};

/// What became of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It was asked to be recorded.
    Log,
    /// It ended the exchange.
    Block,
    /// It would have ended it, were it not in shadow mode.
    WouldBlock,
    /// Something that should have been looked at could not be.
    NotInspected,
}

impl Kind {
    /// Its name in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Block => "block",
            Self::WouldBlock => "would_block",
            Self::NotInspected => "not_inspected",
        }
    }
}

/// A rule, or another item that finds something, by name and place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cited {
    /// Its name.
    pub name: Box<str>,
    /// Where it stands.
    pub origin: Origin,
}

impl Cited {
    /// For denials and events to share.
    pub(crate) fn shared(name: &str, origin: &Origin) -> Arc<Self> {
        Arc::new(Self { name: name.into(), origin: origin.clone() })
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What became of it.
    pub kind: Kind,
    /// What was found; it knows its stage.
    pub reason: Reason,
    /// The rule that found it.
    pub rule: Option<Arc<Cited>>,
    /// What broke a schema.
    pub violations: Vec<Violation>,
    /// More, where there is more to say; never a value of the exchange.
    pub detail: Option<Box<str>>,
}

impl Event {
    /// A finding without more.
    pub const fn new(kind: Kind, reason: Reason) -> Self {
        Self { kind, reason, rule: None, violations: Vec::new(), detail: None }
    }

    /// What a denial is, or would have been, in the log.
    pub fn of(kind: Kind, denial: &Denial) -> Self {
        Self {
            kind,
            reason: denial.reason,
            rule: denial.rule().cloned(),
            violations: denial.violations().to_vec(),
            detail: None,
        }
    }

    /// A rule's finding.
    pub const fn by(kind: Kind, reason: Reason, rule: Arc<Cited>) -> Self {
        Self { kind, reason, rule: Some(rule), violations: Vec::new(), detail: None }
    }
}
