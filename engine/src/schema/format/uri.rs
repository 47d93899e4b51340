//! URIs and IRIs by the grammar of RFC 3986 and RFC 3987, and URI templates by RFC 6570.

use super::host;

/// A URI or IRI with a scheme.
pub(super) fn absolute(text: &str, international: bool) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    is_scheme(scheme) && after_scheme(rest, international, false)
}

/// A URI or IRI, or what is relative to one.
pub(super) fn reference(text: &str, international: bool) -> bool {
    absolute(text, international) || after_scheme(text, international, true)
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// What stands after a scheme, or where there is none.
fn after_scheme(text: &str, international: bool, relative: bool) -> bool {
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = match rest.strip_prefix("//") {
        None => (None, rest),
        Some(after) => {
            let slash = after.find('/').unwrap_or(after.len());
            let (authority, path) = after.split_at(slash);
            (Some(authority), path)
        }
    };
    let colon_first =
        relative && authority.is_none() && path.split('/').next().is_some_and(|s| s.contains(':'));
    let chars = |text: &str, extra: &str| characters(text, extra, international);
    !colon_first
        && authority.is_none_or(|authority| is_authority(authority, international))
        && chars(path, ":@/")
        && (chars(query, ":@/?") || (international && private(query)))
        && chars(fragment, ":@/?")
}

/// A query of an IRI may hold private characters.
fn private(query: &str) -> bool {
    let public: String = query.chars().filter(|c| !is_private(*c)).collect();
    characters(&public, ":@/?", true)
}

fn is_private(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{ffffd}' | '\u{100000}'..='\u{10fffd}')
}

fn is_authority(authority: &str, international: bool) -> bool {
    let (user, rest) = authority.split_once('@').map_or((None, authority), |(user, rest)| (Some(user), rest));
    let bracketed = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, port) = if let Some((literal, port)) = bracketed {
        (is_literal(literal), port)
    } else {
        let colon = rest.find(':').unwrap_or(rest.len());
        let (name, port) = rest.split_at(colon);
        (characters(name, "", international), port)
    };
    let port =
        port.is_empty() || port.strip_prefix(':').is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit()));
    host && port && user.is_none_or(|user| characters(user, ":", international))
}

/// What stands in brackets: an IPv6 address, or a later kind.
fn is_literal(literal: &str) -> bool {
    let future = literal.strip_prefix(['v', 'V']).and_then(|rest| rest.split_once('.'));
    match future {
        Some((version, rest)) => {
            let hex = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_hexdigit());
            hex && !rest.is_empty()
                && rest.bytes().all(|b| unreserved(b.into()) || sub_delim(b.into()) || b == b':')
        }
        None => host::ipv6(literal),
    }
}

/// Whether a text holds unreserved characters, sub-delimiters, escapes, and these others.
fn characters(text: &str, extra: &str, international: bool) -> bool {
    let bytes = text.as_bytes();
    text.char_indices().all(|(at, c)| match c {
        '%' => bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
        c if c.is_ascii() => unreserved(c) || sub_delim(c) || extra.contains(c),
        c => international && is_ucs(c),
    })
}

fn unreserved(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~')
}

fn sub_delim(c: char) -> bool {
    "!$&'()*+,;=".contains(c)
}

/// The characters that an IRI has beyond those of a URI.
fn is_ucs(c: char) -> bool {
    let code = u32::from(c);
    let plane = code & 0xffff;
    match code {
        0xa0..=0xd7ff | 0xf900..=0xfdcf | 0xfdf0..=0xffef | 0xe_1000..=0xe_fffd => true,
        0x1_0000..=0xd_ffff => plane <= 0xfffd,
        _ => false,
    }
}

/// A URI template.
pub(super) fn template(text: &str) -> bool {
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once('{') {
        let Some((expression, after)) = after.split_once('}') else { return false };
        if !literals(literal) || !is_expression(expression) {
            return false;
        }
        rest = after;
    }
    literals(rest)
}

fn literals(text: &str) -> bool {
    let bytes = text.as_bytes();
    text.char_indices().all(|(at, c)| match c {
        '%' => bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
        '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' => false,
        c if c.is_ascii() => c.is_ascii_graphic(),
        c => is_ucs(c) || is_private(c),
    })
}

fn is_expression(expression: &str) -> bool {
    let variables = expression.strip_prefix(['+', '#', '.', '/', ';', '?', '&']).unwrap_or(expression);
    variables.split(',').all(|variable| {
        let name = match variable.split_once(':') {
            Some((name, length)) => {
                let valid = length.starts_with(|c| ('1'..='9').contains(&c))
                    && length.len() <= 4
                    && length.bytes().all(|byte| byte.is_ascii_digit());
                if !valid {
                    return false;
                }
                name
            }
            None => variable.strip_suffix('*').unwrap_or(variable),
        };
        name.split('.').all(is_name)
    })
}

fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    !name.is_empty()
        && name.char_indices().all(|(at, c)| match c {
            '%' => bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
            c => c.is_ascii_alphanumeric() || c == '_',
        })
}
