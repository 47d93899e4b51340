//! Which rules a request may match, found without walking them: hashes, automata and intervals over their anchors.

mod addresses;
mod grams;
mod keyed;
mod search;
mod table;

use std::collections::BTreeMap;
use std::net::IpAddr;

use shield_ir::anchor::{Anchor, Anchors, Place, Test};
use shield_ir::policy::{RuleId, Scope, ScopePart};
use shield_ir::set::{Members, SetId};
use shield_ir::{Bundle, Compare, Expr, ExprId, Literal, Program};

use crate::exchange::Exchange;
use crate::interp::Meaning;
use crate::jit::{Element, Plan, Scratch, Session, Shown, Source};

use addresses::Addresses;
use keyed::Keyed;
use search::{Hit, Search};
use table::Table;

/// So few rules are looked at one by one: that is cheaper than an index.
const FEW: usize = 4;

/// The rules that are posted under one value, as a range of [`Index::postings`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Postings(u32, u32);

/// A rule that may match, by its place in the phase, and whether its condition is still to be looked at; in the order of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate(u32);

impl Candidate {
    /// A rule whose condition says more than that an anchor was found.
    pub(crate) const fn open(place: u32) -> Self {
        Self(place << 1 | 1)
    }

    /// A rule that holds.
    const fn settled(place: u32) -> Self {
        Self(place << 1)
    }

    /// Its place in the phase.
    pub(crate) const fn place(self) -> usize {
        (self.0 >> 1) as usize
    }

    pub(crate) const fn is_open(self) -> bool {
        self.0 & 1 != 0
    }
}

/// Whether a condition says no more than that its anchors are found.
fn is_settled(program: &Program, when: ExprId, anchors: &[Anchor]) -> bool {
    let ([Anchor { of, test }], Some(node)) = (anchors, program.node(when)) else { return false };
    match (&node.expr, test) {
        (
            Expr::Compare { op: Compare::Eq, left, right },
            Test::Text { place: Place::Whole, fold, literal },
        ) => {
            let literal = Expr::Literal(Literal::String(literal.clone()));
            !fold && left == of && program.node(*right).is_some_and(|right| right.expr == literal)
        }
        (Expr::Contains { of: within, needle }, Test::Text { place: Place::Anywhere, fold, literal }) => {
            !fold && within == of && needle == literal
        }
        (
            Expr::In { of: member, set },
            Test::Addresses(known) | Test::Strings { set: known, fold: false },
        ) => member == of && set == known,
        _ => false,
    }
}

/// An index over the rules of a phase; rules are numbered by their place there.
#[derive(Debug)]
pub(crate) struct Index {
    subjects: Vec<Subject>,
    keyed: Vec<Keyed>,
    postings: Vec<Candidate>,
    always: Always,
    hits: u32,
    plan: Plan,
}

/// Rules without anchors, by what their scope lets them be about.
#[derive(Debug, Default)]
struct Always {
    everywhere: Vec<Candidate>,
    by_api: BTreeMap<u32, Vec<Candidate>>,
    by_endpoint: BTreeMap<u32, Vec<Candidate>>,
}

/// A value, or the values of an array, and all tests of it.
#[derive(Debug)]
struct Subject {
    of: ExprId,
    source: Option<Source>,
    /// What shows it, where it is a field that every exchange has.
    shown: Option<Shown>,
    tables: Vec<Table>,
    searches: Vec<Search>,
    strings: Vec<(SetId, bool, Postings)>,
    ints: Vec<(i64, Postings)>,
    addresses: Addresses,
    /// Postings by the list numbers of `addresses`.
    lists: Vec<Postings>,
    /// Sets that are asked one by one.
    sets: Vec<(SetId, Postings)>,
}

