//! What the types of a plan cannot say; run after decoding, so that an interpreter need not ask again.

use super::{Decimal, Keyword, Node, NodeId, PatternId, Plan, ValueId};

/// More nodes than any set of documents has.
pub const MAX_NODES: usize = 4 << 20;
/// A longer regular expression is refused.
pub const MAX_PATTERN_BYTES: usize = 64 << 10;
/// A regular expression whose automaton is larger is refused.
pub const MAX_AUTOMATON_BYTES: usize = 8 << 20;
/// A longer number is refused as a bound.
const MAX_NUMBER_BYTES: usize = 512;

/// Why a plan is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// An id names nothing.
    #[error("a schema refers to {0} that does not exist")]
    Dangling(&'static str),
    /// A list is not sorted, or says a name twice.
    #[error("a list of names is not sorted")]
    Unsorted,
    /// A bound is not a number, or too long.
    #[error("a bound is not a number")]
    Number,
    /// A list or text is longer than the limits.
    #[error("a schema exceeds the limits")]
    TooLarge,
    /// A schema refers to itself without going into the value.
    #[error("a schema refers to itself without progress")]
    Cycle,
}

impl Plan {
    /// Checks every id and every invariant.
    pub fn verify(&self) -> Result<(), PlanError> {
        let too_large = self.nodes.len() > MAX_NODES
            || self.patterns.iter().any(|pattern| pattern.len() > MAX_PATTERN_BYTES);
        if too_large {
            return Err(PlanError::TooLarge);
        }
        self.nodes.iter().try_for_each(|node| self.verify_node(node))?;
        for resource in &self.resources {
            sorted(&resource.anchors, |(name, _)| name)?;
            self.targets(resource.anchors.iter().map(|(_, node)| *node))?;
        }
        if self.cycle().is_some() { Err(PlanError::Cycle) } else { Ok(()) }
    }

    /// Whether the id names a node.
    pub fn has(&self, node: NodeId) -> bool {
        (node.0 as usize) < self.nodes.len()
    }

    /// A node that applies itself to the value it is applied to, directly or through others, if there is one.
    ///
    /// Dynamic references count with their fallback; what they find at run time, depth limits bound.
    pub fn cycle(&self) -> Option<NodeId> {
        let mut state = vec![Visit::New; self.nodes.len()];
        (0..self.nodes.len()).find_map(|start| self.cycle_from(start, &mut state))
    }

    fn cycle_from(&self, start: usize, state: &mut [Visit]) -> Option<NodeId> {
        let mut stack = vec![(start, false)];
        while let Some((at, leaving)) = stack.pop() {
            let visit = state.get_mut(at)?;
            if leaving {
                *visit = Visit::Done;
                continue;
            }
            match *visit {
                Visit::Done | Visit::Open => continue,
                Visit::New => *visit = Visit::Open,
            }
            stack.push((at, true));
            let (mut next, mut parts) = (Vec::new(), Vec::new());
            self.nodes.get(at)?.keywords.iter().for_each(|keyword| keyword.targets(&mut next, &mut parts));
            for id in next {
                match state.get(id.0 as usize)? {
                    Visit::Open => return Some(id),
                    Visit::New => stack.push((id.0 as usize, false)),
                    Visit::Done => {}
                }
            }
        }
        None
    }

    fn verify_node(&self, node: &Node) -> Result<(), PlanError> {
        if node.resource.is_some_and(|id| self.resource(id).is_none()) {
            return Err(PlanError::Dangling("a resource"));
        }
        node.keywords.iter().try_for_each(|keyword| self.verify_keyword(keyword))
    }

    fn verify_keyword(&self, keyword: &Keyword) -> Result<(), PlanError> {
        match keyword {
            Keyword::Enum(values) => values.iter().try_for_each(|value| self.verify_value(*value)),
            Keyword::Const(value) => self.verify_value(*value),
            Keyword::MultipleOf(text) => match number(text)? {
                divisor if divisor.is_zero() || divisor.is_negative() => Err(PlanError::Number),
                divisor => divisor.is_multiple_of(&divisor).map(|_| ()).ok_or(PlanError::Number),
            },
            Keyword::Minimum(text)
            | Keyword::ExclusiveMinimum(text)
            | Keyword::Maximum(text)
            | Keyword::ExclusiveMaximum(text) => number(text).map(|_| ()),
            Keyword::Pattern(pattern) => self.verify_pattern(*pattern),
            Keyword::Required { when: _, names } => sorted(names, |name| name),
            Keyword::DependentRequired(rows) => {
                sorted(rows, |(name, _)| name)?;
                rows.iter().try_for_each(|(_, names)| sorted(names, |name| name))
            }
            Keyword::DependentSchemas(rows) => sorted(rows, |(name, _)| name),
            Keyword::Properties { named, patterns, others: _ } => {
                sorted(named, |(name, _)| name)?;
                patterns.iter().try_for_each(|(pattern, _)| self.verify_pattern(*pattern))
            }
            Keyword::Discriminator { property: _, mapping } => sorted(mapping, |(name, _)| name),
            Keyword::Never
            | Keyword::Type(_)
            | Keyword::MinLength(_)
            | Keyword::MaxLength(_)
            | Keyword::Format(_)
            | Keyword::MinItems(_)
            | Keyword::MaxItems(_)
            | Keyword::UniqueItems
            | Keyword::Items { .. }
            | Keyword::Contains { .. }
            | Keyword::MinProperties(_)
            | Keyword::MaxProperties(_)
            | Keyword::PropertyNames(_)
            | Keyword::Absent(_)
            | Keyword::Ref(_)
            | Keyword::DynamicRef { .. }
            | Keyword::AllOf(_)
            | Keyword::AnyOf(_)
            | Keyword::OneOf(_)
            | Keyword::Not(_)
            | Keyword::If { .. }
            | Keyword::UnevaluatedItems(_)
            | Keyword::UnevaluatedProperties(_) => Ok(()),
        }?;
        let (mut itself, mut parts) = (Vec::new(), Vec::new());
        keyword.targets(&mut itself, &mut parts);
        self.targets(itself.into_iter().chain(parts))
    }

