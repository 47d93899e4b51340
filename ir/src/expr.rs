//! Typed expressions: an arena in which every sub-expression of a policy stands once, children before parents.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::builtin::Builtin;
use crate::field::FieldId;
use crate::set::{Set, SetId};
use crate::types::Type;

/// A place in [`Program::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExprId(pub u32);

impl ExprId {
    /// As an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A value that stands in the text of a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Literal {
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Bytes.
    String(Box<[u8]>),
    /// An address.
    Ip(IpAddr),
}

impl Literal {
    /// Its type.
    pub const fn ty(&self) -> Type {
        match self {
            Self::Bool(_) => Type::BOOL,
            Self::Int(_) => Type::INT,
            Self::String(_) => Type::STRING,
            Self::Ip(_) => Type::IP,
        }
    }
}

/// Equality and order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Compare {
    /// `eq`
    Eq,
    /// `ne`
    Ne,
    /// `lt`
    Lt,
    /// `le`
    Le,
    /// `gt`
    Gt,
    /// `ge`
    Ge,
}

impl Compare {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Lt => "lt",
            Self::Le => "le",
            Self::Gt => "gt",
            Self::Ge => "ge",
        }
    }

    /// Whether two values in that order compare so.
    pub const fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Eq => order.is_eq(),
            Self::Ne => order.is_ne(),
            Self::Lt => order.is_lt(),
            Self::Le => order.is_le(),
            Self::Gt => order.is_gt(),
            Self::Ge => order.is_ge(),
        }
    }
}

/// Connectives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Logic {
    /// All hold.
    And,
    /// An odd number holds.
    Xor,
    /// One holds at least.
    Or,
}

impl Logic {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::And => "and",
            Self::Xor => "xor",
            Self::Or => "or",
        }
    }
}

/// What reduces an `Array<Bool>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Quantifier {
    /// One element holds at least.
    Any,
    /// No element fails.
    All,
}

impl Quantifier {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::All => "all",
        }
    }
}

/// One operation. Absence: a comparison with an absent operand is false, an absent `Bool` counts as false, indexes,
/// keys and strict calls of something absent are absent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Expr {
    /// A value of the text.
    Literal(Literal),
    /// A fact of the exchange.
    Field(FieldId),
    /// A fact that only this evaluation knows ([`Program::declared`]).
    Declared(u32),
    /// The element that the innermost enclosing [`Expr::Each`] is at.
    Item,
    /// The element of an array at an index.
    Index {
        /// The array.
        of: ExprId,
        /// The index, from 0.
        at: u32,
    },
    /// The value of a map under a key.
    Key {
        /// The map.
        of: ExprId,
        /// The key.
        key: Box<[u8]>,
    },
    /// `body` for each element of an array or value of a map, in order, absent results left out; of something absent,
    /// the empty array.
    Each {
        /// The array or map.
        over: ExprId,
        /// What is computed, with [`Expr::Item`] standing for the element.
        body: ExprId,
    },
    /// The elements of the elements of an array or map of arrays or maps.
    Flatten(ExprId),
    /// Negation, of a `Bool` or of every element of an `Array<Bool>`.
    Not(ExprId),
    /// Two or more `Bool`s; or `Array<Bool>`s element by element, as long as the shortest.
    Logic {
        /// The connective.
        op: Logic,
        /// What it connects, in the order of the text.
        of: Box<[ExprId]>,
    },
    /// Equality or order of two scalars of one type; addresses of different families are unequal and unordered.
    Compare {
        /// The operator.
        op: Compare,
        /// The left side.
        left: ExprId,
        /// The right side.
        right: ExprId,
    },
    /// Whether a string holds another.
    Contains {
        /// The string.
        of: ExprId,
        /// What it may hold.
        needle: Box<[u8]>,
    },
    /// Whether a regular expression matches somewhere in a string.
    Matches {
        /// The string.
        of: ExprId,
        /// The expression, in Rust `regex` syntax on bytes.
        regex: Box<str>,
    },
    /// Whether a wildcard pattern matches a whole string.
    Wildcard {
        /// The string.
        of: ExprId,
        /// The pattern as [`crate::wildcard`] understands it.
        pattern: Box<[u8]>,
        /// Whether case matters.
        strict: bool,
    },
    /// Membership in a set.
    In {
        /// The member, perhaps.
        of: ExprId,
        /// The set.
        set: SetId,
    },
    /// Whether an integer shares a bit with a mask.
    BitAnd {
        /// The integer.
        of: ExprId,
        /// The mask.
        mask: i64,
    },
    /// `any` or `all`; of something absent, false.
    Quantify {
        /// Which.
        quantifier: Quantifier,
        /// An `Array<Bool>`.
        of: ExprId,
    },
    /// A function's result.
    Call {
        /// The function.
        builtin: Builtin,
        /// Its arguments.
        arguments: Box<[ExprId]>,
    },
}

