//! `session`, `jwt`, `limit` and `mtls` items, and what an `api` says of its callers.

use pest::iterators::Pair;

use super::{Reader, Rule, child, children};
use crate::ast::{
    Action, Allowance, Auth, Expr, ExprKind, Jwt, JwtStatement, Limit, Mtls, Name, Scope, Scopes, Session,
    SessionSource, Spanned,
};

impl Reader<'_> {
    /// A rule `auth`.
    pub(super) fn auth(&mut self, pair: &Pair<'_, Rule>) -> Auth {
        let tokens = children(pair, Rule::name).map(|name| self.name(&name)).collect();
        let scopes = match child(pair, Rule::kw_document) {
            Some(_) => Scopes::Document,
            None => Scopes::These(self.strings(pair)),
        };
        Auth { tokens, scopes }
    }

    /// A rule `session`.
    pub(super) fn session(&mut self, pair: &Pair<'_, Rule>) -> Option<Session> {
        let sources = statements(pair, Rule::session_statement)
            .filter_map(|statement| {
                let string = self.string_child(&statement)?;
                Some(match statement.as_rule() {
                    Rule::session_claim => {
                        SessionSource::Claim(self.name(&child(&statement, Rule::name)?), string)
                    }
                    Rule::from_header => SessionSource::Header(string),
                    _ => SessionSource::Cookie(string),
                })
            })
            .collect();
        Some(Session { name: self.name(&child(pair, Rule::name)?), sources })
    }

    /// A rule `jwt`.
    pub(super) fn jwt(&mut self, pair: &Pair<'_, Rule>) -> Option<Jwt> {
        let statements = statements(pair, Rule::jwt_statement)
            .filter_map(|statement| {
                let span = self.span(&statement);
                Some(Spanned::new(self.jwt_statement(&statement)?, span))
            })
            .collect();
        Some(Jwt { name: self.name(&child(pair, Rule::name)?), statements })
    }

    fn jwt_statement(&mut self, pair: &Pair<'_, Rule>) -> Option<JwtStatement> {
        Some(match pair.as_rule() {
            Rule::jwt_from => {
                let places = pair.clone().into_inner().filter(|inner| inner.as_rule() != Rule::kw_from);
                JwtStatement::From(
                    places
                        .filter_map(|place| {
                            Some((place.as_rule() == Rule::from_cookie, self.string_child(&place)?))
                        })
                        .collect(),
                )
            }
            Rule::jwt_keys => {
                let inner = pair.clone().into_inner().find(|inner| inner.as_rule() != Rule::kw_keys)?;
                match inner.as_rule() {
                    Rule::keys_file => JwtStatement::KeysFile(self.string_child(&inner)?),
                    Rule::keys_url => {
                        let refresh = child(&inner, Rule::duration).map(|duration| {
                            let span = self.span(&duration);
                            Spanned::new(self.duration(&duration), span)
                        });
                        JwtStatement::KeysUrl(self.string_child(&inner)?, refresh)
                    }
                    _ => JwtStatement::KeysSecret(self.string_child(&child(&inner, Rule::environment)?)?),
                }
            }
            Rule::jwt_algorithms => {
                JwtStatement::Algorithms(children(pair, Rule::name).map(|name| self.name(&name)).collect())
            }
            Rule::jwt_issuer => JwtStatement::Issuer(self.strings(pair)),
            Rule::jwt_audience => JwtStatement::Audience(self.strings(pair)),
            Rule::jwt_type => JwtStatement::Kind(self.string_child(pair)?),
            Rule::jwt_require => JwtStatement::Require(self.claims(pair)),
            Rule::jwt_optional => JwtStatement::Optional(self.claims(pair)),
            Rule::jwt_leeway => JwtStatement::Leeway(self.duration(&child(pair, Rule::duration)?)),
            _ => JwtStatement::Deny(self.string_child(pair)?),
        })
    }

    fn claims(&mut self, pair: &Pair<'_, Rule>) -> Vec<Name> {
        children(pair, Rule::claim)
            .filter_map(|claim| {
                let inner = claim.into_inner().next()?;
                Some(match inner.as_rule() {
                    Rule::string => self.string_name(&inner),
                    _ => self.name(&inner),
                })
            })
            .collect()
    }

    /// A rule `limit`.
    pub(super) fn limit(&mut self, pair: &Pair<'_, Rule>) -> Option<Limit> {
        let mut limit = Limit {
            name: self.name(&child(pair, Rule::name)?),
            on: Vec::new(),
            by: Vec::new(),
            count: Vec::new(),
            cost: Vec::new(),
            allow: Vec::new(),
            then: Vec::new(),
            shadow: false,
        };
        for statement in statements(pair, Rule::limit_statement) {
            let span = self.span(&statement);
            match statement.as_rule() {
                Rule::limit_by => {
                    limit.by.extend(children(&statement, Rule::by_value).map(|value| self.by(&value)));
                }
                Rule::limit_count => {
                    let when = child(&statement, Rule::expression).map(|inner| self.expression(inner));
                    limit.count.extend(when.map(|when| Spanned::new(when, span)));
                }
                Rule::limit_cost => limit.cost.push(Spanned::new(self.operand_child(&statement), span)),
                Rule::limit_allow => {
                    limit.allow.extend(self.allowance(&statement).map(|node| Spanned::new(node, span)));
                }
                Rule::mode_shadow => limit.shadow = true,
                _ => self.on_or_then(&statement, &mut limit.on, &mut limit.then),
            }
        }
        Some(limit)
    }

    fn by(&mut self, pair: &Pair<'_, Rule>) -> Expr {
        let span = self.span(pair);
        match child(pair, Rule::by_session) {
            Some(_) => Spanned::new(ExprKind::Name("session.id".to_owned()), span),
            None => self.operand_child(pair),
        }
    }

    fn allowance(&mut self, pair: &Pair<'_, Rule>) -> Option<Allowance> {
        let most = child(pair, Rule::count)?.as_str().parse().ok();
        let burst = child(pair, Rule::burst).map(|burst| burst.as_str().parse().ok());
        Some(Allowance { most, window: self.duration(&child(pair, Rule::duration)?), burst })
    }

    /// A rule `mtls`.
    pub(super) fn mtls(&mut self, pair: &Pair<'_, Rule>) -> Option<Mtls> {
        let mut mtls = Mtls {
            name: self.name(&child(pair, Rule::name)?),
            authorities: Vec::new(),
            revoked: Vec::new(),
            on: Vec::new(),
            then: Vec::new(),
            shadow: false,
        };
        for statement in statements(pair, Rule::mtls_statement) {
            match statement.as_rule() {
                Rule::mtls_ca => mtls.authorities.extend(self.strings(&statement)),
                Rule::mtls_revoked => mtls.revoked.extend(self.strings(&statement)),
                Rule::mode_shadow => mtls.shadow = true,
                _ => self.on_or_then(&statement, &mut mtls.on, &mut mtls.then),
            }
        }
        Some(mtls)
    }

    fn on_or_then(
        &mut self,
        statement: &Pair<'_, Rule>,
        on: &mut Vec<Spanned<Scope>>,
        then: &mut Vec<Spanned<Action>>,
    ) {
        let span = self.span(statement);
        if let Some(scope) = child(statement, Rule::scope) {
            on.extend(self.spanned_scope(&scope));
        }
        if let Some(action) = child(statement, Rule::action) {
            then.extend(self.action(&action).map(|action| Spanned::new(action, span)));
        }
    }
}

fn statements<'p>(pair: &Pair<'p, Rule>, rule: Rule) -> impl Iterator<Item = Pair<'p, Rule>> {
    children(pair, rule).filter_map(|statement| statement.into_inner().next())
}
