//! Random schemas and values, the same for the same seed.

use serde_json::{Map, Value, json};

/// A small generator of random numbers (splitmix64), so that a seed names a case for good.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// True once in so many times.
    pub fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    /// One of a list.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len() as u64) as usize]
    }
}

const NAMES: &[&str] = &["a", "b", "c", "ab", "a/b", ""];
const TEXTS: &[&str] = &["", "a", "ab", "abc", "é", "🐉🐉", "1", "a\nb", "A"];
const PATTERNS: &[&str] = &["^a", "b$", "^[ab]*$", "\\d", "^.{2,3}$", "é|c", "^$"];
const TYPES: &[&str] = &["null", "boolean", "object", "array", "number", "string", "integer"];
const NUMBERS: &[&str] = &[
    "0", "1", "-1", "2", "1.0", "1.5", "3", "10", "-2.5", "1e1", "0.5", "7", "0.25", "-0.0", "2.50", "1.125",
];

fn number(random: &mut Random) -> Value {
    let text = random.pick(NUMBERS);
    serde_json::from_str(text).expect("a number")
}

/// A value that nests so deep.
pub fn value(random: &mut Random, depth: u32) -> Value {
    match random.below(if depth == 0 { 5 } else { 9 }) {
        0 => Value::Null,
        1 => Value::Bool(random.one_in(2)),
        2 | 3 => number(random),
        4 => Value::from(*random.pick(TEXTS)),
        5 | 6 => (0..random.below(5)).map(|_| value(random, depth - 1)).collect(),
        _ => {
            let count = random.below(5);
            Value::Object(
                (0..count).map(|_| ((*random.pick(NAMES)).to_owned(), value(random, depth - 1))).collect(),
            )
        }
    }
}

fn schemas(random: &mut Random, depth: u32) -> Value {
    (0..=random.below(3)).map(|_| schema(random, depth)).collect()
}

fn named(random: &mut Random, depth: u32) -> Value {
    Value::Object(
        (0..=random.below(3)).map(|_| ((*random.pick(NAMES)).to_owned(), schema(random, depth))).collect(),
    )
}

fn names(random: &mut Random) -> Value {
    let mut names: Vec<&str> = (0..random.below(3)).map(|_| *random.pick(NAMES)).collect();
    names.sort_unstable();
    names.dedup();
    names.into()
}

/// Branches that a member mostly tells apart.
fn told_apart(random: &mut Random, depth: u32) -> Value {
    let name = *random.pick(NAMES);
    (0..=random.below(4))
        .map(|_| {
            let mut branch = schema(random, depth);
            let Value::Object(members) = &mut branch else { return branch };
            let texts: Vec<&str> = (0..=random.below(2)).map(|_| *random.pick(TEXTS)).collect();
            let said = if random.one_in(2) { json!({ "const": texts[0] }) } else { json!({ "enum": texts }) };
            members.insert("properties".into(), json!({ name: said }));
            if !random.one_in(4) {
                members.insert("required".into(), json!([name]));
            }
            branch
        })
        .collect()
}

fn branches(random: &mut Random, depth: u32) -> Value {
    if random.one_in(2) { told_apart(random, depth) } else { schemas(random, depth) }
}

/// A keyword that asserts.
fn assertion(random: &mut Random, out: &mut Map<String, Value>) {
    let small = random.below(4);
    let (name, value) = match random.below(17) {
        0 | 1 => ("type", Value::from(*random.pick(TYPES))),
        2 => ("type", json!([random.pick(TYPES), random.pick(TYPES)])),
        3 => ("enum", (0..=random.below(3)).map(|_| value(random, 1)).collect()),
        4 => ("const", value(random, 1)),
        5 => ("minimum", number(random)),
        6 => ("maximum", number(random)),
        7 => ("exclusiveMinimum", number(random)),
        8 => ("exclusiveMaximum", number(random)),
        9 => ("multipleOf", json!(random.pick(&[0.25, 0.5, 1.0, 2.0, 3.0]))),
        10 => (*random.pick(&["minLength", "maxLength"]), json!(small)),
        11 => ("pattern", Value::from(*random.pick(PATTERNS))),
        12 => (*random.pick(&["minItems", "maxItems"]), json!(small)),
        13 => ("uniqueItems", json!(true)),
        14 => (*random.pick(&["minProperties", "maxProperties"]), json!(small)),
        15 => ("required", names(random)),
        _ => ("dependentRequired", json!({ *random.pick(NAMES): names(random) })),
    };
    if name == "type" && value.as_array().is_some_and(|types| types[0] == types[1]) {
        return;
    }
    out.insert(name.to_owned(), value);
}

