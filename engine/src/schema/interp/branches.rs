//! Keywords that try other schemas on the same value.

use shield_ir::schema::{Keyword, NodeId};

use super::Interp;
use super::containers::find;
use crate::schema::value::Ix;
use crate::schema::violation::{Class, Step, Violation};

impl<'a> Interp<'a> {
    /// A verdict that nobody is told about.
    pub(super) fn try_node(&mut self, node: NodeId, at: Ix) -> bool {
        self.trying += 1;
        let valid = self.node(node, at, false);
        self.trying -= 1;
        valid
    }

    pub(super) fn all_of(&mut self, nodes: &[NodeId], at: Ix, list: bool) -> bool {
        let mut valid = true;
        for node in nodes {
            valid &= self.node(*node, at, list);
            if self.exhausted() || (!valid && !list) {
                return false;
            }
        }
        valid
    }

    pub(super) fn any_of(&mut self, id: NodeId, nodes: &[NodeId], at: Ix, list: bool) -> bool {
        if let Some(verdict) = self.by_discriminator(id, nodes, at, list) {
            return verdict;
        }
        if nodes.iter().any(|node| self.try_node(*node, at)) {
            return true;
        }
        self.no_branch("anyOf", nodes, at, list)
    }

    pub(super) fn one_of(&mut self, id: NodeId, nodes: &[NodeId], at: Ix, list: bool) -> bool {
        if let Some(verdict) = self.by_discriminator(id, nodes, at, list) {
            return verdict;
        }
        let mut matching = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            if self.try_node(*node, at) {
                matching.push(index + 1);
            }
            if matching.len() > 1 {
                break;
            }
        }
        match matching.as_slice() {
            [_] => true,
            [] => self.no_branch("oneOf", nodes, at, list),
            [first, second, ..] => self.fail(list, "oneOf", Class::ConstraintViolation, || {
                format!("must satisfy exactly one of {} schemas, but satisfies number {first} and number {second}", nodes.len())
            }),
        }
    }

    pub(super) fn not(&mut self, node: NodeId, at: Ix, list: bool) -> bool {
        !self.try_node(node, at)
            || self.fail(list, "not", Class::ConstraintViolation, || {
                "must not satisfy the schema that is excluded".into()
            })
    }

    /// Says that no branch holds, which one came closest and what it misses.
    fn no_branch(&mut self, keyword: &'static str, nodes: &[NodeId], at: Ix, list: bool) -> bool {
        if !list || self.exhausted() {
            return false;
        }
        let reason = if self.explaining { self.closest(nodes, at) } else { None };
        let class = reason.as_ref().map_or(Class::ConstraintViolation, |(_, closest)| closest.class);
        self.fail(list, keyword, class, || match reason {
            None => format!("must satisfy one of {} schemas", nodes.len()),
            Some((branch, closest)) => {
                let place = if closest.pointer.is_empty() {
                    "the value".into()
                } else {
                    format!("`{}`", closest.pointer)
                };
                format!(
                    "must satisfy one of {} schemas; number {branch} comes closest, but {place} {}",
                    nodes.len(),
                    closest.message
                )
            }
        })
    }

    /// The branch whose first fault lies deepest and that has the fewest.
    fn closest(&mut self, nodes: &[NodeId], at: Ix) -> Option<(usize, Violation)> {
        self.explaining = false;
        let mut best: Option<(usize, Violation, (usize, usize))> = None;
        for (index, node) in nodes.iter().enumerate() {
            let outer = std::mem::take(&mut self.violations);
            self.node(*node, at, true);
            let found = std::mem::replace(&mut self.violations, outer);
            let depth = |violation: &Violation| violation.pointer.matches('/').count();
            let Some(deepest) = found.iter().map(depth).max() else { continue };
            // A wrong type at the root says only that another branch was meant.
            let score = (deepest, usize::MAX - found.len());
            if best.as_ref().is_none_or(|(_, _, other)| score > *other) {
                best = found.into_iter().next().map(|first| (index + 1, first, score));
            }
        }
        self.explaining = true;
        best.map(|(branch, violation, _)| (branch, violation))
    }

    /// The verdict of the branch that the value's discriminating member names, where there is such a member.
    fn by_discriminator(&mut self, id: NodeId, nodes: &[NodeId], at: Ix, list: bool) -> Option<bool> {
        let (property, chosen) = self.discriminated(id, nodes, at)?;
        if let Some(node) = chosen {
            return Some(self.node(node, at, list));
        }
        let found = ("discriminator", Class::ConstraintViolation);
        let message = "must name one of the schemas that are declared".into();
        Some(self.fail_at(Step::Name(property), list, found, message))
    }

    /// The discriminating member of a value, and the branch that it names, if it names one.
    pub(super) fn discriminated(
        &self,
        id: NodeId,
        nodes: &[NodeId],
        at: Ix,
    ) -> Option<(&'a str, Option<NodeId>)> {
        let node = self.subject.validators.plan().node(id)?;
        node.keywords.iter().find_map(|keyword| match keyword {
            Keyword::Discriminator { property, mapping }
                if mapping.first().is_some_and(|(_, branch)| nodes.contains(branch)) =>
            {
                let value = self.document.member(at, property)?;
                Some((property.as_str(), find(mapping, self.string(value)?)))
            }
            _ => None,
        })
    }
}
