//! From schemas in documents to nodes of the plan.
//!
//! Nothing here recurses along schemas: a schema that is asked for gets its id at once and waits in a queue, so
//! cycles need no care and depth is no matter.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use shield_ir::schema::{Direction, Keyword, NodeId, ResourceId, TypeSet};

use super::dialect::Dialect;
use super::library::{Broken, Library, Loc};
use super::plan::PlanBuilder;
use super::tree::{At, Value};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

mod assertions;
mod conjunctions;
mod containers;
mod contradictions;
mod direction;
mod logic;
mod remarks;

/// What the compiler takes for granted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    /// Whether `format` is asserted.
    pub(super) assert_formats: bool,
    /// Whether keywords that are not enforced are remarked on.
    pub(super) remark: bool,
}

/// Members of an object that travel in one direction only, as the schemas around a schema say.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OneWay {
    read_only: BTreeSet<String>,
    write_only: BTreeSet<String>,
}

/// Compiles the schemas of one library into a plan.
#[derive(Debug)]
pub(super) struct Compiler<'a> {
    pub(super) library: &'a Library,
    pub(super) plan: &'a mut PlanBuilder,
    pub(super) diagnostics: &'a mut Vec<Diagnostic>,
    options: Options,
    ids: BTreeMap<(Loc, OneWay), NodeId>,
    queue: VecDeque<(Loc, OneWay, NodeId)>,
    resources: BTreeMap<u32, ResourceId>,
    /// Where each node came from, for what is found out about the whole plan.
    origins: BTreeMap<NodeId, Span>,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(
        library: &'a Library,
        plan: &'a mut PlanBuilder,
        diagnostics: &'a mut Vec<Diagnostic>,
        options: Options,
    ) -> Self {
        Self {
            library,
            plan,
            diagnostics,
            options,
            ids: BTreeMap::new(),
            queue: VecDeque::new(),
            resources: BTreeMap::new(),
            origins: BTreeMap::new(),
        }
    }

    /// The node of the schema at a location.
    pub(super) fn schema(&mut self, loc: Loc) -> NodeId {
        self.schema_among(loc, &OneWay::default())
    }

    /// The node of the schema at a location, applied to a value about which the schemas around it say more.
    fn schema_among(&mut self, loc: Loc, around: &OneWay) -> NodeId {
        let key = (loc, around.clone());
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        let id = self.plan.reserve();
        self.origins.insert(id, self.library.at(loc).span());
        self.queue.push_back((loc, around.clone(), id));
        self.ids.insert(key, id);
        id
    }

    /// Compiles all that has been asked for, and says so where a schema goes round in a circle.
    pub(super) fn finish(&mut self) {
        let mut told = BTreeSet::new();
        while let Some((loc, around, id)) = self.queue.pop_front() {
            let known = self.diagnostics.len();
            let mut keywords = self.keywords(loc, &around);
            if self.diagnostics.iter().skip(known).any(|one| one.code == codes::W0502) {
                told.insert(id);
            }
            keywords.sort_by_key(rank);
            let resource = if self.library.dynamic { Some(self.resource(loc)) } else { None };
            self.plan.define(id, keywords, resource);
        }
        if let Some(node) = self.plan.plan().cycle()
            && let Some(span) = self.origins.get(&node)
        {
            let message = "this schema refers to itself without going into the value";
            let diagnostic = Diagnostic::new(codes::E0502, *span, message)
                .help("let the cycle pass through `properties` or `items`");
            self.diagnostics.push(diagnostic);
        } else {
            self.conjunctions(&told);
        }
    }

    fn keywords(&mut self, loc: Loc, around: &OneWay) -> Vec<Keyword> {
        let at = self.library.at(loc);
        let dialect = self.dialect(loc);
        match at.value() {
            Value::Bool(true) if !dialect.is_draft4() => Vec::new(),
            Value::Bool(false) if !dialect.is_draft4() => vec![Keyword::Never],
            Value::Object(_) => self.object(loc, at, around),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                let message = format!("a schema is an object, not {}", at.kind());
                let fault = Diagnostic::new(codes::E0503, at.span(), message);
                self.diagnostics.push(match at.as_str().filter(|text| TypeSet::named(text).is_some()) {
                    Some(name) => fault.help(format!("write `{{ type: {name} }}`")),
                    None => fault,
                });
                Vec::new()
            }
        }
    }

    fn object(&mut self, loc: Loc, at: At<'_>, around: &OneWay) -> Vec<Keyword> {
        let dialect = self.dialect(loc);
        let mut out = Vec::new();
        self.named_dialect(at, dialect);
        if let Some(reference) = at.get("$ref") {
            out.extend(self.reference(loc, reference, around).map(Keyword::Ref));
            if dialect.is_draft4() {
                self.remark_hidden(at);
                return out;
            }
        }
        if let Some(reference) = at.get("$dynamicRef") {
            out.extend(self.dynamic_reference(loc, reference));
        }
        if self.validates(loc) {
            self.assertions(loc, at, &mut out);
        }
        self.format(loc, at, &mut out);
        self.containers(loc, at, &mut out);
        self.logic(loc, at, around, &mut out);
        self.required(loc, at, around, &mut out);
        if dialect == Dialect::OpenApi30 {
            nullable(at, &mut out, self);
        }
        self.remarks(at, dialect);
        self.contradictions(at, &out);
        out
    }

    /// A schema of a document may name its dialect, if it is one that is read.
    fn named_dialect(&mut self, at: At<'_>, dialect: Dialect) {
        let Some(named) = at.get("$schema").filter(|_| dialect.is_openapi()) else { return };
        let known =
            named.as_str().is_some_and(|uri| Dialect::named(uri).is_some() || self.library.knows(uri));
        if !known {
            self.fault(
                named.span(),
                format!("`{}` is not a dialect that is read", named.as_str().unwrap_or("?")),
            );
        }
    }

    /// The schema that a `$ref` names.
    fn reference(&mut self, from: Loc, reference: At<'_>, around: &OneWay) -> Option<NodeId> {
        let target = self.target(from, reference)?;
        Some(self.schema_among(target, around))
    }

    /// What a reference names; says so where that is nothing.
    pub(super) fn target(&mut self, from: Loc, reference: At<'_>) -> Option<Loc> {
        let Some(text) = reference.as_str() else {
            self.fault(reference.span(), format!("a reference is a string, not {}", reference.kind()));
            return None;
        };
        match self.library.resolve(from, text) {
            Ok(target) => Some(target),
            Err(broken) => {
                self.diagnostics.extend(broken_reference(reference.span(), text, &broken));
                None
            }
        }
    }

    /// A dynamic reference is one only if what it names where it stands is a dynamic anchor.
    fn dynamic_reference(&mut self, from: Loc, reference: At<'_>) -> Option<Keyword> {
        let target = self.target(from, reference)?;
        let fallback = self.schema(target);
        let anchor = reference.as_str()?.split_once('#')?.1.to_owned();
        let dynamic = self.library.resource(target).dynamic_anchors.get(&anchor) == Some(&target);
        Some(if dynamic { Keyword::DynamicRef { anchor, fallback } } else { Keyword::Ref(fallback) })
    }

    fn resource(&mut self, loc: Loc) -> ResourceId {
        let id = self.library.resource_id(loc);
        if let Some(known) = self.resources.get(&id) {
            return *known;
        }
        let resource = self.plan.resource();
        self.resources.insert(id, resource);
        let library = self.library;
        if let Some(found) = library.resource_of_id(id) {
            for (name, target) in &found.dynamic_anchors {
                let node = self.schema(*target);
                self.plan.anchor(resource, name.clone(), node);
            }
        }
        resource
    }

    pub(super) fn dialect(&self, loc: Loc) -> Dialect {
        self.library.resource(loc).dialect
    }

    /// Whether the metaschema of a resource has the vocabulary of assertions.
    fn validates(&self, loc: Loc) -> bool {
        self.library.has_vocabulary(loc, "validation")
    }

    /// A child of a node.
    fn child(loc: Loc, at: At<'_>) -> Loc {
        Loc { document: loc.document, ix: at.ix }
    }

    /// Says that a schema is malformed.
    pub(super) fn fault(&mut self, span: Span, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::new(codes::E0503, span, message));
    }
}

