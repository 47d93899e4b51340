//! Security requirements, with the kinds of credentials that their schemes ask for.

use shield_ir::operation::{Location, Requirement, SchemeKind};

use super::Reader;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::names::nearest;
use crate::schema::library::Loc;
use crate::schema::tree::At;

impl Reader<'_> {
    /// The requirements of an operation: its own, else the document's.
    pub(super) fn security(&mut self, operation: Loc) -> Vec<Vec<Requirement>> {
        let list = self.child(operation, "security").or_else(|| self.child(self.root, "security"));
        let Some(list) = list else { return Vec::new() };
        let sets: Vec<At<'_>> = self.at(list).items().collect();
        sets.into_iter()
            .map(|set| {
                set.members().map(|(scheme, span, scopes)| self.requirement(scheme, span, scopes)).collect()
            })
            .collect()
    }

    fn requirement(&mut self, scheme: &str, span: crate::source::Span, scopes: At<'_>) -> Requirement {
        let scopes = scopes.items().filter_map(At::as_str).map(str::to_owned).collect();
        let schemes = self.child(self.root, "components").and_then(|loc| self.child(loc, "securitySchemes"));
        let defined = schemes.and_then(|loc| self.child(loc, scheme)).and_then(|loc| self.follow(loc));
        let kind = if let Some(loc) = defined {
            kind(self.at(loc))
        } else {
            let message = format!("the security scheme `{scheme}` is not defined");
            let known = schemes.map(|loc| self.at(loc).members().map(|(name, ..)| name));
            let help = match nearest(scheme, known.into_iter().flatten()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "define it in `components.securitySchemes`".to_owned(),
            };
            self.compiler.diagnostics.push(Diagnostic::new(codes::E0502, span, message).help(help));
            SchemeKind::Other
        };
        Requirement { scheme: scheme.to_owned(), kind, scopes }
    }
}

fn kind(scheme: At<'_>) -> SchemeKind {
    let text = |name| scheme.get(name).and_then(At::as_str).unwrap_or_default().to_ascii_lowercase();
    match text("type").as_str() {
        "apikey" => {
            let name = scheme.get("name").and_then(At::as_str).unwrap_or_default().to_owned();
            match text("in").as_str() {
                "query" => SchemeKind::ApiKey(Location::Query, name),
                "cookie" => SchemeKind::ApiKey(Location::Cookie, name),
                _ => SchemeKind::ApiKey(Location::Header, name.to_ascii_lowercase()),
            }
        }
        "http" if text("scheme") == "basic" => SchemeKind::Basic,
        "http" if text("scheme") == "bearer" => SchemeKind::Bearer,
        "oauth2" | "openidconnect" => SchemeKind::Bearer,
        "mutualtls" => SchemeKind::MutualTls,
        _ => SchemeKind::Other,
    }
}
