//! Keywords that assert something of one value: types, constants, numbers, strings, sizes.

use shield_ir::schema::{Decimal, Format, Keyword, TypeSet};

use super::Compiler;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::schema::library::Loc;
use crate::schema::pattern::PatternError;
use crate::schema::tree::{At, Value};

/// A larger constant is refused.
const MAX_CONSTANT: usize = 1 << 20;

/// Keywords whose value counts something.
type Count = (&'static str, fn(u64) -> Keyword);

const COUNTS: &[Count] = &[
    ("minLength", Keyword::MinLength),
    ("maxLength", Keyword::MaxLength),
    ("minItems", Keyword::MinItems),
    ("maxItems", Keyword::MaxItems),
    ("minProperties", Keyword::MinProperties),
    ("maxProperties", Keyword::MaxProperties),
];

/// A bound, with what its exclusive variant is called.
type Bound = (&'static str, &'static str, fn(String) -> Keyword, fn(String) -> Keyword);

const BOUNDS: [Bound; 2] = [
    ("minimum", "exclusiveMinimum", Keyword::Minimum, Keyword::ExclusiveMinimum),
    ("maximum", "exclusiveMaximum", Keyword::Maximum, Keyword::ExclusiveMaximum),
];

impl Compiler<'_> {
    pub(super) fn assertions(&mut self, loc: Loc, at: At<'_>, out: &mut Vec<Keyword>) {
        let dialect = self.dialect(loc);
        out.extend(at.get("type").and_then(|types| self.types(types)));
        if let Some(values) = at.get("enum") {
            out.extend(self.enumeration(values));
        }
        if let (Some(value), false) = (at.get("const"), dialect.is_draft4()) {
            out.extend(self.constant(value).map(Keyword::Const));
        }
        for (name, make) in COUNTS {
            out.extend(at.get(name).and_then(|value| self.count(name, value)).map(make));
        }
        self.bounds(at, dialect.is_draft4(), out);
        if let Some(divisor) = at.get("multipleOf") {
            out.extend(self.divisor(divisor));
        }
        if let Some(pattern) = at.get("pattern") {
            out.extend(self.pattern(pattern).map(Keyword::Pattern));
        }
        if let Some(flag) = at.get("uniqueItems") {
            match flag.as_bool() {
                Some(true) => out.push(Keyword::UniqueItems),
                Some(false) => {}
                None => {
                    self.fault(flag.span(), format!("`uniqueItems` is true or false, not {}", flag.kind()));
                }
            }
        }
    }

    fn types(&mut self, types: At<'_>) -> Option<Keyword> {
        let mut set = TypeSet::NONE;
        let names: Vec<At<'_>> = if types.is_array() { types.items().collect() } else { vec![types] };
        for name in names {
            let Some(bit) = name.as_str().and_then(TypeSet::named) else {
                let known: Vec<_> = TypeSet::NAMES.iter().map(|(name, _)| *name).collect();
                let message = match name.as_str() {
                    Some(text) => format!("`{text}` is not a type"),
                    None => format!("a type is a string, not {}", name.kind()),
                };
                let help = format!("the types are {}", known.join(", "));
                self.diagnostics.push(Diagnostic::new(codes::E0503, name.span(), message).help(help));
                return None;
            };
            set = set.with(bit);
        }
        Some(Keyword::Type(set))
    }

    fn enumeration(&mut self, values: At<'_>) -> Option<Keyword> {
        if !values.is_array() {
            self.fault(values.span(), format!("`enum` is an array, not {}", values.kind()));
            return None;
        }
        let constants: Vec<_> = values.items().filter_map(|value| self.constant(value)).collect();
        Some(Keyword::Enum(constants))
    }

    fn constant(&mut self, value: At<'_>) -> Option<shield_ir::schema::ValueId> {
        let Some(text) = value.to_json(MAX_CONSTANT) else {
            self.fault(value.span(), "a constant is longer than 1 MiB");
            return None;
        };
        Some(self.plan.value(text))
    }

    pub(super) fn count(&mut self, name: &str, value: At<'_>) -> Option<u64> {
        let count = value.as_number().and_then(Decimal::parse).and_then(|number| number.to_i64());
        let count = count.and_then(|count| u64::try_from(count).ok());
        if count.is_none() {
            self.fault(value.span(), format!("`{name}` is a number from 0, without a fraction"));
        }
        count
    }

    fn bounds(&mut self, at: At<'_>, flags: bool, out: &mut Vec<Keyword>) {
        for (name, exclusive, closed, open) in BOUNDS {
            let strict = at.get(exclusive);
            let flag = strict.and_then(At::as_bool);
            match strict {
                Some(value) if flags && flag.is_none() => {
                    self.fault(value.span(), format!("`{exclusive}` is true or false in this version"));
                }
                Some(value) if !flags && flag.is_some() && self.options.remark => {
                    let message =
                        format!("`{exclusive}` is a number in OpenAPI 3.1; this flag is not enforced");
                    let help = format!("write the bound itself after `{exclusive}`");
                    self.diagnostics.push(Diagnostic::new(codes::W0501, value.span(), message).help(help));
                }
                Some(value) if !flags => out.extend(self.number(exclusive, value).map(open)),
                _ => {}
            }
            let make = if flags && flag == Some(true) { open } else { closed };
            out.extend(at.get(name).and_then(|value| self.number(name, value)).map(make));
        }
    }

    fn number(&mut self, name: &str, value: At<'_>) -> Option<String> {
        match value.as_number() {
            Some(text) if text.len() <= 512 => Some(text.to_owned()),
            Some(_) => {
                self.fault(value.span(), format!("`{name}` has more than 512 digits"));
                None
            }
            None => {
                self.fault(value.span(), format!("`{name}` is a number, not {}", value.kind()));
                None
            }
        }
    }

    fn divisor(&mut self, value: At<'_>) -> Option<Keyword> {
        let text = self.number("multipleOf", value)?;
        let number = Decimal::parse(&text)?;
        if number.is_zero() || number.is_negative() || number.is_multiple_of(&number).is_none() {
            self.fault(value.span(), "`multipleOf` is a number above 0 of at most 18 digits");
            return None;
        }
        Some(Keyword::MultipleOf(text))
    }

    pub(super) fn pattern(&mut self, value: At<'_>) -> Option<shield_ir::schema::PatternId> {
        let Some(text) = value.as_str() else {
            self.fault(value.span(), format!("a pattern is a string, not {}", value.kind()));
            return None;
        };
        self.pattern_text(text, value.span())
    }

    pub(super) fn pattern_text(
        &mut self,
        text: &str,
        span: crate::source::Span,
    ) -> Option<shield_ir::schema::PatternId> {
        match self.plan.pattern(text) {
            Ok(id) => Some(id),
            Err(error) => {
                let help = match error {
                    PatternError::NotRegular(_) => {
                        "say the same without it, or with `not` and a second pattern"
                    }
                    PatternError::TooLarge => "bound the length with `maxLength` and repeat with `+` or `*`",
                    PatternError::Malformed(_) => "patterns are regular expressions of ECMA-262",
                };
                let message = format!("the pattern `{text}` cannot be enforced: {error}");
                self.diagnostics.push(Diagnostic::new(codes::E0504, span, message).help(help));
                None
            }
        }
    }

    pub(super) fn format(&mut self, loc: Loc, at: At<'_>, out: &mut Vec<Keyword>) {
        let Some(value) = at.get("format") else { return };
        let Value::String(name) = value.value() else {
            self.fault(value.span(), format!("`format` is a string, not {}", value.kind()));
            return;
        };
        let asserted = self.options.assert_formats || self.library.has_vocabulary(loc, "format-assertion");
        match Format::named(name) {
            // These are OpenAPI's own words.
            Some(Format::Byte | Format::Int32 | Format::Int64 | Format::Float | Format::Double)
                if !self.dialect(loc).is_openapi() => {}
            Some(format) if asserted => out.push(Keyword::Format(format)),
            Some(_) => {}
            None => self.remark_format(name, value),
        }
    }
}