    fn targets(&self, targets: impl IntoIterator<Item = NodeId>) -> Result<(), PlanError> {
        let known = targets.into_iter().all(|id| self.has(id));
        if known { Ok(()) } else { Err(PlanError::Dangling("a schema")) }
    }

    fn verify_value(&self, value: ValueId) -> Result<(), PlanError> {
        self.value(value).map(|_| ()).ok_or(PlanError::Dangling("a constant"))
    }

    fn verify_pattern(&self, pattern: PatternId) -> Result<(), PlanError> {
        self.pattern(pattern).map(|_| ()).ok_or(PlanError::Dangling("a pattern"))
    }
}

#[derive(Clone, Copy)]
enum Visit {
    New,
    Open,
    Done,
}

impl Keyword {
    /// Adds the nodes that this keyword applies: to the value itself, and to parts of the value.
    pub fn targets(&self, itself: &mut Vec<NodeId>, parts: &mut Vec<NodeId>) {
        match self {
            Self::Ref(node) | Self::Not(node) | Self::DynamicRef { anchor: _, fallback: node } => {
                itself.push(*node);
            }
            Self::AllOf(nodes) | Self::AnyOf(nodes) | Self::OneOf(nodes) => itself.extend(nodes),
            Self::DependentSchemas(rows) | Self::Discriminator { property: _, mapping: rows } => {
                itself.extend(rows.iter().map(|(_, node)| *node));
            }
            Self::If { test, then, otherwise } => {
                itself.push(*test);
                itself.extend(then.iter().chain(otherwise));
            }
            Self::Items { prefix, rest } => {
                parts.extend(prefix);
                parts.extend(rest);
            }
            Self::Contains { node, min: _, max: _ }
            | Self::PropertyNames(node)
            | Self::UnevaluatedItems(node)
            | Self::UnevaluatedProperties(node) => parts.push(*node),
            Self::Properties { named, patterns, others } => {
                parts.extend(named.iter().map(|(_, node)| *node));
                parts.extend(patterns.iter().map(|(_, node)| *node));
                parts.extend(others);
            }
            Self::Never
            | Self::Type(_)
            | Self::Enum(_)
            | Self::Const(_)
            | Self::MultipleOf(_)
            | Self::Minimum(_)
            | Self::ExclusiveMinimum(_)
            | Self::Maximum(_)
            | Self::ExclusiveMaximum(_)
            | Self::MinLength(_)
            | Self::MaxLength(_)
            | Self::Pattern(_)
            | Self::Format(_)
            | Self::MinItems(_)
            | Self::MaxItems(_)
            | Self::UniqueItems
            | Self::MinProperties(_)
            | Self::MaxProperties(_)
            | Self::Required { .. }
            | Self::DependentRequired(_)
            | Self::Absent(_) => {}
        }
    }
}

fn number(text: &str) -> Result<Decimal<'_>, PlanError> {
    if text.len() > MAX_NUMBER_BYTES {
        return Err(PlanError::TooLarge);
    }
    Decimal::parse(text).ok_or(PlanError::Number)
}

fn sorted<T>(rows: &[T], name: impl Fn(&T) -> &String) -> Result<(), PlanError> {
    let ordered = rows.iter().zip(rows.iter().skip(1)).all(|(a, b)| name(a) < name(b));
    if ordered { Ok(()) } else { Err(PlanError::Unsorted) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(keywords: Vec<Keyword>) -> Plan {
        Plan { nodes: vec![Node { keywords, resource: None }, Node::default()], ..Plan::default() }
    }

    #[test]
    fn what_is_well_formed_is_accepted() {
        let keywords = vec![Keyword::Ref(NodeId(1)), Keyword::MultipleOf("0.01".into())];
        assert_eq!(plan(keywords).verify(), Ok(()));
        let recursive = Keyword::Items { prefix: vec![], rest: Some(NodeId(0)) };
        assert_eq!(plan(vec![recursive]).verify(), Ok(()));
    }

    #[test]
    fn ids_out_of_range_are_refused() {
        for keyword in [
            Keyword::Ref(NodeId(2)),
            Keyword::Enum(vec![ValueId(0)]),
            Keyword::Pattern(PatternId(0)),
            Keyword::Properties { named: vec![], patterns: vec![], others: Some(NodeId(9)) },
        ] {
            assert!(matches!(plan(vec![keyword]).verify(), Err(PlanError::Dangling(_))));
        }
    }

    #[test]
    fn bounds_lists_and_cycles_are_checked() {
        assert_eq!(plan(vec![Keyword::MultipleOf("0".into())]).verify(), Err(PlanError::Number));
        assert_eq!(plan(vec![Keyword::Maximum("x".into())]).verify(), Err(PlanError::Number));
        let names = vec!["b".into(), "a".into()];
        let required = Keyword::Required { when: super::super::Direction::Both, names };
        assert_eq!(plan(vec![required]).verify(), Err(PlanError::Unsorted));
        assert_eq!(plan(vec![Keyword::AllOf(vec![NodeId(0)])]).verify(), Err(PlanError::Cycle));
    }
}
