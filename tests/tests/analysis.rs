//! No finding is ever wrong: generated policies that give hundreds of them, each tried by the interpreter on generated requests.
#![expect(
    clippy::format_collect,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test stops loudly, and logs the seed with which it can be run again"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use shield_compiler::source::MemorySources;
use shield_compiler::{BareOptions, Diagnostic, Outcome, compile_with, expression, optimize};
use shield_engine::constants::Constants;
use shield_engine::interp::{Meaning, holds};
use shield_engine::{Backend, Canonical, Exchange, Head, Headers, Limits, Policy, Step, Version};
use shield_ir::{Bundle, Digest};
use shield_tests::generate::Random;

const POLICIES: u64 = 150;
const RULES: usize = 12;
const REQUESTS: u64 = 250;

const HOSTS: &[&str] = &["a.test", "b.test", "A.test", "a.test:8080", "[::1]", "[::1]:81"];
const PATHS: &[&str] =
    &["/", "/a", "/A", "/a/b", "/ad", "/x.mp3", "/x.MP3", "/%3F", "/a%23", "/.mp3", "/a.b", "/ab"];
const QUERIES: &[&str] = &["", "x=1", "?x=1", "x=1&x=2", "%3Fx"];
const METHODS: &[&str] = &["GET", "POST", "PUT", "get"];
const VALUES: &[&str] = &["", "1", "one", "One", "ONE", "b", "a.b"];
const ADDRESSES: &[&str] = &["192.0.2.1", "192.0.2.200", "10.0.0.1", "2001:db8::1", "::1", "::ffff:10.0.0.1"];

/// What a comparison is written of, so that a finding on its right side can be tried alone.
#[derive(Clone)]
struct Atom {
    left: String,
    operator: &'static str,
    right: String,
}

impl Atom {
    fn text(&self) -> String {
        format!("{} {} {}", self.left, self.operator, self.right)
    }
}

fn one<'t>(random: &mut Random, of: &[&'t str]) -> &'t str {
    random.pick(of)
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

fn set(random: &mut Random, of: &[&str]) -> String {
    let members: Vec<String> = (0..=random.below(4)).map(|_| quoted(one(random, of))).collect();
    format!("{{ {} }}", members.join(" "))
}

/// A text that is compared, and what it may be compared with.
fn text_atom(random: &mut Random) -> Atom {
    let fields: &[(&str, &[&str])] = &[
        ("http.host", &["a.test", "b.test", "A.test", "a.test:8080", "[::1]", "c.test"]),
        ("http.request.uri.path", &["/a", "/A", "a", "/a?x=1", "*", "/x.mp3", "/a#b", "/%3F", "?"]),
        ("http.request.uri", &["/a", "/a?x=1", "a?x=1", "/"]),
        ("http.request.uri.path.extension", &["mp3", "MP3", ".mp3", "b", ""]),
        ("http.request.uri.query", &["x=1", "?x=1", "", "?"]),
        ("http.request.method", METHODS),
        ("http.user_agent", VALUES),
        ("lower(http.user_agent)", VALUES),
        ("upper(http.user_agent)", VALUES),
        ("lower(http.request.uri.path)", &["/a", "/A", "/x.mp3", "/x.MP3"]),
        ("http.request.headers[\"x-n\"][0]", VALUES),
        ("http.request.headers[\"X-N\"][0]", VALUES),
    ];
    let (left, values) = fields[random.below(fields.len())];
    let (operator, right) = match random.below(10) {
        0..=3 => ("eq", quoted(one(random, values))),
        4 => ("ne", quoted(one(random, values))),
        5 | 6 => ("in", set(random, values)),
        7 => ("contains", quoted(one(random, values))),
        8 => ("wildcard", quoted(one(random, &["/a*", "*b", "a*", "*1*"]))),
        _ => (
            "matches",
            format!(
                "r\"{}\"",
                one(random, &["^/a$", "/a", "a\\.b", "^/a", "b$", "^$", "a.b", "(?i)one", "^one$", "[a]b"])
            ),
        ),
    };
    Atom { left: left.to_owned(), operator, right }
}

