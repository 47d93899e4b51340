//! The crate `jsonschema` as the oracle of ours: its verdicts, and its list of faults in the form that ours takes.
//!
//! What both say in other words is put into the same words here, and each such rule says why.
#![expect(clippy::wildcard_enum_match_arm, reason = "most faults are named alike")]

use std::collections::BTreeSet;
use std::error::Error;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, Retrieve, Uri, ValidationError, Validator};
use serde_json::Value;
use shield_compiler::schema::{Dialect, Reading};
use shield_engine::schema::Violation;

/// Faults: a pointer and a keyword each.
pub type Faults = BTreeSet<(String, String)>;

/// Documents that a schema may refer to, by URI.
struct Remotes(Vec<(String, Value)>);

impl Retrieve for Remotes {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let found = self.0.iter().find(|(known, _)| known == uri.as_str());
        found.map(|(_, value)| value.clone()).ok_or_else(|| format!("there is no {uri}").into())
    }
}

/// A validator of the crate for a schema, with the documents that it may refer to.
pub fn validator(schema: &Value, others: &[(&str, &str)], reading: Reading) -> Result<Validator, String> {
    let read = |(uri, text): &(&str, &str)| {
        ((*uri).to_owned(), serde_json::from_str(text).expect("a document that is referred to is JSON"))
    };
    let draft = match reading.dialect {
        Dialect::Draft4 | Dialect::OpenApi30 => Draft::Draft4,
        Dialect::Draft202012 | Dialect::OpenApi31 => Draft::Draft202012,
    };
    jsonschema::options()
        .with_draft(draft)
        .with_base_uri("http://shield.test/schema")
        .should_validate_formats(reading.assert_formats)
        .with_retriever(Remotes(others.iter().map(read).collect()))
        .build(schema)
        .map_err(|error| error.to_string())
}

/// What the crate finds wrong.
pub fn theirs(validator: &Validator, instance: &Value) -> Faults {
    validator.iter_errors(instance).flat_map(|error| fault(&error, instance)).collect()
}

fn fault(error: &ValidationError<'_>, root: &Value) -> Vec<(String, String)> {
    let pointer = error.instance_path().as_str();
    let below = |name: &str| format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
    let path: Vec<&str> = error.schema_path().as_str().split('/').collect();
    let last = path.last().copied().unwrap_or_default();
    match error.kind() {
        // We point at the member that is missing, or that is one too many: that is where a client has to look.
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            // `dependencies` is the older name of two keywords.
            let depends = path.iter().rev().find_map(|step| match *step {
                "required" => Some("required"),
                "dependentRequired" | "dependencies" => Some("dependentRequired"),
                _ => None,
            });
            vec![(below(name), depends.unwrap_or("required").to_owned())]
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected.iter().map(|name| (below(name), "additionalProperties".to_owned())).collect()
        }
        // Draft 4 only: the crate names the array, we each item that is one too many.
        ValidationErrorKind::AdditionalItems { limit } => {
            let items = root.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len);
            (*limit..items).map(|at| (format!("{pointer}/{at}"), "false".to_owned())).collect()
        }
        // Where nothing but `additionalProperties` says which members there may be, the crate names the object.
        ValidationErrorKind::FalseSchema if last == "additionalProperties" => {
            let members = root.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
            members.map(|(name, _)| (below(name), last.to_owned())).collect()
        }
        // The schema `false` has no keyword; we name the one that it stands behind.
        ValidationErrorKind::FalseSchema if last == "propertyNames" => {
            vec![(pointer.to_owned(), last.to_owned())]
        }
        ValidationErrorKind::FalseSchema => vec![(pointer.to_owned(), "false".to_owned())],
        other => vec![(pointer.to_owned(), other.keyword().to_owned())],
    }
}

/// What we find wrong.
pub fn ours(violations: &[Violation]) -> Faults {
    let fault = |violation: &Violation| {
        let pointer = violation.pointer.clone();
        match violation.keyword {
            // The crate calls too few and too many matching items by one name.
            "minContains" | "maxContains" => (pointer, "contains".to_owned()),
            // We point at the member that has the name, the crate at the object.
            "propertyNames" => {
                let object = pointer.rsplit_once('/').map_or("", |(object, _)| object);
                (object.to_owned(), "propertyNames".to_owned())
            }
            keyword => (pointer, keyword.to_owned()),
        }
    };
    violations.iter().map(fault).collect()
}

/// Where two lists of faults differ, if they do.
///
/// What is left unevaluated is listed in two ways that have no common form: the crate names the value that has leftovers,
/// we say of each leftover what is wrong with it, and that only where nothing else is wrong with the value, as otherwise
/// it is anyone's guess what would have been evaluated.
pub fn difference(ours: &Faults, theirs: &Faults) -> Option<String> {
    let is_leftover = |keyword: &str| keyword.starts_with("unevaluated");
    let values: Vec<&str> = theirs
        .iter()
        .filter(|(_, keyword)| is_leftover(keyword))
        .map(|(pointer, _)| pointer.as_str())
        .collect();
    let below = |pointer: &str, value: &str| {
        pointer.strip_prefix(value).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let missing: Vec<_> = theirs
        .difference(ours)
        .filter(|(pointer, keyword)| {
            !is_leftover(keyword) || !ours.iter().any(|(other, _)| below(other, pointer))
        })
        .collect();
    let extra: Vec<_> = ours
        .difference(theirs)
        .filter(|(pointer, _)| !values.iter().any(|value| below(pointer, value) && pointer != value))
        .collect();
    let differs = !missing.is_empty() || !extra.is_empty();
    differs.then(|| format!("only theirs: {missing:?}; only ours: {extra:?}"))
}
