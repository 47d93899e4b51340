//! Values as cranelift IR: a function takes the cursor and the place where a value starts, and answers with the place
//! behind it, or 0 where it does not satisfy the schema or is not well-formed.

mod array;
mod branches;
mod numbers;
mod object;
mod scalars;
mod select;
mod words;

use std::collections::BTreeMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, Endianness, FuncRef, InstBuilder as _, MemFlagsData, Type, Value, types,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use shield_ir::schema::{Keyword, NodeId, Plan, TypeSet};

use super::calls::Call;
use super::flat::{Flat, Key};
use super::maker::{Maker, Target};

/// So many values without parts are judged inside the function of what they are in; others are called.
const ROOM: u32 = 40;

/// Where a field of the cursor is.
macro_rules! field {
    ($name:ident) => {
        std::mem::offset_of!($crate::jit::schema::cursor::Cursor<'_>, $name) as i32
    };
}
pub(super) use field;

/// Writes the body of the function of one key.
pub(super) fn function(
    maker: &mut Maker<'_>,
    key: &Key,
    func: &mut cranelift_codegen::ir::Function,
    context: &mut FunctionBuilderContext,
) {
    let config = maker.frontend_config();
    let mut b = FunctionBuilder::new(func, context);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    let &[cursor, at] = b.block_params(entry) else { return };
    let end = b.ins().load(types::I64, MemFlagsData::trusted(), cursor, field!(end));
    let [fail, short] = [(); 2].map(|()| b.create_block());
    let mut lower = Lower { maker, b, cursor, end, fail, short, room: ROOM, calls: BTreeMap::new(), key };
    let plan = lower.plan();
    let flat = Flat::of(plan, key);
    let done = if key.nodes.is_empty() { lower.checked(Call::Skip, &[at]) } else { lower.body(&flat, at) };
    lower.b.ins().return_(&[done]);
    lower.b.switch_to_block(short);
    lower.b.set_cold_block(short);
    let one = lower.word(1);
    lower.set_field(field!(short), one);
    lower.b.ins().jump(fail, &[]);
    lower.b.switch_to_block(fail);
    lower.b.set_cold_block(fail);
    let zero = lower.word(0);
    lower.b.ins().return_(&[zero]);
    lower.b.seal_all_blocks();
    lower.b.finalize(config);
}

struct Lower<'a, 'p> {
    maker: &'a mut Maker<'p>,
    b: FunctionBuilder<'a>,
    cursor: Value,
    /// Behind the last byte.
    end: Value,
    /// Where the function answers with 0.
    fail: Block,
    /// The same, because the text ends too early.
    short: Block,
    room: u32,
    calls: BTreeMap<Call, FuncRef>,
    key: &'a Key,
}

/// Bytes of the input, and of texts that helpers leave.
fn bytes() -> MemFlagsData {
    MemFlagsData::new().with_trap_code(None).with_endianness(Endianness::Little)
}

impl<'p> Lower<'_, 'p> {
    fn plan(&self) -> &'p Plan {
        self.maker.validators.plan()
    }

    fn word(&mut self, value: i64) -> Value {
        self.b.ins().iconst(types::I64, value)
    }

    /// Reads a field of the cursor.
    fn field(&mut self, offset: i32) -> Value {
        self.b.ins().load(types::I64, MemFlagsData::trusted(), self.cursor, offset)
    }

    fn set_field(&mut self, offset: i32, value: Value) {
        self.b.ins().store(MemFlagsData::trusted(), value, self.cursor, offset);
    }

    /// Reads bytes that are known to be there.
    fn load(&mut self, ty: Type, at: Value, offset: usize) -> Value {
        self.b.ins().load(ty, bytes(), at, offset as i32)
    }

    /// Goes on where a condition holds, else fails.
    fn demand(&mut self, condition: Value) {
        let next = self.b.create_block();
        self.b.ins().brif(condition, next, &[], self.fail, &[]);
        self.b.switch_to_block(next);
    }

    /// Goes on where what is read next is in the text.
    fn demand_inside(&mut self, inside: Value) {
        let next = self.b.create_block();
        self.b.ins().brif(inside, next, &[], self.short, &[]);
        self.b.switch_to_block(next);
    }

    /// Goes on where a condition does not hold, else fails.
    fn refuse(&mut self, condition: Value) {
        let next = self.b.create_block();
        self.b.ins().brif(condition, self.fail, &[], next, &[]);
        self.b.switch_to_block(next);
    }

    fn is(&mut self, code: IntCC, value: Value, other: i64) -> Value {
        self.b.ins().icmp_imm_s(code, value, other)
    }

    fn jump(&mut self, block: Block, values: &[Value]) {
        let arguments: Vec<BlockArg> = values.iter().map(|value| BlockArg::Value(*value)).collect();
        self.b.ins().jump(block, &arguments);
    }

    /// Calls a function of Rust.
    fn rust(&mut self, call: Call, arguments: &[Value]) -> Value {
        let func = if let Some(known) = self.calls.get(&call) {
            *known
        } else {
            let func = self.maker.import(call, self.b.func);
            self.calls.insert(call, func);
            func
        };
        let arguments: Vec<Value> = std::iter::once(self.cursor).chain(arguments.iter().copied()).collect();
        let inst = self.b.ins().call(func, &arguments);
        self.b.inst_results(inst).first().copied().unwrap_or(self.cursor)
    }

    /// Calls a function of Rust that answers with 0 where the value is not valid.
    fn checked(&mut self, call: Call, arguments: &[Value]) -> Value {
        let answer = self.rust(call, arguments);
        self.demand(answer);
        answer
    }

    /// Calls a function of Rust with constants behind.
    fn asks(&mut self, call: Call, arguments: &[Value], constants: &[u64]) {
        let mut all = arguments.to_vec();
        for constant in constants {
            all.push(self.word(constant.cast_signed()));
        }
        self.checked(call, &all);
    }

    /// The byte there, which must be in the text.
    fn byte(&mut self, at: Value) -> Value {
        let inside = self.b.ins().icmp(IntCC::UnsignedLessThan, at, self.end);
        self.demand_inside(inside);
        self.load(types::I8, at, 0)
    }

    /// The next byte that is not white space, and its place.
    fn token(&mut self, at: Value) -> (Value, Value) {
        let [spaced, peek, far, ready] = [(); 4].map(|()| self.b.create_block());
        self.b.set_cold_block(far);
        let place = self.b.append_block_param(ready, types::I64);
        let byte = self.b.append_block_param(ready, types::I8);
        let first = self.byte(at);
        let visible = self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, first, 0x20);
        let arguments = [BlockArg::Value(at), BlockArg::Value(first)];
        self.b.ins().brif(visible, ready, &arguments, spaced, &[]);

        // Of white space, one blank is what most writers write.
        self.b.switch_to_block(spaced);
        let after = self.b.ins().iadd_imm_s(at, 1);
        let inside = self.b.ins().icmp(IntCC::UnsignedLessThan, after, self.end);
        self.b.ins().brif(inside, peek, &[], far, &[]);
        self.b.switch_to_block(peek);
        let second = self.load(types::I8, after, 0);
        let blank = self.is(IntCC::Equal, first, i64::from(b' '));
        let visible = self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, second, 0x20);
        let both = self.b.ins().band(blank, visible);
        let arguments = [BlockArg::Value(after), BlockArg::Value(second)];
        self.b.ins().brif(both, ready, &arguments, far, &[]);

        self.b.switch_to_block(far);
        let next = self.rust(Call::Space, &[at]);
        let second = self.byte(next);
        self.jump(ready, &[next, second]);
        self.b.switch_to_block(ready);
        (place, byte)
    }

    /// Takes one from what is left of something.
    fn take(&mut self, offset: i32) -> Value {
        let left = self.field(offset);
        let none = self.is(IntCC::Equal, left, 0);
        self.refuse(none);
        let less = self.b.ins().iadd_imm_s(left, -1);
        self.set_field(offset, less);
        left
    }

    /// One step of work.
    fn burn(&mut self) {
        let fuel = self.field(field!(fuel));
        let less = self.b.ins().iadd_imm_s(fuel, -1);
        self.set_field(field!(fuel), less);
        let spent = self.is(IntCC::SignedLessThan, less, 0);
        self.refuse(spent);
    }

    fn key(&self, nodes: impl IntoIterator<Item = NodeId>) -> Key {
        self.maker.survey.key(self.plan(), nodes, self.key.direction)
    }

    /// A value of some key; the place behind it.
    fn value(&mut self, key: &Key, at: Value) -> Value {
        if key.nodes.is_empty() {
            return self.checked(Call::Skip, &[at]);
        }
        let flat = Flat::of(self.plan(), key);
        if flat.is_never() {
            return self.never();
        }
        if self.room > 0 && flat.is_leaf(self.plan()) {
            self.room -= 1;
            return self.body(&flat, at);
        }
        let end = self.call(key, at);
        self.demand(end);
        end
    }

    /// Fails; what is written behind it is never reached.
    fn never(&mut self) -> Value {
        self.b.ins().jump(self.fail, &[]);
        let nowhere = self.b.create_block();
        self.b.switch_to_block(nowhere);
        self.word(0)
    }

    /// Calls the function of a key.
    fn call(&mut self, key: &Key, at: Value) -> Value {
        let inst = match self.maker.target(key, self.b.func) {
            Target::Here(func) => self.b.ins().call(func, &[self.cursor, at]),
            Target::There(signature, address) => {
                let signature = self.b.import_signature(signature);
                let callee = self.word(address.cast_signed() as i64);
                self.b.ins().call_indirect(signature, callee, &[self.cursor, at])
            }
        };
        self.b.inst_results(inst).first().copied().unwrap_or(at)
    }

    /// All that a value is judged by; the place behind it.
    fn body(&mut self, flat: &Flat<'p>, at: Value) -> Value {
        if flat.is_never() {
            return self.never();
        }
        let types = flat.types(self.plan());
        let only_integers = types.meets(TypeSet::NUMBER) && !types.contains(TypeSet::NUMBER);
        let reads = |row: &super::flat::Row<'_>| branches::reads(row.keyword);
        let others_read = flat.branching().any(|row| reads(&row)) || !flat.interpreted.is_empty();
        let mut end = None;
        if flat.looks_inside() || only_integers || !others_read {
            end = Some(self.typed(flat, types, at));
        } else if types != TypeSet::ALL {
            let first = self.byte(at);
            let allowed = self.starts(types, first);
            self.demand(allowed);
        }
        for node in &flat.interpreted {
            let node = self.word(i64::from(node.0));
            let found = self.checked(Call::Interpret, &[at, node]);
            end = end.or(Some(found));
        }
        for row in flat.branching() {
            let found = self.branch(row, at);
            end = end.or(found);
        }
        end.unwrap_or(at)
    }

    /// Whether constants that are listed have a value that has been read; the place behind it.
    fn listed(&mut self, flat: &Flat<'p>, (at, end): (Value, Value)) -> Value {
        for row in &flat.rows {
            if let Keyword::Enum(_) | Keyword::Const(_) = row.keyword {
                self.asks(Call::Equals, &[at, end], &[u64::from(row.node.0), row.at as u64]);
            }
        }
        end
    }

    /// Whether a value of one of these types can start with that byte.
    fn starts(&mut self, allowed: TypeSet, first: Value) -> Value {
        let mut any = self.b.ins().iconst(types::I8, 0);
        for (types_of, bytes) in STARTS {
            if allowed.meets(*types_of) {
                for byte in *bytes {
                    let same = self.is(IntCC::Equal, first, i64::from(*byte));
                    any = self.b.ins().bor(any, same);
                }
            }
        }
        if allowed.meets(TypeSet::NUMBER) {
            let digit = self.b.ins().iadd_imm_s(first, -i64::from(b'0'));
            let digit = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, digit, 10);
            let minus = self.is(IntCC::Equal, first, i64::from(b'-'));
            any = self.b.ins().bor(any, digit);
            any = self.b.ins().bor(any, minus);
        }
        any
    }

    /// A value by its type.
    fn typed(&mut self, flat: &Flat<'p>, allowed: TypeSet, at: Value) -> Value {
        let done = self.b.create_block();
        let end = self.b.append_block_param(done, types::I64);
        let first = self.byte(at);
        for (of, bytes) in STARTS {
            if !allowed.meets(*of) {
                continue;
            }
            for byte in *bytes {
                let (yes, no) = (self.b.create_block(), self.b.create_block());
                let same = self.is(IntCC::Equal, first, i64::from(*byte));
                self.b.ins().brif(same, yes, &[], no, &[]);
                self.b.switch_to_block(yes);
                let found = match byte {
                    b'{' => {
                        let end = self.object(flat, at);
                        self.listed(flat, (at, end))
                    }
                    b'[' => {
                        let end = self.array(flat, at);
                        self.listed(flat, (at, end))
                    }
                    b'"' => self.string(flat, at),
                    b't' => self.literal(flat, at, "true"),
                    b'f' => self.literal(flat, at, "false"),
                    b'n' => self.literal(flat, at, "null"),
                    _ => self.number(flat, allowed, at),
                };
                self.jump(done, &[found]);
                self.b.switch_to_block(no);
            }
        }
        if allowed.meets(TypeSet::NUMBER) {
            let found = self.number(flat, allowed, at);
            self.jump(done, &[found]);
        } else {
            self.b.ins().jump(self.fail, &[]);
        }
        self.b.switch_to_block(done);
        end
    }
}

/// The first bytes of values by their types, but for numbers, with which it is left to digits.
const STARTS: &[(TypeSet, &[u8])] = &[
    (TypeSet::OBJECT, b"{"),
    (TypeSet::ARRAY, b"["),
    (TypeSet::STRING, b"\""),
    (TypeSet::BOOLEAN, b"tf"),
    (TypeSet::NULL, b"n"),
];