fn atom(random: &mut Random) -> Atom {
    match random.below(12) {
        0 | 1 => {
            let operator = ["eq", "ne", "lt", "le", "gt", "ge"][random.below(6)];
            let right = random.below(6).to_string();
            Atom { left: "len(http.request.uri.path)".to_owned(), operator, right }
        }
        2 => {
            let ranges = ["{ 1..3 }", "{ 3..9 2 }", "{ 0 }", "{ 1 1 }", "{}"];
            Atom {
                left: "len(http.request.uri.path)".to_owned(),
                operator: "in",
                right: one(random, &ranges).to_owned(),
            }
        }
        3 => Atom { left: "ip.src".to_owned(), operator: "eq", right: one(random, ADDRESSES).to_owned() },
        4 => {
            let networks = [
                "{ 192.0.2.0/24 }",
                "{ 192.0.2.0/25 }",
                "{ ::/0 }",
                "{ 10.0.0.0/8 10.0.0.0/8 }",
                "{ 0.0.0.0/0 }",
                "$inside",
            ];
            Atom { left: "ip.src".to_owned(), operator: "in", right: one(random, &networks).to_owned() }
        }
        _ => text_atom(random),
    }
}

/// A condition, and the comparisons in it.
fn condition(random: &mut Random, depth: u32, atoms: &mut Vec<Atom>) -> String {
    if depth == 0 || random.once_in(3) {
        return match random.below(14) {
            0 => "ssl".to_owned(),
            1 => "true".to_owned(),
            2 => "false".to_owned(),
            3 => "named".to_owned(),
            4 => "http.request.body.size gt 0".to_owned(),
            // The same comparison again, so that contradictions and repetitions come about.
            5 | 6 if !atoms.is_empty() => atoms[random.below(atoms.len())].text(),
            _ => {
                let atom = atom(random);
                let text = atom.text();
                atoms.push(atom);
                text
            }
        };
    }
    let left = condition(random, depth - 1, atoms);
    if random.once_in(5) {
        return format!("not ({left})");
    }
    let right = condition(random, depth - 1, atoms);
    format!("({left} {} {right})", ["and", "and", "and", "or", "or", "xor"][random.below(6)])
}

/// A policy with a rule a line, so that a finding's line names its rule.
struct Written {
    text: String,
    conditions: Vec<String>,
    atoms: Vec<Atom>,
}

fn written(random: &mut Random) -> Written {
    let mut text = String::new();
    let (mut conditions, mut atoms): (Vec<String>, Vec<Atom>) = (Vec::new(), Vec::new());
    for at in 0..RULES {
        let condition = match random.below(6) {
            // Narrower, wider or equal to an earlier one.
            0 if at > 0 => {
                format!("({} and {})", conditions[random.below(at)], condition(random, 1, &mut atoms))
            }
            1 if at > 0 => {
                format!("({} or {})", conditions[random.below(at)], condition(random, 1, &mut atoms))
            }
            2 if at > 0 => conditions[random.below(at)].clone(),
            _ => condition(random, 2, &mut atoms),
        };
        let action = ["block", "block", "log", "allow", "skip rules"][random.below(5)];
        writeln!(text, "rule r{at} {{ when {condition} then {action} }}").unwrap();
        conditions.push(condition);
    }
    text.push_str("let named = http.request.method eq \"GET\" and ssl\nlist inside = { 192.0.2.0/24 }\n");
    text.push_str("let spare = ssl\nlist unasked = { 1 2 }\n");
    Written { text, conditions, atoms }
}

fn compiled(text: &str, passes: impl FnOnce(&mut Bundle)) -> Outcome {
    let mut sources = MemorySources::default();
    sources.0.insert("p.shield".to_owned(), text.as_bytes().into());
    compile_with(&sources, &["p.shield".to_owned()], passes)
}

struct Request {
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, &'static str)>,
    client: &'static str,
    tls: bool,
    body: &'static str,
}

fn request(seed: u64) -> Request {
    let random = &mut Random::new(seed);
    let query = one(random, QUERIES);
    let mark = if query.is_empty() && random.once_in(2) { "" } else { "?" };
    Request {
        method: one(random, METHODS),
        target: format!("{}{mark}{query}", one(random, PATHS)),
        headers: vec![
            ("host", one(random, HOSTS)),
            ("user-agent", one(random, VALUES)),
            ([("x-n"), ("X-N"), ("x-m")][random.below(3)], one(random, VALUES)),
        ],
        client: one(random, ADDRESSES),
        tls: random.once_in(2),
        body: one(random, &["", "a"]),
    }
}

fn with_exchange<T>(request: &Request, f: impl FnOnce(&Exchange<'_>) -> T) -> Option<T> {
    let headers = request.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let head = Head {
        method: request.method.as_bytes(),
        target: request.target.as_bytes(),
        version: Version::Http11,
        tls: request.tls,
        headers: Headers::new(headers).ok()?,
        client: request.client.parse().unwrap(),
        ..Head::default()
    };
    // What has no canonical form is refused before any rule.
    let canonical = Canonical::of(&head, &Limits::default()).ok()?;
    let mut exchange = Exchange::new(&canonical);
    exchange.set_body(request.body.as_bytes(), false);
    Some(f(&exchange))
}

/// On which requests a condition holds; as it is written, without any pass over it.
struct Truths<'a> {
    requests: &'a [Request],
    known: BTreeMap<String, Vec<bool>>,
}

