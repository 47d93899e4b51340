//! From a method and a canonical path to the one endpoint that is meant, in time that does not grow with their number.

use std::collections::BTreeMap;

use shield_ir::template::{Piece, Segment, Template};

/// Finds endpoints.
#[derive(Clone, Debug, Default)]
pub struct Router {
    /// One tree for each scope: an API, or a host of one.
    scopes: BTreeMap<u32, Node>,
}

/// An endpoint that a router knows.
#[derive(Clone, Debug)]
pub struct Route {
    /// The scope in which it is found.
    pub scope: u32,
    /// Its method in upper case; `*` stands for every one.
    pub method: String,
    /// Its path.
    pub template: Template,
    /// What [`Found::endpoint`] says.
    pub endpoint: u32,
}

/// What a router finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match<'r, 'p> {
    /// The endpoint.
    Found(Found<'r, 'p>),
    /// Endpoints have this path, none has this method; the methods that they have.
    WrongMethod(Vec<&'r str>),
    /// No endpoint has this path.
    Nothing,
}

/// An endpoint with the values of its path variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<'r, 'p> {
    /// Which endpoint.
    pub endpoint: u32,
    /// Its variables by name, with the text that stands there: still percent-encoded.
    pub params: Vec<(&'r str, &'p str)>,
}

/// What may follow a part of a path.
#[derive(Clone, Debug, Default)]
struct Node {
    literals: BTreeMap<String, Self>,
    /// Mixed segments, those with more literal characters first.
    mixed: Vec<(Vec<Piece>, Self)>,
    variable: Option<Box<Self>>,
    rest: Vec<Endpoint>,
    here: Vec<Endpoint>,
}

#[derive(Clone, Debug)]
struct Endpoint {
    method: String,
    /// The names of its variables from left to right.
    names: Vec<String>,
    id: u32,
}

/// What a search has found on its way.
struct Search<'r, 'p> {
    method: &'p str,
    segments: Vec<&'p str>,
    path: &'p str,
    values: Vec<&'p str>,
    others: Vec<&'r str>,
}

impl Router {
    /// A router of these endpoints. Of two with the same method and shape, the first is found.
    pub fn new(routes: impl IntoIterator<Item = Route>) -> Self {
        let mut router = Self::default();
        for route in routes {
            let names = route.template.variables().map(str::to_owned).collect();
            let endpoint = Endpoint { method: route.method, names, id: route.endpoint };
            let segments = route.template.segments.into_iter();
            router.scopes.entry(route.scope).or_default().insert(segments, endpoint);
        }
        router
    }

    /// Finds the endpoint of a method and a canonical path, which starts with `/`.
    ///
    /// Literal segments go before mixed ones, these before variables, from left to right; a path that has the
    /// method goes before one that has not.
    pub fn route<'r, 'p>(&'r self, scope: u32, method: &'p str, path: &'p str) -> Match<'r, 'p> {
        let (Some(root), Some(relative)) = (self.scopes.get(&scope), path.strip_prefix('/')) else {
            return Match::Nothing;
        };
        let segments = relative.split('/').collect();
        let mut search = Search { method, segments, path: relative, values: Vec::new(), others: Vec::new() };
        match search.node(root, 0) {
            Some(endpoint) => {
                let names = endpoint.names.iter().map(String::as_str);
                let params = names.zip(search.values.iter().copied()).collect();
                Match::Found(Found { endpoint: endpoint.id, params })
            }
            None if search.others.is_empty() => Match::Nothing,
            None => {
                search.others.sort_unstable();
                search.others.dedup();
                Match::WrongMethod(search.others)
            }
        }
    }
}

impl Node {
    fn insert(&mut self, mut segments: impl Iterator<Item = Segment>, endpoint: Endpoint) {
        match segments.next() {
            None => self.here.push(endpoint),
            Some(Segment::Rest(_)) => self.rest.push(endpoint),
            Some(Segment::Literal(text)) => self.literals.entry(text).or_default().insert(segments, endpoint),
            Some(Segment::Variable(_)) => self.variable.get_or_insert_default().insert(segments, endpoint),
            Some(Segment::Mixed(pieces)) => {
                let pieces = nameless(pieces);
                let known = self.mixed.iter().position(|(known, _)| *known == pieces);
                let at = known.unwrap_or_else(|| {
                    let at = self.mixed.partition_point(|(known, _)| weight(known) >= weight(&pieces));
                    self.mixed.insert(at, (pieces, Self::default()));
                    at
                });
                if let Some((_, node)) = self.mixed.get_mut(at) {
                    node.insert(segments, endpoint);
                }
            }
        }
    }
}

