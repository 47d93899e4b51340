//! What is wrong with a message: where, by which keyword, in which class, in words.

use std::fmt::Write as _;

pub use shield_ir::operation::Location;

/// One fault of a request or response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// In which part of the message.
    pub location: Location,
    /// An RFC 6901 pointer into that part; for parameters it starts with the parameter's name.
    pub pointer: String,
    /// The keyword, or the rule of the protocol, that is violated.
    pub keyword: &'static str,
    /// The class of such faults.
    pub class: Class,
    /// What is wrong, for the client's developer; holds no value of the message.
    pub message: String,
}

macro_rules! classes {
    ($($(#[$doc:meta])* $variant:ident $name:literal)*) => {
        /// Classes of violations, by their names in events, problems and metrics.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Class {
            $($(#[$doc])* $variant,)*
        }

        impl Class {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

classes! {
    /// Something that must be there is not.
    MissingRequired "missing_required"
    /// A value is of another type.
    InvalidType "invalid_type"
    /// Bytes or escapes do not decode.
    InvalidEncoding "invalid_encoding"
    /// A text does not parse.
    InvalidSyntax "invalid_syntax"
    /// The media type is malformed or stands twice.
    InvalidMediaType "invalid_media_type"
    /// The media type is not one that is declared.
    UnsupportedMediaType "unsupported_media_type"
    /// A value or name stands twice where it may stand once.
    DuplicateValue "duplicate_value"
    /// A parameter that has one value has several.
    TooManyValues "too_many_values"
    /// Any other keyword is violated.
    ConstraintViolation "constraint_violation"
    /// The body is larger than what is inspected.
    BodySize "body_size"
    /// Native code and the interpreter say different things.
    Disagreement "disagreement"
}

/// A step from a value into a part of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    /// To a member.
    Name(&'a str),
    /// To an item.
    Index(usize),
}

/// An RFC 6901 pointer.
pub(super) fn pointer(prefix: &str, steps: &[Step<'_>]) -> String {
    let mut out = prefix.to_owned();
    for step in steps {
        out.push('/');
        match step {
            Step::Name(name) => escape(name, &mut out),
            Step::Index(index) => _ = write!(out, "{index}"),
        }
    }
    out
}

/// Writes one token of a pointer.
pub(super) fn escape(name: &str, out: &mut String) {
    for character in name.chars() {
        match character {
            '~' => out.push_str("~0"),
            '/' => out.push_str("~1"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_escaped() {
        assert_eq!(pointer("/x", &[Step::Name("a/b~c"), Step::Index(3)]), "/x/a~1b~0c/3");
    }
}
