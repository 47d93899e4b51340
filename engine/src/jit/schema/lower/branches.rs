//! Keywords that try other schemas on the same value: they go back to where it starts.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder as _, Value, types};
use shield_ir::schema::{Keyword, NodeId, TypeSet};

use super::super::calls::{Call, UNKNOWN};
use super::super::flat::{Flat, Key, Row};
use super::{Lower, field};

/// Inside so many branches, what was found out is kept: the same may be asked once for each way that leads there.
const KEPT: i64 = 1;

/// Whether a keyword of this kind has read the whole value where it holds.
pub(super) fn reads(keyword: &Keyword) -> bool {
    matches!(keyword, Keyword::AnyOf(_) | Keyword::OneOf(_) | Keyword::Ref(_) | Keyword::AllOf(_))
}

impl<'p> Lower<'_, 'p> {
    /// What a keyword that tries schemas says; the place behind the value where it has read it.
    pub(super) fn branch(&mut self, row: Row<'p>, at: Value) -> Option<Value> {
        match row.keyword {
            Keyword::AnyOf(nodes) | Keyword::OneOf(nodes) => Some(self.choice(row, nodes, at)),
            Keyword::Ref(node) => Some(self.judged(*node, at)),
            Keyword::AllOf(nodes) => {
                let ends: Vec<Value> = nodes.iter().map(|node| self.judged(*node, at)).collect();
                ends.first().copied()
            }
            Keyword::Not(node) => {
                let found = self.attempt(*node, at);
                self.refuse(found);
                None
            }
            Keyword::If { test, then, otherwise } => {
                let found = self.attempt(*test, at);
                let [yes, no, done] = [(); 3].map(|()| self.b.create_block());
                self.b.ins().brif(found, yes, &[], no, &[]);
                for (block, node) in [(yes, then), (no, otherwise)] {
                    self.b.switch_to_block(block);
                    if let Some(node) = node {
                        self.judged(*node, at);
                    }
                    self.b.ins().jump(done, &[]);
                }
                self.b.switch_to_block(done);
                None
            }
            _ => None,
        }
    }

    /// Judges the value once more, which must hold; the place behind it.
    pub(super) fn judged(&mut self, node: NodeId, at: Value) -> Value {
        let key = self.key([node]);
        let flat = Flat::of(self.plan(), &key);
        let nest = self.nest();
        self.burn();
        let end = if key.nodes.is_empty() || flat.is_never() || flat.is_leaf(self.plan()) {
            self.value(&key, at)
        } else {
            let end = self.recalled(node, &key, at);
            self.demand(end);
            end
        };
        self.set_field(field!(nest), nest);
        end
    }

    /// Judges the value by a schema that may not hold; 0 where it does not.
    pub(super) fn attempt(&mut self, node: NodeId, at: Value) -> Value {
        let key = self.key([node]);
        let flat = Flat::of(self.plan(), &key);
        if flat.is_never() {
            return self.word(0);
        }
        let allowed = flat.types(self.plan());
        let [try_it, done] = [(); 2].map(|()| self.b.create_block());
        let end = self.b.append_block_param(done, types::I64);
        if allowed == TypeSet::ALL {
            self.b.ins().jump(try_it, &[]);
        } else {
            let first = self.byte(at);
            let starts = self.starts(allowed, first);
            let zero = self.word(0);
            self.b.ins().brif(starts, try_it, &[], done, &[BlockArg::Value(zero)]);
        }
        self.b.switch_to_block(try_it);
        let kept = [field!(depth), field!(names), field!(tries)].map(|offset| (offset, self.field(offset)));
        let nest = self.nest();
        self.burn();
        let [_, _, (tries, inside)] = kept;
        let more = self.b.ins().iadd_imm_s(inside, 1);
        self.set_field(tries, more);
        let found =
            if flat.is_leaf(self.plan()) { self.call(&key, at) } else { self.recalled(node, &key, at) };
        for (offset, value) in kept.into_iter().chain([(field!(nest), nest)]) {
            self.set_field(offset, value);
        }
        let failed = self.b.create_block();
        self.b.ins().brif(found, done, &[BlockArg::Value(found)], failed, &[]);
        // Where the work is spent nothing is known, least of all that the branch does not hold.
        self.b.switch_to_block(failed);
        let fuel = self.field(field!(fuel));
        let spent = self.is(IntCC::SignedLessThan, fuel, 0);
        self.refuse(spent);
        let zero = self.word(0);
        self.jump(done, &[zero]);
        self.b.switch_to_block(done);
        end
    }

    /// Calls the function of a node, unless it is known what that says of the place; without this, branches inside
    /// branches would take time that doubles with each level.
    fn recalled(&mut self, node: NodeId, key: &Key, at: Value) -> Value {
        let [ask, learn, plain, done] = [(); 4].map(|()| self.b.create_block());
        let end = self.b.append_block_param(done, types::I64);
        let tries = self.field(field!(tries));
        let inside = self.is(IntCC::SignedGreaterThan, tries, KEPT);
        self.b.ins().brif(inside, ask, &[], plain, &[]);

        self.b.switch_to_block(ask);
        let number = self.word(i64::from(node.0));
        let known = self.rust(Call::Recall, &[at, number]);
        let unknown = self.is(IntCC::Equal, known, UNKNOWN as i64);
        self.b.ins().brif(unknown, learn, &[], done, &[BlockArg::Value(known)]);
        self.b.switch_to_block(learn);
        let found = self.call(key, at);
        let found = self.rust(Call::Learn, &[at, number, found]);
        self.jump(done, &[found]);

        self.b.switch_to_block(plain);
        let found = self.call(key, at);
        self.jump(done, &[found]);
        self.b.switch_to_block(done);
        end
    }

    /// Goes one branch deeper; too deep is work that is spent.
    fn nest(&mut self) -> Value {
        let left = self.field(field!(nest));
        let (deeper, spent) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(spent);
        self.b.ins().brif(left, deeper, &[], spent, &[]);
        self.b.switch_to_block(spent);
        let none = self.word(-1);
        self.set_field(field!(fuel), none);
        self.b.ins().jump(self.fail, &[]);
        self.b.switch_to_block(deeper);
        let less = self.b.ins().iadd_imm_s(left, -1);
        self.set_field(field!(nest), less);
        left
    }

    /// At least one of the schemas, or exactly one.
    fn choice(&mut self, row: Row<'p>, nodes: &'p [NodeId], at: Value) -> Value {
        let done = self.b.create_block();
        let end = self.b.append_block_param(done, types::I64);
        let left = self.selector(row.node, nodes).map(|selector| self.select(&selector, at, done));
        let exactly_one = matches!(row.keyword, Keyword::OneOf(_));
        let mut only = None;
        for (number, node) in nodes.iter().enumerate() {
            let found = match left {
                Some(left) => self.attempt_of(left, number, *node, at),
                None => self.attempt(*node, at),
            };
            if !exactly_one {
                let next = self.b.create_block();
                self.b.ins().brif(found, done, &[BlockArg::Value(found)], next, &[]);
                self.b.switch_to_block(next);
                continue;
            }
            only = Some(match only {
                None => found,
                Some(only) => {
                    let [second, next] = [(); 2].map(|()| self.b.create_block());
                    self.b.ins().brif(only, second, &[], next, &[]);
                    self.b.switch_to_block(second);
                    self.refuse(found);
                    self.b.ins().jump(next, &[]);
                    self.b.switch_to_block(next);
                    self.b.ins().bor(only, found)
                }
            });
        }
        if let Some(only) = only {
            self.b.ins().brif(only, done, &[BlockArg::Value(only)], self.fail, &[]);
        } else {
            self.b.ins().jump(self.fail, &[]);
        }
        self.b.switch_to_block(done);
        end
    }

    /// Tries a branch that may be among those that are left; 0 where it is not.
    fn attempt_of(&mut self, left: Value, number: usize, node: NodeId, at: Value) -> Value {
        let [own, done] = [(); 2].map(|()| self.b.create_block());
        let end = self.b.append_block_param(done, types::I64);
        let bit = self.word(1_i64.wrapping_shl(number as u32));
        let is_left = self.b.ins().band(left, bit);
        let zero = self.word(0);
        self.b.ins().brif(is_left, own, &[], done, &[BlockArg::Value(zero)]);
        self.b.switch_to_block(own);
        let found = self.attempt(node, at);
        self.jump(done, &[found]);
        self.b.switch_to_block(done);
        end
    }
}
