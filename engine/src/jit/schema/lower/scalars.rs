//! Strings, numbers and literals.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder as _, Value, types};
use shield_ir::schema::{Decimal, Format, Keyword, TypeSet};

use super::super::calls::{Call, LONG};
use super::super::checks::short;
use super::super::flat::{Flat, Row};
use super::{Lower, field};
use crate::schema::format;
use crate::schema::json::write_usual;

/// A string longer than this is read by Rust.
const SHORT: i64 = 64;

/// How many bytes are looked at at once.
const LANES: i64 = 16;

/// A number that has been read: the place behind it, its value where it is a `plain` integer of up to eighteen digits, and
/// whether it has no fraction.
struct Number {
    end: Value,
    value: Value,
    plain: Value,
    integral: Value,
}

/// A string that has been read: the place behind it, the address of what it says, how many bytes and characters that has.
struct Text {
    end: Value,
    address: Value,
    length: Value,
    characters: Value,
}

impl<'p> Lower<'_, 'p> {
    pub(super) fn string(&mut self, flat: &Flat<'p>, at: Value) -> Value {
        if let Some(allowed) = self.listed_strings(flat) {
            return self.one_of_strings(&allowed, at);
        }
        let asked = |row: &Row<'_>| match row.keyword {
            Keyword::MinLength(_) | Keyword::MaxLength(_) | Keyword::Pattern(_) => true,
            Keyword::Format(format) => !format.is_numeric(),
            _ => false,
        };
        let text = self.text(at, flat.rows.iter().any(asked));
        for row in &flat.rows {
            self.string_keyword(*row, &text);
        }
        text.end
    }

    fn string_keyword(&mut self, row: Row<'p>, text: &Text) {
        match row.keyword {
            Keyword::MinLength(least) => self.at_least(text.characters, *least),
            Keyword::MaxLength(most) => self.at_most(text.characters, *most),
            Keyword::Pattern(pattern) => {
                self.asks(Call::Pattern, &[text.address, text.length], &[u64::from(pattern.0)]);
            }
            Keyword::Format(format) if !format.is_numeric() => {
                let number = Format::ALL.iter().position(|known| known == format).unwrap_or_default();
                self.asks(Call::Format, &[text.address, text.length], &[number as u64]);
            }
            _ => {}
        }
    }

    pub(super) fn at_least(&mut self, count: Value, least: u64) {
        if least > 0 {
            let least = self.word(least.cast_signed());
            let few = self.b.ins().icmp(IntCC::UnsignedLessThan, count, least);
            self.refuse(few);
        }
    }

    pub(super) fn at_most(&mut self, count: Value, most: u64) {
        let most = self.word(most.cast_signed());
        let many = self.b.ins().icmp(IntCC::UnsignedGreaterThan, count, most);
        self.refuse(many);
    }

    /// Reads a string: sixteen bytes at a time as long as it is short, plain and not at the end, else by Rust.
    /// Where nothing is asked of what it says, that is not found out.
    fn text(&mut self, at: Value, asked: bool) -> Text {
        let blocks = [(); 5].map(|()| self.b.create_block());
        let [head, look, found, slow, done] = blocks;
        self.b.set_cold_block(slow);
        let place = self.b.append_block_param(head, types::I64);
        let [end, address, length, characters] =
            [(); 4].map(|()| self.b.append_block_param(done, types::I64));
        let start = self.b.ins().iadd_imm_s(at, 1);
        let limit = self.b.ins().iadd_imm_s(start, SHORT);
        self.jump(head, &[start]);

        self.b.switch_to_block(head);
        let next = self.b.ins().iadd_imm_s(place, LANES);
        let fits = self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, next, self.end);
        let short = self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, next, limit);
        let both = self.b.ins().band(fits, short);
        self.b.ins().brif(both, look, &[], slow, &[]);

        self.b.switch_to_block(look);
        let special = self.special(place);
        self.b.ins().brif(special, found, &[], head, &[BlockArg::Value(next)]);

        self.b.switch_to_block(found);
        let count = self.b.ins().ctz(special);
        let count = self.b.ins().uextend(types::I64, count);
        let quote = self.b.ins().iadd(place, count);
        let byte = self.load(types::I8, quote, 0);
        let closes = self.is(IntCC::Equal, byte, i64::from(b'"'));
        let plain = self.b.ins().isub(quote, start);
        let behind = self.b.ins().iadd_imm_s(quote, 1);
        let arguments = [behind, start, plain, plain].map(BlockArg::Value);
        self.b.ins().brif(closes, done, &arguments, slow, &[]);

        self.b.switch_to_block(slow);
        let behind = self.checked(if asked { Call::String } else { Call::Skip }, &[at]);
        let said = [field!(text), field!(length), field!(characters)].map(|offset| self.field(offset));
        let [a, l, c] = said;
        self.jump(done, &[behind, a, l, c]);

        self.b.switch_to_block(done);
        Text { end, address, length, characters }
    }

    /// A bit for each of sixteen bytes: whether it is a quote, a backslash, a control character or not ASCII.
    fn special(&mut self, place: Value) -> Value {
        let lanes = self.load(types::I8X16, place, 0);
        let mut same = |byte: u8, code: IntCC| {
            let byte = self.b.ins().iconst(types::I8, i64::from(byte));
            let all = self.b.ins().splat(types::I8X16, byte);
            self.b.ins().icmp(code, lanes, all)
        };
        let quote = same(b'"', IntCC::Equal);
        let backslash = same(b'\\', IntCC::Equal);
        // As a signed number, a byte beyond ASCII is below zero.
        let other = same(0x20, IntCC::SignedLessThan);
        let any = self.b.ins().bor(quote, backslash);
        let any = self.b.ins().bor(any, other);
        self.b.ins().vhigh_bits(types::I32, any)
    }

    /// The strings that are allowed, as they are usually written with a quote behind, where constants list them.
    pub(super) fn listed_strings(&self, flat: &Flat<'p>) -> Option<Vec<Vec<u8>>> {
        let validators = self.maker.validators;
        let lists: Vec<Vec<&str>> = flat.each(|keyword| self.strings(keyword)).collect();
        let (first, others) = lists.split_first()?;
        let fits = |text: &&&str| {
            let characters = text.chars().count() as u64;
            others.iter().all(|list| list.contains(*text))
                && flat.rows.iter().all(|row| match row.keyword {
                    Keyword::MinLength(least) => characters >= *least,
                    Keyword::MaxLength(most) => characters <= *most,
                    Keyword::Pattern(pattern) => validators.matches(*pattern, text),
                    Keyword::Format(kind) => kind.is_numeric() || format::string(*kind, text),
                    _ => true,
                })
        };
        let mut usual: Vec<Vec<u8>> = first.iter().filter(fits).map(|text| usual(text, b"\"")).collect();
        usual.sort();
        usual.dedup();
        Some(usual)
    }

    /// The strings among the constants of a keyword that lists some.
    fn strings(&self, keyword: &'p Keyword) -> Option<Vec<&'p str>> {
        let values = match keyword {
            Keyword::Enum(values) => &**values,
            Keyword::Const(value) => std::slice::from_ref(value),
            _ => return None,
        };
        let validators = self.maker.validators;
        let text =
            |document: &'p crate::schema::value::Document<'static>| match document.value(document.root()) {
                crate::schema::value::Value::String(text) => Some(&**text),
                _ => None,
            };
        Some(values.iter().filter_map(|value| text(validators.value(*value)?)).collect())
    }

    fn one_of_strings(&mut self, allowed: &[Vec<u8>], at: Value) -> Value {
        if allowed.is_empty() {
            return self.never();
        }
        let done = self.b.create_block();
        let end = self.b.append_block_param(done, types::I64);
        let found = self.matching(at, allowed, false);
        for (block, behind) in found.hits {
            self.b.switch_to_block(block);
            self.jump(done, &[behind]);
        }
        self.b.switch_to_block(found.miss.0);
        self.b.ins().jump(self.fail, &[]);
        self.b.switch_to_block(done);
        end
    }

    /// `true`, `false` or `null`.
    pub(super) fn literal(&mut self, flat: &Flat<'p>, at: Value, word: &str) -> Value {
        let plan = self.plan();
        let lists = |values: &[shield_ir::schema::ValueId]| {
            values.iter().any(|value| plan.value(*value) == Some(word))
        };
        let allowed = flat.rows.iter().all(|row| match row.keyword {
            Keyword::Enum(values) => lists(values),
            Keyword::Const(value) => lists(&[*value]),
            _ => true,
        });
        if !allowed {
            return self.never();
        }
        let end = self.b.ins().iadd_imm_s(at, word.len() as i64);
        let inside = self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, end, self.end);
        self.demand_inside(inside);
        let same = self.same_bytes(at, word.as_bytes());
        self.demand(same);
        end
    }

    pub(super) fn number(&mut self, flat: &Flat<'p>, allowed: TypeSet, at: Value) -> Value {
        let bounds: Vec<_> = flat.rows.iter().filter_map(|row| Some((*row, bounds(row.keyword)?))).collect();
        let exact = bounds.iter().any(|(_, bounds)| matches!(bounds, Bounds::Exact));
        let any = allowed.contains(TypeSet::NUMBER);
        let number = if exact { self.read_number(at) } else { self.digits(at, !any || !bounds.is_empty()) };
        if !any {
            self.demand(number.integral);
        }
        for (row, bounds) in bounds {
            self.number_keyword(row, bounds, (number.value, number.plain));
        }
        self.listed(flat, (at, number.end))
    }

    /// Reads a number by Rust.
    fn read_number(&mut self, at: Value) -> Number {
        let end = self.checked(Call::Number, &[at]);
        let [value, plain, integral] =
            [field!(value), field!(plain), field!(integral)].map(|offset| self.field(offset));
        Number { end, value, plain, integral }
    }

    /// Reads a number: digit by digit as long as it is a short integer, else by Rust. Where nothing is asked of it, what it
    /// is is not found out.
    fn digits(&mut self, at: Value, asked: bool) -> Number {
        let [head, digit, over, slow, done] = [(); 5].map(|()| self.b.create_block());
        let place = self.b.append_block_param(head, types::I64);
        let sum = self.b.append_block_param(head, types::I64);
        let [end, value, plain, integral] = [(); 4].map(|()| self.b.append_block_param(done, types::I64));
        let (zero, one) = (self.word(0), self.word(1));
        let first = self.byte(at);
        let negative = self.is(IntCC::Equal, first, i64::from(b'-'));
        let sign = self.b.ins().uextend(types::I64, negative);
        let start = self.b.ins().iadd(at, sign);
        self.jump(head, &[start, zero]);

        self.b.switch_to_block(head);
        let inside = self.b.ins().icmp(IntCC::UnsignedLessThan, place, self.end);
        self.b.ins().brif(inside, digit, &[], slow, &[]);
        self.b.switch_to_block(digit);
        let byte = self.load(types::I8, place, 0);
        let byte = self.b.ins().uextend(types::I64, byte);
        let unit = self.b.ins().iadd_imm_s(byte, -i64::from(b'0'));
        let tenfold = self.b.ins().imul_imm_s(sum, 10);
        let more = self.b.ins().iadd(tenfold, unit);
        let next = self.b.ins().iadd_imm_s(place, 1);
        let is_digit = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, unit, 10);
        self.b.ins().brif(is_digit, head, &[BlockArg::Value(next), BlockArg::Value(more)], over, &[]);

        // One to eighteen digits, and the first is a zero only where it is alone.
        self.b.switch_to_block(over);
        let length = self.b.ins().isub(place, start);
        let further = self.b.ins().iadd_imm_s(length, -1);
        let mut whole = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, further, 18);
        let first = self.load(types::I8, start, 0);
        let usual = self.is(IntCC::NotEqual, first, i64::from(b'0'));
        let alone = self.is(IntCC::Equal, further, 0);
        let usual = self.b.ins().bor(usual, alone);
        whole = self.b.ins().band(whole, usual);
        for byte_of in [b'.', b'e', b'E'] {
            let other = self.is(IntCC::NotEqual, byte, i64::from(byte_of));
            whole = self.b.ins().band(whole, other);
        }
        let below = self.b.ins().ineg(sum);
        let signed = self.b.ins().select(negative, below, sum);
        let arguments = [place, signed, one, one].map(BlockArg::Value);
        self.b.ins().brif(whole, done, &arguments, slow, &[]);

        self.b.switch_to_block(slow);
        if asked {
            let read = self.read_number(at);
            self.jump(done, &[read.end, read.value, read.plain, read.integral]);
        } else {
            let behind = self.checked(Call::AnyNumber, &[at]);
            self.jump(done, &[behind, zero, zero, zero]);
        }
        self.b.switch_to_block(done);
        Number { end, value, plain, integral }
    }

    /// A keyword of numbers: by comparison where the number and the bounds are integers, else by Rust.
    fn number_keyword(&mut self, row: Row<'p>, bounds: Bounds, (value, plain): (Value, Value)) {
        let (digits, places) =
            short(row.keyword).map_or((0, LONG), |(digits, places)| (digits, u64::from(places)));
        let constants = [u64::from(row.node.0), row.at as u64, digits.cast_unsigned(), places];
        if matches!(bounds, Bounds::Exact) {
            return self.asks(Call::Compare, &[], &constants);
        }
        let (fast, slow, done) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.ins().brif(plain, fast, &[], slow, &[]);
        self.b.switch_to_block(slow);
        self.asks(Call::Compare, &[], &constants);
        self.b.ins().jump(done, &[]);
        self.b.switch_to_block(fast);
        match bounds {
            Bounds::Range(least, most) => {
                for (code, limit) in [(IntCC::SignedLessThan, least), (IntCC::SignedGreaterThan, most)] {
                    if let Some(limit) = limit {
                        let limit = self.word(limit);
                        let outside = self.b.ins().icmp(code, value, limit);
                        self.refuse(outside);
                    }
                }
            }
            Bounds::Multiple(divisor) => {
                let divisor = self.word(divisor);
                let rest = self.b.ins().srem(value, divisor);
                self.refuse(rest);
            }
            Bounds::Exact => {}
        }
        self.b.ins().jump(done, &[]);
        self.b.switch_to_block(done);
    }
}

