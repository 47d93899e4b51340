//! Objects: members by name, bits for what has been seen, and what is asked when all have been.

use std::collections::{BTreeMap, BTreeSet};

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder as _, Value, types};
use cranelift_frontend::Variable;
use shield_ir::schema::{Keyword, NodeId, PatternId};

use super::super::calls::Call;
use super::super::flat::Flat;
use super::scalars::usual;
use super::{Lower, field};

/// What a keyword says of members that it does not name: the nodes of patterns, and of all others.
struct Rest<'p> {
    patterns: &'p [(PatternId, NodeId)],
    others: Option<NodeId>,
}

/// In objects with more names than this, none is guessed: code for guesses takes room.
const GUESSED: usize = 64;

/// What an object's keywords say of its members.
pub(super) struct Members<'p> {
    /// The names that keywords say, each with what its member satisfies.
    pub(super) named: BTreeMap<&'p str, BTreeSet<NodeId>>,
    /// Members in the order in which the schema names them, by their numbers: so do most writers write them.
    order: Vec<usize>,
    /// Names that no member may have.
    forbidden: BTreeSet<&'p str>,
    rests: Vec<Rest<'p>>,
    /// What every name satisfies.
    names: Vec<NodeId>,
}

/// The state of the loop over members: bits of the names seen, and how many members there were.
struct Seen {
    words: Vec<Variable>,
    count: Option<Variable>,
}

impl Members<'_> {
    /// A name as it is usually written, with what is behind it.
    fn usual(&self, number: usize) -> Vec<u8> {
        self.named.keys().nth(number).map_or_else(Vec::new, |name| usual(name, b"\":"))
    }

    /// The member that probably follows another one.
    fn following(&self, number: usize) -> Option<usize> {
        let at = self.order.iter().position(|known| *known == number)?;
        self.order.get(at + 1).copied()
    }
}

