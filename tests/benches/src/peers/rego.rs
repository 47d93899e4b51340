//! Rego, as regorus' virtual machine runs it: one rule, true where a body of it holds, with a body for each condition.

use std::cell::RefCell;
use std::sync::Arc;

use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::RegoVM;
use regorus::{Engine, Value};

use crate::mix::{Condition, Request};

const ENTRY: &str = "data.shield.deny";

fn body(condition: &Condition) -> String {
    match condition {
        Condition::Path(text) => format!("input.path == \"{text}\""),
        Condition::PathRegex(regex) => format!("regex.match(`{regex}`, input.path)"),
        Condition::Networks(networks, method) => {
            let networks: Vec<_> = networks.iter().map(|(a, b, c)| format!("\"{a}.{b}.{c}.0/24\"")).collect();
            format!(
                "input.method == \"{method}\"\n  some network in [{}]\n  net.cidr_contains(network, input.client)",
                networks.join(", ")
            )
        }
        Condition::Agent(text) => format!("contains(input.agent, \"{text}\")"),
        Condition::Country(text) => format!("input.country == \"{text}\""),
        Condition::Host(text) => format!("input.host == \"{text}\""),
        Condition::Query(text) => format!("contains(input.query, \"{text}\")"),
        Condition::Prefix(text) => format!("startswith(input.path, \"{text}\")"),
        Condition::Wildcard(pattern) => {
            let pattern = pattern.replace('.', "\\.").replace('*', ".*");
            format!("regex.match(`(?i)^{pattern}$`, input.path)")
        }
        Condition::Header(name, text) => format!("contains(input.headers[\"{name}\"], \"{text}\")"),
        Condition::AnyHeader(text) => {
            format!("some value in input.values\n  contains(lower(value), \"{text}\")")
        }
        Condition::Argument(name, text) => format!("input.args[\"{name}\"] == \"{text}\""),
    }
}

/// A machine with its program.
pub struct Rego(RefCell<RegoVM>);

/// A program for conditions.
pub fn rego(conditions: &[Condition]) -> Rego {
    let mut text = String::from("package shield\nimport rego.v1\ndefault deny := false\n");
    for condition in conditions {
        text += &format!("deny if {{\n  {}\n}}\n", body(condition));
    }
    let mut engine = Engine::new();
    engine.add_policy("shield.rego".to_owned(), text).expect("a policy");
    let policy = engine.compile_with_entrypoint(&ENTRY.into()).expect("a compiled policy");
    let program = Compiler::compile_from_policy(&policy, &[ENTRY]).expect("a program");
    let mut machine = RegoVM::new_with_policy(policy);
    machine.load_program(Arc::clone(&program));
    Rego(RefCell::new(machine))
}

impl Rego {
    /// Whether some body holds for a request, its input included.
    pub fn judge(&self, request: &Request) -> bool {
        let object = |pairs: &mut dyn Iterator<Item = (&str, Value)>| {
            let mut object = Value::new_object();
            let members = object.as_object_mut().expect("an object");
            members.extend(pairs.map(|(name, value)| (name.into(), value)));
            object
        };
        let text = |(name, value): (&'static str, &'static str)| (name, Value::from(value));
        let fields = [
            ("path", request.path().into()),
            ("query", request.query().into()),
            ("method", request.method.into()),
            ("agent", request.header("user-agent").into()),
            ("host", request.header("host").into()),
            ("country", request.country.into()),
            ("client", std::net::Ipv4Addr::from(request.client).to_string().into()),
            ("headers", object(&mut request.headers.iter().copied().map(text))),
            ("values", request.headers.iter().map(|header| Value::from(header.1)).collect::<Vec<_>>().into()),
            (
                "args",
                object(&mut request.query().split('&').filter_map(|pair| pair.split_once('=')).map(text)),
            ),
        ];
        let mut machine = self.0.borrow_mut();
        machine.set_input(object(&mut fields.into_iter()));
        machine.execute().expect("a verdict") == Value::Bool(true)
    }
}
