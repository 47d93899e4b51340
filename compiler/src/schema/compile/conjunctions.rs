//! Schemas that hold together for one value and that no value satisfies: what stands beside `allOf` and `$ref`, and what
//! these lead to.
//!
//! INVARIANT: no finding is ever wrong. Only keywords that hold for the value itself are looked at, and what is not
//! understood excludes nothing.
#![expect(clippy::wildcard_enum_match_arm, reason = "an analysis names the keywords that it understands")]

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use regex_automata::meta;
use regex_automata::util::syntax;
use regex_syntax::hir::{Hir, HirKind, Look};
use shield_ir::schema::{Decimal, Direction, Format, Keyword, NodeId, PatternId, Plan, TypeSet};

use super::Compiler;
use super::contradictions::{crossed, passes};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// Longer chains of references are not followed.
const MAX_NODES: usize = 256;
/// Constants of longer lists are not tried one by one.
const MAX_CONSTANTS: usize = 1000;

/// Why no value of some types passes.
struct Contradiction {
    of: TypeSet,
    why: String,
}

impl Compiler<'_> {
    /// Remarks on nodes whose keywords, with those of the nodes that hold beside them, contradict each other. Nodes of which
    /// that is told already are left alone, and so are those that only lead to such a node.
    pub(super) fn conjunctions(&mut self, told: &BTreeSet<NodeId>) {
        if !self.options.remark {
            return;
        }
        let plan = self.plan.plan();
        let mut found: BTreeMap<NodeId, (BTreeSet<NodeId>, Contradiction)> = BTreeMap::new();
        for node in self.origins.keys() {
            let parts = conjuncts(plan, *node);
            if let Some(contradiction) = contradiction(plan, &keywords(plan, &parts)) {
                found.insert(*node, (parts, contradiction));
            }
        }
        for (node, (parts, Contradiction { of, why })) in &found {
            let leads =
                parts.iter().any(|part| told.contains(part) || (part != node && found.contains_key(part)));
            let Some(span) = self.origins.get(node).filter(|_| !leads) else { continue };
            let what = of.names().next().filter(|_| *of != TypeSet::ALL);
            let what = what.map_or_else(|| "nothing".to_owned(), |name| format!("no {name}"));
            let beside = if parts.len() > 1 { " and what it refers to or combines" } else { "" };
            let message = format!("{what} satisfies this schema{beside}: {why}");
            let span = Span { end: span.start.saturating_add(1).min(span.end), ..*span };
            self.diagnostics.push(Diagnostic::new(codes::W0502, span, message));
        }
    }
}

/// The nodes that hold for a value wherever a node does.
fn conjuncts(plan: &Plan, node: NodeId) -> BTreeSet<NodeId> {
    let (mut all, mut open) = (BTreeSet::new(), vec![node]);
    while let Some(node) = open.pop() {
        if all.len() == MAX_NODES || !all.insert(node) {
            continue;
        }
        for keyword in plan.node(node).map_or(&[][..], |node| &node.keywords) {
            match keyword {
                Keyword::Ref(other) => open.push(*other),
                Keyword::AllOf(others) => open.extend(others),
                _ => {}
            }
        }
    }
    all
}

fn keywords<'p>(plan: &'p Plan, nodes: &BTreeSet<NodeId>) -> Vec<&'p Keyword> {
    nodes.iter().filter_map(|node| plan.node(*node)).flat_map(|node| &node.keywords).collect()
}

/// Why no value passes all of these keywords, if that is so.
fn contradiction(plan: &Plan, keywords: &[&Keyword]) -> Option<Contradiction> {
    let mut types = TypeSet::ALL;
    for keyword in keywords {
        if let Keyword::Type(own) = keyword {
            types = types.common(*own);
        }
    }
    if types.is_empty() {
        return Some(Contradiction {
            of: TypeSet::ALL,
            why: "no type is one of all that are asked for".into(),
        });
    }
    let found = [
        constants(plan, keywords, types).map(|why| (TypeSet::ALL, why)),
        crossed(keywords.iter().copied(), Some(types)).map(|(_, why)| (TypeSet::NUMBER, why)),
        counts(plan, keywords),
        lengths(plan, keywords).map(|why| (TypeSet::STRING, why)),
        members(plan, keywords).map(|why| (TypeSet::OBJECT, why)),
    ];
    let (of, why) = found.into_iter().flatten().find(|(of, _)| types.meets(*of))?;
    // Where `type` lets nothing else through, it is said of everything.
    let all = if of == TypeSet::NUMBER { of.with(TypeSet::INTEGER) } else { of };
    Some(Contradiction { of: if all.contains(types) { TypeSet::ALL } else { of }, why })
}

