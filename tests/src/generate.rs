//! Policies and requests of every shape the IR allows, from a seed: equal seeds give equal cases anywhere.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use shield_engine::{Canonical, Exchange, Head, Headers, ResponseHead, Value, Version};
use shield_ir::builtin::{Accepts, BUILTINS, Check, Form, Parameter, Returns, Signature};
use shield_ir::expr::Node;
use shield_ir::field::FIELDS;
use shield_ir::policy::{Action, Origin, Rule, Scope};
use shield_ir::set::{Members, Set, SetId};
use shield_ir::types::Layer;
use shield_ir::{
    Bundle, Compare, Expr, ExprId, FieldId, Literal, Logic, Phase, Program, Quantifier, Scalar, Type,
};

/// Numbers that look random (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `end`, which is not 0.
    pub const fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// True once in `of` times.
    pub const fn once_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    /// One of them.
    pub fn pick<'t, T: ?Sized>(&mut self, of: &[&'t T]) -> &'t T {
        of[self.below(of.len())]
    }
}

/// Strings that policies ask for and requests bring, few enough to meet.
const WORDS: &[&str] = &[
    "",
    "a",
    "/",
    "/a",
    "/a/b",
    "/admin/users",
    "admin",
    "Host",
    "host",
    "x-test",
    "X-Test",
    "One",
    "two",
    "GET",
    "shop.test",
    "1",
    "-5",
    "%41+b",
    "a=1&b=2",
    "main",
    "aGVsbG8",
    r#"{"a":[1,"x"]}"#,
    "caf\u{e9}",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",
    "/index.php?id=1",
    "example",
    "b",
    "ab",
];

const REGEXES: &[&str] =
    &["^/a", "b$", "", "(?i)admin", "[0-9]+", "a.*b", "^$", r"\.php", "(a|b)(c)?", "^(/admin|/a)/"];

const WILDCARDS: &[&str] = &["*", "", "/a*", "*b", "/A/*", "*dm*n*", r"a\*", "shop.*", "*a*b*"];

/// Builds programs; equal operations are one.
#[derive(Debug)]
pub struct Generator {
    random: Random,
    program: Program,
    known: BTreeMap<Expr, Vec<(Type, ExprId)>>,
}

/// The type of the item that is bound where an expression stands.
type Item = Option<Type>;