impl Truths<'_> {
    fn of(&mut self, condition: &str) -> Vec<bool> {
        if let Some(known) = self.known.get(condition) {
            return known.clone();
        }
        let plain = format!(
            "let named = http.request.method eq \"GET\" and ssl\nlist inside = {{ 192.0.2.0/24 }}\nrule r {{ when {condition} then log }}\n"
        );
        let outcome = compiled(&plain, |_| {});
        let bundle = outcome.bundle.unwrap_or_else(|| panic!("{condition}: {:?}", outcome.diagnostics));
        let constants = Constants::of(&bundle.program).unwrap();
        let meaning = Meaning { program: &bundle.program, constants: &constants };
        let truths: Vec<bool> = self
            .requests
            .iter()
            .filter_map(|request| {
                with_exchange(request, |exchange| holds(meaning, bundle.rules[0].when, exchange))
            })
            .collect();
        self.known.insert(condition.to_owned(), truths.clone());
        truths
    }
}

/// The comparison whose right or left side a finding speaks of.
fn atom_at<'w>(written: &'w Written, one: &Diagnostic, line: &str, column: usize) -> &'w Atom {
    let length = (one.span.end - one.span.start) as usize;
    let covers = |atom: &&Atom| {
        let text = atom.text();
        line.match_indices(&text).any(|(at, _)| at < column && column + length <= at + text.len() + 1)
    };
    written.atoms.iter().find(covers).unwrap_or_else(|| panic!("no comparison at {column} of {line}"))
}

/// Why a finding is wrong, where it is.
fn wrong(one: &Diagnostic, outcome: &Outcome, written: &Written, truths: &mut Truths<'_>) -> Option<String> {
    let rule_at = |offset| outcome.sources.position(one.span.file, offset).0 as usize - 1;
    let at = rule_at(one.span.start);
    let said = &written.text[one.span.start as usize..one.span.end as usize];
    let line = written.text.lines().nth(at).unwrap();
    let column = outcome.sources.position(one.span.file, one.span.start).1 as usize - 1;
    let holds = written.conditions.get(at).map(|condition| truths.of(condition));
    let other = one.related.first().and_then(|(span, _)| written.conditions.get(rule_at(span.start)));
    let other = other.map(|condition| truths.of(condition));
    let fine = match one.code.name {
        "W0401" if one.message.contains("never") => holds?.iter().all(|holds| !holds),
        "W0401" => holds?.iter().all(|holds| *holds),
        "W0402" => holds?.iter().zip(other?).all(|(later, earlier)| !later || earlier),
        "W0407" if one.message.contains("says the same") => holds? == other?,
        "W0407" => {
            let atom = atom_at(written, one, line, column);
            let shorter = atom.right.replacen(said, "", 1);
            truths.of(&atom.text()) == truths.of(&format!("{} in {shorter}", atom.left))
        }
        "W0403" if one.label.starts_with("keys") => {
            let key = said.trim_matches(['[', ']']).trim();
            let condition = format!("has_key(http.request.headers, {key})");
            truths.of(&condition).iter().all(|holds| !holds)
        }
        "W0403" => {
            let atom = atom_at(written, one, line, column);
            let operator = if atom.operator == "contains" { "contains" } else { "eq" };
            truths.of(&format!("{} {operator} {said}", atom.left)).iter().all(|holds| !holds)
        }
        "W0408" => {
            let atom = atom_at(written, one, line, column);
            let help = one.help.as_ref().unwrap();
            let better = help.split('`').nth(1).unwrap().replace('…', &atom.left);
            truths.of(&atom.text()) == truths.of(&better)
        }
        "W0404" => {
            let name = said;
            let rest: String = written
                .text
                .lines()
                .filter(|line| !line.contains(name))
                .map(|line| format!("{line}\n"))
                .collect();
            let with = compiled(&written.text, optimize::run).bundle;
            compiled(&rest, optimize::run).bundle == with
        }
        "W0406" => {
            let bundle = outcome.bundle.as_ref()?;
            let first = rule_at(one.related[0].0.start);
            bundle.rules[first].phase > bundle.rules[at].phase && first < at
        }
        other => panic!("{other} is not tried: {}", one.message),
    };
    (!fine).then(|| format!("{} {} ({}), line {line}", one.code.name, one.message, one.label))
}

