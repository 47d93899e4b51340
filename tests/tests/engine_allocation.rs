//! A request that nothing matches is judged without allocating.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use shield_engine::{Backend, Canonical, Exchange, Head, Headers, Limits, Policy, Step};
use shield_ir::expr::Node;
use shield_ir::policy::{Action, Block, Origin, Rule, Scope};
use shield_ir::set::{Members, Set, SetId, network};
use shield_ir::{Builtin, Bundle, Compare, Digest, Expr, ExprId, FieldId, Literal, Phase, Quantifier, Type};

fn add(bundle: &mut Bundle, expr: Expr, ty: Type) -> ExprId {
    let node = Node { expr, ty };
    let nodes = &mut bundle.program.nodes;
    let at = nodes.iter().position(|known| *known == node).unwrap_or_else(|| {
        nodes.push(node);
        nodes.len() - 1
    });
    ExprId(at as u32)
}

fn field(bundle: &mut Bundle, name: &str) -> ExprId {
    let field = FieldId::find(name).unwrap();
    add(bundle, Expr::Field(field), field.row().ty)
}

fn text(text: String) -> Literal {
    Literal::String(text.into_bytes().into())
}

/// Every shape of condition that an index or native code answers.
fn condition(bundle: &mut Bundle, at: usize) -> ExprId {
    let path = field(bundle, "http.request.uri.path");
    let agent = field(bundle, "http.user_agent");
    let expr = match at % 8 {
        0 => {
            let right = add(bundle, Expr::Literal(text(format!("/closed/{at}"))), Type::STRING);
            Expr::Compare { op: Compare::Eq, left: path, right }
        }
        1 => Expr::Matches { of: path, regex: format!("^/api/v[0-9]+/secret-{at}/").into() },
        2 => {
            let of = field(bundle, "ip.src");
            let range = network(format!("10.{}.{}.0", at >> 8 & 255, at & 255).parse().unwrap(), 24).unwrap();
            bundle.program.sets.push(Set { name: None, members: Members::ips([range]) });
            Expr::In { of, set: SetId(bundle.program.sets.len() as u32 - 1) }
        }
        3 => Expr::Contains { of: agent, needle: format!("bot-{at}").into_bytes().into() },
        4 => {
            let over = field(bundle, "http.request.headers.values");
            let item = add(bundle, Expr::Item, Type::STRING);
            let lower = Expr::Call { builtin: Builtin::Lower, arguments: [item].into() };
            let lower = add(bundle, lower, Type::STRING);
            let body = Expr::Contains { of: lower, needle: format!("attack-{at}").into_bytes().into() };
            let body = add(bundle, body, Type::BOOL);
            let each = add(bundle, Expr::Each { over, body }, Type::BOOL.array());
            Expr::Quantify { quantifier: Quantifier::Any, of: each }
        }
        5 => {
            let of = field(bundle, "http.request.uri.args");
            let of = add(
                bundle,
                Expr::Key { of, key: format!("k{at}").into_bytes().into() },
                Type::STRING.array(),
            );
            let left = add(bundle, Expr::Index { of, at: 0 }, Type::STRING);
            let right = add(bundle, Expr::Literal(text("x".to_owned())), Type::STRING);
            Expr::Compare { op: Compare::Eq, left, right }
        }
        6 => Expr::Wildcard { of: path, pattern: format!("*/old-{at}/*").into_bytes().into(), strict: false },
        _ => {
            let lower = Expr::Call { builtin: Builtin::Lower, arguments: [path].into() };
            let of = add(bundle, lower, Type::STRING);
            let right = add(bundle, Expr::Literal(text(format!("/other/{at}"))), Type::STRING);
            // Without an anchor: this one is looked at for every request.
            let equal = add(bundle, Expr::Compare { op: Compare::Ne, left: of, right }, Type::BOOL);
            Expr::Not(equal)
        }
    };
    add(bundle, expr, Type::BOOL)
}

fn policy(rules: usize) -> Policy {
    let mut bundle = Bundle::default();
    for at in 0..rules {
        let when = condition(&mut bundle, at);
        bundle.rules.push(Rule {
            name: format!("r{at}").into(),
            scope: Scope::Everything,
            when,
            actions: [Action::Block(Block::default())].into(),
            phase: Phase::Head,
            shadow: false,
            origin: Origin::default(),
        });
    }
    Policy::load(bundle, Digest([0; 32]), Backend::Jit).unwrap()
}

fn head() -> Head<'static> {
    let headers = Headers::new(vec![
        (b"Host", b"shop.test"),
        (b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64)"),
        (b"Accept", b"application/json"),
        (b"Cookie", b"session=abc; theme=dark"),
    ]);
    Head {
        target: b"/api/v1/users/7?page=2&sort=name",
        headers: headers.unwrap(),
        client: [192, 0, 2, 1].into(),
        ..Head::default()
    }
}

#[test]
fn a_request_that_nothing_matches_allocates_nothing() {
    for rules in [8, 64, 800] {
        let policy = policy(rules);
        // The thread's own memory, and the caches of regular expressions, are there after the first.
        let head = head();
        let canonical = Canonical::of(&head, &Limits::default()).unwrap();
        assert!(matches!(policy.judge_head(&mut Exchange::new(&canonical)), Ok(Step::Forward(_))));
        let mut exchange = Exchange::new(&canonical);
        let allocated = allocation_counter::measure(|| {
            assert!(matches!(policy.judge_head(&mut exchange), Ok(Step::Forward(_))));
        });
        assert_eq!(allocated.count_total, 0, "{rules} rules");
    }
}

#[test]
fn a_refusal_by_a_rule_allocates_nothing() {
    let policy = policy(64);
    let head = Head { target: b"/closed/8", ..head() };
    let canonical = Canonical::of(&head, &Limits::default()).unwrap();
    policy.judge_head(&mut Exchange::new(&canonical)).unwrap_err();
    let mut exchange = Exchange::new(&canonical);
    let allocated = allocation_counter::measure(|| {
        let denial = policy.judge_head(&mut exchange).unwrap_err();
        assert_eq!(policy.cite(denial.by.unwrap()).unwrap().name, "r8");
    });
    assert_eq!((allocated.count_total, exchange.events().len()), (0, 1));
}
