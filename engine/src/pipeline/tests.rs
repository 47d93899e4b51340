#![expect(clippy::disallowed_methods, reason = "a clock of a test begins somewhere")]

use std::cell::Cell;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use shield_ir::policy::{Action, Api, Block, HeaderChange, HostPattern, Protection, Scope, ScopePart, Side};
use shield_ir::{Bundle, ExprId};

use crate::denial::Reason;
use crate::testing::{self, Builder, api, block, policy, rule};
use crate::verdict::{Change, HeaderEdit};
use shield_ir::Digest;

use crate::{Backend, Exchange, Head, Headers, Kind, Policy, ResponseHead, Step, Stopwatch};

use super::*;

fn exchange<'a>(target: &'static str) -> Exchange<'a> {
    let headers = Headers::new(vec![(b"host", b"shop.test")]).unwrap();
    let head = Head { target: target.as_bytes(), headers, ..Head::default() };
    testing::exchange(head)
}

fn kinds(exchange: &Exchange<'_>) -> Vec<(Kind, &'static str)> {
    exchange.events().iter().map(|event| (event.kind, event.reason.label())).collect()
}

fn forward<'a>(policy: &'a Policy, exchange: &mut Exchange<'a>) -> Permit<'a> {
    match policy.judge_head(exchange) {
        Ok(Step::Forward(permit)) => permit,
        other => panic!("{other:?}"),
    }
}

fn yes(builder: &mut Builder) -> ExprId {
    builder.bool(true)
}

#[test]
fn a_policy_without_apis_lets_everything_through() {
    let policy = policy(Builder::default(), Vec::new());
    let mut exchange = exchange("/a?b");
    let permit = forward(&policy, &mut exchange);
    assert_eq!((permit.api(), permit.target()), (None, &b"/a?b"[..]));
    assert!(exchange.events().is_empty());
}

#[test]
fn stages_are_timed_by_the_clock_that_is_lent() {
    thread_local!(static LOOKS: Cell<u32> = const { Cell::new(0) });
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let clock = || {
        LOOKS.set(LOOKS.get() + 1);
        *BEGAN + LOOKS.get() * Duration::from_nanos(7)
    };
    let mut builder = Builder::default();
    let on_a = builder.eq("http.request.uri.path", "/a");
    let mut late = rule("late", on_a, &[Action::Block(Block::default())]);
    late.phase = Phase::Response;
    let rules = vec![rule("closed", on_a, &[Action::Block(Block::default())]), late];
    let apis = vec![Api { unknown: Mode::Off, ..api("shop.test") }];
    let bundle = Bundle { program: builder.program, apis, rules, ..Bundle::default() };
    let policy = Policy::load(bundle, Digest([7; 32]), Backend::default()).unwrap();
    let laps = |target, judge: for<'a> fn(&'a Policy, &mut Exchange<'a>)| {
        let stopwatch = Stopwatch::new(clock);
        let mut exchange = exchange(target);
        exchange.set_stopwatch(&stopwatch);
        judge(&policy, &mut exchange);
        drop(exchange);
        let laps = stopwatch.laps();
        assert!(laps.iter().all(|lap| lap.took == Duration::from_nanos(7)), "{laps:?}");
        laps.iter().map(|lap| format!("{}:{}", lap.phase, lap.stage)).collect::<Vec<_>>()
    };
    let refused = laps("/a", |policy, exchange| drop(policy.judge_head(exchange).unwrap_err()));
    // Stages that this policy gives nothing to do are not run.
    assert_eq!(refused, ["head:host", "head:endpoint", "head:rules"]);
    let passed = laps("/b", |policy, exchange| {
        policy.judge_head(exchange).unwrap();
        policy.judge_response(exchange).unwrap();
    });
    assert_eq!(passed, ["head:host", "head:endpoint", "head:rules", "response:rules"]);
}

