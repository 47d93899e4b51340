//! Whether one condition holds whenever another does, where structure and sets show it.

use shield_ir::set::Members;
use shield_ir::{Expr, ExprId, Literal, Logic, Program};

use super::constraint::members;

/// How many pairs of conditions one question may look at.
const FUEL: u32 = 4096;

/// Whether `then` certainly holds for every request for which `when` does.
pub fn implies(program: &Program, when: ExprId, then: ExprId) -> bool {
    Question { program, fuel: FUEL }.implies(when, then)
}

struct Question<'a> {
    program: &'a Program,
    fuel: u32,
}

impl<'a> Question<'a> {
    fn implies(&mut self, when: ExprId, then: ExprId) -> bool {
        let Some(fuel) = self.fuel.checked_sub(1) else { return false };
        self.fuel = fuel;
        if when == then {
            return true;
        }
        let (Some(p), Some(q)) = (self.expr(when), self.expr(then)) else { return false };
        if matches!(p, Expr::Literal(Literal::Bool(false))) || matches!(q, Expr::Literal(Literal::Bool(true)))
        {
            return true;
        }
        // The sides that must hold for every part go first: nothing is lost by splitting them.
        match (p, q) {
            (Expr::Logic { op: Logic::Or, of }, _) => of.iter().all(|part| self.implies(*part, then)),
            (_, Expr::Logic { op: Logic::And, of }) => of.iter().all(|part| self.implies(when, *part)),
            (Expr::Logic { op: Logic::And, of }, _) if of.iter().any(|part| self.implies(*part, then)) => {
                true
            }
            (_, Expr::Logic { op: Logic::Or, of }) => of.iter().any(|part| self.implies(when, *part)),
            (Expr::Not(p), Expr::Not(q)) => self.implies(*q, *p),
            _ => self.within(when, then),
        }
    }

    /// Both are about the same operand, and the values of one are among those of the other.
    fn within(&self, when: ExprId, then: ExprId) -> bool {
        let (Some(a), Some(b)) = (self.about(when), self.about(then)) else { return false };
        let (Some(inner), Some(outer)) = (members(self.program, when), members(self.program, then)) else {
            return false;
        };
        a == b && subset(&inner, &outer)
    }

    fn about(&self, condition: ExprId) -> Option<ExprId> {
        match self.expr(condition)? {
            Expr::Compare { left, .. } => Some(*left),
            Expr::In { of, .. } => Some(*of),
            _ => None,
        }
    }

    fn expr(&self, id: ExprId) -> Option<&'a Expr> {
        self.program.node(id).map(|node| &node.expr)
    }
}

fn subset(inner: &Members, outer: &Members) -> bool {
    match (inner, outer) {
        (Members::Ints(inner), Members::Ints(outer)) => ranges_within(inner, outer),
        (Members::Ips { v4: a4, v6: a6 }, Members::Ips { v4: b4, v6: b6 }) => {
            ranges_within(a4, b4) && ranges_within(a6, b6)
        }
        (Members::Strings(inner), outer) => inner.iter().all(|text| outer.has_string(text)),
        _ => false,
    }
}

fn ranges_within<T: Ord + Copy>(inner: &[(T, T)], outer: &[(T, T)]) -> bool {
    inner.iter().all(|(low, high)| {
        let after = outer.partition_point(|range| range.0 <= *low);
        after.checked_sub(1).and_then(|at| outer.get(at)).is_some_and(|range| *high <= range.1)
    })
}
