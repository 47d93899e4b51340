//! Keywords that go into arrays and objects.

use shield_ir::schema::{Keyword, NodeId};

use super::Compiler;
use crate::schema::dialect::Dialect;
use crate::schema::library::Loc;
use crate::schema::tree::At;

impl Compiler<'_> {
    pub(super) fn containers(&mut self, loc: Loc, at: At<'_>, out: &mut Vec<Keyword>) {
        let dialect = self.dialect(loc);
        self.items(loc, at, dialect, out);
        self.properties(loc, at, out);
        if dialect.is_draft4() {
            return;
        }
        self.contains(loc, at, out);
        if let Some(names) = at.get("propertyNames") {
            out.push(Keyword::PropertyNames(self.schema(Self::child(loc, names))));
        }
        if let Some(items) = at.get("unevaluatedItems") {
            out.push(Keyword::UnevaluatedItems(self.schema(Self::child(loc, items))));
        }
        if let Some(others) = at.get("unevaluatedProperties") {
            out.push(Keyword::UnevaluatedProperties(self.schema(Self::child(loc, others))));
        }
    }

    fn items(&mut self, loc: Loc, at: At<'_>, dialect: Dialect, out: &mut Vec<Keyword>) {
        let items = at.get("items");
        let (prefix, rest) = match (dialect, items) {
            (Dialect::Draft4, Some(list)) if list.is_array() => (Some(list), at.get("additionalItems")),
            (Dialect::Draft4 | Dialect::OpenApi30, rest) => (None, rest),
            (Dialect::Draft202012 | Dialect::OpenApi31, rest) => (at.get("prefixItems"), rest),
        };
        let prefix = match prefix {
            Some(list) => self.schemas(loc, "prefixItems", list),
            None => Vec::new(),
        };
        let rest = match rest {
            Some(list) if list.is_array() => {
                self.fault(list.span(), "`items` is one schema; schemas by position stand in `prefixItems`");
                None
            }
            // Draft 4 alone writes a flag here.
            Some(flag) if dialect == Dialect::Draft4 && flag.as_bool() == Some(true) => None,
            Some(flag) if dialect == Dialect::Draft4 && flag.as_bool() == Some(false) => {
                Some(self.plan.node(vec![Keyword::Never]))
            }
            Some(schema) => Some(self.schema(Self::child(loc, schema))),
            None => None,
        };
        if !prefix.is_empty() || rest.is_some() {
            out.push(Keyword::Items { prefix, rest });
        }
    }

    fn contains(&mut self, loc: Loc, at: At<'_>, out: &mut Vec<Keyword>) {
        let Some(contains) = at.get("contains") else { return };
        let node = self.schema(Self::child(loc, contains));
        let validates = self.validates(loc);
        let min =
            at.get("minContains").filter(|_| validates).and_then(|value| self.count("minContains", value));
        let max =
            at.get("maxContains").filter(|_| validates).and_then(|value| self.count("maxContains", value));
        out.push(Keyword::Contains { node, min: min.unwrap_or(1), max });
    }

    fn properties(&mut self, loc: Loc, at: At<'_>, out: &mut Vec<Keyword>) {
        let mut named = self.named(loc, at, "properties");
        for (name, node) in &mut named {
            if let Some(property) = at.get("properties").and_then(|properties| properties.get(name)) {
                *node = self.one_way(Self::child(loc, property), *node);
            }
        }
        let dialect = self.dialect(loc);
        let mut patterns = Vec::new();
        if dialect != Dialect::OpenApi30
            && let Some(list) = at.get("patternProperties")
        {
            if !list.is_object() {
                self.fault(list.span(), format!("`patternProperties` is an object, not {}", list.kind()));
            }
            for (pattern, span, schema) in list.members() {
                let node = self.schema(Self::child(loc, schema));
                patterns.extend(self.pattern_text(pattern, span).map(|pattern| (pattern, node)));
            }
        }
        let others = match at.get("additionalProperties") {
            Some(flag) if dialect.is_draft4() && flag.as_bool() == Some(true) => None,
            Some(flag) if dialect.is_draft4() && flag.as_bool() == Some(false) => {
                Some(self.plan.node(vec![Keyword::Never]))
            }
            // Said outright, it evaluates every member, which `unevaluatedProperties` then leaves alone.
            Some(schema) => Some(self.schema(Self::child(loc, schema))),
            None => None,
        };
        if !named.is_empty() || !patterns.is_empty() || others.is_some() {
            out.push(Keyword::Properties { named, patterns, others });
        }
    }

    /// An object of schemas, sorted by name.
    pub(super) fn named(&mut self, loc: Loc, at: At<'_>, keyword: &str) -> Vec<(String, NodeId)> {
        let Some(list) = at.get(keyword) else { return Vec::new() };
        if !list.is_object() {
            self.fault(list.span(), format!("`{keyword}` is an object, not {}", list.kind()));
        }
        let mut named: Vec<_> = list
            .members()
            .map(|(name, _, schema)| (name.to_owned(), self.schema(Self::child(loc, schema))))
            .collect();
        named.sort();
        named
    }

    fn schemas(&mut self, loc: Loc, keyword: &str, list: At<'_>) -> Vec<NodeId> {
        if !list.is_array() {
            self.fault(list.span(), format!("`{keyword}` is an array of schemas, not {}", list.kind()));
        }
        list.items().map(|schema| self.schema(Self::child(loc, schema))).collect()
    }
}