#[test]
fn every_finding_is_true_on_every_request() {
    let first = std::option_env!("SHIELD_SEED").and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let requests: Vec<Request> = (0..REQUESTS).map(request).collect();
    let (mut counts, mut offences) = (BTreeMap::<&str, usize>::new(), Vec::new());
    for seed in first..first + POLICIES {
        let written = written(&mut Random::new(seed));
        let outcome = compiled(&written.text, optimize::run);
        assert!(outcome.bundle.is_some(), "seed {seed}: {:?}\n{}", outcome.diagnostics, written.text);
        let mut truths = Truths { requests: &requests, known: BTreeMap::new() };
        for one in &outcome.diagnostics {
            *counts.entry(one.code.name).or_default() += 1;
            offences
                .extend(wrong(one, &outcome, &written, &mut truths).map(|why| format!("seed {seed}: {why}")));
        }
    }
    println!("{counts:?}, seeds {first} to {}", first + POLICIES - 1);
    assert!(offences.is_empty(), "\n{}\n", offences.join("\n"));
    for code in ["W0401", "W0402", "W0403", "W0404", "W0406", "W0407", "W0408"] {
        assert!(counts.get(code).copied().unwrap_or_default() >= 100, "too few of {code}: {counts:?}");
    }
}

/// An API with some endpoints that a rule or a document is about, and some that nothing is.
fn guarded(random: &mut Random) -> String {
    let mut text = "api shop {\n  host \"a.test\" \"b.test\"\n  upstream \"http://127.0.0.1:9\"\n".to_owned();
    for at in 0..6 {
        writeln!(text, "  endpoint GET /e{at}").unwrap();
    }
    text.push_str("}\n");
    for at in 0..random.below(4) {
        let scope =
            [format!("shop GET /e{}", random.below(6)), "\"b.test\"".to_owned()][random.below(2)].clone();
        let action = ["block", "log", "allow", "block\n  mode shadow"][random.below(4)];
        writeln!(text, "rule r{at} {{\n  on {scope}\n  when http.user_agent ne \"x\"\n  then {action}\n}}")
            .unwrap();
    }
    text
}

#[test]
fn nothing_stops_a_request_to_an_endpoint_of_which_that_is_said() {
    let mut found = 0;
    for seed in 0..100 {
        let text = guarded(&mut Random::new(seed));
        let outcome = compiled(&text, optimize::run);
        let bundle = outcome.bundle.unwrap_or_else(|| panic!("{text}\n{:?}", outcome.diagnostics));
        let policy = Policy::load(bundle, Digest([0; 32]), Backend::Interpreter).unwrap();
        for one in outcome.diagnostics.iter().filter(|one| one.code.name == "W0405") {
            found += 1;
            let path = one.message.split(['`', ' ']).find(|word| word.starts_with('/')).unwrap();
            for agent in VALUES {
                let headers = Headers::new(vec![(b"host", b"a.test"), (b"user-agent", agent.as_bytes())]);
                let head = Head { target: path.as_bytes(), headers: headers.unwrap(), ..Head::default() };
                let canonical = Canonical::of(&head, &Limits::default()).unwrap();
                let mut exchange = Exchange::new(&canonical);
                let step = policy.judge_head(&mut exchange);
                assert!(matches!(step, Ok(Step::Forward(_))), "seed {seed}, {path}: {step:?}\n{text}");
            }
        }
    }
    println!("{found} endpoints");
    assert!(found >= 100);
}

#[test]
fn an_expression_alone_is_told_of_what_it_can_never_be() {
    let (bare, diagnostics, _) = expression("lower(http.host) eq \"A\"", &BareOptions::default());
    assert!(bare.is_some());
    assert_eq!(diagnostics.iter().map(|one| one.code.name).collect::<Vec<_>>(), ["W0403"]);
}

