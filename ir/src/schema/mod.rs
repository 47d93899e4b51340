//! The normalised JSON Schema: an arena of small nodes that an interpreter can walk and a compiler can compile.
//!
//! A [`Plan`] knows neither documents nor positions nor dialects: every `$ref` is a [`NodeId`], every default is
//! spelled out, every pattern is a linear regular expression, every number is exact decimal text.

use serde::{Deserialize, Serialize};

mod decimal;
mod display;
mod format;
mod verify;

pub use decimal::Decimal;
pub use format::Format;
pub use verify::{MAX_AUTOMATON_BYTES, MAX_NODES, MAX_PATTERN_BYTES, PlanError};

/// A node of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u32);

/// A regular expression of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PatternId(pub u32);

/// A constant of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ValueId(pub u32);

/// A schema resource of the plan, which only `$dynamicRef` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceId(pub u32);

/// All schemas of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The schemas; a [`NodeId`] is a place in this list.
    pub nodes: Vec<Node>,
    /// Regular expressions in the syntax of the crate `regex`, matched anywhere in the text.
    pub patterns: Vec<String>,
    /// JSON texts of constants.
    pub values: Vec<String>,
    /// What `$dynamicRef` finds in the resources that evaluation has entered.
    pub resources: Vec<Resource>,
}

impl Plan {
    /// The node of that id.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// The regular expression of that id.
    pub fn pattern(&self, id: PatternId) -> Option<&str> {
        self.patterns.get(id.0 as usize).map(String::as_str)
    }

    /// The JSON text of that constant.
    pub fn value(&self, id: ValueId) -> Option<&str> {
        self.values.get(id.0 as usize).map(String::as_str)
    }

    /// The resource of that id.
    pub fn resource(&self, id: ResourceId) -> Option<&Resource> {
        self.resources.get(id.0 as usize)
    }
}

/// One schema: all its keywords must hold. A node without keywords accepts everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// What must hold, in the order in which it is cheapest to find out.
    pub keywords: Vec<Keyword>,
    /// The resource that evaluation enters here, where a `$dynamicRef` could ask for it.
    pub resource: Option<ResourceId>,
}

/// A schema resource: what its `$dynamicAnchor`s name, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Anchor and node.
    pub anchors: Vec<(String, NodeId)>,
}

/// One assertion or applicator. Names in lists are sorted and unique.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keyword {
    /// Nothing is valid: the schema `false`.
    Never,
    /// The value has one of these types.
    Type(TypeSet),
    /// The value equals one of these.
    Enum(Vec<ValueId>),
    /// The value equals this.
    Const(ValueId),
    /// A number is an integer multiple of this.
    MultipleOf(String),
    /// A number is at least this.
    Minimum(String),
    /// A number is above this.
    ExclusiveMinimum(String),
    /// A number is at most this.
    Maximum(String),
    /// A number is below this.
    ExclusiveMaximum(String),
    /// A string has at least so many characters.
    MinLength(u64),
    /// A string has at most so many characters.
    MaxLength(u64),
    /// A string matches.
    Pattern(PatternId),
    /// A string, or a number where the format is one of numbers, has this format.
    Format(Format),
    /// An array has at least so many items.
    MinItems(u64),
    /// An array has at most so many items.
    MaxItems(u64),
    /// No two items of an array are equal.
    UniqueItems,
    /// Items of an array by position, then all further ones.
    Items {
        /// The schemas of the first items.
        prefix: Vec<NodeId>,
        /// The schema of the rest.
        rest: Option<NodeId>,
    },
    /// How many items of an array satisfy a schema.
    Contains {
        /// The schema.
        node: NodeId,
        /// At least so many.
        min: u64,
        /// At most so many.
        max: Option<u64>,
    },
    /// An object has at least so many members.
    MinProperties(u64),
    /// An object has at most so many members.
    MaxProperties(u64),
    /// An object has these members.
    Required {
        /// In which direction.
        when: Direction,
        /// Their names.
        names: Vec<String>,
    },
    /// Where an object has the first, it has the others too.
    DependentRequired(Vec<(String, Vec<String>)>),
    /// Where an object has that member, the whole object satisfies that schema.
    DependentSchemas(Vec<(String, NodeId)>),
    /// Members of an object by name, by pattern, and all others.
    Properties {
        /// By name.
        named: Vec<(String, NodeId)>,
        /// By pattern of the name; every matching one applies.
        patterns: Vec<(PatternId, NodeId)>,
        /// Members that neither names.
        others: Option<NodeId>,
    },
    /// Every member's name, as a string, satisfies a schema.
    PropertyNames(NodeId),
    /// The value does not travel in that direction: `readOnly` and `writeOnly`.
    Absent(Direction),
    /// The value satisfies another node.
    Ref(NodeId),
    /// The value satisfies the node that the outermost resource calls by this anchor, else the fallback.
    DynamicRef {
        /// The name of the anchor.
        anchor: String,
        /// The node it names where it stands.
        fallback: NodeId,
    },
    /// The value satisfies all.
    AllOf(Vec<NodeId>),
    /// The value satisfies at least one.
    AnyOf(Vec<NodeId>),
    /// The value satisfies exactly one.
    OneOf(Vec<NodeId>),
    /// Which branch of the `anyOf` or `oneOf` of this node a member names: it alone is judged then. Where the member
    /// is missing, all are; where it names none, none holds.
    Discriminator {
        /// The member that names the branch.
        property: String,
        /// Its values, each with the branch: nodes of one list.
        mapping: Vec<(String, NodeId)>,
    },
    /// The value does not satisfy it.
    Not(NodeId),
    /// `if`, `then`, `else`.
    If {
        /// The condition.
        test: NodeId,
        /// What holds where it does.
        then: Option<NodeId>,
        /// What holds where it does not.
        otherwise: Option<NodeId>,
    },
    /// Items that nothing beside this keyword has evaluated satisfy it.
    UnevaluatedItems(NodeId),
    /// Members that nothing beside this keyword has evaluated satisfy it.
    UnevaluatedProperties(NodeId),
}

