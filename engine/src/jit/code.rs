//! Generated code as functions that Rust can call, and functions of Rust that generated code can call.
//!
//! *Safety argument.* This is the only module with `unsafe`.
//!
//! - Who owns the pages: [`Code`] owns the module, and the module owns the pages. They are writable while code is put in
//!   and executable afterwards, never both.
//! - Why no pointer outlives them: entries are private and called only through `&self`; nothing else keeps one.
//! - Why no call can be running when they are freed: `drop` has `&mut self`, so no `&self` is left.
//! - What generated code touches: `lower` makes it from verified operations. It reads the session and slots that it is
//!   called with at offsets of `repr(C)` fields, and strings whose address and length helpers gave it in the same call or
//!   that [`super::plan::Plan::texts`] owns; it writes nothing but its stack. A string that a helper gives stays where it is
//!   as long as the session: it belongs to the exchange or the policy, which are borrowed, to a list of the session, which
//!   only grows, or to an arena, whose chunks do not move; `passing` is cleared only where a loop begins, and no item of
//!   another loop is in use then, because a loop inside another is never generated.
//! - Validators read bytes only below [`Cursor::end`], which is behind the last byte of a slice that the cursor borrows: every
//!   read is behind a comparison with it. Of a text that a helper left at [`Cursor::text`] they read no more than they told
//!   the helper to have there, before they call another. Beside that they read and write fields of the cursor at offsets of
//!   `repr(C)` fields and their stack. They call functions of their own unit, of units that it keeps, and helpers that take
//!   places as numbers and read through the cursor's slice. Calls that nest are bounded by the cursor's `depth` and `nest`.
//! - A session is made only over at least as many slots as the plan of the code has ([`super::Jit::session`]).
//! - Slots are good for one generation. [`super::abi::Scratch::begin`] starts a new one whenever facts may change.

use std::mem::ManuallyDrop;
use std::sync::Arc;

use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::FuncId;

use super::abi::Session;
use super::helpers;
use super::schema::Cursor;

/// Generated code: whether the condition of that number holds.
type Entry = for<'r, 'x, 'a> extern "C" fn(&'r Session<'x, 'a>, u32) -> u64;

/// Generated code: the place behind a value that is valid, else 0.
type Validate = for<'r, 'c> extern "C" fn(&'r mut Cursor<'c>, usize) -> usize;

/// The pages of a module, freed in `drop`: a module would keep them for ever.
struct Pages(ManuallyDrop<JITModule>);

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the module is taken once, here, and not used afterwards.
        let module = unsafe { ManuallyDrop::take(&mut self.0) };
        // SAFETY: the entries into the pages are private to the owner of `self`, which is being dropped, and called only through
        // a reference to it.
        unsafe { module.free_memory() };
    }
}

/// Compiled conditions and the pages that they are in.
pub(super) struct Code {
    /// Only kept.
    _pages: Pages,
    entries: Vec<Entry>,
}

// SAFETY: after `new` nothing changes the module until `drop`, which has it alone; code reads only what it is called with.
unsafe impl Sync for Code {}
// SAFETY: the module's parts are `Send` themselves (its memory provider and symbol look-ups are boxed as `Send`, symbols and compiled
// functions are plain addresses), and pages belong to the process, not to a thread.
unsafe impl Send for Code {}

impl Code {
    /// Takes finished functions, each made with the signature of [`Entry`].
    pub(super) fn new(module: JITModule, functions: &[FuncId]) -> Self {
        let entry = |id: &FuncId| {
            let address = module.get_finalized_function(*id);
            // SAFETY: `lower` declares every function of `functions` with this signature and the host's C calling convention.
            unsafe { std::mem::transmute::<*const u8, Entry>(address) }
        };
        let entries = functions.iter().map(entry).collect();
        Self { _pages: Pages(ManuallyDrop::new(module)), entries }
    }

    /// Whether the condition `index` of function `at` holds.
    pub(super) fn holds(&self, at: u32, index: u32, session: &Session<'_, '_>) -> bool {
        self.entries.get(at as usize).is_some_and(|entry| entry(session, index) != 0)
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Code").field("functions", &self.entries.len()).finish_non_exhaustive()
    }
}

