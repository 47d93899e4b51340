//! stub
pub mod operation;
pub mod schema;
pub mod template;
