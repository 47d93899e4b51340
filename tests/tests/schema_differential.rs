//! Random schemas and values: our verdict is that of the crate `jsonschema`, and listing agrees with the verdict.
#![expect(
    clippy::disallowed_methods,
    clippy::explicit_auto_deref,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests panic, print and read the environment"
)]

use serde_json::{Map, Value, json};
use shield_compiler::schema::{Dialect, Reading, Texts, compile_schema};
use shield_compiler::source::SourceMap;
use shield_engine::schema::{Validators, json as reader};
use shield_tests::native::Both;

/// Schemas in one run; `SHIELD_DIFFERENTIAL` multiplies them.
const SCHEMAS: u64 = 5_000;
/// Values for each.
const VALUES: u64 = 24;

/// A small generator of random numbers (splitmix64), so that a seed names a case for good.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len() as u64) as usize]
    }
}

const NAMES: &[&str] = &["a", "b", "c", "ab", "a/b", ""];
const TEXTS: &[&str] = &["", "a", "ab", "abc", "é", "🐉🐉", "1", "a\nb", "A"];
const PATTERNS: &[&str] = &["^a", "b$", "^[ab]*$", "\\d", "^.{2,3}$", "é|c", "^$"];
const TYPES: &[&str] = &["null", "boolean", "object", "array", "number", "string", "integer"];
const NUMBERS: &[&str] = &["0", "1", "-1", "2", "1.0", "1.5", "3", "10", "-2.5", "1e1", "0.5", "7"];

fn number(random: &mut Random) -> Value {
    let text: &str = *random.pick::<&str>(NUMBERS);
    serde_json::from_str(text).unwrap()
}

fn value(random: &mut Random, depth: u32) -> Value {
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
        9 => ("multipleOf", json!(random.pick(&[0.5, 1.0, 2.0, 3.0]))),
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
    let (name, value) = match random.below(20) {
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
        11 => ("anyOf", schemas(random, depth)),
        12 => ("oneOf", schemas(random, depth)),
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
        _ => ("items", json!({ "$ref": "#" })),
    };
    out.insert(name.to_owned(), value);
}

fn schema(random: &mut Random, depth: u32) -> Value {
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

/// Bytes that break texts in interesting places.
const BREAKERS: &[u8] = b"\"\\{}[],:0e.- \n\x80\xc3\x1f";

/// What is left of a text when something was done to it is judged the same too.
fn broken(both: &Both<'_>, random: &mut Random, mut text: Vec<u8>) {
    let at = random.below(text.len() as u64) as usize;
    match random.below(3) {
        0 => text[at] = *random.pick(BREAKERS),
        1 => text.insert(at, *random.pick(BREAKERS)),
        _ => drop(text.remove(at)),
    }
    both.judge(&text);
}

#[test]
fn verdicts_are_those_of_the_crate_jsonschema() {
    let times: u64 =
        std::env::var("SHIELD_DIFFERENTIAL").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let (mut pairs, mut valid, mut native) = (0_u64, 0_u64, 0_u64);
    for seed in 0..SCHEMAS * times {
        let mut random = Random(seed);
        let mut root = schema(&mut random, 3);
        if let Value::Object(members) = &mut root {
            members.insert("$defs".into(), json!({ "leaf": schema(&mut random, 0) }));
        }
        let oracle = jsonschema::draft202012::new(&root).unwrap_or_else(|error| panic!("{root}: {error}"));
        let text = root.to_string();
        let texts = Texts { root: ("http://shield.test/", &text), others: &[] };
        let (plan, node) = compile_schema(
            &mut SourceMap::default(),
            texts,
            Reading { dialect: Dialect::Draft202012, assert_formats: false },
        )
        .unwrap_or_else(|errors| panic!("{root}: {errors:?}"));
        let validators = Validators::load(plan).unwrap();
        let both = Both::new(&validators, node);
        native += u64::from(both.is_native());
        for _ in 0..VALUES {
            let instance = value(&mut random, 3);
            let text = instance.to_string();
            let document = reader::parse(text.as_bytes()).unwrap();
            let ours = validators.is_valid(node, &document).unwrap();
            let listed = validators.violations(node, &document).unwrap();
            assert_eq!(ours, oracle.is_valid(&instance), "seed {seed}: {root}\n{instance}\n{listed:?}");
            assert_eq!(ours, listed.is_empty(), "seed {seed}: {root}\n{instance}");
            assert_eq!(both.judge(text.as_bytes()), Some(ours), "seed {seed}: {root}\n{instance}");
            broken(&both, &mut random, text.into_bytes());
            pairs += 1;
            valid += u64::from(ours);
        }
    }
    eprintln!("{pairs} pairs, {valid} of them valid");
    assert_eq!(native, SCHEMAS * times, "every schema has native code");
    assert!(
        pairs >= 100_000 && valid * 10 > pairs,
        "the generator makes too few pairs, or hardly a valid one"
    );
}
