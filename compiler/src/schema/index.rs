//! Finds every schema resource and anchor of a document, without taking examples and constants for schemas.

use super::dialect::Dialect;
use super::library::{Library, Loc};
use super::tree::At;

/// What a node is read as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A schema.
    Schema,
    /// An object of schemas.
    SchemaMap,
    /// A schema, or an array of them.
    SchemaList,
    /// A part of an OpenAPI document that may hold schemas.
    Document,
    /// Data.
    Data,
}

/// Keywords that hold schemas; all others hold data.
const KEYWORDS: &[(&str, Kind)] = &[
    ("$defs", Kind::SchemaMap),
    ("additionalItems", Kind::Schema),
    ("additionalProperties", Kind::Schema),
    ("allOf", Kind::SchemaList),
    ("anyOf", Kind::SchemaList),
    ("contains", Kind::Schema),
    ("contentSchema", Kind::Schema),
    ("definitions", Kind::SchemaMap),
    ("dependencies", Kind::SchemaMap),
    ("dependentSchemas", Kind::SchemaMap),
    ("else", Kind::Schema),
    ("if", Kind::Schema),
    ("items", Kind::SchemaList),
    ("not", Kind::Schema),
    ("oneOf", Kind::SchemaList),
    ("patternProperties", Kind::SchemaMap),
    ("prefixItems", Kind::SchemaList),
    ("properties", Kind::SchemaMap),
    ("propertyNames", Kind::Schema),
    ("then", Kind::Schema),
    ("unevaluatedItems", Kind::Schema),
    ("unevaluatedProperties", Kind::Schema),
];

/// Members of OpenAPI's objects that hold something other than more of the same.
const MEMBERS: &[(&str, Kind)] = &[
    ("schema", Kind::Schema),
    ("schemas", Kind::SchemaMap),
    ("example", Kind::Data),
    ("examples", Kind::Data),
    ("default", Kind::Document),
];

/// Indexes a document that has just been added.
pub(super) fn document(library: &mut Library, document: u32, resource: u32) {
    let Some(root) = library.resource_of_id(resource).map(|resource| resource.dialect) else { return };
    let root_ix = library.root_of(document);
    let is_openapi = library.at(root_ix).get("openapi").is_some();
    let kind = if is_openapi { Kind::Document } else { Kind::Schema };
    // A file without `openapi` may be a schema or a bag of anything that a document refers to.
    let unknown = if root.is_openapi() { Kind::Document } else { Kind::Data };
    let mut stack = vec![(root_ix, resource, kind)];
    while let Some((loc, resource, kind)) = stack.pop() {
        if library.is_assigned(loc) {
            continue;
        }
        let resource = if kind == Kind::Schema { schema(library, loc, resource) } else { resource };
        library.assign(loc, resource);
        let at = library.at(loc);
        let items = at.items().map(|item| (item, if kind == Kind::SchemaList { Kind::Schema } else { kind }));
        let members = at.members().map(|(name, _, value)| (value, member(kind, name, value, unknown)));
        let children =
            items.chain(members).map(|(child, kind)| (Loc { document, ix: child.ix }, resource, kind));
        stack.extend(children.collect::<Vec<_>>().into_iter().rev());
    }
}

fn member(kind: Kind, name: &str, value: At<'_>, unknown: Kind) -> Kind {
    match kind {
        Kind::Schema | Kind::SchemaList => match KEYWORDS.iter().find(|(known, _)| *known == name) {
            Some((_, Kind::SchemaList)) if !value.is_array() => Kind::Schema,
            Some((_, kind)) => *kind,
            None if matches!(name, "enum" | "const" | "default" | "example" | "examples") => Kind::Data,
            None => unknown,
        },
        Kind::SchemaMap => Kind::Schema,
        Kind::Document => {
            MEMBERS.iter().find(|(known, _)| *known == name).map_or(Kind::Document, |(_, kind)| *kind)
        }
        Kind::Data => Kind::Data,
    }
}

/// Notes a schema's identifier and anchors; answers with the resource that it belongs to.
fn schema(library: &mut Library, loc: Loc, parent: u32) -> u32 {
    let inherited = library.resource_of_id(parent).map_or(Dialect::Draft202012, |parent| parent.dialect);
    let at = library.at(loc);
    let text = |name| at.get(name).and_then(At::as_str).map(str::to_owned);
    let dialect = Dialect::of_schema(at).unwrap_or(inherited);
    let draft4 = dialect.is_draft4();
    if draft4 && at.get("$ref").is_some() {
        return parent;
    }
    let id = if draft4 { text("id").filter(|_| dialect == Dialect::Draft4) } else { text("$id") };
    let (anchor, dynamic) = (text("$anchor"), text("$dynamicAnchor"));
    let asks = at.get("$dynamicRef").is_some();
    let mut resource = parent;
    match id.as_deref() {
        Some(id) if id.starts_with('#') && draft4 => {
            library.add_anchor(parent, id.trim_start_matches('#'), loc, false);
        }
        Some(id) if id.starts_with('#') => {}
        Some(id) => resource = library.add_part(parent, id, loc, dialect),
        None => {}
    }
    library.dynamic |= asks;
    if let (Some(name), false) = (anchor, draft4) {
        library.add_anchor(resource, &name, loc, false);
    }
    if let (Some(name), false) = (dynamic, draft4) {
        library.add_anchor(resource, &name, loc, true);
    }
    resource
}
