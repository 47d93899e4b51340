//! What generated code asks Rust for: safe, total, no panic.

use std::borrow::Cow;
use std::net::IpAddr;

use shield_ir::set::SetId;
use shield_ir::types::Layer;
use shield_ir::{Builtin, Expr, ExprId, FieldId, Scalar, Type};

use crate::builtins::{self, Arguments};
use crate::exchange::{Exchange, Extract, Pairs, extractor};
use crate::facts::Facts as _;
use crate::interp;
use crate::value::Value;

use super::abi::{Arena, Session, Words};
use super::plan::{Shown, Source, Test};

/// A string that stands somewhere, or that is absent; `None` where neither is known without the interpreter.
type Known<'x> = Option<Standing<'x>>;

/// A string that stands somewhere, or nothing.
type Standing<'x> = Option<&'x [u8]>;

/// Computes the value of a slot.
pub(super) fn fill(session: &Session<'_, '_>, at: u32) {
    let Some((id, shown)) = session.plan.slots.get(at as usize) else { return };
    let text = shown.as_ref().and_then(|shown| session.shown(shown));
    let words = text.map_or_else(|| session.closed(*id), Words::text);
    if let Some(slot) = session.scratch.slot(at) {
        slot.set(session.generation, words);
    }
}

/// Whether a string passes a test.
pub(super) fn test(session: &Session<'_, '_>, at: u32, text: &[u8]) -> bool {
    match session.plan.tests.get(at as usize) {
        Some(Test::Contains(finder)) => finder.find(text).is_some(),
        Some(Test::StartsWith(prefix)) => text.starts_with(prefix),
        Some(Test::EndsWith(suffix)) => text.ends_with(suffix),
        Some(Test::Matches(needle, regex)) => {
            needle.as_ref().is_none_or(|needle| needle.find(text).is_some()) && regex.is_match(text)
        }
        Some(Test::Wildcard(glob)) => glob.matches(text),
        Some(Test::Within(set)) => {
            session.meaning.program.set(*set).is_some_and(|set| set.members.has_string(text))
        }
        None => false,
    }
}

/// Whether an integer is in a set.
pub(super) fn within(session: &Session<'_, '_>, set: u32, value: i64) -> bool {
    session.meaning.program.set(SetId(set)).is_some_and(|set| set.members.has_int(value))
}

/// Leaves the result of a call whose first argument is `text` and whose others are literals.
pub(super) fn map(session: &Session<'_, '_>, id: u32, text: &[u8]) {
    session.leave(session.mapped(ExprId(id), text).unwrap_or(Words::ABSENT));
}

/// Leaves the element of a source at or after a place, and gives the place after it; 0 where there is none.
pub(super) fn next(session: &Session<'_, '_>, at: u32, place: u64) -> u64 {
    if place == 0 {
        session.scratch.passing.clear();
    }
    let Some((source, id)) = session.plan.sources.get(at as usize) else { return 0 };
    let place = place as usize;
    let found = match source {
        Source::Pairs(field) => session.exchange.pairs(*field).map(|(pairs, form)| {
            let (name, value) = pairs.get(place)?;
            Some((if matches!(form, Extract::Names(_)) { name } else { value }, place))
        }),
        Source::All(field) => {
            session.exchange.pairs(*field).map(|(pairs, _)| Some((pairs.get(place)?.1, place)))
        }
        Source::Under(field, key) => session.exchange.pairs(*field).map(|(pairs, form)| {
            let fold = matches!(form, Extract::Folded(_));
            under(pairs, key, fold, place)
        }),
        Source::Made => None,
    };
    match found {
        Some(Some((text, place))) => {
            session.leave(Words::text(text));
            place as u64 + 1
        }
        Some(None) => 0,
        None => session.made(at, *id, place),
    }
}

/// The first pair at or after a place whose name is `key`.
fn under<'x>(pairs: Pairs<'x>, key: &[u8], fold: bool, from: usize) -> Option<(&'x [u8], usize)> {
    (from..pairs.len()).find_map(|at| {
        let (name, value) = pairs.get(at)?;
        is_named(name, key, fold).then_some((value, at))
    })
}

