//! Conditions as native code, made in the process that runs it; where it cannot be made, the interpreter serves.

mod abi;
#[expect(unsafe_code, reason = "pages of generated code, and the functions that it calls")]
mod code;
#[expect(clippy::wildcard_enum_match_arm, reason = "what has no short cut, the interpreter does")]
mod helpers;
#[expect(clippy::cast_possible_wrap, reason = "offsets in the session and lengths of literals are small")]
mod lower;
#[expect(clippy::wildcard_enum_match_arm, reason = "what no code is made for, the interpreter does")]
mod plan;
pub(crate) mod schema;
pub(crate) mod scratch;

use cranelift_codegen::ir::{AbiParam, types};
use cranelift_codegen::settings::{self, Configurable as _};
use cranelift_frontend::FunctionBuilderContext;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, ModuleError, default_libcall_names};
use shield_ir::{ExprId, Program};

use crate::constants::Constants;
use crate::exchange::Exchange;
use crate::interp::{self, Meaning};

pub(crate) use abi::{Scratch, Session};
use code::{Code, SYMBOLS};
pub(crate) use helpers::Element;
use lower::{Calls, Subject};
use plan::Survey;
pub(crate) use plan::{Plan, Shown, Source};

/// How many conditions a function holds: grouped, they are made twice as fast as one by one.
const CONDITIONS: usize = 50;

/// How many operations a function holds; larger functions take cranelift longer than in proportion.
const OPERATIONS: u32 = 2_000;

/// How many operations a condition has at most; a larger one is the interpreter's.
const LARGEST: u32 = 1_000;