impl Index {
    /// Over the rules of a phase; `None` where they are few.
    pub(crate) fn of(bundle: &Bundle, anchors: &[Anchors], rules: &[RuleId]) -> Option<Self> {
        if rules.len() <= FEW {
            return None;
        }
        let mut index = Self {
            subjects: Vec::new(),
            keyed: Vec::new(),
            postings: Vec::new(),
            always: Always::default(),
            hits: 0,
            plan: Plan::default(),
        };
        let mut tests: BTreeMap<ExprId, BTreeMap<&Test, Vec<Candidate>>> = BTreeMap::new();
        for (at, id) in (0..).zip(rules) {
            let Some(rule) = bundle.rules.get(id.0 as usize) else { continue };
            let anchors: &[Anchor] = anchors.get(id.0 as usize).map_or(&[], |anchors| anchors);
            let settled = is_settled(&bundle.program, rule.when, anchors);
            let candidate = if settled { Candidate::settled(at) } else { Candidate::open(at) };
            for anchor in anchors {
                tests.entry(anchor.of).or_default().entry(&anchor.test).or_default().push(candidate);
            }
            if anchors.is_empty() {
                index.always.add(candidate, &rule.scope);
            }
        }
        let subjects =
            tests.into_iter().map(|(of, tests)| index.subject(&bundle.program, of, tests)).collect();
        (index.keyed, index.subjects) = keyed::group(&bundle.program, subjects, &mut index.hits);
        Some(index)
    }

    /// Puts all rules that may match into a scratch, in order.
    pub(crate) fn collect(&self, meaning: Meaning<'_>, scratch: &mut Scratch, exchange: &Exchange<'_>) {
        let mut found = std::mem::take(&mut scratch.candidates);
        let mut seen = std::mem::take(&mut scratch.seen);
        if seen.len() < self.hits as usize {
            seen.resize(self.hits as usize, 0);
        }
        self.always.collect(exchange, &mut found);
        let anchored = found.len();
        let session = Session::new(scratch, &self.plan, meaning, exchange);
        let mut collector = Collector { index: self, session: &session, found: &mut found, seen: &mut seen };
        for subject in &self.subjects {
            collector.subject(subject);
        }
        for keyed in &self.keyed {
            collector.keyed(keyed);
        }
        if found.len() > anchored || anchored > self.always.everywhere.len() {
            found.sort_unstable();
            found.dedup_by_key(|candidate| candidate.place());
        }
        scratch.candidates = found;
        scratch.seen = seen;
    }

    /// How many rules are looked at whatever the request is.
    pub(crate) fn unanchored(&self) -> usize {
        self.always.everywhere.len()
    }

    fn post(&mut self, rules: &[Candidate]) -> Postings {
        let start = self.postings.len() as u32;
        self.postings.extend_from_slice(rules);
        Postings(start, self.postings.len() as u32)
    }

    fn subject(&mut self, program: &Program, of: ExprId, tests: BTreeMap<&Test, Vec<Candidate>>) -> Subject {
        let is_array = program.node(of).is_some_and(|node| node.ty.as_scalar().is_none());
        let mut exact: [Vec<(Box<[u8]>, Postings)>; 2] = [Vec::new(), Vec::new()];
        let mut literals: [BTreeMap<Box<[u8]>, Vec<Hit>>; 2] = [BTreeMap::new(), BTreeMap::new()];
        let (mut strings, mut ints, mut lists, mut members) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (test, rules) in tests {
            let postings = self.post(&rules);
            match test {
                Test::Text { place: Place::Whole, fold, literal } => {
                    let [kept, folded] = &mut exact;
                    (if *fold { folded } else { kept }).push((literal.clone(), postings));
                }
                Test::Text { place, fold, literal } => {
                    let hit = Hit { place: *place, postings, number: self.hits };
                    self.hits += 1;
                    let [kept, folded] = &mut literals;
                    (if *fold { folded } else { kept }).entry(literal.clone()).or_default().push(hit);
                }
                Test::Strings { set, fold } => strings.push((*set, *fold, postings)),
                Test::Int(value) => ints.push((*value, postings)),
                Test::Address(address) => {
                    members.push((None, Members::ips([(*address, *address)])));
                    lists.push(postings);
                }
                Test::Addresses(set) => {
                    members.extend(program.set(*set).map(|known| (Some(*set), known.members.clone())));
                    lists.push(postings);
                }
            }
        }
        let numbered = (0..).zip(members.iter().map(|(_, members)| members));
        let (addresses, sets) = match Addresses::new(numbered) {
            Some(addresses) => (addresses, Vec::new()),
            None => Self::one_by_one(&members, &lists),
        };
        let [kept, folded] = exact;
        let [literals, folded_literals] = literals.map(|literals| literals.into_iter().collect());
        let tables = [Table::new(false, kept), Table::new(true, folded)];
        let searches = [Search::new(false, literals), Search::new(true, folded_literals)];
        Subject {
            of,
            source: is_array.then(|| Source::of(program, of)),
            shown: Shown::of(program, of),
            tables: tables.into_iter().filter(|table| !table.is_empty()).collect(),
            searches: searches.into_iter().flatten().collect(),
            strings,
            ints,
            addresses,
            lists,
            sets,
        }
    }

