//! What every store must do: one list of behaviours, run on memory always and on Redis where `SHIELD_REDIS` names one.

use crate::key::{Key, KeyMaker};
use crate::op::{Millis, Op, Rate, Reply};
use crate::store::Store;

const START: Millis = 1_800_000_000_000;
const MINUTE: Millis = 60_000;

/// A store, and a bucket that nothing has touched.
struct Bench<'a, S> {
    store: &'a S,
    key: Key,
    rate: Rate,
}

impl<S: Store> Bench<'_, S> {
    async fn ask(&self, now: Millis, op: Op) -> Reply {
        self.store.apply(now, &[op]).await.unwrap()[0]
    }

    async fn take_with(&self, now: Millis, units: u32, hold: Millis, pending: bool) -> Reply {
        self.ask(now, Op::Take { key: self.key, rate: self.rate, units, hold, pending }).await
    }

    async fn take(&self, now: Millis) -> Reply {
        self.take_with(now, 1, 0, false).await
    }

    async fn settle(&self, now: Millis, at: Millis, counts: bool) {
        let op = Op::Settle { key: self.key, rate: self.rate, at, units: 1, counts };
        assert_eq!(self.ask(now, op).await, Reply::Done);
    }

    fn with(&self, rate: Rate) -> Self {
        Self { store: self.store, key: Key { scope: self.key.scope + 1, ..self.key }, rate }
    }
}

const fn window(most: u32) -> Rate {
    Rate::Window { most, millis: MINUTE }
}

fn taken(at: Millis, left: u32, resets: Millis) -> Reply {
    Reply::Taken { at, left, resets }
}

fn refused(wait: Millis) -> Reply {
    Reply::Refused { wait, held: false, shared: false }
}

fn held(wait: Millis) -> Reply {
    Reply::Refused { wait, held: true, shared: false }
}

async fn a_window_lets_through_its_number_and_says_when_the_next_may_come<S: Store>(bench: Bench<'_, S>) {
    assert_eq!(bench.take(START).await, taken(START, 2, MINUTE));
    assert_eq!(bench.take(START + 10).await, taken(START + 10, 1, MINUTE - 10));
    assert_eq!(bench.take(START + 10).await, taken(START + 10, 0, MINUTE - 10));
    assert_eq!(bench.take(START + 20).await, refused(MINUTE - 20));
    assert_eq!(bench.take(START + MINUTE - 1).await, refused(1));
    assert_eq!(bench.take(START + MINUTE).await, taken(START + MINUTE, 0, 10));
    assert_eq!(bench.take(START + MINUTE).await, refused(10));
}

async fn a_window_slides_so_that_its_edge_gives_no_second_helping<S: Store>(bench: Bench<'_, S>) {
    for second in 0..3 {
        let now = START + 59_000 + second;
        assert!(matches!(bench.take(now).await, Reply::Taken { .. }));
    }
    // A counter that began anew each minute would let three more through here.
    assert_eq!(bench.take(START + MINUTE).await, refused(59_000));
}

async fn what_is_refused_is_not_counted<S: Store>(bench: Bench<'_, S>) {
    for _ in 0..3 {
        bench.take(START).await;
    }
    for step in 1..50 {
        assert_eq!(bench.take(START + step).await, refused(MINUTE - step));
    }
    assert_eq!(bench.take(START + MINUTE).await, taken(START + MINUTE, 2, MINUTE));
}

async fn buckets_know_nothing_of_each_other<S: Store>(bench: Bench<'_, S>) {
    for _ in 0..3 {
        bench.take(START).await;
    }
    let other = bench.with(window(3));
    assert_eq!(other.take(START).await, taken(START, 2, MINUTE));
    assert_eq!(bench.take(START).await, refused(MINUTE));
}

async fn a_batch_is_applied_in_order<S: Store>(bench: Bench<'_, S>) {
    let (key, rate) = (bench.key, bench.rate);
    let take = |units| Op::Take { key, rate, units, hold: 0, pending: false };
    let back = Op::Settle { key, rate, at: START, units: 2, counts: false };
    let replies =
        bench.store.apply(START, &[take(2), take(2), back, take(3), Op::Held { key }]).await.unwrap();
    let expected = [
        taken(START, 1, MINUTE),
        refused(MINUTE),
        Reply::Done,
        taken(START, 0, MINUTE),
        Reply::Held { wait: 0 },
    ];
    assert_eq!(replies, expected);
}

