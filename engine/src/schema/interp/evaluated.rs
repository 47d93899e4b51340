//! `unevaluatedItems` and `unevaluatedProperties`: what the keywords beside them have looked at.

use shield_ir::schema::{Keyword, NodeId};

use super::Interp;
use super::containers::find;
use crate::schema::value::{Ix, Value};
use crate::schema::violation::{Class, Step};

impl<'a> Interp<'a> {
    /// Judges what is left over, after everything else about the node holds.
    pub(super) fn leftover(&mut self, id: NodeId, keyword: &Keyword, at: Ix, list: bool) -> bool {
        match (keyword, self.document.value(at)) {
            (Keyword::UnevaluatedItems(node), Value::Array(_)) => {
                let items = self.document.items(at);
                let seen = self.seen(id, at, items.len());
                let left = items.iter().enumerate().zip(seen).filter(|(_, seen)| !seen);
                let left: Vec<_> = left.map(|((index, item), _)| (Step::Index(index), *item)).collect();
                self.left("unevaluatedItems", *node, &left, list)
            }
            (Keyword::UnevaluatedProperties(node), Value::Object(_)) => {
                let members = self.document.members(at);
                let seen = self.seen(id, at, members.len());
                let left = members.iter().zip(seen).filter(|(_, seen)| !seen);
                let left: Vec<_> = left.map(|(member, _)| (Step::Name(&member.name), member.value)).collect();
                self.left("unevaluatedProperties", *node, &left, list)
            }
            _ => true,
        }
    }

    fn left(&mut self, keyword: &'static str, node: NodeId, left: &[(Step<'a>, Ix)], list: bool) -> bool {
        let mut valid = true;
        for (step, part) in left {
            valid &= if self.never(node) {
                self.fail_at(
                    *step,
                    list,
                    (keyword, Class::ConstraintViolation),
                    "is not declared here".into(),
                )
            } else {
                self.part(node, *step, *part, list)
            };
            if self.exhausted() || (!valid && !list) {
                return false;
            }
        }
        valid
    }

    /// Which parts of the value the node's other keywords evaluate.
    fn seen(&mut self, id: NodeId, at: Ix, parts: usize) -> Vec<bool> {
        let mut seen = vec![false; parts];
        self.burn(parts);
        self.trying += 1;
        self.mark_node(id, at, &mut seen, true);
        self.trying -= 1;
        seen
    }

    /// Marks what a node evaluates, which is known to hold.
    fn mark_node(&mut self, id: NodeId, at: Ix, seen: &mut [bool], own: bool) {
        let Some(entered) = self.enter(id) else { return };
        let keywords = self.subject.validators.plan().node(id).map_or(&[][..], |node| &node.keywords);
        for keyword in keywords {
            self.mark((id, keyword), at, seen, own);
        }
        self.leave(entered);
    }

    #[expect(clippy::too_many_lines, reason = "one arm per keyword")]
    fn mark(&mut self, keyword: (NodeId, &Keyword), at: Ix, seen: &mut [bool], own: bool) {
        let (id, keyword) = keyword;
        match keyword {
            Keyword::Items { prefix, rest } => {
                if let Value::Array(_) = self.document.value(at) {
                    let count = if rest.is_some() { seen.len() } else { prefix.len() };
                    seen.iter_mut().take(count).for_each(|seen| *seen = true);
                }
            }
            Keyword::Contains { node, .. } => {
                for (item, seen) in self.document.items(at).iter().zip(seen) {
                    *seen = *seen || self.node(*node, *item, false);
                }
            }
            Keyword::Properties { named, patterns, others } => {
                for (member, seen) in self.document.members(at).iter().zip(seen) {
                    *seen = *seen
                        || others.is_some()
                        || find(named, &member.name).is_some()
                        || patterns.iter().any(|(pattern, _)| self.names_match(*pattern, &member.name));
                }
            }
            Keyword::UnevaluatedItems(_) if !own => {
                if let Value::Array(_) = self.document.value(at) {
                    seen.fill(true);
                }
            }
            Keyword::UnevaluatedProperties(_) if !own => {
                if let Value::Object(_) = self.document.value(at) {
                    seen.fill(true);
                }
            }
            Keyword::Ref(node) => self.mark_node(*node, at, seen, false),
            Keyword::DynamicRef { anchor, fallback } => {
                let node = self.dynamic_target(anchor, *fallback);
                self.mark_node(node, at, seen, false);
            }
            Keyword::AllOf(nodes) => nodes.iter().for_each(|node| self.mark_node(*node, at, seen, false)),
            Keyword::AnyOf(nodes) | Keyword::OneOf(nodes) => {
                let chosen = self.discriminated(id, nodes, at).map(|(_, chosen)| chosen);
                let nodes = chosen.as_ref().map_or(nodes.as_slice(), Option::as_slice);
                for node in nodes {
                    self.mark_if_valid(*node, at, seen);
                }
            }
            Keyword::DependentSchemas(rows) => {
                for (name, node) in rows {
                    if self.document.member(at, name).is_some() {
                        self.mark_node(*node, at, seen, false);
                    }
                }
            }
            Keyword::If { test, then, otherwise } => {
                let branch = if self.node(*test, at, false) {
                    self.mark_node(*test, at, seen, false);
                    then
                } else {
                    otherwise
                };
                if let Some(branch) = branch {
                    self.mark_node(*branch, at, seen, false);
                }
            }
            Keyword::Never
            | Keyword::Type(_)
            | Keyword::Enum(_)
            | Keyword::Const(_)
            | Keyword::MultipleOf(_)
            | Keyword::Minimum(_)
            | Keyword::ExclusiveMinimum(_)
            | Keyword::Maximum(_)
            | Keyword::ExclusiveMaximum(_)
            | Keyword::MinLength(_)
            | Keyword::MaxLength(_)
            | Keyword::Pattern(_)
            | Keyword::Format(_)
            | Keyword::MinItems(_)
            | Keyword::MaxItems(_)
            | Keyword::UniqueItems
            | Keyword::MinProperties(_)
            | Keyword::MaxProperties(_)
            | Keyword::Required { .. }
            | Keyword::DependentRequired(_)
            | Keyword::PropertyNames(_)
            | Keyword::Absent(_)
            | Keyword::Discriminator { .. }
            | Keyword::Not(_)
            | Keyword::UnevaluatedItems(_)
            | Keyword::UnevaluatedProperties(_) => {}
        }
    }

    fn mark_if_valid(&mut self, node: NodeId, at: Ix, seen: &mut [bool]) {
        if self.node(node, at, false) {
            self.mark_node(node, at, seen, false);
        }
    }
}
