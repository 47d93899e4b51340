use shield_ir::schema::{Direction, Format, Keyword, Node, NodeId, PatternId, Plan, TypeSet, ValueId};

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
        json::write_usual(name.as_bytes(), &mut quoted);
        let quoted = String::from_utf8(quoted).unwrap();
        let judge = |text: &str| verdict(&validators, text.as_bytes());
        assert_eq!(judge(&format!(r#"{{"{quoted}":true}}"#)), Verdict::Valid, "{name}");
        assert_eq!(judge(&format!(r#"{{"{quoted}":1}}"#)), Verdict::Invalid, "{name}");
        assert_eq!(judge(&format!(r#"{{"{quoted}x" : 1}}"#)), Verdict::Valid, "{name}");
        assert_eq!(judge(&format!(r#"{{"{quoted}":true,"{quoted}" :true}}"#)), Verdict::Invalid, "{name}");
    }
}

#[test]
fn members_are_found_in_whatever_order_they_stand() {
    // In the order of the document: their nodes go up, their names do not.
    let names = ["username", "a_name_longer_than_sixteen_bytes", "b", "\\\""];
    let mut members: Vec<(&str, u32)> = names.into_iter().zip(1..).collect();
    members.sort_unstable();
    let mut nodes = vec![vec![named(&members), Keyword::MinProperties(2), Keyword::MaxProperties(4)]];
    nodes.extend((0..4).map(|at| {
        vec![if at == 2 { Keyword::Type(TypeSet::ARRAY) } else { Keyword::Type(TypeSet::INTEGER) }]
    }));
    let validators = load(nodes);
    let written =
        [r#""username""#, r#""a_name_longer_than_sixteen_bytes""#, r#""b""#, r#""\\\"""#, r#""unknown""#];
    let mut valid = 0;
    for picked in 0..5_usize.pow(4) {
        let picked = [picked % 5, picked / 5 % 5, picked / 25 % 5, picked / 125];
        for (colon, comma, wrong) in
            [(":", ",", 9), (" : ", ",\n  ", 9), (":", ", ", 9), (":", ",", picked[1])]
        {
            let value = |name: usize| if (name == 2) == (name == wrong) { "1" } else { "[]" };
            let member = |name: &usize| format!("{}{colon}{}", written[*name], value(*name));
            for count in 1..=4 {
                let text =
                    format!("{{{}}}", picked[..count].iter().map(member).collect::<Vec<_>>().join(comma));
                let interpreted = json::parse(text.as_bytes())
                    .is_ok_and(|document| validators.is_valid(NodeId(0), &document) == Ok(true));
                assert_eq!(verdict(&validators, text.as_bytes()) == Verdict::Valid, interpreted, "{text}");
                valid += usize::from(interpreted);
            }
        }
    }
    assert!(valid > 500, "{valid}");
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
fn what_a_string_with_escapes_says_is_what_keywords_are_asked_of() {
    let pattern = || Keyword::Pattern(PatternId(0));
    let nodes = [
        vec![named(&[("a\u{1f409}", 1)]), Keyword::PropertyNames(NodeId(2))],
        vec![pattern(), Keyword::MinLength(4), Keyword::MaxLength(4)],
        vec![pattern()],
    ];
    let nodes = nodes.into_iter().map(|keywords| Node { keywords, resource: None }).collect();
    let plan = Plan { nodes, patterns: vec!["^a\u{1f409}?".into()], ..Plan::default() };
    let validators = Validators::load(plan).unwrap();
    for (text, valid) in [
        (r#"{"a\ud83d\udc09":"\u0061\ud83d\udc09\n\u00e9"}"#, true),
        (r#"{"a🐉":"a🐉\né"}"#, true),
        (r#"{"\u0061🐉":"a🐉\n"}"#, false),
        (r#"{"a\ud83d\udc0a":1, "\u0061🐊b":2, "a\ud83d\udc0ac":3}"#, true),
        (r#"{"a\ud83d\udc0a":1, "\u0061🐊b":2, "a🐊":3}"#, false),
        (r#"{"\u0062":1}"#, false),
    ] {
        assert_eq!(verdict(&validators, text.as_bytes()) == Verdict::Valid, valid, "{text}");
        let document = json::parse(text.as_bytes());
        let interpreted =
            document.is_ok_and(|document| validators.is_valid(NodeId(0), &document) == Ok(true));
        assert_eq!(interpreted, valid, "{text}");
    }
}

fn required(name: &str) -> Keyword {
    Keyword::Required { when: Direction::Both, names: vec![name.into()] }
}

#[test]
fn branches_inside_branches_take_time_in_proportion_to_the_text() {
    for choice in [Keyword::OneOf, Keyword::AnyOf] {
        let validators = load(vec![
            vec![choice(vec![NodeId(1), NodeId(2)])],
            vec![named(&[("n", 0)]), required("a")],
            vec![named(&[("n", 0)]), required("b")],
        ]);
        let text = |end: &str| format!("{}{end}{}", r#"{"n":"#.repeat(120), r#","a":1}"#.repeat(120));
        assert_eq!(verdict(&validators, text(r#"{"b":1}"#).as_bytes()), Verdict::Valid);
        assert_eq!(verdict(&validators, text("{}").as_bytes()), Verdict::Invalid);
    }
}

#[test]
fn work_beyond_the_bound_is_a_verdict_of_its_own_kind() {
    let mut nodes: Vec<_> = (1..=600).map(|next| vec![Keyword::AnyOf(vec![NodeId(next)])]).collect();
    nodes.push(vec![Keyword::Type(TypeSet::INTEGER)]);
    assert_eq!(verdict(&load(nodes), b"1"), Verdict::Exhausted);
}

#[test]
fn a_member_that_tells_branches_apart_leaves_only_some_of_them() {
    let constant = |value: u32| vec![Keyword::Const(ValueId(value))];
    let nodes = vec![
        vec![Keyword::OneOf(vec![NodeId(1), NodeId(2), NodeId(3), NodeId(4)])],
        vec![named(&[("kind", 5)]), required("kind"), required("a")],
        vec![named(&[("kind", 6)]), required("kind"), required("b")],
        // The same string as the first, so both are tried.
        vec![named(&[("kind", 5)]), required("kind"), required("c")],
        vec![named(&[("kind", 7)]), Keyword::MaxProperties(2)],
        constant(0),
        constant(1),
        vec![Keyword::Enum(vec![ValueId(1), ValueId(2), ValueId(3)])],
    ];
    let nodes = nodes.into_iter().map(|keywords| Node { keywords, resource: None }).collect();
    let values = ["\"x\"", "\"y\"", "\"\\u007a\"", "7"].map(str::to_owned).to_vec();
    let validators = Validators::load(Plan { nodes, values, ..Plan::default() }).unwrap();
    for (text, valid) in [
        (r#"{"kind":"x","a":1}"#, true),
        (r#"{"a":1,"kind" : "\u0078"}"#, true),
        (r#"{"kind":"x","c":1}"#, true),
        (r#"{"kind":"x","a":1,"c":1}"#, false),
        (r#"{"kind":"x"}"#, false),
        (r#"{"kind":"y","b":1,"c":1}"#, true),
        (r#"{"kind":"y","b":1}"#, false),
        (r#"{"kind":"z","a":1}"#, true),
        (r#"{"kind":"w","a":1}"#, false),
        (r#"{"kind":7}"#, true),
        (r#"{"kind":8}"#, false),
        (r#"{"a":1}"#, true),
        (r#"{"a":1,"b":2,"c":3}"#, false),
        (r#"{"kind":"x","a":1,"kind":"x"}"#, false),
        (r#"{"kind":"x","a":1"#, false),
        ("[]", false),
    ] {
        let document = json::parse(text.as_bytes());
        let interpreted =
            document.is_ok_and(|document| validators.is_valid(NodeId(0), &document) == Ok(true));
        assert_eq!(interpreted, valid, "{text}");
        assert_eq!(verdict(&validators, text.as_bytes()) == Verdict::Valid, valid, "{text}");
    }
}

#[test]
fn a_branch_is_chosen_without_trying_the_others() {
    const BRANCHES: u32 = 60;
    let mut nodes = vec![vec![Keyword::OneOf((1..=BRANCHES).map(NodeId).collect())]];
    let branch = |number| {
        vec![named(&[("kind", BRANCHES + 1 + number), ("text", 2 * BRANCHES + 1)]), required("kind")]
    };
    nodes.extend((0..BRANCHES).map(branch));
    nodes.extend((0..BRANCHES).map(|number| vec![Keyword::Const(ValueId(number))]));
    nodes.push(vec![Keyword::Pattern(PatternId(0))]);
    let nodes = nodes.into_iter().map(|keywords| Node { keywords, resource: None }).collect();
    let values = (0..BRANCHES).map(|number| format!("\"k{number}\"")).collect();
    let plan = Plan { nodes, values, patterns: vec!["^a*$".into()], ..Plan::default() };
    let validators = Validators::load(plan).unwrap();
    // Reading the text once for each branch would take more than there is.
    let text = format!(r#"{{"text":"{}","kind":"k59"}}"#, "a".repeat(100_000));
    assert_eq!(verdict(&validators, text.as_bytes()), Verdict::Valid);
}

#[test]
fn a_text_is_refused_by_its_beginning_once_nothing_can_make_it_fit() {
    let validators = load(vec![
        vec![Keyword::Type(TypeSet::OBJECT), named(&[("n", 1), ("s", 2), ("x", 3)]), required("n")],
        vec![Keyword::Type(TypeSet::INTEGER), Keyword::Maximum("20".into())],
        vec![Keyword::Type(TypeSet::STRING), Keyword::MaxLength(3)],
        vec![Keyword::AnyOf(vec![NodeId(1), NodeId(2)])],
    ]);
    let native = validators.native(NodeId(0), Direction::Both).unwrap().unwrap();
    // Each is refused with the last byte, and not before.
    for text in [
        "[",
        " {]",
        r#"{"n":""#,
        r#"{"n":1.5,"#,
        r#"{"n":21,"#,
        r#"{"n":1x"#,
        r#"{"n":1,,"#,
        r#"{"s":"abcd""#,
        r#"{"s":"\x""#,
        "{\"s\":\"\u{1}\"",
        r#"{"s":n"#,
        r#"{"u":nul}"#,
        r#"{"u":[1,{"a":2]"#,
        r#"{"u":1,"v":2,"u":3}"#,
        r#"{"n":1,"n":"#,
        r#"{"x":"abcd""#,
        r#"{"x":99,"#,
        r#"{"s":"a"}"#,
        r#"{"n":1} ,"#,
    ] {
        let refused = |end: usize| validators.refuses(&native, &Box::<[u8]>::from(&text.as_bytes()[..end]));
        assert!(refused(text.len()), "{text}");
        assert_eq!((0..text.len()).find(|end| refused(*end)), None, "{text}");
    }
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
        "1e0000000000000003",
        "-1.25E-0000000000000000000007",
        "-01",
        "9.435166460030496e+119",
        "\"\"",
        "\"a",
        "\"a\"",
        "\"\\\"\"",
        "\"\\u00e9\"",
        "\"\\ud83d\\udc09\"",
        "\"\\ud83d\"",
        "\"\\udc09\"",
        "\"\\ud83d\\u0061\"",
        "\"\\u0041\\n\\ud83d\\udc09\\/b\\u00e9c\"",
        "\"\\ud83d\\ud83d\"",
        "\"\\uD800\\uDC00\\uDBFF\\uDFFF\"",
        "\"\\uD7FF\\uE000\"",
        "\"\\uDBFF\\uE000\"",
        "\"\\ud83d\\udc0\"",
        "\"\\ud83d\\n\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"é🐉\"",
        "\"a\u{1f}\"",
        "\"abcdefgh\\n\"",
        "\"abcdefgé\"",
    ] {
        let bytes = text.as_bytes();
        let end = if let Some(b'"') = bytes.first() {
            scan::string(bytes, 1).map(|text| text.end)
        } else {
            let end = scan::number(bytes, 0).map(|number| number.end);
            assert_eq!(scan::number_end(bytes, 0), end, "{text}");
            end
        };
        assert_eq!(end == Some(text.len()), json::parse(bytes).is_ok(), "{text}");
    }
}

#[test]
fn what_is_beyond_ascii_is_utf_8() {
    // The bytes at which what may follow changes.
    let bytes = [0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0];
    for first in 0x80..=0xff {
        for number in 0..bytes.len().pow(3) {
            let at = |place: u32| bytes[number / bytes.len().pow(place) % bytes.len()];
            for length in 1..=4 {
                let text = &[first, at(0), at(1), at(2)][..length];
                let characters = std::str::from_utf8(text).ok().map(|text| text.chars().count());
                let quoted = [text, b"\""].concat();
                let read = scan::string(&quoted, 0).map(|read| read.end - 1 - read.extra);
                assert_eq!(read, characters, "{text:x?}");
            }
        }
    }
}

#[test]
fn numbers_are_compared_as_exactly_as_they_are_written() {
    let numbers = [
        "0",
        "1",
        "1e2",
        "100.0",
        "360",
        "0.1",
        "0.10",
        "2.5",
        "0.000001",
        "0.0000001",
        "79.90",
        "2147483647",
        "2147483648",
        "12345678901.5",
        "999999999999.999999",
        "123456789012345678",
        "1234567890123456789",
        "9223372036854775807",
        "9223372036854775808",
        "1e30",
        "0.333333333333333333333333333333",
        "333333333333333333333333333333",
    ];
    let numbers: Vec<String> = numbers.iter().flat_map(|n| [(*n).to_owned(), format!("-{n}")]).collect();
    let mut texts: Vec<String> = ["01", "-", "1.", "-.5", "1.e1", "1.5x", "1.5e", "1.5E1", "150e-1", "1..5"]
        .map(str::to_owned)
        .to_vec();
    let behind = ["", "0", "1", "000000000000000000000000000001", &"0".repeat(70)];
    for number in &numbers {
        let point = if number.contains('.') { "" } else { ".0" };
        texts.extend(behind.iter().map(|behind| format!("{number}{behind}")));
        texts.extend(behind.iter().map(|behind| format!("{number}{point}{behind}")));
    }
    let mut schemas: Vec<Vec<Keyword>> = [Format::Int32, Format::Int64, Format::Float, Format::Double]
        .into_iter()
        .map(|format| vec![Keyword::Format(format)])
        .collect();
    for number in &numbers {
        let kinds =
            [Keyword::Minimum, Keyword::Maximum, Keyword::ExclusiveMinimum, Keyword::ExclusiveMaximum];
        schemas.extend(kinds.map(|kind| vec![kind(number.clone())]));
    }
    for divisor in ["1", "3", "0.01", "0.25", "0.3", "0.000007", "1e2", "2.50", "100000000000000003"] {
        schemas.push(vec![Keyword::MultipleOf(divisor.into())]);
        schemas.push(vec![
            Keyword::MultipleOf(divisor.into()),
            Keyword::Minimum("-0.5".into()),
            Keyword::ExclusiveMaximum("360".into()),
            Keyword::Format(Format::Int32),
        ]);
    }
    let of = |types, keywords: &[Keyword]| [&[Keyword::Type(types)], keywords].concat();
    for keywords in
        schemas.iter().flat_map(|schema| [of(TypeSet::NUMBER, schema), of(TypeSet::INTEGER, schema)])
    {
        let items = vec![Keyword::Items { prefix: vec![], rest: Some(NodeId(1)) }];
        let validators = load(vec![items, keywords.clone()]);
        let native = validators.native(NodeId(0), Direction::Both).unwrap().unwrap();
        for text in &texts {
            let text = format!("[{text}]");
            let document = json::parse(text.as_bytes());
            let valid = document.is_ok_and(|document| validators.is_valid(NodeId(0), &document) == Ok(true));
            let said = validators.judge(&native, text.as_bytes());
            assert_eq!(said == Verdict::Valid, valid, "{text} by {keywords:?}");
        }
    }
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
