//! Schemas that nothing satisfies: bounds that cross, constants that other keywords exclude, members that are required and
//! forbidden.
//!
//! INVARIANT: no finding is ever wrong. What is said of one type of values is said of that type alone, unless `type` asks for it.
#![expect(clippy::wildcard_enum_match_arm, reason = "an analysis names the keywords that it understands")]

use std::cmp::Ordering;

use shield_ir::schema::{Decimal, Direction, Keyword, TypeSet};

use super::Compiler;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::schema::tree::At;

/// Bounds of counts that belong together, and what has them; the first must not exceed the second.
const COUNTS: &[(&str, &str, TypeSet)] = &[
    ("minLength", "maxLength", TypeSet::STRING),
    ("minItems", "maxItems", TypeSet::ARRAY),
    ("minContains", "maxContains", TypeSet::ARRAY),
    ("minProperties", "maxProperties", TypeSet::OBJECT),
];

impl Compiler<'_> {
    /// Remarks on a schema that contradicts itself.
    pub(super) fn contradictions(&mut self, at: At<'_>, keywords: &[Keyword]) {
        if !self.options.remark {
            return;
        }
        let types = keywords.iter().find_map(types_of);
        for (low, high, of) in COUNTS {
            let number = |name| at.get(name).and_then(At::as_number).and_then(Decimal::parse);
            if let (Some(least), Some(most)) = (number(low), number(high))
                && least.cmp(&most) == Ordering::Greater
                && (*low != "minContains" || at.get("contains").is_some())
            {
                self.unsatisfiable(at, low, (types, *of), &format!("`{low}` is above `{high}`"));
            }
        }
        if let Some((keyword, why)) = crossed(keywords.iter(), types) {
            self.unsatisfiable(at, keyword, (types, TypeSet::NUMBER), &why);
        }
        self.too_many_required(at, keywords, types);
        self.constants(at, keywords, types);
        self.forbidden(at, keywords);
    }

    /// More members are required than there may be.
    fn too_many_required(&mut self, at: At<'_>, keywords: &[Keyword], types: Option<TypeSet>) {
        let most = keywords.iter().find_map(|keyword| match keyword {
            Keyword::MaxProperties(most) => Some(*most),
            _ => None,
        });
        // What only one direction requires may stay away in the other.
        let names = keywords.iter().filter_map(|keyword| match keyword {
            Keyword::Required { when: Direction::Both, names } => Some(names.len() as u64),
            _ => None,
        });
        let required: u64 = names.sum();
        if let Some(most) = most
            && required > most
        {
            let why = format!("`required` names {required} members, `maxProperties` allows {most}");
            self.unsatisfiable(at, "maxProperties", (types, TypeSet::OBJECT), &why);
        }
    }

    /// Constants of which none passes the keywords beside them.
    fn constants(&mut self, at: At<'_>, keywords: &[Keyword], types: Option<TypeSet>) {
        let values = keywords.iter().find_map(|keyword| match keyword {
            Keyword::Enum(values) => Some(values.as_slice()),
            Keyword::Const(value) => Some(std::slice::from_ref(value)),
            _ => None,
        });
        let Some(values) = values.filter(|values| !values.is_empty()) else { return };
        let keyword = if at.get("enum").is_some() { "enum" } else { "const" };
        let texts: Vec<String> =
            values.iter().filter_map(|value| self.plan.plan().value(*value)).map(str::to_owned).collect();
        let everything = (None, TypeSet::ALL);
        if types.is_some_and(|types| !texts.iter().any(|text| types.meets(TypeSet::of_json(text)))) {
            let why = format!("no value of `{keyword}` has the type that `type` asks for");
            self.unsatisfiable(at, keyword, everything, &why);
        } else if !texts.iter().any(|text| keywords.iter().all(|keyword| passes(keyword, text))) {
            let why = format!("no value of `{keyword}` passes the bounds beside it");
            self.unsatisfiable(at, keyword, everything, &why);
        }
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

    /// Reports that no value passes, or none of the types `of` where `types` lets others through.
    fn unsatisfiable(
        &mut self,
        at: At<'_>,
        keyword: &str,
        (types, of): (Option<TypeSet>, TypeSet),
        why: &str,
    ) {
        let types = types.unwrap_or(TypeSet::ALL);
        let of = if of == TypeSet::NUMBER { of.with(TypeSet::INTEGER) } else { of };
        // A keyword about values that `type` keeps out anyway excludes nothing.
        if !types.meets(of) {
            return;
        }
        let what = if of.contains(types) {
            "nothing".to_owned()
        } else {
            format!("no {}", of.names().next().unwrap_or("value"))
        };
        let span = at.member(keyword).map_or_else(|| at.span(), |(span, _)| span);
        let message = format!("{what} satisfies this schema: {why}");
        self.diagnostics.push(Diagnostic::new(codes::W0502, span, message));
    }
}

