//! Expressions: names, indexes, logic and quantifiers.

use shield_ir::field::Source;
use shield_ir::types::Layer;
use shield_ir::{Builtin, Expr, ExprId, FieldId, Literal, Logic, Quantifier, Type};

use super::{Checker, LetState, Typed};
use crate::ast::{self, ExprKind, Index, Spanned, Text};
use crate::codes::{E0105, E0201, E0202, E0299, E0301, E0304, E0306, E0404};
use crate::diagnostic::Diagnostic;
use crate::names::nearest;
use crate::source::Span;

/// An operand, perhaps one that stands for every element of something.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operand {
    /// One value.
    One(Typed),
    /// `body` for every element of `over`.
    Each {
        /// The array or map.
        over: ExprId,
        /// What is computed of each, [`Expr::Item`] being the element.
        body: Typed,
    },
}

impl Operand {
    /// The type of one value.
    pub(super) const fn ty(self) -> Type {
        match self {
            Self::One(typed) | Self::Each { over: _, body: typed } => typed.ty,
        }
    }
}

/// How deep expressions nest at most, through brackets and lets together.
const MAX_DEPTH: usize = 256;

/// Fields that have another name: Cloudflare keeps the old ones.
const ALIASES: &[(&str, &str)] = &[
    ("ip.geoip.asnum", "ip.src.asnum"),
    ("ip.geoip.country", "ip.src.country"),
    ("ip.geoip.continent", "ip.src.continent"),
    ("ip.geoip.subdivision_1_iso_code", "ip.src.subdivision_1_iso_code"),
    ("ip.geoip.subdivision_2_iso_code", "ip.src.subdivision_2_iso_code"),
    ("ip.geoip.is_in_european_union", "ip.src.is_in_european_union"),
];

/// Prefixes of fields that are about packets, which Cloudflare's network firewall filters with the same language.
const PACKET_FIELDS: &[&str] = &[
    "icmp",
    "ip.dst",
    "ip.hdr_len",
    "ip.len",
    "ip.opt",
    "ip.ttl",
    "ip.proto",
    "ip.is_fragment",
    "sip",
    "tcp",
    "udp",
    "dns.qry",
];

