//! What expressions ask of the world.

use shield_ir::FieldId;

use crate::value::Value;

/// What is known of a token that a request may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Token {
    /// There is none.
    Absent,
    /// There is one, and it does not pass.
    Present,
    /// There is one, and it passes.
    Valid,
}

/// Facts of one exchange; the same question always has the same answer within one phase.
pub trait Facts {
    /// A field's value.
    fn field(&self, field: FieldId) -> Option<Value<'_>>;

    /// The value of a name that only this evaluation knows, by its place in `Program::declared`.
    fn declared(&self, index: u32) -> Option<Value<'_>>;

    /// The state of the token of that configuration.
    fn token(&self, name: &[u8]) -> Token;
}
