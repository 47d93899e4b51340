//! The meaning of expressions. It stays simple; whatever is faster must agree with it.

use shield_ir::{Builtin, Compare, Expr, ExprId, Logic, Program, Quantifier, Type};

use crate::builtins::{self, Arguments};
use crate::constants::{Constant, Constants};
use crate::facts::{Facts, Token};
use crate::value::Value;

/// A program and its constants.
#[derive(Clone, Copy, Debug)]
pub struct Meaning<'v> {
    /// Verified operations.
    pub program: &'v Program,
    /// What they need.
    pub constants: &'v Constants,
}

/// The value of an expression, or `None` where it is absent.
pub fn evaluate<'v>(meaning: Meaning<'v>, id: ExprId, facts: &'v impl Facts) -> Option<Value<'v>> {
    Interp { meaning, facts }.value(id, None)
}

/// Whether a `Bool` expression holds; an absent one does not.
pub fn holds<'v>(meaning: Meaning<'v>, id: ExprId, facts: &'v impl Facts) -> bool {
    evaluate(meaning, id, facts) == Some(Value::Bool(true))
}

struct Interp<'v, F> {
    meaning: Meaning<'v>,
    facts: &'v F,
}

type Item<'i, 'v> = Option<&'i Value<'v>>;

impl<'v, F: Facts> Interp<'v, F> {
    fn value(&self, id: ExprId, item: Item<'_, 'v>) -> Option<Value<'v>> {
        let node = self.meaning.program.node(id)?;
        match &node.expr {
            Expr::Literal(literal) => Some(literal.into()),
            Expr::Field(field) => self.facts.field(*field),
            Expr::Declared(index) => self.facts.declared(*index),
            Expr::Item => item.cloned(),
            Expr::Index { of, at } => self.value(*of, item)?.into_elements().into_iter().nth(*at as usize),
            Expr::Key { of, key } => {
                let entries = self.value(*of, item)?.into_entries();
                entries.into_iter().find(|(name, _)| **name == **key).map(|entry| entry.1)
            }
            Expr::Each { over, body } => {
                let elements = self.value(*over, item).map(Value::into_elements).unwrap_or_default();
                Some(Value::Array(
                    elements.iter().filter_map(|element| self.value(*body, Some(element))).collect(),
                ))
            }
            Expr::Flatten(of) => {
                let outer = self.value(*of, item)?.into_elements();
                Some(Value::Array(outer.into_iter().flat_map(Value::into_elements).collect()))
            }
            Expr::Not(of) if node.ty == Type::BOOL => Some(Value::Bool(!self.truth(*of, item))),
            Expr::Not(of) => {
                let elements = self.value(*of, item)?.into_elements();
                Some(Value::Array(
                    elements.iter().map(|element| Value::Bool(*element != Value::Bool(true))).collect(),
                ))
            }
            Expr::Logic { op, of } if node.ty == Type::BOOL => Some(Value::Bool(match op {
                Logic::And => of.iter().all(|id| self.truth(*id, item)),
                Logic::Or => of.iter().any(|id| self.truth(*id, item)),
                Logic::Xor => of.iter().fold(false, |odd, id| odd ^ self.truth(*id, item)),
            })),
            Expr::Logic { op, of } => self.element_by_element(*op, of, item),
            Expr::Compare { op, left, right } => {
                let (left, right) = (self.value(*left, item), self.value(*right, item));
                Some(Value::Bool(
                    matches!((left, right), (Some(left), Some(right)) if compare(*op, &left, &right)),
                ))
            }
            Expr::Contains { of, needle } => {
                Some(self.test(*of, item, |text| memchr::memmem::find(text, needle).is_some()))
            }
            Expr::Matches { of, regex: _ } => {
                let Constant::Regex(regex) = self.meaning.constants.get(id)? else { return None };
                Some(self.test(*of, item, |text| regex.is_match(text)))
            }
            Expr::Wildcard { of, pattern: _, strict: _ } => {
                let Constant::Wildcard(glob) = self.meaning.constants.get(id)? else { return None };
                Some(self.test(*of, item, |text| glob.matches(text)))
            }
            Expr::In { of, set } => {
                let members = &self.meaning.program.set(*set)?.members;
                Some(Value::Bool(match self.value(*of, item) {
                    Some(Value::Int(value)) => members.has_int(value),
                    Some(Value::Ip(value)) => members.has_ip(value),
                    Some(Value::String(value)) => members.has_string(&value),
                    Some(Value::Bool(_) | Value::Array(_) | Value::Map(_)) | None => false,
                }))
            }
            Expr::BitAnd { of, mask } => Some(Value::Bool(
                matches!(self.value(*of, item), Some(Value::Int(value)) if value & mask != 0),
            )),
            Expr::Quantify { quantifier, of } => {
                Some(Value::Bool(match (quantifier, self.value(*of, item)) {
                    (_, None) => false,
                    (Quantifier::Any, Some(elements)) => {
                        elements.into_elements().contains(&Value::Bool(true))
                    }
                    (Quantifier::All, Some(elements)) => {
                        elements.into_elements().iter().all(|element| *element == Value::Bool(true))
                    }
                }))
            }
            Expr::Call { builtin, arguments } => self.call(id, *builtin, arguments, item),
        }
    }

    fn truth(&self, id: ExprId, item: Item<'_, 'v>) -> bool {
        self.value(id, item) == Some(Value::Bool(true))
    }

    fn test(&self, of: ExprId, item: Item<'_, 'v>, passes: impl Fn(&[u8]) -> bool) -> Value<'v> {
        Value::Bool(self.value(of, item).is_some_and(|value| value.bytes().is_some_and(passes)))
    }

    fn element_by_element(&self, op: Logic, of: &[ExprId], item: Item<'_, 'v>) -> Option<Value<'v>> {
        let columns =
            of.iter().map(|id| Some(self.value(*id, item)?.into_elements())).collect::<Option<Vec<_>>>()?;
        let shortest = columns.iter().map(Vec::len).min()?;
        let row = |at: usize| {
            let mut truths = columns.iter().map(|column| column.get(at) == Some(&Value::Bool(true)));
            Value::Bool(match op {
                Logic::And => truths.all(|truth| truth),
                Logic::Or => truths.any(|truth| truth),
                Logic::Xor => truths.fold(false, |odd, truth| odd ^ truth),
            })
        };
        Some(Value::Array((0..shortest).map(row).collect()))
    }

    fn call(
        &self,
        id: ExprId,
        builtin: Builtin,
        arguments: &[ExprId],
        item: Item<'_, 'v>,
    ) -> Option<Value<'v>> {
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let value = self.value(*argument, item);
            if value.is_none() && builtin.row().strict {
                return None;
            }
            values.push(value);
        }
        let least = if builtin == Builtin::IsJwtPresent {
            Token::Present
        } else if builtin == Builtin::IsJwtValid {
            Token::Valid
        } else {
            return builtins::call(builtin, &Arguments::new(&values, self.meaning.constants.get(id)));
        };
        let name = values.first()?.as_ref()?.bytes()?;
        Some(Value::Bool(self.facts.token(name) >= least))
    }
}

/// Whether two scalars of one type compare so; addresses of two families are unequal and unordered.
fn compare(op: Compare, left: &Value<'_>, right: &Value<'_>) -> bool {
    left.order(right).map_or(op == Compare::Ne, |order| op.holds(order))
}

#[cfg(test)]
mod tests;
