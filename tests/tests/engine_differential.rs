//! A walk with the interpreter, the indexes, and native code agree on generated policies and requests.
#![expect(clippy::indexing_slicing, reason = "a test that cannot go on says so")]

use shield_engine::{Backend, Policy};
use shield_ir::{Digest, Phase};
use shield_tests::generate::{Generator, Request};

const RULES: usize = 50;
const REQUESTS: u64 = 10;

/// How many policies: 100,000 pairs where code is optimised, fewer where it is not.
const POLICIES: u64 = if cfg!(debug_assertions) { 40 } else { 200 };

#[test]
fn interpreter_and_native_code_agree() {
    let first = std::option_env!("SHIELD_SEED").and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let (mut pairs, mut held, mut unanchored) = (0, 0, 0);
    for seed in first..first + POLICIES {
        let bundle = Generator::new(seed).bundle(RULES);
        shield_ir::verify::bundle(&bundle).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let load = |backend| Policy::load(bundle.clone(), Digest([0; 32]), backend).unwrap();
        let (interpreter, jit) = (load(Backend::Interpreter), load(Backend::Jit));
        assert_eq!(jit.fallback(), None);
        unanchored += jit.unanchored(Phase::Head) as u64;
        for request in 0..REQUESTS {
            let request_seed = seed * 1_000 + request;
            let request = Request::new(request_seed);
            let exchange = request.exchange();
            let meant = interpreter.holding_naively(&exchange, Phase::Head);
            assert_eq!(
                meant,
                interpreter.holding(&exchange, Phase::Head),
                "the index differs: seeds {seed}, {request_seed}"
            );
            let found = jit.holding(&exchange, Phase::Head);
            assert_eq!(
                meant,
                found,
                "policy seed {seed}, request seed {request_seed}\n{request:?}\n{}",
                differing(&bundle, &meant, &found)
            );
            pairs += RULES;
            held += meant.len();
        }
    }
    println!("{pairs} pairs, {held} of them hold, seeds {first} to {}", first + POLICIES - 1);
    assert!(
        unanchored < POLICIES * RULES as u64 * 7 / 10,
        "hardly a rule has anchors: {unanchored} have none"
    );
    assert!(
        held * 20 > pairs && held * 20 < pairs * 19,
        "nearly all conditions are alike: {held} of {pairs} hold"
    );
}

fn differing(
    bundle: &shield_ir::Bundle,
    meant: &[shield_ir::policy::RuleId],
    found: &[shield_ir::policy::RuleId],
) -> String {
    let all = meant.iter().chain(found);
    let differs = all.into_iter().filter(|id| meant.contains(id) != found.contains(id));
    differs.map(|id| describe(bundle, bundle.rules[id.0 as usize].when, 0)).collect::<Vec<_>>().join("\n")
}

fn describe(bundle: &shield_ir::Bundle, id: shield_ir::ExprId, depth: usize) -> String {
    let Some(node) = bundle.program.node(id) else { return String::new() };
    let mut text = format!("{}{:?}: {:?}\n", "  ".repeat(depth), node.ty, node.expr);
    node.expr.children(|child| text.push_str(&describe(bundle, child, depth + 1)));
    text
}