async fn units_are_charged_whole_or_not_at_all<S: Store>(bench: Bench<'_, S>) {
    assert_eq!(bench.take_with(START, 2, 0, false).await, taken(START, 1, MINUTE));
    assert_eq!(bench.take_with(START + 1, 2, 0, false).await, refused(MINUTE - 1));
    assert_eq!(bench.take_with(START + 2, 1, 0, false).await, taken(START + 2, 0, MINUTE - 2));
    assert_eq!(bench.take_with(START + 3, 3, 0, false).await, refused(MINUTE - 1), "after both");
    assert_eq!(bench.take_with(START + 3, 4, 0, false).await, refused(MINUTE), "more than ever fits");
    assert_eq!(bench.take_with(START + 3, u32::MAX, 0, false).await, refused(MINUTE));
    assert_eq!(
        bench.take_with(START + 3, 0, 0, false).await,
        taken(START + 3, 0, MINUTE - 3),
        "nothing is there"
    );
}

async fn what_is_given_back_can_be_taken_again<S: Store>(bench: Bench<'_, S>) {
    for _ in 0..3 {
        bench.take_with(START, 1, 0, true).await;
    }
    assert_eq!(bench.take_with(START + 5, 1, 0, true).await, refused(MINUTE - 5));
    bench.settle(START + 6, START, false).await;
    assert_eq!(bench.take_with(START + 7, 1, 0, true).await, taken(START + 7, 0, MINUTE - 7));
    bench.settle(START + 8, START, true).await;
    assert_eq!(bench.take_with(START + 9, 1, 0, true).await, refused(MINUTE - 9));
}

async fn what_has_left_the_window_is_not_given_back<S: Store>(bench: Bench<'_, S>) {
    bench.take_with(START, 1, 0, true).await;
    let later = START + MINUTE;
    for left in [2, 1, 0] {
        assert_eq!(bench.take(later).await, taken(later, left, MINUTE));
    }
    bench.settle(later, START, false).await;
    assert_eq!(bench.take(later).await, refused(MINUTE));
}

async fn a_hold_begins_with_a_refusal_and_ends_in_time<S: Store>(bench: Bench<'_, S>) {
    let hold = 10 * MINUTE;
    for _ in 0..3 {
        assert!(matches!(bench.take_with(START, 1, hold, false).await, Reply::Taken { .. }));
    }
    assert_eq!(bench.take_with(START + 1, 1, hold, false).await, held(hold));
    assert_eq!(
        bench.take_with(START + 1 + MINUTE, 1, hold, false).await,
        held(hold - MINUTE),
        "no longer by asking"
    );
    assert_eq!(bench.take_with(START + hold, 1, hold, false).await, held(1));
    let free = START + 1 + hold;
    assert_eq!(bench.take_with(free, 1, hold, false).await, taken(free, 2, MINUTE));
}

async fn what_is_not_settled_refuses_but_starts_no_hold<S: Store>(bench: Bench<'_, S>) {
    for _ in 0..3 {
        bench.take_with(START, 1, MINUTE, true).await;
    }
    assert_eq!(bench.take_with(START, 1, MINUTE, true).await, refused(MINUTE));
    for _ in 0..3 {
        bench.settle(START, START, true).await;
    }
    assert_eq!(bench.take_with(START, 1, MINUTE, true).await, held(MINUTE));
}

async fn a_client_is_held_for_as_long_as_was_said<S: Store>(bench: Bench<'_, S>) {
    let key = bench.key;
    assert_eq!(bench.ask(START, Op::Held { key }).await, Reply::Held { wait: 0 });
    assert_eq!(bench.ask(START, Op::Hold { key, millis: 500 }).await, Reply::Done);
    assert_eq!(bench.ask(START + 1, Op::Hold { key, millis: 100 }).await, Reply::Done, "a longer hold stays");
    assert_eq!(bench.ask(START + 100, Op::Held { key }).await, Reply::Held { wait: 400 });
    assert_eq!(bench.ask(START + 500, Op::Held { key }).await, Reply::Held { wait: 0 });
}

async fn a_large_window_never_lets_more_through_and_keeps_events_a_slot_longer<S: Store>(
    bench: Bench<'_, S>,
) {
    let bench = bench.with(window(5_000));
    let slot = MINUTE.div_ceil(128);
    let mut passed = 0;
    for step in 0..60 {
        if matches!(bench.take_with(START + step * 1_000, 100, 0, false).await, Reply::Taken { .. }) {
            passed += 100;
        }
    }
    assert_eq!(passed, 5_000);
    let Reply::Refused { wait, .. } = bench.take_with(START + 59_999, 1, 0, false).await else { panic!() };
    assert!((1..=1 + slot).contains(&wait), "{wait}");
    assert!(matches!(bench.take_with(START + 59_999 + wait, 1, 0, false).await, Reply::Taken { .. }));
}

