//! What validators and Rust share: a cursor over bytes, with what helpers leave for generated code.
//!
//! Generated code reads and writes the fields before [`Cursor::input`] at their offsets, and reads bytes from the place it
//! is called with up to [`Cursor::end`], or of [`Cursor::text`] where a helper said how many there are.

use std::cell::Cell;

use shield_ir::schema::Direction;

use crate::schema::Validators;
use crate::schema::json::MAX_DEPTH;

use super::names::{Name, Names};
use super::scan::Number;

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
    /// Work that is left; none is below zero.
    pub(super) fuel: i64,
    /// How many names of objects that are open are kept.
    pub(super) names: u64,
    /// Where the last string that was read says what it says: in the input, or in the scratch where it has escapes.
    pub(super) text: usize,
    pub(super) length: u64,
    /// How many characters it has.
    pub(super) characters: u64,
    /// The last number: its digits where it is an integer and `plain`.
    pub(super) value: i64,
    pub(super) plain: u64,
    /// Whether it has no fraction.
    pub(super) integral: u64,
    /// What follows is Rust's alone.
    pub(super) input: &'c [u8],
    pub(super) validators: &'c Validators,
    pub(super) direction: Direction,
    /// Where the last number starts, and what it is.
    pub(super) number: (usize, Option<(i64, u32)>),
    /// The name that was read last.
    pub(super) name: Name,
    pub(super) scratch: &'c mut Scratch,
}

/// Memory that judgements use one after the other, so that none of them allocates.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// What a string with escapes says.
    pub(super) text: Vec<u8>,
    /// A string as generated code compares it: every escape in its one usual form, and zeros behind.
    pub(super) usual: Vec<u8>,
    pub(super) names: Names,
}

/// How many branches may be tried, one in the other.
const MAX_NEST: u64 = 512;

/// Work that every text may take, and how much more for each byte.
const FUEL: (i64, i64) = (200_000, 4);

/// Scratch that is kept for the next judgement.
const KEPT: usize = 64 << 10;

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
            fuel: FUEL.0.saturating_add(bytes.saturating_mul(FUEL.1)),
            names: 0,
            text: 0,
            length: 0,
            characters: 0,
            value: 0,
            plain: 0,
            integral: 0,
            input,
            validators,
            direction,
            number: (0, None),
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
        self.fuel = self.fuel.saturating_sub_unsigned(amount as u64);
    }

    /// Leaves a number for generated code.
    pub(super) fn leave(&mut self, start: usize, number: Number) {
        self.number = (start, number.short);
        self.integral = u64::from(number.integral);
        let plain = number.short.filter(|(_, places)| *places == 0);
        self.plain = u64::from(plain.is_some());
        self.value = plain.unwrap_or_default().0;
    }
}

/// Runs `work` with the thread's scratch; work inside work gets one of its own.
pub(super) fn with<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = SCRATCH.take().unwrap_or_default();
    let done = work(&mut scratch);
    scratch.names.shrink();
    for text in [&mut scratch.text, &mut scratch.usual] {
        if text.capacity() > KEPT {
            *text = Vec::new();
        }
    }
    SCRATCH.set(Some(scratch));
    done
}
