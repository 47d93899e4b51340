use shield_ir::Digest;
use shield_ir::operation::{Body, Content, Operation};
use shield_ir::policy::{ApiId, Endpoint, EndpointId, Mode, Settings};
use shield_ir::schema::{Keyword, Node, NodeId, Plan, TypeSet};
use shield_ir::template::Template;

use super::*;
use crate::testing::{self, api};
use crate::{Backend, Head, Headers, Step};

/// The schema of `POST /a`: an object with at most two members, `n` an integer.
const OBJECT: NodeId = NodeId(0);
/// One that nothing satisfies.
const NOTHING: NodeId = NodeId(2);

fn policy(settings: Settings) -> Policy {
    let node = |keywords: Vec<Keyword>| Node { keywords, resource: None };
    let members = vec![("n".to_owned(), NodeId(1))];
    let properties = Keyword::Properties { named: members, patterns: vec![], others: None };
    let nodes = vec![
        node(vec![Keyword::Type(TypeSet::OBJECT), Keyword::MaxProperties(2), properties]),
        node(vec![Keyword::Type(TypeSet::INTEGER)]),
        node(vec![Keyword::Never]),
    ];
    let content = Content {
        media_type: "application/json".into(),
        media_parameters: vec![],
        schema: Some(OBJECT),
        fields: vec![],
    };
    let operation =
        Operation { body: Some(Body { required: true, contents: vec![content] }), ..Operation::default() };
    let endpoint = Endpoint {
        api: ApiId(0),
        host: None,
        method: Some("POST".into()),
        template: Template::parse("/a").unwrap(),
        operation: Some(operation),
        settings,
    };
    let bundle = shield_ir::Bundle {
        apis: vec![api("shop.test")],
        endpoints: vec![endpoint],
        schemas: Plan { nodes, ..Plan::default() },
        ..shield_ir::Bundle::default()
    };
    let policy = Policy::load(bundle, Digest([0; 32]), Backend::Jit).unwrap();
    policy.compile().unwrap();
    policy
}

/// A request whose head has been judged and whose body is asked for.
fn begun(policy: &Policy) -> Exchange<'_> {
    begun_with(policy, &[("content-type", "application/json")])
}

fn begun_with<'a>(policy: &'a Policy, headers: &[(&'static str, &'static str)]) -> Exchange<'a> {
    let own = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let headers = own.chain([(&b"host"[..], &b"shop.test"[..])]).collect();
    let headers = Headers::new(headers).unwrap();
    let head = Head { method: b"POST", target: b"/a", headers, ..Head::default() };
    let mut exchange = testing::exchange(head);
    assert!(matches!(policy.judge_head(&mut exchange), Ok(Step::Body { .. })));
    exchange
}

fn judged(policy: &Policy, body: &'static [u8]) -> (Option<Denial>, Vec<Event>) {
    let mut exchange = begun(policy);
    exchange.set_body(body, false);
    let denial = policy.judge_body(&mut exchange).err();
    (denial, exchange.take_events())
}

/// The policy with native code of another schema in the place of the right one, as a defect would have it.
fn mistaken(settings: Settings) -> Policy {
    let right = policy(settings);
    let wrong = right.validators.native(NOTHING, shield_ir::schema::Direction::Request).unwrap().unwrap();
    let mut wronged = policy(settings);
    wronged.endpoints.get_mut(EndpointId(0)).unwrap().judge.as_mut().unwrap().replace_code(wrong);
    wronged
}

#[test]
fn native_code_that_disagrees_with_the_interpreter_refuses_the_request() {
    let body = br#"{"n":1}"#;
    assert_eq!(judged(&policy(Settings::default()), body).0, None);
    let (denial, events) = judged(&mistaken(Settings::default()), body);
    let denial = denial.unwrap();
    assert_eq!((denial.reason.label(), denial.status), ("schema:disagreement", 400));
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.kind, event.reason), (Kind::Block, Reason::Disagreement));
    assert_eq!(event.violations[0].class, Class::Disagreement);
    // Where both find something wrong, that is what is wrong.
    assert_eq!(judged(&mistaken(Settings::default()), b"[]").0.unwrap().reason, Reason::Schema);
}

#[test]
fn a_body_is_refused_by_its_beginning_only_where_the_whole_is() {
    let policy = policy(Settings::default());
    for (body, refused) in [
        (&br#"{"n":1,"m":"x"}"#[..], None),
        (br#" {"n" : 12 }"#, None),
        (br#"{"n":"x","m":[1,2,3]}"#, Some(6)),
        (br#"{"m":[1,2,}]}"#, Some(11)),
        (br"[1,2,3]", Some(1)),
        // Only the end shows what is missing or too many.
        (br#"{"a":1,"b":2,"c":3}"#, None),
        (br#"{"n":1"#, None),
    ] {
        let mut exchange = begun(&policy);
        let mut denied = (0..body.len()).map(|end| policy.judge_beginning(&mut exchange, &body[..end]).err());
        let first = denied.by_ref().position(|denial| denial.is_some());
        assert_eq!(first, refused, "{}", String::from_utf8_lossy(body));
        if first.is_some() {
            assert!(denied.all(|denial| denial.is_some_and(|denial| denial.reason == Reason::Schema)));
            assert_eq!(judged(&policy, body).0.unwrap().reason, Reason::Schema);
        }
    }
    let mut exchange = begun(&policy);
    let denial = policy.judge_beginning(&mut exchange, br#"{"n":1 "m":2, "o": 3, "#).unwrap_err();
    assert_eq!(denial.violations()[0].keyword, "json");
    assert_eq!(exchange.take_events()[0].kind, Kind::Block);
}

#[test]
fn a_body_that_is_only_recorded_or_hidden_is_judged_when_it_is_whole() {
    let logging = Settings { requests: Mode::Log, ..Settings::default() };
    let shadowed = Settings { shadow: true, ..Settings::default() };
    for policy in [policy(logging), policy(shadowed), policy(Settings::default()).in_shadow(true)] {
        let mut exchange = begun(&policy);
        assert_eq!(policy.judge_beginning(&mut exchange, b"[1"), Ok(()));
        assert!(exchange.take_events().is_empty());
    }
    let policy = policy(Settings::default());
    for (name, value) in [("content-encoding", "gzip"), ("content-type", "text/plain")] {
        let mut exchange = begun_with(&policy, &[(name, value)]);
        assert_eq!(policy.judge_beginning(&mut exchange, b"[1"), Ok(()));
    }
}

#[test]
fn a_disagreement_is_told_where_requests_are_only_recorded() {
    let settings = Settings { requests: Mode::Log, ..Settings::default() };
    let (denial, events) = judged(&mistaken(settings), br#"{"n":1}"#);
    assert_eq!(denial, None);
    let told: Vec<_> = events.iter().map(|event| (event.kind, event.reason)).collect();
    assert_eq!(told, [(Kind::Log, Reason::Disagreement)]);
}
