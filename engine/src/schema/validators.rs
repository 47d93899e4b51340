//! A plan with its patterns and constants made ready: what validation runs on.

use regex_automata::Input;
use regex_automata::dfa::dense::{self, DFA};
use regex_automata::dfa::{Automaton as _, StartKind};
use regex_automata::meta::Regex;
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use shield_ir::operation::Location;
use shield_ir::schema::{Direction, MAX_AUTOMATON_BYTES, NodeId, PatternId, Plan, PlanError, ValueId};

use super::fixed::Fixed;
use super::interp::{Exhausted, Subject};
use super::json;
use super::value::{Document, Ix, Value};
use super::violation::Violation;
use crate::jit::JitError;
use crate::jit::schema::{Native, Natives, Verdict};

/// How large the automaton of a pattern is at most, in bytes, that is made as a table.
const SMALL_AUTOMATON: usize = 32 << 10;

/// A verified plan, ready to judge.
#[derive(Debug)]
pub struct Validators {
    plan: Plan,
    patterns: Vec<Pattern>,
    values: Vec<Document<'static>>,
    natives: Natives,
}

/// A regular expression, ready to be asked whether it matches.
#[derive(Debug)]
enum Pattern {
    /// One of a plain shape.
    Fixed(Fixed),
    /// One whose automaton is small: a table look-up for each byte.
    Small(Box<DFA<Vec<u32>>>),
    /// Any other.
    Any(Regex),
}

impl Pattern {
    fn new(text: &str) -> Option<Self> {
        if let Some(fixed) = Fixed::of(text) {
            return Some(Self::Fixed(fixed));
        }
        let config = DFA::config()
            .start_kind(StartKind::Unanchored)
            .dfa_size_limit(Some(SMALL_AUTOMATON))
            .determinize_size_limit(Some(4 * SMALL_AUTOMATON));
        let nfa = thompson::Config::new().utf8(false).nfa_size_limit(Some(8 * SMALL_AUTOMATON));
        let small = dense::Builder::new()
            .configure(config)
            .thompson(nfa)
            .syntax(syntax::Config::new().utf8(false))
            .build(text);
        small.map_or_else(|_| regex(text).map(Self::Any), |small| Some(Self::Small(Box::new(small))))
    }

    fn is_match(&self, text: &[u8]) -> bool {
        match self {
            Self::Fixed(fixed) => fixed.is_match(text),
            // It has no bytes at which it gives up: building one that needs them fails.
            Self::Small(small) => {
                small.try_search_fwd(&Input::new(text).earliest(true)).is_ok_and(|found| found.is_some())
            }
            Self::Any(regex) => regex.is_match(text),
        }
    }
}

/// Why a plan cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It breaks an invariant.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A regular expression does not build.
    #[error("pattern {0} of the schemas does not build")]
    Pattern(usize),
    /// A constant is not JSON.
    #[error("constant {0} of the schemas is not JSON")]
    Constant(usize),
}

impl Validators {
    /// Verifies a plan and makes it ready.
    pub fn load(plan: Plan) -> Result<Self, LoadError> {
        plan.verify()?;
        let patterns = plan
            .patterns
            .iter()
            .enumerate()
            .map(|(at, text)| Pattern::new(text).ok_or(LoadError::Pattern(at)));
        let patterns = patterns.collect::<Result<_, _>>()?;
        let values =
            plan.values.iter().enumerate().map(|(at, text)| constant(text).ok_or(LoadError::Constant(at)));
        let values = values.collect::<Result<_, _>>()?;
        Ok(Self { plan, patterns, values, natives: Natives::default() })
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether a JSON text that has been read satisfies a schema, in neither direction.
    pub fn is_valid(&self, node: NodeId, document: &Document<'_>) -> Result<bool, Exhausted> {
        self.subject(document).is_valid(node, document.root())
    }

    /// The same in a direction.
    pub(crate) fn is_valid_in(
        &self,
        node: NodeId,
        direction: Direction,
        document: &Document<'_>,
    ) -> Result<bool, Exhausted> {
        Subject { direction, ..self.subject(document) }.is_valid(node, document.root())
    }

    /// Native code for a schema; none where the interpreter has the whole of it.
    pub fn native(&self, node: NodeId, direction: Direction) -> Result<Option<Native>, JitError> {
        Ok(self.natives(&[node], direction)?.pop().flatten())
    }

    /// Native code for several schemas, all in one piece.
    pub(crate) fn natives(
        &self,
        nodes: &[NodeId],
        direction: Direction,
    ) -> Result<Vec<Option<Native>>, JitError> {
        self.natives.all(self, nodes, direction)
    }

    /// Native code for schemas as cranelift's text; none of those of which the interpreter has the whole.
    pub(crate) fn clif(&self, nodes: &[NodeId], direction: Direction) -> Result<String, JitError> {
        self.natives.clif(self, nodes, direction)
    }

    /// What native code that was made of these validators says of a JSON text.
    pub fn judge(&self, native: &Native, text: &[u8]) -> Verdict {
        native.judge(self, text)
    }

    /// Whether native code that was made of these validators refuses every text that begins like this.
    pub fn refuses(&self, native: &Native, beginning: &[u8]) -> bool {
        native.refuses(self, beginning)
    }

    /// All that is wrong with it.
    pub fn violations(&self, node: NodeId, document: &Document<'_>) -> Result<Vec<Violation>, Exhausted> {
        self.subject(document).list(node, document.root())
    }

    fn subject<'a>(&'a self, document: &'a Document<'a>) -> Subject<'a> {
        Subject {
            validators: self,
            document,
            direction: Direction::Both,
            location: Location::Body,
            prefix: "",
        }
    }

    /// Whether a pattern matches anywhere in a text.
    pub(crate) fn matches(&self, pattern: PatternId, text: impl AsRef<[u8]>) -> bool {
        self.patterns.get(pattern.0 as usize).is_some_and(|regex| regex.is_match(text.as_ref()))
    }

    /// A constant.
    pub(crate) fn value(&self, value: ValueId) -> Option<&Document<'static>> {
        self.values.get(value.0 as usize)
    }

    /// Whether the name of a member satisfies a schema, as a string.
    pub(crate) fn name_is_valid(&self, node: NodeId, name: &str, fuel: &mut u64) -> bool {
        let mut document = Document::new();
        let root: Ix = document.add(Value::String(name.into()));
        document.set_root(root);
        *fuel = fuel.saturating_sub(1);
        // A name is one value: its verdict takes bounded work, and what exceeds it exhausts the whole.
        self.is_valid(node, &document).unwrap_or_else(|Exhausted| {
            *fuel = 0;
            false
        })
    }
}

fn regex(text: &str) -> Option<Regex> {
    let config = Regex::config()
        .utf8_empty(false)
        .nfa_size_limit(Some(MAX_AUTOMATON_BYTES))
        .onepass_size_limit(Some(64 << 10))
        .hybrid_cache_capacity(1 << 20)
        .dfa_size_limit(Some(64 << 10));
    Regex::builder().configure(config).syntax(syntax::Config::new().utf8(false)).build(text).ok()
}

/// Reads a constant and lets it own its texts.
fn constant(text: &str) -> Option<Document<'static>> {
    let document = json::parse(text.as_bytes()).ok()?;
    Some(document.into_owned())
}
