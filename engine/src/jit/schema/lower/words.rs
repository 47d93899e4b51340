//! Strings against lists of strings: by the word that tells them apart, then whole.

use std::collections::BTreeMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder as _, Value, types};
use cranelift_frontend::Switch;

use super::super::calls::Call;
use super::super::checks::lengths;
use super::super::scan;
use super::{Lower, field};

/// So many strings are compared one after the other.
const FEW: usize = 6;

/// Where the code goes on, for each string, with the place behind it; and where it is none of them.
pub(super) struct Matching {
    pub(super) hits: Vec<(Block, Value)>,
    pub(super) miss: (Block, Value),
}

/// A string that is compared: in the input, or as Rust wrote it.
#[derive(Clone, Copy)]
struct Candidate {
    start: Value,
    /// The place behind it, where Rust found it; else 0.
    behind: Value,
}

impl Lower<'_, '_> {
    /// Finds out which string stands at a quote. The strings are given as they are usually written, with what follows.
    pub(super) fn matching(&mut self, at: Value, texts: &[Vec<u8>], name: bool) -> Matching {
        if texts.is_empty() {
            return self.none_matches(at);
        }
        let window = texts.iter().map(Vec::len).max().unwrap_or_default().max(8);
        let [compare, slow, none, miss] = [(); 4].map(|()| self.b.create_block());
        self.b.set_cold_block(slow);
        let start = self.b.append_block_param(compare, types::I64);
        let behind = self.b.append_block_param(compare, types::I64);
        let inside = self.b.ins().iadd_imm_s(at, 1);
        let limit = self.b.ins().iadd_imm_s(inside, window as i64);
        let fits = self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, limit, self.end);
        let zero = self.word(0);
        let arguments = [BlockArg::Value(inside), BlockArg::Value(zero)];
        self.b.ins().brif(fits, compare, &arguments, slow, &[]);

        // With escapes, or with white space behind, or near the end, or another one altogether.
        self.b.switch_to_block(slow);
        let lengths = texts.iter().fold(0, |all, text| all | lengths(characters(text, name)));
        let [least, is_name, lengths] =
            [window as i64, i64::from(name), lengths.cast_signed()].map(|word| self.word(word));
        let end = self.checked(Call::Usual, &[at, least, is_name, lengths]);
        let written = self.field(field!(text));
        self.jump(compare, &[written, end]);

