//! Anchors: what must hold wherever a condition does, in a form that an index answers for all rules at once.
//!
//! A rule with anchors can hold only where one of them does; a rule without is always looked at. The compiler puts them
//! into [`crate::Bundle::anchors`], and [`crate::verify`] refuses a bundle whose anchors are not what [`of`] finds, so that no
//! bundle hides a rule.

use std::cell::Cell;
use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;

use regex_syntax::hir::{Class, Hir, HirKind, Look};
use serde::{Deserialize, Serialize};

use crate::builtin::Builtin;
use crate::bundle::Bundle;
use crate::expr::{Compare, Expr, ExprId, Literal, Logic, Program, Quantifier};
use crate::set::{Members, SetId};
use crate::types::Scalar;
use crate::wildcard::Pieces;

/// Where in a string a literal must stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Place {
    /// It is the string.
    Whole,
    /// At its start.
    Start,
    /// At its end.
    End,
    /// Somewhere.
    #[default]
    Anywhere,
}

/// What must hold of a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Test {
    /// A string has this literal at a place.
    Text {
        /// Where.
        place: Place,
        /// Whether ASCII case does not matter; the literal is in lower case then.
        fold: bool,
        /// What; never empty but for [`Place::Whole`].
        literal: Box<[u8]>,
    },
    /// A string is in a set.
    Strings {
        /// The set.
        set: SetId,
        /// Whether the string is put in lower case first.
        fold: bool,
    },
    /// An integer is this.
    Int(i64),
    /// An address is this.
    Address(IpAddr),
    /// An address is in a set.
    Addresses(SetId),
}

/// A necessary condition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Anchor {
    /// The scalar that is tested, or the array of which some element must pass.
    pub of: ExprId,
    /// The test.
    pub test: Test,
}

/// A rule's anchors: it holds only where one of them does. None of them: it is always looked at.
pub type Anchors = Box<[Anchor]>;

/// A condition of more operations than this, shared ones counted each time, has no anchors.
const MOST_VISITED: u32 = 4096;

/// How many anchors a rule has at most.
const MOST: usize = 128;

/// A set of more strings is asked as a whole.
const SPREAD: usize = 64;

/// Literals longer than this are cut: the rest makes no index better.
const LONGEST: usize = 64;

/// The anchors of every rule of a bundle.
pub fn of_rules(bundle: &Bundle) -> Box<[Anchors]> {
    bundle.rules.iter().map(|rule| of(&bundle.program, rule.when).unwrap_or_default()).collect()
}

/// The best anchors of a condition, if it has any.
pub fn of(program: &Program, condition: ExprId) -> Option<Anchors> {
    let fuel = Cell::new(MOST_VISITED);
    let mut found = Finder { program, fuel: &fuel }.condition(condition, None)?;
    found.sort_unstable();
    found.dedup();
    Some(found.into())
}

/// What [`Expr::Item`] stands for: the array that is gone through.
type Item = Option<ExprId>;

/// What is done to a string before it is tested.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Kept,
    Lower,
    /// In upper case, or changed more than once.
    Lost,
}

#[derive(Clone, Copy)]
struct Finder<'p> {
    program: &'p Program,
    /// How many operations may still be looked at.
    fuel: &'p Cell<u32>,
}

