//! The page of each diagnostic's code, as `shieldc explain` shows it and the manual has it.

use crate::codes::Code;

macro_rules! pages {
    ($($code:ident)*) => {
        const PAGES: &[(&str, &str)] =
            &[$((stringify!($code), include_str!(concat!("../../docs/errors/", stringify!($code), ".md")))),*];
    };
}

pages! {
    E0101 E0102 E0103 E0104 E0105
    E0201 E0202 E0203 E0204 E0205 E0206 E0299
    E0301 E0302 E0303 E0304 E0305 E0306 E0307
    E0401 E0402 E0403 E0404
    E0501 E0502 E0503 E0504 E0505 E0506
    W0101
    W0401 W0402 W0403 W0404 W0405 W0406 W0407 W0408 W0409
    W0501 W0502 W0503
}

/// The page of a code, as Markdown.
pub fn page(code: Code) -> &'static str {
    PAGES.iter().find(|(name, _)| *name == code.name).map_or(code.title, |(_, page)| page)
}
