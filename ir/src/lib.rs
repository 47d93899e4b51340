//! The contract between compiler and engine: types, the field and function tables, typed expressions, rules, the bundle.
//!
//! ```text
//! compiler ──► Bundle { program, rules, apis, endpoints, … } ──► bytes ──► decode ──► verify ──► engine
//! ```
//!
//! It knows no syntax and no machine, and it does no IO. A bundle holds data, never code: decoding any bytes is
//! safe and ends in [`verify`] or in a [`BundleError`].
//!
//! ```
//! use shield_ir::Bundle;
//! let bytes = Bundle::default().encode().bytes;
//! assert_eq!(Bundle::decode(&bytes).map(|(bundle, _)| bundle), Ok(Bundle::default()));
//! ```

pub mod anchor;
pub mod builtin;
pub mod bundle;
pub mod display;
pub mod expr;
pub mod field;
pub mod identity;
pub mod operation;
pub mod policy;
pub mod schema;
pub mod set;
pub mod template;
pub mod types;
pub mod verify;
pub mod wildcard;

pub use builtin::Builtin;
pub use bundle::{Bundle, BundleError, Digest};
pub use expr::{Compare, Expr, ExprId, Literal, Logic, Program, Quantifier};
pub use field::{FieldId, Phase};
pub use types::{Scalar, Type};
