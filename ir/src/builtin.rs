//! Every function of the expression language: signature, what its literals must be, one line of manual.

use serde::{Deserialize, Serialize};

use crate::types::Type;

/// What types an argument may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepts {
    /// This type alone.
    Just(Type),
    /// Any of these.
    OneOf(&'static [Type]),
    /// A `String` or any array.
    StringOrArray,
    /// Any map.
    Map,
    /// A map or an array of scalars.
    Container,
    /// The type that the first argument holds.
    ElementOfFirst,
    /// The type of the first argument.
    LikeFirst,
    /// A `String`, or an array.
    Joinable,
    /// Any type.
    Anything,
}

/// In what form an argument may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Literal or computed.
    Any,
    /// A field or a call's result, never a literal.
    Computed,
    /// A literal that passes the check.
    Literal(Check),
    /// `http.request.uri.query` or its raw form.
    Query,
}

/// What a literal argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Anything of the type.
    Nothing,
    /// An integer from .. to, inclusive.
    Between(i64, i64),
    /// A string of at least one byte.
    NotEmpty,
    /// Some of these letters, each once.
    Flags(&'static str),
    /// A regular expression.
    Regex,
    /// A wildcard pattern.
    Wildcard,
    /// A replacement with `${1}` … `${8}` and `$$`.
    Replacement,
    /// The name of a `jwt` item.
    Token,
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name in messages and the manual.
    pub name: &'static str,
    /// Its types.
    pub accepts: Accepts,
    /// Its form.
    pub form: Form,
}

/// What a call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returns {
    /// This type.
    Just(Type),
    /// The type of the first argument.
    LikeFirst,
}

/// A row of [`BUILTINS`].
#[derive(Debug)]
pub struct Signature {
    /// The function.
    pub builtin: Builtin,
    /// Its name.
    pub name: &'static str,
    /// Parameters that must be there.
    pub required: &'static [Parameter],
    /// Parameters that may follow.
    pub optional: &'static [Parameter],
    /// A parameter that may follow any number of times up to [`Signature::most`] arguments in all.
    pub rest: Option<Parameter>,
    /// The most arguments a call may have.
    pub most: usize,
    /// What it returns.
    pub returns: Returns,
    /// Whether an absent argument makes the result absent; otherwise the function handles absence itself.
    pub strict: bool,
    /// One line for the manual.
    pub doc: &'static str,
}

macro_rules! builtins {
    ($($variant:ident $name:literal ($($required:expr),*) [$($optional:expr),*] $rest:expr, $most:literal => $returns:expr, $strict:expr, $doc:literal;)*) => {
        /// A function of the expression language.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Builtin {
            $(#[doc = $doc] $variant),*
        }

        /// The table, in the order of [`Builtin`].
        pub static BUILTINS: &[Signature] = &[
            $(Signature {
                builtin: Builtin::$variant,
                name: $name,
                required: &[$($required),*],
                optional: &[$($optional),*],
                rest: $rest,
                most: $most,
                returns: $returns,
                strict: $strict,
                doc: $doc,
            }),*
        ];
    };
}

impl Builtin {
    /// The function of that name.
    pub fn find(name: &str) -> Option<Self> {
        BUILTINS.iter().find(|row| row.name == name).map(|row| row.builtin)
    }

    /// Its row.
    pub fn row(self) -> &'static Signature {
        #[expect(clippy::indexing_slicing, reason = "the macro writes one row for each variant, in order")]
        &BUILTINS[self as usize]
    }
}

impl Signature {
    /// The parameter that the argument at `index` fills, if a call may have that many.
    pub fn parameter(&self, index: usize) -> Option<Parameter> {
        self.required
            .iter()
            .chain(self.optional)
            .nth(index)
            .copied()
            .or_else(|| self.rest.filter(|_| index < self.most))
    }
}

const fn any(name: &'static str, ty: Type) -> Parameter {
    Parameter { name, accepts: Accepts::Just(ty), form: Form::Any }
}

const fn computed(name: &'static str, ty: Type) -> Parameter {
    Parameter { name, accepts: Accepts::Just(ty), form: Form::Computed }
}

