//! Programs and policies built by hand, for tests.

use shield_ir::expr::Node;
use shield_ir::policy::{Action, Api, Block, HostPattern, Mode, Origin, Rule, Scope, Settings};
use shield_ir::set::{Members, Set, SetId};
use shield_ir::{
    Builtin, Bundle, Compare, Digest, Expr, ExprId, FieldId, Literal, Logic, Phase, Program, Quantifier, Type,
};

use crate::exchange::{Canonical, Exchange, Head, Limits};
use crate::policy::{Backend, Policy};

/// Builds a program node by node; equal nodes are one.
#[derive(Default)]
pub(crate) struct Builder {
    pub(crate) program: Program,
}

impl Builder {
    pub(crate) fn add(&mut self, expr: Expr, ty: Type) -> ExprId {
        let node = Node { expr, ty };
        let found = self.program.nodes.iter().position(|known| *known == node);
        ExprId(found.unwrap_or_else(|| {
            self.program.nodes.push(node);
            self.program.nodes.len() - 1
        }) as u32)
    }

    fn ty(&self, id: ExprId) -> Type {
        self.program.node(id).unwrap().ty
    }

    pub(crate) fn field(&mut self, name: &str) -> ExprId {
        let field = FieldId::find(name).unwrap_or_else(|| panic!("{name}"));
        self.add(Expr::Field(field), field.row().ty)
    }

    pub(crate) fn text(&mut self, text: &str) -> ExprId {
        self.add(Expr::Literal(Literal::String(text.as_bytes().into())), Type::STRING)
    }

    pub(crate) fn int(&mut self, value: i64) -> ExprId {
        self.add(Expr::Literal(Literal::Int(value)), Type::INT)
    }

    pub(crate) fn bool(&mut self, value: bool) -> ExprId {
        self.add(Expr::Literal(Literal::Bool(value)), Type::BOOL)
    }

    pub(crate) fn compare(&mut self, op: Compare, left: ExprId, right: ExprId) -> ExprId {
        self.add(Expr::Compare { op, left, right }, Type::BOOL)
    }

    pub(crate) fn eq(&mut self, field: &str, text: &str) -> ExprId {
        let (left, right) = (self.field(field), self.text(text));
        self.compare(Compare::Eq, left, right)
    }

    pub(crate) fn contains(&mut self, of: ExprId, needle: &str) -> ExprId {
        self.add(Expr::Contains { of, needle: needle.as_bytes().into() }, Type::BOOL)
    }

    pub(crate) fn matches(&mut self, of: ExprId, regex: &str) -> ExprId {
        self.add(Expr::Matches { of, regex: regex.into() }, Type::BOOL)
    }

    pub(crate) fn wildcard(&mut self, of: ExprId, pattern: &str, strict: bool) -> ExprId {
        self.add(Expr::Wildcard { of, pattern: pattern.as_bytes().into(), strict }, Type::BOOL)
    }

    pub(crate) fn within(&mut self, of: ExprId, members: Members) -> ExprId {
        self.program.sets.push(Set { name: None, members });
        let set = SetId(self.program.sets.len() as u32 - 1);
        self.add(Expr::In { of, set }, Type::BOOL)
    }

    pub(crate) fn logic(&mut self, op: Logic, of: &[ExprId]) -> ExprId {
        let ty = self.ty(of[0]);
        self.add(Expr::Logic { op, of: of.into() }, ty)
    }

    pub(crate) fn not(&mut self, of: ExprId) -> ExprId {
        let ty = self.ty(of);
        self.add(Expr::Not(of), ty)
    }

    pub(crate) fn key(&mut self, of: ExprId, key: &str) -> ExprId {
        let ty = self.ty(of).element().unwrap();
        self.add(Expr::Key { of, key: key.as_bytes().into() }, ty)
    }

    pub(crate) fn index(&mut self, of: ExprId, at: u32) -> ExprId {
        let ty = self.ty(of).element().unwrap();
        self.add(Expr::Index { of, at }, ty)
    }

    pub(crate) fn each(&mut self, over: ExprId, body: impl FnOnce(&mut Self, ExprId) -> ExprId) -> ExprId {
        let ty = self.ty(over).element().unwrap();
        let item = self.add(Expr::Item, ty);
        let body = body(self, item);
        let ty = self.ty(body).array();
        self.add(Expr::Each { over, body }, ty)
    }

    pub(crate) fn flatten(&mut self, of: ExprId) -> ExprId {
        let ty = self.ty(of).element().unwrap().element().unwrap().array();
        self.add(Expr::Flatten(of), ty)
    }

    pub(crate) fn any(&mut self, of: ExprId) -> ExprId {
        self.add(Expr::Quantify { quantifier: Quantifier::Any, of }, Type::BOOL)
    }

    pub(crate) fn all(&mut self, of: ExprId) -> ExprId {
        self.add(Expr::Quantify { quantifier: Quantifier::All, of }, Type::BOOL)
    }

    pub(crate) fn call(&mut self, name: &str, arguments: &[ExprId]) -> ExprId {
        let builtin = Builtin::find(name).unwrap_or_else(|| panic!("{name}"));
        let ty = match builtin.row().returns {
            shield_ir::builtin::Returns::Just(ty) => ty,
            shield_ir::builtin::Returns::LikeFirst => self.ty(arguments[0]),
        };
        self.add(Expr::Call { builtin, arguments: arguments.into() }, ty)
    }
}

/// What is judged of a head. It is never freed: exchanges borrow, and tests are short.
pub(crate) fn exchange(head: Head<'_>) -> Exchange<'_> {
    let canonical = Canonical::of(Box::leak(Box::new(head)), &Limits::default()).unwrap();
    Exchange::new(Box::leak(Box::new(canonical)))
}

pub(crate) fn rule(name: &str, when: ExprId, actions: &[Action]) -> Rule {
    Rule {
        name: name.into(),
        scope: Scope::Everything,
        when,
        actions: actions.into(),
        phase: Phase::Head,
        shadow: false,
        origin: Origin { file: "a.shield".into(), line: 1 },
    }
}

pub(crate) fn block() -> Action {
    Action::Block(Block::default())
}

pub(crate) fn api(host: &str) -> Api {
    Api {
        name: "shop".into(),
        hosts: [HostPattern::Exact(host.into())].into(),
        upstreams: [].into(),
        unknown: Mode::Block,
        unknown_status: 404,
        settings: Settings::default(),
        origin: Origin::default(),
    }
}

pub(crate) fn policy(builder: Builder, rules: Vec<Rule>) -> Policy {
    let bundle = Bundle { program: builder.program, rules, ..Bundle::default() };
    Policy::load(bundle, Digest([7; 32]), Backend::default()).unwrap()
}