impl Checker<'_> {
    /// A condition: an expression of type `Bool`.
    pub(crate) fn condition(&mut self, expr: &ast::Expr) -> Option<ExprId> {
        self.replacement = None;
        let typed = self.value(expr)?;
        if typed.ty == Type::BOOL {
            return Some(typed.id);
        }
        let diagnostic =
            Diagnostic::new(E0301, expr.span, format!("a condition is a Bool, this is {}", typed.ty));
        let help = match typed.ty.as_scalar() {
            _ if typed.ty == Type::BOOL.array() => "reduce it with `any(…)` or `all(…)`",
            Some(_) => "compare it with something: `… eq …`",
            None => "compare its elements: `any(…[*] eq …)`",
        };
        self.report(diagnostic.label(format!("this is {}", typed.ty)).help(help));
        None
    }

    /// An expression of a given type.
    pub(crate) fn typed(&mut self, expr: &ast::Expr, ty: Type, what: &str) -> Option<ExprId> {
        if let ExprKind::Literal(text) = &expr.node {
            return self.word_operand(text, expr.span, ty).map(|typed| typed.id);
        }
        self.replacement = None;
        let typed = self.value(expr)?;
        if typed.ty == ty {
            return Some(typed.id);
        }
        let mut diagnostic = Diagnostic::new(
            E0301,
            expr.span,
            format!("{what} is {} {ty}, this is {}", article(ty), typed.ty),
        );
        if ty == Type::STRING && matches!(typed.ty, Type::INT | Type::IP | Type::BOOL) {
            diagnostic = diagnostic.help("wrap it: `to_string(…)`");
        }
        self.report(diagnostic);
        None
    }

    /// An expression that stands for one value.
    pub(crate) fn value(&mut self, expr: &ast::Expr) -> Option<Typed> {
        match self.operand(expr)? {
            Operand::One(typed) => Some(typed),
            Operand::Each { over, body } if body.ty == Type::BOOL => Some(self.each(over, body)),
            Operand::Each { .. } => {
                let diagnostic = Diagnostic::new(
                    E0306,
                    expr.span,
                    "`[*]` stands for every element, and nothing is done with them",
                );
                self.report(diagnostic.help(
                    "compare them inside `any(…)` or `all(…)`, pass them to a function, or leave out `[*]`",
                ));
                None
            }
        }
    }

    /// Any expression; lets that build on each other nest as brackets do, and are bounded with them.
    pub(super) fn operand(&mut self, expr: &ast::Expr) -> Option<Operand> {
        if self.names.depth == MAX_DEPTH {
            let message =
                format!("this nests more than {MAX_DEPTH} deep, the lets that it asks for included");
            self.report(
                Diagnostic::new(E0105, expr.span, message).help("let fewer lets build on each other"),
            );
            return None;
        }
        self.names.depth += 1;
        let operand = self.bounded_operand(expr);
        self.names.depth -= 1;
        operand
    }

    fn bounded_operand(&mut self, expr: &ast::Expr) -> Option<Operand> {
        if let Some(negated) = self.glued_not(expr) {
            return self.operand(&negated);
        }
        match &expr.node {
            ExprKind::Broken => None,
            ExprKind::Misplaced(text) => {
                self.report(
                    Diagnostic::new(E0301, expr.span, "a set or list cannot stand here")
                        .help(format!("membership is `in {text}`")),
                );
                None
            }
            ExprKind::Literal(text) => self.free_literal(text, expr.span).map(Operand::One),
            ExprKind::Name(name) => self.name(name, expr.span).map(Operand::One),
            ExprKind::Call(name, arguments) => self.call(name, arguments, expr.span),
            ExprKind::Index(of, index) => self.index(of, index),
            ExprKind::Not(of) => self.not(of).map(Operand::One),
            ExprKind::Logic(op, of) => self.logic(*op, of).map(Operand::One),
            ExprKind::Quantify(quantifier, of) => self.quantify(*quantifier, of, expr.span).map(Operand::One),
            ExprKind::Compare(left, op, right) => self.compare(left, *op, right),
            ExprKind::Contains(left, at, right) => self.contains(left, *at, right),
            ExprKind::Matches(left, at, regex) => self.matches(left, *at, regex),
            ExprKind::Wildcard(left, strict, pattern) => self.wildcard(left, *strict, pattern),
            ExprKind::InSet(left, at, set) => self.in_set(left, *at, set),
            ExprKind::InList(left, at, list) => self.in_list(left, *at, list),
            ExprKind::BitAnd(left, at, right) => self.bit_and(left, *at, right),
        }
        .map(|operand| match operand {
            Operand::Each { over, body } if is_comparison(&expr.node) => Operand::One(self.each(over, body)),
            other => other,
        })
    }

    /// `body` for each element of `over`, as an array.
    pub(super) fn each(&mut self, over: ExprId, body: Typed) -> Typed {
        self.node(Expr::Each { over, body: body.id }, body.ty.array())
    }

    /// A field, a `let`, `true` or `false`.
    pub(super) fn name(&mut self, name: &str, span: Span) -> Option<Typed> {
        if let "true" | "false" = name {
            return Some(self.node(Expr::Literal(Literal::Bool(name == "true")), Type::BOOL));
        }
        if let Some(at) = self.names.declared.get(name).copied() {
            let ty = self.program.declared.get(at as usize)?.ty;
            return Some(self.node(Expr::Declared(at), ty));
        }
        if self.names.lets.contains_key(name) {
            self.used.insert(name.to_owned());
            return self.binding(name, span);
        }
        let target = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, target)| *target);
        if let Some(field) = FieldId::find(target) {
            return self.field(field, name, span);
        }
        self.unknown_name(name, span);
        None
    }

    fn field(&mut self, field: FieldId, written: &str, span: Span) -> Option<Typed> {
        if self.names.provided.contains_key(&field) {
            return self.provided(field, span);
        }
        let row = field.row();
        if row.source == Source::Cloud && !self.names.cloud {
            let value = match row.ty.as_scalar() {
                Some(shield_ir::Scalar::Bool) => "false",
                Some(shield_ir::Scalar::Int) => {
                    "lookup_json_integer(http.request.headers[\"x-facts\"][0], \"score\")"
                }
                _ => "http.request.headers[\"x-facts\"]",
            };
            let value = if row.ty == Type::STRING { "http.request.headers[\"x-facts\"][0]" } else { value };
            self.report(
                Diagnostic::new(E0299, span, format!("`{written}` needs Cloudflare's network"))
                    .label("nothing here can know this")
                    .help(format!("say where its value comes from: `provide {written} = {value}`")),
            );
            return None;
        }
        Some(self.node(Expr::Field(field), row.ty))
    }

    fn unknown_name(&mut self, name: &str, span: Span) {
        if PACKET_FIELDS.iter().any(|prefix| {
            name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        }) {
            self.report(
                Diagnostic::new(E0299, span, format!("`{name}` is a field of Cloudflare's network firewall"))
                    .label("packets never reach a proxy")
                    .help("filter packets before the proxy; a rule here sees requests"),
            );
            return;
        }
        let fields = shield_ir::field::FIELDS.iter().map(|row| row.name);
        let lets = self.names.lets.keys().map(String::as_str);
        let suggestion = nearest(name, fields.chain(lets)).map(str::to_owned);
        let mut diagnostic =
            Diagnostic::new(E0201, span, format!("there is no field or `let` named `{name}`"));
        diagnostic = match suggestion {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None if Builtin::find(name).is_some() => {
                diagnostic.help(format!("`{name}` is a function: `{name}(…)`"))
            }
            None if name.contains('.') => diagnostic.help("`shieldc explain fields` lists all fields"),
            None => diagnostic
                .help(format!("declare it: `let {name} = …`, or quote it if it is text: `\"{name}\"`")),
        };
        self.report(diagnostic);
    }

    fn binding(&mut self, name: &str, span: Span) -> Option<Typed> {
        let state = self.names.lets.get_mut(name)?;
        match std::mem::replace(state, LetState::Busy(span)) {
            LetState::Waiting(binding) => {
                let around = self.replacement.take();
                let typed = self.value(&binding.value);
                self.replacement = around;
                let state = typed.map_or(LetState::Broken, LetState::Done);
                self.names.lets.insert(name.to_owned(), state);
                typed
            }
            LetState::Busy(first) => {
                self.report(
                    Diagnostic::new(E0404, span, format!("`let {name}` is defined by itself"))
                        .related(first, "it is asked for here"),
                );
                self.names.lets.insert(name.to_owned(), LetState::Broken);
                None
            }
            LetState::Done(typed) => {
                self.names.lets.insert(name.to_owned(), LetState::Done(typed));
                Some(typed)
            }
            LetState::Broken => {
                self.names.lets.insert(name.to_owned(), LetState::Broken);
                None
            }
        }
    }

    fn provided(&mut self, field: FieldId, span: Span) -> Option<Typed> {
        let row = field.row();
        let state = self.names.provided.get_mut(&field)?;
        match std::mem::replace(state, LetState::Busy(span)) {
            LetState::Waiting(binding) => {
                let what = format!("`{}`", row.name);
                let id = self.typed(&binding.value, row.ty, &what);
                let typed = id.map(|id| Typed { id, ty: row.ty });
                self.names.provided.insert(field, typed.map_or(LetState::Broken, LetState::Done));
                typed
            }
            LetState::Busy(first) => {
                self.report(
                    Diagnostic::new(E0404, span, format!("`provide {}` asks for itself", row.name))
                        .related(first, "it is asked for here"),
                );
                self.names.provided.insert(field, LetState::Broken);
                None
            }
            LetState::Done(typed) => {
                self.names.provided.insert(field, LetState::Done(typed));
                Some(typed)
            }
            LetState::Broken => {
                self.names.provided.insert(field, LetState::Broken);
                None
            }
        }
    }

    /// Checks every `let` and `provide` that nothing has asked for.
    pub(crate) fn finish_bindings(&mut self) {
        for name in self.names.lets.keys().cloned().collect::<Vec<_>>() {
            if let Some(LetState::Waiting(binding)) = self.names.lets.get(&name) {
                let span = binding.name.span;
                self.binding(&name, span);
            }
        }
        for field in self.names.provided.keys().copied().collect::<Vec<_>>() {
            if let Some(LetState::Waiting(binding)) = self.names.provided.get(&field) {
                let span = binding.name.span;
                self.provided(field, span);
            }
        }
    }

    fn index(&mut self, of: &ast::Expr, index: &Spanned<Index>) -> Option<Operand> {
        let operand = self.operand(of)?;
        let ty = operand.ty();
        let wrong = |message: String, help: &str| Diagnostic::new(E0304, index.span, message).help(help);
        let (Some(layer), Some(element)) = (ty.layer(), ty.element()) else {
            self.report(wrong(format!("{} {ty} has no elements", article(ty)), "leave out the brackets"));
            return None;
        };
        match (&index.node, layer) {
            (Index::Broken, _) => None,
            (Index::Each, _) => Some(self.open(operand, element)),
            (Index::At(at), Layer::Array) => {
                Some(self.applied(operand, element, |of| Expr::Index { of, at: *at }))
            }
            (Index::Key(key), Layer::Map) => {
                self.remark_key(operand, key, index.span);
                Some(self.applied(operand, element, |of| Expr::Key { of, key: key.clone().into() }))
            }
            (Index::At(_), Layer::Map) => {
                self.report(wrong(
                    format!("{} {ty} has keys, not positions", article(ty)),
                    "write `[\"key\"]`, or `[*]` for every value",
                ));
                None
            }
            (Index::Key(_), Layer::Array) => {
                self.report(wrong(
                    format!("{} {ty} has positions, not keys", article(ty)),
                    "write `[0]`, or `[*]` for every element",
                ));
                None
            }
        }
    }

    /// The same operation on one value or on every element.
    pub(super) fn applied(
        &mut self,
        operand: Operand,
        ty: Type,
        make: impl FnOnce(ExprId) -> Expr,
    ) -> Operand {
        match operand {
            Operand::One(typed) => Operand::One(self.node(make(typed.id), ty)),
            Operand::Each { over, body } => Operand::Each { over, body: self.node(make(body.id), ty) },
        }
    }

    fn open(&mut self, operand: Operand, element: Type) -> Operand {
        let over = match operand {
            Operand::One(typed) => typed.id,
            Operand::Each { over, body } => {
                let nested = self.each(over, body);
                self.node(Expr::Flatten(nested.id), element.array()).id
            }
        };
        Operand::Each { over, body: self.node(Expr::Item, element) }
    }

    fn not(&mut self, of: &ast::Expr) -> Option<Typed> {
        let typed = self.value(of)?;
        if typed.ty != Type::BOOL && typed.ty != Type::BOOL.array() {
            self.not_a_truth(of, typed.ty);
            return None;
        }
        Some(self.node(Expr::Not(typed.id), typed.ty))
    }

    fn logic(&mut self, op: Logic, of: &[ast::Expr]) -> Option<Typed> {
        let checked: Vec<Option<Typed>> = of.iter().map(|operand| self.truth(operand)).collect();
        let typed: Vec<Typed> = checked.iter().copied().collect::<Option<_>>()?;
        let first = typed.first()?;
        if let Some(at) = typed.iter().position(|other| other.ty != first.ty) {
            let (odd, first_expr) = (of.get(at)?, of.first()?);
            let other = typed.get(at)?.ty;
            self.report(
                Diagnostic::new(E0301, odd.span, format!("`{}` joins {} with {other}", op.name(), first.ty))
                    .label(format!("this is {other}"))
                    .related(first_expr.span, format!("this is {}", first.ty))
                    .help("reduce the Array<Bool> with `any(…)` or `all(…)` first"),
            );
            return None;
        }
        let ids = typed.iter().map(|typed| typed.id).collect();
        Some(self.node(Expr::Logic { op, of: ids }, first.ty))
    }

    /// A `Bool` or an `Array<Bool>`.
    fn truth(&mut self, expr: &ast::Expr) -> Option<Typed> {
        let typed = self.value(expr)?;
        if typed.ty == Type::BOOL || typed.ty == Type::BOOL.array() {
            return Some(typed);
        }
        self.not_a_truth(expr, typed.ty);
        None
    }

    fn not_a_truth(&mut self, expr: &ast::Expr, ty: Type) {
        let help = if ty.layer().is_some() {
            "compare its elements: `any(…[*] eq …)`"
        } else {
            "compare it with something: `… eq …`"
        };
        self.report(
            Diagnostic::new(E0301, expr.span, format!("a Bool must stand here, this is {ty}")).help(help),
        );
    }

    fn quantify(&mut self, quantifier: Quantifier, of: &ast::Expr, span: Span) -> Option<Typed> {
        let operand = self.operand(of)?;
        let typed = match operand {
            Operand::One(typed) => typed,
            Operand::Each { over, body } if body.ty == Type::BOOL => self.each(over, body),
            Operand::Each { over: _, body } => {
                let message = format!(
                    "`{}` reduces an Array<Bool>, these are elements of type {}",
                    quantifier.name(),
                    body.ty
                );
                self.report(Diagnostic::new(E0301, of.span, message).help("compare them: `…[*] eq …`"));
                return None;
            }
        };
        if typed.ty != Type::BOOL.array() {
            let message = format!("`{}` reduces an Array<Bool>, this is {}", quantifier.name(), typed.ty);
            let help = if typed.ty == Type::BOOL {
                "a Bool needs no quantifier"
            } else {
                "compare its elements: `…[*] eq …`"
            };
            self.report(Diagnostic::new(E0301, of.span, message).help(help));
            return None;
        }
        debug_assert!(span.start <= of.span.start, "a quantifier stands before what it reduces");
        Some(self.node(Expr::Quantify { quantifier, of: typed.id }, Type::BOOL))
    }

    /// The set of a list's name.
    pub(super) fn list(&mut self, list: &ast::Name) -> Option<shield_ir::set::SetId> {
        self.used.insert(format!("${}", list.node));
        if let Some(set) = self.names.lists.get(&list.node) {
            return Some(*set);
        }
        if self.names.broken_lists.contains(&list.node) {
            return None;
        }
        let near = nearest(&list.node, self.names.lists.keys().map(String::as_str)).map(str::to_owned);
        let mut diagnostic = Diagnostic::new(E0202, list.span, format!("there is no list `${}`", list.node));
        if list.node.starts_with("cf.") {
            diagnostic = Diagnostic::new(
                E0299,
                list.span,
                format!("`${}` needs Cloudflare's network", list.node),
            )
            .help(
                "keep such a list in a file of your own: `list open_proxies: IP = file \"open-proxies.txt\"`",
            );
        } else {
            diagnostic = diagnostic.help(near.map_or_else(
                || format!("declare it: `list {} = {{…}}`", list.node),
                |near| format!("did you mean `${near}`?"),
            ));
        }
        self.report(diagnostic);
        None
    }

    /// A literal where nothing says what type it must have.
    fn free_literal(&mut self, text: &Text, span: Span) -> Option<Typed> {
        let ty = match text {
            Text::String(_) | Text::Regex(_) => Type::STRING,
            Text::Word(word) if word.parse::<std::net::IpAddr>().is_ok() => Type::IP,
            Text::Word(word) if crate::parse::is_number(word) => Type::INT,
            Text::Word(word) => return self.name(word, span),
        };
        self.word_operand(text, span, ty)
    }
}

/// The article that a type's name takes.
fn article(ty: Type) -> &'static str {
    match ty.layer() {
        Some(Layer::Array) => "an",
        None if ty == Type::INT || ty == Type::IP => "an",
        Some(Layer::Map) | None => "a",
    }
}

fn is_comparison(kind: &ExprKind) -> bool {
    matches!(
        kind,
        ExprKind::Compare(..)
            | ExprKind::Contains(..)
            | ExprKind::Matches(..)
            | ExprKind::Wildcard(..)
            | ExprKind::InSet(..)
            | ExprKind::InList(..)
            | ExprKind::BitAnd(..)
    )
}
