//! What a schema says of the types of a value and its parts: how a text without types is read as JSON.

use shield_ir::schema::{Keyword, NodeId, Plan, TypeSet};

/// Schemas are looked through so deep; below, anything may be.
const MAX_DEPTH: u32 = 12;
/// Parts inside parts of what is written in a text.
const MAX_PARTS: u32 = 4;

/// The types of a value and its parts.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// The schema.
    pub(super) node: NodeId,
    /// What it may be.
    pub(super) types: TypeSet,
    /// Its first items, where it may be an array that says of each what it is.
    prefix: Vec<Self>,
    /// Its other items, where it may be an array.
    rest: Option<Box<Self>>,
    /// Its members by name, where it may be an object; sorted.
    pub(super) members: Vec<(String, Self)>,
    /// Its other members; none where no other is allowed.
    pub(super) others: Others,
}

/// Members that a schema does not name.
#[derive(Clone, Debug)]
pub(super) enum Others {
    /// There are none.
    Closed,
    /// They may be anything.
    Any,
    /// They are like this.
    Like(Box<Shape>),
}

impl Shape {
    pub(super) fn of(plan: &Plan, node: NodeId) -> Self {
        Self::within(plan, node, MAX_PARTS)
    }

    fn within(plan: &Plan, node: NodeId, parts: u32) -> Self {
        let types = types(plan, node, MAX_DEPTH);
        let mut shape =
            Self { node, types, prefix: Vec::new(), rest: None, members: Vec::new(), others: Others::Any };
        if parts == 0 || !types.meets(TypeSet::ARRAY.with(TypeSet::OBJECT)) {
            return shape;
        }
        let mut found = Found { plan, prefix: &[], rest: None, named: Vec::new(), others: None };
        found.node(node, MAX_DEPTH);
        shape.prefix = found.prefix.iter().map(|item| Self::within(plan, *item, parts - 1)).collect();
        shape.rest = found.rest.map(|rest| Box::new(Self::within(plan, rest, parts - 1)));
        found.named.sort();
        found.named.dedup_by(|a, b| a.0 == b.0);
        let members = found.named.into_iter();
        shape.members = members.map(|(name, node)| (name, Self::within(plan, node, parts - 1))).collect();
        shape.others = match found.others {
            None => Others::Any,
            Some(node) if never(plan, node) => Others::Closed,
            Some(node) => Others::Like(Box::new(Self::within(plan, node, parts - 1))),
        };
        shape
    }

    /// Whether it may be an array, and does not say so only because it may be anything.
    pub(super) fn is_array(&self) -> bool {
        self.types.meets(TypeSet::ARRAY) && self.types != TypeSet::ALL
    }

    /// The item at that place.
    pub(super) fn item(&self, at: usize) -> Option<&Self> {
        self.prefix.get(at).or(self.rest.as_deref())
    }

    /// The member of that name.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        let at = self.members.binary_search_by(|(known, _)| known.as_str().cmp(name));
        match (at, &self.others) {
            (Ok(at), _) => self.members.get(at).map(|(_, shape)| shape),
            (Err(_), Others::Like(shape)) => Some(shape),
            (Err(_), Others::Any | Others::Closed) => None,
        }
    }
}

/// The parts that a schema and those it combines name.
struct Found<'a> {
    plan: &'a Plan,
    prefix: &'a [NodeId],
    rest: Option<NodeId>,
    named: Vec<(String, NodeId)>,
    others: Option<NodeId>,
}

impl<'a> Found<'a> {
    fn node(&mut self, node: NodeId, depth: u32) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let plan: &'a Plan = self.plan;
        let keywords = plan.node(node).map_or(&[][..], |node| &node.keywords);
        for keyword in keywords {
            if let Keyword::Items { prefix, rest } = keyword {
                self.prefix = if self.prefix.is_empty() { prefix } else { self.prefix };
                self.rest = self.rest.or(*rest);
            }
            if let Keyword::Properties { named, others, .. } = keyword {
                self.named.extend(named.iter().cloned());
                self.others = self.others.or(*others);
            }
            if let Keyword::Ref(node) = keyword {
                self.node(*node, depth);
            }
            if let Keyword::AllOf(nodes) | Keyword::AnyOf(nodes) | Keyword::OneOf(nodes) = keyword {
                for node in nodes {
                    self.node(*node, depth);
                }
            }
        }
    }
}

fn never(plan: &Plan, node: NodeId) -> bool {
    plan.node(node).is_some_and(|node| matches!(node.keywords.as_slice(), [Keyword::Never]))
}

/// The types that a schema may accept.
fn types(plan: &Plan, node: NodeId, depth: u32) -> TypeSet {
    let Some(depth) = depth.checked_sub(1) else { return TypeSet::ALL };
    let keywords = plan.node(node).map_or(&[][..], |node| &node.keywords);
    let union =
        |nodes: &[NodeId]| nodes.iter().fold(TypeSet::NONE, |all, node| all.with(types(plan, *node, depth)));
    let mut known = TypeSet::ALL;
    for keyword in keywords {
        if let Keyword::Type(types) = keyword {
            known = known.common(*types);
        }
        if let Keyword::Ref(node) = keyword {
            known = known.common(types(plan, *node, depth));
        }
        if let Keyword::AllOf(nodes) = keyword {
            known = nodes.iter().fold(known, |known, node| known.common(types(plan, *node, depth)));
        }
        if let Keyword::AnyOf(nodes) | Keyword::OneOf(nodes) = keyword {
            known = known.common(union(nodes));
        }
        if let Keyword::Enum(values) = keyword {
            let texts = values.iter().filter_map(|value| plan.value(*value));
            known = known.common(texts.fold(TypeSet::NONE, |all, text| all.with(TypeSet::of_json(text))));
        }
        if let Keyword::Const(value) = keyword {
            known = known.common(plan.value(*value).map_or(TypeSet::NONE, TypeSet::of_json));
        }
    }
    known
}