impl<'p> Finder<'p> {
    fn expr(self, id: ExprId) -> Option<&'p Expr> {
        self.program.node(id).map(|node| &node.expr)
    }

    fn condition(self, id: ExprId, item: Item) -> Option<Vec<Anchor>> {
        self.fuel.set(self.fuel.get().checked_sub(1)?);
        match self.expr(id)? {
            Expr::Logic { op: Logic::And, of } => {
                let sides = of.iter().filter_map(|id| self.condition(*id, item));
                sides.max_by_key(|side| self.selectivity(side))
            }
            Expr::Logic { op: Logic::Or, of } => {
                let mut all = Vec::new();
                for id in of {
                    all.extend(self.condition(*id, item)?);
                    if all.len() > MOST {
                        return None;
                    }
                }
                Some(all)
            }
            Expr::Quantify { quantifier: Quantifier::Any, of } => self.some_element(*of),
            Expr::Compare { op: Compare::Eq, left, right } => {
                self.equal(*left, *right, item).or_else(|| self.equal(*right, *left, item))
            }
            Expr::Contains { of, needle } => self.text(*of, item, Place::Anywhere, false, needle).map(one),
            Expr::Matches { of, regex } => {
                let needles = needles(regex)?;
                needles.iter().map(|needle| self.needle(*of, item, needle)).collect()
            }
            Expr::Wildcard { of, pattern, strict } => self.wildcard(*of, item, pattern, *strict).map(one),
            Expr::In { of, set } => self.member(*of, item, *set),
            Expr::Call { builtin: builtin @ (Builtin::StartsWith | Builtin::EndsWith), arguments } => {
                let [of, affix] = &**arguments else { return None };
                let Expr::Literal(Literal::String(affix)) = self.expr(*affix)? else { return None };
                let place = if *builtin == Builtin::StartsWith { Place::Start } else { Place::End };
                self.text(*of, item, place, false, affix).map(one)
            }
            Expr::Call { builtin: Builtin::HasValue, arguments } => {
                let [of, value] = &**arguments else { return None };
                let Expr::Literal(Literal::String(value)) = self.expr(*value)? else { return None };
                let is_texts = self.program.node(*of)?.ty == crate::Type::STRING.array();
                (is_texts && item.is_none()).then(|| one(text(*of, Place::Whole, false, value)))
            }
            Expr::Literal(_)
            | Expr::Field(_)
            | Expr::Declared(_)
            | Expr::Item
            | Expr::Index { .. }
            | Expr::Key { .. }
            | Expr::Each { .. }
            | Expr::Flatten(_)
            | Expr::Not(_)
            | Expr::Logic { op: Logic::Xor, of: _ }
            | Expr::Compare { .. }
            | Expr::BitAnd { .. }
            | Expr::Quantify { quantifier: Quantifier::All, of: _ }
            | Expr::Call { .. } => None,
        }
    }

    /// An `Array<Bool>` of which some element holds.
    fn some_element(self, id: ExprId) -> Option<Vec<Anchor>> {
        match self.expr(id)? {
            Expr::Each { over, body } => self.condition(*body, Some(*over)),
            Expr::Logic { op: Logic::And, of } => {
                of.iter().filter_map(|id| self.some_element(*id)).max_by_key(|side| self.selectivity(side))
            }
            Expr::Logic { op: Logic::Or, of } => {
                let sides: Vec<_> = of.iter().map(|id| self.some_element(*id)).collect::<Option<_>>()?;
                let all = sides.concat();
                (all.len() <= MOST).then_some(all)
            }
            Expr::Literal(_)
            | Expr::Field(_)
            | Expr::Declared(_)
            | Expr::Item
            | Expr::Index { .. }
            | Expr::Key { .. }
            | Expr::Flatten(_)
            | Expr::Not(_)
            | Expr::Logic { op: Logic::Xor, of: _ }
            | Expr::Compare { .. }
            | Expr::Contains { .. }
            | Expr::Matches { .. }
            | Expr::Wildcard { .. }
            | Expr::In { .. }
            | Expr::BitAnd { .. }
            | Expr::Quantify { .. }
            | Expr::Call { .. } => None,
        }
    }

    /// What a tested value is in the end: a scalar that asks for no item, or the array that the item is of; and what was
    /// done to its case.
    fn subject(self, id: ExprId, item: Item) -> Option<(ExprId, Case)> {
        let (mut id, mut item, mut case) = (id, item, Case::Kept);
        loop {
            let expr = self.expr(id)?;
            if let Expr::Call { builtin: builtin @ (Builtin::Lower | Builtin::Upper), arguments } = expr {
                let is_lower = *builtin == Builtin::Lower && case == Case::Kept;
                case = if is_lower { Case::Lower } else { Case::Lost };
                id = *arguments.first()?;
                continue;
            }
            if *expr != Expr::Item {
                return (!self.is_open(id, 0)).then_some((id, case));
            }
            // What is computed for each element may be a change of case again.
            let over = item?;
            let Some((inner, body)) = self.change_of_case(over) else {
                return (!self.is_open(over, 0)).then_some((over, case));
            };
            (id, item) = (body, Some(inner));
        }
    }

    /// What an array goes over and computes, where that is each element in another case.
    fn change_of_case(self, id: ExprId) -> Option<(ExprId, ExprId)> {
        let Expr::Each { over, body } = self.expr(id)? else { return None };
        self.is_case_of_item(*body).then_some((*over, *body))
    }

    fn is_case_of_item(self, id: ExprId) -> bool {
        match self.expr(id) {
            Some(Expr::Item) => true,
            Some(Expr::Call { builtin: Builtin::Lower | Builtin::Upper, arguments }) => {
                arguments.first().is_some_and(|id| self.is_case_of_item(*id))
            }
            _ => false,
        }
    }

    /// Whether an expression asks for an item that nothing in it binds, or is too large to say.
    fn is_open(self, id: ExprId, depth: u32) -> bool {
        let Some(expr) = self.expr(id) else { return true };
        if *expr == Expr::Item || depth > 16 {
            return true;
        }
        let mut open = false;
        expr.children(|child| {
            let is_body = matches!(expr, Expr::Each { over: _, body } if *body == child);
            open = open || (!is_body && self.is_open(child, depth + 1));
        });
        open
    }

    fn text(self, id: ExprId, item: Item, place: Place, fold: bool, literal: &[u8]) -> Option<Anchor> {
        let (of, case) = self.subject(id, item)?;
        let fold = fold || case != Case::Kept;
        let literal = match place {
            Place::Whole | Place::Start => literal.get(..LONGEST).unwrap_or(literal),
            Place::End | Place::Anywhere => {
                literal.get(literal.len().saturating_sub(LONGEST)..).unwrap_or(literal)
            }
        };
        let place = if place == Place::Whole && literal.len() == LONGEST { Place::Start } else { place };
        (place == Place::Whole || !literal.is_empty()).then(|| text(of, place, fold, literal))
    }

    fn needle(self, of: ExprId, item: Item, needle: &Needle) -> Option<Anchor> {
        self.text(of, item, needle.place, needle.fold, &needle.bytes)
    }

    fn wildcard(self, of: ExprId, item: Item, pattern: &[u8], strict: bool) -> Option<Anchor> {
        let pieces = Pieces::parse(pattern).ok()?.pieces;
        let last = pieces.len().checked_sub(1)?;
        if last == 0 {
            return self.text(of, item, Place::Whole, !strict, pieces.first()?);
        }
        let place = |at| match at {
            0 => Place::Start,
            at if at == last => Place::End,
            _ => Place::Anywhere,
        };
        let (at, piece) = pieces.iter().enumerate().max_by_key(|(_, piece)| piece.len())?;
        self.text(of, item, place(at), !strict, piece)
    }

    fn equal(self, id: ExprId, literal: ExprId, item: Item) -> Option<Vec<Anchor>> {
        let Expr::Literal(literal) = self.expr(literal)? else { return None };
        let test = match literal {
            Literal::String(literal) => return self.text(id, item, Place::Whole, false, literal).map(one),
            Literal::Int(value) => Test::Int(*value),
            Literal::Ip(address) => Test::Address(*address),
            Literal::Bool(_) => return None,
        };
        let (of, _) = self.subject(id, item)?;
        Some(one(Anchor { of, test }))
    }

    fn member(self, id: ExprId, item: Item, set: SetId) -> Option<Vec<Anchor>> {
        let (of, case) = self.subject(id, item)?;
        match &self.program.set(set)?.members {
            Members::Strings(strings) if strings.len() <= SPREAD => {
                strings.iter().map(|literal| self.text(id, item, Place::Whole, false, literal)).collect()
            }
            Members::Strings(_) => (case != Case::Lost)
                .then(|| one(Anchor { of, test: Test::Strings { set, fold: case == Case::Lower } })),
            Members::Ips { .. } => Some(one(Anchor { of, test: Test::Addresses(set) })),
            Members::Ints(ranges) => {
                let values = ranges.iter().flat_map(|(low, high)| *low..=*high).take(SPREAD + 1);
                let anchors: Vec<_> = values.map(|value| Anchor { of, test: Test::Int(value) }).collect();
                (anchors.len() <= SPREAD).then_some(anchors)
            }
        }
    }

    /// How few requests anchors let through, as a guess from their weakest.
    fn selectivity(self, anchors: &[Anchor]) -> i64 {
        let weakest = anchors.iter().map(|anchor| self.strength(anchor)).min().unwrap_or(i64::MAX);
        weakest.saturating_sub(i64::from(anchors.len().max(1).ilog2()))
    }

    fn strength(self, anchor: &Anchor) -> i64 {
        let most = match self.expr(anchor.of) {
            // Most requests agree in these.
            Some(Expr::Field(field)) => match field.row().name {
                "http.request.method" | "http.request.version" | "cf.tls_version" => 2,
                "http.host" | "api.name" | "cf.zone.name" | "cf.edge.server_port" => 6,
                _ => 64,
            },
            _ => 64,
        };
        let strength = match &anchor.test {
            Test::Text { place, fold: _, literal } => {
                let length = i64::try_from(literal.len().min(24)).unwrap_or(24) * 2;
                match place {
                    Place::Whole => length + 8,
                    Place::Start => length - 1,
                    Place::End | Place::Anywhere => length,
                }
            }
            Test::Strings { .. } => 20,
            Test::Int(_) => 14,
            Test::Address(_) => 40,
            Test::Addresses(_) => 24,
        };
        strength.min(most)
    }
}

