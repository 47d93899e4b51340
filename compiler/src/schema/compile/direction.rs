//! `readOnly` and `writeOnly`: which members travel in one direction only, and what `required` then means.

use shield_ir::schema::{Direction, Keyword, NodeId};

use super::{Compiler, FLAGS, OneWay};
use crate::schema::library::Loc;
use crate::schema::tree::At;

/// Longer chains of references and compositions are not looked through.
const MAX_DEPTH: usize = 16;

impl Compiler<'_> {
    /// The node of a property: one that fails where the property does not travel.
    pub(super) fn one_way(&mut self, property: Loc, node: NodeId) -> NodeId {
        if !self.dialect(property).is_openapi() {
            return node;
        }
        let mut keywords: Vec<Keyword> = FLAGS
            .iter()
            .filter(|(flag, _)| self.is_flagged(property, flag))
            .map(|(_, direction)| Keyword::Absent(*direction))
            .collect();
        if keywords.is_empty() {
            return node;
        }
        keywords.push(Keyword::Ref(node));
        self.plan.node(keywords)
    }

    fn is_flagged(&self, mut property: Loc, flag: &str) -> bool {
        for _ in 0..MAX_DEPTH {
            let at = self.library.at(property);
            let reference = at.get("$ref").and_then(At::as_str);
            let hidden = reference.is_some() && self.dialect(property).is_draft4();
            if !hidden && at.get(flag).and_then(At::as_bool) == Some(true) {
                return true;
            }
            match reference.map(|text| self.library.resolve(property, text)) {
                Some(Ok(target)) => property = target,
                _ => return false,
            }
        }
        false
    }

    /// What is known, for the schemas that a schema combines, of members that travel in one direction.
    pub(super) fn around(&self, loc: Loc, at: At<'_>, outer: &OneWay) -> OneWay {
        let combines =
            ["allOf", "anyOf", "oneOf", "not", "if"].iter().any(|keyword| at.get(keyword).is_some());
        if !combines || !self.dialect(loc).is_openapi() {
            return OneWay::default();
        }
        let mut known = outer.clone();
        self.collect(loc, &mut known, 0);
        known
    }

    fn collect(&self, loc: Loc, known: &mut OneWay, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        let at = self.library.at(loc);
        if let Some(Ok(target)) =
            at.get("$ref").and_then(At::as_str).map(|text| self.library.resolve(loc, text))
        {
            self.collect(target, known, depth + 1);
        }
        for (name, _, property) in at.get("properties").into_iter().flat_map(At::members) {
            let property = Self::child(loc, property);
            if self.is_flagged(property, "readOnly") {
                known.read_only.insert(name.to_owned());
            }
            if self.is_flagged(property, "writeOnly") {
                known.write_only.insert(name.to_owned());
            }
        }
        for part in at.get("allOf").into_iter().flat_map(At::items) {
            self.collect(Self::child(loc, part), known, depth + 1);
        }
    }

    /// `required`: a member that does not travel is not missed.
    pub(super) fn required(&mut self, loc: Loc, at: At<'_>, around: &OneWay, out: &mut Vec<Keyword>) {
        let Some(list) = at.get("required").filter(|_| self.validates(loc)) else { return };
        let names = self.names("required", list);
        let mut known = around.clone();
        if self.dialect(loc).is_openapi() {
            self.collect(loc, &mut known, 0);
        }
        let (mut both, mut request, mut response) = (Vec::new(), Vec::new(), Vec::new());
        for name in names {
            match (known.read_only.contains(&name), known.write_only.contains(&name)) {
                (false, false) => both.push(name),
                (true, false) => response.push(name),
                (false, true) => request.push(name),
                (true, true) => {}
            }
        }
        let lists = [(Direction::Both, both), (Direction::Request, request), (Direction::Response, response)];
        out.extend(
            lists
                .into_iter()
                .filter(|(_, names)| !names.is_empty())
                .map(|(when, names)| Keyword::Required { when, names }),
        );
    }
}