/// `nullable` adds `null` to the types that stand beside it, and to nothing else.
fn nullable(at: At<'_>, out: &mut [Keyword], compiler: &mut Compiler<'_>) {
    let Some(flag) = at.get("nullable") else { return };
    let Some(flag) = flag.as_bool() else {
        return compiler.fault(flag.span(), format!("`nullable` is true or false, not {}", flag.kind()));
    };
    for keyword in out {
        if let (Keyword::Type(types), true) = (keyword, flag) {
            *types = types.with(TypeSet::NULL);
        }
    }
}

/// What is wrong with a reference, where that has not been said yet.
pub(super) fn broken_reference(span: Span, text: &str, broken: &Broken) -> Option<Diagnostic> {
    let error = |message: String| Diagnostic::new(codes::E0502, span, message);
    Some(match broken {
        Broken::Unreadable => return None,
        Broken::Remote => error(format!("`{text}` lies outside this policy; nothing is fetched"))
            .help("save the document beside the policy and refer to it by a relative path"),
        Broken::Outside => error(format!("`{text}` leaves the policy's root"))
            .help("put the document into the policy's folder"),
        Broken::File(path, why) => error(format!("`{path}` cannot be read: {why}")),
        Broken::NoTarget => error(format!("nothing stands at `{text}`")),
    })
}

/// Cheap and telling keywords first: what a first verdict looks at first.
fn rank(keyword: &Keyword) -> u8 {
    match keyword {
        Keyword::Never | Keyword::Absent(_) => 0,
        Keyword::Type(_) => 1,
        Keyword::Const(_)
        | Keyword::Minimum(_)
        | Keyword::ExclusiveMinimum(_)
        | Keyword::Maximum(_)
        | Keyword::ExclusiveMaximum(_)
        | Keyword::MinLength(_)
        | Keyword::MaxLength(_)
        | Keyword::MinItems(_)
        | Keyword::MaxItems(_)
        | Keyword::MinProperties(_)
        | Keyword::MaxProperties(_) => 2,
        Keyword::Enum(_)
        | Keyword::MultipleOf(_)
        | Keyword::Required { .. }
        | Keyword::DependentRequired(_) => 3,
        Keyword::Format(_) | Keyword::Pattern(_) => 4,
        Keyword::Properties { .. } | Keyword::PropertyNames(_) | Keyword::Items { .. } => 5,
        Keyword::UniqueItems | Keyword::Contains { .. } => 6,
        Keyword::Ref(_) | Keyword::DynamicRef { .. } | Keyword::AllOf(_) | Keyword::DependentSchemas(_) => 7,
        Keyword::Discriminator { .. } => 8,
        Keyword::AnyOf(_) | Keyword::OneOf(_) | Keyword::Not(_) | Keyword::If { .. } => 9,
        Keyword::UnevaluatedItems(_) | Keyword::UnevaluatedProperties(_) => 10,
    }
}

/// In which direction a member that is `readOnly` must not travel, and the reverse.
const FLAGS: [(&str, Direction); 2] = [("readOnly", Direction::Request), ("writeOnly", Direction::Response)];
