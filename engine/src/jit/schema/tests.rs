use shield_ir::schema::{Direction, Keyword, Node, NodeId, Plan, TypeSet};

use super::scan;
use super::{Reason, Verdict, interpreted};
use crate::schema::{Validators, json};

fn load(nodes: Vec<Vec<Keyword>>) -> Validators {
    let nodes = nodes.into_iter().map(|keywords| Node { keywords, resource: None }).collect();
    Validators::load(Plan { nodes, ..Plan::default() }).unwrap()
}

fn verdict(validators: &Validators, text: &[u8]) -> Verdict {
    let native = validators.native(NodeId(0), Direction::Both).unwrap().unwrap();
    // Alone in its memory, so that its end is the end of something.
    validators.judge(&native, &Box::<[u8]>::from(text))
}

fn named(members: &[(&str, u32)]) -> Keyword {
    let named = members.iter().map(|(name, node)| ((*name).to_owned(), NodeId(*node))).collect();
    Keyword::Properties { named, patterns: vec![], others: None }
}

#[test]
fn every_start_of_a_text_is_judged_as_the_interpreter_does() {
    let text = r#" {"name" : "Jan\u00e9 🐉\ud83d\udc09", "list": [1, -2.50e+3, true, null, {"": "x"}], "deep": {"name": "y"}} "#;
    let object = named(&[("deep", 0), ("list", 1), ("name", 2)]);
    let validators = load(vec![
        vec![Keyword::Type(TypeSet::OBJECT), object],
        vec![Keyword::Items { prefix: vec![], rest: Some(NodeId(3)) }],
        vec![Keyword::Type(TypeSet::STRING), Keyword::MaxLength(8)],
        vec![],
    ]);
    assert_eq!(verdict(&validators, text.as_bytes()), Verdict::Valid);
    for end in 0..text.len() - 1 {
        let start = &text.as_bytes()[..end];
        let is_text = json::parse(start).is_ok();
        assert_eq!(verdict(&validators, start) == Verdict::Valid, is_text, "the first {end} bytes");
    }
}