/// What a keyword says of an integer of eighteen digits.
#[derive(Clone, Copy)]
enum Bounds {
    /// At least, and at most.
    Range(Option<i64>, Option<i64>),
    Multiple(i64),
    /// What only exact arithmetic can tell.
    Exact,
}

/// What a keyword says of numbers, if it speaks of them.
fn bounds(keyword: &Keyword) -> Option<Bounds> {
    let integer = |text: &str| Decimal::parse(text).and_then(|number| number.to_i64());
    let bounds = match keyword {
        Keyword::Minimum(text) => integer(text).map(|limit| Bounds::Range(Some(limit), None)),
        Keyword::Maximum(text) => integer(text).map(|limit| Bounds::Range(None, Some(limit))),
        Keyword::ExclusiveMinimum(text) => {
            integer(text).and_then(|limit| Some(Bounds::Range(Some(limit.checked_add(1)?), None)))
        }
        Keyword::ExclusiveMaximum(text) => {
            integer(text).and_then(|limit| Some(Bounds::Range(None, Some(limit.checked_sub(1)?))))
        }
        // An integer is a multiple of what goes into 1.
        Keyword::MultipleOf(_) if divides_one(keyword) => Some(Bounds::Range(None, None)),
        Keyword::MultipleOf(text) => integer(text).map(Bounds::Multiple),
        Keyword::Format(Format::Int32) => {
            Some(Bounds::Range(Some(i64::from(i32::MIN)), Some(i64::from(i32::MAX))))
        }
        // Eighteen digits are in each of these.
        Keyword::Format(Format::Int64 | Format::Float | Format::Double) => Some(Bounds::Range(None, None)),
        _ => return None,
    };
    Some(bounds.unwrap_or(Bounds::Exact))
}

fn divides_one(keyword: &Keyword) -> bool {
    short(keyword).is_some_and(|(digits, places)| {
        10_i64.checked_pow(places).and_then(|one| one.checked_rem(digits)) == Some(0)
    })
}

/// A text as it is usually written, with something behind.
pub(super) fn usual(text: &str, behind: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_usual(text.as_bytes(), &mut out);
    out.extend_from_slice(behind);
    out
}
