//! What validators and Rust share: a cursor over bytes, with what helpers leave for generated code.
//!
//! Generated code reads and writes the fields before [`Cursor::input`] at their offsets, and reads bytes from the place it
//! is called with up to [`Cursor::end`], or of [`Cursor::text`] where a helper said how many there are.

use std::cell::Cell;
#[expect(clippy::disallowed_types, reason = "it is never iterated")]
use std::collections::HashMap;
use std::ops::Range;

use shield_ir::schema::Direction;

use crate::schema::Validators;
use crate::schema::json::MAX_DEPTH;

use super::names::{Name, Names};
use super::scan::{self, Number, Text};

/// One judgement of one text. Places are addresses of its bytes; 0 says that the text is not valid.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Cursor<'c> {
    /// Behind the last byte.
    pub(super) end: usize,
    /// How many more arrays and objects may be opened, one in the other.
    pub(super) depth: u64,
    /// How many more branches may be tried, one in the other.
    pub(super) nest: u64,
    /// How many branches are being tried, one in the other.
    pub(super) tries: u64,
    /// 1 where something was looked for behind the end: with more of the text, the answer may be another.
    pub(super) short: u64,
    /// Work that is left; none is below zero.
    pub(super) fuel: i64,
    /// How many names of objects that are open are kept.
    pub(super) names: u64,
    /// Where what the last string says starts, 0 where it has escapes; or where the scratch has it as it is usually written.
    pub(super) text: usize,
    /// How many bytes it takes as it stands.
    pub(super) length: u64,
    /// How many characters it has.
    pub(super) characters: u64,
    /// Whether the last number has no fraction.
    pub(super) integral: u64,
    /// What follows is Rust's alone.
    pub(super) input: &'c [u8],
    pub(super) validators: &'c Validators,
    pub(super) direction: Direction,
    /// Where the last number starts, and what it is.
    pub(super) last_number: (usize, Option<(i64, u32)>),
    /// Where the last string that was read by Rust stands.
    pub(super) last_string: Range<usize>,
    /// The name that was read last.
    pub(super) name: Name,
    pub(super) scratch: &'c mut Scratch,
}

/// Memory that judgements use one after the other, so that none of them allocates.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// What a string with escapes says, while it is asked for.
    pub(super) text: Vec<u8>,
    /// A string as generated code compares it: every escape in its one usual form, and zeros behind.
    pub(super) usual: Vec<u8>,
    /// How many names were kept when each array or object was opened that is being skipped.
    pub(super) open: Vec<u64>,
    pub(super) names: Names,
    /// The places behind values that were judged by a node inside branches, by node and place; 0 where it does not hold.
    #[expect(clippy::disallowed_types, reason = "it is never iterated")]
    pub(super) known: HashMap<(u64, usize), usize>,
}

/// How many branches may be tried, one in the other.
const MAX_NEST: u64 = 512;

/// Work that every text may take, and how much more for each byte.
const FUEL: (i64, i64) = (200_000, 4);

/// Scratch that is kept for the next judgement.
const KEPT: usize = 64 << 10;

/// So many judgements inside branches are known at once, and so many may be for the next judgement.
const KNOWN: (usize, usize) = (1 << 16, 1 << 10);

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl<'c> Cursor<'c> {
    pub(super) fn new(
        input: &'c [u8],
        (validators, direction): (&'c Validators, Direction),
        scratch: &'c mut Scratch,
    ) -> Self {
        let bytes = i64::try_from(input.len()).unwrap_or(i64::MAX);
        Self {
            end: input.as_ptr().expose_provenance() + input.len(),
            depth: MAX_DEPTH as u64,
            nest: MAX_NEST,
            tries: 0,
            short: 0,
            fuel: FUEL.0.saturating_add(bytes.saturating_mul(FUEL.1)),
            names: 0,
            text: 0,
            length: 0,
            characters: 0,
            integral: 0,
            input,
            validators,
            direction,
            last_number: (0, None),
            last_string: 0..0,
            name: Name::default(),
            scratch,
        }
    }

    /// The address of the first byte.
    pub(super) fn start(&self) -> usize {
        self.input.as_ptr().addr()
    }

    /// The place of an address in the input.
    pub(super) fn place(&self, address: usize) -> usize {
        address.wrapping_sub(self.start())
    }

    pub(super) fn burn(&mut self, amount: usize) {
        self.fuel -= amount.cast_signed() as i64;
    }

    /// The byte at a place; that it is not there yet is noted, here and below.
    #[inline]
    pub(super) fn byte(&mut self, at: usize) -> Option<u8> {
        if let Some(byte) = self.input.get(at) { Some(*byte) } else { self.ends() }
    }

    /// The next byte that is not white space, and its place.
    #[inline]
    pub(super) fn token(&mut self, at: usize) -> Option<(usize, u8)> {
        match self.input.get(at..) {
            Some([byte @ 0x21..=0xff, ..]) => Some((at, *byte)),
            Some([b' ', byte @ 0x21..=0xff, ..]) => Some((at + 1, *byte)),
            _ => self.far_token(at),
        }
    }

    fn far_token(&mut self, at: usize) -> Option<(usize, u8)> {
        let at = scan::space(self.input, at);
        Some((at, self.byte(at)?))
    }

    #[cold]
    fn ends<T>(&mut self) -> Option<T> {
        self.short = 1;
        None
    }

    /// Reads a string whose opening quote is before `start`.
    #[inline]
    pub(super) fn string(&mut self, start: usize) -> Option<Text> {
        if let Some(text) = scan::string(self.input, start) { Some(text) } else { self.string_fails(start) }
    }

    #[cold]
    fn string_fails<T>(&mut self, start: usize) -> Option<T> {
        if scan::closes(self.input, start) { None } else { self.ends() }
    }

    /// Reads a number, which may go on behind the end.
    pub(super) fn number(&mut self, start: usize) -> Option<Number> {
        let number = scan::number(self.input, start);
        self.number_goes_on(start, number.map(|number| number.end));
        number
    }

    /// The place behind a number, which may go on behind the end.
    pub(super) fn number_end(&mut self, start: usize) -> Option<usize> {
        let end = scan::number_end(self.input, start);
        self.number_goes_on(start, end);
        end
    }

    fn number_goes_on(&mut self, start: usize, end: Option<usize>) {
        let end = end.unwrap_or_else(|| start + scan::number_text(self.input, start).len());
        if end == self.input.len() {
            self.short = 1;
        }
    }

    /// The place behind a word that stands at a place.
    pub(super) fn word(&mut self, at: usize, word: &[u8]) -> Option<usize> {
        let rest = self.input.get(at..).unwrap_or_default();
        if rest.len() < word.len() {
            return self.ends();
        }
        rest.starts_with(word).then_some(at + word.len())
    }

    /// Keeps what was found out about a place by a node, unless the work is spent.
    pub(super) fn learn(&mut self, node: u64, place: usize, found: usize) {
        let known = &mut self.scratch.known;
        if self.fuel >= 0 {
            if known.len() >= KNOWN.0 {
                known.clear();
            }
            known.insert((node, place), found);
        }
    }
}

/// Runs `work` with the thread's scratch; work inside work gets one of its own.
pub(super) fn with<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = SCRATCH.take().unwrap_or_default();
    let done = work(&mut scratch);
    scratch.names.shrink();
    if !scratch.known.is_empty() {
        scratch.known.clear();
        scratch.known.shrink_to(KNOWN.1);
    }
    for text in [&mut scratch.text, &mut scratch.usual] {
        if text.capacity() > KEPT {
            *text = Vec::new();
        }
    }
    SCRATCH.set(Some(scratch));
    done
}
