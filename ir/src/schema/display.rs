//! The stable text form of a plan: one line per keyword, for snapshots and `shieldc dump --ir`.

use std::fmt;

use super::{Direction, Keyword, NodeId, Plan};

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, node) in self.nodes.iter().enumerate() {
            match node.resource {
                Some(resource) => writeln!(f, "s{at}: resource {}", resource.0)?,
                None => writeln!(f, "s{at}:")?,
            }
            for keyword in &node.keywords {
                write!(f, "  ")?;
                self.keyword(f, keyword)?;
                writeln!(f)?;
            }
        }
        for (at, resource) in self.resources.iter().enumerate() {
            writeln!(f, "resource {at}: {}", Rows(&resource.anchors))?;
        }
        Ok(())
    }
}

impl Plan {
    fn keyword(&self, f: &mut fmt::Formatter<'_>, keyword: &Keyword) -> fmt::Result {
        match keyword {
            Keyword::Never => write!(f, "never"),
            Keyword::Type(types) => write!(f, "type {}", types.names().collect::<Vec<_>>().join(" ")),
            Keyword::Enum(values) => {
                let texts: Vec<_> = values.iter().filter_map(|id| self.value(*id)).collect();
                write!(f, "enum {}", texts.join(" "))
            }
            Keyword::Const(value) => write!(f, "const {}", self.value(*value).unwrap_or("?")),
            Keyword::MultipleOf(n) => write!(f, "multipleOf {n}"),
            Keyword::Minimum(n) => write!(f, "minimum {n}"),
            Keyword::ExclusiveMinimum(n) => write!(f, "exclusiveMinimum {n}"),
            Keyword::Maximum(n) => write!(f, "maximum {n}"),
            Keyword::ExclusiveMaximum(n) => write!(f, "exclusiveMaximum {n}"),
            Keyword::MinLength(n) => write!(f, "minLength {n}"),
            Keyword::MaxLength(n) => write!(f, "maxLength {n}"),
            Keyword::Pattern(id) => write!(f, "pattern {:?}", self.pattern(*id).unwrap_or("?")),
            Keyword::Format(format) => write!(f, "format {}", format.name()),
            Keyword::MinItems(n) => write!(f, "minItems {n}"),
            Keyword::MaxItems(n) => write!(f, "maxItems {n}"),
            Keyword::UniqueItems => write!(f, "uniqueItems"),
            Keyword::Items { prefix, rest } => {
                write!(f, "items{}{}", List(prefix), Rest(*rest))
            }
            Keyword::Contains { node, min, max } => match max {
                Some(max) => write!(f, "contains {node} {min}..{max}"),
                None => write!(f, "contains {node} {min}.."),
            },
            Keyword::MinProperties(n) => write!(f, "minProperties {n}"),
            Keyword::MaxProperties(n) => write!(f, "maxProperties {n}"),
            Keyword::Required { when, names } => write!(f, "required{when} {names:?}"),
            Keyword::DependentRequired(rows) => write!(f, "dependentRequired {rows:?}"),
            Keyword::DependentSchemas(rows) => write!(f, "dependentSchemas {}", Rows(rows)),
            Keyword::Properties { named, patterns, others } => {
                write!(f, "properties {}", Rows(named))?;
                for (pattern, node) in patterns {
                    write!(f, " /{}/={node}", self.pattern(*pattern).unwrap_or("?"))?;
                }
                write!(f, "{}", Rest(*others))
            }
            Keyword::PropertyNames(node) => write!(f, "propertyNames {node}"),
            Keyword::Absent(when) => write!(f, "absent{when}"),
            Keyword::Ref(node) => write!(f, "ref {node}"),
            Keyword::DynamicRef { anchor, fallback } => write!(f, "dynamicRef {anchor:?} else {fallback}"),
            Keyword::AllOf(nodes) => write!(f, "allOf{}", List(nodes)),
            Keyword::AnyOf(nodes) => write!(f, "anyOf{}", List(nodes)),
            Keyword::OneOf(nodes) => write!(f, "oneOf{}", List(nodes)),
            Keyword::Discriminator { property, mapping } => {
                write!(f, "discriminator {property:?} {}", Rows(mapping))
            }
            Keyword::Not(node) => write!(f, "not {node}"),
            Keyword::If { test, then, otherwise } => {
                write!(f, "if {test} then{} else{}", Rest(*then), Rest(*otherwise))
            }
            Keyword::UnevaluatedItems(node) => write!(f, "unevaluatedItems {node}"),
            Keyword::UnevaluatedProperties(node) => write!(f, "unevaluatedProperties {node}"),
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => " in requests",
            Self::Response => " in responses",
            Self::Both => "",
        })
    }
}

struct List<'a>(&'a [NodeId]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|node| write!(f, " {node}"))
    }
}

struct Rows<'a>(&'a [(String, NodeId)]);

impl fmt::Display for Rows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<_> = self.0.iter().map(|(name, node)| format!("{name:?}={node}")).collect();
        f.write_str(&rows.join(" "))
    }
}

struct Rest(Option<NodeId>);

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(node) => write!(f, " *={node}"),
            None => Ok(()),
        }
    }
}