fn one(anchor: Anchor) -> Vec<Anchor> {
    vec![anchor]
}

fn text(of: ExprId, place: Place, fold: bool, literal: &[u8]) -> Anchor {
    let literal = if fold { literal.to_ascii_lowercase() } else { literal.to_vec() };
    Anchor { of, test: Test::Text { place, fold, literal: literal.into() } }
}

/// Bytes that stand in every match of a regular expression.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Needle {
    bytes: Vec<u8>,
    fold: bool,
    place: Place,
}

/// Literals of which every match has one.
fn needles(regex: &str) -> Option<Vec<Needle>> {
    let hir = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(regex).ok()?;
    let found = required(&hir)?;
    found.iter().all(|needle| !needle.bytes.is_empty() || needle.place == Place::Whole).then_some(found)
}

/// What an expression matches exactly, if it is one string (ASCII case aside).
fn exact(hir: &Hir) -> Option<Needle> {
    match hir.kind() {
        HirKind::Empty => Some(Needle::default()),
        HirKind::Literal(literal) => Some(Needle { bytes: literal.0.to_vec(), ..Needle::default() }),
        HirKind::Class(class) => letter(class),
        HirKind::Capture(capture) => exact(&capture.sub),
        HirKind::Concat(parts) => {
            let mut all = Needle::default();
            for part in parts {
                join(&mut all, exact(part)?);
            }
            Some(all)
        }
        HirKind::Look(_) | HirKind::Repetition(_) | HirKind::Alternation(_) => None,
    }
}