    /// Lists that overlap too much: single addresses stay in the index, sets are asked one by one.
    fn one_by_one(
        members: &[(Option<SetId>, Members)],
        lists: &[Postings],
    ) -> (Addresses, Vec<(SetId, Postings)>) {
        let single = (0..).zip(members).filter(|(_, (set, _))| set.is_none());
        let addresses = Addresses::new(single.map(|(at, (_, members))| (at, members))).unwrap_or_default();
        let sets = members.iter().zip(lists).filter_map(|((set, _), postings)| Some(((*set)?, *postings)));
        (addresses, sets.collect())
    }
}

impl Always {
    fn add(&mut self, at: Candidate, scope: &Scope) {
        let Scope::Parts(parts) = scope else { return self.everywhere.push(at) };
        if parts.iter().any(|part| matches!(part, ScopePart::Host(_))) {
            return self.everywhere.push(at);
        }
        for part in parts {
            match part {
                ScopePart::Api(api) => self.by_api.entry(api.0).or_default().push(at),
                ScopePart::Endpoints(ids) => {
                    ids.iter().for_each(|id| self.by_endpoint.entry(id.0).or_default().push(at));
                }
                ScopePart::Host(_) => {}
            }
        }
    }

    fn collect(&self, exchange: &Exchange<'_>, found: &mut Vec<Candidate>) {
        found.extend_from_slice(&self.everywhere);
        let scoped = |map: &BTreeMap<u32, Vec<Candidate>>, id: Option<u32>, found: &mut Vec<Candidate>| {
            if let Some(rules) = id.and_then(|id| map.get(&id)) {
                found.extend_from_slice(rules);
            }
        };
        scoped(&self.by_api, exchange.api().map(|id| id.0), found);
        scoped(&self.by_endpoint, exchange.endpoint().map(|id| id.0), found);
    }
}

struct Collector<'c, 'x, 'a> {
    index: &'c Index,
    session: &'c Session<'x, 'a>,
    found: &'c mut Vec<Candidate>,
    /// The generation in which each hit was last found.
    seen: &'c mut [u64],
}

