//! Numbers: read digit by digit, and compared as integers once they have as many places as their bounds.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder as _, Value, types};
use shield_ir::schema::{Decimal, Format, Keyword, TypeSet};

use super::super::calls::{Call, LONG};
use super::super::flat::{Flat, Row};
use super::super::scan;
use super::{Lower, field};

/// So many digits always fit 64 bits.
const DIGITS: u32 = 18;

/// Digits behind the point are read one by one as far as bounds have some; bounds with more places than this are Rust's.
const PLACES: u32 = 6;

/// A number longer than this is read by Rust, which counts the work.
const SHORT: i64 = 64;

/// A number that has been read.
struct Number {
    negative: Value,
    /// It without its sign, cut off behind as many places as bounds have, as an integer.
    cut: Value,
    /// What was cut off: 0 where it is nothing.
    rest: Value,
}

/// What a keyword says of a number that has the places of all bounds.
#[derive(Clone, Copy)]
enum Bound {
    /// The largest integer that is not above it is not like this.
    Floor(IntCC, i64),
    /// The least integer that is not below it is not like this.
    Ceiling(IntCC, i64),
    /// Nothing is cut off, and the integer is a multiple.
    Multiple(i64),
}

impl<'p> Lower<'_, 'p> {
    /// A number.
    pub(super) fn number(&mut self, flat: &Flat<'p>, allowed: TypeSet, at: Value) -> Value {
        let rows: Vec<Row<'p>> = flat.rows.iter().copied().filter(|row| asks(row.keyword)).collect();
        let any = allowed.contains(TypeSet::NUMBER);
        let places = rows.iter().try_fold(0, |most, row| Some(places(row.keyword)?.max(most)));
        let end = match places.filter(|places| *places <= PLACES) {
            Some(places) => self.digits(at, (any, places), &rows),
            None => self.number_by_rust(at, any, &rows),
        };
        self.listed(flat, (at, end))
    }

    fn number_by_rust(&mut self, at: Value, any: bool, rows: &[Row<'p>]) -> Value {
        if any && rows.is_empty() {
            return self.checked(Call::AnyNumber, &[at]);
        }
        let end = self.checked(Call::Number, &[at]);
        if !any {
            let integral = self.field(field!(integral));
            self.demand(integral);
        }
        for row in rows {
            let own = limit(row.keyword).and_then(few_digits);
            let (digits, places) = own.map_or((0, LONG), |(digits, places)| (digits, u64::from(places)));
            self.asks(
                Call::Compare,
                &[],
                &[u64::from(row.node.0), row.at as u64, digits.cast_unsigned(), places],
            );
        }
        end
    }

    /// A number: digit by digit as long as it has few before the point and no exponent, else by Rust.
    fn digits(&mut self, at: Value, (any, places): (bool, u32), rows: &[Row<'p>]) -> Value {
        let [head, over, behind, slow, read, done] = [(); 6].map(|()| self.b.create_block());
        self.b.set_cold_block(slow);
        let place = self.b.append_block_param(head, types::I64);
        let sum = self.b.append_block_param(head, types::I64);
        let [behind_number, cut, rest] = [(); 3].map(|()| self.b.append_block_param(read, types::I64));
        let end = self.b.append_block_param(done, types::I64);
        let zero = self.word(0);
        let first = self.byte(at);
        let negative = self.is(IntCC::Equal, first, i64::from(b'-'));
        let sign = self.b.ins().uextend(types::I64, negative);
        let start = self.b.ins().iadd(at, sign);
        self.jump(head, &[start, zero]);

        self.b.switch_to_block(head);
        let (byte, unit, is_digit) = self.digit(place, slow);
        let more = self.tenfold(sum, unit);
        let next = self.b.ins().iadd_imm_s(place, 1);
        let arguments = [next, more].map(BlockArg::Value);
        self.b.ins().brif(is_digit, head, &arguments, over, &[]);

        // Not too many digits, at least one, and the first is a zero only where it is alone.
        self.b.switch_to_block(over);
        let length = self.b.ins().isub(place, start);
        let further = self.b.ins().iadd_imm_s(length, -1);
        let few = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, further, i64::from(DIGITS - places));
        let first = self.load(types::I8, start, 0);
        let usual = self.is(IntCC::NotEqual, first, i64::from(b'0'));
        let alone = self.is(IntCC::Equal, further, 0);
        let usual = self.b.ins().bor(usual, alone);
        let whole = self.b.ins().band(few, usual);
        self.b.ins().brif(whole, behind, &[], slow, &[]);

        self.b.switch_to_block(behind);
        let point = self.is(IntCC::Equal, byte, i64::from(b'.'));
        if any {
            let [fraction, integer] = [(); 2].map(|()| self.b.create_block());
            self.b.ins().brif(point, fraction, &[], integer, &[]);
            self.b.switch_to_block(fraction);
            self.fraction((start, next, sum), places, (slow, read));
            self.b.switch_to_block(integer);
        }
        let exponent = self.exponent(byte);
        let goes_on = if any { exponent } else { self.b.ins().bor(point, exponent) };
        let cut_there = self.shifted(sum, places);
        let arguments = [place, cut_there, zero].map(BlockArg::Value);
        self.b.ins().brif(goes_on, slow, &[], read, &arguments);

        self.b.switch_to_block(read);
        let number = Number { negative, cut, rest };
        for bound in rows.iter().flat_map(|row| bounds(row.keyword, places)) {
            self.bound(bound, &number);
        }
        self.jump(done, &[behind_number]);
        self.b.switch_to_block(slow);
        let behind_number = self.number_by_rust(at, any, rows);
        self.jump(done, &[behind_number]);
        self.b.switch_to_block(done);
        end
    }

    /// Digits behind a point: as many as bounds have become part of the number, of the others it is noted that they are there.
    fn fraction(
        &mut self,
        (start, first, sum): (Value, Value, Value),
        places: u32,
        (slow, read): (Block, Block),
    ) {
        let [further, over] = [(); 2].map(|()| self.b.create_block());
        let [place, rest] = [(); 2].map(|()| self.b.append_block_param(further, types::I64));
        let [end, cut, left] = [(); 3].map(|()| self.b.append_block_param(over, types::I64));
        let byte_behind = self.b.append_block_param(over, types::I64);
        let zero = self.word(0);
        let (mut at, mut sum) = (first, sum);
        for missing in (1..=places).rev() {
            let [more, ends] = [(); 2].map(|()| self.b.create_block());
            let (byte, unit, is_digit) = self.digit(at, slow);
            self.b.ins().brif(is_digit, more, &[], ends, &[]);
            self.b.switch_to_block(ends);
            let cut = self.shifted(sum, missing);
            self.jump(over, &[at, cut, zero, byte]);
            self.b.switch_to_block(more);
            sum = self.tenfold(sum, unit);
            at = self.b.ins().iadd_imm_s(at, 1);
        }
        self.jump(further, &[at, zero]);

        self.b.switch_to_block(further);
        let (byte, unit, is_digit) = self.digit(place, slow);
        let next = self.b.ins().iadd_imm_s(place, 1);
        let more = self.b.ins().bor(rest, unit);
        let again = [next, more].map(BlockArg::Value);
        let ends = [place, sum, rest, byte].map(BlockArg::Value);
        self.b.ins().brif(is_digit, further, &again, over, &ends);

        // At least one digit, and no exponent.
        self.b.switch_to_block(over);
        let none = self.b.ins().icmp(IntCC::Equal, end, first);
        let length = self.b.ins().isub(end, start);
        let long = self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, length, SHORT);
        let exponent = self.exponent(byte_behind);
        let other = self.b.ins().bor(none, long);
        let other = self.b.ins().bor(other, exponent);
        let arguments = [end, cut, left].map(BlockArg::Value);
        self.b.ins().brif(other, slow, &[], read, &arguments);
    }

    /// The byte there, which is in the text unless `slow` follows; what it is as a digit, and whether it is one.
    fn digit(&mut self, at: Value, slow: Block) -> (Value, Value, Value) {
        let there = self.b.create_block();
        let inside = self.b.ins().icmp(IntCC::UnsignedLessThan, at, self.end);
        self.b.ins().brif(inside, there, &[], slow, &[]);
        self.b.switch_to_block(there);
        let byte = self.load(types::I8, at, 0);
        let byte = self.b.ins().uextend(types::I64, byte);
        let unit = self.b.ins().iadd_imm_s(byte, -i64::from(b'0'));
        let is_digit = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, unit, 10);
        (byte, unit, is_digit)
    }

    fn tenfold(&mut self, sum: Value, unit: Value) -> Value {
        let tenfold = self.b.ins().imul_imm_s(sum, 10);
        self.b.ins().iadd(tenfold, unit)
    }

    fn shifted(&mut self, sum: Value, places: u32) -> Value {
        self.b.ins().imul_imm_s(sum, 10_i64.saturating_pow(places))
    }

    fn exponent(&mut self, byte: Value) -> Value {
        let small = self.b.ins().bor_imm_s(byte, 0x20);
        self.is(IntCC::Equal, small, i64::from(b'e'))
    }

    fn bound(&mut self, bound: Bound, number: &Number) {
        let cut_off = self.is(IntCC::NotEqual, number.rest, 0);
        let (up, code, limit) = match bound {
            Bound::Floor(code, limit) => (number.negative, code, limit),
            Bound::Ceiling(code, limit) => {
                let positive = self.is(IntCC::Equal, number.negative, 0);
                (positive, code, limit)
            }
            Bound::Multiple(divisor) => {
                self.refuse(cut_off);
                if divisor > 1 {
                    let divisor = self.word(divisor);
                    let rest = self.b.ins().urem(number.cut, divisor);
                    self.refuse(rest);
                }
                return;
            }
        };
        let one = self.b.ins().band(cut_off, up);
        let one = self.b.ins().uextend(types::I64, one);
        let size = self.b.ins().iadd(number.cut, one);
        let below = self.b.ins().ineg(size);
        let value = self.b.ins().select(number.negative, below, size);
        let limit = self.word(limit);
        let outside = self.b.ins().icmp(code, value, limit);
        self.refuse(outside);
    }
}