/// Whether a name is a key once it is in lower case, where keys are.
fn is_named(name: &[u8], key: &[u8], fold: bool) -> bool {
    if fold {
        name.len() == key.len() && name.iter().zip(key).all(|(a, b)| a.to_ascii_lowercase() == *b)
    } else {
        name == key
    }
}

impl<'x> Session<'x, '_> {
    /// The value of a scalar operation that asks for no item.
    fn closed(&self, id: ExprId) -> Words {
        let Some(node) = self.meaning.program.node(id) else { return Words::ABSENT };
        let kept = &self.scratch.kept;
        let found = match (node.ty.as_scalar(), &node.expr) {
            (Some(Scalar::String), expr) => return self.closed_string(id, expr).unwrap_or(Words::ABSENT),
            (Some(Scalar::Int), Expr::Field(field)) => self.exchange.int(*field).map(Words::int),
            (Some(Scalar::Bool), Expr::In { of, set }) => self.address(*of).map(|address| {
                Words::truth(self.meaning.program.set(*set).is_some_and(|set| set.members.has_ip(address)))
            }),
            (Some(Scalar::Int), Expr::Call { builtin: Builtin::Len, arguments }) => self.length(arguments),
            (Some(Scalar::Bool), Expr::Field(field)) => self.exchange.bool(*field).map(Words::truth),
            _ => None,
        };
        let meant = || interp::evaluate(self.meaning, id, self.exchange);
        found.or_else(|| words(meant()?, kept)).unwrap_or(Words::ABSENT)
    }

    /// The same of a string; one in another case is put where slots point to, without being made first.
    fn closed_string(&self, id: ExprId, expr: &Expr) -> Option<Words> {
        let kept = &self.scratch.kept;
        if let Expr::Call { builtin: builtin @ (Builtin::Lower | Builtin::Upper), arguments } = expr {
            let text = self.text(*arguments.first()?)?;
            let to = if *builtin == Builtin::Lower { u8::to_ascii_lowercase } else { u8::to_ascii_uppercase };
            return Some(kept.store(text.len(), text.iter().map(to)));
        }
        Some(match self.text(id)? {
            Cow::Borrowed(text) => Words::text(text),
            Cow::Owned(text) => kept.store(text.len(), text.into_iter()),
        })
    }

    fn address(&self, id: ExprId) -> Option<IpAddr> {
        let Expr::Field(field) = self.meaning.program.node(id)?.expr else { return None };
        self.exchange.ip(field)
    }

    fn length(&self, arguments: &[ExprId]) -> Option<Words> {
        let [of] = arguments else { return None };
        if self.meaning.program.node(*of)?.ty != Type::STRING {
            return None;
        }
        Some(Words::int(i64::try_from(self.text(*of)?.len()).unwrap_or(i64::MAX)))
    }

    /// A string, borrowed where it stands somewhere.
    fn text(&self, id: ExprId) -> Option<Cow<'x, [u8]>> {
        self.standing(id).map_or_else(
            || match interp::evaluate(self.meaning, id, self.exchange)? {
                Value::String(text) => Some(text),
                _ => None,
            },
            |found| found.map(Cow::Borrowed),
        )
    }

    /// A string that stands somewhere, or that is known to be absent; `None` where neither is known.
    fn standing(&self, id: ExprId) -> Known<'x> {
        match &self.meaning.program.node(id)?.expr {
            Expr::Field(field) => self.exchange.text(*field),
            Expr::Index { of, at } => self.element(*of, *at as usize),
            _ => None,
        }
    }

    /// An element of pairs, without making the array.
    fn element(&self, of: ExprId, at: usize) -> Known<'x> {
        let program = self.meaning.program;
        let field =
            |id: ExprId| if let Expr::Field(field) = program.node(id)?.expr { Some(field) } else { None };
        if let Expr::Key { of, key } = &program.node(of)?.expr {
            let (pairs, form) = self.exchange.pairs(field(*of)?)?;
            let fold = matches!(form, Extract::Folded(_));
            let mut named = pairs.iter().filter(|(name, _)| is_named(name, key, fold));
            return Some(named.nth(at).map(|(_, value)| value));
        }
        let (pairs, form) = self.exchange.pairs(field(of)?)?;
        let is_name = matches!(form, Extract::Names(_));
        Some(pairs.get(at).map(|(name, value)| if is_name { name } else { value }))
    }

    fn mapped(&self, id: ExprId, text: &[u8]) -> Option<Words> {
        let program = self.meaning.program;
        let Expr::Call { builtin, arguments } = &program.node(id)?.expr else { return None };
        match builtin {
            Builtin::Lower => {
                return Some(self.scratch.passing.store(text.len(), text.iter().map(u8::to_ascii_lowercase)));
            }
            Builtin::Upper => {
                return Some(self.scratch.passing.store(text.len(), text.iter().map(u8::to_ascii_uppercase)));
            }
            Builtin::Len => return Some(Words::int(i64::try_from(text.len()).unwrap_or(i64::MAX))),
            _ => {}
        }
        let literal = |id: &ExprId| match &program.node(*id)?.expr {
            Expr::Literal(literal) => Some(Value::from(literal)),
            _ => None,
        };
        let first = std::iter::once(Some(Value::text(text)));
        let values: Vec<_> = first.chain(arguments.iter().skip(1).map(literal)).collect();
        let arguments = Arguments::new(&values, self.meaning.constants.get(id));
        words(builtins::call(*builtin, &arguments)?, &self.scratch.passing)
    }

    /// An element of an array that the interpreter makes, once in a session.
    fn made(&self, at: u32, id: ExprId, place: usize) -> u64 {
        let is_known = self.lists.borrow().iter().any(|(known, _)| *known == at);
        if !is_known {
            let elements = interp::evaluate(self.meaning, id, self.exchange).map(Value::into_elements);
            self.lists.borrow_mut().push((at, elements.unwrap_or_default()));
        }
        let lists = self.lists.borrow();
        let list = lists.iter().find(|(known, _)| *known == at).map_or(&[][..], |(_, list)| list);
        match list.get(place) {
            Some(Value::String(text)) => self.leave(Words::text(text)),
            Some(Value::Int(value)) => self.leave(Words::int(*value)),
            Some(Value::Bool(value)) => self.leave(Words::truth(*value)),
            Some(Value::Ip(_) | Value::Array(_) | Value::Map(_)) | None => return 0,
        }
        place as u64 + 1
    }
}