fn join(run: &mut Needle, next: Needle) {
    run.bytes.extend(next.bytes);
    run.fold |= next.fold;
}

/// A letter in both cases, or one byte.
fn letter(class: &Class) -> Option<Needle> {
    let bytes = match class {
        Class::Bytes(class) => {
            class.ranges().iter().map(|range| (range.start(), range.end())).collect::<Vec<_>>()
        }
        Class::Unicode(class) => class
            .ranges()
            .iter()
            .map(|range| Some((u8::try_from(range.start()).ok()?, u8::try_from(range.end()).ok()?)))
            .collect::<Option<Vec<_>>>()?,
    };
    match *bytes {
        [(first, last)] if first == last && first.is_ascii() => {
            Some(Needle { bytes: vec![first], ..Needle::default() })
        }
        [(upper, last), (lower, end)]
            if upper == last
                && lower == end
                && upper.is_ascii_uppercase()
                && lower == upper.to_ascii_lowercase() =>
        {
            Some(Needle { bytes: vec![lower], fold: true, place: Place::Anywhere })
        }
        _ => None,
    }
}

fn required(hir: &Hir) -> Option<Vec<Needle>> {
    if let Some(needle) = exact(hir) {
        return Some(vec![needle]);
    }
    match hir.kind() {
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub).map(anywhere),
        HirKind::Concat(parts) => in_sequence(parts),
        HirKind::Alternation(branches) => {
            let sides: Vec<_> = branches.iter().map(required).collect::<Option<_>>()?;
            let all = sides.concat();
            (all.len() <= MOST).then_some(all)
        }
        HirKind::Empty
        | HirKind::Literal(_)
        | HirKind::Class(_)
        | HirKind::Look(_)
        | HirKind::Repetition(_) => None,
    }
}

fn anywhere(mut needles: Vec<Needle>) -> Vec<Needle> {
    for needle in &mut needles {
        needle.place = Place::Anywhere;
    }
    needles
}