impl<'p> Lower<'_, 'p> {
    /// An object that starts there; the place behind it.
    pub(super) fn object(&mut self, flat: &Flat<'p>, at: Value) -> Value {
        let members = self.members(flat);
        let depth = self.take(field!(depth));
        let base = self.field(field!(names));
        let counts =
            |keyword: &Keyword| matches!(keyword, Keyword::MinProperties(_) | Keyword::MaxProperties(_));
        let seen = Seen {
            words: (0..members.named.len().div_ceil(64)).map(|_| self.b.declare_var(types::I64)).collect(),
            count: flat.rows.iter().any(|row| counts(row.keyword)).then(|| self.b.declare_var(types::I64)),
        };
        for variable in seen.words.iter().chain(&seen.count) {
            let zero = self.word(0);
            self.b.def_var(*variable, zero);
        }
        let [start, head, next, close] = [(); 4].map(|()| self.b.create_block());
        let name_at = self.b.append_block_param(head, types::I64);
        let first = self.b.append_block_param(head, types::I8);
        let behind = self.b.append_block_param(next, types::I64);
        let end = self.b.append_block_param(close, types::I64);
        let inside = self.b.ins().iadd_imm_s(at, 1);
        self.b.ins().jump(start, &[]);

        self.b.switch_to_block(head);
        let quoted = self.is(IntCC::Equal, first, i64::from(b'"'));
        self.demand(quoted);
        self.member(&seen);
        let hits = self.dispatch(&members, &seen, name_at, next);

        self.b.switch_to_block(start);
        if let Some(number) = members.order.first() {
            let name = [b"\"", &*members.usual(*number)].concat();
            self.guess((inside, &name), false, &seen, hits.get(*number).copied());
        }
        let (place, byte) = self.token(inside);
        let empty = self.is(IntCC::Equal, byte, i64::from(b'}'));
        self.b.ins().brif(
            empty,
            close,
            &[BlockArg::Value(place)],
            head,
            &[BlockArg::Value(place), BlockArg::Value(byte)],
        );

        self.b.switch_to_block(next);
        let (place, byte) = self.token(behind);
        let comma = self.b.create_block();
        let more = self.is(IntCC::Equal, byte, i64::from(b','));
        let last = self.b.create_block();
        self.b.ins().brif(more, comma, &[], last, &[]);
        self.b.switch_to_block(comma);
        let after = self.b.ins().iadd_imm_s(place, 1);
        let (place_next, byte_next) = self.token(after);
        self.jump(head, &[place_next, byte_next]);
        self.b.switch_to_block(last);
        let ends = self.is(IntCC::Equal, byte, i64::from(b'}'));
        self.b.ins().brif(ends, close, &[BlockArg::Value(place)], self.fail, &[]);

        self.b.switch_to_block(close);
        self.names_differ(base);
        self.when_all_is_seen(flat, &members, &seen, at);
        self.set_field(field!(depth), depth);
        self.b.ins().iadd_imm_s(end, 1)
    }

    /// Counts a member.
    fn member(&mut self, seen: &Seen) {
        self.burn();
        if let Some(count) = seen.count {
            let known = self.b.use_var(count);
            let more = self.b.ins().iadd_imm_s(known, 1);
            self.b.def_var(count, more);
        }
    }

    /// Goes to where a member is judged, if what is before its value stands there as most writers write it; else goes on.
    fn guess(&mut self, (at, name): (Value, &[u8]), comma: bool, seen: &Seen, hit: Option<Block>) {
        let Some(hit) = hit else { return };
        let wrong = self.b.create_block();
        let behind = self.stands((at, name), comma, wrong);
        self.member(seen);
        self.jump(hit, &[behind]);
        self.b.switch_to_block(wrong);
    }

    pub(super) fn members(&self, flat: &Flat<'p>) -> Members<'p> {
        let mut named: BTreeMap<&'p str, BTreeSet<NodeId>> = BTreeMap::new();
        let mut rests = Vec::new();
        let mut properties = Vec::new();
        let mut names_of = Vec::new();
        for row in &flat.rows {
            match row.keyword {
                Keyword::Properties { named: own, patterns, others } => {
                    named.extend(own.iter().map(|(name, _)| (name.as_str(), BTreeSet::new())));
                    properties.push((own, patterns, *others));
                    rests.push(Rest { patterns, others: *others });
                }
                Keyword::Required { names, .. } => {
                    named.extend(names.iter().map(|name| (name.as_str(), BTreeSet::new())));
                }
                Keyword::DependentRequired(rows) => {
                    let all = rows.iter().flat_map(|(name, needed)| std::iter::once(name).chain(needed));
                    named.extend(all.map(|name| (name.as_str(), BTreeSet::new())));
                }
                Keyword::DependentSchemas(rows) => {
                    named.extend(rows.iter().map(|(name, _)| (name.as_str(), BTreeSet::new())));
                }
                Keyword::PropertyNames(node) => names_of.push(*node),
                _ => {}
            }
        }
        let validators = self.maker.validators;
        for (name, nodes) in &mut named {
            for (own, patterns, others) in &properties {
                let row = own.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok();
                let known = row.and_then(|row| own.get(row)).map(|(_, node)| *node);
                let matching = patterns.iter().filter(|(pattern, _)| validators.matches(*pattern, name));
                let claims: BTreeSet<NodeId> =
                    known.into_iter().chain(matching.map(|(_, node)| *node)).collect();
                if claims.is_empty() {
                    nodes.extend(others);
                }
                nodes.extend(claims);
            }
        }
        let allowed = |name: &str| {
            let mut fuel = u64::MAX;
            names_of.iter().all(|node| validators.name_is_valid(*node, name, &mut fuel))
        };
        let mut order: Vec<(NodeId, usize)> = Vec::new();
        for (number, name) in named.keys().enumerate().filter(|_| named.len() <= GUESSED) {
            let own = properties.iter().filter_map(|(own, _, _)| {
                own.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok().and_then(|row| own.get(row))
            });
            order.extend(own.map(|(_, node)| (*node, number)).min());
        }
        // Nodes are numbered as the document says them.
        order.sort_unstable();
        let order = order.into_iter().map(|(_, number)| number).collect();
        let forbidden = named.keys().copied().filter(|name| !allowed(name)).collect();
        Members { named, order, forbidden, rests, names: names_of }
    }

    /// Finds out which member it is and judges it; answers with where each is judged, given the place behind its name.
    fn dispatch(&mut self, members: &Members<'p>, seen: &Seen, at: Value, next: Block) -> Vec<Block> {
        let names: Vec<Vec<u8>> = (0..members.named.len()).map(|number| members.usual(number)).collect();
        let found = self.matching(at, &names, true);
        let hits: Vec<Block> = found.hits.iter().map(|(block, _)| *block).collect();
        for ((block, behind), (number, (name, nodes))) in
            found.hits.into_iter().zip(members.named.iter().enumerate())
        {
            self.b.switch_to_block(block);
            if members.forbidden.contains(name) {
                self.b.ins().jump(self.fail, &[]);
                continue;
            }
            self.see(seen, number);
            let (value, _) = self.token(behind);
            let key = self.key(nodes.iter().copied());
            let end = self.value(&key, value);
            if let Some(following) = members.following(number) {
                let name = [b"\"", &*members.usual(following)].concat();
                self.guess((end, &name), true, seen, hits.get(following).copied());
            }
            self.jump(next, &[end]);
        }
        self.b.switch_to_block(found.miss.0);
        let end = self.other(members, found.miss.1);
        self.jump(next, &[end]);
        hits
    }

    /// Notes that a name stands in the object; twice is not allowed.
    fn see(&mut self, seen: &Seen, number: usize) {
        let Some(variable) = seen.words.get(number / 64) else { return };
        let known = self.b.use_var(*variable);
        let bit = self.word(1_i64.wrapping_shl(number as u32 % 64));
        let twice = self.b.ins().band(known, bit);
        self.refuse(twice);
        let more = self.b.ins().bor(known, bit);
        self.b.def_var(*variable, more);
    }

    /// A member that no keyword names.
    fn other(&mut self, members: &Members<'p>, at: Value) -> Value {
        let plan = self.plan();
        let never = |node: &NodeId| {
            plan.node(*node).is_some_and(|node| node.keywords.iter().any(|k| matches!(k, Keyword::Never)))
        };
        let closed = members
            .rests
            .iter()
            .any(|rest| rest.patterns.is_empty() && rest.others.is_some_and(|n| never(&n)));
        if closed {
            return self.never();
        }
        for node in &members.names {
            self.asks(Call::NameIsValid, &[], &[u64::from(node.0)]);
        }
        self.rust(Call::Keep, &[]);
        if members.rests.iter().all(|rest| rest.patterns.is_empty()) {
            let key = self.key(members.rests.iter().filter_map(|rest| rest.others));
            let (value, _) = self.token(at);
            return self.value(&key, value);
        }
        // All names are matched before a value is read: reading one may forget the name.
        let claims: Vec<Vec<Value>> = members
            .rests
            .iter()
            .map(|rest| rest.patterns.iter().map(|(pattern, _)| self.name_matches(*pattern)).collect())
            .collect();
        let (value, _) = self.token(at);
        let end = self.b.declare_var(types::I64);
        let zero = self.word(0);
        self.b.def_var(end, zero);
        for (rest, claims) in members.rests.iter().zip(&claims) {
            let mut any = self.word(0);
            for ((_, node), claim) in rest.patterns.iter().zip(claims) {
                any = self.b.ins().bor(any, *claim);
                self.where_it_holds(*claim, *node, (value, end));
            }
            if let Some(others) = rest.others {
                let free = self.is(IntCC::Equal, any, 0);
                self.where_it_holds(free, others, (value, end));
            }
        }
        let known = self.b.use_var(end);
        let (done, skip) = (self.b.create_block(), self.b.create_block());
        let result = self.b.append_block_param(done, types::I64);
        self.b.ins().brif(known, done, &[BlockArg::Value(known)], skip, &[]);
        self.b.switch_to_block(skip);
        let skipped = self.checked(Call::Skip, &[value]);
        self.jump(done, &[skipped]);
        self.b.switch_to_block(done);
        result
    }

    fn name_matches(&mut self, pattern: PatternId) -> Value {
        let pattern = self.word(i64::from(pattern.0));
        self.rust(Call::NameMatches, &[pattern])
    }

    /// Judges a value by a node where a condition holds, and notes the place behind it.
    fn where_it_holds(&mut self, condition: Value, node: NodeId, (value, end): (Value, Variable)) {
        let (yes, after) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(condition, yes, &[], after, &[]);
        self.b.switch_to_block(yes);
        let key = self.key([node]);
        let found = self.value(&key, value);
        self.b.def_var(end, found);
        self.b.ins().jump(after, &[]);
        self.b.switch_to_block(after);
    }

    /// Names that no keyword says must differ too.
    fn names_differ(&mut self, base: Value) {
        let (some, after) = (self.b.create_block(), self.b.create_block());
        let count = self.field(field!(names));
        let none = self.b.ins().icmp(IntCC::Equal, count, base);
        self.b.ins().brif(none, after, &[], some, &[]);
        self.b.switch_to_block(some);
        self.checked(Call::Names, &[base]);
        self.b.ins().jump(after, &[]);
        self.b.switch_to_block(after);
    }

    fn when_all_is_seen(&mut self, flat: &Flat<'p>, members: &Members<'p>, seen: &Seen, at: Value) {
        let number = |name: &str| members.named.keys().position(|known| *known == name);
        let mut required = BTreeSet::new();
        for names in flat.each(|k| if let Keyword::Required { names, .. } = k { Some(names) } else { None }) {
            required.extend(names.iter().filter_map(|name| number(name)));
        }
        self.demand_seen(seen, &required);
        for row in &flat.rows {
            match (row.keyword, seen.count) {
                (Keyword::MinProperties(least), Some(count)) => {
                    let count = self.b.use_var(count);
                    self.at_least(count, *least);
                }
                (Keyword::MaxProperties(most), Some(count)) => {
                    let count = self.b.use_var(count);
                    self.at_most(count, *most);
                }
                (Keyword::DependentRequired(rows), _) => {
                    for (name, needed) in rows {
                        let needed = needed.iter().filter_map(|name| number(name)).collect();
                        self.where_seen(seen, number(name), |this| this.demand_seen(seen, &needed));
                    }
                }
                (Keyword::DependentSchemas(rows), _) => {
                    for (name, node) in rows {
                        self.where_seen(seen, number(name), |this| {
                            this.judged(*node, at);
                        });
                    }
                }
                _ => {}
            }
        }
    }

    fn demand_seen(&mut self, seen: &Seen, numbers: &BTreeSet<usize>) {
        for (word, variable) in seen.words.iter().enumerate() {
            let own = numbers.iter().filter(|number| **number / 64 == word);
            let mask = own.fold(0_i64, |mask, number| mask | 1_i64.wrapping_shl(*number as u32 % 64));
            if mask != 0 {
                let known = self.b.use_var(*variable);
                let mask = self.word(mask);
                let missing = self.b.ins().band_not(mask, known);
                self.refuse(missing);
            }
        }
    }

    fn where_seen(&mut self, seen: &Seen, number: Option<usize>, then: impl FnOnce(&mut Self)) {
        let Some((number, variable)) = number.and_then(|n| Some((n, *seen.words.get(n / 64)?))) else {
            return;
        };
        let (yes, after) = (self.b.create_block(), self.b.create_block());
        let known = self.b.use_var(variable);
        let bit = self.word(1_i64.wrapping_shl(number as u32 % 64));
        let there = self.b.ins().band(known, bit);
        self.b.ins().brif(there, yes, &[], after, &[]);
        self.b.switch_to_block(yes);
        then(self);
        self.b.ins().jump(after, &[]);
        self.b.switch_to_block(after);
    }
}
