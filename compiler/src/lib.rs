//! Policy texts in, a bundle and diagnostics out: a pure library that reads files only through [`source::Sources`].
//!
//! ```text
//! texts ─ parse ─► ast ─ check ─► typed IR ─ optimize ─► bundle
//!            └──────────┴─────────────┴──► diagnostics
//! ```
//!
//! ```
//! use shield_compiler::{compile, source::MemorySources};
//! let sources = MemorySources::new([("p.shield", r#"rule no-bots { when http.user_agent contains "bot" then block }"#)]);
//! let outcome = compile(&sources, &["p.shield".to_owned()]);
//! assert!(outcome.diagnostics.is_empty());
//! assert_eq!(outcome.bundle.map(|bundle| bundle.rules.len()), Some(1));
//! ```

pub mod analyze;
pub mod ast;
mod bare;
mod check;
pub mod codes;
pub mod diagnostic;
pub mod explain;
pub mod format;
mod load;
mod names;
pub mod optimize;
pub mod parse;
pub mod schema;
pub mod source;

use shield_ir::Bundle;

pub use bare::{Bare, Options as BareOptions, expression};
pub use check::test::{Request as TestRequest, Response as TestResponse, Step, Test};
pub use diagnostic::Diagnostic;
use source::{SourceMap, Sources};

/// What comes of a compilation.
#[derive(Debug)]
pub struct Outcome {
    /// The policy as data; none where there are errors.
    pub bundle: Option<Bundle>,
    /// The policy's tests.
    pub tests: Vec<Test>,
    /// Everything that is to be told, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that diagnostics point into.
    pub sources: SourceMap,
}

/// Compiles the policy that these files form, with all that they include.
pub fn compile(sources: &dyn Sources, entries: &[String]) -> Outcome {
    compile_with(sources, entries, optimize::run)
}

/// Compiles with passes of the caller's choice, for dumps of what each of them does.
pub fn compile_with(sources: &dyn Sources, entries: &[String], passes: impl FnOnce(&mut Bundle)) -> Outcome {
    let mut loader = load::Loader { sources, map: SourceMap::default(), diagnostics: Vec::new() };
    let items = loader.policy(entries);
    let (mut bundle, tests, spans) = check::policy::PolicyChecker::new(&mut loader).policy(&items);
    let mut diagnostics = loader.diagnostics;
    if !diagnostics.iter().any(Diagnostic::is_error) {
        passes(&mut bundle);
        diagnostics.extend(analyze::bundle(&bundle, &spans));
        diagnostics.extend(check::too_large(&bundle));
    }
    diagnostic::silence(&mut diagnostics, &loader.map);
    diagnostic::sort(&mut diagnostics);
    let fine = !diagnostics.iter().any(Diagnostic::is_error);
    Outcome { bundle: fine.then_some(bundle), tests, diagnostics, sources: loader.map }
}
