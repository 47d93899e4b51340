//! The formats that are asserted: those of JSON Schema and those of OpenAPI.

use serde::{Deserialize, Serialize};

macro_rules! formats {
    ($($(#[$doc:meta])* $variant:ident $name:literal)*) => {
        /// What a `format` asks of a string, or of a number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Format {
            $($(#[$doc])* $variant,)*
        }

        impl Format {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name in a schema.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

formats! {
    /// RFC 3339, date and time.
    DateTime "date-time"
    /// RFC 3339, full date.
    Date "date"
    /// RFC 3339, full time.
    Time "time"
    /// RFC 3339, appendix A.
    Duration "duration"
    /// RFC 5321, mailbox.
    Email "email"
    /// RFC 6531, mailbox.
    IdnEmail "idn-email"
    /// RFC 1123.
    Hostname "hostname"
    /// RFC 5890.
    IdnHostname "idn-hostname"
    /// RFC 2673, dotted quad.
    Ipv4 "ipv4"
    /// RFC 4291.
    Ipv6 "ipv6"
    /// RFC 3986.
    Uri "uri"
    /// RFC 3986.
    UriReference "uri-reference"
    /// RFC 3987.
    Iri "iri"
    /// RFC 3987.
    IriReference "iri-reference"
    /// RFC 4122.
    Uuid "uuid"
    /// RFC 6570.
    UriTemplate "uri-template"
    /// RFC 6901.
    JsonPointer "json-pointer"
    /// A pointer that starts with a number of levels.
    RelativeJsonPointer "relative-json-pointer"
    /// ECMA-262.
    Regex "regex"
    /// A number without fraction in 32 bits.
    Int32 "int32"
    /// A number without fraction in 64 bits.
    Int64 "int64"
    /// A number in the range of a binary32.
    Float "float"
    /// A number in the range of a binary64.
    Double "double"
    /// RFC 4648, base 64.
    Byte "byte"
}

impl Format {
    /// The format of that name, where it is one that is asserted.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|format| format.name() == name)
    }

    /// Whether it speaks of numbers rather than of strings.
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Int32 | Self::Int64 | Self::Float | Self::Double)
    }
}
