//! What generated code asks Rust for: safe, total, no panic.

use std::borrow::Cow;

use shield_ir::types::Layer;
use shield_ir::{Builtin, Expr, ExprId, FieldId, Scalar, Type};

use crate::builtins::{self, Arguments};
use crate::exchange::{Extract, Pairs, extractor};
use crate::facts::Facts as _;
use crate::interp;
use crate::value::Value;

use super::abi::{Arena, Session, Words};
use super::plan::{Source, Test};

/// Computes the value of a slot.
pub(super) fn fill(session: &Session<'_, '_>, at: u32) {
    let Some(id) = session.plan.slots.get(at as usize) else { return };
    let words = session.closed(*id);
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
        Some(Test::Matches(regex)) => regex.is_match(text),
        Some(Test::Wildcard(pieces, strict)) => pieces.matches(text, *strict),
        Some(Test::Within(set)) => {
            session.meaning.program.set(*set).is_some_and(|set| set.members.has_string(text))
        }
        None => false,
    }
}

/// Whether an integer is in a set.
pub(super) fn within(session: &Session<'_, '_>, set: u32, value: i64) -> bool {
    session.meaning.program.set(shield_ir::set::SetId(set)).is_some_and(|set| set.members.has_int(value))
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
            (Some(Scalar::String), Expr::Call { builtin: Builtin::Lower, arguments }) => {
                let text = arguments.first().and_then(|id| self.text(*id));
                text.map(|text| kept.store(text.len(), text.iter().map(u8::to_ascii_lowercase)))
            }
            (Some(Scalar::String), Expr::Call { builtin: Builtin::Upper, arguments }) => {
                let text = arguments.first().and_then(|id| self.text(*id));
                text.map(|text| kept.store(text.len(), text.iter().map(u8::to_ascii_uppercase)))
            }
            (Some(Scalar::String), _) => self.text(id).map(|text| match text {
                Cow::Borrowed(text) => Words::text(text),
                Cow::Owned(text) => kept.store(text.len(), text.into_iter()),
            }),
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

    fn address(&self, id: ExprId) -> Option<std::net::IpAddr> {
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

    /// A string, borrowed where it stands somewhere; in lower or upper case it is put where slots point to.
    fn text(&self, id: ExprId) -> Option<Cow<'x, [u8]>> {
        match &self.meaning.program.node(id)?.expr {
            Expr::Field(field) => self.exchange.text(*field).map(Cow::Borrowed),
            Expr::Index { of, at } => self.element(*of, *at as usize),
            _ => None,
        }
        .or_else(|| match interp::evaluate(self.meaning, id, self.exchange)? {
            Value::String(text) => Some(text),
            Value::Bool(_) | Value::Int(_) | Value::Ip(_) | Value::Array(_) | Value::Map(_) => None,
        })
    }

    /// An element of pairs, without making the array.
    fn element(&self, of: ExprId, at: usize) -> Option<Cow<'x, [u8]>> {
        let program = self.meaning.program;
        let field =
            |id: ExprId| if let Expr::Field(field) = program.node(id)?.expr { Some(field) } else { None };
        let (field, key) = match &program.node(of)?.expr {
            Expr::Field(field) => (*field, None),
            Expr::Key { of, key } => (field(*of)?, Some(key)),
            _ => return None,
        };
        let (pairs, form) = self.exchange.pairs(field)?;
        let Some(key) = key else {
            let (name, value) = pairs.get(at)?;
            return match form {
                Extract::Names(_) => Some(Cow::Borrowed(name)),
                Extract::Values(_) => Some(Cow::Borrowed(value)),
                _ => None,
            };
        };
        let fold = matches!(form, Extract::Folded(_));
        let mut named = pairs.iter().filter(|(name, _)| is_named(name, key, fold));
        named.nth(at).map(|(_, value)| Cow::Borrowed(value))
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

fn words(value: Value<'_>, arena: &Arena) -> Option<Words> {
    match value {
        Value::Bool(value) => Some(Words::truth(value)),
        Value::Int(value) => Some(Words::int(value)),
        Value::String(text) => Some(arena.store(text.len(), text.iter().copied())),
        Value::Ip(_) | Value::Array(_) | Value::Map(_) => None,
    }
}

impl crate::exchange::Exchange<'_> {
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

    /// A string field, where it is not given and stands somewhere.
    pub(super) fn text(&self, field: FieldId) -> Option<&[u8]> {
        match extractor(field) {
            _ if self.is_given(field) => None,
            Extract::Text(get) => Some(get(self)),
            Extract::Maybe(get) => get(self),
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

    pub(super) fn ip(&self, field: FieldId) -> Option<std::net::IpAddr> {
        match (extractor(field), field.row().ty.layer()) {
            (Extract::Ip(get), None::<Layer>) if !self.is_given(field) => Some(get(self)),
            _ => self
                .field(field)
                .and_then(|value| if let Value::Ip(address) = value { Some(address) } else { None }),
        }
    }
}
