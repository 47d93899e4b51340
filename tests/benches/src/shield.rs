//! Our engine, and a naive walk by its interpreter.

use std::collections::BTreeMap;

use shield_engine::{Backend, Canonical, Exchange, Limits, Policy, Step, Value};
use shield_ir::expr::Node;
use shield_ir::policy::{Action, Block, Origin, Rule, Scope};
use shield_ir::set::{Members, Set, SetId, network};
use shield_ir::{Builtin, Bundle, Compare, Expr, ExprId, FieldId, Literal, Logic, Phase, Quantifier, Type};

use crate::mix::{Condition, Request};

/// Builds a bundle; equal operations are one, as the compiler makes them.
#[derive(Default)]
struct Builder {
    bundle: Bundle,
    known: BTreeMap<Expr, ExprId>,
}

impl Builder {
    fn add(&mut self, expr: Expr, ty: Type) -> ExprId {
        if let Some(id) = self.known.get(&expr) {
            return *id;
        }
        let id = ExprId(self.bundle.program.nodes.len() as u32);
        self.known.insert(expr.clone(), id);
        self.bundle.program.nodes.push(Node { expr, ty });
        id
    }

    fn field(&mut self, name: &str) -> ExprId {
        let field = FieldId::find(name).expect("a field");
        self.add(Expr::Field(field), field.row().ty)
    }

    fn text(&mut self, text: &str) -> ExprId {
        self.add(Expr::Literal(Literal::String(text.as_bytes().into())), Type::STRING)
    }

    fn eq(&mut self, left: ExprId, text: &str) -> ExprId {
        let right = self.text(text);
        self.add(Expr::Compare { op: Compare::Eq, left, right }, Type::BOOL)
    }

    fn contains(&mut self, of: ExprId, needle: &str) -> ExprId {
        self.add(Expr::Contains { of, needle: needle.as_bytes().into() }, Type::BOOL)
    }

    fn condition(&mut self, condition: &Condition) -> ExprId {
        let path = self.field("http.request.uri.path");
        match condition {
            Condition::Path(text) => self.eq(path, text),
            Condition::PathRegex(regex) => {
                self.add(Expr::Matches { of: path, regex: regex.as_str().into() }, Type::BOOL)
            }
            Condition::Networks(networks, method) => {
                let of = self.field("ip.src");
                let ranges =
                    networks.iter().map(|(a, b, c)| network([*a, *b, *c, 0].into(), 24).expect("a network"));
                self.bundle
                    .program
                    .sets
                    .push(Set { name: None, members: Members::ips(ranges.collect::<Vec<_>>()) });
                let set = SetId(self.bundle.program.sets.len() as u32 - 1);
                let within = self.add(Expr::In { of, set }, Type::BOOL);
                let field = self.field("http.request.method");
                let method = self.eq(field, method);
                self.add(Expr::Logic { op: Logic::And, of: [within, method].into() }, Type::BOOL)
            }
            Condition::Agent(text) => {
                let of = self.field("http.user_agent");
                self.contains(of, text)
            }
            Condition::Country(text) => {
                let of = self.field("ip.src.country");
                self.eq(of, text)
            }
            Condition::Host(text) => {
                let of = self.field("http.host");
                self.eq(of, text)
            }
            Condition::Query(text) => {
                let of = self.field("http.request.uri.query");
                self.contains(of, text)
            }
            Condition::Prefix(text) => {
                let prefix = self.text(text);
                let expr = Expr::Call { builtin: Builtin::StartsWith, arguments: [path, prefix].into() };
                self.add(expr, Type::BOOL)
            }
            Condition::Wildcard(pattern) => {
                let pattern = pattern.as_bytes().into();
                self.add(Expr::Wildcard { of: path, pattern, strict: false }, Type::BOOL)
            }
            Condition::Header(name, text) => {
                let of = self.first("http.request.headers", name);
                self.contains(of, text)
            }
            Condition::AnyHeader(text) => {
                let over = self.field("http.request.headers.values");
                let item = self.add(Expr::Item, Type::STRING);
                let lower = Expr::Call { builtin: Builtin::Lower, arguments: [item].into() };
                let body = self.add(lower, Type::STRING);
                let lowered = self.add(Expr::Each { over, body }, Type::STRING.array());
                let body = self.contains(item, text);
                let of = self.add(Expr::Each { over: lowered, body }, Type::BOOL.array());
                self.add(Expr::Quantify { quantifier: Quantifier::Any, of }, Type::BOOL)
            }
            Condition::Argument(name, text) => {
                let of = self.first("http.request.uri.args", name);
                self.eq(of, text)
            }
        }
    }

    fn first(&mut self, field: &str, key: &str) -> ExprId {
        let of = self.field(field);
        let of = self.add(Expr::Key { of, key: key.as_bytes().into() }, Type::STRING.array());
        self.add(Expr::Index { of, at: 0 }, Type::STRING)
    }
}

/// The bytes of a bundle of rules that block.
pub fn bundle(conditions: &[Condition]) -> Vec<u8> {
    let mut builder = Builder::default();
    for (at, condition) in conditions.iter().enumerate() {
        let when = builder.condition(condition);
        builder.bundle.rules.push(Rule {
            name: format!("rule-{at}").into(),
            scope: Scope::Everything,
            when,
            actions: [Action::Block(Block::default())].into(),
            phase: Phase::Head,
            shadow: false,
            origin: Origin { file: "bench.shield".into(), line: at as u32 + 1 },
        });
    }
    builder.bundle.anchors = shield_ir::anchor::of_rules(&builder.bundle);
    builder.bundle.encode().bytes
}

/// Decodes, verifies, indexes and makes native code.
pub fn load(bytes: &[u8], backend: Backend) -> Policy {
    let (bundle, digest) = Bundle::decode(bytes).expect("a bundle");
    Policy::load(bundle, digest, backend).expect("a policy")
}

fn canonical(request: &Request) -> Canonical<'_> {
    Canonical::of(&request.head, &Limits::default()).expect("canonical")
}

/// Whether a policy refuses a request, from its parsed head to the verdict; its country is what only a database knows.
pub fn judge(policy: &Policy, request: &Request, country: FieldId) -> bool {
    let canonical = canonical(request);
    // PERF: an exchange is large; it is made where it stays, as where requests are served.
    let mut exchange = Exchange::new(&canonical);
    exchange.with_field(country, Value::text(request.country.as_bytes()));
    !matches!(policy.judge_head(&mut exchange), Ok(Step::Forward(_)))
}

/// The same by walking every rule with the interpreter.
pub fn walk(policy: &Policy, request: &Request, country: FieldId) -> bool {
    let canonical = canonical(request);
    let mut exchange = Exchange::new(&canonical);
    exchange.with_field(country, Value::text(request.country.as_bytes()));
    !policy.holding_naively(&exchange, Phase::Head).is_empty()
}
