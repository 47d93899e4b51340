//! What types cannot say of a bundle: ids in range, children before parents, operand types, bounds on depth and size.

use crate::builtin::{Accepts, Check, Form, Parameter, Returns};
use crate::bundle::Bundle;
use crate::expr::{Expr, ExprId, Node, Program};
use crate::field::Phase;
use crate::identity::{Auth, Outcome, SessionSource, TokenId};
use crate::policy::{Action, EndpointId, HostPattern, Rule, Scope, ScopePart};
use crate::types::{Scalar, Type};
use crate::wildcard::Pieces;

/// How deep expressions nest at most.
pub const MAX_DEPTH: u32 = 512;

/// How many operations one rule evaluates at most, shared ones counted each time.
pub const MAX_WEIGHT: u64 = 1 << 20;

/// The longest window of a limit, in milliseconds: 366 days.
pub const MAX_WINDOW: u64 = 366 * 86_400_000;

/// The longest regular expression in bytes.
pub const MAX_REGEX: usize = 1 << 16;

/// An invariant that a bundle breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {index}: {why}")]
pub struct VerifyError {
    /// What kind of thing breaks it.
    pub what: &'static str,
    /// Its place among its kind.
    pub index: usize,
    /// How.
    pub why: &'static str,
}

type Checked<T = ()> = Result<T, &'static str>;

/// Checks every invariant of a bundle.
pub fn bundle(bundle: &Bundle) -> Result<(), VerifyError> {
    let facts = checked(&bundle.program)?;
    if !bundle.program.declared.is_empty() {
        return Err(VerifyError { what: "declared name", index: 0, why: "has no place in a bundle" });
    }
    each("api", &bundle.apis, |api| {
        ensure(!api.hosts.is_empty() && api.hosts.iter().all(is_host), "has no host or a malformed one")?;
        ensure((400..=599).contains(&api.unknown_status), "has a status that is no refusal")
    })?;
    each("endpoint", &bundle.endpoints, |endpoint| {
        ensure((endpoint.api.0 as usize) < bundle.apis.len(), "names an API that is not there")?;
        ensure(endpoint.host.as_ref().is_none_or(is_host), "has a malformed host")?;
        ensure(endpoint.template.verify().is_ok(), "has a malformed path")?;
        ensure(
            endpoint.operation.as_ref().is_none_or(|operation| operation.verify(&bundle.schemas)),
            "names a schema that is not there",
        )
    })?;
    bundle.schemas.verify().map_err(|_| VerifyError {
        what: "schema plan",
        index: 0,
        why: "is malformed",
    })?;
    each("rule", &bundle.rules, |row| rule(bundle, &facts, row))?;
    identity(bundle, &facts)?;
    anchors(bundle)
}

/// A bundle's anchors are none, or what its conditions give: others would hide rules.
fn anchors(bundle: &Bundle) -> Result<(), VerifyError> {
    if bundle.anchors.is_empty() {
        return Ok(());
    }
    let index = bundle.anchors.len();
    if index != bundle.rules.len() {
        return Err(VerifyError { what: "anchors", index, why: "are not one for each rule" });
    }
    let given = bundle.anchors.iter().zip(&bundle.rules).enumerate();
    for (index, (given, rule)) in given {
        if **given != *crate::anchor::of(&bundle.program, rule.when).unwrap_or_default() {
            return Err(VerifyError {
                what: "anchors",
                index,
                why: "are not what the rule's condition gives",
            });
        }
    }
    Ok(())
}

/// Checks every invariant of a program.
pub fn program(program: &Program) -> Result<(), VerifyError> {
    checked(program).map(drop)
}

fn checked(program: &Program) -> Result<Vec<Facts>, VerifyError> {
    let mut facts: Vec<Facts> = Vec::with_capacity(program.nodes.len());
    for (index, node) in program.nodes.iter().enumerate() {
        let why = |why| VerifyError { what: "expression", index, why };
        facts.push(Verifier { program, facts: &facts }.node(node).map_err(why)?);
    }
    each("set", &program.sets, |set| ensure(set.members.is_canonical(), "is not in order"))?;
    each("declared name", &program.declared, |declared| ensure(declared.ty.is_valid(), "has no type"))?;
    Ok(facts)
}

