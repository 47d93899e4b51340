//! Items: each reader takes the pair of one rule of the grammar and gives its node of the tree.

use pest::iterators::Pair;

use super::{Reader, Rule, child, children};
use crate::ast::{
    Action, Api, ApiStatement, Binding, BodyKind, Endpoint, Expr, Item, List, ListMembers, MethodPath, Mode,
    Name, Problems, Protection, RequestPart, Rule as RuleItem, Scope, Side, Spanned, Undeclared, Upstream,
};
use crate::codes::E0403;
use crate::diagnostic::Diagnostic;

impl Reader<'_> {
    /// What stands in a rule `item`.
    pub(super) fn item(&mut self, pair: &Pair<'_, Rule>) -> Option<Item> {
        Some(match pair.as_rule() {
            Rule::include => Item::Include(self.string_child(pair)?),
            Rule::api => Item::Api(self.api(pair)?),
            Rule::list => Item::List(self.list(pair)?),
            Rule::let_item => Item::Let(self.binding(pair, Rule::name)?),
            Rule::rule_item => Item::Rule(self.rule(pair)?),
            Rule::test => Item::Test(self.test(pair)?),
            Rule::provide => Item::Provide(self.binding(pair, Rule::identifier)?),
            Rule::geoip => Item::Geoip(self.string_child(pair)?),
            Rule::session => Item::Session(self.session(pair)?),
            Rule::jwt => Item::Jwt(self.jwt(pair)?),
            Rule::limit => Item::Limit(self.limit(pair)?),
            Rule::mtls => Item::Mtls(self.mtls(pair)?),
            Rule::later_item => Item::Later(self.name(&child(pair, Rule::later_keyword)?)),
            _ => return None,
        })
    }

    pub(super) fn string_child(&mut self, pair: &Pair<'_, Rule>) -> Option<Name> {
        child(pair, Rule::string).map(|inner| self.string_name(&inner))
    }

    pub(super) fn strings(&mut self, pair: &Pair<'_, Rule>) -> Vec<Name> {
        children(pair, Rule::string).map(|inner| self.string_name(&inner)).collect()
    }

    fn api(&mut self, pair: &Pair<'_, Rule>) -> Option<Api> {
        let name = self.name(&child(pair, Rule::name)?);
        let statements = self.statements(pair, Rule::api_statement);
        Some(Api { name, statements, span: self.span(pair) })
    }

    fn statements(&mut self, pair: &Pair<'_, Rule>, rule: Rule) -> Vec<Spanned<ApiStatement>> {
        children(pair, rule)
            .filter_map(|statement| {
                let span = self.span(&statement);
                self.api_statement(&statement.into_inner().next()?).map(|node| Spanned::new(node, span))
            })
            .collect()
    }

    fn api_statement(&mut self, pair: &Pair<'_, Rule>) -> Option<ApiStatement> {
        Some(match pair.as_rule() {
            Rule::openapi => ApiStatement::Openapi(self.strings(pair)),
            Rule::host => ApiStatement::Host(self.strings(pair)),
            Rule::upstream => ApiStatement::Upstream(self.upstreams(pair)),
            Rule::requests => ApiStatement::Requests(mode(&child(pair, Rule::check_mode)?)?),
            Rule::responses => ApiStatement::Responses(mode(&child(pair, Rule::check_mode)?)?),
            Rule::unknown => {
                let status = child(pair, Rule::status).map(|status| self.status(&status));
                ApiStatement::Unknown(mode(pair)?, status)
            }
            Rule::undeclared => ApiStatement::Undeclared(
                match first_keyword(&child(pair, Rule::request_part)?)? {
                    Rule::kw_query => RequestPart::Query,
                    Rule::kw_headers => RequestPart::Headers,
                    _ => RequestPart::Cookies,
                },
                match first_keyword(&child(pair, Rule::undeclared_mode)?)? {
                    Rule::kw_block => Undeclared::Block,
                    Rule::kw_log => Undeclared::Log,
                    _ => Undeclared::Allow,
                },
            ),
            Rule::problems => {
                ApiStatement::Problems(match first_keyword(&child(pair, Rule::problem_detail)?)? {
                    Rule::kw_full => Problems::Full,
                    Rule::kw_short => Problems::Short,
                    _ => Problems::None,
                })
            }
            Rule::body_max => ApiStatement::BodyMax(self.size(&child(pair, Rule::size)?)),
            Rule::mode_shadow => ApiStatement::Shadow,
            Rule::endpoint => ApiStatement::Endpoint(Endpoint {
                host: self.string_child(pair),
                at: self.method_path(pair)?,
                statements: self.statements(pair, Rule::endpoint_statement),
            }),
            Rule::session_of => ApiStatement::Session(self.name(&child(pair, Rule::name)?)),
            Rule::auth => ApiStatement::Auth(self.auth(pair)),
            Rule::public => ApiStatement::Public(
                children(pair, Rule::scope).filter_map(|scope| self.spanned_scope(&scope)).collect(),
            ),
            Rule::public_here => ApiStatement::PublicHere,
            _ => return None,
        })
    }

    fn upstreams(&mut self, pair: &Pair<'_, Rule>) -> Vec<Spanned<Upstream>> {
        pair.clone()
            .into_inner()
            .filter_map(|inner| {
                let span = self.span(&inner);
                let upstream = match inner.as_rule() {
                    Rule::string => Upstream::Url(self.string_text(&inner)),
                    Rule::environment => Upstream::Environment(self.string_child(&inner)?.node),
                    _ => return None,
                };
                Some(Spanned::new(upstream, span))
            })
            .collect()
    }

    fn method_path(&mut self, pair: &Pair<'_, Rule>) -> Option<MethodPath> {
        Some(MethodPath {
            method: self.name(&child(pair, Rule::method)?),
            path: self.name(&child(pair, Rule::path)?),
        })
    }

    fn list(&mut self, pair: &Pair<'_, Rule>) -> Option<List> {
        let members = match (child(pair, Rule::set), child(pair, Rule::list_file)) {
            (Some(set), _) => ListMembers::Inline(self.set(&set)),
            (None, Some(file)) => ListMembers::File(self.string_child(&file)?),
            (None, None) => return None,
        };
        let ty = child(pair, Rule::type_name).map(|ty| self.name(&ty));
        Some(List { name: self.name(&child(pair, Rule::name)?), ty, members })
    }

    fn binding(&mut self, pair: &Pair<'_, Rule>, named: Rule) -> Option<Binding> {
        let value = match (child(pair, Rule::expression), child(pair, Rule::value_literal)) {
            (Some(inner), _) => self.expression(inner),
            (None, Some(inner)) => self.value_literal(inner),
            (None, None) => return None,
        };
        Some(Binding { name: self.name(&child(pair, named)?), value })
    }

    fn rule(&mut self, pair: &Pair<'_, Rule>) -> Option<RuleItem> {
        let mut rule = RuleItem {
            name: self.name(&child(pair, Rule::name)?),
            on: Vec::new(),
            when: Vec::new(),
            then: Vec::new(),
            shadow: false,
            span: self.span(pair),
        };
        for statement in
            children(pair, Rule::rule_statement).filter_map(|statement| statement.into_inner().next())
        {
            let span = self.span(&statement);
            match statement.as_rule() {
                Rule::on => {
                    let scope = child(&statement, Rule::scope).and_then(|scope| self.scope(&scope));
                    rule.on.extend(scope.map(|scope| Spanned::new(scope, span)));
                }
                Rule::when => {
                    let condition = child(&statement, Rule::expression).map(|inner| self.expression(inner));
                    rule.when.extend(condition.map(|condition| Spanned::new(condition, span)));
                }
                Rule::then => {
                    let action = child(&statement, Rule::action).and_then(|action| self.action(&action));
                    rule.then.extend(action.map(|action| Spanned::new(action, span)));
                }
                _ => rule.shadow = true,
            }
        }
        Some(rule)
    }

    /// A rule `scope` and where it stands.
    pub(super) fn spanned_scope(&mut self, pair: &Pair<'_, Rule>) -> Option<Spanned<Scope>> {
        let span = self.span(pair);
        self.scope(pair).map(|scope| Spanned::new(scope, span))
    }

    fn scope(&mut self, pair: &Pair<'_, Rule>) -> Option<Scope> {
        let mut inner = pair.clone().into_inner();
        let first = inner.next()?;
        match first.as_rule() {
            Rule::string => Some(Scope::Host(self.string_text(&first))),
            Rule::scope_endpoint => Some(Scope::Endpoint(None, self.method_path(&first)?)),
            Rule::scope_operation => {
                let api = self.name(&child(&first, Rule::name)?);
                Some(Scope::Operation(api, self.name(&child(&first, Rule::operation_name)?)))
            }
            _ => {
                let api = self.name(&child(&first, Rule::name)?);
                let Some(second) = inner.next() else { return Some(Scope::Api(api)) };
                Some(match second.as_rule() {
                    Rule::scope_endpoint => Scope::Endpoint(Some(api), self.method_path(&second)?),
                    Rule::scope_tag => Scope::Tag(api, self.string_child(&second)?),
                    _ => Scope::Operation(api, self.string_child(&second)?),
                })
            }
        }
    }

    pub(super) fn action(&mut self, pair: &Pair<'_, Rule>) -> Option<Action> {
        let action = pair.clone().into_inner().next()?;
        let status = child(&action, Rule::status).map(|status| self.status(&status));
        Some(match action.as_rule() {
            Rule::action_log => Action::Log,
            Rule::action_block => Action::Block {
                status,
                body: child(&action, Rule::body_text).and_then(|body| self.body_text(&body)),
                hold: child(&action, Rule::hold).and_then(|hold| child(&hold, Rule::duration)).map(
                    |duration| {
                        let span = self.span(&duration);
                        Spanned::new(self.duration(&duration), span)
                    },
                ),
            },
            Rule::action_allow => Action::Allow,
            Rule::action_skip => Action::Skip(
                children(&action, Rule::protection)
                    .filter_map(|word| Protection::ALL.iter().find(|row| row.0 == word.as_str()))
                    .map(|row| row.1)
                    .collect(),
            ),
            Rule::action_redirect => Action::Redirect(status, self.operand_child(&action)),
            Rule::action_rewrite => {
                let to = self.operand_child(&action);
                match first_keyword(&child(&action, Rule::rewrite_part)?)? {
                    Rule::kw_path => Action::RewritePath(to),
                    _ => Action::RewriteQuery(to),
                }
            }
            header => {
                let side = match first_keyword(&child(&action, Rule::message_side)?)? {
                    Rule::kw_request => Side::Request,
                    _ => Side::Response,
                };
                let name = self.string_child(&action)?;
                match header {
                    Rule::action_set => Action::SetHeader(side, name, self.operand_child(&action)),
                    Rule::action_add => Action::AddHeader(side, name, self.operand_child(&action)),
                    _ => Action::RemoveHeader(side, name),
                }
            }
        })
    }

    pub(super) fn operand_child(&mut self, pair: &Pair<'_, Rule>) -> Expr {
        let span = self.span(pair);
        child(pair, Rule::operand_value).map_or_else(|| Expr::broken(span), |inner| self.operand_value(inner))
    }

    fn body_text(&mut self, pair: &Pair<'_, Rule>) -> Option<(BodyKind, String)> {
        let kind = match first_keyword(&child(pair, Rule::body_kind)?)? {
            Rule::kw_json => BodyKind::Json,
            Rule::kw_text => BodyKind::Text,
            _ => BodyKind::Html,
        };
        Some((kind, self.string_text(&child(pair, Rule::string_or_raw)?)))
    }

    /// A rule `status`: three digits.
    pub(super) fn status(&mut self, pair: &Pair<'_, Rule>) -> Spanned<u16> {
        Spanned::new(pair.as_str().parse().unwrap_or_default(), self.span(pair))
    }

    /// A rule `duration`, in milliseconds.
    pub(super) fn duration(&mut self, pair: &Pair<'_, Rule>) -> u64 {
        const UNITS: &[(&str, u64)] =
            &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
        self.quantity(pair, UNITS)
    }

    fn size(&mut self, pair: &Pair<'_, Rule>) -> u64 {
        const UNITS: &[(&str, u64)] = &[("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];
        self.quantity(pair, UNITS)
    }

    fn quantity(&mut self, pair: &Pair<'_, Rule>, units: &[(&str, u64)]) -> u64 {
        let text = pair.as_str();
        let parsed = units.iter().find_map(|(unit, factor)| {
            let digits =
                text.strip_suffix(unit).filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))?;
            Some(digits.parse::<u64>().ok().and_then(|count| count.checked_mul(*factor)))
        });
        parsed.flatten().unwrap_or_else(|| {
            let span = self.span(pair);
            self.report(Diagnostic::new(E0403, span, format!("`{text}` is too large")));
            0
        })
    }
}

/// The rule of the first keyword below a pair, of those that stand for a choice.
fn first_keyword(pair: &Pair<'_, Rule>) -> Option<Rule> {
    pair.clone().into_inner().next().map(|inner| inner.as_rule())
}

fn mode(pair: &Pair<'_, Rule>) -> Option<Mode> {
    pair.clone().into_inner().find_map(|inner| match inner.as_rule() {
        Rule::kw_block => Some(Mode::Block),
        Rule::kw_log => Some(Mode::Log),
        Rule::kw_off => Some(Mode::Off),
        _ => None,
    })
}
