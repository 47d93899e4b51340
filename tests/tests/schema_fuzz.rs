//! Random schemas and random bytes: native code says what the interpreter says, and reads no byte behind the end.
//!
//! `SHIELD_FUZZ` is how many schemas there are, `SHIELD_FUZZ_SEED` the first of them.
#![expect(clippy::disallowed_methods, reason = "tests panic, print and read the environment")]

use serde_json::{Value, json};
use shield_compiler::schema::{Dialect, Reading, Texts, compile_schema};
use shield_compiler::source::SourceMap;
use shield_engine::schema::Validators;
use shield_tests::native::Both;
use shield_tests::random::{Random, broken, bytes, schema, value};

/// Texts for each schema.
const TEXTS: u64 = 24;

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn text(random: &mut Random) -> Vec<u8> {
    if random.one_in(4) {
        return bytes(random);
    }
    let value = value(random, 3);
    let text = if random.one_in(3) { format!("{value:#}") } else { value.to_string() };
    if random.one_in(5) { text.into_bytes() } else { broken(random, text.into_bytes()) }
}

#[test]
fn random_bytes_are_judged_alike() {
    let (schemas, first) = (variable("SHIELD_FUZZ", 1_500), variable("SHIELD_FUZZ_SEED", 1 << 32));
    let (mut valid, mut native) = (0_u64, 0_u64);
    for seed in first..first + schemas {
        let mut random = Random(seed);
        let mut root = schema(&mut random, 3);
        if let Value::Object(members) = &mut root {
            members.insert("$defs".into(), json!({ "leaf": schema(&mut random, 0) }));
        }
        let text_of = root.to_string();
        let texts = Texts { root: ("http://shield.test/", &text_of), others: &[] };
        let reading = Reading { dialect: Dialect::Draft202012, assert_formats: false };
        let (plan, node) = compile_schema(&mut SourceMap::default(), texts, reading).unwrap();
        let validators = Validators::load(plan).unwrap();
        let both = Both::new(&validators, node);
        native += u64::from(both.is_native());
        for _ in 0..TEXTS {
            valid += u64::from(both.judge(&text(&mut random)) == Some(true));
        }
    }
    eprintln!("{} texts, {valid} of them valid", schemas * TEXTS);
    assert_eq!(native, schemas, "every schema has native code");
    assert!(valid * 40 > schemas * TEXTS, "hardly a text is valid");
}
