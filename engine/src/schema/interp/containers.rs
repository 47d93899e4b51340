//! Arrays and objects: sizes, items, members.

use shield_ir::schema::{Keyword, NodeId, PatternId};

use super::Interp;
use super::scalars::plural;
use crate::schema::value::{Ix, Value};
use crate::schema::violation::{Class, Step};

impl<'a> Interp<'a> {
    pub(super) fn size(&mut self, keyword: &Keyword, at: Ix, list: bool) -> bool {
        let (items, members) = match self.document.value(at) {
            Value::Array(_) => (Some(self.document.items(at).len() as u64), None),
            Value::Object(_) => (None, Some(self.document.members(at).len() as u64)),
            _ => return true,
        };
        let (size, name, low, limit, word) = match keyword {
            Keyword::MinItems(limit) => (items, "minItems", true, *limit, "item"),
            Keyword::MaxItems(limit) => (items, "maxItems", false, *limit, "item"),
            Keyword::MinProperties(limit) => (members, "minProperties", true, *limit, "member"),
            Keyword::MaxProperties(limit) => (members, "maxProperties", false, *limit, "member"),
            _ => return true,
        };
        let holds = size.is_none_or(|size| if low { size >= limit } else { size <= limit });
        let class = if name == "maxItems" { Class::TooManyValues } else { Class::ConstraintViolation };
        holds
            || self.fail(list, name, class, || {
                format!("must have at {} {limit} {word}{}", if low { "least" } else { "most" }, plural(limit))
            })
    }

    pub(super) fn unique(&mut self, at: Ix, list: bool) -> bool {
        let document = self.document;
        let mut order: Vec<Ix> = document.items(at).to_vec();
        let fuel = &mut self.fuel;
        order.sort_by(|a, b| document.compare(*a, document, *b, fuel));
        let mut twice = false;
        for (a, b) in order.iter().zip(order.iter().skip(1)) {
            twice |= document.compare(*a, document, *b, fuel).is_eq();
        }
        !twice
            || self
                .fail(list, "uniqueItems", Class::DuplicateValue, || "must not have two equal items".into())
    }

    pub(super) fn items(&mut self, prefix: &[NodeId], rest: Option<NodeId>, at: Ix, list: bool) -> bool {
        let items = self.document.items(at);
        let mut valid = true;
        for (index, item) in items.iter().enumerate() {
            let Some(node) = prefix.get(index).copied().or(rest) else { break };
            valid &= self.part(node, Step::Index(index), *item, list);
            if self.exhausted() || (!valid && !list) {
                return false;
            }
        }
        valid
    }

    pub(super) fn contains(&mut self, node: NodeId, bounds: (u64, Option<u64>), at: Ix, list: bool) -> bool {
        let Value::Array(_) = self.document.value(at) else { return true };
        let (min, max) = bounds;
        let mut count = 0;
        for item in self.document.items(at) {
            count += u64::from(self.try_node(node, *item));
            if self.exhausted() || max.is_some_and(|max| count > max) {
                break;
            }
        }
        let enough = count >= min
            || self.fail(
                list,
                if min == 1 { "contains" } else { "minContains" },
                Class::ConstraintViolation,
                || format!("must contain at least {min} matching item{}", plural(min)),
            );
        let few = max.is_none_or(|max| {
            count <= max
                || self.fail(list, "maxContains", Class::TooManyValues, || {
                    format!("must contain at most {max} matching item{}", plural(max))
                })
        });
        enough && few
    }

    pub(super) fn required(&mut self, names: &'a [String], at: Ix, list: bool) -> bool {
        let Value::Object(_) = self.document.value(at) else { return true };
        self.burn(names.len());
        let mut valid = true;
        for name in names {
            if self.document.member(at, name).is_none() {
                let found = ("required", Class::MissingRequired);
                valid = self.fail_at(Step::Name(name), list, found, "is required".into());
                if !list {
                    break;
                }
            }
        }
        valid
    }

    pub(super) fn dependent_required(
        &mut self,
        rows: &'a [(String, Vec<String>)],
        at: Ix,
        list: bool,
    ) -> bool {
        let mut valid = true;
        for (name, needed) in rows {
            if self.document.member(at, name).is_none() {
                continue;
            }
            for other in needed {
                if self.document.member(at, other).is_none() {
                    let found = ("dependentRequired", Class::MissingRequired);
                    let message = format!("is required where `{name}` is given");
                    valid = self.fail_at(Step::Name(other), list, found, message);
                }
            }
        }
        valid
    }

    pub(super) fn dependent_schemas(&mut self, rows: &[(String, NodeId)], at: Ix, list: bool) -> bool {
        let mut valid = true;
        for (name, node) in rows {
            if self.document.member(at, name).is_some() {
                valid &= self.node(*node, at, list);
            }
        }
        valid
    }

    pub(super) fn properties(&mut self, keyword: &Keyword, at: Ix, list: bool) -> bool {
        let Keyword::Properties { named, patterns, others } = keyword else { return true };
        let mut valid = true;
        for member in self.document.members(at) {
            let known = find(named, &member.name);
            let mut claimed = known.is_some();
            if let Some(node) = known {
                valid &= self.part(node, Step::Name(&member.name), member.value, list);
            }
            for (pattern, node) in patterns {
                if self.names_match(*pattern, &member.name) {
                    claimed = true;
                    valid &= self.part(*node, Step::Name(&member.name), member.value, list);
                }
            }
            if let (Some(node), false) = (others, claimed) {
                valid &= self.other(*node, &member.name, member.value, list);
            }
            if self.exhausted() || (!valid && !list) {
                return false;
            }
        }
        valid
    }

    /// A member that nothing names. Where none is allowed, that is said of the member.
    fn other(&mut self, node: NodeId, name: &'a str, value: Ix, list: bool) -> bool {
        if self.never(node) {
            let found = ("additionalProperties", Class::ConstraintViolation);
            return self.fail_at(Step::Name(name), list, found, "is not a member that is allowed".into());
        }
        self.part(node, Step::Name(name), value, list)
    }

    /// Whether the node is the schema `false`.
    pub(super) fn never(&self, node: NodeId) -> bool {
        let node = self.subject.validators.plan().node(node);
        node.is_some_and(|node| matches!(node.keywords.as_slice(), [Keyword::Never]))
    }

    pub(super) fn names_match(&mut self, pattern: PatternId, name: &str) -> bool {
        self.burn(1 + name.len() / 8);
        self.subject.validators.matches(pattern, name)
    }

    pub(super) fn property_names(&mut self, node: NodeId, at: Ix, list: bool) -> bool {
        let mut valid = true;
        for member in self.document.members(at) {
            let holds = self.subject.validators.name_is_valid(node, &member.name, &mut self.fuel);
            if !holds {
                let found = ("propertyNames", Class::ConstraintViolation);
                let message = "has a name that is not allowed".into();
                valid = self.fail_at(Step::Name(&member.name), list, found, message);
            }
            if self.exhausted() || (!valid && !list) {
                return false;
            }
        }
        valid
    }

    /// A part of the value.
    pub(super) fn part(&mut self, node: NodeId, step: Step<'a>, at: Ix, list: bool) -> bool {
        self.path.push(step);
        let valid = self.node(node, at, list);
        self.path.pop();
        valid
    }
}

/// The node of a name in a sorted list.
pub(super) fn find(named: &[(String, NodeId)], name: &str) -> Option<NodeId> {
    let row = named.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
    named.get(row).map(|(_, node)| *node)
}