/// Whether a keyword speaks of numbers.
fn asks(keyword: &Keyword) -> bool {
    match keyword {
        Keyword::Format(format) => format.is_numeric(),
        keyword => limit(keyword).is_some(),
    }
}

/// The number that a keyword compares with.
fn limit(keyword: &Keyword) -> Option<&str> {
    match keyword {
        Keyword::Minimum(text)
        | Keyword::Maximum(text)
        | Keyword::ExclusiveMinimum(text)
        | Keyword::ExclusiveMaximum(text)
        | Keyword::MultipleOf(text) => Some(text),
        _ => None,
    }
}

/// A number as its digits and how many of them are behind the point, where they are few and there is no exponent.
fn few_digits(text: &str) -> Option<(i64, u32)> {
    scan::number(text.as_bytes(), 0)?.short
}

/// The same with the fewest places of an integer, however it is written.
fn decimal(text: &str) -> Option<(i64, u32)> {
    let integer = Decimal::parse(text).and_then(|number| number.to_i64());
    integer.map(|number| (number, 0)).or_else(|| few_digits(text))
}

/// How many places a keyword's number has; none where they or its digits are too many.
fn places(keyword: &Keyword) -> Option<u32> {
    limit(keyword).map_or(Some(0), |text| Some(decimal(text)?.1))
}

