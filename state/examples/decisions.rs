//! How many limits one core decides in a second, in memory: `cargo run --release -p shield-state --example decisions`.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "it measures and says what it measured")]

use std::time::Instant;

use shield_state::{Key, KeyMaker, Memory, Op, Rate};

const ROUNDS: u64 = 2_000_000;

fn main() {
    let keys = KeyMaker::new(&[7; 32]);
    for (name, clients, rate) in [
        ("window, one client", 1, Rate::Window { most: 100, millis: 60_000 }),
        ("window, 10,000 clients", 10_000, Rate::Window { most: 100, millis: 60_000 }),
        ("pace, 10,000 clients", 10_000, Rate::Paced { most: 100, millis: 60_000, burst: 20 }),
        ("window, another client each time", u64::MAX, Rate::Window { most: 100, millis: 60_000 }),
    ] {
        let store = Memory::new(64 << 20);
        let begin = Instant::now();
        for round in 0..ROUNDS {
            let client = (round % clients).to_le_bytes();
            let key: Key = keys.key(1, [Some(&client[..])]);
            let op = Op::Take { key, rate, units: 1, hold: 0, pending: false };
            std::hint::black_box(store.decide(round / 1_000, &[op]));
        }
        let each = begin.elapsed().as_nanos() / u128::from(ROUNDS);
        println!(
            "{{\"limits\":\"{name}\",\"ns_per_decision\":{each},\"per_second\":{}}}",
            1_000_000_000 / each.max(1)
        );
    }
}
