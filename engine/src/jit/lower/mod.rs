//! Conditions as cranelift IR: scalars unboxed, strings as address and length, loops over pairs; the rest comes from slots.

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, Endianness, FuncRef, Function, InstBuilder as _, JumpTableData, MemFlagsData, Type,
    Value, types,
};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use shield_ir::set::Members;
use shield_ir::{Builtin, Compare, Expr, ExprId, Literal, Logic, Program};

use crate::constants::{Constant, Constants};

use super::abi::{Session, Slot};
use super::plan::{Plan, Survey, Test};

mod elements;

/// A literal is compared in words up to this length, by a call beyond it.
const INLINE_BYTES: usize = 16;

/// An integer is compared with the ranges of a set in code where they are at most so many.
const INLINE_RANGES: usize = 4;

/// Functions of Rust as this function knows them, in the order of [`super::code::SYMBOLS`].
#[derive(Clone, Copy)]
pub(super) struct Calls {
    pub(super) fill: FuncRef,
    pub(super) test: FuncRef,
    pub(super) within: FuncRef,
    pub(super) order: FuncRef,
    pub(super) map: FuncRef,
    pub(super) next: FuncRef,
}

/// What code is made from.
pub(super) struct Subject<'p> {
    pub(super) program: &'p Program,
    pub(super) constants: &'p Constants,
    pub(super) survey: &'p Survey,
}

/// A scalar in registers.
#[derive(Clone, Copy)]
enum Native<'p> {
    /// A truth, false where absent, and whether it is there where it may not be.
    Bool(Value, Option<Value>),
    /// An integer, and whether it is there where it may not be.
    Int(Value, Option<Value>),
    /// Address and length; the address is 0 where absent.
    Text(Value, Value),
    /// Bytes of the policy.
    Literal(&'p [u8]),
}

/// Writes the body of one function: the condition whose number it is called with.
pub(super) fn function(
    subject: &Subject<'_>,
    plan: &mut Plan,
    (func, context): (&mut Function, &mut FunctionBuilderContext),
    (calls, roots, config): (Calls, &[ExprId], TargetFrontendConfig),
) {
    let mut b = FunctionBuilder::new(func, context);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    let &[session, index] = b.block_params(entry) else { return };
    let pointer = MemFlagsData::trusted();
    let slots = b.ins().load(types::I64, pointer, session, offset_of!(Session<'_, '_>, slots) as i32);
    let generation =
        b.ins().load(types::I64, pointer, session, offset_of!(Session<'_, '_>, generation) as i32);
    let blocks: Vec<Block> = roots.iter().map(|_| b.create_block()).collect();
    let nowhere = b.create_block();
    let default = b.func.dfg.block_call(nowhere, &[]);
    let table: Vec<_> = blocks.iter().map(|block| b.func.dfg.block_call(*block, &[])).collect();
    let table = b.create_jump_table(JumpTableData::new(default, &table));
    b.ins().br_table(index, table);
    let mut lower = Lower { subject, plan, calls, b, session, slots, generation };
    for (root, block) in roots.iter().zip(blocks) {
        lower.b.switch_to_block(block);
        let holds = lower.truth(*root, None);
        let holds = lower.b.ins().uextend(types::I64, holds);
        lower.b.ins().return_(&[holds]);
    }
    lower.b.switch_to_block(nowhere);
    let zero = lower.b.ins().iconst(types::I64, 0);
    lower.b.ins().return_(&[zero]);
    lower.b.seal_all_blocks();
    lower.b.finalize(config);
}

struct Lower<'a, 'p> {
    subject: &'a Subject<'p>,
    plan: &'a mut Plan,
    calls: Calls,
    b: FunctionBuilder<'a>,
    session: Value,
    slots: Value,
    generation: Value,
}

type Item<'p> = Option<Native<'p>>;

