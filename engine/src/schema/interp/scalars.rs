//! Types, constants, numbers and strings.

use shield_ir::schema::{Decimal, Format, Keyword, PatternId, TypeSet, ValueId};

use super::Interp;
use crate::schema::format;
use crate::schema::value::{Ix, Value};
use crate::schema::violation::Class;

impl Interp<'_> {
    pub(super) fn types(&mut self, types: TypeSet, at: Ix, list: bool) -> bool {
        let actual = self.document.types(at);
        types.accepts(actual)
            || self.fail(list, "type", Class::InvalidType, || {
                let names: Vec<_> = types.names().map(article).collect();
                let found = actual.names().next().unwrap_or("nothing");
                format!("must be {}, not {}", names.join(" or "), article(found))
            })
    }

    pub(super) fn enumeration(&mut self, values: &[ValueId], at: Ix, list: bool) -> bool {
        values.iter().any(|value| self.equals(*value, at))
            || self.fail(list, "enum", Class::ConstraintViolation, || {
                "must be one of the values that are listed".into()
            })
    }

    pub(super) fn constant(&mut self, value: ValueId, at: Ix, list: bool) -> bool {
        self.equals(value, at)
            || self.fail(list, "const", Class::ConstraintViolation, || {
                "must be the one value that is allowed".into()
            })
    }

    fn equals(&mut self, value: ValueId, at: Ix) -> bool {
        let Some(constant) = self.subject.validators.value(value) else { return false };
        self.document.compare(at, constant, constant.root(), &mut self.fuel).is_eq()
    }

    pub(super) fn number(&mut self, keyword: &Keyword, at: Ix, list: bool) -> bool {
        let Some(number) = self.decimal(at) else { return true };
        let parse = |text| Decimal::parse(text);
        let (holds, name, words, limit) = match keyword {
            Keyword::MultipleOf(text) => {
                let Value::Number(digits) = self.document.value(at) else { return true };
                self.burn(digits.len() / 16);
                let holds = parse(text).and_then(|divisor| number.is_multiple_of(&divisor)) == Some(true);
                (holds, "multipleOf", "a multiple of", text)
            }
            Keyword::Minimum(text) => (parse(text).is_some_and(|n| number >= n), "minimum", "at least", text),
            Keyword::Maximum(text) => (parse(text).is_some_and(|n| number <= n), "maximum", "at most", text),
            Keyword::ExclusiveMinimum(text) => {
                (parse(text).is_some_and(|n| number > n), "exclusiveMinimum", "greater than", text)
            }
            Keyword::ExclusiveMaximum(text) => {
                (parse(text).is_some_and(|n| number < n), "exclusiveMaximum", "less than", text)
            }
            _ => return true,
        };
        holds || self.fail(list, name, Class::ConstraintViolation, || format!("must be {words} {limit}"))
    }

    pub(super) fn length(&mut self, keyword: &Keyword, at: Ix, list: bool) -> bool {
        let Some(text) = self.string(at) else { return true };
        self.burn(text.len() / 64);
        let (holds, name, words, limit) = match keyword {
            Keyword::MinLength(min) => (at_least(text, *min), "minLength", "at least", min),
            Keyword::MaxLength(max) => (!at_least(text, max.saturating_add(1)), "maxLength", "at most", max),
            _ => return true,
        };
        holds
            || self.fail(list, name, Class::ConstraintViolation, || {
                format!("must have {words} {limit} character{}", plural(*limit))
            })
    }

    pub(super) fn pattern(&mut self, pattern: PatternId, at: Ix, list: bool) -> bool {
        let Some(text) = self.string(at) else { return true };
        self.burn(text.len() / 8);
        self.subject.validators.matches(pattern, text)
            || self.fail(list, "pattern", Class::ConstraintViolation, || {
                "must match the pattern that is declared".into()
            })
    }

    pub(super) fn format(&mut self, format: Format, at: Ix, list: bool) -> bool {
        let holds = if format.is_numeric() {
            self.decimal(at).is_none_or(|number| format::number(format, &number))
        } else {
            let Some(text) = self.string(at) else { return true };
            self.burn(text.len() / 8);
            format::string(format, text.as_bytes())
        };
        holds
            || self.fail(list, "format", Class::ConstraintViolation, || {
                format!("must be a valid {}", format.name())
            })
    }
}

fn article(name: &str) -> String {
    match name {
        "null" => "null".into(),
        "integer" | "object" | "array" => format!("an {name}"),
        _ => format!("a {name}"),
    }
}

/// `s`, unless there is one.
pub(super) fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Whether a text has so many characters; counts no further than it must.
fn at_least(text: &str, count: u64) -> bool {
    let Ok(count) = usize::try_from(count) else { return false };
    text.len() >= count && (count == 0 || text.chars().nth(count - 1).is_some())
}
