//! Functions of the expression language: one file each, pure; the table stands beside `ir::builtin::BUILTINS`.

mod cidr;
mod cidr6;
mod coalesce;
mod concat;
mod decode_base64;
mod encode_base64;
mod ends_with;
mod has_key;
mod has_value;
mod hash_in_range;
mod is_timed_hmac_valid_v0;
mod join;
mod len;
mod lookup_json_integer;
mod lookup_json_string;
mod lower;
mod regex_replace;
mod remove_bytes;
mod remove_query_args;
mod sha256;
mod split;
mod starts_with;
mod substring;
mod to_string;
mod trim;
mod upper;
mod url_decode;
mod uuidv4;
mod wildcard_replace;

use std::net::IpAddr;
use std::sync::LazyLock;

use shield_ir::Builtin;
use shield_ir::builtin::BUILTINS;

use crate::constants::Constant;
use crate::value::Value;

/// The longest string that a function makes; a longer one is absent.
pub const MAX_STRING: usize = 16 << 20;

/// What a function is called with.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'c, 'v> {
    values: &'c [Option<Value<'v>>],
    constant: Option<&'c Constant>,
}

impl<'c, 'v> Arguments<'c, 'v> {
    /// Values in order, and what was made of literal ones at load.
    pub const fn new(values: &'c [Option<Value<'v>>], constant: Option<&'c Constant>) -> Self {
        Self { values, constant }
    }

    fn value(&self, at: usize) -> Option<&'c Value<'v>> {
        self.values.get(at)?.as_ref()
    }

    fn text(&self, at: usize) -> Option<&'c [u8]> {
        self.value(at)?.bytes()
    }

    fn int(&self, at: usize) -> Option<i64> {
        if let Value::Int(value) = self.value(at)? { Some(*value) } else { None }
    }

    fn ip(&self, at: usize) -> Option<IpAddr> {
        if let Value::Ip(value) = self.value(at)? { Some(*value) } else { None }
    }

    fn flag(&self, at: usize, letter: u8) -> bool {
        self.text(at).is_some_and(|flags| flags.contains(&letter))
    }
}

type Function = for<'v> fn(&Arguments<'_, 'v>) -> Option<Value<'v>>;

/// The functions by name. `is_jwt_present` and `is_jwt_valid` are none: they ask the exchange.
#[rustfmt::skip]
const FUNCTIONS: &[(&str, Function)] = &[
    ("cidr", cidr::cidr),
    ("cidr6", cidr6::cidr6),
    ("coalesce", coalesce::coalesce),
    ("concat", concat::concat),
    ("decode_base64", decode_base64::decode_base64),
    ("encode_base64", encode_base64::encode_base64),
    ("ends_with", ends_with::ends_with),
    ("has_key", has_key::has_key),
    ("has_value", has_value::has_value),
    ("hash_in_range", hash_in_range::hash_in_range),
    ("is_timed_hmac_valid_v0", is_timed_hmac_valid_v0::is_timed_hmac_valid_v0),
    ("join", join::join),
    ("len", len::len),
    ("lookup_json_integer", lookup_json_integer::lookup_json_integer),
    ("lookup_json_string", lookup_json_string::lookup_json_string),
    ("lower", lower::lower),
    ("regex_replace", regex_replace::regex_replace),
    ("remove_bytes", remove_bytes::remove_bytes),
    ("remove_query_args", remove_query_args::remove_query_args),
    ("sha256", sha256::sha256),
    ("split", split::split),
    ("starts_with", starts_with::starts_with),
    ("substring", substring::substring),
    ("to_string", to_string::to_string),
    ("trim", trim::trim),
    ("upper", upper::upper),
    ("url_decode", url_decode::url_decode),
    ("uuidv4", uuidv4::uuidv4),
    ("wildcard_replace", wildcard_replace::wildcard_replace),
];

static BY_BUILTIN: LazyLock<Box<[Option<Function>]>> = LazyLock::new(|| {
    let function = |name: &str| FUNCTIONS.iter().find(|row| row.0 == name).map(|row| row.1);
    BUILTINS.iter().map(|row| function(row.name)).collect()
});

/// The result of a function.
pub fn call<'v>(builtin: Builtin, arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    (*BY_BUILTIN.get(builtin as usize)?)?(arguments)
}

#[cfg(test)]
mod testing {
    use std::borrow::Cow;

    use shield_ir::expr::Node;
    use shield_ir::{Builtin, Expr, ExprId, Literal, Program, Type};

    use super::Arguments;
    use crate::Value;
    use crate::constants::Constants;

    pub(super) fn text(value: &str) -> Value<'static> {
        bytes(value.as_bytes())
    }

    pub(super) fn bytes(value: &[u8]) -> Value<'static> {
        Value::String(Cow::Owned(value.to_vec()))
    }

    pub(super) fn int(value: i64) -> Value<'static> {
        Value::Int(value)
    }

    pub(super) fn ip(value: &str) -> Value<'static> {
        Value::Ip(value.parse().unwrap())
    }

    pub(super) fn yes() -> Value<'static> {
        Value::Bool(true)
    }

    pub(super) fn no() -> Value<'static> {
        Value::Bool(false)
    }

    pub(super) fn texts(values: &[&str]) -> Value<'static> {
        Value::Array(values.iter().map(|value| text(value)).collect())
    }

    pub(super) fn map(entries: &[(&str, Value<'static>)]) -> Value<'static> {
        let entry =
            |(key, value): &(&str, Value<'static>)| (Cow::Owned(key.as_bytes().to_vec()), value.clone());
        Value::Map(entries.iter().map(entry).collect())
    }

    pub(super) fn call(name: &str, arguments: &[Value<'static>]) -> Option<Value<'static>> {
        call_absent(name, &arguments.iter().cloned().map(Some).collect::<Vec<_>>())
    }

    /// Calls as the interpreter does: strict functions never see an absent argument, patterns are made beforehand.
    pub(super) fn call_absent(name: &str, arguments: &[Option<Value<'static>>]) -> Option<Value<'static>> {
        let builtin = Builtin::find(name).unwrap();
        if builtin.row().strict && arguments.contains(&None) {
            return None;
        }
        let mut program = Program::default();
        let mut ids = Vec::new();
        for argument in arguments {
            let literal = match argument {
                Some(Value::String(text)) => Literal::String((**text).into()),
                _ => Literal::Int(0),
            };
            program.nodes.push(Node { ty: literal.ty(), expr: Expr::Literal(literal) });
            ids.push(ExprId(program.nodes.len() as u32 - 1));
        }
        program.nodes.push(Node { ty: Type::STRING, expr: Expr::Call { builtin, arguments: ids.into() } });
        let constants = Constants::of(&program).unwrap();
        let constant = constants.get(ExprId(program.nodes.len() as u32 - 1));
        super::call(builtin, &Arguments::new(arguments, constant))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_has_one_function_and_every_function_is_a_builtin() {
        for row in BUILTINS {
            let asks_the_exchange = matches!(row.builtin, Builtin::IsJwtPresent | Builtin::IsJwtValid);
            let functions = FUNCTIONS.iter().filter(|(name, _)| *name == row.name).count();
            assert_eq!(functions, usize::from(!asks_the_exchange), "{}", row.name);
        }
        assert!(FUNCTIONS.iter().all(|(name, _)| Builtin::find(name).is_some()));
    }
}
