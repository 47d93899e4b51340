//! Random schemas and values: our verdict and our list of faults are those of the crate `jsonschema`.
#![expect(clippy::disallowed_methods, reason = "tests panic, print and read the environment")]

use serde_json::{Value, json};
use shield_compiler::schema::{Dialect, Reading, Texts, compile_schema};
use shield_compiler::source::SourceMap;
use shield_engine::schema::{Validators, json as reader};
use shield_tests::native::Both;
use shield_tests::oracle;
use shield_tests::random::{Random, schema, value};

/// Schemas in one run; `SHIELD_DIFFERENTIAL` multiplies them.
const SCHEMAS: u64 = 5_000;
/// So many violations are listed, and no more.
const LISTED: usize = 100;
/// Values for each.
const VALUES: u64 = 24;

#[test]
fn verdicts_and_faults_are_those_of_the_crate_jsonschema() {
    let times: u64 =
        std::env::var("SHIELD_DIFFERENTIAL").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let (mut pairs, mut valid, mut native, mut compared) = (0_u64, 0_u64, 0_u64, 0_u64);
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
            if !ours && listed.len() < LISTED {
                let difference =
                    oracle::difference(&oracle::ours(&listed), &oracle::theirs(&oracle, &instance));
                assert_eq!(difference, None, "seed {seed}: {root}\n{instance}\n{listed:?}");
                compared += 1;
            }
            assert_eq!(both.judge(text.as_bytes()), Some(ours), "seed {seed}: {root}\n{instance}");
            pairs += 1;
            valid += u64::from(ours);
        }
    }
    eprintln!("{pairs} pairs, {valid} of them valid, {compared} lists of faults compared");
    assert_eq!(native, SCHEMAS * times, "every schema has native code");
    assert!(
        pairs >= 100_000 && valid * 10 > pairs,
        "the generator makes too few pairs, or hardly a valid one"
    );
}
