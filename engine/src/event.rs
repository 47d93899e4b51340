//! What an exchange leaves behind for the log: findings, enforced or not.

use shield_ir::identity::LimitId;
use shield_ir::policy::{Origin, RuleId};

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

/// An item of a policy that finds something; [`crate::Policy::cite`] knows its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finder {
    /// A rule.
    Rule(RuleId),
    /// A limit.
    Limit(LimitId),
    /// A demand for certificates, by its place among all.
    Certificate(u32),
}

/// An item by name and place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cited<'p> {
    /// Its name.
    pub name: &'p str,
    /// Where it stands.
    pub origin: &'p Origin,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What became of it.
    pub kind: Kind,
    /// What was found; it knows its stage.
    pub reason: Reason,
    /// What found it, where that is an item.
    pub by: Option<Finder>,
    /// What broke a schema.
    pub violations: Vec<Violation>,
    /// More, where there is more to say; never a value of the exchange.
    pub detail: Option<Box<str>>,
}

impl Event {
    /// A finding without more.
    pub const fn new(kind: Kind, reason: Reason) -> Self {
        Self { kind, reason, by: None, violations: Vec::new(), detail: None }
    }

    /// What a denial is, or would have been, in the log.
    pub fn of(kind: Kind, denial: &Denial) -> Self {
        Self { kind, reason: denial.reason, by: denial.by, violations: denial.all_violations(), detail: None }
    }

    /// An item's finding.
    pub const fn by(kind: Kind, reason: Reason, finder: Finder) -> Self {
        Self { kind, reason, by: Some(finder), violations: Vec::new(), detail: None }
    }
}