async fn a_pace_lets_a_burst_through_and_then_one_at_a_time<S: Store>(bench: Bench<'_, S>) {
    let bench = bench.with(Rate::Paced { most: 60, millis: MINUTE, burst: 3 });
    assert_eq!(bench.take(START).await, taken(START, 2, 1_000));
    assert_eq!(bench.take(START).await, taken(START, 1, 2_000));
    assert_eq!(bench.take(START).await, taken(START, 0, 3_000));
    assert_eq!(bench.take(START).await, refused(1_000));
    assert_eq!(bench.take(START + 999).await, refused(1));
    assert_eq!(bench.take(START + 1_000).await, taken(START + 1_000, 0, 3_000));
    assert_eq!(bench.take_with(START + 1_000, 3, 0, false).await, refused(3_000));
    assert_eq!(bench.take_with(START + 4_000, 3, 0, false).await, taken(START + 4_000, 0, 3_000));
    assert_eq!(bench.take_with(START + 4_000, 1, MINUTE, false).await, held(MINUTE));
}

async fn a_pace_gives_back<S: Store>(bench: Bench<'_, S>) {
    let bench = bench.with(Rate::Paced { most: 60, millis: MINUTE, burst: 1 });
    assert_eq!(bench.take_with(START, 1, 0, true).await, taken(START, 0, 1_000));
    assert_eq!(bench.take_with(START, 1, MINUTE, true).await, refused(1_000), "no hold while unsettled");
    bench.settle(START, START, false).await;
    assert_eq!(bench.take_with(START, 1, 0, true).await, taken(START, 0, 1_000));
}

async fn a_clock_that_goes_back_frees_nothing<S: Store>(bench: Bench<'_, S>) {
    bench.take(START).await;
    assert!(matches!(bench.take(START - 5_000).await, Reply::Taken { left: 1, .. }));
    assert!(matches!(bench.take(START - 9_000).await, Reply::Taken { left: 0, .. }));
    assert!(matches!(bench.take(START - 9_000).await, Reply::Refused { .. }));
    assert_eq!(bench.take(START).await, refused(MINUTE - 9_000));
}

macro_rules! contract {
    ($($behaviour:ident)*) => {
        mod memory {
            use super::*;
            $(#[test]
            fn $behaviour() {
                let store = crate::memory::Memory::new(1 << 20);
                run(super::$behaviour(bench(&store, stringify!($behaviour))));
            })*
        }

        #[cfg(feature = "redis")]
        mod redis {
            use super::*;
            $(#[test]
            fn $behaviour() {
                let Some(url) = address() else { return };
                let deadline = std::time::Duration::from_secs(5);
                let store = crate::redis::Redis::new(&url, "contract", deadline).unwrap();
                run(async {
                    store.connect().await.unwrap();
                    super::$behaviour(bench(&store, stringify!($behaviour))).await;
                });
            })*
        }
    };
}

contract! {
    a_window_lets_through_its_number_and_says_when_the_next_may_come
    a_window_slides_so_that_its_edge_gives_no_second_helping
    what_is_refused_is_not_counted
    buckets_know_nothing_of_each_other
    a_batch_is_applied_in_order
    units_are_charged_whole_or_not_at_all
    what_is_given_back_can_be_taken_again
    what_has_left_the_window_is_not_given_back
    a_hold_begins_with_a_refusal_and_ends_in_time
    what_is_not_settled_refuses_but_starts_no_hold
    a_client_is_held_for_as_long_as_was_said
    a_large_window_never_lets_more_through_and_keeps_events_a_slot_longer
    a_pace_lets_a_burst_through_and_then_one_at_a_time
    a_pace_gives_back
    a_clock_that_goes_back_frees_nothing
}

/// A bucket of this run alone, as a server remembers those of others.
fn bench<'a, S: Store>(store: &'a S, name: &str) -> Bench<'a, S> {
    use std::hash::BuildHasher as _;
    let run = std::hash::RandomState::new().hash_one(name);
    let key = KeyMaker::new(&[9; 32]).key(run >> 1, [Some(name.as_bytes())]);
    Bench { store, key, rate: window(3) }
}

fn run(behaviour: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(behaviour);
}

/// Where a real server is, told by whoever runs the tests.
#[cfg(feature = "redis")]
pub(crate) fn address() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a test's own setting")]
    let address = std::env::var("SHIELD_REDIS").ok();
    if address.is_none() {
        eprintln!("LEFT OUT: a test needs a Redis server at SHIELD_REDIS");
    }
    address
}
