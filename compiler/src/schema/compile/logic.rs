//! Keywords that combine schemas over the same value.

use shield_ir::schema::{Keyword, NodeId};

use super::{Compiler, OneWay};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::schema::dialect::Dialect;
use crate::schema::library::Loc;
use crate::schema::tree::At;

/// References and compositions are looked through so far.
const MAX_HOPS: u32 = 8;

impl Compiler<'_> {
    pub(super) fn logic(&mut self, loc: Loc, at: At<'_>, around: &OneWay, out: &mut Vec<Keyword>) {
        let inner = self.around(loc, at, around);
        let all = self.branches(loc, at, "allOf", &inner);
        out.extend(all.map(Keyword::AllOf));
        for (name, make) in [("anyOf", Keyword::AnyOf as fn(_) -> _), ("oneOf", Keyword::OneOf as fn(_) -> _)]
        {
            if let Some(nodes) = self.branches(loc, at, name, &inner) {
                self.discriminator(loc, at, name, &nodes, out);
                out.push(make(nodes));
            }
        }
        if let Some(not) = at.get("not") {
            out.push(Keyword::Not(self.schema_among(Self::child(loc, not), &inner)));
        }
        self.dependencies(loc, at, out);
        if self.dialect(loc).is_draft4() {
            return;
        }
        if let Some(test) = at.get("if") {
            let test = self.schema_among(Self::child(loc, test), &inner);
            let mut branch =
                |name| at.get(name).map(|schema: At<'_>| self.schema_among(Self::child(loc, schema), &inner));
            let (then, otherwise) = (branch("then"), branch("else"));
            out.push(Keyword::If { test, then, otherwise });
        }
    }

    fn branches(&mut self, loc: Loc, at: At<'_>, keyword: &str, around: &OneWay) -> Option<Vec<NodeId>> {
        let list = at.get(keyword)?;
        if !list.is_array() || list.items().next().is_none() {
            self.fault(list.span(), format!("`{keyword}` is an array of at least one schema"));
            return None;
        }
        Some(list.items().map(|schema| self.schema_among(Self::child(loc, schema), around)).collect())
    }

    /// `dependentRequired`, `dependentSchemas`, and `dependencies`, which is both in one.
    fn dependencies(&mut self, loc: Loc, at: At<'_>, out: &mut Vec<Keyword>) {
        let dialect = self.dialect(loc);
        if dialect == Dialect::OpenApi30 {
            return;
        }
        let (mut required, mut schemas) = (Vec::new(), Vec::new());
        for keyword in ["dependencies", "dependentRequired", "dependentSchemas"] {
            let Some(list) = at.get(keyword) else { continue };
            if dialect == Dialect::Draft4 && keyword != "dependencies" {
                continue;
            }
            for (name, _, value) in list.members() {
                if value.is_array() {
                    required.push((name.to_owned(), self.names(keyword, value)));
                } else {
                    schemas.push((name.to_owned(), self.schema(Self::child(loc, value))));
                }
            }
        }
        required.sort();
        required.dedup_by(|a, b| a.0 == b.0);
        schemas.sort();
        schemas.dedup_by(|a, b| a.0 == b.0);
        if !required.is_empty() && self.validates(loc) {
            out.push(Keyword::DependentRequired(required));
        }
        if !schemas.is_empty() {
            out.push(Keyword::DependentSchemas(schemas));
        }
    }

    /// A list of names, sorted.
    pub(super) fn names(&mut self, keyword: &str, list: At<'_>) -> Vec<String> {
        if !list.is_array() {
            let message = format!("`{keyword}` is an array of names, not {}", list.kind());
            let help = match list.as_str() {
                Some(name) => format!("write `{keyword}: [{name}]`"),
                None => format!("list the properties in the `{keyword}` of the object that has them"),
            };
            self.diagnostics.push(Diagnostic::new(codes::E0503, list.span(), message).help(help));
        }
        let mut names = Vec::new();
        for name in list.items() {
            match name.as_str() {
                Some(text) => names.push(text.to_owned()),
                None => self.fault(name.span(), format!("a name is a string, not {}", name.kind())),
            }
        }
        names.sort();
        names.dedup();
        names
    }

    /// Which branch a discriminator's values name: those of its mapping, and the names of schemas that it leaves.
    fn discriminator(
        &mut self,
        loc: Loc,
        at: At<'_>,
        keyword: &str,
        nodes: &[NodeId],
        out: &mut Vec<Keyword>,
    ) {
        let Some(discriminator) = at.get("discriminator").filter(|_| self.dialect(loc).is_openapi()) else {
            return;
        };
        let Some(property) = discriminator.get("propertyName").and_then(At::as_str) else {
            self.fault(discriminator.span(), "a discriminator says its `propertyName`");
            return;
        };
        let Some(list) = at.get(keyword) else { return };
        let branches: Vec<(String, Option<Loc>, NodeId)> = list
            .items()
            .zip(nodes)
            .filter_map(|(branch, node)| {
                let reference = branch.get("$ref").and_then(At::as_str)?;
                let name = reference.rsplit(['/', '#']).next().unwrap_or(reference);
                Some((name.to_owned(), self.library.resolve(loc, reference).ok(), *node))
            })
            .collect();
        // A branch without a name can be chosen only by trying it, and so all are tried.
        if branches.len() < nodes.len() {
            return;
        }
        let mut mapping: Vec<(String, NodeId)> = Vec::new();
        let mut mapped = Vec::new();
        let given = discriminator.get("mapping");
        for (value, _, target) in given.into_iter().flat_map(At::members) {
            let Some(text) = target.as_str() else { continue };
            let named = self
                .library
                .resolve(loc, text)
                .or_else(|_| self.library.resolve(loc, &format!("#/components/schemas/{text}")));
            let branch = named.ok().and_then(|named| branches.iter().find(|(_, loc, _)| *loc == Some(named)));
            if let Some((name, _, node)) = branch {
                mapped.push(name.clone());
                mapping.push((value.to_owned(), *node));
            } else {
                let message = format!("`{text}` is none of the branches of `{keyword}`");
                self.diagnostics.push(Diagnostic::new(codes::W0501, target.span(), message));
            }
        }
        for (name, target, node) in branches.into_iter().filter(|(name, _, _)| !mapped.contains(name)) {
            // A branch whose member cannot hold the schema's name is called by the values that it can hold.
            let values = target.and_then(|target| self.member_values(target, property, MAX_HOPS));
            match values.filter(|values| !values.contains(&name)) {
                Some(values) => mapping.extend(values.into_iter().map(|value| (value, node))),
                None => mapping.push((name, node)),
            }
        }
        mapping.sort();
        mapping.dedup_by(|a, b| a.0 == b.0);
        out.push(Keyword::Discriminator { property: property.to_owned(), mapping });
    }

    /// The texts that a schema lists for one of its members.
    fn member_values(&self, loc: Loc, member: &str, hops: u32) -> Option<Vec<String>> {
        let hops = hops.checked_sub(1)?;
        let at = self.library.at(loc);
        let follow = |at: At<'_>| self.library.resolve(loc, at.get("$ref")?.as_str()?).ok();
        if let Some(property) = at.get("properties").and_then(|properties| properties.get(member)) {
            let at = follow(property).map_or(property, |target| self.library.at(target));
            let listed = at.get("enum").into_iter().flat_map(At::items).chain(at.get("const"));
            let texts: Vec<String> = listed.filter_map(At::as_str).map(str::to_owned).collect();
            return (!texts.is_empty()).then_some(texts);
        }
        if let Some(target) = follow(at) {
            return self.member_values(target, member, hops);
        }
        let parts = at.get("allOf").into_iter().flat_map(At::items);
        parts.into_iter().find_map(|part| self.member_values(Self::child(loc, part), member, hops))
    }
}