impl<'p> Lower<'_, 'p> {
    /// Whether a `Bool` holds; absent is false.
    fn truth(&mut self, id: ExprId, item: Item<'p>) -> Value {
        match self.scalar(id, item) {
            Native::Bool(value, _) => value,
            Native::Int(..) | Native::Text(..) | Native::Literal(_) => self.constant(types::I8, 0),
        }
    }

    /// The value of a scalar operation that [`Survey`] says code can be made for.
    fn scalar(&mut self, id: ExprId, item: Item<'p>) -> Native<'p> {
        let subject = self.subject;
        let Some(node) = subject.program.node(id) else { return self.never() };
        let is_open = subject.survey.is_open(id);
        if let Expr::Literal(literal) = &node.expr {
            return self.literal(literal);
        }
        // Code for something that does not depend on the item would run again for every item, and could be a loop itself.
        let inline = if item.is_some() {
            is_open
        } else {
            subject.survey.inlines(subject.program, &node.expr, node.ty)
        };
        if !inline {
            return self.kept(id);
        }
        let value = match &node.expr {
            Expr::Item => return item.unwrap_or_else(|| self.never()),
            Expr::Not(of) => {
                let of = self.truth(*of, item);
                self.b.ins().bxor_imm_u(of, 1)
            }
            Expr::Logic { op, of } => self.logic(*op, of, item),
            Expr::Compare { op, left, right } => {
                let (left, right) = (self.scalar(*left, item), self.scalar(*right, item));
                self.compare(*op, left, right)
            }
            Expr::Contains { of, needle } => {
                let finder = || Test::Contains(Box::new(memchr::memmem::Finder::new(needle).into_owned()));
                self.tested(id, (*of, item), finder)
            }
            Expr::Matches { of, regex: _ } => match subject.constants.get(id) {
                Some(Constant::Regex(regex)) => {
                    self.tested(id, (*of, item), || Test::matches(subject.program, (id, *of), regex))
                }
                _ => return self.never(),
            },
            Expr::Wildcard { of, pattern: _, strict: _ } => match subject.constants.get(id) {
                Some(Constant::Wildcard(glob)) => {
                    self.tested(id, (*of, item), || Test::Wildcard(glob.clone()))
                }
                _ => return self.never(),
            },
            Expr::In { of, set } => match self.scalar(*of, item) {
                Native::Int(value, present) => {
                    let within = self.int_within(value, *set);
                    self.both(within, present)
                }
                text @ (Native::Text(..) | Native::Literal(_) | Native::Bool(..)) => {
                    self.test(id, text, || Test::Within(*set))
                }
            },
            Expr::BitAnd { of, mask } => {
                let Native::Int(value, present) = self.scalar(*of, item) else { return self.never() };
                let mask = self.constant(types::I64, *mask);
                let bits = self.b.ins().band(value, mask);
                let shared = self.b.ins().icmp_imm_s(IntCC::NotEqual, bits, 0);
                self.both(shared, present)
            }
            Expr::Quantify { quantifier, of } => self.quantify(*quantifier, *of),
            Expr::Call { builtin, arguments } => return self.call(id, *builtin, arguments, item),
            Expr::Field(_)
            | Expr::Declared(_)
            | Expr::Literal(_)
            | Expr::Index { .. }
            | Expr::Key { .. }
            | Expr::Each { .. }
            | Expr::Flatten(_) => return self.never(),
        };
        Native::Bool(value, None)
    }

    /// What stands for an operation that is not what the survey says: something absent.
    fn never(&mut self) -> Native<'p> {
        let zero = self.constant(types::I8, 0);
        Native::Bool(zero, Some(zero))
    }

    fn constant(&mut self, ty: Type, value: i64) -> Value {
        self.b.ins().iconst(ty, value)
    }

    fn literal(&mut self, literal: &'p Literal) -> Native<'p> {
        match literal {
            Literal::Bool(value) => Native::Bool(self.constant(types::I8, i64::from(*value)), None),
            Literal::Int(value) => Native::Int(self.constant(types::I64, *value), None),
            Literal::String(text) => Native::Literal(text),
            Literal::Ip(_) => self.never(),
        }
    }

    /// A value that Rust computes when it is first asked for.
    fn kept(&mut self, id: ExprId) -> Native<'p> {
        let at = self.plan.slot(self.subject.program, id);
        let base = i64::from(at) * size_of::<Slot>() as i64;
        let slot = self.b.ins().iadd_imm_s(self.slots, base);
        let load = |this: &mut Self, offset: usize| {
            this.b.ins().load(types::I64, MemFlagsData::trusted(), slot, offset as i32)
        };
        let generation = load(self, offset_of!(Slot, generation));
        let is_known = self.b.ins().icmp(IntCC::Equal, generation, self.generation);
        let (fill, ready) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(fill);
        self.b.ins().brif(is_known, ready, &[], fill, &[]);
        self.b.switch_to_block(fill);
        let at = self.constant(types::I64, i64::from(at));
        self.b.ins().call(self.calls.fill, &[self.session, at]);
        self.b.ins().jump(ready, &[]);
        self.b.switch_to_block(ready);
        let first = load(self, offset_of!(Slot, first));
        let second = load(self, offset_of!(Slot, second));
        self.words(id, first, second)
    }

    /// Two words as a scalar of an operation's type.
    fn words(&mut self, id: ExprId, first: Value, second: Value) -> Native<'p> {
        let scalar = self.subject.program.node(id).and_then(|node| node.ty.as_scalar());
        match scalar {
            Some(shield_ir::Scalar::String) => Native::Text(first, second),
            Some(shield_ir::Scalar::Int) => {
                let present = self.b.ins().ireduce(types::I8, second);
                Native::Int(first, Some(present))
            }
            _ => {
                let value = self.b.ins().ireduce(types::I8, first);
                let present = self.b.ins().ireduce(types::I8, second);
                Native::Bool(value, Some(present))
            }
        }
    }

    /// `value`, and false where something is absent.
    fn both(&mut self, value: Value, present: Option<Value>) -> Value {
        match present {
            Some(present) => self.b.ins().band(value, present),
            None => value,
        }
    }

    /// What `then` gives where `condition` holds, else false.
    fn when(&mut self, condition: Value, then: impl FnOnce(&mut Self) -> Value) -> Value {
        let (yes, done) = (self.b.create_block(), self.b.create_block());
        let result = self.b.append_block_param(done, types::I8);
        let zero = self.constant(types::I8, 0);
        self.b.ins().brif(condition, yes, &[], done, &[BlockArg::Value(zero)]);
        self.b.switch_to_block(yes);
        let value = then(self);
        self.b.ins().jump(done, &[BlockArg::Value(value)]);
        self.b.switch_to_block(done);
        result
    }

    fn logic(&mut self, op: Logic, of: &[ExprId], item: Item<'p>) -> Value {
        if op == Logic::Xor {
            let mut odd = self.constant(types::I8, 0);
            for id in of {
                let truth = self.truth(*id, item);
                odd = self.b.ins().bxor(odd, truth);
            }
            return odd;
        }
        let done = self.b.create_block();
        let result = self.b.append_block_param(done, types::I8);
        for id in of {
            let truth = self.truth(*id, item);
            let next = self.b.create_block();
            let decided = [BlockArg::Value(truth)];
            if op == Logic::And {
                self.b.ins().brif(truth, next, &[], done, &decided);
            } else {
                self.b.ins().brif(truth, done, &decided, next, &[]);
            }
            self.b.switch_to_block(next);
        }
        let undecided = self.constant(types::I8, i64::from(op == Logic::And));
        self.b.ins().jump(done, &[BlockArg::Value(undecided)]);
        self.b.switch_to_block(done);
        result
    }

    fn compare(&mut self, op: Compare, left: Native<'p>, right: Native<'p>) -> Value {
        match (left, right) {
            (Native::Int(left, left_there), Native::Int(right, right_there)) => {
                let holds = self.b.ins().icmp(condition(op), left, right);
                let holds = self.both(holds, left_there);
                self.both(holds, right_there)
            }
            (Native::Text(address, length), Native::Literal(text))
                if matches!(op, Compare::Eq | Compare::Ne) =>
            {
                self.equals(op, (address, length), text)
            }
            (Native::Literal(text), Native::Text(address, length))
                if matches!(op, Compare::Eq | Compare::Ne) =>
            {
                self.equals(op, (address, length), text)
            }
            (Native::Bool(..) | Native::Int(..), _) | (_, Native::Bool(..) | Native::Int(..)) => {
                self.constant(types::I8, 0)
            }
            (left, right) => {
                let (left, left_length) = self.text(left);
                let (right, right_length) = self.text(right);
                self.when(left, |this| {
                    this.when(right, |this| {
                        let arguments = [left, left_length, right, right_length];
                        let call = this.b.ins().call(this.calls.order, &arguments);
                        let order = this.result(call);
                        this.b.ins().icmp_imm_s(condition(op), order, 0)
                    })
                })
            }
        }
    }

    fn result(&mut self, call: cranelift_codegen::ir::Inst) -> Value {
        match self.b.inst_results(call) {
            [result, ..] => *result,
            [] => self.constant(types::I64, 0),
        }
    }

    /// Address and length of a string.
    fn text(&mut self, native: Native<'p>) -> (Value, Value) {
        match native {
            Native::Text(address, length) => (address, length),
            Native::Literal(text) => {
                let address = self.plan.address(text);
                (
                    self.constant(types::I64, address),
                    self.constant(types::I64, text.len().cast_signed() as i64),
                )
            }
            Native::Bool(..) | Native::Int(..) => {
                (self.constant(types::I64, 0), self.constant(types::I64, 0))
            }
        }
    }

    /// Whether a string is a literal, or is there and is not.
    fn equals(&mut self, op: Compare, (address, length): (Value, Value), text: &'p [u8]) -> Value {
        let wanted = text.len().cast_signed() as i64;
        let fits = self.b.ins().icmp_imm_s(IntCC::Equal, length, wanted);
        let present = self.b.ins().icmp_imm_s(IntCC::NotEqual, address, 0);
        let fits = self.b.ins().band(fits, present);
        let equal = self.when(fits, |this| this.same_bytes(address, text));
        if op == Compare::Eq {
            return equal;
        }
        let different = self.b.ins().bxor_imm_u(equal, 1);
        self.b.ins().band(different, present)
    }

    /// Whether `text` stands at an address where as many bytes may be read.
    fn same_bytes(&mut self, address: Value, text: &'p [u8]) -> Value {
        if text.len() > INLINE_BYTES {
            let (literal, length) = self.text(Native::Literal(text));
            let call = self.b.ins().call(self.calls.order, &[address, length, literal, length]);
            let order = self.result(call);
            return self.b.ins().icmp_imm_s(IntCC::Equal, order, 0);
        }
        let mut same = self.constant(types::I8, 1);
        let mut at = 0;
        for (size, ty) in [(8, types::I64), (4, types::I32), (2, types::I16), (1, types::I8)] {
            while let Some(word) = text.get(at..at + size) {
                let mut bytes = [0; 8];
                bytes.iter_mut().zip(word).for_each(|(place, byte)| *place = *byte);
                let unaligned = MemFlagsData::new().with_trap_code(None).with_endianness(Endianness::Little);
                let found = self.b.ins().load(ty, unaligned, address, at as i32);
                let wanted = self.constant(ty, sign_extended(u64::from_le_bytes(bytes), size));
                let equal = self.b.ins().icmp(IntCC::Equal, found, wanted);
                same = self.b.ins().band(same, equal);
                at += size;
            }
        }
        same
    }

    fn tested(&mut self, id: ExprId, (of, item): (ExprId, Item<'p>), make: impl FnOnce() -> Test) -> Value {
        let of = self.scalar(of, item);
        self.test(id, of, make)
    }

    /// Whether a string is there and passes a test of Rust's.
    fn test(&mut self, id: ExprId, of: Native<'p>, make: impl FnOnce() -> Test) -> Value {
        let test = self.plan.test(id, make);
        let (address, length) = self.text(of);
        self.when(address, |this| {
            let test = this.constant(types::I64, i64::from(test));
            let call = this.b.ins().call(this.calls.test, &[this.session, test, address, length]);
            let passes = this.result(call);
            this.b.ins().ireduce(types::I8, passes)
        })
    }

    fn int_within(&mut self, value: Value, set: shield_ir::set::SetId) -> Value {
        let ranges = match self.subject.program.set(set).map(|set| &set.members) {
            Some(Members::Ints(ranges)) if ranges.len() <= INLINE_RANGES => ranges,
            _ => {
                let set = self.constant(types::I64, i64::from(set.0));
                let call = self.b.ins().call(self.calls.within, &[self.session, set, value]);
                let within = self.result(call);
                return self.b.ins().ireduce(types::I8, within);
            }
        };
        let mut within = self.constant(types::I8, 0);
        for (low, high) in ranges {
            let (low, high) = (self.constant(types::I64, *low), self.constant(types::I64, *high));
            let after = self.b.ins().icmp(IntCC::SignedGreaterThanOrEqual, value, low);
            let before = self.b.ins().icmp(IntCC::SignedLessThanOrEqual, value, high);
            let inside = self.b.ins().band(after, before);
            within = self.b.ins().bor(within, inside);
        }
        within
    }

    fn call(&mut self, id: ExprId, builtin: Builtin, arguments: &[ExprId], item: Item<'p>) -> Native<'p> {
        let Some((first, rest)) = arguments.split_first() else { return self.never() };
        let text = self.scalar(*first, item);
        if let (Builtin::StartsWith | Builtin::EndsWith, [second]) = (builtin, rest) {
            let other = self.scalar(*second, item);
            return self.affix(id, builtin, text, other);
        }
        let (address, length) = self.text(text);
        let (some, none, done) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let first = self.b.append_block_param(done, types::I64);
        let second = self.b.append_block_param(done, types::I64);
        self.b.ins().brif(address, some, &[], none, &[]);
        self.b.switch_to_block(some);
        let number = self.constant(types::I64, i64::from(id.0));
        self.b.ins().call(self.calls.map, &[self.session, number, address, length]);
        let left = self.left();
        self.b.ins().jump(done, &left.map(BlockArg::Value));
        self.b.switch_to_block(none);
        let zero = self.constant(types::I64, 0);
        self.b.ins().jump(done, &[BlockArg::Value(zero), BlockArg::Value(zero)]);
        self.b.switch_to_block(done);
        self.words(id, first, second)
    }

    /// What a helper has left.
    fn left(&mut self) -> [Value; 2] {
        let item = offset_of!(Session<'_, '_>, item) as i32;
        [0, 8]
            .map(|offset| self.b.ins().load(types::I64, MemFlagsData::trusted(), self.session, item + offset))
    }

    /// `starts_with` and `ends_with`.
    fn affix(&mut self, id: ExprId, builtin: Builtin, text: Native<'p>, other: Native<'p>) -> Native<'p> {
        let (address, length) = self.text(text);
        let present = self.b.ins().icmp_imm_s(IntCC::NotEqual, address, 0);
        let at_start = builtin == Builtin::StartsWith;
        if let Native::Literal(affix) = other {
            let make =
                || if at_start { Test::StartsWith(affix.into()) } else { Test::EndsWith(affix.into()) };
            if affix.len() > INLINE_BYTES {
                let holds = self.test(id, text, make);
                return Native::Bool(holds, Some(present));
            }
            let wanted = affix.len().cast_signed() as i64;
            let fits = self.b.ins().icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, length, wanted);
            let fits = self.b.ins().band(fits, present);
            let holds = self.when(fits, |this| {
                let skip = this.b.ins().iadd_imm_s(length, -wanted);
                let end = this.b.ins().iadd(address, skip);
                this.same_bytes(if at_start { address } else { end }, affix)
            });
            return Native::Bool(holds, Some(present));
        }
        let (affix, wanted) = self.text(other);
        let other_present = self.b.ins().icmp_imm_s(IntCC::NotEqual, affix, 0);
        let present = self.b.ins().band(present, other_present);
        let fits = self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, length, wanted);
        let fits = self.b.ins().band(fits, present);
        let holds = self.when(fits, |this| {
            let skip = this.b.ins().isub(length, wanted);
            let end = this.b.ins().iadd(address, skip);
            let start = if at_start { address } else { end };
            let call = this.b.ins().call(this.calls.order, &[start, wanted, affix, wanted]);
            let order = this.result(call);
            this.b.ins().icmp_imm_s(IntCC::Equal, order, 0)
        });
        Native::Bool(holds, Some(present))
    }
}

const fn condition(op: Compare) -> IntCC {
    match op {
        Compare::Eq => IntCC::Equal,
        Compare::Ne => IntCC::NotEqual,
        Compare::Lt => IntCC::SignedLessThan,
        Compare::Le => IntCC::SignedLessThanOrEqual,
        Compare::Gt => IntCC::SignedGreaterThan,
        Compare::Ge => IntCC::SignedGreaterThanOrEqual,
    }
}

/// A constant of so many bytes as cranelift wants it.
const fn sign_extended(value: u64, size: usize) -> i64 {
    let shift = 64 - 8 * size as u32;
    (value << shift).cast_signed() >> shift
}
