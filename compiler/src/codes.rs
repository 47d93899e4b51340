//! Every diagnostic code, in ranges; a code is never reused, and each has a page in `docs/errors`.

/// A diagnostic's code: `E01xx` syntax, `E02xx` names, `E03xx` types, `E04xx` policy meaning, `E05xx` schemas
/// and documents, `W0xxx` warnings of the same ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    /// `E0302`.
    pub name: &'static str,
    /// What the code is about, in one line.
    pub title: &'static str,
}

impl Code {
    /// Whether diagnostics of this code forbid a bundle.
    pub fn is_error(self) -> bool {
        self.name.starts_with('E')
    }

    /// The row of that name.
    pub fn find(name: &str) -> Option<Self> {
        CODES.iter().copied().find(|code| code.name.eq_ignore_ascii_case(name))
    }
}

macro_rules! codes {
    ($($name:ident $title:literal)*) => {
        $(
            #[doc = $title]
            pub const $name: Code = Code { name: stringify!($name), title: $title };
        )*
        /// All of them, in order.
        pub const CODES: &[Code] = &[$($name),*];
    };
}

codes! {
    E0101 "something else was expected here"
    E0102 "a string is not closed or has an unknown escape"
    E0103 "a literal is malformed"
    E0104 "the text is not UTF-8"
    E0105 "the text nests too deeply or is too long"

    E0201 "no such field or function"
    E0202 "no such name"
    E0203 "a name is declared twice"
    E0204 "a file cannot be read"
    E0205 "files include each other in a cycle"
    E0206 "a scope matches no declared endpoint"
    E0299 "a field needs Cloudflare's network"

    E0301 "types do not match"
    E0302 "an operator does not apply to this type"
    E0303 "a call's arguments are wrong"
    E0304 "an index or key does not apply"
    E0305 "a regular expression or wildcard is malformed"
    E0306 "`[*]` is not allowed here"
    E0307 "a set or list is malformed"

    E0401 "an item lacks something or says it twice"
    E0402 "an action is not allowed here"
    E0403 "a value is out of its range"
    E0404 "two items contradict each other"

    E0501 "the API document cannot be read"
    E0502 "a reference cannot be resolved"
    E0503 "a schema is malformed"
    E0504 "a pattern cannot be enforced"
    E0505 "paths or operations of the document collide"
    E0506 "a parameter is malformed"

    W0101 "a word operator is glued to what follows"
    W0401 "a condition never changes"
    W0402 "a rule can never act"
    W0403 "a comparison can never be true"
    W0404 "something is declared and never used"
    W0405 "nothing protects this endpoint"
    W0406 "the order of the text and of the phases differ in effect"
    W0407 "the same thing is said twice"
    W0408 "a regular expression is a plain literal"
    W0409 "many rules are looked at for every request"
    W0501 "a keyword of the document is not enforced"
    W0502 "a schema can never be satisfied"
    W0503 "paths and parameters of the document do not agree"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_unique() {
        assert!(CODES.windows(2).all(|pair| pair[0].name < pair[1].name));
    }
}