/// What is known of an expression that has been checked.
#[derive(Clone, Copy)]
struct Facts {
    ty: Type,
    depth: u32,
    weight: u64,
    /// The type that [`Expr::Item`] must have around it, where it is asked for outside of an [`Expr::Each`].
    item: Option<Type>,
    /// Whether there is a loop in it that goes over something that is no item: in a loop, it would multiply the work.
    loops: bool,
}

struct Verifier<'a> {
    program: &'a Program,
    facts: &'a [Facts],
}

impl Verifier<'_> {
    fn of(&self, id: ExprId) -> Checked<Facts> {
        self.facts.get(id.index()).copied().ok_or("has a child that does not come before it")
    }

    fn node(&self, node: &Node) -> Checked<Facts> {
        ensure(node.ty.is_valid(), "has no type")?;
        let mut facts = Facts { ty: node.ty, depth: 1, weight: 1, item: None, loops: false };
        let mut children = Ok(());
        node.expr.children(|id| {
            let child = self.of(id);
            children = children.and_then(|()| self.gather(&mut facts, child?, &node.expr, id));
        });
        children?;
        if node.expr == Expr::Item {
            facts.item = Some(node.ty);
        }
        ensure(facts.depth <= MAX_DEPTH, "nests too deeply")?;
        ensure(facts.weight <= MAX_WEIGHT, "is too large")?;
        ensure(self.result(node)? == node.ty, "has another type than its operation gives")?;
        Ok(facts)
    }

    fn gather(&self, facts: &mut Facts, child: Facts, expr: &Expr, id: ExprId) -> Checked {
        facts.depth = facts.depth.max(child.depth.saturating_add(1));
        facts.weight = facts.weight.saturating_add(child.weight);
        facts.loops |= child.loops;
        if let Expr::Each { over, body } = expr {
            ensure(*body != id || !child.loops, "goes over the same in every turn of a loop")?;
            facts.loops |= *over == id && child.item.is_none();
        }
        let Some(item) = child.item else { return Ok(()) };
        if let Expr::Each { over, body } = expr
            && *body == id
        {
            ensure(self.of(*over)?.ty.element() == Some(item), "binds an item of another type")?;
            return ensure(over != body, "binds its own source");
        }
        ensure(facts.item.is_none_or(|known| known == item), "asks for items of two types")?;
        facts.item = Some(item);
        Ok(())
    }

    fn ty(&self, id: ExprId) -> Checked<Type> {
        Ok(self.of(id)?.ty)
    }

    fn string(&self, id: ExprId) -> Checked<Type> {
        ensure(self.ty(id)? == Type::STRING, "needs a String")?;
        Ok(Type::BOOL)
    }

    fn truths(&self, id: ExprId) -> Checked<Type> {
        let ty = self.ty(id)?;
        ensure(ty == Type::BOOL || ty == Type::BOOL.array(), "needs a Bool or an array of them")?;
        Ok(ty)
    }

    fn result(&self, node: &Node) -> Checked<Type> {
        match &node.expr {
            Expr::Literal(literal) => Ok(literal.ty()),
            Expr::Field(field) => Ok(field.row().ty),
            Expr::Declared(index) => {
                self.program.declared.get(*index as usize).map(|row| row.ty).ok_or("names nothing declared")
            }
            Expr::Item => Ok(node.ty),
            Expr::Index { of, at: _ } => self.element(*of, crate::types::Layer::Array),
            Expr::Key { of, key: _ } => self.element(*of, crate::types::Layer::Map),
            Expr::Each { over, body } => {
                self.ty(*over)?.element().ok_or("goes over a scalar")?;
                wrapped(self.ty(*body)?)
            }
            Expr::Flatten(of) => {
                let inner =
                    self.ty(*of)?.element().and_then(Type::element).ok_or("flattens nothing nested")?;
                wrapped(inner)
            }
            Expr::Not(of) => self.truths(*of),
            Expr::Logic { op: _, of } => {
                let (first, rest) = of.split_first().ok_or("connects nothing")?;
                ensure(!rest.is_empty(), "connects one thing")?;
                let ty = self.truths(*first)?;
                rest.iter().try_for_each(|id| ensure(self.ty(*id)? == ty, "mixes Bool and Array<Bool>"))?;
                Ok(ty)
            }
            Expr::Compare { op: _, left, right } => {
                let ty = self.ty(*left)?;
                ensure(
                    matches!(ty.as_scalar(), Some(Scalar::Int | Scalar::String | Scalar::Ip)),
                    "cannot compare",
                )?;
                ensure(self.ty(*right)? == ty, "compares two types")?;
                Ok(Type::BOOL)
            }
            Expr::Contains { of, needle: _ } => self.string(*of),
            Expr::Matches { of, regex } => {
                ensure(regex.len() <= MAX_REGEX, "has a regular expression that is too long")?;
                self.string(*of)
            }
            Expr::Wildcard { of, pattern, strict: _ } => {
                ensure(Pieces::parse(pattern).is_ok(), "has a malformed wildcard")?;
                self.string(*of)
            }
            Expr::In { of, set } => {
                let set = self.program.set(*set).ok_or("asks a set that is not there")?;
                ensure(self.ty(*of)? == set.members.ty(), "asks a set of another type")?;
                Ok(Type::BOOL)
            }
            Expr::BitAnd { of, mask: _ } => {
                ensure(self.ty(*of)? == Type::INT, "needs an Int")?;
                Ok(Type::BOOL)
            }
            Expr::Quantify { quantifier: _, of } => {
                ensure(self.ty(*of)? == Type::BOOL.array(), "needs an Array<Bool>")?;
                Ok(Type::BOOL)
            }
            Expr::Call { builtin, arguments } => self.call(*builtin, arguments),
        }
    }

    fn element(&self, of: ExprId, layer: crate::types::Layer) -> Checked<Type> {
        let ty = self.ty(of)?;
        ensure(ty.layer() == Some(layer), "indexes the wrong kind")?;
        ty.element().ok_or("indexes a scalar")
    }

    fn call(&self, builtin: crate::Builtin, arguments: &[ExprId]) -> Checked<Type> {
        let row = builtin.row();
        ensure((row.required.len()..=row.most).contains(&arguments.len()), "has too many or few arguments")?;
        let first = match arguments.first() {
            Some(id) => self.ty(*id)?,
            None => Type::BOOL,
        };
        for (at, id) in arguments.iter().enumerate() {
            let parameter = row.parameter(at).ok_or("has too many arguments")?;
            ensure(accepts(parameter.accepts, self.ty(*id)?, first), "has an argument of the wrong type")?;
            self.form(parameter, *id)?;
        }
        Ok(match row.returns {
            Returns::Just(ty) => ty,
            Returns::LikeFirst => first,
        })
    }

    fn form(&self, parameter: Parameter, id: ExprId) -> Checked {
        let Form::Literal(check) = parameter.form else { return Ok(()) };
        let Some(Node { expr: Expr::Literal(literal), ty: _ }) = self.program.node(id) else {
            return Err("has a computed argument where a literal must be");
        };
        ensure(literal_passes(check, literal), "has a literal argument that is not allowed")
    }
}

