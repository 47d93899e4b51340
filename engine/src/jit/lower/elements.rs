//! Arrays gone through element by element, without making them.

use cranelift_codegen::ir::{BlockArg, InstBuilder as _, Value, types};
use shield_ir::{Expr, ExprId, Quantifier};

use super::{Lower, Native};

impl<'p> Lower<'_, 'p> {
    /// `any` and `all` of an array that is gone through element by element.
    pub(super) fn quantify(&mut self, quantifier: Quantifier, of: ExprId) -> Value {
        let done = self.b.create_block();
        let result = self.b.append_block_param(done, types::I8);
        self.stream(of, &mut |this, element| {
            let Native::Bool(value, present) = element else { return };
            let (decides, verdict) = match quantifier {
                Quantifier::Any => (value, 1),
                Quantifier::All => {
                    let fails = this.b.ins().bxor_imm_u(value, 1);
                    (this.both(fails, present), 0)
                }
            };
            let next = this.b.create_block();
            let verdict = this.constant(types::I8, verdict);
            this.b.ins().brif(decides, done, &[BlockArg::Value(verdict)], next, &[]);
            this.b.switch_to_block(next);
        });
        let undecided = self.constant(types::I8, i64::from(quantifier == Quantifier::All));
        self.b.ins().jump(done, &[BlockArg::Value(undecided)]);
        self.b.switch_to_block(done);
        result
    }

    /// Code that runs `sink` for each element; absent ones are left out.
    fn stream(&mut self, id: ExprId, sink: &mut dyn FnMut(&mut Self, Native<'p>)) {
        let subject = self.subject;
        match subject.program.node(id).map(|node| &node.expr) {
            Some(Expr::Each { over, body }) if subject.survey.streams(subject.program, id) => {
                self.stream(*over, &mut |this, item| {
                    let element = this.scalar(*body, Some(item));
                    this.unless_absent(element, sink);
                });
            }
            Some(Expr::Not(of)) => self.stream(*of, &mut |this, element| {
                let Native::Bool(value, present) = element else { return };
                let value = this.b.ins().bxor_imm_u(value, 1);
                sink(this, Native::Bool(value, present));
            }),
            _ => self.elements(id, sink),
        }
    }

    fn unless_absent(&mut self, element: Native<'p>, sink: &mut dyn FnMut(&mut Self, Native<'p>)) {
        let present = match element {
            Native::Text(address, _) => Some(address),
            Native::Bool(_, present) | Native::Int(_, present) => present,
            Native::Literal(_) => None,
        };
        let Some(present) = present else { return sink(self, element) };
        let (there, after) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(present, there, &[], after, &[]);
        self.b.switch_to_block(there);
        sink(self, element);
        self.b.ins().jump(after, &[]);
        self.b.switch_to_block(after);
    }

    /// The loop itself.
    fn elements(&mut self, id: ExprId, sink: &mut dyn FnMut(&mut Self, Native<'p>)) {
        let program = self.subject.program;
        let source = self.plan.source(program, id);
        let element =
            program.node(id).and_then(|node| node.ty.element()).and_then(shield_ir::Type::as_scalar);
        let (head, body, done) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let place = self.b.append_block_param(head, types::I64);
        let start = self.constant(types::I64, 0);
        self.b.ins().jump(head, &[BlockArg::Value(start)]);
        self.b.switch_to_block(head);
        let source = self.constant(types::I64, i64::from(source));
        let call = self.b.ins().call(self.calls.next, &[self.session, source, place]);
        let after = self.result(call);
        self.b.ins().brif(after, body, &[], done, &[]);
        self.b.switch_to_block(body);
        let [first, second] = self.left();
        let item = match element {
            Some(shield_ir::Scalar::Int) => Native::Int(first, None),
            _ => Native::Text(first, second),
        };
        sink(self, item);
        self.b.ins().jump(head, &[BlockArg::Value(after)]);
        self.b.switch_to_block(done);
    }
}