impl Expr {
    /// Calls `f` with every child, in order.
    pub fn children(&self, mut f: impl FnMut(ExprId)) {
        match self {
            Self::Literal(_) | Self::Field(_) | Self::Declared(_) | Self::Item => {}
            Self::Index { of, at: _ }
            | Self::Key { of, key: _ }
            | Self::Contains { of, needle: _ }
            | Self::Matches { of, regex: _ }
            | Self::Wildcard { of, pattern: _, strict: _ }
            | Self::In { of, set: _ }
            | Self::BitAnd { of, mask: _ }
            | Self::Quantify { quantifier: _, of }
            | Self::Flatten(of)
            | Self::Not(of) => f(*of),
            Self::Each { over, body } => {
                f(*over);
                f(*body);
            }
            Self::Logic { op: _, of } => of.iter().copied().for_each(f),
            Self::Compare { op: _, left, right } => {
                f(*left);
                f(*right);
            }
            Self::Call { builtin: _, arguments } => arguments.iter().copied().for_each(f),
        }
    }

    /// The same operation on other children.
    #[must_use]
    pub fn map_children(&self, mut f: impl FnMut(ExprId) -> ExprId) -> Self {
        let mut new = self.clone();
        match &mut new {
            Self::Literal(_) | Self::Field(_) | Self::Declared(_) | Self::Item => {}
            Self::Index { of, at: _ }
            | Self::Key { of, key: _ }
            | Self::Contains { of, needle: _ }
            | Self::Matches { of, regex: _ }
            | Self::Wildcard { of, pattern: _, strict: _ }
            | Self::In { of, set: _ }
            | Self::BitAnd { of, mask: _ }
            | Self::Quantify { quantifier: _, of }
            | Self::Flatten(of)
            | Self::Not(of) => *of = f(*of),
            Self::Each { over, body } => {
                *over = f(*over);
                *body = f(*body);
            }
            Self::Logic { op: _, of } => of.iter_mut().for_each(|id| *id = f(*id)),
            Self::Compare { op: _, left, right } => {
                *left = f(*left);
                *right = f(*right);
            }
            Self::Call { builtin: _, arguments } => arguments.iter_mut().for_each(|id| *id = f(*id)),
        }
        new
    }
}

/// An operation and the type of its result.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Node {
    /// The operation.
    pub expr: Expr,
    /// Its result's type.
    pub ty: Type,
}

/// A name that only one evaluation knows, for requests as data that bring fields of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// The name.
    pub name: Box<str>,
    /// The type.
    pub ty: Type,
}

/// All expressions of a policy and the sets that they ask.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Operations, children before parents, no two alike.
    pub nodes: Vec<Node>,
    /// Sets, no two alike.
    pub sets: Vec<Set>,
    /// Names beyond the table of fields; empty in a bundle.
    pub declared: Vec<Declared>,
}

impl Program {
    /// The node of that id.
    pub fn node(&self, id: ExprId) -> Option<&Node> {
        self.nodes.get(id.index())
    }

    /// The set of that id.
    pub fn set(&self, id: SetId) -> Option<&Set> {
        self.sets.get(id.0 as usize)
    }
}
