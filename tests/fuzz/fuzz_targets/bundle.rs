//! Any bytes as a bundle: refused, or a bundle that says the same when encoded again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shield_ir::Bundle;

fuzz_target!(|bytes: &[u8]| {
    let Ok((bundle, _)) = Bundle::decode(bytes) else { return };
    assert_eq!(bundle.encode().bytes, bytes, "a bundle has one form");
});
