use std::borrow::Cow;

use shield_ir::set::{Members, network};

use super::*;
use crate::testing::Builder;

/// Facts of one fixed context: fields by name, everything else absent.
struct Context(Vec<(&'static str, Value<'static>)>);

impl Facts for Context {
    fn field(&self, field: shield_ir::FieldId) -> Option<Value<'_>> {
        self.0.iter().find(|(name, _)| *name == field.row().name).map(|(_, value)| value.clone())
    }

    fn declared(&self, _index: u32) -> Option<Value<'_>> {
        None
    }

    fn token(&self, name: &[u8]) -> Token {
        if name == b"main" { Token::Present } else { Token::Absent }
    }
}

fn texts(values: &[&'static str]) -> Value<'static> {
    Value::Array(values.iter().map(|value| Value::text(value.as_bytes())).collect())
}

fn context() -> Context {
    let map = |entries: &[(&'static str, &[&'static str])]| {
        Value::Map(
            entries.iter().map(|(key, values)| (Cow::Borrowed(key.as_bytes()), texts(values))).collect(),
        )
    };
    Context(vec![
        ("http.host", Value::text(b"Example.com")),
        ("http.request.uri.path", Value::text(b"/Apps/a*b\\c")),
        ("http.cookie", Value::text(b"")),
        ("cf.waf.score", Value::Int(6)),
        ("ip.src", Value::Ip("192.0.2.5".parse().unwrap())),
        ("ssl", Value::Bool(true)),
        ("http.request.headers.names", texts(&["Host", "X-Test", "x-test"])),
        ("http.request.headers.values", texts(&["example.com", "One", "two"])),
        ("http.request.headers", map(&[("x-test", &["One", "two"]), ("accept", &["application/json"])])),
        ("http.request.uri.args", map(&[("filter", &["waf", "botm", "cdn"]), ("empty", &[])])),
        ("cf.bot_management.detection_ids", Value::Array([1, 22, 333].map(Value::Int).to_vec())),
        ("cf.bot_management.tags", Value::Array(Vec::new())),
    ])
}

/// Whether what `build` builds holds in the context, after the verifier has seen it.
fn holds_of(build: impl FnOnce(&mut Builder) -> ExprId) -> bool {
    let mut builder = Builder::default();
    let id = build(&mut builder);
    shield_ir::verify::program(&builder.program).unwrap();
    let constants = Constants::of(&builder.program).unwrap();
    holds(Meaning { program: &builder.program, constants: &constants }, id, &context())
}

#[test]
fn a_comparison_with_something_absent_is_false() {
    for op in [Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge] {
        assert!(!holds_of(|b| {
            let (referer, x) = (b.field("http.referer"), b.text("x"));
            b.compare(op, referer, x)
        }));
        assert!(!holds_of(|b| {
            let referer = b.field("http.referer");
            b.compare(op, referer, referer)
        }));
    }
    assert!(!holds_of(|b| {
        let referer = b.field("http.referer");
        b.contains(referer, "")
    }));
    assert!(!holds_of(|b| {
        let referer = b.field("http.referer");
        b.matches(referer, ".*")
    }));
    assert!(!holds_of(|b| {
        let referer = b.field("http.referer");
        b.wildcard(referer, "*", false)
    }));
    assert!(!holds_of(|b| {
        let address = b.field("cf.edge.server_ip");
        let all = ["0.0.0.0", "::"].map(|all| network(all.parse().unwrap(), 0).unwrap());
        b.within(address, Members::ips(all))
    }));
}

#[test]
fn an_absent_truth_counts_as_false() {
    assert!(!holds_of(|b| b.field("cf.client.bot")));
    assert!(holds_of(|b| {
        let bot = b.field("cf.client.bot");
        b.not(bot)
    }));
    assert!(holds_of(|b| {
        let (bot, ssl) = (b.field("cf.client.bot"), b.field("ssl"));
        b.logic(Logic::Or, &[bot, ssl])
    }));
}

#[test]
fn absence_goes_through_strict_functions() {
    assert!(!holds_of(|b| {
        let (referer, zero) = (b.field("http.referer"), b.int(0));
        let len = b.call("len", &[referer]);
        b.compare(Compare::Ge, len, zero)
    }));
    assert!(holds_of(|b| {
        let (referer, x) = (b.field("http.referer"), b.text("x"));
        let joined = b.call("concat", &[referer, x]);
        b.compare(Compare::Eq, joined, x)
    }));
}

#[test]
fn empty_is_not_absent() {
    assert!(holds_of(|b| b.eq("http.cookie", "")));
    assert!(holds_of(|b| {
        let cookie = b.field("http.cookie");
        b.matches(cookie, "^$")
    }));
    assert!(holds_of(|b| {
        let cookie = b.field("http.cookie");
        b.wildcard(cookie, "", false)
    }));
}

#[test]
fn absent_keys_and_indexes() {
    let nope = |b: &mut Builder| {
        let headers = b.field("http.request.headers");
        b.key(headers, "nope")
    };
    assert!(!holds_of(|b| {
        let (values, x) = (nope(b), b.text("x"));
        let first = b.index(values, 0);
        b.compare(Compare::Ne, first, x)
    }));
    assert!(!holds_of(|b| {
        let (values, x) = (nope(b), b.text("x"));
        let each = b.each(values, |b, item| b.compare(Compare::Ne, item, x));
        b.any(each)
    }));
    assert!(holds_of(|b| {
        let (values, x) = (nope(b), b.text("x"));
        let each = b.each(values, |b, item| b.compare(Compare::Eq, item, x));
        b.all(each)
    }));
    assert!(holds_of(|b| {
        let (args, zero) = (b.field("http.request.uri.args"), b.int(0));
        let filter = b.key(args, "filter");
        let len = b.call("len", &[filter]);
        b.compare(Compare::Ge, len, zero)
    }));
}

#[test]
fn quantifiers_of_something_absent_are_false() {
    let truths = |b: &mut Builder| {
        let claims = b.field("http.request.jwt.claims");
        let none = b.key(claims, "none");
        let (each, x) = (b.flatten(claims), b.text("x"));
        let _ = none;
        let each = b.each(each, |b, item| b.compare(Compare::Eq, item, x));
        b.not(each)
    };
    // The field is absent in this context: each over it is empty, not absent.
    assert!(!holds_of(|b| {
        let truths = truths(b);
        b.any(truths)
    }));
    assert!(holds_of(|b| {
        let truths = truths(b);
        b.all(truths)
    }));
}

#[test]
fn arrays_pair_up_element_by_element() {
    let paired = |op, name: &str, value: &str| {
        let (name, value) = (name.to_owned(), value.to_owned());
        holds_of(move |b| {
            let (names, name) = (b.field("http.request.headers.names"), b.text(&name));
            let (values, value) = (b.field("http.request.headers.values"), b.text(&value));
            let left = b.each(names, |b, item| b.compare(Compare::Eq, item, name));
            let right = b.each(values, |b, item| b.compare(Compare::Eq, item, value));
            let both = b.logic(op, &[left, right]);
            b.any(both)
        })
    };
    assert!(paired(Logic::And, "X-Test", "One"));
    assert!(!paired(Logic::And, "X-Test", "two"));
    assert!(paired(Logic::Or, "Host", "nope"));
}

#[test]
fn loops_nest_and_maps_are_gone_through_by_value() {
    assert!(holds_of(|b| {
        let (args, wanted) = (b.field("http.request.uri.args"), b.text("botm"));
        let all = b.flatten(args);
        let each = b.each(all, |b, item| b.compare(Compare::Eq, item, wanted));
        b.any(each)
    }));
    assert!(holds_of(|b| {
        let (headers, one) = (b.field("http.request.headers"), b.text("One"));
        let each = b.each(headers, |b, item| {
            let first = b.index(item, 0);
            b.compare(Compare::Eq, first, one)
        });
        b.any(each)
    }));
    assert!(holds_of(|b| {
        let args = b.field("http.request.uri.args");
        let filter = b.key(args, "filter");
        let lengths = b.each(filter, |b, item| b.call("len", &[item]));
        let members = Members::ints(vec![(3, 4)]);
        let each = b.each(lengths, |b, item| b.within(item, members));
        b.all(each)
    }));
}

#[test]
fn addresses_of_two_families_are_unequal_and_unordered() {
    let with = |op, address: &str| {
        let address = address.parse().unwrap();
        holds_of(|b| {
            let left = b.field("ip.src");
            let right = b.add(Expr::Literal(shield_ir::Literal::Ip(address)), Type::IP);
            b.compare(op, left, right)
        })
    };
    assert!(with(Compare::Ge, "10.0.0.0"));
    assert!(!with(Compare::Eq, "::ffff:192.0.2.5") && with(Compare::Ne, "::ffff:192.0.2.5"));
    assert!(!with(Compare::Lt, "::1") && !with(Compare::Gt, "::1") && !with(Compare::Le, "::1"));
}

#[test]
fn xor_is_parity_and_bits_are_shared() {
    let odd = |count| {
        holds_of(|b| {
            let ssl = b.field("ssl");
            b.logic(Logic::Xor, &vec![ssl; count])
        })
    };
    assert!(!odd(2) && odd(3));
    let masked = |mask| {
        holds_of(|b| {
            let of = b.field("cf.waf.score");
            b.add(Expr::BitAnd { of, mask }, Type::BOOL)
        })
    };
    assert!(masked(4) && !masked(8));
}

#[test]
fn regular_expressions_are_about_bytes() {
    let matches = |regex: &str| {
        holds_of(|b| {
            let host = b.field("http.host");
            b.matches(host, regex)
        })
    };
    assert!(matches("^Example") && !matches("^example") && matches("(?i)^example") && matches(""));
    assert!(matches(r"\x45xample") && matches(r"(?u)\p{L}"));
    let mut builder = Builder::default();
    let host = builder.field("http.host");
    builder.matches(host, r"\p{L}");
    assert!(Constants::of(&builder.program).is_err());
    let mut builder = Builder::default();
    let host = builder.field("http.host");
    builder.matches(host, "(((a{100}){100}){100}){100}");
    assert!(Constants::of(&builder.program).is_err());
}

#[test]
fn tokens_are_asked_of_the_exchange() {
    let asks = |function: &str, name: &str| {
        holds_of(|b| {
            let name = b.text(name);
            b.call(function, &[name])
        })
    };
    assert!(
        asks("is_jwt_present", "main") && !asks("is_jwt_valid", "main") && !asks("is_jwt_present", "other")
    );
}

#[test]
fn the_deepest_expression_fits_the_stack() {
    assert!(holds_of(|b| {
        let mut id = b.field("ssl");
        for _ in 0..shield_ir::verify::MAX_DEPTH - 2 {
            id = b.not(id);
        }
        id
    }));
}