/// Whether an argument's type is one that the parameter accepts, the first argument having the type `first`.
pub fn accepts(accepts: Accepts, ty: Type, first: Type) -> bool {
    match accepts {
        Accepts::Just(wanted) => ty == wanted,
        Accepts::OneOf(wanted) => wanted.contains(&ty),
        Accepts::StringOrArray | Accepts::Joinable => {
            ty == Type::STRING || ty.layer() == Some(crate::types::Layer::Array)
        }
        Accepts::Map => ty.layer() == Some(crate::types::Layer::Map),
        Accepts::Container => ty.element().is_some_and(|element| element.as_scalar().is_some()),
        Accepts::ElementOfFirst => first.element() == Some(ty),
        Accepts::LikeFirst => ty == first,
        Accepts::Anything => true,
    }
}

/// Whether a literal passes what a parameter asks of it, but for regular expressions, which the engine compiles.
pub fn literal_passes(check: Check, literal: &crate::Literal) -> bool {
    use crate::Literal::{Bool, Int, Ip, String};
    match (check, literal) {
        (Check::Between(low, high), Int(value)) => (low..=high).contains(value),
        (Check::NotEmpty | Check::Token, String(text)) => !text.is_empty(),
        (Check::Flags(letters), String(text)) => text.iter().enumerate().all(|(at, letter)| {
            letters.as_bytes().contains(letter)
                && text.get(..at).is_some_and(|before| !before.contains(letter))
        }),
        (Check::Regex, String(text)) => text.len() <= MAX_REGEX && std::str::from_utf8(text).is_ok(),
        (Check::Wildcard, String(text)) => Pieces::parse(text).is_ok(),
        (Check::Replacement, String(text)) => crate::wildcard::replacement(text).is_some(),
        (Check::Nothing, String(_) | Bool(_) | Int(_) | Ip(_)) => true,
        (_, Bool(_) | Int(_) | Ip(_)) | (Check::Between(..), String(_)) => false,
    }
}

