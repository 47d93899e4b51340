//! Makes the functions that a schema needs and that are not there yet, as one unit.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use cranelift_codegen::ir::{AbiParam, FuncRef, Function, Signature, types};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_codegen::settings::{self, Configurable as _};
use cranelift_frontend::FunctionBuilderContext;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module as _, ModuleError, default_libcall_names};

use super::calls::{Call, symbols};
use super::flat::{Key, Survey};
use super::lower;
use crate::jit::JitError;
use crate::jit::code::Unit;
use crate::schema::Validators;

/// Where the function of a key is.
pub(super) enum Target {
    /// In the same unit.
    Here(FuncRef),
    /// In one that was made before, at that address.
    There(Signature, usize),
}

/// A function that has been made.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) unit: Arc<Unit>,
    pub(super) at: usize,
}

/// One unit while it is made.
pub(super) struct Maker<'p> {
    pub(super) validators: &'p Validators,
    pub(super) survey: &'p Survey,
    module: JITModule,
    imports: Vec<FuncId>,
    known: &'p BTreeMap<Key, Made>,
    needs: BTreeSet<*const Unit>,
    kept: Vec<Arc<Unit>>,
    declared: BTreeMap<Key, FuncId>,
    queue: Vec<(Key, FuncId)>,
    /// What stopped a function from being declared.
    failed: Option<JitError>,
    /// Cranelift's text, where it is asked for.
    text: Option<String>,
}

impl<'p> Maker<'p> {
    pub(super) fn new(
        validators: &'p Validators,
        survey: &'p Survey,
        known: &'p BTreeMap<Key, Made>,
    ) -> Result<Self, JitError> {
        let mut flags = settings::builder();
        // Long-range calls, as code and Rust may be far apart.
        flags.set("use_colocated_libcalls", "false")?;
        flags.set("is_pic", "false")?;
        flags.set("opt_level", "speed")?;
        let isa = cranelift_native::builder().map_err(JitError::Machine)?;
        let isa = isa.finish(settings::Flags::new(flags)).map_err(ModuleError::from)?;
        let mut builder = JITBuilder::with_isa(isa, default_libcall_names());
        for (name, address, _) in symbols() {
            builder.symbol(name, address);
        }
        let mut module = JITModule::new(builder);
        let mut imports = Vec::new();
        for (name, _, words) in symbols() {
            let mut signature = module.make_signature();
            signature.params.extend(std::iter::repeat_n(AbiParam::new(types::I64), words + 1));
            signature.returns.push(AbiParam::new(types::I64));
            imports.push(module.declare_function(name, Linkage::Import, &signature)?);
        }
        Ok(Self {
            validators,
            survey,
            module,
            imports,
            known,
            needs: BTreeSet::new(),
            kept: Vec::new(),
            declared: BTreeMap::new(),
            queue: Vec::new(),
            failed: None,
            text: None,
        })
    }

    /// Makes the functions of keys with all that they call; answers with the unit and the functions in it.
    pub(super) fn make(mut self, roots: &[Key]) -> Result<(Arc<Unit>, Vec<Key>), JitError> {
        let (keys, ids) = self.all(roots)?;
        self.module.finalize_definitions()?;
        Ok((Arc::new(Unit::new(self.module, &ids, self.kept)), keys))
    }

    /// The same as cranelift's text.
    pub(super) fn text(mut self, roots: &[Key]) -> Result<String, JitError> {
        self.text = Some(String::new());
        self.all(roots)?;
        Ok(self.text.unwrap_or_default())
    }

    fn all(&mut self, roots: &[Key]) -> Result<(Vec<Key>, Vec<FuncId>), JitError> {
        for root in roots {
            self.declare(root)?;
        }
        let (mut keys, mut ids) = (Vec::new(), Vec::new());
        let mut builder = FunctionBuilderContext::new();
        let mut context = self.module.make_context();
        while let Some((key, id)) = self.queue.pop() {
            context.func.signature = self.signature();
            lower::function(self, &key, &mut context.func, &mut builder);
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            if let Some(text) = &mut self.text {
                // Writing to a string does not fail.
                let _ = writeln!(text, "; {key}\n{}", context.func.display());
            }
            self.module.define_function(id, &mut context)?;
            self.module.clear_context(&mut context);
            keys.push(key);
            ids.push(id);
        }
        Ok((keys, ids))
    }

    fn signature(&self) -> Signature {
        let mut signature = self.module.make_signature();
        signature.params.extend([AbiParam::new(types::I64), AbiParam::new(types::I64)]);
        signature.returns.push(AbiParam::new(types::I64));
        signature
    }

    fn declare(&mut self, key: &Key) -> Result<FuncId, JitError> {
        if let Some(id) = self.declared.get(key) {
            return Ok(*id);
        }
        let id = self.module.declare_anonymous_function(&self.signature())?;
        self.declared.insert(key.clone(), id);
        self.queue.push((key.clone(), id));
        Ok(id)
    }

    pub(super) fn frontend_config(&self) -> TargetFrontendConfig {
        self.module.isa().frontend_config()
    }

    /// A function of Rust as a function sees it.
    pub(super) fn import(&mut self, call: Call, func: &mut Function) -> FuncRef {
        let id = self.imports.get(call as usize).copied().unwrap_or_else(|| FuncId::from_u32(0));
        self.module.declare_func_in_func(id, func)
    }

    /// Where the function of a key is; it is made too, where it has not been.
    pub(super) fn target(&mut self, key: &Key, func: &mut Function) -> Target {
        if let Some(made) = self.known.get(key) {
            if self.needs.insert(Arc::as_ptr(&made.unit)) {
                self.kept.push(Arc::clone(&made.unit));
            }
            return Target::There(self.signature(), made.unit.address(made.at));
        }
        let id = self.declare(key).unwrap_or_else(|error| {
            self.failed = Some(error);
            FuncId::from_u32(0)
        });
        Target::Here(self.module.declare_func_in_func(id, func))
    }
}
