//! What holds for one value: the keywords of all nodes that apply to it, put together.

use std::collections::{BTreeMap, BTreeSet};

use shield_ir::schema::{Direction, Keyword, NodeId, Plan, TypeSet};

/// More nodes than this are not put together: the rest is judged one by one.
const MERGED: usize = 48;

/// More names than this are the interpreter's.
pub(super) const MAX_NAMES: usize = 512;

/// What a value is judged by: all of these nodes, sorted; none accept everything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) nodes: Vec<NodeId>,
    pub(super) direction: Direction,
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.nodes.iter().try_for_each(|node| write!(f, "{node} "))?;
        write!(f, "{:?}", self.direction)
    }
}

/// A keyword with its place in the plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'p> {
    pub(super) node: NodeId,
    pub(super) at: usize,
    pub(super) keyword: &'p Keyword,
}

/// The keywords of a value.
#[derive(Debug, Default)]
pub(super) struct Flat<'p> {
    pub(super) rows: Vec<Row<'p>>,
    /// Nodes that the interpreter judges.
    pub(super) interpreted: Vec<NodeId>,
}

/// Why no code is made for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// What it finds depends on the way that evaluation took.
    DynamicRef,
    /// What is left over is known when everything else has been judged.
    UnevaluatedItems,
    /// What is left over is known when everything else has been judged.
    UnevaluatedProperties,
    /// It names too many members.
    Names,
}

impl Reason {
    /// The keyword, and why the interpreter has it.
    pub fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::DynamicRef => ("$dynamicRef", "what it means depends on the schemas that led to it"),
            Self::UnevaluatedItems => ("unevaluatedItems", "what is left over is known at the end"),
            Self::UnevaluatedProperties => ("unevaluatedProperties", "what is left over is known at the end"),
            Self::Names => ("properties", "they are more than code is made for"),
        }
    }
}

/// What is known of a plan before code is made from it.
#[derive(Debug)]
pub(super) struct Survey {
    /// Nodes that mean different things in requests and in responses.
    directional: Vec<bool>,
    /// Nodes from which a `$dynamicRef` can be reached.
    dynamic: Vec<bool>,
    /// For each node the first that says the same: many parameters and members are alike, and share their code.
    alike: Vec<NodeId>,
}

impl Survey {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut parents: Vec<Vec<u32>> = vec![Vec::new(); plan.nodes.len()];
        let (mut itself, mut parts) = (Vec::new(), Vec::new());
        for (at, node) in plan.nodes.iter().enumerate() {
            node.keywords.iter().for_each(|keyword| keyword.targets(&mut itself, &mut parts));
            for target in itself.drain(..).chain(parts.drain(..)) {
                if let Some(row) = parents.get_mut(target.0 as usize) {
                    row.push(at as u32);
                }
            }
        }
        let reaching = |is_one: fn(&Keyword) -> bool| {
            let own = plan.nodes.iter().map(|node| node.keywords.iter().any(is_one));
            let mut reaches: Vec<bool> = own.collect();
            let mut queue: Vec<u32> =
                (0_u32..).zip(&reaches).filter(|(_, reaches)| **reaches).map(|(at, _)| at).collect();
            while let Some(at) = queue.pop() {
                for parent in parents.get(at as usize).into_iter().flatten() {
                    if let Some(reached) = reaches.get_mut(*parent as usize).filter(|reached| !**reached) {
                        *reached = true;
                        queue.push(*parent);
                    }
                }
            }
            reaches
        };
        let mut known: BTreeMap<String, NodeId> = BTreeMap::new();
        let alike = (0_u32..).zip(&plan.nodes).map(|(at, node)| match node.resource {
            None => *known.entry(format!("{:?}", node.keywords)).or_insert(NodeId(at)),
            Some(_) => NodeId(at),
        });
        Self {
            alike: alike.collect(),
            directional: reaching(|keyword| match keyword {
                Keyword::Absent(_) => true,
                Keyword::Required { when, .. } => *when != Direction::Both,
                _ => false,
            }),
            dynamic: reaching(|keyword| matches!(keyword, Keyword::DynamicRef { .. })),
        }
    }

    /// Whether code cannot be entered at that node.
    pub(super) fn is_dynamic(&self, node: NodeId) -> bool {
        self.dynamic.get(node.0 as usize).copied().unwrap_or(true)
    }

    /// Nodes as a key: those that only stand for others are replaced by them.
    pub(super) fn key(
        &self,
        plan: &Plan,
        nodes: impl IntoIterator<Item = NodeId>,
        direction: Direction,
    ) -> Key {
        let mut found = BTreeSet::new();
        let mut queue: Vec<NodeId> = nodes.into_iter().collect();
        let mut steps = 0;
        while let Some(id) = queue.pop() {
            let keywords = plan.node(id).map_or(&[][..], |node| &node.keywords);
            let stands = |keyword: &Keyword| matches!(keyword, Keyword::Ref(_) | Keyword::AllOf(_));
            steps += 1;
            if steps > MERGED || !keywords.iter().all(stands) {
                found.insert(self.alike.get(id.0 as usize).copied().unwrap_or(id));
                continue;
            }
            for keyword in keywords {
                keyword.targets(&mut queue, &mut Vec::new());
            }
        }
        let nodes: Vec<NodeId> = found.into_iter().collect();
        let directional = |id: &NodeId| self.directional.get(id.0 as usize) == Some(&true);
        let direction = if nodes.iter().any(directional) { direction } else { Direction::Both };
        Key { nodes, direction }
    }
}