const fn literal(name: &'static str, ty: Type, check: Check) -> Parameter {
    Parameter { name, accepts: Accepts::Just(ty), form: Form::Literal(check) }
}

const fn of(name: &'static str, accepts: Accepts) -> Parameter {
    Parameter { name, accepts, form: Form::Any }
}

const BOOL: Returns = Returns::Just(Type::BOOL);
const INT: Returns = Returns::Just(Type::INT);
const STRING: Returns = Returns::Just(Type::STRING);
const IP: Returns = Returns::Just(Type::IP);
const SOURCE: Parameter = computed("source", Type::STRING);
const JSON_KEY: Parameter = of("key", Accepts::OneOf(&[Type::STRING, Type::INT]));
const HASHED: Parameter = of("value", Accepts::OneOf(&[Type::STRING, Type::IP]));

#[rustfmt::skip]
mod table {
    use super::{Accepts, Check, Deserialize, Form, Parameter, Returns, Serialize, Signature, Type};
    use super::{BOOL, HASHED, INT, IP, JSON_KEY, SOURCE, STRING, any, computed, literal, of};

    builtins! {
        Cidr "cidr" (computed("address", Type::IP), literal("v4 bits", Type::INT, Check::Between(1, 32)), literal("v6 bits", Type::INT, Check::Between(1, 128))) [] None, 3 => IP, true,
            "the network address of an address, by prefix length for IPv4 and IPv6";
        Cidr6 "cidr6" (computed("address", Type::IP), literal("v6 bits", Type::INT, Check::Between(1, 128))) [] None, 2 => IP, true,
            "the network address of an IPv6 address; IPv4 unchanged";
        Coalesce "coalesce" (of("value", Accepts::Anything)) [] Some(of("value", Accepts::LikeFirst)), 32 => Returns::LikeFirst, false,
            "the first argument that is not absent";
        Concat "concat" (of("value", Accepts::Joinable)) [] Some(of("value", Accepts::LikeFirst)), 32 => Returns::LikeFirst, false,
            "all arguments one after the other, strings or arrays; an absent one counts as empty, all absent is absent";
        DecodeBase64 "decode_base64" (SOURCE) [] None, 1 => STRING, true,
            "the bytes of a base64 text, standard or URL-safe, padded or not; empty where it is neither";
        EncodeBase64 "encode_base64" (any("value", Type::STRING)) [literal("flags", Type::STRING, Check::Flags("up"))] None, 2 => STRING, true,
            "base64 without padding; `u` URL-safe alphabet, `p` padding";
        EndsWith "ends_with" (SOURCE, any("suffix", Type::STRING)) [] None, 2 => BOOL, true,
            "whether a string ends with another, byte for byte";
        HasKey "has_key" (of("map", Accepts::Map), any("key", Type::STRING)) [] None, 2 => BOOL, true,
            "whether a map has a key";
        HasValue "has_value" (of("collection", Accepts::Container), of("value", Accepts::ElementOfFirst)) [] None, 2 => BOOL, true,
            "whether a map or an array holds exactly this value";
        HashInRange "hash_in_range" (any("min", Type::INT), any("max", Type::INT), HASHED) [] Some(HASHED), 32 => INT, true,
            "a hash of the values as an integer from min up to, not including, max; absent where the range is empty";
        IsJwtPresent "is_jwt_present" (literal("token", Type::STRING, Check::Token)) [] None, 1 => BOOL, true,
            "whether the request carries a token where that `jwt` item looks for it";
        IsJwtValid "is_jwt_valid" (literal("token", Type::STRING, Check::Token)) [] None, 1 => BOOL, true,
            "whether the request carries a token that passes that `jwt` item";
        IsTimedHmacValidV0 "is_timed_hmac_valid_v0" (literal("key", Type::STRING, Check::NotEmpty), of("message and code", Accepts::Just(Type::STRING)), literal("lifetime", Type::INT, Check::Between(0, i64::MAX)), any("now", Type::INT)) [literal("separator length", Type::INT, Check::Between(0, 255)), literal("flags", Type::STRING, Check::Flags("s"))] None, 6 => BOOL, true,
            "whether `message separator timestamp-mac` carries the HMAC-SHA256 of message and timestamp and has not expired";
        Join "join" (any("items", Type::STRING.array()), any("separator", Type::STRING)) [] None, 2 => STRING, true,
            "the strings of an array with a separator between them";
        Len "len" (of("value", Accepts::StringOrArray)) [] None, 1 => INT, true,
            "how many bytes a string or elements an array has";
        LookupJsonInteger "lookup_json_integer" (any("json", Type::STRING), JSON_KEY) [] Some(JSON_KEY), 32 => INT, true,
            "the integer at keys and positions of a JSON text; absent where there is none";
        LookupJsonString "lookup_json_string" (any("json", Type::STRING), JSON_KEY) [] Some(JSON_KEY), 32 => STRING, true,
            "the string at keys and positions of a JSON text; absent where there is none";
        Lower "lower" (SOURCE) [] None, 1 => STRING, true,
            "ASCII letters in lower case, other bytes as they are";
        RegexReplace "regex_replace" (any("source", Type::STRING), literal("pattern", Type::STRING, Check::Regex), literal("replacement", Type::STRING, Check::Replacement)) [] None, 3 => STRING, true,
            "the first match replaced; `${1}` stands for a group, `$$` for `$`";
        RemoveBytes "remove_bytes" (any("source", Type::STRING), any("bytes", Type::STRING)) [] None, 2 => STRING, true,
            "a string without the bytes that the second one holds";
        RemoveQueryArgs "remove_query_args" (Parameter { name: "query", accepts: Accepts::Just(Type::STRING), form: Form::Query }, any("name", Type::STRING)) [] Some(any("name", Type::STRING)), 32 => STRING, true,
            "a query string without all arguments of these names";
        Sha256 "sha256" (any("value", Type::STRING)) [] None, 1 => STRING, true,
            "the 32 bytes of the SHA-256 hash";
        Split "split" (any("source", Type::STRING), literal("separator", Type::STRING, Check::NotEmpty)) [literal("limit", Type::INT, Check::Between(1, 128))] None, 3 => Returns::Just(Type::STRING.array()), true,
            "the pieces between separators, at most `limit`, the last one keeping the rest";
        StartsWith "starts_with" (SOURCE, any("prefix", Type::STRING)) [] None, 2 => BOOL, true,
            "whether a string starts with another, byte for byte";
        Substring "substring" (any("source", Type::STRING), any("start", Type::INT)) [any("end", Type::INT)] None, 3 => STRING, true,
            "the bytes from start up to, not including, end; negative counts from the end, out of range is clamped";
        ToString "to_string" (of("value", Accepts::OneOf(&[Type::INT, Type::BOOL, Type::IP]))) [] None, 1 => STRING, true,
            "the text of an integer, a truth value or an address";
        Trim "trim" (SOURCE) [] None, 1 => STRING, true,
            "a string without ASCII white space at both ends";
        Upper "upper" (SOURCE) [] None, 1 => STRING, true,
            "ASCII letters in upper case, other bytes as they are";
        UrlDecode "url_decode" (SOURCE) [literal("flags", Type::STRING, Check::Flags("ru"))] None, 2 => STRING, true,
            "`%XX` and `+` decoded once; `r` until nothing changes, `u` also `%uXXXX`; what is malformed stays";
        Uuidv4 "uuidv4" (computed("seed", Type::STRING)) [] None, 1 => STRING, true,
            "a version 4 UUID made from random bytes";
        WildcardReplace "wildcard_replace" (SOURCE, literal("pattern", Type::STRING, Check::Wildcard), literal("replacement", Type::STRING, Check::Replacement)) [literal("flags", Type::STRING, Check::Flags("s"))] None, 4 => STRING, true,
            "the replacement where the pattern matches the whole string, else the string; `s` minds case";
    }
}
pub use table::{BUILTINS, Builtin};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_stands_where_its_variant_says() {
        for row in BUILTINS {
            assert!(std::ptr::eq(row.builtin.row(), row));
            assert_eq!(Builtin::find(row.name), Some(row.builtin));
            assert!(row.required.len() + row.optional.len() <= row.most, "{}", row.name);
        }
        assert!(BUILTINS.windows(2).all(|pair| pair[0].name < pair[1].name));
    }
}
