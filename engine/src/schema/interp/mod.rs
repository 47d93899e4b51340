//! The reference meaning of a plan: one walk that answers whether a value is valid or lists all that is wrong.
//!
//! Listing only adds what the first verdict found to a list and goes on, so that the two cannot disagree. Work is
//! bounded by fuel, recursion by depth; when either is spent, nothing is decided.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "`Interp::keyword` and `Interp::mark` name every keyword; the functions below them read the kinds of their own"
)]

use std::collections::BTreeMap;

use shield_ir::schema::{Decimal, Direction, Keyword, NodeId, ResourceId};

use super::validators::Validators;
use super::value::{Document, Ix, Value};
use super::violation::{Class, Location, Step, Violation, pointer};

mod branches;
mod containers;
mod evaluated;
mod scalars;

/// Nodes inside nodes; one level of a body takes up to a handful.
const MAX_DEPTH: u32 = 512;
/// More violations are not listed.
const MAX_VIOLATIONS: usize = 100;

/// Neither valid nor invalid: the work that a verdict would take exceeds the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

/// A value in its place, and what it is judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub(super) validators: &'a Validators,
    pub(super) document: &'a Document<'a>,
    pub(super) direction: Direction,
    pub(super) location: Location,
    /// Stands before every pointer.
    pub(super) prefix: &'a str,
}

impl Subject<'_> {
    /// Whether the value is valid.
    pub(super) fn is_valid(self, node: NodeId, at: Ix) -> Result<bool, Exhausted> {
        let mut interp = Interp::new(self);
        let valid = interp.node(node, at, false);
        if interp.exhausted() { Err(Exhausted) } else { Ok(valid) }
    }

    /// All that is wrong with the value.
    pub(super) fn list(self, node: NodeId, at: Ix) -> Result<Vec<Violation>, Exhausted> {
        let mut interp = Interp::new(self);
        interp.node(node, at, true);
        if interp.exhausted() { Err(Exhausted) } else { Ok(interp.violations) }
    }
}

struct Interp<'a> {
    subject: Subject<'a>,
    document: &'a Document<'a>,
    fuel: u64,
    depth: u32,
    too_deep: bool,
    /// Resources entered, where dynamic references look.
    scope: Vec<ResourceId>,
    /// Verdicts inside branches, which several branches may ask for.
    verdicts: BTreeMap<(NodeId, Ix), bool>,
    /// How many branches are being tried, one inside the other.
    trying: u32,
    /// Whether failures of branches are explained; explanations do not nest.
    explaining: bool,
    path: Vec<Step<'a>>,
    violations: Vec<Violation>,
}

impl<'a> Interp<'a> {
    fn new(subject: Subject<'a>) -> Self {
        Self {
            subject,
            document: subject.document,
            fuel: 1_000_000 + 100 * subject.document.len() as u64,
            depth: 0,
            too_deep: false,
            scope: Vec::new(),
            verdicts: BTreeMap::new(),
            trying: 0,
            explaining: true,
            path: Vec::new(),
            violations: Vec::new(),
        }
    }

    fn exhausted(&self) -> bool {
        self.fuel == 0 || self.too_deep
    }

    fn burn(&mut self, amount: usize) -> bool {
        self.fuel = self.fuel.saturating_sub(amount as u64);
        !self.exhausted()
    }

    /// Whether the value satisfies the node.
    fn node(&mut self, id: NodeId, at: Ix, list: bool) -> bool {
        let remember = !list && self.trying > 0 && self.scope.is_empty();
        if remember && let Some(verdict) = self.verdicts.get(&(id, at)) {
            return *verdict;
        }
        let Some(entered) = self.enter(id) else { return false };
        let verdict = self.keywords(id, at, list);
        self.leave(entered);
        if remember && !self.exhausted() {
            self.verdicts.insert((id, at), verdict);
        }
        verdict
    }

    /// Goes one node deeper; answers whether a resource was entered, or nothing where it is too deep.
    fn enter(&mut self, id: NodeId) -> Option<bool> {
        self.too_deep |= self.depth >= MAX_DEPTH;
        if !self.burn(1) {
            return None;
        }
        self.depth += 1;
        let resource = self.subject.validators.plan().node(id).and_then(|node| node.resource);
        let entered = resource.filter(|resource| self.scope.last() != Some(resource));
        self.scope.extend(entered);
        Some(entered.is_some())
    }

    fn leave(&mut self, entered: bool) {
        self.depth -= 1;
        if entered {
            self.scope.pop();
        }
    }

    fn keywords(&mut self, id: NodeId, at: Ix, list: bool) -> bool {
        let validators = self.subject.validators;
        let keywords = validators.plan().node(id).map_or(&[][..], |node| &node.keywords);
        let mut valid = true;
        for keyword in keywords {
            // What is left over is judged only where all else holds: else nothing is left over in any useful sense.
            let leftover =
                matches!(keyword, Keyword::UnevaluatedItems(_) | Keyword::UnevaluatedProperties(_));
            if leftover && !valid {
                break;
            }
            let holds = if leftover {
                self.leftover(id, keyword, at, list)
            } else {
                self.keyword(id, keyword, at, list)
            };
            valid &= holds;
            if self.exhausted() || (!valid && !list) {
                return false;
            }
        }
        valid
    }