#[test]
fn a_host_that_no_api_has_is_misdirected() {
    let mut bundle = Bundle { apis: vec![api("other.test")], ..Bundle::default() };
    let load = |bundle| Policy::load(bundle, Digest([0; 32]), Backend::default()).unwrap();
    let denial = load(bundle.clone()).judge_head(&mut exchange("/")).unwrap_err();
    assert_eq!((denial.reason, denial.status), (Reason::UnknownHost, 421));
    bundle.apis[0].hosts = [HostPattern::Below("test".into())].into();
    bundle.apis[0].unknown = Mode::Off;
    assert!(forward(&load(bundle), &mut exchange("/")).api().is_some());
}

#[test]
fn rules_run_in_order_and_the_first_refusal_ends_them() {
    let mut builder = Builder::default();
    let (on_a, yes) = (builder.eq("http.request.uri.path", "/a"), yes(&mut builder));
    let rules = vec![
        rule("seen", on_a, &[Action::Log]),
        rule("closed", on_a, &[Action::Block(Block { status: Some(451), ..Block::default() })]),
        rule("never", yes, &[Action::Log]),
    ];
    let policy = policy(builder, rules);
    let mut refused = exchange("/a");
    let denial = policy.judge_head(&mut refused).unwrap_err();
    assert_eq!((denial.status, policy.cite(denial.by.unwrap()).unwrap().name), (451, "closed"));
    assert_eq!(kinds(&refused), [(Kind::Log, "rules:log"), (Kind::Block, "rules:block")]);
    let mut passed = exchange("/b");
    forward(&policy, &mut passed);
    assert_eq!(policy.cite(passed.events()[0].by.unwrap()).unwrap().name, "never");
}

#[test]
fn allow_and_skip_end_the_rules_of_later_phases_too() {
    for action in [Action::Allow, Action::Skip(Protection::Rules.bit())] {
        let mut builder = Builder::default();
        let when = yes(&mut builder);
        let mut late = rule("late", when, &[block()]);
        late.phase = Phase::Body;
        let policy =
            policy(builder, vec![rule("first", when, &[action]), rule("second", when, &[block()]), late]);
        forward(&policy, &mut exchange("/"));
    }
}

#[test]
fn shadow_rules_record_what_they_would_have_done() {
    let mut builder = Builder::default();
    let when = yes(&mut builder);
    let mut shadowed = rule("quiet", when, &[Action::RewritePath(builder.text("/x")), block()]);
    shadowed.shadow = true;
    let shadowing = policy(builder, vec![shadowed]);
    let mut seen = exchange("/");
    let permit = forward(&shadowing, &mut seen);
    assert_eq!(permit.target(), b"/");
    assert_eq!(kinds(&seen), [(Kind::WouldBlock, "rules:block")]);

    let mut builder = Builder::default();
    let when = yes(&mut builder);
    let policy = policy(builder, vec![rule("loud", when, &[block()])]).in_shadow(true);
    let mut seen = exchange("/");
    forward(&policy, &mut seen);
    assert_eq!(kinds(&seen), [(Kind::WouldBlock, "rules:block")]);
}

#[test]
fn scopes_are_asked_before_conditions() {
    let mut builder = Builder::default();
    let when = yes(&mut builder);
    let mut elsewhere = rule("elsewhere", when, &[block()]);
    elsewhere.scope = Scope::Parts([ScopePart::Host(HostPattern::Exact("other.test".into()))].into());
    forward(&policy(builder, vec![elsewhere]), &mut exchange("/"));
}

#[test]
fn a_redirect_cannot_split_the_answer_and_does_nothing_without_a_place() {
    let mut builder = Builder::default();
    let when = yes(&mut builder);
    let args = builder.field("http.request.uri.args");
    let (to, nowhere) = (builder.key(args, "to"), builder.key(args, "none"));
    let (to, nowhere) = (builder.index(to, 0), builder.index(nowhere, 0));
    let to = builder.call("url_decode", &[to]);
    let rules = vec![
        rule("nowhere", when, &[Action::Redirect { status: 301, to: nowhere }]),
        rule("there", when, &[Action::Redirect { status: 307, to }]),
    ];
    let policy = policy(builder, rules);
    let denial = policy.judge_head(&mut exchange("/?to=/a%0d%0ab")).unwrap_err();
    assert_eq!(denial.status, 307);
    assert!(denial.document("").headers.contains(&("location", b"/a%0D%0Ab".to_vec())));
}

