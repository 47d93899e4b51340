//! The store in memory under many threads and many keys.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::atomic::{AtomicU64, Ordering};

use shield_state::{Key, KeyMaker, Memory, Op, Rate, Reply};

const NOW: u64 = 1_800_000_000_000;

fn take(key: Key, most: u32) -> Op {
    Op::Take { key, rate: Rate::Window { most, millis: 60_000 }, units: 1, hold: 0, pending: false }
}

fn passes(store: &Memory, now: u64, op: Op) -> bool {
    matches!(store.decide(now, &[op])[..], [Reply::Taken { .. }])
}

/// Threat 99: in one process there is no slack.
#[test]
fn threat_099_concurrent_decisions_on_one_key_admit_exactly_the_limit() {
    let store = Memory::new(1 << 20);
    let key = KeyMaker::new(&[1; 32]).key(1, [Some(&b"one"[..])]);
    for (round, most) in [1, 10, 500, 1_000, 1_001, 5_000].into_iter().enumerate() {
        let key = Key { scope: round as u64, ..key };
        let passed = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for thread in 0..16 {
                let (store, passed) = (&store, &passed);
                scope.spawn(move || {
                    for step in 0..625 {
                        // Clocks of threads that differ by a few milliseconds, in no order.
                        let now = NOW + (step * 7 + thread) % 13;
                        passed.fetch_add(u64::from(passes(store, now, take(key, most))), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(passed.into_inner(), u64::from(most), "limit {most}");
    }
}

/// A window that is exact and one that is not let at most their number through in any span, whatever the arrivals.
#[test]
fn threat_100_no_span_of_a_window_holds_more_than_its_number() {
    for (most, step) in [(7_u32, 911_u64), (100, 53), (1_500, 9)] {
        let store = Memory::new(1 << 20);
        let key = KeyMaker::new(&[1; 32]).key(u64::from(most), []);
        let mut admitted = Vec::new();
        let mut now = NOW;
        let mut state = 1_u64;
        for _ in 0..40_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            now += (state >> 33) % (2 * step);
            if passes(&store, now, take(key, most)) {
                admitted.push(now);
            }
        }
        assert!(admitted.len() > most as usize * 3, "{}", admitted.len());
        for span in admitted.windows(most as usize + 1) {
            assert!(span[most as usize] - span[0] >= 60_000, "limit {most}");
        }
    }
}

/// Threat 102: memory stays within its bound, and nobody at the limit is let go.
#[test]
fn threat_102_a_flood_of_keys_stays_within_memory_and_frees_no_attacker() {
    let budget = 16 << 20;
    let store = Memory::new(budget);
    let keys = KeyMaker::new(&[2; 32]);
    let attacker = keys.key(1, [Some(&b"attacker"[..])]);
    for _ in 0..5 {
        assert!(passes(&store, NOW, take(attacker, 5)));
    }
    assert!(!passes(&store, NOW, take(attacker, 5)));
    let before = resident();
    let flood: u64 = if cfg!(debug_assertions) { 400_000 } else { 10_000_000 };
    for client in 0..flood {
        store.decide(NOW + client / 1_000, &[take(keys.key(1, [Some(&client.to_le_bytes()[..])]), 5)]);
        if client % 100_000 == 0 {
            assert!(!passes(&store, NOW + client / 1_000, take(attacker, 5)), "after {client}");
        }
    }
    let status = store.status();
    assert!(status.bytes <= budget as u64, "{status:?}");
    assert!(status.overflowed > 0);
    let grown = resident() - before;
    assert!(grown < budget as u64 * 3 / 2, "{grown} bytes for a budget of {budget}");
    // When the flood's keys are idle, new ones find room.
    let later = NOW + flood / 1_000 + 61_000;
    for client in 0..1_000_u64 {
        let key = keys.key(1, [Some(&(flood + client).to_le_bytes()[..])]);
        assert!((0..5).all(|_| passes(&store, later, take(key, 5))));
        assert!(!passes(&store, later, take(key, 5)));
    }
}

/// A few keys with many events each must not take more than the budget either, nor let more through.
#[test]
fn many_events_in_little_memory_are_kept_longer_and_never_forgotten() {
    let store = Memory::new(128 * 2_048);
    let keys = KeyMaker::new(&[3; 32]);
    for client in 0..500_u32 {
        let key = keys.key(1, [Some(&client.to_le_bytes()[..])]);
        let passed = (0..2_000).filter(|step| passes(&store, NOW + step * 7, take(key, 900))).count();
        assert!(passed <= 900, "{passed}");
    }
    assert!(store.status().bytes <= 128 * 2_048 + 128 * 1_024, "{:?}", store.status());
}

#[test]
fn a_shared_bucket_starts_no_hold() {
    let store = Memory::new(0);
    let keys = KeyMaker::new(&[4; 32]);
    let rate = Rate::Window { most: 1, millis: 1_000 };
    let key = keys.key(1, [Some(&b"a"[..])]);
    let op = Op::Take { key, rate, units: 1, hold: 600_000, pending: false };
    assert!(matches!(store.decide(NOW, &[op])[0], Reply::Taken { .. }));
    assert_eq!(store.decide(NOW, &[op])[0], Reply::Refused { wait: 1_000, held: false, shared: true });
    assert!(matches!(store.decide(NOW + 1_000, &[op])[0], Reply::Taken { .. }));
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "what the system says of this process")]
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}