fn identity(bundle: &Bundle, facts: &[Facts]) -> Result<(), VerifyError> {
    let identity = &bundle.identity;
    let is_token = |id: &TokenId| (id.0 as usize) < identity.tokens.len();
    each("session", &identity.sessions, |session| {
        ensure(!session.sources.is_empty(), "looks nowhere")?;
        let is_known = |source: &SessionSource| match source {
            SessionSource::Claim(token, _) => is_token(token),
            SessionSource::Header(_) | SessionSource::Cookie(_) => true,
        };
        ensure(session.sources.iter().all(is_known), "names a token that is not there")
    })?;
    each("token", &identity.tokens, |token| {
        ensure(!token.from.is_empty() && !token.keys.is_empty(), "has no place or no key")?;
        let mixed = token.algorithms.iter().any(|each| each.is_symmetric())
            && !token.algorithms.iter().all(|each| each.is_symmetric());
        ensure(!token.algorithms.is_empty() && !mixed, "has no algorithm or mixes secrets and key pairs")
    })?;
    each("session of an API", &identity.api_sessions, |session| {
        let is_known = session.is_none_or(|id| (id.0 as usize) < identity.sessions.len());
        ensure(is_known, "is not there")
    })?;
    for auth in [&identity.api_auth, &identity.endpoint_auth] {
        each("demand for a token", auth, |auth| {
            let is_known = |auth: &Auth| !auth.tokens.is_empty() && auth.tokens.iter().all(is_token);
            ensure(auth.as_ref().is_none_or(is_known), "names a token that is not there")
        })?;
    }
    each("limit", &identity.limits, |limit| {
        ensure(limit.most > 0 && limit.burst != Some(0), "lets nothing through")?;
        ensure((1..=MAX_WINDOW).contains(&limit.window), "has no window or too long a one")?;
        ensure(limit.phase != Phase::Response, "is asked too late")?;
        let is_scalar = |id: &ExprId| facts.get(id.index()).is_some_and(|row| row.ty.as_scalar().is_some());
        ensure(limit.by.iter().all(is_scalar), "counts by something that is no scalar")?;
        limit.cost.map_or(Ok(()), |id| typed(facts, id, Type::INT))?;
        limit.count.map_or(Ok(()), |count| typed(facts, count.when, Type::BOOL))?;
        scope(bundle, &limit.scope)?;
        outcome(&limit.then)
    })?;
    each("demand for a certificate", &identity.certificates, |row| {
        ensure(!row.authorities.is_empty(), "trusts nobody")?;
        scope(bundle, &row.scope)?;
        outcome(&row.then)
    })
}