/// A schema of a few small keywords.
fn schema(random: &mut Random) -> serde_json::Value {
    use serde_json::json;
    let types = [
        json!("string"),
        json!("integer"),
        json!("number"),
        json!("object"),
        json!("array"),
        json!(["string", "null"]),
        json!(["string", "integer"]),
    ];
    let mut schema = serde_json::Map::new();
    if !random.once_in(4) {
        schema.insert("type".to_owned(), types[random.below(types.len())].clone());
    }
    let numbers = [
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
    ];
    for _ in 0..=random.below(4) {
        schema.insert(numbers[random.below(numbers.len())].to_owned(), json!(random.below(4)));
    }
    let constants = [json!([1, 2]), json!(["a", "abc"]), json!([{}, [1]]), json!([1, "a"]), json!([null])];
    let texts = [
        ("pattern", json!("^[a-c]{1,2}$")),
        ("pattern", json!("^(abc|🐉{3})$")),
        ("pattern", json!("b.d|^xyz")),
        ("pattern", json!("^$")),
        ("pattern", json!("^\\\\d+$|^a$")),
        ("format", json!("date")),
        ("format", json!("ipv4")),
        ("format", json!("uuid")),
    ];
    if random.once_in(3) {
        let (name, value) = texts[random.below(texts.len())].clone();
        schema.insert(name.to_owned(), value);
    }
    match random.below(5) {
        0 => drop(schema.insert("enum".to_owned(), constants[random.below(constants.len())].clone())),
        1 => drop(schema.insert(
            "required".to_owned(),
            [json!(["a"]), json!(["a", "b"]), json!(["a", "b", "c"])][random.below(3)].clone(),
        )),
        2 => {
            schema.insert("required".to_owned(), json!(["a"]));
            schema.insert(
                "properties".to_owned(),
                [json!({"a": {}}), json!({"b": {}})][random.below(2)].clone(),
            );
            schema.insert("additionalProperties".to_owned(), json!(false));
        }
        _ => {}
    }
    schema.into()
}

/// Small schemas that hold for one value.
fn joined(random: &mut Random) -> serde_json::Value {
    use serde_json::json;
    let (mut own, parts) = (schema(random), json!([schema(random), { "allOf": [schema(random)] }]));
    own["allOf"] = parts;
    own["$defs"] = json!({ "other": schema(random) });
    own["properties"]["c"] = json!(!random.once_in(3));
    own
}

#[test]
fn what_is_said_of_unsatisfiable_schemas_is_true() {
    use serde_json::json;
    let random = &mut Random::new(7);
    let schemas: Vec<_> =
        (0..1_600).map(|at| if at % 2 == 0 { schema(random) } else { joined(random) }).collect();
    let mut document = "openapi: 3.1.0\ninfo: {title: A, version: '1'}\npaths:\n".to_owned();
    for (at, schema) in schemas.iter().enumerate() {
        writeln!(document, "  /p{at}: {{post: {{requestBody: {{content: {{application/json: {{schema: {schema}}}}}}}, responses: {{'200': {{description: fine}}}}}}}}").unwrap();
    }
    let policy =
        b"api a {\n  host \"a.test\"\n  upstream \"http://127.0.0.1:9\"\n  openapi \"api.yaml\"\n}\n";
    let outcome =
        shield_tests::suite::compiled_with("p.shield", policy, &[("api.yaml", document.as_bytes())]);
    assert!(outcome.bundle.is_some(), "{:?}", outcome.diagnostics.first());
    let mut instances = vec![
        json!(null),
        json!(true),
        json!({}),
        json!({"a": 1}),
        json!({"b": 1}),
        json!({"a": 1, "b": 1}),
        json!({"a": 1, "b": 1, "c": 1}),
        json!({"a": 1, "b": 1, "c": 1, "d": 1}),
    ];
    instances.extend((-2..12).map(|at| json!(f64::from(at) / 2.0)));
    instances.extend((-1..6).map(|at| json!(at)));
    instances.extend((0..6).map(|length| json!(vec![1; length])));
    instances.extend((0..6).map(|length| json!("abcdef"[..length])));
    instances.extend((0..6).map(|length| json!("🐉".repeat(length))));
    instances.extend(
        ["2024-01-02", "127.0.0.1", "1.1.1.1", "::", "P1D", "1", "12", "xa", "bcx", "a\nb"]
            .map(|text| json!(text)),
    );
    let mut found = 0;
    for one in outcome.diagnostics.iter().filter(|one| one.code.name == "W0502") {
        found += 1;
        let schema = &schemas[outcome.sources.position(one.span.file, one.span.start).0 as usize - 4];
        let validator =
            jsonschema::draft202012::options().should_validate_formats(true).build(schema).unwrap();
        let about =
            |instance: &&serde_json::Value| match one.message.split(' ').collect::<Vec<_>>().as_slice() {
                ["nothing", ..] => true,
                ["no", "number", ..] => instance.is_number(),
                ["no", "string", ..] => instance.is_string(),
                ["no", "array", ..] => instance.is_array(),
                ["no", "object", ..] | [_, "is", "required,", ..] => instance.is_object(),
                _ => panic!("{}", one.message),
            };
        let valid: Vec<_> =
            instances.iter().filter(about).filter(|instance| validator.is_valid(instance)).collect();
        assert!(valid.is_empty(), "{}: {schema} takes {valid:?}", one.message);
    }
    println!("{found} schemas");
    assert!(found > 700, "{found}");
}
