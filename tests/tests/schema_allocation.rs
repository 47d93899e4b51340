//! A valid body is judged without allocating.

use shield_compiler::schema::{Dialect, Reading, Texts, compile_schema};
use shield_compiler::source::SourceMap;
use shield_engine::schema::{Validators, Verdict};
use shield_ir::schema::Direction;

const SCHEMA: &str = r##"{
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "id": {"type": "string", "format": "uuid"},
                "at": {"type": "string", "format": "date-time"},
                "mail": {"type": "string", "format": "email"},
                "code": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]+$", "minLength": 5},
                "kind": {"enum": ["leaf", "branch"]},
                "price": {"type": "number", "minimum": 0, "multipleOf": 0.01},
                "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": true},
                "parts": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                "extra": {"type": "object", "patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": {"type": "integer"}}
            },
            "required": ["id", "kind"],
            "dependentRequired": {"price": ["code"]}
        }
    },
    "allOf": [{"$ref": "#/$defs/node"}],
    "oneOf": [{"properties": {"kind": {"const": "leaf"}}}, {"properties": {"kind": {"const": "branch"}}, "required": ["parts"]}],
    "anyOf": [{"type": "null"}, {"type": "object"}],
    "if": {"required": ["price"]},
    "then": {"required": ["at"]}
}"##;

const TEXT: &str = r#"{
    "id": "3f0c7a52-9d5e-4b6f-8a21-c0ffee123456", "kind": "branch", "at": "2026-03-14T09:26:53.589Z",
    "mail": "jane.doe@example.com", "code": "ABC-1234", "price": 12.34, "tags": ["a", "b", "é"],
    "extra": {"x-a": "one\n", "n": 1, "m": 2, "\u006f": 3},
    "unknown": {"a": [1, 2.5e3, "é", null, true], "b": {}}, "other": "a text that is longer than sixty-four bytes, so that Rust reads it, é",
    "parts": [{"id": "3f0c7a52-9d5e-4b6f-8a21-c0ffee123457", "kind": "leaf"}]
}"#;

#[test]
fn a_valid_body_is_judged_without_allocating() {
    let texts = Texts { root: ("http://shield.test/", SCHEMA), others: &[] };
    let reading = Reading { dialect: Dialect::Draft202012, assert_formats: true };
    let (plan, root) = compile_schema(&mut SourceMap::default(), texts, reading).unwrap();
    let validators = Validators::load(plan).unwrap();
    let native = validators.native(root, Direction::Request).unwrap().unwrap();
    // The thread's own memory, and the caches of regular expressions, are there after the first.
    assert_eq!(validators.judge(&native, TEXT.as_bytes()), Verdict::Valid);
    let allocated = allocation_counter::measure(|| {
        assert_eq!(validators.judge(&native, TEXT.as_bytes()), Verdict::Valid);
    });
    assert_eq!(allocated.count_total, 0);
}
