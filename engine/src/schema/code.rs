//! Native code of an operation's schemas, once it has been made.

use std::sync::{Arc, OnceLock};

use shield_ir::schema::{Direction, NodeId};

use super::validators::Validators;
use crate::jit::JitError;
use crate::jit::schema::{Native, Verdict};

/// The native code of one schema; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Code(Arc<OnceLock<Native>>);

impl Code {
    /// What it says of a text; nothing as long as there is none.
    pub(super) fn judge<T: AsRef<[u8]>>(
        &self,
        validators: &Validators,
        text: impl FnOnce() -> T,
    ) -> Option<Verdict> {
        self.0.get().map(|native| validators.judge(native, text().as_ref()))
    }

    /// Whether it refuses every text that begins like this.
    pub(super) fn refuses(&self, validators: &Validators, beginning: &[u8]) -> bool {
        self.0.get().is_some_and(|native| validators.refuses(native, beginning))
    }

    #[cfg(test)]
    pub(super) fn of(native: Native) -> Self {
        Self(Arc::new(OnceLock::from(native)))
    }
}

/// Makes native code for schemas that have none yet, all in one piece.
pub(super) fn compile(
    validators: &Validators,
    direction: Direction,
    schemas: &[(NodeId, &Code)],
) -> Result<(), JitError> {
    let missing = || schemas.iter().filter(|(_, code)| code.0.get().is_none());
    let nodes: Vec<NodeId> = missing().map(|(node, _)| *node).collect();
    let made = validators.natives(&nodes, direction)?;
    for ((_, code), native) in missing().zip(made) {
        if let Some(native) = native {
            // Of two threads that make the same code, one does so in vain.
            code.0.get_or_init(|| native);
        }
    }
    Ok(())
}