/// Constants of which none passes all that stands beside them.
fn constants(plan: &Plan, keywords: &[&Keyword], types: TypeSet) -> Option<String> {
    let lists: Vec<(&str, Vec<&str>)> = keywords
        .iter()
        .filter_map(|keyword| match keyword {
            Keyword::Enum(values) => Some(("enum", values.as_slice())),
            Keyword::Const(value) => Some(("const", std::slice::from_ref(value))),
            _ => None,
        })
        .map(|(name, values)| (name, values.iter().filter_map(|value| plan.value(*value)).collect()))
        .collect();
    let (name, first) = lists.iter().min_by_key(|(_, list)| list.len())?;
    if first.is_empty() || first.len() > MAX_CONSTANTS {
        return None;
    }
    let patterns = keywords.iter().filter_map(|keyword| match keyword {
        Keyword::Pattern(pattern) => regex(plan, *pattern),
        _ => None,
    });
    let patterns: Vec<meta::Regex> = patterns.collect();
    let holds = |text: &str| {
        types.meets(TypeSet::of_json(text))
            && keywords.iter().all(|keyword| passes(keyword, text))
            && lists.iter().all(|(_, list)| list.iter().any(|other| may_equal(text, other)))
            && (TypeSet::of_json(text) != TypeSet::STRING
                || serde_json::from_str::<String>(text)
                    .is_ok_and(|text| patterns.iter().all(|pattern| pattern.is_match(&text))))
    };
    let why = || format!("no value of `{name}` passes what stands beside it");
    (!first.iter().any(|text| holds(text))).then(why)
}

/// Whether two JSON texts may stand for one value; only texts without parts are told apart for certain.
fn may_equal(a: &str, b: &str) -> bool {
    let types = (TypeSet::of_json(a), TypeSet::of_json(b));
    if types.0 != types.1 {
        return false;
    }
    match (types.0, Decimal::parse(a), Decimal::parse(b)) {
        (TypeSet::NUMBER, Some(a), Some(b)) => a.cmp(&b) == Ordering::Equal,
        (TypeSet::STRING, ..) => {
            serde_json::from_str::<String>(a).ok() == serde_json::from_str::<String>(b).ok()
        }
        (TypeSet::OBJECT | TypeSet::ARRAY, ..) => true,
        _ => a == b,
    }
}

/// Counts whose bounds cross.
fn counts(plan: &Plan, keywords: &[&Keyword]) -> Option<(TypeSet, String)> {
    let most = |pick: fn(&Keyword) -> Option<u64>| keywords.iter().filter_map(|keyword| pick(keyword)).max();
    let least = |pick: fn(&Keyword) -> Option<u64>| keywords.iter().filter_map(|keyword| pick(keyword)).min();
    let rows = [
        (TypeSet::STRING, "minLength", "maxLength", most(min_length), least(max_length)),
        (TypeSet::ARRAY, "minItems", "maxItems", most(min_items), least(max_items)),
        (TypeSet::OBJECT, "minProperties", "maxProperties", most(min_properties), least(max_properties)),
    ];
    for (of, low, high, least, most) in rows {
        if least.zip(most).is_some_and(|(least, most)| least > most) {
            return Some((of, format!("`{low}` is above `{high}`")));
        }
    }
    let closed = keywords.iter().filter_map(|keyword| match keyword {
        Keyword::Items { prefix, rest: Some(rest) } if is_never(plan, *rest) => Some(prefix.len() as u64),
        _ => None,
    });
    let crowded = closed.min().zip(most(min_items)).is_some_and(|(places, least)| least > places);
    crowded.then(|| (TypeSet::ARRAY, "`minItems` asks for more items than are declared".to_owned()))
}

macro_rules! picks {
    ($($name:ident $variant:ident)*) => {
        $(fn $name(keyword: &Keyword) -> Option<u64> {
            if let Keyword::$variant(limit) = keyword { Some(*limit) } else { None }
        })*
    };
}

picks! {
    min_length MinLength
    max_length MaxLength
    min_items MinItems
    max_items MaxItems
    min_properties MinProperties
    max_properties MaxProperties
}

/// How short and how long texts of a format are, where that is sure.
const FORMATS: &[(Format, u64, Option<u64>)] = &[
    (Format::DateTime, 20, None),
    (Format::Date, 10, Some(10)),
    (Format::Time, 9, None),
    (Format::Duration, 3, None),
    (Format::Ipv4, 7, Some(15)),
    (Format::Ipv6, 2, Some(45)),
    (Format::Uuid, 36, Some(36)),
];