/// Why there is no native code.
#[derive(Debug, thiserror::Error)]
pub enum JitError {
    /// This machine is none that code can be made for.
    #[error("no native code for this machine: {0}")]
    Machine(&'static str),
    /// Code could not be made or put into memory.
    #[error("no native code: {0}")]
    Module(Box<ModuleError>),
    /// The generator was configured with something that it does not know.
    #[error("no native code: {0}")]
    Settings(#[from] settings::SetError),
}

impl From<ModuleError> for JitError {
    fn from(error: ModuleError) -> Self {
        Self::Module(Box::new(error))
    }
}

/// The function of a condition and its number there; none where the interpreter has it.
type Place = Option<(u32, u32)>;

/// The conditions of a policy as native code.
#[derive(Debug)]
pub(crate) struct Jit {
    code: Code,
    plan: Plan,
    places: Vec<Place>,
}

impl Jit {
    /// Makes code for conditions of a verified program.
    pub(crate) fn new(
        program: &Program,
        constants: &Constants,
        conditions: &[ExprId],
    ) -> Result<Self, JitError> {
        let mut maker = Maker::new()?;
        let (plan, places) = maker.all(program, constants, conditions)?;
        maker.module.finalize_definitions()?;
        Ok(Self { code: Code::new(maker.module, &maker.functions), plan, places })
    }

    /// The code for conditions as cranelift's text.
    pub(crate) fn clif(
        program: &Program,
        constants: &Constants,
        conditions: &[ExprId],
    ) -> Result<String, JitError> {
        let mut maker = Maker::new()?;
        maker.text = Some(String::new());
        maker.all(program, constants, conditions)?;
        Ok(maker.text.unwrap_or_default())
    }

    /// How many slots a scratch needs.
    pub(crate) const fn slots(&self) -> usize {
        self.plan.slots.len()
    }

    /// One evaluation, in which a scratch's values are good; none where the scratch was not made ready for this code.
    pub(crate) fn session<'x, 'a>(
        &'x self,
        meaning: Meaning<'x>,
        scratch: &'x Scratch,
        exchange: &'x Exchange<'a>,
    ) -> Option<Running<'x, 'a>> {
        // INVARIANT: generated code reads any slot of its plan.
        let is_ready = scratch.slots() >= self.slots();
        is_ready.then(|| Running { jit: self, session: Session::new(scratch, &self.plan, meaning, exchange) })
    }
}

/// One evaluation.
#[derive(Debug)]
pub(crate) struct Running<'x, 'a> {
    jit: &'x Jit,
    session: Session<'x, 'a>,
}

impl Running<'_, '_> {
    /// Whether the condition of that number, which is this expression, holds.
    pub(crate) fn holds(&self, number: usize, id: ExprId) -> bool {
        match self.jit.places.get(number) {
            Some(Some((function, index))) => self.jit.code.holds(*function, *index, &self.session),
            _ => interp::holds(self.session.meaning, id, self.session.exchange),
        }
    }
}

struct Maker {
    module: JITModule,
    functions: Vec<FuncId>,
    text: Option<String>,
}

impl Maker {
    fn new() -> Result<Self, JitError> {
        let mut flags = settings::builder();
        // Long-range calls, as code and Rust may be far apart.
        flags.set("use_colocated_libcalls", "false")?;
        flags.set("is_pic", "false")?;
        // As fast as optimised code here, and made in less than half the time.
        flags.set("opt_level", "none")?;
        // Registers given out in one pass: conditions are short, and making them takes half as long.
        flags.set("regalloc_algorithm", "single_pass")?;
        let isa = cranelift_native::builder().map_err(JitError::Machine)?;
        let isa = isa.finish(settings::Flags::new(flags)).map_err(ModuleError::from)?;
        let mut builder = JITBuilder::with_isa(isa, default_libcall_names());
        code::declare(&mut builder);
        Ok(Self { module: JITModule::new(builder), functions: Vec::new(), text: None })
    }

    fn all(
        &mut self,
        program: &Program,
        constants: &Constants,
        conditions: &[ExprId],
    ) -> Result<(Plan, Vec<Place>), JitError> {
        let survey = Survey::of(program);
        let subject = Subject { program, constants, survey: &survey };
        let imports = self.imports()?;
        let mut plan = Plan::default();
        let mut places = Vec::with_capacity(conditions.len());
        let (mut group, mut size) = (Vec::new(), 0);
        for id in conditions {
            let weight = survey.weight(*id);
            if weight > LARGEST {
                places.push(None);
                continue;
            }
            if group.len() == CONDITIONS || size + weight > OPERATIONS {
                self.function(&subject, &mut plan, &imports, &std::mem::take(&mut group))?;
                size = 0;
            }
            places.push(Some((self.functions.len() as u32, group.len() as u32)));
            group.push(*id);
            size += weight;
        }
        if !group.is_empty() {
            self.function(&subject, &mut plan, &imports, &group)?;
        }
        Ok((plan, places))
    }

    fn imports(&mut self) -> Result<[FuncId; 6], JitError> {
        let mut ids = [FuncId::from_u32(0); 6];
        for (place, (name, parameters)) in ids.iter_mut().zip(SYMBOLS) {
            let mut signature = self.module.make_signature();
            signature.params.extend(std::iter::repeat_n(AbiParam::new(types::I64), parameters));
            signature.returns.push(AbiParam::new(types::I64));
            *place = self.module.declare_function(name, Linkage::Import, &signature)?;
        }
        Ok(ids)
    }

    fn function(
        &mut self,
        subject: &Subject<'_>,
        plan: &mut Plan,
        imports: &[FuncId; 6],
        roots: &[ExprId],
    ) -> Result<(), JitError> {
        let mut context = self.module.make_context();
        context.func.signature.params.extend([AbiParam::new(types::I64), AbiParam::new(types::I32)]);
        context.func.signature.returns.push(AbiParam::new(types::I64));
        let [fill, test, within, order, map, next] =
            imports.map(|id| self.module.declare_func_in_func(id, &mut context.func));
        let calls = Calls { fill, test, within, order, map, next };
        let config = self.module.isa().frontend_config();
        let mut builder = FunctionBuilderContext::new();
        lower::function(subject, plan, (&mut context.func, &mut builder), (calls, roots, config));
        if let Some(text) = &mut self.text {
            text.push_str(&context.func.display().to_string());
            text.push('\n');
        }
        let id = self.module.declare_anonymous_function(&context.func.signature)?;
        self.module.define_function(id, &mut context)?;
        self.functions.push(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
