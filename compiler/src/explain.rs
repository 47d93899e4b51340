//! The page of each diagnostic's code, as `shieldc explain` shows it and the manual has it.

use crate::codes::Code;

macro_rules! pages {
    ($($code:ident)*) => {
        const PAGES: &[(&str, &str)] =
            &[$((stringify!($code), include_str!(concat!("../../docs/errors/", stringify!($code), ".md")))),*];
    };
}

pages! {}

/// The page of a code, as Markdown.
pub fn page(code: Code) -> &'static str {
    PAGES.iter().find(|(name, _)| *name == code.name).map_or(code.title, |(_, page)| page)
}
