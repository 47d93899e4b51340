//! stub
pub mod router;
pub mod schema;