impl Generator {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), program: Program::default(), known: BTreeMap::new() }
    }

    /// A bundle of so many rules, all of the head, all recording only.
    pub fn bundle(mut self, rules: usize) -> Bundle {
        let rules = (0..rules)
            .map(|at| Rule {
                name: format!("r{at}").into(),
                scope: Scope::Everything,
                when: if self.random.once_in(2) { self.ordinary() } else { self.expr(Type::BOOL, 4, None) },
                actions: [Action::Log].into(),
                phase: Phase::Head,
                shadow: false,
                origin: Origin { file: "generated.shield".into(), line: at as u32 + 1 },
            })
            .collect();
        Bundle { program: self.program, rules, ..Bundle::default() }
    }

    fn add(&mut self, expr: Expr, ty: Type) -> ExprId {
        let same = self.known.entry(expr.clone()).or_default();
        if let Some((_, id)) = same.iter().find(|(known, _)| *known == ty) {
            return *id;
        }
        let id = ExprId(self.program.nodes.len() as u32);
        same.push((ty, id));
        self.program.nodes.push(Node { expr, ty });
        id
    }

    /// An expression of a type, nesting at most so deep.
    fn expr(&mut self, ty: Type, depth: u32, item: Item) -> ExprId {
        if item == Some(ty) && !self.random.once_in(3) {
            return self.add(Expr::Item, ty);
        }
        if ty == Type::BOOL && depth > 0 && !self.random.once_in(12) {
            return self.condition(depth - 1, item);
        }
        if ty == Type::BOOL.array() {
            return self.truths(depth, item);
        }
        if depth > 0 {
            let built = match self.random.below(4) {
                0 => self.element(ty, depth - 1, item),
                1 => self.mapped(ty, depth - 1, item),
                2 => self.call(ty, depth - 1, item),
                _ => None,
            };
            if let Some(id) = built {
                return id;
            }
        }
        match ty.as_scalar() {
            Some(_) if self.random.once_in(2) => self.literal(ty),
            _ => self.field(ty).unwrap_or_else(|| match ty.layer() {
                None => self.literal(ty),
                Some(layer) => self.container(ty, layer, item),
            }),
        }
    }

    /// A condition such as people write: tests of fields, connected.
    fn ordinary(&mut self) -> ExprId {
        let op = match self.random.below(4) {
            0 => Logic::Or,
            1 => Logic::And,
            _ => return self.simple(),
        };
        let last = if self.random.once_in(2) { self.simple() } else { self.expr(Type::BOOL, 2, None) };
        let of = [self.simple(), last].into();
        self.add(Expr::Logic { op, of }, Type::BOOL)
    }

    /// One test of a field, or of the elements of one.
    fn simple(&mut self) -> ExprId {
        if self.random.once_in(6) {
            let ty = [Type::INT, Type::IP][self.random.below(2)];
            let of = self.field(ty).unwrap_or(ExprId(0));
            let set = self.set(ty);
            return self.add(Expr::In { of, set }, Type::BOOL);
        }
        if self.random.once_in(3) {
            let over = self.field(Type::STRING.array()).unwrap_or(ExprId(0));
            let item = self.add(Expr::Item, Type::STRING);
            let (over, item) = if self.random.once_in(2) {
                let lower = self.cased(item);
                (self.add(Expr::Each { over, body: lower }, Type::STRING.array()), item)
            } else {
                (over, self.cased(item))
            };
            let body = self.test(item);
            let of = self.add(Expr::Each { over, body }, Type::BOOL.array());
            return self.add(Expr::Quantify { quantifier: Quantifier::Any, of }, Type::BOOL);
        }
        let of = self.field(Type::STRING).unwrap_or(ExprId(0));
        let of = self.cased(of);
        self.test(of)
    }

    /// A string as it is, or in lower or upper case.
    fn cased(&mut self, of: ExprId) -> ExprId {
        let name = match self.random.below(4) {
            0 => "lower",
            1 => "upper",
            _ => return of,
        };
        let builtin = shield_ir::Builtin::find(name).expect("it is in the table");
        self.add(Expr::Call { builtin, arguments: [of].into() }, Type::STRING)
    }

    /// A test of a string.
    fn test(&mut self, of: ExprId) -> ExprId {
        let word = |this: &mut Self| this.random.pick(WORDS).as_bytes().into();
        let expr = match self.random.below(6) {
            0 => Expr::Contains { of, needle: word(self) },
            1 => Expr::Matches { of, regex: self.random.pick(REGEXES).into() },
            2 => Expr::Wildcard {
                of,
                pattern: self.random.pick(WILDCARDS).as_bytes().into(),
                strict: self.random.once_in(2),
            },
            3 => Expr::In { of, set: self.set(Type::STRING) },
            4 => Expr::Compare { op: Compare::Eq, left: of, right: self.literal(Type::STRING) },
            _ => {
                let name = ["starts_with", "ends_with"][self.random.below(2)];
                let builtin = shield_ir::Builtin::find(name).expect("it is in the table");
                Expr::Call { builtin, arguments: [of, self.literal(Type::STRING)].into() }
            }
        };
        self.add(expr, Type::BOOL)
    }

    fn field(&mut self, ty: Type) -> Option<ExprId> {
        let fields: Vec<_> = FieldId::all().filter(|id| id.row().ty == ty).collect();
        // Those that a request shows are worth more than those that only an override fills.
        let shown: Vec<_> = fields.iter().copied().filter(|id| id.row().name.starts_with("http.")).collect();
        let fields = if shown.is_empty() || self.random.once_in(4) { fields } else { shown };
        if fields.is_empty() {
            return None;
        }
        let field = fields[self.random.below(fields.len())];
        Some(self.add(Expr::Field(field), ty))
    }

    /// An array or map that no field is: made from another.
    fn container(&mut self, ty: Type, layer: Layer, item: Item) -> ExprId {
        let element = ty.element().unwrap_or(ty);
        if layer == Layer::Array {
            let names = self.field(Type::STRING.array()).unwrap_or(ExprId(0));
            let body = self.expr(element, 0, Some(Type::STRING));
            return self.add(Expr::Each { over: names, body }, ty);
        }
        // Every map type that is asked for is some field's.
        let _ = item;
        self.field(ty).unwrap_or(ExprId(0))
    }

    fn literal(&mut self, ty: Type) -> ExprId {
        let literal = match ty.innermost() {
            Scalar::Bool => Literal::Bool(self.random.once_in(2)),
            Scalar::Int => Literal::Int(self.int()),
            Scalar::String => Literal::String(self.random.pick(WORDS).as_bytes().into()),
            Scalar::Ip => Literal::Ip(address(&mut self.random)),
        };
        self.add(Expr::Literal(literal), ty)
    }

    fn int(&mut self) -> i64 {
        [0, 1, 2, 3, 5, 80, 200, -1, i64::MIN, i64::MAX][self.random.below(10)]
    }

    fn condition(&mut self, depth: u32, item: Item) -> ExprId {
        let text = |this: &mut Self| this.expr(Type::STRING, depth, item);
        let expr = match self.random.below(12) {
            0 => Expr::Not(self.expr(Type::BOOL, depth, item)),
            1 | 2 => {
                let op = [Logic::And, Logic::Or, Logic::Xor][self.random.below(3)];
                let of = (0..2 + self.random.below(3)).map(|_| self.expr(Type::BOOL, depth, item)).collect();
                Expr::Logic { op, of }
            }
            3 | 4 => {
                let ty = [Type::STRING, Type::INT, Type::IP][self.random.below(3)];
                let op = [Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge]
                    [self.random.below(6)];
                Expr::Compare {
                    op,
                    left: self.expr(ty, depth, item),
                    right: self.expr(ty, depth.min(1), item),
                }
            }
            5 => Expr::Contains { of: text(self), needle: self.random.pick(WORDS).as_bytes().into() },
            6 => Expr::Matches { of: text(self), regex: self.random.pick(REGEXES).into() },
            7 => Expr::Wildcard {
                of: text(self),
                pattern: self.random.pick(WILDCARDS).as_bytes().into(),
                strict: self.random.once_in(2),
            },
            8 => {
                let ty = [Type::STRING, Type::INT, Type::IP][self.random.below(3)];
                Expr::In { of: self.expr(ty, depth, item), set: self.set(ty) }
            }
            9 => Expr::BitAnd { of: self.expr(Type::INT, depth, item), mask: self.int() },
            10 if item.is_none_or(|item| item.element().is_some()) => {
                let quantifier = [Quantifier::Any, Quantifier::All][self.random.below(2)];
                Expr::Quantify { quantifier, of: self.truths(depth, item) }
            }
            _ => return self.call(Type::BOOL, depth, item).unwrap_or_else(|| self.literal(Type::BOOL)),
        };
        self.add(expr, Type::BOOL)
    }

    fn set(&mut self, ty: Type) -> SetId {
        let size = self.random.below(7);
        let members = match ty.innermost() {
            Scalar::Int => Members::ints((0..size).map(|_| self.range()).collect()),
            Scalar::Ip => Members::ips(
                (0..size)
                    .map(|_| {
                        let (one, other) = (address(&mut self.random), address(&mut self.random));
                        (one.min(other), one.max(other))
                    })
                    .collect::<Vec<_>>(),
            ),
            Scalar::String | Scalar::Bool => {
                Members::strings((0..size).map(|_| self.random.pick(WORDS).as_bytes().into()).collect())
            }
        };
        let set = Set { name: None, members };
        let found = self.program.sets.iter().position(|known| *known == set);
        SetId(found.unwrap_or_else(|| {
            self.program.sets.push(set);
            self.program.sets.len() - 1
        }) as u32)
    }

    fn range(&mut self) -> (i64, i64) {
        let (one, other) = (self.int(), self.int());
        (one.min(other), one.max(other))
    }

    /// An `Array<Bool>`.
    fn truths(&mut self, depth: u32, item: Item) -> ExprId {
        let ty = Type::BOOL.array();
        let expr = match self.random.below(8) {
            0 if depth > 0 => Expr::Not(self.truths(depth - 1, item)),
            1 if depth > 0 => {
                let op = [Logic::And, Logic::Or, Logic::Xor][self.random.below(3)];
                Expr::Logic { op, of: [self.truths(depth - 1, item), self.truths(depth - 1, item)].into() }
            }
            _ => return self.mapped(ty, depth, item).unwrap_or(ExprId(0)),
        };
        self.add(expr, ty)
    }

    /// Something computed for each element of an array or map.
    fn mapped(&mut self, ty: Type, depth: u32, item: Item) -> Option<ExprId> {
        if ty.layer() != Some(Layer::Array) || item.is_some_and(|item| item.element().is_none()) {
            return None;
        }
        let element = match self.random.below(6) {
            0 => Type::INT,
            1 => Type::STRING.array(),
            _ => Type::STRING,
        };
        // In the body of a loop, what is gone through is the item's.
        let over = match item {
            Some(item) if item.element().is_some() => self.add(Expr::Item, item),
            _ if element == Type::STRING.array() => self.field(element.map())?,
            _ => self.expr(element.array(), depth.min(1), item),
        };
        let element = self.program.node(over)?.ty.element()?;
        let body = self.expr(ty.element()?, depth, Some(element));
        (body != over).then(|| self.add(Expr::Each { over, body }, ty))
    }

    /// An element of an array or map, or the elements of elements.
    fn element(&mut self, ty: Type, depth: u32, item: Item) -> Option<ExprId> {
        if ty.depth() > 1 || ty == Type::BOOL || ty == Type::IP {
            return None;
        }
        if ty.layer() == Some(Layer::Array) && self.random.once_in(3) {
            let of = self.field(ty.map())?;
            return Some(self.add(Expr::Flatten(of), ty));
        }
        let expr = if ty.layer().is_none() && self.random.once_in(2) {
            Expr::Index { of: self.expr(ty.array(), depth, item), at: self.random.below(3) as u32 }
        } else {
            Expr::Key { of: self.field(ty.map())?, key: self.random.pick(WORDS).as_bytes().into() }
        };
        Some(self.add(expr, ty))
    }

    fn call(&mut self, ty: Type, depth: u32, item: Item) -> Option<ExprId> {
        let fits = |row: &&Signature| match row.returns {
            Returns::Just(returned) => returned == ty,
            Returns::LikeFirst => ty == Type::STRING || ty == Type::STRING.array(),
        };
        let rows: Vec<_> = BUILTINS.iter().filter(fits).collect();
        if rows.is_empty() {
            return None;
        }
        let row = rows[self.random.below(rows.len())];
        let extra =
            if row.rest.is_some() { self.random.below(3) } else { self.random.below(row.optional.len() + 1) };
        let count = (row.required.len() + extra).min(row.most);
        let mut arguments = Vec::with_capacity(count);
        let mut first = ty;
        for at in 0..count {
            let argument = self.argument(row.parameter(at)?, first, (depth, item))?;
            if at == 0 {
                first = self.program.node(argument)?.ty;
                if row.returns == Returns::LikeFirst && first != ty {
                    return None;
                }
            }
            arguments.push(argument);
        }
        Some(self.add(Expr::Call { builtin: row.builtin, arguments: arguments.into() }, ty))
    }

    fn argument(&mut self, parameter: Parameter, first: Type, (depth, item): (u32, Item)) -> Option<ExprId> {
        let ty = match parameter.accepts {
            Accepts::Just(ty) => ty,
            Accepts::OneOf(types) => types[self.random.below(types.len())],
            Accepts::StringOrArray => [Type::STRING, Type::STRING.array()][self.random.below(2)],
            Accepts::Map => Type::STRING.array().map(),
            Accepts::Container => Type::STRING.array(),
            Accepts::ElementOfFirst => first.element()?,
            Accepts::LikeFirst | Accepts::Joinable | Accepts::Anything => first,
        };
        match parameter.form {
            Form::Any | Form::Computed => Some(self.expr(ty, depth.min(2), item)),
            Form::Query => {
                Some(self.add(Expr::Field(FieldId::find("http.request.uri.query")?), Type::STRING))
            }
            Form::Literal(check) => Some(self.checked(check, ty)),
        }
    }

    fn checked(&mut self, check: Check, ty: Type) -> ExprId {
        let text = |text: &str| Literal::String(text.as_bytes().into());
        let literal = match check {
            Check::Nothing => return self.literal(ty),
            Check::Between(low, high) => {
                Literal::Int(low.saturating_add(i64::try_from(self.random.below(9)).unwrap_or(0)).min(high))
            }
            Check::NotEmpty => text(self.random.pick(&["a", ",", "/", "key"])),
            Check::Flags(letters) => text(if self.random.once_in(2) { letters } else { &letters[..1] }),
            Check::Regex => text(self.random.pick(REGEXES)),
            Check::Wildcard => text(self.random.pick(WILDCARDS)),
            Check::Replacement => text(self.random.pick(&["", "x", "${1}", "$$${2}-${1}"])),
            Check::Token => text("main"),
        };
        self.add(Expr::Literal(literal), ty)
    }
}

