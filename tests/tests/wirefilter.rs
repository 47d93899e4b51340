//! Generated policies in the part of the language that `wirefilter-engine` 0.6.1 has: the same verdict there, in the
//! interpreter and in machine code; and no finding of the analysis is ever wrong.
//!
//! Where we differ on purpose, the generator stays away: 0.6.1 has no functions, maps, arrays, wildcards and raw strings,
//! integers of 32 bits, no octal integers, and no absent values.
#![expect(
    clippy::expect_used,
    reason = "a test stops loudly, and logs the seed with which it can be run again"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use shield_compiler::source::MemorySources;
use shield_compiler::{Diagnostic, compile};
use shield_engine::{Backend, Canonical, Denial, Exchange, Head, Headers, Limits, Policy, Step, Value};
use shield_ir::{Digest, FieldId};
use shield_tests::generate::Random;
use wirefilter::{ExecutionContext, Scheme};

const POLICIES: u64 = 50;
const RULES: usize = 40;
const REQUESTS: usize = 50;

const HOSTS: &[&str] = &["example.com", "api.example.com", "example.net", "a"];
const PATHS: &[&str] = &["/", "/admin", "/admin/users", "/api/v1/login", "/api/v1/pets/7", "/wp-login.php"];
const AGENTS: &[&str] = &["", "curl/8.1", "Mozilla/5.0 (X11)", "sqlmap/1.7", "bot bot"];
const METHODS: &[&str] = &["GET", "POST", "DELETE"];
const QUERIES: &[&str] = &["", "id=1", "id=1&q=union+select", "x"];
const ADDRESSES: &[&str] = &["192.0.2.5", "203.0.113.9", "10.1.2.3", "2001:db8::1", "::1"];
const PORTS: &[i64] = &[80, 443, 8080, 0];
const PATTERNS: &[&str] = &["^/admin", "login", "[0-9]+$", "(curl|sqlmap)/", "^$", "a.*m", "\\.php$", "x|y"];
const NETWORKS: &[&str] = &[
    "192.0.2.0/24",
    "10.0.0.0/8",
    "2001:db8::/32",
    "203.0.113.9",
    "10.1.2.3..10.1.2.9",
    "0.0.0.0/0",
    "::/0",
];

const STRINGS: &[(&str, &[&str])] = &[
    ("http.host", HOSTS),
    ("http.request.uri.path", PATHS),
    ("http.user_agent", AGENTS),
    ("http.request.method", METHODS),
    ("http.request.uri.query", QUERIES),
];

fn scheme() -> Scheme {
    Scheme! {
        http.host: Bytes,
        http.request.uri.path: Bytes,
        http.user_agent: Bytes,
        http.request.method: Bytes,
        http.request.uri.query: Bytes,
        ip.src: Ip,
        cf.edge.server_port: Int,
        ssl: Bool,
    }
}

