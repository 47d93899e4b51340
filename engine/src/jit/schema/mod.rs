//! Validators as native code: one pass over the bytes of a JSON text, without a tree.
//!
//! `flat` puts together what holds for a value, `lower` writes it as cranelift IR, `maker` makes units of functions.
//! What code leaves to Rust goes through `calls`: reading where there is no short cut (`scan`, `skip`), checks that take
//! more than a few instructions, and whole nodes that only the interpreter can judge.

mod calls;
#[expect(clippy::wildcard_enum_match_arm, reason = "each reads the keywords of its own kind")]
mod checks;
mod cursor;
#[expect(clippy::wildcard_enum_match_arm, reason = "each reads the keywords of its own kind")]
mod flat;
#[expect(clippy::wildcard_enum_match_arm, reason = "each reads the keywords of its own kind")]
#[expect(clippy::cast_possible_wrap, reason = "offsets, lengths of names and numbers of members are small")]
mod lower;
mod maker;
mod names;
mod scan;
mod skip;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use shield_ir::schema::{Direction, NodeId, Plan};

pub(super) use cursor::Cursor;
use flat::{Key, Survey};
use maker::{Made, Maker};

use super::JitError;
use crate::schema::Validators;

pub use flat::Reason;

/// What native code says of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is well-formed and satisfies the schema.
    Valid,
    /// It is not; the interpreter says why.
    Invalid,
    /// The work would exceed the bound; the interpreter decides.
    Exhausted,
}

/// The functions that have been made from a plan.
#[derive(Debug, Default)]
pub(crate) struct Natives {
    survey: OnceLock<Survey>,
    made: Mutex<BTreeMap<Key, Made>>,
}

/// The native code of one schema in one direction.
#[derive(Clone, Debug)]
pub struct Native {
    made: Made,
    direction: Direction,
}

impl Natives {
    fn survey(&self, plan: &Plan) -> &Survey {
        self.survey.get_or_init(|| Survey::of(plan))
    }

    /// The code of schemas, made now unless it has been; none where the interpreter has the whole schema.
    pub(crate) fn all(
        &self,
        validators: &Validators,
        nodes: &[NodeId],
        direction: Direction,
    ) -> Result<Vec<Option<Native>>, JitError> {
        let keys = self.keys(validators.plan(), nodes, direction);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let missing: Vec<Key> =
            keys.iter().flatten().filter(|key| !made.contains_key(key)).cloned().collect();
        if !missing.is_empty() {
            let (unit, keys) =
                Maker::new(validators, self.survey(validators.plan()), &made)?.make(&missing)?;
            for (at, key) in keys.into_iter().enumerate() {
                made.insert(key, Made { unit: Arc::clone(&unit), at });
            }
        }
        let native = |key| made.get(&key).map(|made| Native { made: made.clone(), direction });
        Ok(keys.into_iter().map(|key| key.and_then(native)).collect())
    }

    /// The code of schemas as cranelift's text; none of those of which the interpreter has the whole.
    pub(crate) fn clif(
        &self,
        validators: &Validators,
        nodes: &[NodeId],
        direction: Direction,
    ) -> Result<String, JitError> {
        let keys: Vec<Key> = self.keys(validators.plan(), nodes, direction).into_iter().flatten().collect();
        Maker::new(validators, self.survey(validators.plan()), &BTreeMap::new())?.text(&keys)
    }

    /// What values of schemas are judged by; none where code cannot be entered.
    fn keys(&self, plan: &Plan, nodes: &[NodeId], direction: Direction) -> Vec<Option<Key>> {
        let survey = self.survey(plan);
        let key = |node: &NodeId| (!survey.is_dynamic(*node)).then(|| survey.key(plan, [*node], direction));
        nodes.iter().map(key).collect()
    }
}

impl Native {
    /// Judges a text by the schema that the code was made from; the validators are those that made it.
    pub(crate) fn judge(&self, validators: &Validators, text: &[u8]) -> Verdict {
        self.run(validators, text).0
    }

    /// Whether a text that begins like this is invalid, whatever follows: code that has not looked behind the end does
    /// the same where the text goes on.
    pub(crate) fn refuses(&self, validators: &Validators, beginning: &[u8]) -> bool {
        self.run(validators, beginning) == (Verdict::Invalid, false)
    }

    /// The verdict, and whether it may be another where the text goes on.
    fn run(&self, validators: &Validators, text: &[u8]) -> (Verdict, bool) {
        cursor::with(|scratch| {
            let mut cursor = Cursor::new(text, (validators, self.direction), scratch);
            let first = cursor.start() + scan::space(text, 0);
            let end = self.made.unit.judge(self.made.at, &mut cursor, first);
            let is_all = end != 0 && scan::space(text, cursor.place(end)) == text.len();
            let verdict = match end {
                0 if cursor.fuel < 0 => Verdict::Exhausted,
                _ if is_all => Verdict::Valid,
                _ => Verdict::Invalid,
            };
            (verdict, cursor.short != 0)
        })
    }
}

/// The nodes of a plan that the interpreter judges, and why.
pub fn interpreted(plan: &Plan) -> Vec<(NodeId, Reason)> {
    let nodes = (0_u32..).zip(&plan.nodes);
    nodes.filter_map(|(at, node)| Some((NodeId(at), flat::reason(&node.keywords)?))).collect()
}

#[cfg(test)]
mod tests;