impl<'r> Search<'r, '_> {
    /// Every node of the tree is visited at most once: the depth says which segment it is for.
    fn node(&mut self, node: &'r Node, depth: usize) -> Option<&'r Endpoint> {
        let Some(segment) = self.segments.get(depth).copied() else { return self.pick(&node.here) };
        let mark = self.values.len();
        if let Some(next) = node.literals.get(segment)
            && let Some(found) = self.node(next, depth + 1)
        {
            return Some(found);
        }
        for (pieces, next) in &node.mixed {
            if split(pieces, segment, &mut self.values)
                && let Some(found) = self.node(next, depth + 1)
            {
                return Some(found);
            }
            self.values.truncate(mark);
        }
        if let Some(next) = &node.variable
            && !segment.is_empty()
        {
            self.values.push(segment);
            if let Some(found) = self.node(next, depth + 1) {
                return Some(found);
            }
            self.values.truncate(mark);
        }
        let start: usize = self.segments.iter().take(depth).map(|segment| segment.len() + 1).sum();
        let rest = self.path.get(start..).filter(|rest| !rest.is_empty() && !node.rest.is_empty())?;
        self.values.push(rest);
        let found = self.pick(&node.rest);
        if found.is_none() {
            self.values.truncate(mark);
        }
        found
    }

    fn pick(&mut self, endpoints: &'r [Endpoint]) -> Option<&'r Endpoint> {
        let named = |method: &str| endpoints.iter().find(|endpoint| endpoint.method == method);
        let found = named(self.method).or_else(|| named("*"));
        if found.is_none() {
            self.others.extend(endpoints.iter().map(|endpoint| endpoint.method.as_str()));
        }
        found
    }
}

/// The values of a mixed segment's variables: each takes as little as lets the next literal follow, the last one
/// all that its literal leaves.
fn split<'p>(pieces: &[Piece], segment: &'p str, values: &mut Vec<&'p str>) -> bool {
    let mut rest = segment;
    let mut open = false;
    let last = pieces.len().saturating_sub(1);
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Variable(_) => open = true,
            Piece::Literal(text) => {
                let found = if !open {
                    rest.starts_with(text.as_str()).then_some(0)
                } else if at == last {
                    rest.len().checked_sub(text.len()).filter(|_| rest.ends_with(text.as_str()))
                } else {
                    // A variable is never empty, so its literal starts after one character at least.
                    let first = rest.chars().next().map_or(1, char::len_utf8);
                    rest.get(first..).and_then(|after| after.find(text.as_str())).map(|found| found + first)
                };
                let Some(found) = found.filter(|found| !open || *found > 0) else { return false };
                if open {
                    values.extend(rest.get(..found));
                }
                open = false;
                rest = rest.get(found + text.len()..).unwrap_or_default();
            }
        }
    }
    if open {
        values.push(rest);
        return !rest.is_empty();
    }
    rest.is_empty()
}

fn nameless(pieces: Vec<Piece>) -> Vec<Piece> {
    let nameless = |piece| match piece {
        Piece::Variable(_) => Piece::Variable(String::new()),
        literal @ Piece::Literal(_) => literal,
    };
    pieces.into_iter().map(nameless).collect()
}

fn weight(pieces: &[Piece]) -> usize {
    let length = |piece: &Piece| match piece {
        Piece::Literal(text) => text.len(),
        Piece::Variable(_) => 0,
    };
    pieces.iter().map(length).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(routes: &[(&str, &str)]) -> Router {
        Router::new(routes.iter().enumerate().map(|(at, (method, path))| Route {
            scope: 0,
            method: (*method).to_owned(),
            template: Template::parse(path).unwrap(),
            endpoint: at as u32,
        }))
    }

    fn found(router: &Router, method: &str, path: &str) -> Option<(u32, String)> {
        match router.route(0, method, path) {
            Match::Found(found) => {
                let params: Vec<_> =
                    found.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
                Some((found.endpoint, params.join("&")))
            }
            Match::WrongMethod(_) | Match::Nothing => None,
        }
    }

    #[test]
    fn the_most_specific_endpoint_is_found() {
        let router = router(&[
            ("GET", "/pets"),
            ("GET", "/pets/{id}"),
            ("GET", "/pets/mine"),
            ("DELETE", "/pets/{id}"),
            ("GET", "/pets/{id}.json"),
            ("GET", "/{any}/{x}/toys"),
            ("GET", "/pets/mine/photos"),
            ("*", "/files/{rest*}"),
            ("GET", "/{a}-{b}"),
            ("GET", "/"),
        ]);
        for (method, path, expected) in [
            ("GET", "/pets", Some((0, ""))),
            ("GET", "/pets/7", Some((1, "id=7"))),
            ("GET", "/pets/mine", Some((2, ""))),
            ("DELETE", "/pets/mine", Some((3, "id=mine"))),
            ("GET", "/pets/7.json", Some((4, "id=7"))),
            ("GET", "/pets/mine/toys", Some((5, "any=pets&x=mine"))),
            ("PUT", "/files/a/b/c", Some((7, "rest=a/b/c"))),
            ("GET", "/a-b-c", Some((8, "a=a&b=b-c"))),
            ("GET", "/", Some((9, ""))),
            ("GET", "/pets/", None),
            ("GET", "/files/", None),
            ("GET", "/-b", None),
            ("GET", "/pets/{id}/x", None),
        ] {
            assert_eq!(
                found(&router, method, path),
                expected.map(|(at, p)| (at, p.to_owned())),
                "{method} {path}"
            );
        }
    }

    #[test]
    fn a_wrong_method_is_not_a_wrong_path() {
        let router = router(&[("GET", "/a"), ("PUT", "/{x}"), ("GET", "/b")]);
        assert_eq!(router.route(0, "DELETE", "/a"), Match::WrongMethod(vec!["GET", "PUT"]));
        assert_eq!(router.route(0, "DELETE", "/a/b"), Match::Nothing);
        assert_eq!(router.route(1, "GET", "/a"), Match::Nothing);
        assert_eq!(router.route(0, "GET", "a"), Match::Nothing);
    }
}
