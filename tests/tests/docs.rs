//! The manual is true: its code blocks check as they say, its lists are those of the tables, its errors are errors.
#![expect(
    clippy::disallowed_methods,
    clippy::format_push_string,
    clippy::type_complexity,
    clippy::unwrap_used,
    reason = "a test reads and writes its own pages, and stops loudly"
)]

use shield_compiler::codes::CODES;
use shield_compiler::diagnostic::Diagnostic;
use shield_compiler::explain;
use shield_compiler::format::format;
use shield_ir::builtin::{Accepts, BUILTINS, Returns};
use shield_ir::field::{FIELDS, Field, Source};
use shield_tests::suite::{self, Block, blocks, compiled};
use shield_tests::{root, text};

/// The codes that a block gives, each with its line inside the block.
fn given(block: &Block) -> Vec<(u32, String)> {
    let outcome = compiled("page.shield", block.text.as_bytes());
    let line = |one: &Diagnostic| outcome.sources.position(one.span.file, one.span.start).0;
    let mut given: Vec<(u32, String)> =
        outcome.diagnostics.iter().map(|one| (line(one), one.code.name.to_owned())).collect();
    given.sort();
    given
}

#[test]
fn code_blocks_of_the_manual_check_as_they_say() {
    let mut seen = 0;
    for path in suite::files("docs/language", ".md") {
        let page = std::fs::read_to_string(&path).unwrap();
        for block in blocks(&page).iter().filter(|block| block.language == "shield") {
            let place = format!("{}:{}", path.display(), block.line);
            assert_eq!(given(block), block.expected(), "{place}");
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen} blocks");
}

#[test]
fn code_blocks_of_the_manual_are_laid_out() {
    for path in suite::files("docs/language", ".md") {
        let page = std::fs::read_to_string(&path).unwrap();
        let mut laid_out = page.clone();
        for block in blocks(&page).iter().filter(|block| block.language == "shield") {
            let fenced = |text: &str| format!("```shield\n{text}```\n");
            if let Ok(new) = format(&block.text) {
                laid_out = laid_out.replace(&fenced(&block.text), &fenced(&new));
            }
        }
        let path = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        generated(&path, &laid_out);
    }
}

/// The codes that an example of an error's page gives: a policy, or a document of an API.
fn codes_of(block: &Block) -> Vec<&'static str> {
    let outcome = if block.language == "yaml" {
        suite::compiled_with(
            "page.shield",
            b"api a {\n  host \"a.test\"\n  upstream \"http://127.0.0.1:9000\"\n  openapi \"api.yaml\"\n}\n",
            &[("api.yaml", block.text.as_bytes())],
        )
    } else {
        compiled("page.shield", block.text.as_bytes())
    };
    outcome.diagnostics.iter().map(|one| one.code.name).collect()
}

#[test]
fn the_examples_of_error_pages_are_wrong_and_right() {
    for code in CODES {
        let page = explain::page(*code);
        assert!(page.starts_with(&format!("# {}: {}\n", code.name, code.title)), "{}", code.name);
        let (before, right) = page.split_once("\nRight:\n").expect(code.name);
        for block in blocks(before) {
            let codes = codes_of(&block);
            assert!(codes.contains(&code.name), "{}: the wrong example gives {codes:?}", code.name);
        }
        for block in blocks(right) {
            assert_eq!(codes_of(&block), Vec::<&str>::new(), "{}: the right example", code.name);
            if block.language == "shield" {
                assert_eq!(format(&block.text).as_ref(), Ok(&block.text), "{}", code.name);
            }
        }
    }
}

/// Compares a generated page with the one that is there; `SHIELD_BLESS=1` writes it.
fn generated(path: &str, page: &str) {
    let target = root().join(path);
    if std::env::var_os("SHIELD_BLESS").is_some() {
        std::fs::write(&target, page).unwrap();
    }
    let now = if target.exists() { text(path) } else { String::new() };
    assert!(now == page, "{path} is not current; run this test with SHIELD_BLESS=1");
}

#[test]
fn the_list_of_fields_is_current() {
    let mut page = "# Fields\n\n\
        Every fact that a policy may ask for, generated from the table in `ir/src/field.rs`. The phase is the first one that has\n\
        the value. Scalar fields are never absent: a missing header reads as `\"\"`; absence is for map keys and positions.\n"
        .to_owned();
    let groups: &[(&str, &str, fn(&Field) -> bool)] = &[
        ("From the exchange", "The proxy knows these by itself.", |row| row.source == Source::Exchange),
        ("From a geographic database", "A `geoip` item names the database.", |row| row.source == Source::Geo),
        ("From the TLS handshake", "Empty or false on plain text connections.", |row| {
            row.source == Source::Tls
        }),
        (
            "From Cloudflare's network",
            "Known by name, refused with `E0299` unless a `provide` item says where the value comes from.",
            |row| row.source == Source::Cloud,
        ),
    ];
    for (title, about, of) in groups {
        page.push_str(&format!(
            "\n## {title}\n\n{about}\n\n| field | type | phase | value |\n|---|---|---|---|\n"
        ));
        for row in FIELDS.iter().filter(|row| of(row)) {
            let ty = row.ty.to_string().replace('<', "\\<").replace('>', "\\>");
            page.push_str(&format!(
                "| `{}` | {ty} | {} | {} |\n",
                row.name,
                row.phase.name(),
                row.doc.replace('|', "\\|")
            ));
        }
    }
    generated("docs/language/fields.md", &page);
}

#[test]
fn the_list_of_functions_is_current() {
    let mut page = "# Functions\n\n\
        Every function, generated from the table in `ir/src/builtin.rs`. Where an argument is absent, so is the result, unless the\n\
        text says otherwise; `…` stands for more arguments like the last one. Lengths and positions are counted in bytes.\n"
        .to_owned();
    for row in BUILTINS {
        let mut parameters: Vec<String> =
            row.required.iter().map(|one| format!("{}: {}", one.name, takes(one.accepts))).collect();
        parameters.extend(row.optional.iter().map(|one| format!("[{}: {}]", one.name, takes(one.accepts))));
        parameters.extend(row.rest.iter().map(|one| format!("{}: {} …", one.name, takes(one.accepts))));
        let returns = match row.returns {
            Returns::Just(ty) => ty.to_string(),
            Returns::LikeFirst => "type of the first argument".to_owned(),
        };
        let absent = if row.strict { "" } else { " It handles absent arguments itself." };
        page.push_str(&format!(
            "\n## `{}`\n\n`{}({}) → {returns}`\n\n{}.{absent}\n",
            row.name,
            row.name,
            parameters.join(", "),
            capital(row.doc)
        ));
    }
    generated("docs/language/functions.md", &page);
}

fn takes(accepts: Accepts) -> String {
    match accepts {
        Accepts::Just(ty) => ty.to_string(),
        Accepts::OneOf(types) => types.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "),
        Accepts::StringOrArray | Accepts::Joinable => "String or array".to_owned(),
        Accepts::Map => "map".to_owned(),
        Accepts::Container => "map or array".to_owned(),
        Accepts::ElementOfFirst => "element of the first".to_owned(),
        Accepts::LikeFirst => "like the first".to_owned(),
        Accepts::Anything => "any type".to_owned(),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
