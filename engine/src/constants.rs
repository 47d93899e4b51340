//! What a program's operations need made once: regular expressions, wildcard patterns, replacements.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex_automata::meta::{Config, Regex};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::util::syntax;
use shield_ir::wildcard::{Part, Pieces, replacement};
use shield_ir::{Builtin, Expr, ExprId, Literal, Program};

use crate::glob::Glob;

/// How large a compiled regular expression may be.
const REGEX_BYTES: usize = 10 << 20;

/// How large the cache of a lazily built automaton may grow, for each thread that uses it.
const CACHE_BYTES: usize = 2 << 20;

/// What one operation needs.
#[derive(Clone, Debug)]
pub enum Constant {
    /// For `matches`.
    Regex(Arc<Regex>),
    /// For `wildcard`.
    Wildcard(Glob),
    /// For `regex_replace`.
    RegexReplace(Arc<Regex>, Box<[Part]>),
    /// For `wildcard_replace`.
    WildcardReplace(Glob, Box<[Part]>),
}

/// The constants of a program, by operation.
#[derive(Clone, Debug, Default)]
pub struct Constants(BTreeMap<ExprId, Constant>);

/// An operation whose constant cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expression {}: {why}", at.0)]
pub struct ConstantError {
    /// The operation.
    pub at: ExprId,
    /// Why.
    pub why: String,
}

impl Constants {
    /// Makes the constants of a verified program; equal regular expressions are made once.
    pub fn of(program: &Program) -> Result<Self, ConstantError> {
        let mut regexes = Regexes::default();
        let mut constants = BTreeMap::new();
        for (at, node) in program.nodes.iter().enumerate() {
            let at = ExprId(at as u32);
            if let Some(constant) =
                regexes.constant(program, &node.expr).map_err(|why| ConstantError { at, why })?
            {
                constants.insert(at, constant);
            }
        }
        Ok(Self(constants))
    }

    /// The constant of an operation.
    pub fn get(&self, at: ExprId) -> Option<&Constant> {
        self.0.get(&at)
    }
}

#[derive(Default)]
struct Regexes<'p>(BTreeMap<(&'p str, bool), Arc<Regex>>);

impl<'p> Regexes<'p> {
    fn constant(&mut self, program: &'p Program, expr: &'p Expr) -> Result<Option<Constant>, String> {
        if let Expr::Matches { of: _, regex } = expr {
            return Ok(Some(Constant::Regex(self.regex(regex, false)?)));
        }
        if let Expr::Wildcard { of: _, pattern, strict } = expr {
            return Ok(Some(Constant::Wildcard(glob(pattern, *strict)?)));
        }
        let Expr::Call { builtin: builtin @ (Builtin::RegexReplace | Builtin::WildcardReplace), arguments } =
            expr
        else {
            return Ok(None);
        };
        let text = |at: usize| {
            let argument = arguments.get(at).and_then(|id| program.node(*id)).map(|node| &node.expr);
            let Some(Expr::Literal(Literal::String(text))) = argument else {
                return Err("a pattern that is no literal".to_owned());
            };
            Ok(&**text)
        };
        let parts = replacement(text(2)?).ok_or("a malformed replacement")?.into();
        Ok(Some(if *builtin == Builtin::RegexReplace {
            let pattern = std::str::from_utf8(text(1)?).map_err(|error| error.to_string())?;
            Constant::RegexReplace(self.regex(pattern, true)?, parts)
        } else {
            let strict = arguments.len() > 3 && text(3)?.contains(&b's');
            Constant::WildcardReplace(glob(text(1)?, strict)?, parts)
        }))
    }

    fn regex(&mut self, pattern: &'p str, groups: bool) -> Result<Arc<Regex>, String> {
        if let Some(regex) = self.0.get(&(pattern, groups)) {
            return Ok(Arc::clone(regex));
        }
        let captures = if groups { WhichCaptures::All } else { WhichCaptures::None };
        let made = Arc::new(regex(pattern, captures)?);
        self.0.insert((pattern, groups), Arc::clone(&made));
        Ok(made)
    }
}

fn glob(pattern: &[u8], strict: bool) -> Result<Glob, String> {
    Pieces::parse(pattern)
        .map(|pieces| Glob::new(&pieces, strict))
        .map_err(|_| "a malformed wildcard".to_owned())
}

/// A regular expression on bytes, ASCII unless `(?u)` says otherwise, linear in time and bounded in size.
pub(crate) fn regex(pattern: &str, captures: WhichCaptures) -> Result<Regex, String> {
    let config = Config::new()
        .utf8_empty(false)
        .which_captures(captures)
        .nfa_size_limit(Some(REGEX_BYTES))
        .hybrid_cache_capacity(CACHE_BYTES);
    Regex::builder()
        .configure(config)
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .build(pattern)
        .map_err(|error| error.to_string())
}
