//! All documents that one document needs, every schema resource in them, and what references name.
//!
//! Files are read only through `Sources` and only inside the policy's root; nothing is ever fetched.

use std::collections::BTreeMap;

use super::dialect::Dialect;
use super::tree::{At, Ix, Tree};
use super::{read, uri};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::source::{self, SourceError, SourceMap, Sources, Span};

/// A node of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Loc {
    /// The document.
    pub(super) document: u32,
    /// The node.
    pub(super) ix: Ix,
}

/// The documents, indexed.
#[derive(Debug, Default)]
pub(super) struct Library {
    documents: Vec<Loaded>,
    resources: Vec<Resource>,
    by_uri: BTreeMap<String, u32>,
    by_path: BTreeMap<String, Result<u32, SourceError>>,
    /// Whether any schema asks for dynamic anchors.
    pub(super) dynamic: bool,
}

#[derive(Debug)]
struct Loaded {
    tree: Tree,
    /// The resource of every node.
    resource: Vec<u32>,
    root_resource: u32,
}

/// A document, or a part of one with an identifier of its own.
#[derive(Debug)]
pub(super) struct Resource {
    uri: String,
    /// Its path below the policy's root, where it is a file.
    path: Option<String>,
    root: Loc,
    /// The dialect of its schemas.
    pub(super) dialect: Dialect,
    anchors: BTreeMap<String, Loc>,
    /// Anchors that dynamic references look for.
    pub(super) dynamic_anchors: BTreeMap<String, Loc>,
}

/// Why a reference leads nowhere.
#[derive(Clone, Debug)]
pub(super) enum Broken {
    /// It names another host.
    Remote,
    /// It leaves the policy's root.
    Outside,
    /// The file cannot be had.
    File(String, SourceError),
    /// The file is not a document; that has been said.
    Unreadable,
    /// The document has no such part.
    NoTarget,
}

