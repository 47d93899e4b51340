//! Values of expressions: scalars, arrays and maps, borrowed from the exchange or the policy where they can be.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;

use shield_ir::types::Layer;
use shield_ir::{Literal, Scalar, Type};

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Bytes.
    String(Cow<'a, [u8]>),
    /// An address.
    Ip(IpAddr),
    /// Elements in order.
    Array(Vec<Self>),
    /// Values under keys, each key once, in the order in which they were first seen.
    Map(Vec<(Cow<'a, [u8]>, Self)>),
}

impl<'a> Value<'a> {
    /// A string that borrows.
    pub const fn text(bytes: &'a [u8]) -> Self {
        Self::String(Cow::Borrowed(bytes))
    }

    /// What stands for a field of that type that has no source: false, 0, empty, the unspecified IPv4 address.
    pub fn default_of(ty: Type) -> Self {
        match (ty.layer(), ty.innermost()) {
            (Some(Layer::Array), _) => Self::Array(Vec::new()),
            (Some(Layer::Map), _) => Self::Map(Vec::new()),
            (None, Scalar::Bool) => Self::Bool(false),
            (None, Scalar::Int) => Self::Int(0),
            (None, Scalar::String) => Self::text(b""),
            (None, Scalar::Ip) => Self::Ip(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)),
        }
    }

    /// A map of arrays from pairs, keys in the order in which they come first.
    pub fn grouped(pairs: impl IntoIterator<Item = (Cow<'a, [u8]>, Self)>) -> Self {
        let mut places = std::collections::BTreeMap::new();
        let mut map: Vec<(Cow<'a, [u8]>, Vec<Self>)> = Vec::new();
        for (key, value) in pairs {
            let place = *places.entry(key.clone()).or_insert(map.len());
            match map.get_mut(place) {
                Some((_, values)) => values.push(value),
                None => map.push((key, vec![value])),
            }
        }
        Self::Map(map.into_iter().map(|(key, values)| (key, Self::Array(values))).collect())
    }

    /// Whether it is of that type, elements included.
    pub fn is_of(&self, ty: Type) -> bool {
        let elements = |layer| ty.element().filter(|_| ty.layer() == Some(layer));
        match self {
            Self::Array(all) => {
                elements(Layer::Array).is_some_and(|of| all.iter().all(|each| each.is_of(of)))
            }
            Self::Map(all) => {
                elements(Layer::Map).is_some_and(|of| all.iter().all(|(_, each)| each.is_of(of)))
            }
            Self::Bool(_) => ty == Type::BOOL,
            Self::Int(_) => ty == Type::INT,
            Self::String(_) => ty == Type::STRING,
            Self::Ip(_) => ty == Type::IP,
        }
    }

    /// The bytes of a string.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::String(bytes) => Some(bytes),
            Self::Bool(_) | Self::Int(_) | Self::Ip(_) | Self::Array(_) | Self::Map(_) => None,
        }
    }

    /// The same value, borrowing nothing.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::String(value) => Value::String(Cow::Owned(value.into_owned())),
            Self::Ip(value) => Value::Ip(value),
            Self::Array(elements) => Value::Array(elements.into_iter().map(Value::into_owned).collect()),
            Self::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned()))
                    .collect(),
            ),
        }
    }

    /// The order of two scalars of one type; none across address families, types and layers.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::String(a), Self::String(b)) => Some(a.cmp(b)),
            (Self::Ip(a), Self::Ip(b)) => (a.is_ipv4() == b.is_ipv4()).then(|| a.cmp(b)),
            _ => None,
        }
    }

    /// The entries of a map; nothing of anything else.
    pub fn into_entries(self) -> Vec<(Cow<'a, [u8]>, Self)> {
        match self {
            Self::Map(entries) => entries,
            Self::Bool(_) | Self::Int(_) | Self::String(_) | Self::Ip(_) | Self::Array(_) => Vec::new(),
        }
    }

    /// What an array or a map holds, in order; nothing of a scalar.
    pub fn into_elements(self) -> Vec<Self> {
        match self {
            Self::Array(elements) => elements,
            Self::Map(entries) => entries.into_iter().map(|(_, value)| value).collect(),
            Self::Bool(_) | Self::Int(_) | Self::String(_) | Self::Ip(_) => Vec::new(),
        }
    }
}

impl<'a> From<&'a Literal> for Value<'a> {
    fn from(literal: &'a Literal) -> Self {
        match literal {
            Literal::Bool(value) => Self::Bool(*value),
            Literal::Int(value) => Self::Int(*value),
            Literal::String(value) => Self::text(value),
            Literal::Ip(value) => Self::Ip(*value),
        }
    }
}

impl From<Vec<u8>> for Value<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::String(Cow::Owned(bytes))
    }
}
