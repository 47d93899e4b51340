//! Keywords that try other schemas on the same value: they go back to where it starts.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder as _, Value, types};
use cranelift_frontend::Switch;
use shield_ir::schema::{Keyword, NodeId, TypeSet};

use super::super::calls::Call;
use super::super::checks::UNDECIDED;
use super::super::flat::{Flat, Key, Row};
use super::{Lower, field};

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
                let key = self.key([*node]);
                let found = self.attempt(&key, at);
                self.refuse(found);
                None
            }
            Keyword::If { test, then, otherwise } => {
                let key = self.key([*test]);
                let found = self.attempt(&key, at);
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

    fn judged(&mut self, node: NodeId, at: Value) -> Value {
        let key = self.key([node]);
        self.again(&key, at)
    }

    /// Judges the value once more, which must hold.
    pub(super) fn again(&mut self, key: &Key, at: Value) -> Value {
        let nest = self.nest();
        self.burn();
        let end = self.value(key, at);
        self.set_field(field!(nest), nest);
        end
    }

    /// Judges the value by a schema that may not hold; 0 where it does not.
    pub(super) fn attempt(&mut self, key: &Key, at: Value) -> Value {
        let flat = Flat::of(self.plan(), key);
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
        let (depth, names) = (self.field(field!(depth)), self.field(field!(names)));
        let nest = self.nest();
        self.burn();
        let found = self.call(key, at);
        self.set_field(field!(depth), depth);
        self.set_field(field!(names), names);
        self.set_field(field!(nest), nest);
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
        if let Some(discriminator) = self.discriminator(row.node, nodes) {
            self.by_discriminator(discriminator, at, done);
        }
        let exactly_one = matches!(row.keyword, Keyword::OneOf(_));
        let mut only = None;
        for node in nodes {
            let key = self.key([*node]);
            let found = self.attempt(&key, at);
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

    /// The keyword that chooses among these nodes.
    fn discriminator(&self, node: NodeId, nodes: &[NodeId]) -> Option<Row<'p>> {
        let keywords = &self.plan().node(node)?.keywords;
        keywords.iter().enumerate().find_map(|(at, keyword)| match keyword {
            Keyword::Discriminator { mapping, .. }
                if mapping.first().is_some_and(|(_, branch)| nodes.contains(branch)) =>
            {
                Some(Row { node, at, keyword })
            }
            _ => None,
        })
    }

    /// Goes to the branch that a member of the value names; goes on where there is no such member.
    fn by_discriminator(&mut self, row: Row<'p>, at: Value, done: cranelift_codegen::ir::Block) {
        let Keyword::Discriminator { mapping, .. } = row.keyword else { return };
        let (node, place) = (self.word(i64::from(row.node.0)), self.word(row.at as i64));
        let chosen = self.rust(Call::Discriminate, &[at, node, place]);
        let undecided = self.b.create_block();
        let mut switch = Switch::new();
        switch.set_entry(u128::from(UNDECIDED), undecided);
        let blocks: Vec<_> =
            (1..).zip(mapping).map(|(number, (_, node))| (number, node, self.b.create_block())).collect();
        for (number, _, block) in &blocks {
            switch.set_entry(*number, *block);
        }
        switch.emit(&mut self.b, chosen, self.fail);
        for (_, node, block) in blocks {
            self.b.switch_to_block(block);
            let end = self.judged(*node, at);
            self.jump(done, &[end]);
        }
        self.b.switch_to_block(undecided);
    }
}