#[test]
fn rewrites_and_headers_are_applied_at_the_end() {
    let mut builder = Builder::default();
    let when = yes(&mut builder);
    let path = builder.field("http.request.uri.path");
    let prefix = builder.text("new path");
    let rewritten = builder.call("concat", &[prefix, path]);
    let still = builder.eq("http.request.uri.path", "/a");
    let seed = builder.field("cf.ray_id");
    let args = builder.field("http.request.uri.args");
    let evil = builder.key(args, "x");
    let evil = builder.index(evil, 0);
    let evil = builder.call("url_decode", &[evil]);
    let header = |name: &str, side, change| Action::Header { side, name: name.into(), change };
    let rules = vec![
        rule("move", when, &[Action::RewritePath(rewritten), Action::RewriteQuery(path)]),
        rule(
            "mark",
            still,
            &[
                header("x-id", Side::Request, HeaderChange::Set(seed)),
                header("x-evil", Side::Request, HeaderChange::Add(evil)),
                header("host", Side::Request, HeaderChange::Set(seed)),
                header("server", Side::Response, HeaderChange::Remove),
            ],
        ),
    ];
    let policy = policy(builder, rules);
    let mut seen = exchange("/a?x=1%0Ay");
    let permit = forward(&policy, &mut seen);
    assert_eq!(permit.target(), b"/new%20path/a?/a");
    assert_eq!(permit.headers(), [HeaderEdit { name: "x-id".into(), change: Change::Set(Vec::new()) }]);
    assert_eq!(kinds(&seen), [(Kind::Log, "rules:header_value")]);
    seen.set_response(ResponseHead { status: 200, ..ResponseHead::default() });
    let edits = policy.judge_response(&mut seen).unwrap();
    assert_eq!(edits.headers(), [HeaderEdit { name: "server".into(), change: Change::Remove }]);
}

#[test]
fn a_body_is_asked_for_only_where_a_rule_reads_it() {
    let mut builder = Builder::default();
    let body = builder.field("http.request.body.raw");
    let when = builder.contains(body, "attack");
    let mut reads = rule("reads", when, &[block()]);
    reads.phase = Phase::Body;
    let policy = policy(builder, vec![reads]);
    let mut seen = exchange("/");
    assert!(matches!(policy.judge_head(&mut seen), Ok(Step::Body { max: 1_048_576 })));
    seen.set_body(b"an attack", false);
    assert_eq!(policy.judge_body(&mut seen).unwrap_err().reason, Reason::Rule);
    let mut cut = exchange("/");
    cut.set_body(b"a good st", true);
    let denial = policy.judge_body(&mut cut).unwrap_err();
    assert_eq!((denial.reason, denial.status), (Reason::BodyTooLarge, 413));
}

#[test]
fn a_rule_may_replace_the_answer() {
    let mut builder = Builder::default();
    let (code, teapot) = (builder.field("http.response.code"), builder.int(418));
    let when = builder.compare(shield_ir::Compare::Eq, code, teapot);
    let mut late = rule("late", when, &[block()]);
    late.phase = Phase::Response;
    let policy = policy(builder, vec![late]);
    let mut seen = exchange("/");
    forward(&policy, &mut seen);
    seen.set_response(ResponseHead { status: 418, ..ResponseHead::default() });
    assert_eq!(policy.judge_response(&mut seen).unwrap_err().reason, Reason::Rule);
}

#[test]
fn every_stage_says_why_it_stands_where_it_does() {
    for stage in [HEAD, STATE, BODY, RESPONSE].into_iter().flatten() {
        assert!(!stage.name.is_empty() && !stage.why_here.is_empty());
    }
}