/// A pattern or format that no text of the lengths allowed has.
fn lengths(plan: &Plan, keywords: &[&Keyword]) -> Option<String> {
    let shortest = keywords.iter().filter_map(|keyword| min_length(keyword)).max().unwrap_or(0);
    let longest = keywords.iter().filter_map(|keyword| max_length(keyword)).min().unwrap_or(u64::MAX);
    keywords.iter().find_map(|keyword| {
        let (name, least, most) = match keyword {
            Keyword::Format(format) => {
                let (_, least, most) = FORMATS.iter().find(|(known, _, _)| known == format)?;
                ("format", *least, *most)
            }
            Keyword::Pattern(pattern) => {
                let hir = hir(plan, *pattern)?;
                let (least, most) = characters(&hir);
                // Around what is not anchored, anything may stand.
                let looks = hir.properties();
                let whole = looks.look_set_prefix().contains(Look::Start)
                    && looks.look_set_suffix().contains(Look::End);
                ("pattern", least, most.filter(|_| whole))
            }
            _ => return None,
        };
        if least > longest {
            return Some(format!("every text of its `{name}` is longer than `maxLength`"));
        }
        most.is_some_and(|most| most < shortest)
            .then(|| format!("every text of its `{name}` is shorter than `minLength`"))
    })
}

/// How many characters a match has at least and at most.
fn characters(hir: &Hir) -> (u64, Option<u64>) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => (0, Some(0)),
        HirKind::Literal(literal) => {
            let count = std::str::from_utf8(&literal.0).map(|text| text.chars().count() as u64);
            count.map_or((0, None), |count| (count, Some(count)))
        }
        HirKind::Class(_) => (1, Some(1)),
        HirKind::Repetition(repetition) => {
            let (least, most) = characters(&repetition.sub);
            let most = repetition.max.zip(most).map(|(times, most)| u64::from(times).saturating_mul(most));
            (u64::from(repetition.min).saturating_mul(least), most)
        }
        HirKind::Capture(capture) => characters(&capture.sub),
        HirKind::Concat(parts) => {
            parts.iter().map(characters).fold((0, Some(0)), |(low, high), (least, most)| {
                let high: Option<u64> = high.zip(most).map(|(high, most)| u64::saturating_add(high, most));
                (u64::saturating_add(low, least), high)
            })
        }
        HirKind::Alternation(parts) => {
            let each: Vec<_> = parts.iter().map(characters).collect();
            let most: Option<Vec<u64>> = each.iter().map(|(_, most)| *most).collect();
            let least = each.iter().map(|(least, _)| *least).min();
            (least.unwrap_or(0), most.and_then(|most| most.into_iter().max()))
        }
    }
}

/// Members that are required where there may be none of that name, or more of them than there may be.
fn members(plan: &Plan, keywords: &[&Keyword]) -> Option<String> {
    // What only one direction requires may stay away in the other.
    let required: BTreeSet<&str> = keywords
        .iter()
        .filter_map(|keyword| match keyword {
            Keyword::Required { when: Direction::Both, names } => Some(names),
            _ => None,
        })
        .flatten()
        .map(String::as_str)
        .collect();
    let most = keywords.iter().filter_map(|keyword| max_properties(keyword)).min();
    if most.is_some_and(|most| required.len() as u64 > most) {
        return Some(format!(
            "{} members are required, which `maxProperties` does not allow",
            required.len()
        ));
    }
    let forbidden = |name: &str| {
        keywords.iter().any(|keyword| {
            let Keyword::Properties { named, patterns, others } = keyword else { return false };
            let own = named.iter().find(|(known, _)| known == name).map(|(_, node)| *node);
            match (own, patterns.is_empty()) {
                (Some(node), _) => is_never(plan, node),
                (None, true) => others.is_some_and(|others| is_never(plan, others)),
                (None, false) => false,
            }
        })
    };
    let name = required.into_iter().find(|name| forbidden(name))?;
    Some(format!("`{name}` is required, and no member of that name is allowed"))
}

fn is_never(plan: &Plan, node: NodeId) -> bool {
    plan.node(node).is_some_and(|node| matches!(node.keywords.as_slice(), [Keyword::Never]))
}

fn regex(plan: &Plan, pattern: PatternId) -> Option<meta::Regex> {
    let syntax = syntax::Config::new().utf8(false);
    meta::Regex::builder().syntax(syntax).build(plan.pattern(pattern)?).ok()
}

fn hir(plan: &Plan, pattern: PatternId) -> Option<Hir> {
    regex_syntax::ParserBuilder::new().utf8(false).build().parse(plan.pattern(pattern)?).ok()
}
