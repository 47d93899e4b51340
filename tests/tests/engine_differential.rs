//! A walk with the interpreter, the indexes, and native code agree on generated policies and requests.
#![expect(clippy::indexing_slicing, reason = "a test that cannot go on says so")]

use shield_engine::{Backend, Canonical, Exchange, Head, Headers, Limits, Policy};
use shield_ir::{Digest, Phase};
use shield_tests::generate::{Generator, Request};
use shield_tests::live;
use shield_tests::random::Random;

/// Rule sets, and requests for each.
const SETS: u64 = 10_000;
const REQUESTS: u64 = 2;

/// How many rules the sets have, in turn: with and without an index.
const RULES: [usize; 4] = [40, 4, 13, 16];

#[test]
fn interpreter_and_native_code_agree() {
    let first = std::option_env!("SHIELD_SEED").and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let (mut pairs, mut held, mut rules, mut unanchored) = (0, 0, 0, 0);
    for seed in first..first + SETS {
        let bundle = Generator::new(seed).bundle(RULES[seed as usize % RULES.len()]);
        shield_ir::verify::bundle(&bundle).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let load = |backend| Policy::load(bundle.clone(), Digest([0; 32]), backend).unwrap();
        let (interpreter, jit) = (load(Backend::Interpreter), load(Backend::Jit));
        assert_eq!(jit.fallback(), None);
        if bundle.rules.len() > 12 {
            rules += bundle.rules.len();
            unanchored += jit.unanchored(Phase::Head);
        }
        for request in 0..REQUESTS {
            let request_seed = seed * 1_000 + request;
            let request = Request::new(request_seed);
            let head = request.head();
            let canonical = Canonical::of(&head, &Limits::default()).expect("generated heads are canonical");
            let exchange = request.exchange(&canonical);
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
            pairs += bundle.rules.len();
            held += meant.len();
        }
    }
    println!("{SETS} sets, {pairs} pairs, {held} of them hold, seeds {first} to {}", first + SETS - 1);
    assert!(unanchored * 10 < rules * 7, "hardly a rule has anchors: {unanchored} of {rules} have none");
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

#[test]
fn values_under_names_are_found_as_a_walk_finds_them() {
    const RULES: &str = r#"
        rule aN { when http.request.uri.args["kN"][0] eq "vN" then log }
        rule bN { when any(http.request.uri.args["kN"][*] contains "wN") then log }
        rule cN { when http.request.headers["x-N"][0] in {"vN" "u"} then log }
        rule dN { when any(http.request.headers["x-N"][*] contains "w") then log }
    "#;
    let policy: String = (0..8).map(|n| RULES.replace('N', &n.to_string())).collect();
    let (bundle, digest) = shield_ir::Bundle::decode(&live::bundle(&policy)).unwrap();
    let load = |backend| Policy::load(bundle.clone(), digest, backend).unwrap();
    let policies = [load(Backend::Interpreter), load(Backend::Jit)];
    let mut random = Random(1);
    let mut held = 0;
    for _ in 0..2_000 {
        let words = ["v1", "w1", "v2", "xw2y", "u", "", "V1"];
        let args: Vec<String> =
            (0..random.below(6)).map(|_| format!("k{}={}", random.below(3), random.pick(&words))).collect();
        let target = format!("/?{}", args.join("&"));
        let names = ["X-1", "x-1", "x-2", "x-9", "X-2"];
        let mut headers = vec![(&b"host"[..], &b"a"[..])];
        for _ in 0..random.below(6) {
            let name = random.pick(&names);
            headers.push((name.as_bytes(), random.pick(&words).as_bytes()));
        }
        let headers = Headers::new(headers).unwrap();
        let head = Head { target: target.as_bytes(), headers, ..Head::default() };
        let canonical = Canonical::of(&head, &Limits::default()).unwrap();
        let exchange = Exchange::new(&canonical);
        let meant = policies[0].holding_naively(&exchange, Phase::Head);
        for policy in &policies {
            assert_eq!(meant, policy.holding(&exchange, Phase::Head), "{exchange:?}");
        }
        held += meant.len();
    }
    assert!(held > 2_000, "{held}");
}
