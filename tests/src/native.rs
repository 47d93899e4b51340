//! Native validators beside the interpreter: the same verdict on every text, or the test that asks fails.

use shield_engine::schema::{Native, Validators, Verdict, json};
use shield_ir::schema::{Direction, NodeId};

/// How many beginnings of a text are judged too.
const BEGINNINGS: usize = 64;

/// A schema judged by both.
#[derive(Debug)]
pub struct Both<'v> {
    validators: &'v Validators,
    node: NodeId,
    native: Option<Native>,
}

impl<'v> Both<'v> {
    /// Makes native code for a schema.
    pub fn new(validators: &'v Validators, node: NodeId) -> Self {
        let native = validators.native(node, Direction::Both).expect("code can be made");
        Self { validators, node, native }
    }

    /// Whether there is native code, and not only the interpreter.
    pub fn is_native(&self) -> bool {
        self.native.is_some()
    }

    /// Whether a text is valid; none where the work exceeds the bound.
    ///
    /// # Panics
    /// Where the two say different things.
    pub fn judge(&self, text: &[u8]) -> Option<bool> {
        let interpreted = match json::parse(text) {
            Err(_) => Some(false),
            Ok(document) => self.validators.is_valid(self.node, &document).ok(),
        };
        let Some(native) = &self.native else { return interpreted };
        self.judge_beginnings(native, text, interpreted);
        // Alone in its memory, so that a tool that watches memory sees a read behind the end.
        let alone: Box<[u8]> = text.into();
        let said = match self.validators.judge(native, &alone) {
            Verdict::Valid => Some(true),
            Verdict::Invalid => Some(false),
            Verdict::Exhausted => None,
        };
        if let (Some(said), Some(interpreted)) = (said, interpreted) {
            let text = String::from_utf8_lossy(text);
            assert_eq!(said, interpreted, "of {text} by {}\n{}", self.node, self.validators.plan());
        }
        interpreted
    }

    /// What is refused by its beginning stays so, and is invalid in the end.
    fn judge_beginnings(&self, native: &Native, text: &[u8], valid: Option<bool>) {
        let all = 0..text.len().min(BEGINNINGS);
        let beginnings = all.map(|end| self.validators.refuses(native, &Box::<[u8]>::from(&text[..end])));
        let refused: Vec<bool> = beginnings.collect();
        if let Some(first) = refused.iter().position(|refused| *refused) {
            let shown = String::from_utf8_lossy(&text[..first]);
            assert!(
                refused[first..].iter().all(|refused| *refused),
                "{shown} is refused, but not all that follows"
            );
            assert_ne!(valid, Some(true), "{shown} is refused\n{}", self.validators.plan());
        }
    }
}
