use shield_ir::{Bundle, Compare, Digest, Phase};

use crate::testing::{self, Builder, block, policy, rule};
use crate::{Backend, Exchange, Head, Headers, Policy};

fn exchange(target: &'static str) -> Exchange<'static> {
    let headers = Headers::new(vec![(b"host", b"shop.test")]).unwrap();
    let head = Head { target: target.as_bytes(), headers, ..Head::default() };
    testing::exchange(head)
}

/// A number of `/proc/self/status`, in KiB.
fn status(name: &str) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the test looks at its own process")]
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

fn bundle(rules: usize) -> Bundle {
    let mut builder = Builder::default();
    let rules = (0..rules)
        .map(|at| {
            let when = builder.eq("http.request.uri.path", &format!("/some/longer/path/than/that/{at}"));
            rule("r", when, &[block()])
        })
        .collect();
    Bundle { program: builder.program, rules, ..Bundle::default() }
}

fn load(bundle: &Bundle, backend: Backend) -> Policy {
    Policy::load(bundle.clone(), Digest([0; 32]), backend).unwrap()
}

#[test]
fn pages_are_freed_with_the_policy_and_are_never_writable_and_executable() {
    let bundle = bundle(20);
    let kept = load(&bundle, Backend::Jit);
    #[expect(clippy::disallowed_methods, reason = "the test looks at its own process")]
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    assert!(
        !maps
            .lines()
            .any(|line| line.split_ascii_whitespace().nth(1).is_some_and(|kind| kind.starts_with("rwx")))
    );
    for _ in 0..20 {
        load(&bundle, Backend::Jit);
    }
    let before = status("VmSize:");
    for _ in 0..300 {
        load(&bundle, Backend::Jit);
    }
    let grown = status("VmSize:").saturating_sub(before);
    // Other tests run beside this one; 300 policies that keep their pages are ten times as much.
    assert!(grown < 300 * 4, "grew by {grown} KiB");
    assert_eq!(kept.backend(), Backend::Jit);
}

#[test]
fn a_condition_that_is_too_large_is_the_interpreters() {
    let mut builder = Builder::default();
    let mut when = builder.eq("http.host", "shop.test");
    for _ in 0..12 {
        when = builder.logic(shield_ir::Logic::And, &[when, when]);
    }
    let policy = policy(builder, vec![rule("large", when, &[block()])]);
    assert_eq!(policy.backend(), Backend::Jit);
    assert_eq!(policy.holding(&exchange("/"), Phase::Head).len(), 1);
}

#[test]
fn functions_are_split_and_every_condition_keeps_its_number() {
    let bundle = bundle(350);
    let policy = load(&bundle, Backend::Jit);
    let at = |number: u32| {
        let target: &'static str =
            Box::leak(format!("/some/longer/path/than/that/{number}").into_boxed_str());
        policy.holding(&exchange(target), Phase::Head).iter().map(|id| id.0).collect::<Vec<_>>()
    };
    for number in [0, 99, 100, 199, 349] {
        assert_eq!(at(number), [number]);
    }
    assert!(at(350).is_empty());
}

#[test]
fn literals_of_every_length_are_compared_whole() {
    for length in 0..40 {
        let text: String =
            "/abcdefghij".chars().chain("abcdefghij".chars().cycle()).take(length + 1).collect();
        for last in ["", "x"] {
            let other = format!("{text}{last}");
            let mut builder = Builder::default();
            let path = builder.field("http.request.uri.path");
            let literal = builder.text(&text);
            let conditions = [
                builder.compare(Compare::Eq, path, literal),
                builder.compare(Compare::Ne, path, literal),
                builder.call("starts_with", &[path, literal]),
                builder.call("ends_with", &[path, literal]),
            ];
            let rules = conditions.iter().map(|when| rule("r", *when, &[block()])).collect();
            let policy = policy(builder, rules);
            let target: &'static str = Box::leak(other.clone().into_boxed_str());
            let found = policy.holding(&exchange(target), Phase::Head);
            assert_eq!(
                found,
                policy.holding_naively(&exchange(target), Phase::Head),
                "{text:?} and {other:?}"
            );
            assert_eq!(found.len(), if last.is_empty() { 3 } else { 2 });
        }
    }
}

#[test]
fn the_text_of_the_code_can_be_read() {
    let text = crate::clif(&bundle(2)).unwrap();
    assert!(text.contains("br_table") && text.contains("icmp"), "{text}");
}
