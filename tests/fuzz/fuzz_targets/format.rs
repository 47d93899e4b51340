//! Any text laid out: the same again when repeated, the same meaning.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shield_compiler::format::format;
use shield_compiler::parse;
use shield_compiler::source::FileId;

fuzz_target!(|text: &str| {
    let Ok(laid_out) = format(text) else { return };
    let outline = |text: &str| parse::file(FileId(0), text, &mut Vec::new()).outline();
    assert_eq!(outline(&laid_out), outline(text));
    assert_eq!(format(&laid_out), Ok(laid_out));
});