/// A bound of numbers: the keyword, its value, and whether the value itself is excluded.
type Bound<'k> = (&'static str, Decimal<'k>, bool);

/// Why no number lies between the bounds, and the keyword to be shown.
pub(super) fn crossed<'k>(
    keywords: impl Iterator<Item = &'k Keyword> + Clone,
    types: Option<TypeSet>,
) -> Option<(&'static str, String)> {
    let lows = keywords.clone().filter_map(low);
    let highs: Vec<Bound<'_>> = keywords.filter_map(high).collect();
    let only_integers = types.is_some_and(|types| !types.contains(TypeSet::NUMBER));
    for (low, least, open) in lows {
        for (high, most, open_above) in &highs {
            let crossed = match least.cmp(most) {
                Ordering::Greater => true,
                Ordering::Equal => open || *open_above,
                Ordering::Less => only_integers && no_integer(&least, open, most, *open_above),
            };
            if crossed {
                let what = if least.cmp(most) == Ordering::Greater {
                    format!("`{low}` is above `{high}`")
                } else {
                    format!("nothing lies between `{low}` and `{high}`")
                };
                return Some((low, what));
            }
        }
    }
    None
}

fn low(keyword: &Keyword) -> Option<Bound<'_>> {
    match keyword {
        Keyword::Minimum(text) => Some(("minimum", Decimal::parse(text)?, false)),
        Keyword::ExclusiveMinimum(text) => Some(("exclusiveMinimum", Decimal::parse(text)?, true)),
        _ => None,
    }
}

fn high(keyword: &Keyword) -> Option<Bound<'_>> {
    match keyword {
        Keyword::Maximum(text) => Some(("maximum", Decimal::parse(text)?, false)),
        Keyword::ExclusiveMaximum(text) => Some(("exclusiveMaximum", Decimal::parse(text)?, true)),
        _ => None,
    }
}

/// Whether no integer lies between two whole bounds.
fn no_integer(least: &Decimal<'_>, open: bool, most: &Decimal<'_>, open_above: bool) -> bool {
    let (Some(least), Some(most)) = (least.to_i64(), most.to_i64()) else { return false };
    let first = least.checked_add(i64::from(open));
    let last = most.checked_sub(i64::from(open_above));
    first.zip(last).is_some_and(|(first, last)| first > last)
}

/// Whether a constant passes a bound; what is not understood lets it pass.
pub(super) fn passes(keyword: &Keyword, text: &str) -> bool {
    let number = (TypeSet::of_json(text) == TypeSet::NUMBER).then(|| Decimal::parse(text)).flatten();
    if let Some(number) = number {
        return bound(keyword).is_none_or(|(limit, allowed)| allowed.contains(&number.cmp(&limit)));
    }
    let Some(Ok(characters)) = (TypeSet::of_json(text) == TypeSet::STRING)
        .then(|| serde_json::from_str::<String>(text).map(|text| text.chars().count() as u64))
    else {
        return true;
    };
    match keyword {
        Keyword::MinLength(least) => characters >= *least,
        Keyword::MaxLength(most) => characters <= *most,
        _ => true,
    }
}

/// The limit of a bound, and how a number may compare with it.
fn bound(keyword: &Keyword) -> Option<(Decimal<'_>, &'static [Ordering])> {
    use Ordering::{Equal, Greater, Less};
    match keyword {
        Keyword::Minimum(text) => Some((Decimal::parse(text)?, &[Equal, Greater])),
        Keyword::ExclusiveMinimum(text) => Some((Decimal::parse(text)?, &[Greater])),
        Keyword::Maximum(text) => Some((Decimal::parse(text)?, &[Less, Equal])),
        Keyword::ExclusiveMaximum(text) => Some((Decimal::parse(text)?, &[Less])),
        _ => None,
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
