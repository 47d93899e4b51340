//! Values of expressions as JSON, and JSON as values of a given type.

use std::borrow::Cow;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use shield_engine::Value;
use shield_ir::types::Layer;
use shield_ir::{Scalar, Type};

/// A value as JSON; bytes that are no text become `{"base64": "…"}`.
pub fn to_json(value: &Value<'_>) -> Json {
    match value {
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::String(bytes) => bytes_to_json(bytes),
        Value::Ip(address) => json!(address.to_string()),
        Value::Array(elements) => elements.iter().map(to_json).collect(),
        Value::Map(entries) => Json::Object(
            entries
                .iter()
                .map(|(key, value)| (String::from_utf8_lossy(key).into_owned(), to_json(value)))
                .collect(),
        ),
    }
}

fn bytes_to_json(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

/// JSON as a value of that type; `None` where it is none.
pub fn from_json(json: &Json, ty: Type) -> Option<Value<'static>> {
    match (ty.layer(), ty.element()) {
        (Some(Layer::Array), Some(element)) => json
            .as_array()?
            .iter()
            .map(|one| from_json(one, element))
            .collect::<Option<_>>()
            .map(Value::Array),
        (Some(Layer::Map), Some(element)) => {
            let entry = |key: &str, value: &Json| {
                Some((Cow::Owned(key.as_bytes().to_vec()), from_json(value, element)?))
            };
            let entries = match json {
                Json::Object(members) => {
                    members.iter().map(|(key, value)| entry(key, value)).collect::<Option<_>>()
                }
                Json::Array(pairs) => pairs
                    .iter()
                    .map(|pair| match pair.as_array()?.as_slice() {
                        [key, value] => entry(key.as_str()?, value),
                        _ => None,
                    })
                    .collect::<Option<_>>(),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
            };
            entries.map(Value::Map)
        }
        _ => match ty.innermost() {
            Scalar::Bool => json.as_bool().map(Value::Bool),
            Scalar::Int => json.as_i64().map(Value::Int),
            Scalar::String => bytes(json).map(|bytes| Value::String(Cow::Owned(bytes))),
            Scalar::Ip => json.as_str()?.parse::<IpAddr>().ok().map(Value::Ip),
        },
    }
}

/// The bytes that a JSON text, or `{"base64": "…"}`, stands for.
pub fn bytes(json: &Json) -> Option<Vec<u8>> {
    match json {
        Json::String(text) => Some(text.clone().into_bytes()),
        Json::Object(members) => STANDARD.decode(members.get("base64")?.as_str()?).ok(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => None,
    }
}

/// The type that JSON has of itself, for names that no table knows: objects are maps, as are lists of pairs of a
/// text and an array; what is empty holds strings.
pub fn type_of(json: &Json) -> Option<Type> {
    match json {
        Json::Bool(_) => Some(Type::BOOL),
        Json::Number(number) => number.as_i64().map(|_| Type::INT),
        Json::String(_) => Some(Type::STRING),
        Json::Array(elements) => match as_pairs(elements) {
            Some(value) => Some(type_of(value)?.map()),
            None => Some(elements.first().map_or(Some(Type::STRING), type_of)?.array()),
        },
        Json::Object(members) => Some(members.values().next().map_or(Some(Type::STRING), type_of)?.map()),
        Json::Null => None,
    }
}

/// The first value of a list of (text, array) pairs.
fn as_pairs(elements: &[Json]) -> Option<&Json> {
    let pair =
        |json: &Json| matches!(json.as_array().map(Vec::as_slice), Some([Json::String(_), Json::Array(_)]));
    elements.iter().all(pair).then(|| elements.first()?.as_array()?.get(1)).flatten()
}