fn scope(bundle: &Bundle, scope: &Scope) -> Checked {
    match scope {
        Scope::Everything => Ok(()),
        Scope::Parts(parts) => {
            ensure(!parts.is_empty(), "is about nothing")?;
            parts.iter().try_for_each(|part| scope_part(bundle, part))
        }
    }
}

fn outcome(then: &Outcome) -> Checked {
    let is_refusal =
        |block: &crate::policy::Block| block.status.is_none_or(|status| (400..=599).contains(&status));
    ensure(
        matches!(then, Outcome::Log) || matches!(then, Outcome::Block(block) if is_refusal(block)),
        "blocks with no refusal",
    )
}

fn rule(bundle: &Bundle, facts: &[Facts], rule: &Rule) -> Checked {
    typed(facts, rule.when, Type::BOOL)?;
    scope(bundle, &rule.scope)?;
    let (last, before) = rule.actions.split_last().ok_or("does nothing")?;
    ensure(before.iter().all(|action| !action.is_final()), "has a final action that is not its last")?;
    let mut strings = Ok(());
    last.expressions(|id| strings = strings.and_then(|()| typed(facts, id, Type::STRING)));
    for action in before {
        action.expressions(|id| strings = strings.and_then(|()| typed(facts, id, Type::STRING)));
    }
    strings?;
    match last {
        Action::Block(block) => {
            ensure(block.status.is_none_or(|status| (400..=599).contains(&status)), "blocks with no refusal")
        }
        Action::Redirect { status, to: _ } => {
            ensure(matches!(status, 301 | 302 | 303 | 307 | 308), "redirects with no redirect")
        }
        Action::Log
        | Action::Allow
        | Action::Skip(_)
        | Action::RewritePath(_)
        | Action::RewriteQuery(_)
        | Action::Header { .. } => Ok(()),
    }
}

fn scope_part(bundle: &Bundle, part: &ScopePart) -> Checked {
    match part {
        ScopePart::Api(api) => ensure((api.0 as usize) < bundle.apis.len(), "names an API that is not there"),
        ScopePart::Host(host) => ensure(is_host(host), "names a malformed host"),
        ScopePart::Endpoints(ids) => {
            let there = |id: &EndpointId| (id.0 as usize) < bundle.endpoints.len();
            ensure(!ids.is_empty() && ids.iter().all(there), "names an endpoint that is not there")?;
            ensure(ids.is_sorted_by(|a, b| a < b), "names endpoints out of order")
        }
    }
}

/// An expression that stands at the top: of that type, and no item asked for that nothing binds.
fn typed(facts: &[Facts], id: ExprId, ty: Type) -> Checked {
    let known = facts.get(id.index()).ok_or("has an expression that is not there")?;
    ensure(known.ty == ty, "has an expression of the wrong type")?;
    ensure(known.item.is_none(), "asks for an item that nothing binds")
}

fn wrapped(ty: Type) -> Checked<Type> {
    ensure(ty.depth() < Type::MAX_LAYERS, "has too many layers")?;
    Ok(ty.array())
}

fn is_host(host: &HostPattern) -> bool {
    match host {
        HostPattern::Any => true,
        HostPattern::Exact(name) | HostPattern::Below(name) => {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase())
        }
    }
}

fn each<T>(what: &'static str, rows: &[T], check: impl Fn(&T) -> Checked) -> Result<(), VerifyError> {
    rows.iter()
        .enumerate()
        .try_for_each(|(index, row)| check(row).map_err(|why| VerifyError { what, index, why }))
}

fn ensure(holds: bool, why: &'static str) -> Checked {
    if holds { Ok(()) } else { Err(why) }
}