/// The best of what the parts of a sequence require: runs of exact parts, or what one part requires.
fn in_sequence(parts: &[Hir]) -> Option<Vec<Needle>> {
    let mut found: Vec<Vec<Needle>> = Vec::new();
    let mut run = Needle::default();
    // Whether the run began at the start of the text.
    let mut at_start = false;
    let mut end_run = |run: &mut Needle, at_start: bool, at_end: bool| {
        let mut run = std::mem::take(run);
        run.place = match (at_start, at_end) {
            (true, true) => Place::Whole,
            (true, false) => Place::Start,
            (false, true) => Place::End,
            (false, false) => Place::Anywhere,
        };
        if !run.bytes.is_empty() || run.place == Place::Whole {
            found.push(vec![run]);
        }
    };
    let mut others = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        if let Some(next) = exact(part) {
            join(&mut run, next);
            continue;
        }
        let is_start = matches!(part.kind(), HirKind::Look(Look::Start)) && at == 0;
        let is_end = matches!(part.kind(), HirKind::Look(Look::End)) && at + 1 == parts.len();
        if is_start {
            at_start = true;
            continue;
        }
        end_run(&mut run, at_start, is_end);
        at_start = false;
        if !is_end {
            others.extend(required(part).map(anywhere));
        }
    }
    end_run(&mut run, at_start, false);
    found.extend(others);
    let strength = |needles: &Vec<Needle>| {
        let shortest = needles.iter().map(|needle| needle.bytes.len()).min().unwrap_or_default();
        (shortest, std::cmp::Reverse(needles.len()))
    };
    found.into_iter().max_by_key(strength)
}

impl Display for Anchor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.test {
            Test::Text { place, fold, literal } => {
                let place = match place {
                    Place::Whole => "is",
                    Place::Start => "starts with",
                    Place::End => "ends with",
                    Place::Anywhere => "holds",
                };
                let case = if *fold { " in any case" } else { "" };
                write!(f, "{} {place} \"{}\"{case}", self.of, literal.escape_ascii())
            }
            Test::Strings { set, fold } => {
                write!(f, "{} in ${}{}", self.of, set.0, if *fold { " in lower case" } else { "" })
            }
            Test::Int(value) => write!(f, "{} is {value}", self.of),
            Test::Address(address) => write!(f, "{} is {address}", self.of),
            Test::Addresses(set) => write!(f, "{} in ${}", self.of, set.0),
        }
    }
}

impl Test {
    /// The type of the value, or of the array's elements.
    pub const fn scalar(&self) -> Scalar {
        match self {
            Self::Text { .. } | Self::Strings { .. } => Scalar::String,
            Self::Int(_) => Scalar::Int,
            Self::Address(_) | Self::Addresses(_) => Scalar::Ip,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(regex: &str) -> Option<String> {
        let needles = needles(regex)?;
        let show = |needle: &Needle| {
            let mark = match needle.place {
                Place::Whole => "=",
                Place::Start => "^",
                Place::End => "$",
                Place::Anywhere => "",
            };
            format!("{mark}{}{}", needle.bytes.escape_ascii(), if needle.fold { "/i" } else { "" })
        };
        Some(needles.iter().map(show).collect::<Vec<_>>().join(" | "))
    }

    #[test]
    fn every_match_of_a_regular_expression_has_one_of_its_needles() {
        for (regex, wanted) in [
            ("^/admin", Some("^/admin")),
            (r"\.php$", Some("$.php")),
            ("^/login$", Some("=/login")),
            ("^$", Some("=")),
            ("(?i)union.+select", Some("select/i")),
            ("a(bc|de)f", Some("bc | de")),
            ("foo|ba[rz]", Some("foo | ba")),
            ("(abc)+x", Some("abc")),
            ("(abc)*", None),
            ("[0-9]+", None),
            ("", None),
            ("a?", None),
            (r"^/api/v[0-9]+/users/[0-9]+$", Some("/users/")),
            (r"(?i)^/wp-(login|admin)\.php", Some("login/i | admin/i")),
            ("(?m)^a", Some("a")),
            (r"\bselect\b", Some("select")),
            ("a^b", Some("b")),
        ] {
            assert_eq!(shown(regex).as_deref(), wanted, "{regex}");
        }
    }
}
