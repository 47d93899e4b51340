//! `servers`: the base paths below which a document's paths lie.

use shield_ir::template::Template;

use super::Reader;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::schema::library::Loc;
use crate::schema::tree::At;

/// Variables with many values multiply; more base paths than this are refused.
const MAX_BASES: usize = 64;

/// One server of a document.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its URL as the document writes it.
    pub url: String,
    /// The same with its variables' defaults.
    pub address: String,
    /// The base paths that it may have: one for each combination of its variables' values.
    pub bases: Vec<Template>,
}

impl Reader<'_> {
    /// The servers of a document, a path or an operation; `/` where it names none.
    pub(super) fn servers(&mut self, owner: Loc) -> Vec<Server> {
        let list = self.at(owner).get("servers");
        let servers: Vec<Server> =
            list.into_iter().flat_map(At::items).filter_map(|server| self.server(server)).collect();
        if servers.is_empty() {
            return vec![Server { url: "/".into(), address: "/".into(), bases: vec![Template::default()] }];
        }
        servers
    }

    fn server(&mut self, server: At<'_>) -> Option<Server> {
        let url = server.get("url");
        let Some(text) = url.and_then(At::as_str) else {
            self.error(server.span(), "a server says its `url`");
            return None;
        };
        let span = url.unwrap_or(server).span();
        let variables = server.get("variables");
        let mut bases = Vec::new();
        for path in paths(text, variables) {
            match Template::parse(&path) {
                Ok(template) => bases.push(template),
                Err(error) => {
                    let message = format!("`{text}` has no usable path: {error}");
                    self.compiler.diagnostics.push(Diagnostic::new(codes::E0505, span, message));
                    return None;
                }
            }
        }
        if bases.len() >= MAX_BASES {
            self.error(span, format!("the variables of `{text}` have more than {MAX_BASES} combinations"));
        }
        bases.sort();
        bases.dedup();
        let mut address = text.to_owned();
        for (name, _, variable) in variables.into_iter().flat_map(At::members) {
            if let Some(value) = variable.get("default").and_then(At::as_str) {
                address = address.replace(&format!("{{{name}}}"), value);
            }
        }
        Some(Server { url: text.to_owned(), address, bases })
    }
}

/// The paths of a URL, one for each combination of the values that its variables list. A variable without a list
/// stands for any one segment.
fn paths(url: &str, variables: Option<At<'_>>) -> Vec<String> {
    let default = |name: &str| variables.and_then(|all| all.get(name)?.get("default")?.as_str());
    let mut url = url.to_owned();
    // A URL that starts with a variable hides where its path starts.
    while let Some((name, rest)) = url.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        let Some(value) = default(name) else { break };
        let next = format!("{value}{rest}");
        if next.len() > url.len() + 4096 || next.starts_with('{') {
            break;
        }
        url = next;
    }
    let path = match url.split_once("://") {
        Some((_, after)) => after.find('/').map_or("/", |slash| after.get(slash..).unwrap_or("/")).to_owned(),
        None if url.starts_with('/') => url,
        None => format!("/{}", url.trim_start_matches("./")),
    };
    let path = path.split(['?', '#']).next().unwrap_or("/");
    let path = path.trim_end_matches('/');
    let mut paths = vec![String::new()];
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        let listed = variables.and_then(|all| all.get(name)?.get("enum"));
        let mut values: Vec<String> =
            listed.into_iter().flat_map(At::items).filter_map(At::as_str).map(str::to_owned).collect();
        if values.is_empty() {
            values.push(format!("{{{name}}}"));
            values.extend(
                default(name).filter(|value| value.contains('/') || value.is_empty()).map(str::to_owned),
            );
        }
        paths = paths
            .iter()
            .flat_map(|path| values.iter().map(move |value| format!("{path}{before}{value}")))
            .take(MAX_BASES)
            .collect();
        rest = after;
    }
    paths.iter().map(|path| normal(&format!("{path}{rest}"))).collect()
}

fn normal(path: &str) -> String {
    let path = path.replace("//", "/");
    if path.is_empty() { "/".into() } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_the_path_after_its_authority() {
        for (url, path) in [
            ("https://a.example", "/"),
            ("https://a.example/v1/", "/v1"),
            ("/v1", "/v1"),
            ("v1", "/v1"),
            ("https://{host}:{port}/v1", "/v1"),
            ("https://a.example/{version}/x", "/{version}/x"),
        ] {
            assert_eq!(paths(url, None), [path], "{url}");
        }
    }
}
