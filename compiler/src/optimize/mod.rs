//! Passes over a bundle's expressions: each sees one operation at a time, its operands already rewritten.

mod anchors;
mod cons;
mod fold;
mod simplify;

use std::collections::BTreeMap;

use shield_ir::expr::Node;
use shield_ir::set::{Set, SetId};
use shield_ir::{Bundle, Expr, ExprId, Program, Type};

/// What a pass makes of one operation.
#[derive(Debug)]
pub enum Rewrite {
    /// Another operation of the same type.
    To(Expr),
    /// One that exists already.
    Same(ExprId),
    /// It stays.
    Keep,
}

/// A pass: its name for `shieldc dump --pass`, what it does, and how.
#[derive(Debug)]
pub struct Pass {
    /// Its name.
    pub name: &'static str,
    /// One line for the manual.
    pub doc: &'static str,
    /// What becomes of an operation.
    pub rewrite: fn(&Expr, &Program) -> Rewrite,
}

/// All passes, in order.
pub const PASSES: &[Pass] = &[
    Pass { name: "cons", doc: "every sub-expression and every set exists once", rewrite: cons::rewrite },
    Pass { name: "fold", doc: "operations on literals become their result", rewrite: fold::rewrite },
    Pass { name: "simplify", doc: "conditions lose parts that change nothing", rewrite: simplify::rewrite },
];

/// Runs every pass, then drops what nothing asks for.
pub fn run(bundle: &mut Bundle) {
    for pass in PASSES {
        apply(pass, bundle);
    }
    compact(bundle);
    anchors::plan(bundle);
}

/// Runs one pass over a bundle.
pub fn apply(pass: &Pass, bundle: &mut Bundle) {
    let old = std::mem::take(&mut bundle.program);
    let (program, mapped) = rewritten(pass, &old);
    bundle.program = program;
    expressions_mut(bundle, &mut |id| *id = at(&mapped, *id));
}

/// Runs every pass over the operations below one expression.
pub(crate) fn expression(mut program: Program, mut root: ExprId) -> (Program, ExprId) {
    for pass in PASSES {
        let (next, mapped) = rewritten(pass, &program);
        (program, root) = (next, at(&mapped, root));
    }
    let (program, mapped) = compacted(&program, &[root]);
    (program, at(&mapped, root))
}

/// Drops operations and sets that nothing asks for, keeping the order of the others.
fn compact(bundle: &mut Bundle) {
    let old = std::mem::take(&mut bundle.program);
    let mut roots = Vec::new();
    expressions_mut(bundle, &mut |id| roots.push(*id));
    let (program, mapped) = compacted(&old, &roots);
    bundle.program = program;
    expressions_mut(bundle, &mut |id| *id = at(&mapped, *id));
}

fn rewritten(pass: &Pass, old: &Program) -> (Program, Vec<ExprId>) {
    let mut rewriter = Rewriter::new(old);
    let mut mapped: Vec<ExprId> = Vec::with_capacity(old.nodes.len());
    for node in &old.nodes {
        let expr = rewriter.renumbered(&node.expr, &mapped);
        let id = match (pass.rewrite)(&expr, &rewriter.program) {
            Rewrite::Keep => rewriter.intern(expr, node.ty),
            Rewrite::To(expr) => rewriter.intern(expr, node.ty),
            Rewrite::Same(id) => id,
        };
        mapped.push(id);
    }
    (rewriter.program, mapped)
}

fn compacted(old: &Program, roots: &[ExprId]) -> (Program, Vec<ExprId>) {
    let mut wanted = vec![false; old.nodes.len()];
    for root in roots {
        mark(&mut wanted, *root);
    }
    for (at, node) in old.nodes.iter().enumerate().rev() {
        if wanted.get(at).copied().unwrap_or_default() {
            node.expr.children(|child| mark(&mut wanted, child));
        }
    }
    let mut rewriter = Rewriter::new(old);
    let mut mapped = Vec::with_capacity(old.nodes.len());
    for (node, wanted) in old.nodes.iter().zip(wanted) {
        let id = if wanted {
            let expr = rewriter.renumbered(&node.expr, &mapped);
            rewriter.intern(expr, node.ty)
        } else {
            ExprId(0)
        };
        mapped.push(id);
    }
    (rewriter.program, mapped)
}

/// Calls `f` with a place for every expression that a bundle's items ask for.
fn expressions_mut(bundle: &mut Bundle, f: &mut impl FnMut(&mut ExprId)) {
    for rule in &mut bundle.rules {
        f(&mut rule.when);
        rule.actions.iter_mut().for_each(|action| action.expressions_mut(&mut *f));
    }
    for limit in &mut bundle.identity.limits {
        limit.by.iter_mut().chain(&mut limit.cost).for_each(&mut *f);
        limit.count.iter_mut().for_each(|count| f(&mut count.when));
    }
}

fn mark(wanted: &mut [bool], id: ExprId) {
    if let Some(place) = wanted.get_mut(id.index()) {
        *place = true;
    }
}

fn at(mapped: &[ExprId], id: ExprId) -> ExprId {
    mapped.get(id.index()).copied().unwrap_or(id)
}

/// A program that grows, every operation and set once.
struct Rewriter<'a> {
    old: &'a Program,
    program: Program,
    known: BTreeMap<Node, ExprId>,
    sets: BTreeMap<Set, SetId>,
}

impl<'a> Rewriter<'a> {
    fn new(old: &'a Program) -> Self {
        let program = Program { declared: old.declared.clone(), ..Program::default() };
        Self { old, program, known: BTreeMap::new(), sets: BTreeMap::new() }
    }

    fn renumbered(&mut self, expr: &Expr, mapped: &[ExprId]) -> Expr {
        let mut expr = expr.map_children(|id| at(mapped, id));
        if let Expr::In { of: _, set } = &mut expr
            && let Some(members) = self.old.set(*set)
        {
            *set = self.intern_set(members);
        }
        expr
    }

    fn intern(&mut self, expr: Expr, ty: Type) -> ExprId {
        let node = Node { expr, ty };
        if let Some(id) = self.known.get(&node) {
            return *id;
        }
        let id = ExprId(self.program.nodes.len() as u32);
        self.program.nodes.push(node.clone());
        self.known.insert(node, id);
        id
    }

    fn intern_set(&mut self, set: &Set) -> SetId {
        if let Some(id) = self.sets.get(set) {
            return *id;
        }
        let id = SetId(self.program.sets.len() as u32);
        self.program.sets.push(set.clone());
        self.sets.insert(set.clone(), id);
        id
    }
}