/// Compiled validators, the pages that they are in, and the units whose functions they call.
pub(super) struct Unit {
    _pages: Pages,
    entries: Vec<Validate>,
    /// Only kept: as long as this one, so that no call goes to pages that are freed.
    _needs: Vec<Arc<Self>>,
}

// SAFETY: as for `Code`.
unsafe impl Sync for Unit {}
// SAFETY: as for `Code`.
unsafe impl Send for Unit {}

impl Unit {
    /// Takes finished functions, each made with the signature of [`Validate`], and the units that they call.
    pub(super) fn new(module: JITModule, functions: &[FuncId], needs: Vec<Arc<Self>>) -> Self {
        let entry = |id: &FuncId| {
            let address = module.get_finalized_function(*id);
            // SAFETY: `Maker` declares every function with this signature and the host's C calling convention.
            unsafe { std::mem::transmute::<*const u8, Validate>(address) }
        };
        let entries = functions.iter().map(entry).collect();
        Self { _pages: Pages(ManuallyDrop::new(module)), entries, _needs: needs }
    }

    /// Where a function is, for units that keep this one.
    pub(super) fn address(&self, at: usize) -> usize {
        self.entries.get(at).map_or(0, |entry| *entry as usize)
    }

    /// The place behind a value that starts at a place of the cursor's text, or at its end; 0 where it is not valid.
    pub(super) fn judge(&self, at: usize, cursor: &mut Cursor<'_>, place: usize) -> usize {
        self.entries.get(at).map_or(0, |entry| entry(cursor, place))
    }
}

impl std::fmt::Debug for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unit").field("functions", &self.entries.len()).finish_non_exhaustive()
    }
}

/// Functions of Rust by the names that generated code calls them by, with the number of their 64-bit parameters.
pub(super) const SYMBOLS: [(&str, usize); 6] =
    [("fill", 2), ("test", 4), ("within", 3), ("order", 4), ("map", 4), ("next", 3)];

/// Tells a builder where they are.
pub(super) fn declare(builder: &mut JITBuilder) {
    builder.symbol("fill", fill as *const u8);
    builder.symbol("test", test as *const u8);
    builder.symbol("within", within as *const u8);
    builder.symbol("order", order as *const u8);
    builder.symbol("map", map as *const u8);
    builder.symbol("next", next as *const u8);
}

extern "C" fn fill(session: &Session<'_, '_>, at: u64) -> u64 {
    helpers::fill(session, at as u32);
    0
}

extern "C" fn test(session: &Session<'_, '_>, at: u64, text: *const u8, length: usize) -> u64 {
    // SAFETY: see `text`.
    let text = unsafe { bytes(text, length) };
    u64::from(helpers::test(session, at as u32, text))
}

extern "C" fn within(session: &Session<'_, '_>, set: u64, value: i64) -> u64 {
    u64::from(helpers::within(session, set as u32, value))
}

/// -1, 0 or 1.
extern "C" fn order(left: *const u8, left_length: usize, right: *const u8, right_length: usize) -> i64 {
    // SAFETY: see `text`.
    let left = unsafe { bytes(left, left_length) };
    // SAFETY: see `text`.
    let right = unsafe { bytes(right, right_length) };
    left.cmp(right) as i64
}

extern "C" fn map(session: &Session<'_, '_>, id: u64, text: *const u8, length: usize) -> u64 {
    // SAFETY: see `text`.
    let text = unsafe { bytes(text, length) };
    helpers::map(session, id as u32, text);
    0
}

extern "C" fn next(session: &Session<'_, '_>, source: u64, place: u64) -> u64 {
    helpers::next(session, source as u32, place)
}

/// The bytes that generated code names.
///
/// # Safety
/// Address and length are a pair that a helper gave in the same session or that the plan owns; generated code checks that the
/// address is not 0 before it passes one on.
const unsafe fn bytes<'t>(address: *const u8, length: usize) -> &'t [u8] {
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(address, length) }
}
