//! The index plan: for each rule, what an index can ask for all rules at once.

use shield_ir::{Bundle, anchor};

/// Plans the index of a bundle; last, because it names operations.
pub(super) fn plan(bundle: &mut Bundle) {
    bundle.anchors = anchor::of_rules(bundle);
}