    fn keyword(&mut self, id: NodeId, keyword: &'a Keyword, at: Ix, list: bool) -> bool {
        match keyword {
            Keyword::Never => {
                self.fail(list, "false", Class::ConstraintViolation, || "nothing is allowed here".into())
            }
            Keyword::Absent(when) => self.absent(*when, list),
            Keyword::Type(types) => self.types(*types, at, list),
            Keyword::Enum(values) => self.enumeration(values, at, list),
            Keyword::Const(value) => self.constant(*value, at, list),
            Keyword::MultipleOf(_)
            | Keyword::Minimum(_)
            | Keyword::ExclusiveMinimum(_)
            | Keyword::Maximum(_)
            | Keyword::ExclusiveMaximum(_) => self.number(keyword, at, list),
            Keyword::MinLength(_) | Keyword::MaxLength(_) => self.length(keyword, at, list),
            Keyword::Pattern(pattern) => self.pattern(*pattern, at, list),
            Keyword::Format(format) => self.format(*format, at, list),
            Keyword::MinItems(_)
            | Keyword::MaxItems(_)
            | Keyword::MinProperties(_)
            | Keyword::MaxProperties(_) => self.size(keyword, at, list),
            Keyword::UniqueItems => self.unique(at, list),
            Keyword::Items { prefix, rest } => self.items(prefix, *rest, at, list),
            Keyword::Contains { node, min, max } => self.contains(*node, (*min, *max), at, list),
            Keyword::Required { when, names } => {
                !(*when).covers(self.subject.direction) || self.required(names, at, list)
            }
            Keyword::DependentRequired(rows) => self.dependent_required(rows, at, list),
            Keyword::DependentSchemas(rows) => self.dependent_schemas(rows, at, list),
            Keyword::Properties { .. } => self.properties(keyword, at, list),
            Keyword::PropertyNames(node) => self.property_names(*node, at, list),
            Keyword::Ref(node) => self.node(*node, at, list),
            Keyword::DynamicRef { anchor, fallback } => {
                let target = self.dynamic_target(anchor, *fallback);
                self.node(target, at, list)
            }
            Keyword::AllOf(nodes) => self.all_of(nodes, at, list),
            Keyword::AnyOf(nodes) => self.any_of(id, nodes, at, list),
            Keyword::OneOf(nodes) => self.one_of(id, nodes, at, list),
            Keyword::Not(node) => self.not(*node, at, list),
            Keyword::If { test, then, otherwise } => {
                let branch = if self.try_node(*test, at) { then } else { otherwise };
                branch.is_none_or(|branch| self.node(branch, at, list))
            }
            Keyword::Discriminator { .. }
            | Keyword::UnevaluatedItems(_)
            | Keyword::UnevaluatedProperties(_) => true,
        }
    }

    fn absent(&mut self, when: Direction, list: bool) -> bool {
        if when != self.subject.direction {
            return true;
        }
        let (keyword, message) = match when {
            Direction::Request => ("readOnly", "is read-only and must not be sent"),
            Direction::Response | Direction::Both => ("writeOnly", "is write-only and must not be answered"),
        };
        self.fail(list, keyword, Class::ConstraintViolation, || message.into())
    }

    /// The node that the outermost resource calls by that anchor.
    fn dynamic_target(&self, anchor: &str, fallback: NodeId) -> NodeId {
        let named = |resource: &ResourceId| {
            let anchors = &self.subject.validators.plan().resource(*resource)?.anchors;
            let row = anchors.binary_search_by_key(&anchor, |(name, _)| name.as_str()).ok()?;
            anchors.get(row).map(|(_, node)| *node)
        };
        self.scope.iter().find_map(named).unwrap_or(fallback)
    }

    /// Notes a violation where they are listed; always false.
    fn fail(
        &mut self,
        list: bool,
        keyword: &'static str,
        class: Class,
        message: impl FnOnce() -> String,
    ) -> bool {
        if list && self.violations.len() < MAX_VIOLATIONS {
            let violation = Violation {
                location: self.subject.location,
                pointer: pointer(self.subject.prefix, &self.path),
                keyword,
                class,
                message: message(),
            };
            // Several schemas may find the same fault, above all where schemas refer to themselves.
            if !self.violations.contains(&violation) {
                self.violations.push(violation);
            }
        }
        false
    }

    /// Notes a violation of a member that is not there or cannot be stepped into.
    fn fail_at(&mut self, step: Step<'a>, list: bool, found: (&'static str, Class), message: String) -> bool {
        self.path.push(step);
        self.fail(list, found.0, found.1, || message);
        self.path.pop();
        false
    }

    fn string(&self, at: Ix) -> Option<&'a str> {
        match self.document.value(at) {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    fn decimal(&self, at: Ix) -> Option<Decimal<'a>> {
        match self.document.value(at) {
            Value::Number(text) => Decimal::parse(text),
            _ => None,
        }
    }
}
