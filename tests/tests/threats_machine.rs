//! Threats 123 to 125: machine code decides as the interpreter does, whatever its size, and is freed.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::format_collect,
    clippy::format_push_string,
    reason = "a test reads what the system knows of its memory, and writes long policies"
)]

use shield_runtime::Settings;
use shield_tests::generate::Random;
use shield_tests::live::{Live, bundle, settings};
use shield_tests::origin::Origin;

const API: &str =
    "api shop {\n  host \"a\"\n  upstream \"http://127.0.0.1:1\"\n  requests off\n  unknown off\n}\n";

fn serving(origin: &Origin, bundle: &[u8], backend: &'static str) -> Live {
    Live::start(bundle.to_vec(), Settings { upstream: vec![origin.url()], backend, ..settings() })
}

/// The same policy run in both ways.
fn both(origin: &Origin, policy: &str) -> [Live; 2] {
    let bundle = bundle(policy);
    ["jit", "interpreter"].map(|backend| serving(origin, &bundle, backend))
}

/// Conditions over what a client can send.
fn conditions() -> Vec<String> {
    let mut conditions = Vec::new();
    for number in 0..40 {
        conditions
            .push(format!("http.request.uri.path eq \"/p{number}\" and not http.request.method eq \"GET\""));
        conditions.push(format!(
            "starts_with(http.request.uri.path, \"/p{number}/\") or http.user_agent contains \"bot{number};\""
        ));
        conditions.push(format!(
            "http.request.uri.path matches \"^/p{number}[a-c]+$\" and len(http.request.uri.query) > {number}"
        ));
        conditions.push(format!(
            "any(lower(http.request.headers[\"x-tag\"][*])[*] in {{ \"t{number}\" \"u{number}\" }})"
        ));
        conditions.push(format!("http.request.uri.args[\"n\"][0] eq \"{number}\" and http.request.uri.path wildcard \"*/Z{number}*\""));
    }
    conditions
}

#[test]
fn threat_123_machine_code_and_interpreter_refuse_the_same_requests() {
    let origin = Origin::plain().forgetful();
    let rules = conditions();
    let rules: String = (0..)
        .zip(&rules)
        .map(|(number, when)| {
            format!("rule r{number} {{\n  when {when}\n  then block {}\n}}\n", 400 + number % 50)
        })
        .collect();
    let lives = both(&origin, &format!("{API}{rules}"));
    let mut clients = lives.each_ref().map(Live::connect);
    let mut dice = Random::new(123);
    let mut refused = 0;
    for _ in 0..4_000 {
        let number = dice.below(44);
        let path =
            ["/p{}", "/p{}/x", "/p{}abc", "/x/z{}y", "/"][dice.below(5)].replace("{}", &number.to_string());
        let query = ["", "?n={}", "?a=b&n={}&n=1", "?aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
            [dice.below(4)];
        let query = query.replace("{}", &number.to_string());
        let method = ["GET", "POST", "DELETE"][dice.below(3)];
        let tag = ["T{}", "u{}", "v{}", "t{}x"][dice.below(4)].replace("{}", &number.to_string());
        let request = format!(
            "{method} {path}{query} HTTP/1.1\r\nhost: a\r\nuser-agent: x bot{}; y\r\nx-tag: z\r\nx-tag: {tag}\r\ncontent-length: 0\r\n\r\n",
            dice.below(90),
        );
        let [jit, interpreted] = clients.each_mut().map(|client| client.ask(&request).status);
        assert_eq!(jit, interpreted, "{request}");
        refused += u32::from(jit != 200);
    }
    assert!((400..3_900).contains(&refused), "{refused} refused");
}

#[test]
fn threat_124_a_condition_of_any_size_means_what_it_says() {
    let origin = Origin::plain().forgetful();
    let mut policy = API.to_owned();
    let numbers: String = (0..70_000).map(|number| format!("{} ", number * 3)).collect();
    policy.push_str(&format!(
        "rule large-set {{\n  when len(http.request.uri.path) in {{ {numbers} }}\n  then block 401\n}}\n"
    ));
    let texts: String = (0..20_000).map(|number| format!("\"/t{number}\" ")).collect();
    policy.push_str(&format!(
        "rule large-texts {{\n  when http.request.uri.path in {{ {texts} }}\n  then block 402\n}}\n"
    ));
    let many: Vec<String> =
        (0..2_000).map(|number| format!("http.request.uri.query eq \"q{number}\"")).collect();
    policy.push_str(&format!("rule large-or {{\n  when {}\n  then block 403\n}}\n", many.join(" or ")));
    let lives = both(&origin, &policy);
    for (path, expected) in [
        ("/", 200),
        ("/ab", 401),
        ("/abc", 200),
        ("/abcde", 401),
        ("/t1999", 401),
        ("/t19999", 402),
        ("/t20000", 200),
        ("/?q0", 403),
        ("/?q1999", 403),
        ("/?q2000", 200),
    ] {
        for live in &lives {
            let status = live.connect().ask(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).status;
            assert_eq!(status, expected, "{path}");
        }
    }
}

/// Executable mappings of this process that are no file's, and those that can be written too.
fn executable() -> (usize, usize) {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("the system tells");
    let own = maps.lines().filter(|line| !line.contains('/') && !line.contains("[v"));
    let of = |wanted: &str| {
        own.clone()
            .filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.contains(wanted)))
            .count()
    };
    (of("x"), of("wx"))
}

#[test]
fn threat_125_machine_code_is_freed_with_its_policy_and_never_writable() {
    let origin = Origin::plain().forgetful();
    let policy = |number: u32| {
        let rules: String = (0..50)
            .map(|rule| {
                format!(
                    "rule r{rule} {{ when http.request.uri.path eq \"/{number}/{rule}\" then block 403 }}\n"
                )
            })
            .collect();
        bundle(&format!("{API}{rules}"))
    };
    let policies = [1, 2, 3].map(policy);
    let live = serving(&origin, &policies[0], "jit");
    let mut client = live.connect();
    let mut swap = |times: usize| {
        for number in 0..times {
            live.server.load(policies[number % 3].clone()).expect("the bundle is good");
            assert_eq!(client.ask("GET / HTTP/1.1\r\nhost: a\r\n\r\n").status, 200);
        }
        executable()
    };
    let (few, writable) = swap(10);
    assert!(few > 0, "there is machine code");
    let (many, writable_later) = swap(300);
    assert_eq!((writable, writable_later), (0, 0));
    assert!(many <= few + 20, "{many} mappings after {few}");
}
