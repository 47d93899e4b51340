//! Hash-consing: interning is what every pass does; this one does nothing else.

use shield_ir::{Expr, Program};

use super::Rewrite;

pub(super) fn rewrite(_: &Expr, _: &Program) -> Rewrite {
    Rewrite::Keep
}