#[test]
fn names_are_told_apart_whatever_their_lengths_are() {
    let names: Vec<String> =
        (0..90).map(|at| "property_of_some_length".repeat(1 + at / 30) + &at.to_string()).collect();
    let mut names: Vec<&str> =
        names.iter().map(String::as_str).chain(["", "a", "ab", "\"", "\\", "é\n"]).collect();
    names.sort_unstable();
    let members: Vec<(&str, u32)> = names.iter().map(|name| (*name, 1)).collect();
    let validators = load(vec![vec![named(&members)], vec![Keyword::Type(TypeSet::BOOLEAN)]]);
    for name in &names {
        let mut quoted = Vec::new();
        super::checks::write_usual(name.as_bytes(), &mut quoted);
        let quoted = String::from_utf8(quoted).unwrap();
        let judge = |text: &str| verdict(&validators, text.as_bytes());
        assert_eq!(judge(&format!(r#"{{"{quoted}":true}}"#)), Verdict::Valid, "{name}");
        assert_eq!(judge(&format!(r#"{{"{quoted}":1}}"#)), Verdict::Invalid, "{name}");
        assert_eq!(judge(&format!(r#"{{"{quoted}x" : 1}}"#)), Verdict::Valid, "{name}");
        assert_eq!(judge(&format!(r#"{{"{quoted}":true,"{quoted}" :true}}"#)), Verdict::Invalid, "{name}");
    }
}

#[test]
fn an_unknown_name_may_not_stand_twice_however_many_there_are() {
    let validators = load(vec![vec![Keyword::Type(TypeSet::OBJECT), named(&[("k", 1)])], vec![]]);
    for count in [2, 5, 13, 200] {
        let member = |at: usize| format!(r#""name{at}":{{"name0":1}}"#);
        let members: Vec<String> = (0..count).map(member).collect();
        let text = format!("{{{}}}", members.join(","));
        assert_eq!(verdict(&validators, text.as_bytes()), Verdict::Valid);
        for twice in [0, count / 2, count - 1] {
            let text = format!(r#"{{{},"\u006eame{twice}":0}}"#, members.join(","));
            assert_eq!(verdict(&validators, text.as_bytes()), Verdict::Invalid);
        }
    }
}

#[test]
fn work_that_multiplies_ends_in_a_refusal_of_its_own_kind() {
    let branches = vec![NodeId(1), NodeId(2)];
    let validators = load(vec![
        vec![Keyword::OneOf(branches)],
        vec![named(&[("n", 0)]), Keyword::Required { when: Direction::Both, names: vec!["a".into()] }],
        vec![named(&[("n", 0)]), Keyword::Required { when: Direction::Both, names: vec!["b".into()] }],
    ]);
    let text = format!("{}1{}", r#"{"n":"#.repeat(60), r#","a":1}"#.repeat(60));
    assert_eq!(verdict(&validators, text.as_bytes()), Verdict::Exhausted);
}

#[test]
fn strings_and_numbers_are_read_as_the_reader_of_texts_does() {
    for text in [
        "0",
        "-0",
        "1",
        "-1",
        "01",
        "-",
        "1.",
        ".5",
        "1.50",
        "1e3",
        "1E+3",
        "1e",
        "1e+",
        "123456789012345678",
        "1234567890123456789",
        "1.00000000000000000000",
        "12345678901234567890.5",
        "1e9999999999999999",
        "\"\"",
        "\"a",
        "\"a\"",
        "\"\\\"\"",
        "\"\\u00e9\"",
        "\"\\ud83d\\udc09\"",
        "\"\\ud83d\"",
        "\"\\udc09\"",
        "\"\\ud83d\\u0061\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"é🐉\"",
        "\"a\u{1f}\"",
        "\"abcdefgh\\n\"",
        "\"abcdefgé\"",
    ] {
        let bytes = text.as_bytes();
        let end = match bytes.first() {
            Some(b'"') => scan::string(bytes, 1).map(|text| text.end),
            _ => scan::number(bytes, 0).map(|number| number.end),
        };
        assert_eq!(end == Some(text.len()), json::parse(bytes).is_ok(), "{text}");
    }
    assert_eq!(scan::string(b"\xc3\"", 0), None);
    assert_eq!(scan::string(b"\xff\"", 0), None);
    assert_eq!(scan::string(b"\xed\xa0\x80\"", 0), None);
}

#[test]
fn what_the_interpreter_judges_is_said_with_its_reason() {
    let validators = load(vec![
        vec![named(&[("a", 1)])],
        vec![Keyword::UnevaluatedProperties(NodeId(2))],
        vec![Keyword::Never],
    ]);
    assert_eq!(interpreted(validators.plan()), [(NodeId(1), Reason::UnevaluatedProperties)]);
    assert_eq!(verdict(&validators, br#"{"a":{}}"#), Verdict::Valid);
    assert_eq!(verdict(&validators, br#"{"a":{"b":1}}"#), Verdict::Invalid);
}

#[test]
fn code_is_shared_and_freed_with_the_last_that_uses_it() {
    let shared = vec![
        vec![named(&[("a", 2)])],
        vec![named(&[("b", 2)])],
        vec![Keyword::Type(TypeSet::OBJECT), named(&[("c", 2)])],
    ];
    let validators = load(shared);
    let first = validators.native(NodeId(0), Direction::Both).unwrap().unwrap();
    let second = validators.native(NodeId(1), Direction::Request).unwrap().unwrap();
    assert_eq!(validators.judge(&first, br#"{"a":{"c":{}}}"#), Verdict::Valid);
    assert_eq!(validators.judge(&second, br#"{"b":{"c":1}}"#), Verdict::Invalid);
    let third = validators.native(NodeId(1), Direction::Response).unwrap().unwrap();
    assert_eq!(second.made.at, third.made.at, "no direction is asked for, so one function serves both");
}