/// What an index asks for; nothing here needs generated code.
impl<'x> Session<'x, '_> {
    /// The generation that what is computed belongs to.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// What a field shows, unless it was given another value.
    pub(crate) fn shown(&self, shown: &Shown) -> Option<&'x [u8]> {
        (!self.exchange.is_given(shown.field)).then(|| (shown.get)(self.exchange))
    }

    /// A string operation that asks for no item.
    pub(crate) fn closed_text(&self, id: ExprId) -> Option<Cow<'x, [u8]>> {
        self.text(id)
    }

    /// An integer operation that asks for no item.
    pub(crate) fn closed_int(&self, id: ExprId) -> Option<i64> {
        let Words(value, present) = self.closed(id);
        (present != 0).then_some(value.cast_signed())
    }

    /// An address operation that asks for no item.
    pub(crate) fn closed_address(&self, id: ExprId) -> Option<IpAddr> {
        self.address(id).or_else(|| match interp::evaluate(self.meaning, id, self.exchange)? {
            Value::Ip(address) => Some(address),
            _ => None,
        })
    }

    /// The pairs behind a field, unless it was given another value.
    pub(crate) fn pairs(&self, field: FieldId) -> Option<Pairs<'x>> {
        self.exchange.pairs(field).map(|(pairs, _)| pairs)
    }

    /// Every string or integer of an array, until all are seen.
    pub(crate) fn each(&self, source: &Source, id: ExprId, mut found: impl FnMut(Element<'_>)) {
        let pairs = match source {
            Source::Pairs(field) | Source::Under(field, _) | Source::All(field) => {
                self.exchange.pairs(*field)
            }
            Source::Made => None,
        };
        let Some((pairs, form)) = pairs else {
            let made = interp::evaluate(self.meaning, id, self.exchange).map(Value::into_elements);
            for element in made.unwrap_or_default() {
                match element {
                    Value::String(text) => found(Element::Text(&text)),
                    Value::Int(value) => found(Element::Int(value)),
                    Value::Ip(address) => found(Element::Address(address)),
                    _ => {}
                }
            }
            return;
        };
        for (name, value) in pairs.iter() {
            let is_wanted = match source {
                Source::Under(_, key) => is_named(name, key, matches!(form, Extract::Folded(_))),
                _ => true,
            };
            if is_wanted {
                found(Element::Text(if matches!(form, Extract::Names(_)) { name } else { value }));
            }
        }
    }

    /// Whether a set has a string, put in lower case first where `fold`.
    pub(crate) fn set_has(&self, set: SetId, fold: bool, text: &[u8]) -> bool {
        let Some(set) = self.meaning.program.set(set) else { return false };
        if fold && text.iter().any(u8::is_ascii_uppercase) {
            return set.members.has_string(&text.to_ascii_lowercase());
        }
        set.members.has_string(text)
    }

    /// Whether a set has an address.
    pub(crate) fn set_has_address(&self, set: SetId, address: IpAddr) -> bool {
        self.meaning.program.set(set).is_some_and(|set| set.members.has_ip(address))
    }
}