/// Why the interpreter has a node, where it does.
pub(super) fn reason(keywords: &[Keyword]) -> Option<Reason> {
    keywords.iter().find_map(|keyword| match keyword {
        Keyword::DynamicRef { .. } => Some(Reason::DynamicRef),
        Keyword::UnevaluatedItems(_) => Some(Reason::UnevaluatedItems),
        Keyword::UnevaluatedProperties(_) => Some(Reason::UnevaluatedProperties),
        keyword if named(keyword) > MAX_NAMES => Some(Reason::Names),
        _ => None,
    })
}

/// How many names a keyword says.
fn named(keyword: &Keyword) -> usize {
    match keyword {
        Keyword::Properties { named, .. } => named.len(),
        Keyword::Required { names, .. } => names.len(),
        Keyword::DependentRequired(rows) => rows.iter().map(|(_, names)| 1 + names.len()).sum(),
        Keyword::DependentSchemas(rows) => rows.len(),
        _ => 0,
    }
}

impl<'p> Flat<'p> {
    /// Puts together what holds where all nodes of a key do.
    pub(super) fn of(plan: &'p Plan, key: &Key) -> Self {
        let mut flat = Self::default();
        let (mut seen, mut names) = (BTreeSet::new(), 0);
        let mut queue: Vec<NodeId> = key.nodes.iter().rev().copied().collect();
        while let Some(id) = queue.pop() {
            if !seen.insert(id) {
                continue;
            }
            let keywords = plan.node(id).map_or(&[][..], |node| &node.keywords);
            names += keywords.iter().map(named).sum::<usize>();
            if reason(keywords).is_some() || names > MAX_NAMES {
                flat.interpreted.push(id);
                continue;
            }
            for (at, keyword) in keywords.iter().enumerate() {
                match keyword {
                    Keyword::Ref(_) | Keyword::AllOf(_) if seen.len() < MERGED => {
                        keyword.targets(&mut queue, &mut Vec::new());
                    }
                    Keyword::Required { when, .. } if !when.covers(key.direction) => {}
                    Keyword::Absent(when) if *when != key.direction => {}
                    _ => flat.rows.push(Row { node: id, at, keyword }),
                }
            }
        }
        flat
    }

    /// Whether nothing satisfies it.
    pub(super) fn is_never(&self) -> bool {
        self.rows.iter().any(|row| matches!(row.keyword, Keyword::Never | Keyword::Absent(_)))
    }

    /// What types it allows.
    pub(super) fn types(&self, plan: &Plan) -> TypeSet {
        let of = |text: &str| TypeSet::of_json(text);
        self.rows.iter().fold(TypeSet::ALL, |types, row| {
            let listed = match row.keyword {
                Keyword::Type(types) => *types,
                Keyword::Const(value) => plan.value(*value).map_or(TypeSet::NONE, of),
                Keyword::Enum(values) => values
                    .iter()
                    .filter_map(|value| plan.value(*value))
                    .fold(TypeSet::NONE, |types, text| types.with(of(text))),
                _ => return types,
            };
            types.common(listed)
        })
    }

    /// Keywords that try other schemas on the same value.
    pub(super) fn branching(&self) -> impl Iterator<Item = Row<'p>> {
        self.rows.iter().copied().filter(|row| branches(row.keyword))
    }

    /// Whether a keyword looks at more than the type.
    pub(super) fn looks_inside(&self) -> bool {
        self.rows.iter().any(|row| {
            !branches(row.keyword) && !matches!(row.keyword, Keyword::Type(_) | Keyword::Discriminator { .. })
        })
    }

    /// Whether it is a value without parts, judged by a few instructions.
    pub(super) fn is_leaf(&self, plan: &Plan) -> bool {
        let types = self.types(plan);
        self.interpreted.is_empty()
            && !types.meets(TypeSet::OBJECT.with(TypeSet::ARRAY))
            && self.branching().next().is_none()
    }

    /// Keywords of one kind.
    pub(super) fn each<T>(&self, kind: impl Fn(&'p Keyword) -> Option<T>) -> impl Iterator<Item = T> {
        self.rows.iter().filter_map(move |row| kind(row.keyword))
    }
}

fn branches(keyword: &Keyword) -> bool {
    matches!(
        keyword,
        Keyword::AnyOf(_)
            | Keyword::OneOf(_)
            | Keyword::Not(_)
            | Keyword::If { .. }
            | Keyword::Ref(_)
            | Keyword::AllOf(_)
    )
}
