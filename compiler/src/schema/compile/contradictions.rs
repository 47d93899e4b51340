//! Schemas that nothing satisfies: bounds that cross, constants of another type, members that are required and
//! forbidden.

use std::cmp::Ordering;

use shield_ir::schema::{Decimal, Keyword, TypeSet};

use super::Compiler;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::schema::tree::At;

/// Bounds that belong together; the first must not exceed the second.
const PAIRS: &[(&str, &str)] = &[
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
    ("minimum", "maximum"),
];

impl Compiler<'_> {
    /// Remarks on a schema that contradicts itself.
    pub(super) fn contradictions(&mut self, at: At<'_>, keywords: &[Keyword]) {
        if !self.options.remark {
            return;
        }
        for (low, high) in PAIRS {
            let number = |name| at.get(name).and_then(At::as_number).and_then(Decimal::parse);
            if let (Some(least), Some(most)) = (number(low), number(high))
                && least.cmp(&most) == Ordering::Greater
            {
                self.unsatisfiable(at, low, &format!("`{low}` is above `{high}`"));
            }
        }
        let types = keywords.iter().find_map(types_of);
        let constants = keywords.iter().find_map(|keyword| self.constant_types(keyword));
        if let (Some(types), Some(constants)) = (types, constants)
            && !types.meets(constants)
        {
            let keyword = if at.get("enum").is_some() { "enum" } else { "const" };
            self.unsatisfiable(
                at,
                keyword,
                &format!("no value of `{keyword}` has the type that `type` asks for"),
            );
        }
        self.forbidden(at, keywords);
    }

    /// A member that is required and not one of those that are allowed.
    fn forbidden(&mut self, at: At<'_>, keywords: &[Keyword]) {
        let closed = at.get("additionalProperties").and_then(At::as_bool) == Some(false)
            && at.get("patternProperties").is_none();
        let allowed = keywords.iter().find_map(|keyword| match keyword_names(keyword) {
            Some(names) if closed => Some(names),
            _ => None,
        });
        let Some(allowed) = allowed else { return };
        for name in at.get("required").into_iter().flat_map(At::items) {
            if let Some(text) = name.as_str().filter(|text| !allowed.contains(text)) {
                let message = format!("`{text}` is required, and no member of that name is allowed");
                self.diagnostics.push(
                    Diagnostic::new(codes::W0502, name.span(), message)
                        .help("declare it in `properties`, or leave it out of `required`"),
                );
            }
        }
    }

    fn unsatisfiable(&mut self, at: At<'_>, keyword: &str, what: &str) {
        let span = at.member(keyword).map_or_else(|| at.span(), |(span, _)| span);
        let message = format!("nothing satisfies this schema: {what}");
        self.diagnostics.push(Diagnostic::new(codes::W0502, span, message));
    }

    /// The types of the constants that a keyword lists.
    fn constant_types(&self, keyword: &Keyword) -> Option<TypeSet> {
        let values = if let Keyword::Enum(values) = keyword {
            values.as_slice()
        } else if let Keyword::Const(value) = keyword {
            std::slice::from_ref(value)
        } else {
            return None;
        };
        let texts = values.iter().filter_map(|value| self.plan.plan().value(*value));
        Some(texts.fold(TypeSet::NONE, |all, text| all.with(TypeSet::of_json(text))))
    }
}

fn types_of(keyword: &Keyword) -> Option<TypeSet> {
    if let Keyword::Type(types) = keyword { Some(*types) } else { None }
}

/// The names of the members that a schema declares.
fn keyword_names(keyword: &Keyword) -> Option<Vec<&str>> {
    let Keyword::Properties { named, .. } = keyword else { return None };
    Some(named.iter().map(|(name, _)| name.as_str()).collect())
}