        self.b.switch_to_block(compare);
        let candidate = Candidate { start, behind };
        let mut hits: Vec<Option<(Block, Value)>> = vec![None; texts.len()];
        for group in self.groups(start, texts, none) {
            self.group(candidate, texts, (&group.1, group.0), (&mut hits, none));
        }
        self.b.switch_to_block(none);
        self.b.ins().brif(behind, miss, &[], slow, &[]);
        Matching { hits: hits.into_iter().flatten().collect(), miss: (miss, behind) }
    }

    /// A name where no keyword says any.
    fn none_matches(&mut self, at: Value) -> Matching {
        let behind = self.checked(Call::Name, &[at]);
        let miss = self.b.create_block();
        self.b.ins().jump(miss, &[]);
        Matching { hits: Vec::new(), miss: (miss, behind) }
    }

    /// Tells strings apart by two of their bytes; answers with the block of each group.
    fn groups(&mut self, start: Value, texts: &[Vec<u8>], none: Block) -> Vec<(Block, Vec<usize>)> {
        let least = texts.iter().map(Vec::len).min().unwrap_or_default();
        let best = if texts.len() > FEW && least >= 2 {
            (0..=least - 2).map(|at| (at, by_two_bytes(texts, at))).min_by_key(|(_, groups)| {
                let largest = groups.values().map(Vec::len).max().unwrap_or_default();
                (largest, groups.len())
            })
        } else {
            None
        };
        let Some((at, groups)) = best else {
            let all = self.b.create_block();
            self.b.ins().jump(all, &[]);
            return vec![(all, (0..texts.len()).collect())];
        };
        let two = self.load(types::I16, start, at);
        let mut switch = Switch::new();
        let mut blocks = Vec::with_capacity(groups.len());
        for (bytes, members) in groups {
            let block = self.b.create_block();
            switch.set_entry(u128::from(bytes), block);
            blocks.push((block, members));
        }
        switch.emit(&mut self.b, two, none);
        blocks
    }

    /// Compares with the strings of a group, one after the other.
    fn group(
        &mut self,
        candidate: Candidate,
        texts: &[Vec<u8>],
        (members, block): (&[usize], Block),
        (hits, none): (&mut [Option<(Block, Value)>], Block),
    ) {
        self.b.switch_to_block(block);
        let word = self.load(types::I64, candidate.start, 0);
        for member in members {
            let (Some(text), Some(place)) = (texts.get(*member), hits.get_mut(*member)) else { continue };
            let [rest, hit, next] = [(); 3].map(|()| self.b.create_block());
            let place_behind = self.b.append_block_param(hit, types::I64);
            let same = self.same_start(word, text);
            self.b.ins().brif(same, rest, &[], next, &[]);
            self.b.switch_to_block(rest);
            let direct = self.b.ins().iadd_imm_s(candidate.start, text.len() as i64);
            let behind = self.b.ins().select(candidate.behind, candidate.behind, direct);
            if text.len() > 8 {
                let same = self.same_tail(candidate.start, text);
                self.b.ins().brif(same, hit, &[BlockArg::Value(behind)], next, &[]);
            } else {
                self.jump(hit, &[behind]);
            }
            *place = Some((hit, place_behind));
            self.b.switch_to_block(next);
        }
        self.b.ins().jump(none, &[]);
    }

    /// Whether a word starts with a text, or with its first eight bytes.
    fn same_start(&mut self, word: Value, text: &[u8]) -> Value {
        let wanted = self.word(first_word(text));
        let masked = match text.len() {
            0..8 => {
                let mask = self.word((1_i64 << (8 * text.len())) - 1);
                self.b.ins().band(word, mask)
            }
            _ => word,
        };
        self.b.ins().icmp(IntCC::Equal, masked, wanted)
    }

    /// Whether the bytes behind the first eight of a longer text are its own.
    fn same_tail(&mut self, start: Value, text: &[u8]) -> Value {
        let mut same = None;
        let last = text.len().saturating_sub(8);
        for at in (8..last).step_by(8).chain([last]) {
            let found = self.load(types::I64, start, at);
            let wanted = self.word(first_word(text.get(at..).unwrap_or_default()));
            let equal = self.b.ins().icmp(IntCC::Equal, found, wanted);
            same = Some(same.map_or(equal, |same| self.b.ins().band(same, equal)));
        }
        same.unwrap_or(start)
    }

    /// Goes on where a text stands, after a comma and at most one blank where `comma` says so, else at `no`; the place
    /// behind it.
    pub(super) fn stands(&mut self, (at, text): (Value, &[u8]), comma: bool, no: Block) -> Value {
        let [compare, right] = [(); 2].map(|()| self.b.create_block());
        let before = if comma { 2 } else { 0 };
        let limit = self.b.ins().iadd_imm_s(at, before + text.len().max(8) as i64);
        let fits = self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, limit, self.end);
        self.b.ins().brif(fits, compare, &[], no, &[]);
        self.b.switch_to_block(compare);
        let mut start = at;
        if comma {
            let [first, second] = [0, 1].map(|offset| self.load(types::I8, at, offset));
            let more = self.is(IntCC::Equal, first, i64::from(b','));
            let blank = self.is(IntCC::Equal, second, i64::from(b' '));
            let blank = self.b.ins().uextend(types::I64, blank);
            start = self.b.ins().iadd(at, blank);
            start = self.b.ins().iadd_imm_s(start, 1);
            let name = self.b.create_block();
            self.b.ins().brif(more, name, &[], no, &[]);
            self.b.switch_to_block(name);
        }
        let word = self.load(types::I64, start, 0);
        let mut same = self.same_start(word, text);
        if text.len() > 8 {
            let rest = self.b.create_block();
            self.b.ins().brif(same, rest, &[], no, &[]);
            self.b.switch_to_block(rest);
            same = self.same_tail(start, text);
        }
        self.b.ins().brif(same, right, &[], no, &[]);
        self.b.switch_to_block(right);
        self.b.ins().iadd_imm_s(start, text.len() as i64)
    }

    /// Whether a short text stands where as many bytes may be read.
    pub(super) fn same_bytes(&mut self, at: Value, text: &[u8]) -> Value {
        let mut same = self.b.ins().iconst(types::I8, 1);
        let mut place = 0;
        for (size, ty) in [(4, types::I32), (1, types::I8)] {
            while let Some(part) = text.get(place..place + size) {
                let found = self.load(ty, at, place);
                let found = self.b.ins().uextend(types::I64, found);
                let wanted = self.word(first_word(part));
                let equal = self.b.ins().icmp(IntCC::Equal, found, wanted);
                same = self.b.ins().band(same, equal);
                place += size;
            }
        }
        same
    }
}

/// How many characters a string says that is written as usual, with what follows.
fn characters(text: &[u8], name: bool) -> usize {
    let raw = text.get(..text.len() - if name { 2 } else { 1 }).unwrap_or_default();
    String::from_utf8_lossy(scan::unescaped(raw, &mut Vec::new())).chars().count()
}

/// The first eight bytes as a word; zeros where there are fewer.
fn first_word(text: &[u8]) -> i64 {
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(text).for_each(|(place, byte)| *place = *byte);
    i64::from_le_bytes(bytes)
}

fn by_two_bytes(texts: &[Vec<u8>], at: usize) -> BTreeMap<u16, Vec<usize>> {
    let mut groups: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
    for (number, text) in texts.iter().enumerate() {
        if let Some([a, b]) = text.get(at..at + 2) {
            groups.entry(u16::from_le_bytes([*a, *b])).or_default().push(number);
        }
    }
    groups
}
