//! Strings and literals.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder as _, Value, types};
use shield_ir::schema::{Format, Keyword};

use super::super::calls::Call;
use super::super::flat::{Flat, Row};
use super::{Lower, field};
use crate::schema::format;
use crate::schema::json::write_usual;

/// A string longer than this is read by Rust.
const SHORT: i64 = 64;

/// How many bytes are looked at at once.
const LANES: i64 = 16;

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

    /// Reads a string: sixteen bytes at a time as long as it is short, plain and not at the end, from there on by Rust.
    /// Where nothing is asked of what it says, that is not found out.
    fn text(&mut self, at: Value, asked: bool) -> Text {
        let blocks = [(); 5].map(|()| self.b.create_block());
        let [head, look, found, slow, done] = blocks;
        self.b.set_cold_block(slow);
        let place = self.b.append_block_param(head, types::I64);
        let from = self.b.append_block_param(slow, types::I64);
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
        self.b.ins().brif(both, look, &[], slow, &[BlockArg::Value(place)]);

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
        self.b.ins().brif(closes, done, &arguments, slow, &[BlockArg::Value(quote)]);

        self.b.switch_to_block(slow);
        let behind = self.checked(if asked { Call::String } else { Call::AnyString }, &[at, from]);
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
                    Keyword::Format(kind) => kind.is_numeric() || format::string(*kind, text.as_bytes()),
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
}

/// A text as it is usually written, with something behind.
pub(super) fn usual(text: &str, behind: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_usual(text.as_bytes(), &mut out);
    out.extend_from_slice(behind);
    out
}