impl Collector<'_, '_, '_> {
    fn post(&mut self, Postings(start, end): Postings) {
        let rules = self.index.postings.get(start as usize..end as usize);
        self.found.extend_from_slice(rules.unwrap_or_default());
    }

    fn subject(&mut self, subject: &Subject) {
        let session = self.session;
        if let Some(source) = &subject.source {
            return session.each(source, subject.of, |element| match element {
                Element::Text(text) => self.text(subject, text),
                Element::Int(value) => self.int(subject, value),
                Element::Address(address) => self.address(subject, address),
            });
        }
        if let Some(shown) = &subject.shown
            && let Some(text) = session.shown(shown)
        {
            self.text(subject, text);
        } else if !subject.ints.is_empty() {
            if let Some(value) = session.closed_int(subject.of) {
                self.int(subject, value);
            }
        } else if subject.lists.is_empty() {
            if let Some(text) = session.closed_text(subject.of) {
                self.text(subject, &text);
            }
        } else if let Some(address) = session.closed_address(subject.of) {
            self.address(subject, address);
        }
    }

    fn text(&mut self, subject: &Subject, text: &[u8]) {
        for table in &subject.tables {
            if let Some(postings) = table.get(text) {
                self.post(postings);
            }
        }
        for search in &subject.searches {
            search.each(text, |hit| self.hit(hit));
        }
        for (set, fold, postings) in &subject.strings {
            if self.session.set_has(*set, *fold, text) {
                self.post(*postings);
            }
        }
    }

    /// Subjects whose names the request has; where the field was given another value, all of them.
    fn keyed(&mut self, keyed: &Keyed) {
        let Some(pairs) = self.session.pairs(keyed.field) else {
            return keyed.subjects.iter().for_each(|named| self.subject(&named.subject));
        };
        for (name, value) in pairs.iter() {
            let Some(Postings(start, end)) = keyed.names.get(name) else { continue };
            for named in keyed.subjects.get(start as usize..end as usize).unwrap_or_default() {
                if !named.first || self.is_new(named.number) {
                    self.text(&named.subject, value);
                }
            }
        }
    }

    /// Whether that hit is the first of its number for this request.
    fn is_new(&mut self, number: u32) -> bool {
        let generation = self.session.generation();
        self.seen
            .get_mut(number as usize)
            .is_some_and(|seen| std::mem::replace(seen, generation) != generation)
    }

    /// A literal that stands in many places counts once.
    fn hit(&mut self, hit: &Hit) {
        if self.is_new(hit.number) {
            self.post(hit.postings);
        }
    }

    fn int(&mut self, subject: &Subject, value: i64) {
        if let Ok(at) = subject.ints.binary_search_by_key(&value, |(known, _)| *known)
            && let Some((_, postings)) = subject.ints.get(at)
        {
            self.post(*postings);
        }
    }

    fn address(&mut self, subject: &Subject, address: IpAddr) {
        for list in subject.addresses.get(address) {
            if let Some(postings) = subject.lists.get(*list as usize) {
                self.post(*postings);
            }
        }
        for (set, postings) in &subject.sets {
            if self.session.set_has_address(*set, address) {
                self.post(*postings);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use shield_ir::Logic;
    use shield_ir::anchor;

    use super::*;
    use crate::testing::Builder;

    #[test]
    fn a_condition_is_settled_where_its_anchor_says_all_of_it() {
        let mut builder = Builder::default();
        let path = builder.field("http.request.uri.path");
        let source = builder.field("ip.src");
        let equal = builder.eq("http.request.uri.path", "/closed");
        let holds = builder.contains(path, "admin");
        let within = builder.within(source, Members::ips([([192, 0, 2, 1].into(), [192, 0, 2, 9].into())]));
        let long = builder.eq("http.request.uri.path", &"/a".repeat(40));
        let lower = builder.call("lower", &[path]);
        let lowered = builder.contains(lower, "admin");
        let regex = builder.matches(path, "^/closed$");
        let both = builder.logic(Logic::And, &[equal, within]);
        let either = builder.logic(Logic::Or, &[equal, holds]);
        for (condition, settled) in [
            (equal, true),
            (holds, true),
            (within, true),
            // An anchor is cut, folded, looser or one of several.
            (long, false),
            (lowered, false),
            (regex, false),
            (both, false),
            (either, false),
        ] {
            let anchors = anchor::of(&builder.program, condition).unwrap();
            assert_eq!(is_settled(&builder.program, condition, &anchors), settled, "{anchors:?}");
        }
    }
}