/// One of the values.
fn one<T: Copy>(random: &mut Random, values: &[T]) -> T {
    *values.get(random.below(values.len())).expect("a value")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The end of a value, of one byte at least: 0.6.1 refuses an empty needle.
fn part(random: &mut Random, values: &[&str]) -> String {
    let text = one(random, values);
    let from = random.below(text.len() + 1);
    text.get(from..).filter(|part| !part.is_empty()).unwrap_or("a").to_owned()
}

fn comparison(random: &mut Random) -> String {
    let (field, values) = one(random, STRINGS);
    let op = one(random, &["eq", "ne", "lt", "le", "gt", "ge", "==", "!=", "<", "<=", ">", ">="]);
    match random.below(9) {
        0 | 1 => format!("{field} {op} {}", quoted(one(random, values))),
        2 => format!("{field} contains {}", quoted(&part(random, values))),
        3 => format!("{field} matches \"{}\"", one(random, PATTERNS)),
        4 => {
            let members: Vec<String> = (0..=random.below(3)).map(|_| quoted(one(random, values))).collect();
            format!("{field} in {{{}}}", members.join(" "))
        }
        5 => {
            let members: Vec<&str> = (0..=random.below(2)).map(|_| one(random, NETWORKS)).collect();
            format!("ip.src in {{{}}}", members.join(" "))
        }
        6 => format!("ip.src {} {}", one(random, &["eq", "ne"]), one(random, ADDRESSES)),
        7 => {
            let port = one(random, PORTS);
            match random.below(3) {
                0 => format!("cf.edge.server_port in {{{port} 100..500}}"),
                1 => format!("cf.edge.server_port & {}", port + 1),
                _ => format!("cf.edge.server_port {op} {port}"),
            }
        }
        _ => "ssl".to_owned(),
    }
}

fn condition(random: &mut Random, depth: usize) -> String {
    if depth == 0 || random.once_in(3) {
        return comparison(random);
    }
    if random.once_in(5) {
        return format!("not ({})", condition(random, depth - 1));
    }
    let op = one(random, &["and", "or", "xor", "&&", "||", "^^"]);
    let (left, right) = (condition(random, depth - 1), condition(random, depth - 1));
    if random.once_in(2) { format!("({left} {op} {right})") } else { format!("{left} {op} {right}") }
}

struct Request {
    host: &'static str,
    path: &'static str,
    agent: &'static str,
    method: &'static str,
    query: &'static str,
    client: IpAddr,
    port: i64,
    tls: bool,
}

impl Request {
    fn new(random: &mut Random) -> Self {
        Self {
            host: one(random, HOSTS),
            path: one(random, PATHS),
            agent: one(random, AGENTS),
            method: one(random, METHODS),
            query: one(random, QUERIES),
            client: one(random, ADDRESSES).parse().expect("an address"),
            port: one(random, PORTS),
            tls: random.once_in(2),
        }
    }

    fn target(&self) -> String {
        if self.query.is_empty() { self.path.to_owned() } else { format!("{}?{}", self.path, self.query) }
    }

    /// Tells what becomes of it under a policy.
    fn judged<T>(
        &self,
        policy: &Policy,
        tell: impl FnOnce(Result<Step<'_>, Denial>, &Exchange<'_>) -> T,
    ) -> T {
        let target = self.target();
        let headers = vec![(&b"host"[..], self.host.as_bytes()), (b"user-agent", self.agent.as_bytes())];
        let head = Head {
            method: self.method.as_bytes(),
            target: target.as_bytes(),
            tls: self.tls,
            client: self.client,
            headers: Headers::new(headers).expect("plain headers"),
            ..Head::default()
        };
        let canonical = Canonical::of(&head, &Limits::default()).expect("a canonical request");
        let mut exchange = Exchange::new(&canonical);
        let port = FieldId::find("cf.edge.server_port").expect("a field");
        exchange.with_fields(BTreeMap::from([(port, Value::Int(self.port))]));
        tell(policy.judge_head(&mut exchange), &exchange)
    }

    /// The rules that hold for it.
    fn held(&self, policy: &Policy) -> BTreeSet<String> {
        self.judged(policy, |step, exchange| {
            step.expect("rules that only log");
            exchange
                .events()
                .iter()
                .filter_map(|event| Some(policy.cite(event.by?)?.name.to_owned()))
                .collect()
        })
    }

    fn context<'s>(&'s self, scheme: &'s Scheme) -> ExecutionContext<'s> {
        let mut context = ExecutionContext::new(scheme);
        let port = i32::try_from(self.port).expect("a small port");
        let set = [
            context.set_field_value("http.host", self.host),
            context.set_field_value("http.request.uri.path", self.path),
            context.set_field_value("http.user_agent", self.agent),
            context.set_field_value("http.request.method", self.method),
            context.set_field_value("http.request.uri.query", self.query),
            context.set_field_value("ip.src", self.client),
            context.set_field_value("cf.edge.server_port", port),
            context.set_field_value("ssl", self.tls),
        ];
        assert!(set.iter().all(Result::is_ok));
        context
    }
}

/// The rule that a finding is about, of those whose message is that it never or always holds.
fn constant(diagnostic: &Diagnostic) -> Option<(String, bool)> {
    let name = diagnostic.message.split('`').nth(1)?.to_owned();
    match diagnostic.code.name {
        "W0401" => Some((name, diagnostic.message.ends_with("always holds"))),
        _ => None,
    }
}

#[test]
fn verdicts_are_those_of_wirefilter_and_findings_are_true() {
    let first = option_env!("SHIELD_SEED").and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let scheme = scheme();
    let (mut pairs, mut held_once, mut findings) = (0, 0, 0);
    for seed in first..first + POLICIES {
        let mut random = Random::new(seed);
        let conditions: Vec<String> = (0..RULES).map(|_| condition(&mut random, 3)).collect();
        let mut text = String::new();
        for (at, condition) in conditions.iter().enumerate() {
            writeln!(text, "rule r{at} {{ when {condition} then log }}").expect("a string takes all");
        }
        let outcome = compile(&MemorySources::new([("p.shield", &text)]), &["p.shield".to_owned()]);
        let bundle =
            outcome.bundle.unwrap_or_else(|| panic!("seed {seed}: {:#?}\n{text}", outcome.diagnostics));
        let load = |backend| Policy::load(bundle.clone(), Digest([0; 32]), backend).expect("a policy");
        let (interpreter, jit) = (load(Backend::Interpreter), load(Backend::Jit));
        // Contexts live as long as the filters that look at them.
        let requests: Vec<Request> = (0..REQUESTS).map(|_| Request::new(&mut random)).collect();
        let filters: Vec<_> = conditions
            .iter()
            .map(|text| {
                scheme.parse(text).unwrap_or_else(|error| panic!("seed {seed}: {text}: {error}")).compile()
            })
            .collect();
        let constants: Vec<(String, bool)> = outcome.diagnostics.iter().filter_map(constant).collect();
        findings += constants.len();
        for request in &requests {
            let context = request.context(&scheme);
            let (meant, native) = (request.held(&interpreter), request.held(&jit));
            assert_eq!(meant, native, "seed {seed}, {} {}", request.method, request.target());
            for (at, (filter, condition)) in filters.iter().zip(&conditions).enumerate() {
                let theirs = filter.execute(&context).expect("one scheme");
                assert_eq!(
                    meant.contains(&format!("r{at}")),
                    theirs,
                    "seed {seed}: {condition}: {}",
                    request.target()
                );
                pairs += 1;
            }
            held_once += meant.len();
            for (name, always) in &constants {
                assert_eq!(meant.contains(name), *always, "seed {seed}: the finding about {name} is wrong");
            }
        }
    }
    eprintln!("{pairs} pairs from seed {first}, {held_once} of them held, {findings} findings checked");
    assert!(held_once > pairs / 10, "the generator makes conditions that hold too seldom to tell anything");
}

#[test]
fn a_shadowed_rule_never_acts_first() {
    let (mut findings, mut looked) = (0, 0);
    for seed in 1_000..1_000 + POLICIES {
        let mut random = Random::new(seed);
        let mut text = String::new();
        for at in 0..RULES {
            let condition = if at % 2 == 0 { comparison(&mut random) } else { condition(&mut random, 2) };
            writeln!(text, "rule r{at} {{ when {condition} then log then block }}")
                .expect("a string takes all");
        }
        let outcome = compile(&MemorySources::new([("p.shield", &text)]), &["p.shield".to_owned()]);
        let bundle =
            outcome.bundle.unwrap_or_else(|| panic!("seed {seed}: {:#?}\n{text}", outcome.diagnostics));
        let policy = Policy::load(bundle, Digest([0; 32]), Backend::Interpreter).expect("a policy");
        let dead: BTreeSet<&str> = outcome
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.code.name == "W0402")
            .filter_map(|diagnostic| diagnostic.message.split('`').nth(1))
            .collect();
        findings += dead.len();
        for _ in 0..REQUESTS {
            let refused_by = Request::new(&mut random).judged(&policy, |step, _| {
                policy.cite(step.err()?.by.expect("a rule refused")).map(|rule| rule.name.to_owned())
            });
            if let Some(by) = refused_by {
                assert!(!dead.contains(by.as_str()), "seed {seed}: {by} was said never to act\n{text}");
                looked += 1;
            }
        }
    }
    eprintln!("{findings} shadowed rules, {looked} refusals by others");
    assert!(findings > 0 && looked > 0);
}