/// A keyword that applies schemas.
fn applicator(random: &mut Random, depth: u32, out: &mut Map<String, Value>) {
    let (name, value) = match random.below(22) {
        0 | 1 => ("properties", named(random, depth)),
        2 => ("patternProperties", json!({ *random.pick(PATTERNS): schema(random, depth) })),
        3 => ("additionalProperties", schema(random, depth)),
        4 => ("items", schema(random, depth)),
        5 => ("prefixItems", schemas(random, depth)),
        6 => {
            if random.one_in(2) {
                out.insert("minContains".into(), json!(random.below(3)));
            }
            if random.one_in(2) {
                out.insert("maxContains".into(), json!(random.below(3)));
            }
            ("contains", schema(random, depth))
        }
        7 => ("propertyNames", schema(random, depth)),
        8 => ("dependentSchemas", named(random, depth)),
        9 | 10 => ("allOf", schemas(random, depth)),
        11 | 20 => ("anyOf", branches(random, depth)),
        12 | 21 => ("oneOf", branches(random, depth)),
        13 => ("not", schema(random, depth)),
        14 => {
            out.insert("then".into(), schema(random, depth));
            out.insert("else".into(), schema(random, depth));
            ("if", schema(random, depth))
        }
        15 | 16 => ("unevaluatedProperties", schema(random, 0)),
        17 => ("unevaluatedItems", schema(random, 0)),
        // Only forward, so that no chain of references comes back without progress.
        18 => ("$ref", json!("#/$defs/leaf")),
        _ if random.one_in(2) => ("items", json!({ "$ref": "#" })),
        _ => ("properties", json!({ *random.pick(NAMES): { "$ref": "#" } })),
    };
    out.insert(name.to_owned(), value);
}

/// A schema of draft 2020-12 that nests so deep; `#/$defs/leaf` is to be defined by who asks.
pub fn schema(random: &mut Random, depth: u32) -> Value {
    if random.one_in(12) {
        return Value::Bool(!random.one_in(3));
    }
    let mut out = Map::new();
    for _ in 0..random.below(3) {
        assertion(random, &mut out);
    }
    if depth > 0 {
        for _ in 0..random.below(4) {
            applicator(random, depth - 1, &mut out);
        }
    }
    Value::Object(out)
}

/// What texts are broken with, and random ones are made of.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    " ",
    "\n",
    "\t",
    "0",
    "1",
    "-",
    ".",
    "e",
    "E+",
    "10",
    "1.5",
    "-0",
    "true",
    "false",
    "null",
    "\"a\"",
    "\"b\":",
    "\"ab\":1",
    "\"a/b\"",
    "\"\"",
    "\\u0061",
    "\\ud83d\\udc09",
    "\\ud800",
    "\\n",
    "é",
    "🐉",
    "\u{1f}",
    "aaaaaaaaaaaaaaaa",
    "99999999999999999999",
    "1e400",
    "[[",
    "{\"a\":",
    "\"c\" : ",
];

/// Bytes that are hardly ever JSON: pieces of it, one after the other.
pub fn bytes(random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..random.below(24) {
        if random.one_in(40) {
            out.push(random.next() as u8);
        } else {
            out.extend_from_slice(random.pick(PIECES).as_bytes());
        }
    }
    out
}

/// Does something to a text: puts a piece in or over it, takes a byte out, cuts it, writes a part in another way.
pub fn broken(random: &mut Random, mut text: Vec<u8>) -> Vec<u8> {
    for _ in 0..=random.below(2) {
        let at = random.below(text.len() as u64 + 1) as usize;
        let piece = random.pick(PIECES).bytes();
        match random.below(6) {
            0 | 1 => drop(text.splice(at..at, piece)),
            2 => drop(text.splice(at..(at + piece.len()).min(text.len()), piece)),
            3 if at < text.len() => drop(text.remove(at)),
            4 => text.truncate(at),
            _ => escape_a_letter(&mut text, at),
        }
    }
    text
}

/// Writes the next letter as an escape, which changes nothing where it is in a string.
fn escape_a_letter(text: &mut Vec<u8>, at: usize) {
    let letter = (at..text.len()).find(|at| text[*at].is_ascii_lowercase());
    if let Some(letter) = letter {
        let escape = format!("\\u{:04x}", text[letter]);
        text.splice(letter..=letter, escape.bytes());
    }
}