fn address(random: &mut Random) -> IpAddr {
    let low = random.below(4) as u8;
    if random.once_in(3) {
        return Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(low)).into();
    }
    Ipv4Addr::new([10, 192][random.below(2)], 0, 2, low).into()
}

/// A request, its answer and the fields that it cannot show, owned.
#[derive(Debug)]
pub struct Request {
    target: String,
    headers: Vec<(String, String)>,
    body: String,
    client: IpAddr,
    tls: bool,
    status: u16,
    version: Version,
    fields: BTreeMap<FieldId, Value<'static>>,
}

impl Request {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        let plain = |random: &mut Random| {
            random.pick(&["a", "b", "ab", "admin", "One", "%41+b", "caf%C3%A9", "1", "index.php"])
        };
        let mut target = String::new();
        for _ in 0..=random.below(3) {
            target.push('/');
            target.push_str(plain(random));
        }
        for at in 0..random.below(4) {
            target.push(if at == 0 { '?' } else { '&' });
            target.push_str(plain(random));
            target.push('=');
            target.push_str(plain(random));
        }
        let mut headers =
            vec![("Host".to_owned(), (*random.pick(&["shop.test", "Example.com", "a"])).to_owned())];
        for _ in 0..random.below(7) {
            let names = [
                "x-test",
                "X-Test",
                "a",
                "cookie",
                "user-agent",
                "accept-language",
                "content-type",
                "referer",
            ];
            let name = random.pick(&names).to_owned();
            headers.push((name, random.pick(WORDS).to_owned()));
        }
        let mut fields = BTreeMap::new();
        for _ in 0..random.below(12) {
            let at = random.below(FIELDS.len());
            let field = FieldId::all().nth(at).unwrap_or_else(|| unreachable_field(at));
            fields.insert(field, value(random, field.row().ty));
        }
        Self {
            target,
            headers,
            body: random.pick(WORDS).to_owned(),
            client: address(random),
            tls: random.once_in(2),
            status: [200, 404, 500][random.below(3)],
            version: [Version::Http11, Version::Http2][random.below(2)],
            fields,
        }
    }

    /// Its head.
    pub fn head(&self) -> Head<'_> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        Head {
            target: self.target.as_bytes(),
            headers: Headers::new(headers).expect("generated headers are plain"),
            client: self.client,
            tls: self.tls,
            version: self.version,
            received_at: 1_700_000_000_123,
            request_id: "r1",
            ..Head::default()
        }
    }

    /// As the engine sees it.
    pub fn exchange<'a>(&'a self, canonical: &'a Canonical<'a>) -> Exchange<'a> {
        let mut exchange = Exchange::new(canonical);
        exchange.with_fields(self.fields.clone());
        exchange.set_body(self.body.as_bytes(), false);
        exchange.set_response(ResponseHead { status: self.status, ..ResponseHead::default() });
        exchange
    }
}

fn unreachable_field(at: usize) -> FieldId {
    panic!("there is no field {at}")
}

fn value(random: &mut Random, ty: Type) -> Value<'static> {
    let count = random.below(4);
    match (ty.layer(), ty.element()) {
        (Some(Layer::Array), Some(of)) => Value::Array((0..count).map(|_| value(random, of)).collect()),
        (Some(Layer::Map), Some(of)) => {
            let mut entries: Vec<(&str, Value<'static>)> = Vec::new();
            for _ in 0..count {
                let key = random.pick(WORDS);
                if entries.iter().all(|(known, _)| *known != key) {
                    entries.push((key, value(random, of)));
                }
            }
            Value::Map(entries.into_iter().map(|(key, value)| (key.as_bytes().into(), value)).collect())
        }
        _ => match ty.innermost() {
            Scalar::Bool => Value::Bool(random.once_in(2)),
            Scalar::Int => Value::Int([0, 1, 2, 3, 80, -1, i64::MAX][random.below(7)]),
            Scalar::String => Value::text(random.pick(WORDS).as_bytes()),
            Scalar::Ip => Value::Ip(address(random)),
        },
    }
}
