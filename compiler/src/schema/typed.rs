//! OpenAPI 3.0 documents as a whole, in the types of the crate `openapiv3`: what is read here is read without our reader.
//!
//! Serde's errors have no place in the text, so nothing is enforced by this reading: it serves where a whole document is
//! taken in or written out, and as a second opinion on our own reader.

use openapiv3::OpenAPI;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The text of a document, JSON or YAML, as a value; says why it is none.
pub fn value(text: &str) -> Result<Value, String> {
    let json = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        Err(error) if json => Err(error.to_string()),
        Err(_) => {
            // YAML 1.2: `no` and `n` are words.
            let options = serde_yaml::options! { strict_booleans: true };
            serde_yaml::from_str_with_options(text, options).map_err(|error| error.to_string())
        }
    }
}

/// A part of a document in its type.
pub fn part<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}

/// A document in its types; says what it lacks.
pub fn document(text: &str) -> Result<OpenAPI, String> {
    let mut whole = value(text)?;
    fit(&mut whole);
    part(&whole)
}

/// Takes out what the crate's types cannot hold though the specification allows it: callbacks that are references, and
/// integers of more than 64 bits, which become floating. Nothing here asks for either.
fn fit(value: &mut Value) {
    match value {
        Value::Number(number) if number.as_i64().is_none() && number.as_u64().is_none() => {
            let floating = number.as_f64().and_then(serde_json::Number::from_f64);
            *number = floating.unwrap_or_else(|| 0.into());
        }
        Value::Array(items) => items.iter_mut().for_each(fit),
        Value::Object(members) => {
            if members.contains_key("responses") {
                members.shift_remove("callbacks");
            }
            members.values_mut().for_each(fit);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
