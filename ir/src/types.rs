//! The types of the expression language: scalars, and arrays and maps of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A type without parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scalar {
    /// True or false.
    Bool,
    /// A signed 64-bit integer.
    Int,
    /// Bytes, not necessarily UTF-8.
    String,
    /// An IPv4 or IPv6 address.
    Ip,
}

/// What wraps an element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// A sequence of elements.
    Array,
    /// Values under string keys.
    Map,
}

/// A scalar inside at most [`Type::MAX_LAYERS`] arrays and maps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Type {
    scalar: Scalar,
    /// Two bits a layer, the outermost lowest: 1 array, 2 map, 0 none.
    layers: u8,
}

impl Type {
    /// How deep arrays and maps nest.
    pub const MAX_LAYERS: usize = 4;
    /// True or false.
    pub const BOOL: Self = Self::scalar(Scalar::Bool);
    /// A signed 64-bit integer.
    pub const INT: Self = Self::scalar(Scalar::Int);
    /// Bytes.
    pub const STRING: Self = Self::scalar(Scalar::String);
    /// An address.
    pub const IP: Self = Self::scalar(Scalar::Ip);

    /// The type of that scalar.
    pub const fn scalar(scalar: Scalar) -> Self {
        Self { scalar, layers: 0 }
    }

    /// An array of `self`; a fifth layer is dropped, which [`crate::verify`] and the checker never let happen.
    #[must_use]
    pub const fn array(self) -> Self {
        Self { scalar: self.scalar, layers: self.layers << 2 | 1 }
    }

    /// A map to `self`.
    #[must_use]
    pub const fn map(self) -> Self {
        Self { scalar: self.scalar, layers: self.layers << 2 | 2 }
    }

    /// The scalar, where there are no layers.
    pub const fn as_scalar(self) -> Option<Scalar> {
        if self.layers == 0 { Some(self.scalar) } else { None }
    }

    /// The scalar within all layers.
    pub const fn innermost(self) -> Scalar {
        self.scalar
    }

    /// The outermost layer.
    pub const fn layer(self) -> Option<Layer> {
        match self.layers & 3 {
            1 => Some(Layer::Array),
            2 => Some(Layer::Map),
            _ => None,
        }
    }

    /// What an array holds or a map maps to.
    pub const fn element(self) -> Option<Self> {
        if self.layers == 0 { None } else { Some(Self { scalar: self.scalar, layers: self.layers >> 2 }) }
    }

    /// How many layers there are.
    pub const fn depth(self) -> usize {
        (8 - self.layers.leading_zeros() as usize).div_ceil(2)
    }

    /// Whether the layers are well formed, as decoded bytes may not be.
    pub fn is_valid(self) -> bool {
        (0..Self::MAX_LAYERS).all(|at| {
            let layer = self.layers >> (2 * at) & 3;
            layer != 3 && (layer != 0 || self.layers >> (2 * at) == 0)
        })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.layer(), self.element()) {
            (Some(Layer::Array), Some(element)) => write!(f, "Array<{element}>"),
            (Some(Layer::Map), Some(element)) => write!(f, "Map<{element}>"),
            _ => f.write_str(match self.scalar {
                Scalar::Bool => "Bool",
                Scalar::Int => "Int",
                Scalar::String => "String",
                Scalar::Ip => "IP",
            }),
        }
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_read_from_the_outside_in() {
        let headers = Type::STRING.array().map();
        assert_eq!(headers.to_string(), "Map<Array<String>>");
        assert_eq!(headers.layer(), Some(Layer::Map));
        assert_eq!(headers.element(), Some(Type::STRING.array()));
        assert_eq!(headers.depth(), 2);
        assert_eq!(Type::IP.depth(), 0);
        assert!(headers.is_valid() && Type::INT.is_valid());
        assert!(!Type { scalar: Scalar::Int, layers: 3 }.is_valid());
        assert!(!Type { scalar: Scalar::Int, layers: 0b0100 }.is_valid());
    }
}