/// What a keyword says of numbers of few digits, once they have so many places.
fn bounds(keyword: &Keyword, places: u32) -> Vec<Bound> {
    let one = 10_i64.saturating_pow(places);
    // What does not fit is beyond all numbers of few digits, however far.
    let scaled = |text| {
        let (digits, own) = decimal(text).unwrap_or_default();
        digits.saturating_mul(10_i64.saturating_pow(places.saturating_sub(own)))
    };
    match keyword {
        Keyword::Minimum(text) => vec![Bound::Floor(IntCC::SignedLessThan, scaled(text))],
        Keyword::Maximum(text) => vec![Bound::Ceiling(IntCC::SignedGreaterThan, scaled(text))],
        Keyword::ExclusiveMinimum(text) => {
            vec![Bound::Ceiling(IntCC::SignedLessThanOrEqual, scaled(text))]
        }
        Keyword::ExclusiveMaximum(text) => {
            vec![Bound::Floor(IntCC::SignedGreaterThanOrEqual, scaled(text))]
        }
        Keyword::MultipleOf(text) => vec![Bound::Multiple(scaled(text))],
        Keyword::Format(Format::Int32) => vec![
            Bound::Floor(IntCC::SignedLessThan, i64::from(i32::MIN).saturating_mul(one)),
            Bound::Ceiling(IntCC::SignedGreaterThan, i64::from(i32::MAX).saturating_mul(one)),
            Bound::Multiple(one),
        ],
        // Eighteen digits fit 64 bits.
        Keyword::Format(Format::Int64) => vec![Bound::Multiple(one)],
        // Eighteen digits are in the range of either.
        _ => Vec::new(),
    }
}