/// An element of an array that an index looks up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Element<'e> {
    Text(&'e [u8]),
    Int(i64),
    Address(IpAddr),
}

fn words(value: Value<'_>, arena: &Arena) -> Option<Words> {
    match value {
        Value::Bool(value) => Some(Words::truth(value)),
        Value::Int(value) => Some(Words::int(value)),
        Value::String(text) => Some(arena.store(text.len(), text.iter().copied())),
        Value::Ip(_) | Value::Array(_) | Value::Map(_) => None,
    }
}

impl Exchange<'_> {
    /// The pairs behind a field and how it shows them, unless it was given a value.
    pub(super) fn pairs(&self, field: FieldId) -> Option<(Pairs<'_>, Extract)> {
        if self.is_given(field) {
            return None;
        }
        let extract = extractor(field);
        match extract {
            Extract::Names(get) | Extract::Values(get) | Extract::Map(get) | Extract::Folded(get) => {
                Some((get(self), extract))
            }
            Extract::Bool(_)
            | Extract::Int(_)
            | Extract::Text(_)
            | Extract::Maybe(_)
            | Extract::Ip(_)
            | Extract::Made(_)
            | Extract::Default => None,
        }
    }

    /// A string field that stands somewhere, or that is absent.
    pub(super) fn text(&self, field: FieldId) -> Known<'_> {
        if let Some(given) = self.given(field) {
            return Some(given.bytes());
        }
        match extractor(field) {
            Extract::Text(get) => Some(Some(get(self))),
            Extract::Maybe(get) => Some(get(self)),
            Extract::Default => Some(Some(b"")),
            _ => None,
        }
    }

    pub(super) fn int(&self, field: FieldId) -> Option<i64> {
        match extractor(field) {
            Extract::Int(get) if !self.is_given(field) => Some(get(self)),
            _ => None,
        }
    }

    pub(super) fn bool(&self, field: FieldId) -> Option<bool> {
        match extractor(field) {
            Extract::Bool(get) if !self.is_given(field) => Some(get(self)),
            _ => None,
        }
    }

    pub(super) fn ip(&self, field: FieldId) -> Option<IpAddr> {
        match (extractor(field), field.row().ty.layer()) {
            (Extract::Ip(get), None::<Layer>) if !self.is_given(field) => Some(get(self)),
            _ => self
                .field(field)
                .and_then(|value| if let Value::Ip(address) = value { Some(address) } else { None }),
        }
    }
}