/// What the file that is asked for must be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected {
    /// An OpenAPI document without the fault that this finds.
    Document(fn(At<'_>) -> Option<Diagnostic>),
    /// A schema, of this dialect unless it names its own.
    Schema(Dialect),
}

/// What is loaded next.
struct Wanted {
    path: String,
    dialect: Dialect,
}

impl Library {
    /// Reads the file at `path` and all that it refers to. `None` when it cannot be read itself, or is not
    /// what is expected.
    pub(super) fn read(
        sources: &dyn Sources,
        map: &mut SourceMap,
        path: &str,
        diagnostics: &mut Vec<Diagnostic>,
        expected: Expected,
    ) -> Option<Self> {
        let mut library = Self::default();
        let bytes = match sources.read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let file = map.find(path).unwrap_or_else(|| map.add(path, ""));
                let message = format!("`{path}` cannot be read: {error}");
                diagnostics.push(Diagnostic::new(codes::E0501, Span::new(file, 0, 0), message));
                return None;
            }
        };
        let tree = read::document(map, path, &bytes).map_err(|error| diagnostics.push(*error)).ok()?;
        let dialect = match expected {
            Expected::Schema(dialect) => Dialect::of_schema(tree.root()).unwrap_or(dialect),
            Expected::Document(fault) => {
                if let Some(fault) = fault(tree.root()) {
                    diagnostics.push(fault);
                    return None;
                }
                Dialect::of_document(tree.root())
            }
        };
        library.add(tree, file_uri(path), Some(path.to_owned()), dialect);
        library.by_path.insert(path.to_owned(), Ok(0));
        library.follow(sources, map, diagnostics);
        Some(library)
    }

    /// A library of one schema text and of others known by their URIs.
    pub(super) fn of_texts(
        map: &mut SourceMap,
        dialect: Dialect,
        root: (&str, &str),
        others: &[(&str, &str)],
    ) -> Result<Self, Box<Diagnostic>> {
        let mut library = Self::default();
        for (uri, text) in std::iter::once(&root).chain(others) {
            let tree = read::document(map, uri, text.as_bytes())?;
            let dialect = Dialect::of_schema(tree.root()).unwrap_or(dialect);
            library.add(tree, uri::split(uri).0.to_owned(), None, dialect);
        }
        library.add_standard_documents(map);
        Ok(library)
    }

    /// Reads files that references name until there is none that has not been read.
    fn follow(&mut self, sources: &dyn Sources, map: &mut SourceMap, diagnostics: &mut Vec<Diagnostic>) {
        let mut at = 0;
        while at < self.documents.len() {
            for Wanted { path, dialect } in self.wanted(at) {
                if self.by_path.contains_key(&path) {
                    continue;
                }
                let loaded = sources.read(&path).map(|bytes| match read::document(map, &path, &bytes) {
                    Ok(tree) => {
                        let dialect = if tree.root().get("openapi").is_some() {
                            Dialect::of_document(tree.root())
                        } else {
                            Dialect::of_schema(tree.root()).unwrap_or(dialect)
                        };
                        self.add(tree, file_uri(&path), Some(path.clone()), dialect)
                    }
                    Err(error) => {
                        diagnostics.push(*error);
                        u32::MAX
                    }
                });
                self.by_path.insert(path, loaded);
            }
            at += 1;
        }
        self.add_standard_documents(map);
    }

    /// Files that a document's references name.
    fn wanted(&self, document: usize) -> Vec<Wanted> {
        let Some(loaded) = self.documents.get(document) else { return Vec::new() };
        let mut wanted = Vec::new();
        for index in 0..loaded.tree.len() {
            let loc = Loc { document: document as u32, ix: Ix(index as u32) };
            let resource = self.resource(loc);
            for name in ["$ref", "$dynamicRef", "operationRef"] {
                let Some(reference) = self.at(loc).get(name).and_then(At::as_str) else { continue };
                let target = uri::split(reference).0;
                if target.is_empty() {
                    continue;
                }
                if let Ok(path) = self.file(resource, target) {
                    wanted.push(Wanted { path, dialect: resource.dialect });
                }
            }
        }
        wanted
    }

    /// The metaschemas that references name.
    fn add_standard_documents(&mut self, map: &mut SourceMap) {
        let mut at = 0;
        while at < self.documents.len() {
            let mut missing = Vec::new();
            let count = self.documents.get(at).map_or(0, |loaded| loaded.tree.len());
            for index in 0..count {
                let loc = Loc { document: at as u32, ix: Ix(index as u32) };
                for name in ["$ref", "$dynamicRef", "$schema"] {
                    let Some(reference) = self.at(loc).get(name).and_then(At::as_str) else { continue };
                    let target = uri::resolve(&self.resource(loc).uri, uri::split(reference).0);
                    if !self.by_uri.contains_key(&target) {
                        missing.push(target);
                    }
                }
            }
            for target in missing {
                let Some(text) = super::standard::document(&target) else { continue };
                if self.by_uri.contains_key(&target) {
                    continue;
                }
                let Ok(tree) = read::document(map, &target, text.as_bytes()) else { continue };
                let dialect = Dialect::of_schema(tree.root()).unwrap_or(Dialect::Draft202012);
                self.add(tree, target, None, dialect);
            }
            at += 1;
        }
    }

    fn add(&mut self, tree: Tree, uri: String, path: Option<String>, dialect: Dialect) -> u32 {
        let document = self.documents.len() as u32;
        let root = Loc { document, ix: tree.root().ix };
        let resource = self.add_resource(Resource {
            uri,
            path,
            root,
            dialect,
            anchors: BTreeMap::new(),
            dynamic_anchors: BTreeMap::new(),
        });
        let nodes = tree.len();
        self.documents.push(Loaded { tree, resource: vec![u32::MAX; nodes], root_resource: resource });
        super::index::document(self, document, resource);
        document
    }

    /// Adds a resource and says under which number.
    pub(super) fn add_resource(&mut self, resource: Resource) -> u32 {
        let id = self.resources.len() as u32;
        self.by_uri.entry(resource.uri.clone()).or_insert(id);
        self.resources.push(resource);
        id
    }

    /// Adds a part of `parent` that has an identifier of its own.
    pub(super) fn add_part(&mut self, parent: u32, id: &str, root: Loc, dialect: Dialect) -> u32 {
        let base = self.resources.get(parent as usize);
        let uri = uri::resolve(base.map_or("", |base| &base.uri), uri::split(id).0);
        // A file stays one for references that its parts make, unless their identifier is a URI of its own.
        let path = base.and_then(|base| base.path.clone()).filter(|_| !uri::is_absolute(id));
        let path = path.and_then(|path| source::join(&path, uri::split(id).0));
        self.add_resource(Resource {
            uri,
            path,
            root,
            dialect,
            anchors: BTreeMap::new(),
            dynamic_anchors: BTreeMap::new(),
        })
    }

    /// Names a node of a resource.
    pub(super) fn add_anchor(&mut self, resource: u32, name: &str, loc: Loc, dynamic: bool) {
        if let Some(resource) = self.resources.get_mut(resource as usize) {
            resource.anchors.entry(name.to_owned()).or_insert(loc);
            if dynamic {
                resource.dynamic_anchors.entry(name.to_owned()).or_insert(loc);
            }
        }
    }

    /// Says to which resource a node belongs.
    pub(super) fn assign(&mut self, loc: Loc, resource: u32) {
        let loaded = self.documents.get_mut(loc.document as usize);
        if let Some(slot) = loaded.and_then(|loaded| loaded.resource.get_mut(loc.ix.0 as usize)) {
            *slot = resource;
        }
    }

    /// Whether that has been said.
    pub(super) fn is_assigned(&self, loc: Loc) -> bool {
        let loaded = self.documents.get(loc.document as usize);
        loaded.and_then(|loaded| loaded.resource.get(loc.ix.0 as usize)).is_none_or(|id| *id != u32::MAX)
    }

    /// The first document's root.
    pub(super) fn root(&self) -> Loc {
        self.resources.first().map_or(Loc { document: 0, ix: Ix(0) }, |resource| resource.root)
    }

    /// The root of a document.
    pub(super) fn root_of(&self, document: u32) -> Loc {
        let root = self.documents.get(document as usize).map_or(Ix(0), |loaded| loaded.tree.root().ix);
        Loc { document, ix: root }
    }

    /// The node at a location.
    pub(super) fn at(&self, loc: Loc) -> At<'_> {
        static EMPTY: std::sync::OnceLock<Tree> = std::sync::OnceLock::new();
        let tree = self.documents.get(loc.document as usize).map(|loaded| &loaded.tree);
        tree.unwrap_or_else(|| EMPTY.get_or_init(|| Tree::new(source::FileId(0)))).at(loc.ix)
    }

    /// The number of the resource that a node belongs to.
    pub(super) fn resource_id(&self, loc: Loc) -> u32 {
        let Some(loaded) = self.documents.get(loc.document as usize) else { return 0 };
        match loaded.resource.get(loc.ix.0 as usize) {
            Some(id) if *id != u32::MAX => *id,
            _ => loaded.root_resource,
        }
    }

    /// The resource that a node belongs to.
    pub(super) fn resource(&self, loc: Loc) -> &Resource {
        static NOWHERE: std::sync::OnceLock<Resource> = std::sync::OnceLock::new();
        self.resources
            .get(self.resource_id(loc) as usize)
            .unwrap_or_else(|| NOWHERE.get_or_init(Resource::nowhere))
    }

    /// The resource of that number.
    pub(super) fn resource_of_id(&self, id: u32) -> Option<&Resource> {
        self.resources.get(id as usize)
    }

    /// What a reference at `from` names.
    pub(super) fn resolve(&self, from: Loc, reference: &str) -> Result<Loc, Broken> {
        let (target, fragment) = uri::split(reference);
        let here = self.resource_id(from);
        let id = if target.is_empty() { here } else { self.find(here, target)? };
        let resource = self.resources.get(id as usize).ok_or(Broken::NoTarget)?;
        self.fragment(resource, fragment).ok_or(Broken::NoTarget)
    }

    fn fragment(&self, resource: &Resource, fragment: &str) -> Option<Loc> {
        let fragment = uri::percent_decode(fragment);
        if !fragment.starts_with('/') && !fragment.is_empty() {
            return resource.anchors.get(&fragment).copied();
        }
        let mut at = self.at(resource.root);
        for token in fragment.split('/').skip(1) {
            let name = token.replace("~1", "/").replace("~0", "~");
            at = if at.is_array() { at.items().nth(name.parse().ok()?)? } else { at.get(&name)? };
        }
        Some(Loc { document: resource.root.document, ix: at.ix })
    }

    fn find(&self, here: u32, target: &str) -> Result<u32, Broken> {
        let resource = self.resources.get(here as usize).ok_or(Broken::NoTarget)?;
        let whole = uri::resolve(&resource.uri, target);
        if let Some(id) = self.by_uri.get(&whole) {
            return Ok(*id);
        }
        let path = self.file(resource, target)?;
        match self.by_path.get(&path) {
            Some(Ok(document)) => self
                .documents
                .get(*document as usize)
                .map(|loaded| loaded.root_resource)
                .ok_or(Broken::Unreadable),
            Some(Err(error)) => Err(Broken::File(path, error.clone())),
            None => Err(Broken::NoTarget),
        }
    }

    /// Whether a document or schema of that URI is at hand.
    pub(super) fn knows(&self, uri: &str) -> bool {
        self.by_uri.contains_key(uri::split(uri).0)
    }

    /// Whether the metaschema of a resource has this vocabulary of 2020-12. What names no metaschema has those
    /// that are the rule.
    pub(super) fn has_vocabulary(&self, loc: Loc, name: &str) -> bool {
        let usual = name != "format-assertion";
        let Some(resource) = self.resources.get(self.resource_id(loc) as usize) else { return usual };
        let Some(meta) = self.at(resource.root).get("$schema").and_then(At::as_str) else { return usual };
        let meta = self.by_uri.get(uri::split(meta).0).and_then(|id| self.resources.get(*id as usize));
        let vocabulary = meta.and_then(|meta| self.at(meta.root).get("$vocabulary"));
        vocabulary
            .map_or(usual, |list| list.members().any(|(uri, _, _)| uri.rsplit('/').next() == Some(name)))
    }

    /// The file that a reference from a resource names.
    #[expect(clippy::unused_self, reason = "it reads as a question to the library, beside `find`")]
    fn file(&self, resource: &Resource, target: &str) -> Result<String, Broken> {
        if uri::is_absolute(target) || target.starts_with("//") {
            return Err(Broken::Remote);
        }
        let path = resource.path.as_deref().ok_or(Broken::Remote)?;
        source::join(path, &uri::percent_decode(target)).ok_or(Broken::Outside)
    }
}

impl Resource {
    fn nowhere() -> Self {
        Self {
            uri: String::new(),
            path: None,
            root: Loc { document: 0, ix: Ix(0) },
            dialect: Dialect::Draft202012,
            anchors: BTreeMap::new(),
            dynamic_anchors: BTreeMap::new(),
        }
    }
}

/// Files are named by their place below the root, in a scheme that nothing else uses.
fn file_uri(path: &str) -> String {
    format!("root:///{path}")
}
