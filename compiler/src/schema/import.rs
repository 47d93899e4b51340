//! A starting policy for an OpenAPI document: complete, checked, and short enough to be read.

use std::fmt::Write as _;

use super::openapi::{Compiled, Document};
use super::plan::PlanBuilder;
use super::typed;
use crate::diagnostic::Diagnostic;
use crate::source::{SourceMap, Sources};

/// Requests that the tests of the policy make.
const EXAMPLES: usize = 3;

/// Writes a policy for the document at `path.0`, which the policy knows as `path.1`. `None` where it cannot be read.
pub fn policy(
    sources: &dyn Sources,
    map: &mut SourceMap,
    path: (&str, &str),
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<String> {
    let document = Document::read(sources, map, path.0, diagnostics)?;
    let compiled = document.compile(&mut PlanBuilder::new(), diagnostics);
    let text = sources.read(path.0).ok()?;
    let head = head(&document, &compiled, &String::from_utf8_lossy(&text));
    Some(write(path.1, &head, &compiled))
}

/// What a document says of itself.
struct Head {
    title: String,
    servers: Vec<String>,
    /// Where it departs from its specification.
    departs: Option<String>,
}

/// The head of a document; one of OpenAPI 3.0 is read whole and in its types, which shows where it departs from them.
fn head(document: &Document, compiled: &Compiled, text: &str) -> Head {
    let departs = match document.is_3_0().then(|| typed::document(text)) {
        Some(Ok(whole)) => {
            let servers = whole.servers.into_iter().map(address).collect();
            return Head { title: whole.info.title, servers, departs: None };
        }
        Some(Err(why)) => Some(why),
        None => None,
    };
    let servers = compiled.servers.iter().map(|server| server.address.clone()).collect();
    Head { title: document.title().unwrap_or("api").to_owned(), servers, departs }
}

/// The URL of a server with its variables' defaults.
fn address(server: openapiv3::Server) -> String {
    let variables = server.variables.unwrap_or_default();
    variables
        .iter()
        .fold(server.url, |url, (name, variable)| url.replace(&format!("{{{name}}}"), &variable.default))
}

fn write(path: &str, head: &Head, compiled: &Compiled) -> String {
    let servers: Vec<(String, String)> = head.servers.iter().filter_map(|url| origin(url)).collect();
    let name = name(&head.title);
    let mut hosts: Vec<&str> = servers.iter().map(|(_, host)| host.as_str()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let host = hosts.first().copied().unwrap_or("localhost");
    let listed = if hosts.is_empty() {
        "\"localhost\" \"127.0.0.1\"".to_owned()
    } else {
        hosts.iter().map(|host| format!("\"{host}\"")).collect::<Vec<_>>().join(" ")
    };
    let origin = servers.first().map_or("http://127.0.0.1:9000", |(origin, _)| origin.as_str());
    let mut out = String::new();
    _ = write!(
        out,
        "# {}: what its document declares may pass, and nothing else.\n{}\n\
         api {name} {{\n  \
           openapi    {}\n  \
           host       {listed}\n  \
           upstream   \"{origin}\"   # where the origin really listens\n  \
           requests   block            # log, to see first what would be refused\n  \
           responses  off              # log, to see answers that the document does not know\n  \
           unknown    block 404        # paths and methods that the document lacks\n  \
           undeclared query allow      # block, where clients send nothing of their own\n  \
           problems   short            # full, to tell clients every violation\n  \
           body       max 1MiB\n\
         }}\n",
        one_line(&head.title),
        departure(head.departs.as_deref()),
        quoted(path),
    );
    tests(&mut out, host, compiled);
    out
}

/// A remark on a document that departs from its specification.
fn departure(why: Option<&str>) -> String {
    let remark = |why| {
        format!(
            "#\n# The document departs from OpenAPI 3.0: {}.\n\
             # What departs may be read otherwise than it was meant; see what is refused before it is blocked.\n",
            one_line(why)
        )
    };
    why.map(remark).unwrap_or_default()
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// Tests that hold at once: requests that need nothing, and one that leads nowhere.
fn tests(out: &mut String, host: &str, compiled: &Compiled) {
    let open = compiled.operations.iter().filter(|operation| {
        operation.method == "GET"
            && operation.operation.security.iter().all(Vec::is_empty)
            && operation.template.variables().next().is_none()
            && operation.operation.parameters.iter().all(|parameter| !parameter.required)
            && operation.template.to_string().bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
    });
    let mut seen = Vec::new();
    for operation in open {
        let path = operation.template.to_string();
        if seen.len() == EXAMPLES || seen.contains(&path) {
            continue;
        }
        _ = write!(
            out,
            "\ntest \"GET {path} is served\" {{\n  request GET \"https://{host}{path}\"\n  expect  allow\n}}\n"
        );
        seen.push(path);
    }
    let nowhere = "/.well-known/shield-import-test";
    let taken = compiled.operations.iter().any(|operation| operation.template.segments.len() <= 2);
    if !taken {
        _ = write!(
            out,
            "\ntest \"nothing else is there\" {{\n  request GET \"https://{host}{nowhere}\"\n  expect  block 404\n}}\n"
        );
    }
}

/// Scheme with authority, and the host alone, of a URL that has both without variables.
fn origin(url: &str) -> Option<(String, String)> {
    let (scheme, rest) = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
    let host = authority.split(':').next()?;
    let valid = !host.is_empty() && authority.bytes().all(plain);
    valid.then(|| (format!("{scheme}://{authority}"), host.to_ascii_lowercase()))
}

/// An item's name out of a title.
fn name(title: &str) -> String {
    let mut name = String::new();
    for c in title.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => name.push(c),
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    let name = name.trim_matches('-');
    let name = name.get(..name.len().min(40)).unwrap_or(name).trim_matches('-');
    // A name of its own kind never is a word of the language.
    match name {
        "" | "api" => "the-api".to_owned(),
        name if name.starts_with(|first: char| first.is_ascii_digit()) => format!("api-{name}"),
        name if name.contains('-') => name.to_owned(),
        name => format!("{name}-api"),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_become_names() {
        for (title, expected) in [
            ("Swagger Petstore", "swagger-petstore"),
            ("Petstore", "petstore-api"),
            ("  ", "the-api"),
            ("1Forge API!", "api-1forge-api"),
            ("Ünï", "n-api"),
        ] {
            assert_eq!(name(title), expected);
        }
    }

    #[test]
    fn origins_are_taken_from_urls() {
        assert_eq!(
            origin("https://A.example:8443/v1"),
            Some(("https://A.example:8443".into(), "a.example".into()))
        );
        assert_eq!(origin("/v1"), None);
        assert_eq!(origin("https://{host}/v1"), None);
    }
}
