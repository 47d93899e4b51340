//! Arrays: items one after the other, by their place.

use std::collections::BTreeSet;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder as _, Value, types};
use cranelift_frontend::Variable;
use shield_ir::schema::{Keyword, NodeId};

use super::super::calls::Call;
use super::super::flat::Flat;
use super::{Lower, field};

/// What items satisfy: those at the first places, and all further ones.
struct Items {
    first: Vec<BTreeSet<NodeId>>,
    rest: BTreeSet<NodeId>,
}

impl Items {
    fn of(flat: &Flat<'_>) -> Self {
        let lists: Vec<_> = flat
            .each(|keyword| match keyword {
                Keyword::Items { prefix, rest } => Some((prefix, *rest)),
                _ => None,
            })
            .collect();
        let longest = lists.iter().map(|(prefix, _)| prefix.len()).max().unwrap_or_default();
        let at = |place: usize| {
            lists.iter().filter_map(|(prefix, rest)| prefix.get(place).copied().or(*rest)).collect()
        };
        Self { first: (0..longest).map(at).collect(), rest: at(longest) }
    }
}

impl<'p> Lower<'_, 'p> {
    /// An array that starts there; the place behind it.
    pub(super) fn array(&mut self, flat: &Flat<'p>, at: Value) -> Value {
        let items = Items::of(flat);
        let depth = self.take(field!(depth));
        let contains: Vec<_> = flat
            .each(|keyword| match keyword {
                Keyword::Contains { node, min, max } => Some((*node, *min, *max)),
                _ => None,
            })
            .map(|row| (row, self.counter()))
            .collect();
        let count = self.counter();
        let [head, close] = [(); 2].map(|()| self.b.create_block());
        let item = self.b.append_block_param(head, types::I64);
        let last = self.b.append_block_param(close, types::I64);
        let inside = self.b.ins().iadd_imm_s(at, 1);
        let (place, byte) = self.token(inside);
        let empty = self.is(IntCC::Equal, byte, i64::from(b']'));
        let place = [BlockArg::Value(place)];
        self.b.ins().brif(empty, close, &place, head, &place);

        self.b.switch_to_block(head);
        self.burn();
        for ((node, _, _), matching) in &contains {
            let found = self.attempt(*node, item);
            let found = self.is(IntCC::NotEqual, found, 0);
            let found = self.b.ins().uextend(types::I64, found);
            self.add(*matching, found);
        }
        let behind = self.item(&items, count, item);
        let one = self.word(1);
        self.add(count, one);
        let (place, byte) = self.token(behind);
        let (comma, other) = (self.b.create_block(), self.b.create_block());
        let more = self.is(IntCC::Equal, byte, i64::from(b','));
        self.b.ins().brif(more, comma, &[], other, &[]);
        self.b.switch_to_block(comma);
        let after = self.b.ins().iadd_imm_s(place, 1);
        let (next, _) = self.token(after);
        self.jump(head, &[next]);
        self.b.switch_to_block(other);
        let ends = self.is(IntCC::Equal, byte, i64::from(b']'));
        self.b.ins().brif(ends, close, &[BlockArg::Value(place)], self.fail, &[]);

        self.b.switch_to_block(close);
        let end = self.b.ins().iadd_imm_s(last, 1);
        self.set_field(field!(depth), depth);
        let count = self.b.use_var(count);
        for ((_, min, max), matching) in contains {
            let matching = self.b.use_var(matching);
            self.at_least(matching, min);
            if let Some(max) = max {
                self.at_most(matching, max);
            }
        }
        for row in &flat.rows {
            match row.keyword {
                Keyword::MinItems(least) => self.at_least(count, *least),
                Keyword::MaxItems(most) => self.at_most(count, *most),
                Keyword::UniqueItems => self.unique((at, end), count, row.node),
                _ => {}
            }
        }
        end
    }

    /// No two items are equal, where there are two.
    fn unique(&mut self, (at, end): (Value, Value), count: Value, node: NodeId) {
        let [several, done] = [(); 2].map(|()| self.b.create_block());
        let few = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, count, 2);
        self.b.ins().brif(few, done, &[], several, &[]);
        self.b.switch_to_block(several);
        self.asks(Call::Unique, &[at, end], &[u64::from(node.0)]);
        self.b.ins().jump(done, &[]);
        self.b.switch_to_block(done);
    }

    /// A variable that is 0.
    fn counter(&mut self) -> Variable {
        let variable = self.b.declare_var(types::I64);
        let zero = self.word(0);
        self.b.def_var(variable, zero);
        variable
    }

    fn add(&mut self, variable: Variable, amount: Value) {
        let known = self.b.use_var(variable);
        let more = self.b.ins().iadd(known, amount);
        self.b.def_var(variable, more);
    }

    /// An item, by its place; the place behind it.
    fn item(&mut self, items: &Items, count: Variable, at: Value) -> Value {
        let rest = self.key(items.rest.iter().copied());
        if items.first.is_empty() {
            return self.value(&rest, at);
        }
        let done = self.b.create_block();
        let end = self.b.append_block_param(done, types::I64);
        let place = self.b.use_var(count);
        for (number, nodes) in items.first.iter().enumerate() {
            let (own, other) = (self.b.create_block(), self.b.create_block());
            let is_own = self.is(IntCC::Equal, place, number as i64);
            self.b.ins().brif(is_own, own, &[], other, &[]);
            self.b.switch_to_block(own);
            let key = self.key(nodes.iter().copied());
            let found = self.value(&key, at);
            self.jump(done, &[found]);
            self.b.switch_to_block(other);
        }
        let found = self.value(&rest, at);
        self.jump(done, &[found]);
        self.b.switch_to_block(done);
        end
    }
}