/// In which messages something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// In requests only.
    Request,
    /// In responses only.
    Response,
    /// In both.
    Both,
}

impl Direction {
    /// Whether what holds in `self` holds in a message of direction `other`.
    pub fn covers(self, other: Self) -> bool {
        self == Self::Both || self == other
    }
}

/// A set of JSON types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TypeSet(pub u8);

impl TypeSet {
    /// No type.
    pub const NONE: Self = Self(0);
    /// `null`.
    pub const NULL: Self = Self(1);
    /// `true` and `false`.
    pub const BOOLEAN: Self = Self(2);
    /// Objects.
    pub const OBJECT: Self = Self(4);
    /// Arrays.
    pub const ARRAY: Self = Self(8);
    /// Every number.
    pub const NUMBER: Self = Self(16);
    /// Strings.
    pub const STRING: Self = Self(32);
    /// Numbers without a fraction, however they are written.
    pub const INTEGER: Self = Self(64);
    /// Every type.
    pub const ALL: Self = Self(127);

    /// The names of JSON Schema, with the bit of each.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("null", Self::NULL),
        ("boolean", Self::BOOLEAN),
        ("object", Self::OBJECT),
        ("array", Self::ARRAY),
        ("number", Self::NUMBER),
        ("string", Self::STRING),
        ("integer", Self::INTEGER),
    ];

    /// The type of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, bit)| *bit)
    }

    /// The type of a JSON text; every number counts as `number`.
    pub fn of_json(text: &str) -> Self {
        match text.as_bytes().first() {
            Some(b'"') => Self::STRING,
            Some(b'{') => Self::OBJECT,
            Some(b'[') => Self::ARRAY,
            Some(b't' | b'f') => Self::BOOLEAN,
            Some(b'n') => Self::NULL,
            _ => Self::NUMBER,
        }
    }

    /// Whether all of `other` is in `self`.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the two share a type; integers are numbers.
    pub fn meets(self, other: Self) -> bool {
        self.closed().0 & other.closed().0 != 0
    }

    /// Whether a value of the type `actual` has one of these types: an integer is a number, no fraction is an integer.
    pub fn accepts(self, actual: Self) -> bool {
        self.closed().0 & actual.0 != 0
    }

    /// Both together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What both allow; integers are numbers.
    #[must_use]
    pub fn common(self, other: Self) -> Self {
        Self(self.closed().0 & other.closed().0)
    }

    /// Whether it is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The same set, where `number` implies `integer`.
    fn closed(self) -> Self {
        if self.contains(Self::NUMBER) { self.with(Self::INTEGER) } else { self }
    }

    /// The names of its types.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let hidden = if self.contains(Self::NUMBER) { Self::INTEGER } else { Self::NONE };
        Self::NAMES
            .iter()
            .filter(move |(_, bit)| self.contains(*bit) && *bit != hidden)
            .map(|(name, _)| *name)
    }
}
