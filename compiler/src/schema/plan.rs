//! Builds one plan from the schemas of many documents: equal patterns and constants are stored once.

use std::collections::BTreeMap;

use shield_ir::schema::{Keyword, Node, NodeId, PatternId, Plan, Resource, ResourceId, ValueId};

use super::pattern::{self, PatternError};

/// A plan that is being built.
#[derive(Debug, Default)]
pub struct PlanBuilder {
    plan: Plan,
    patterns: BTreeMap<String, Result<PatternId, PatternError>>,
    values: BTreeMap<String, ValueId>,
}

impl PlanBuilder {
    /// An empty plan.
    pub fn new() -> Self {
        Self::default()
    }

    /// The plan.
    pub fn finish(self) -> Plan {
        self.plan
    }

    /// The plan as it stands.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A node that accepts everything until [`PlanBuilder::define`] says what it asks.
    pub fn reserve(&mut self) -> NodeId {
        self.plan.nodes.push(Node::default());
        NodeId(self.plan.nodes.len() as u32 - 1)
    }

    /// Says what a reserved node asks.
    pub fn define(&mut self, id: NodeId, keywords: Vec<Keyword>, resource: Option<ResourceId>) {
        if let Some(node) = self.plan.nodes.get_mut(id.0 as usize) {
            *node = Node { keywords, resource };
        }
    }

    /// A new node of these keywords.
    pub fn node(&mut self, keywords: Vec<Keyword>) -> NodeId {
        let id = self.reserve();
        self.define(id, keywords, None);
        id
    }

    /// The pattern, translated; each is translated once.
    pub fn pattern(&mut self, source: &str) -> Result<PatternId, PatternError> {
        if let Some(known) = self.patterns.get(source) {
            return known.clone();
        }
        let id = pattern::translate(source).map(|regex| {
            self.plan.patterns.push(regex);
            PatternId(self.plan.patterns.len() as u32 - 1)
        });
        self.patterns.insert(source.to_owned(), id.clone());
        id
    }

    /// The constant of that JSON text.
    pub fn value(&mut self, json: String) -> ValueId {
        let next = ValueId(self.plan.values.len() as u32);
        let id = *self.values.entry(json.clone()).or_insert(next);
        if id == next {
            self.plan.values.push(json);
        }
        id
    }

    /// A resource without anchors until [`PlanBuilder::anchor`] adds some.
    pub fn resource(&mut self) -> ResourceId {
        self.plan.resources.push(Resource::default());
        ResourceId(self.plan.resources.len() as u32 - 1)
    }

    /// Names a node of a resource; names come in order.
    pub fn anchor(&mut self, resource: ResourceId, name: String, node: NodeId) {
        if let Some(resource) = self.plan.resources.get_mut(resource.0 as usize) {
            resource.anchors.push((name, node));
        }
    }
}
