//! A bundle made ready to judge: immutable, shared, the unit of hot reload.

use std::sync::{Arc, OnceLock};

use shield_ir::anchor;
use shield_ir::policy::{Api, ApiId, EndpointId, Problems, Rule, RuleId, Settings};
use shield_ir::verify::{self, VerifyError};
use shield_ir::{Bundle, Digest, Expr, ExprId, Phase};

use crate::callers::Callers;
use crate::constants::{ConstantError, Constants};
use crate::event::{Cited, Finder};
use crate::exchange::Exchange;
use crate::geo::Geo;
use crate::interp::{self, Meaning};
use crate::jit::{Jit, JitError, Scratch};
use crate::matcher::{Candidate, Index};
use crate::pipeline::Order;
use crate::schema::{Judge, Validators, interpreted};
use crate::stages::endpoint::Endpoints;
use crate::stages::host::Hosts;
use crate::stages::rules::covers;
use crate::token::{KeySetError, Tokens};
use crate::value::Value;

/// What evaluates conditions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// The interpreter: the meaning, and what serves where nothing else can.
    Interpreter,
    /// Native code made in this process.
    #[default]
    Jit,
}

/// Why a bundle cannot become a policy.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It breaks an invariant.
    #[error("the bundle breaks an invariant: {0}")]
    Invalid(#[from] VerifyError),
    /// A set of keys in it cannot be used.
    #[error(transparent)]
    Keys(#[from] KeySetError),
    /// A pattern in it cannot be made.
    #[error(transparent)]
    Constant(#[from] ConstantError),
    /// Its schemas cannot be made ready.
    #[error(transparent)]
    Schemas(#[from] crate::schema::LoadError),
}

/// A policy.
pub struct Policy {
    pub(crate) bundle: Bundle,
    pub(crate) hosts: Hosts,
    pub(crate) endpoints: Endpoints,
    pub(crate) validators: Validators,
    /// Whether some rule asks what a request's schema says of it.
    pub(crate) asks_schema: bool,
    pub(crate) shadow: bool,
    pub(crate) callers: Option<Callers>,
    pub(crate) geo: Option<Arc<dyn Geo>>,
    pub(crate) order: Order,
    digest: Digest,
    constants: Constants,
    /// Conditions by rule; none as long as the interpreter serves.
    jit: OnceLock<Jit>,
    /// Why it does, where native code was asked for.
    fallback: OnceLock<Box<str>>,
    /// Rules by phase, in the order of the text.
    phases: [Box<[RuleId]>; 4],
    /// Over the rules of each phase that has many.
    indexes: [Option<Index>; 4],
}

impl Policy {
    /// Makes a bundle ready.
    pub fn load(bundle: Bundle, digest: Digest, backend: Backend) -> Result<Self, LoadError> {
        verify::bundle(&bundle)?;
        let constants = Constants::of(&bundle.program)?;
        let validators = Validators::load(bundle.schemas.clone())?;
        let of_phase = |phase| -> Box<[RuleId]> {
            let rules = bundle.rules.iter().enumerate();
            rules.filter(|(_, rule)| rule.phase == phase).map(|(at, _)| RuleId(at as u32)).collect()
        };
        let phases = Phase::ALL.map(of_phase);
        let planned;
        let anchors = if bundle.anchors.len() == bundle.rules.len() {
            &bundle.anchors
        } else {
            planned = anchor::of_rules(&bundle);
            &planned
        };
        let mut policy = Self {
            hosts: Hosts::of(&bundle),
            endpoints: Endpoints::of(&bundle, &validators),
            asks_schema: asks_schema(&bundle),
            validators,
            indexes: phases.each_ref().map(|rules| Index::of(&bundle, anchors, rules)),
            phases,
            shadow: false,
            callers: Callers::of(&bundle, &[0; 32])?,
            geo: None,
            order: Order::default(),
            bundle,
            digest,
            constants,
            jit: OnceLock::new(),
            fallback: OnceLock::new(),
        };
        policy.order = Order::of(&policy);
        if backend == Backend::Jit {
            policy.compile_rules();
        }
        Ok(policy)
    }

    /// Whether a rule reads the field of that name.
    pub fn reads(&self, field: &str) -> bool {
        fields(&self.bundle).any(|name| name == field)
    }

    /// Makes native code for everything that has none, in whatever thread, while the interpreter serves.
    pub fn compile(&self) -> Result<(), JitError> {
        self.compile_rules();
        let mut number = 0;
        while self.compile_endpoint(number)? {
            number += 1;
        }
        Ok(())
    }

    /// Makes native code for the bodies of one endpoint, by its place among all; whether there is such an endpoint.
    pub fn compile_endpoint(&self, number: usize) -> Result<bool, JitError> {
        let Some(known) = self.endpoints.get(EndpointId(number as u32)) else { return Ok(false) };
        known.judge.iter().try_for_each(|judge| judge.compile(&self.validators))?;
        Ok(true)
    }

    /// Makes native code for the conditions of rules, in whatever thread, while the interpreter serves; where none can be
    /// made, it goes on serving and [`Policy::fallback`] says why.
    pub fn compile_rules(&self) {
        if self.jit.get().is_some() {
            return;
        }
        match Jit::new(&self.bundle.program, &self.constants, &conditions(&self.bundle)) {
            // Of two threads that make the same code, one does so in vain.
            Ok(jit) => drop(self.jit.set(jit)),
            Err(error) => drop(self.fallback.set(error.to_string().into())),
        }
    }

    /// The same policy, recording what it finds and enforcing nothing where `shadow`.
    #[must_use]
    pub const fn in_shadow(mut self, shadow: bool) -> Self {
        self.shadow = shadow;
        self
    }

    /// The same policy with a secret of the deployment: session identifiers and keys of counters are hashed with it.
    pub fn with_secret(mut self, secret: &[u8; 32]) -> Result<Self, LoadError> {
        self.callers = Callers::of(&self.bundle, secret)?;
        self.order = Order::of(&self);
        Ok(self)
    }

    /// The same policy with what knows where addresses are.
    #[must_use]
    pub fn with_geo(mut self, geo: Option<Arc<dyn Geo>>) -> Self {
        self.geo = geo;
        self.order = Order::of(&self);
        self
    }

    /// What verifies tokens; none where no item speaks of callers.
    pub fn tokens(&self) -> Option<&Tokens> {
        self.callers.as_ref().map(|callers| &callers.tokens)
    }

    /// What it was made of.
    pub const fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// The bundle's name.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// What evaluates conditions.
    pub fn backend(&self) -> Backend {
        if self.jit.get().is_some() { Backend::Jit } else { Backend::Interpreter }
    }

    /// Why the interpreter serves where native code was asked for.
    pub fn fallback(&self) -> Option<&str> {
        self.fallback.get().map(|why| &**why)
    }

    /// An item by its name and place in the text.
    pub fn cite(&self, finder: Finder) -> Option<Cited<'_>> {
        let identity = &self.bundle.identity;
        let (name, origin) = match finder {
            Finder::Rule(id) => self.rule(id).map(|rule| (&rule.name, &rule.origin)),
            Finder::Limit(id) => identity.limits.get(id.0 as usize).map(|limit| (&limit.name, &limit.origin)),
            Finder::Certificate(at) => {
                identity.certificates.get(at as usize).map(|demand| (&demand.name, &demand.origin))
            }
        }?;
        Some(Cited { name, origin })
    }

    /// The API of that id.
    pub fn api(&self, id: ApiId) -> Option<&Api> {
        self.bundle.apis.get(id.0 as usize)
    }

    /// What judges requests and answers of the exchange's endpoint by its schemas.
    pub(crate) fn judge(&self, exchange: &Exchange<'_>) -> Option<&Judge> {
        self.endpoints.get(exchange.endpoint()?)?.judge.as_ref()
    }

    pub(crate) fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.bundle.rules.get(id.0 as usize)
    }

    /// The rules of a phase, in the order of the text.
    pub fn rules(&self, phase: Phase) -> &[RuleId] {
        match (&self.phases, phase) {
            ([rules, _, _, _], Phase::Head)
            | ([_, rules, _, _], Phase::State)
            | ([_, _, rules, _], Phase::Body)
            | ([_, _, _, rules], Phase::Response) => rules,
        }
    }

    /// What holds for an exchange: its endpoint's settings, else its API's, else the defaults.
    pub(crate) fn settings(&self, exchange: &Exchange<'_>) -> Settings {
        let endpoint = |id: EndpointId| self.bundle.endpoints.get(id.0 as usize).map(|row| row.settings);
        let api = |id| self.api(id).map(|row| row.settings);
        exchange.endpoint().and_then(endpoint).or_else(|| exchange.api().and_then(api)).unwrap_or_default()
    }

    pub(crate) fn problems(&self, exchange: &Exchange<'_>) -> Problems {
        self.settings(exchange).problems
    }

    const fn meaning(&self) -> Meaning<'_> {
        Meaning { program: &self.bundle.program, constants: &self.constants }
    }

    /// The rules of a phase whose conditions hold, of those that are about the exchange.
    pub fn holding(&self, exchange: &Exchange<'_>, phase: Phase) -> Vec<RuleId> {
        let mut scratch = Scratch::default();
        self.begin(&mut scratch, exchange, phase);
        let mut from = 0;
        std::iter::from_fn(|| self.next(&scratch, exchange, phase, &mut from)).collect()
    }

    /// The same, found by walking all rules with the interpreter: the oracle of the indexes and of native code.
    pub fn holding_naively(&self, exchange: &Exchange<'_>, phase: Phase) -> Vec<RuleId> {
        let holds =
            |rule: &Rule| covers(&rule.scope, exchange) && interp::holds(self.meaning(), rule.when, exchange);
        self.rules(phase).iter().copied().filter(|id| self.rule(*id).is_some_and(holds)).collect()
    }

    /// The rules of a phase that an index lets through.
    pub fn candidates(&self, exchange: &Exchange<'_>, phase: Phase) -> Vec<RuleId> {
        let mut scratch = Scratch::default();
        self.begin(&mut scratch, exchange, phase);
        let rules = self.rules(phase);
        scratch.candidates.iter().filter_map(|candidate| rules.get(candidate.place()).copied()).collect()
    }

    /// How many rules of a phase are looked at whatever the request is.
    pub fn unanchored(&self, phase: Phase) -> usize {
        let index = self.indexes.get(phase as usize).and_then(Option::as_ref);
        index.map_or_else(|| self.rules(phase).len(), Index::unanchored)
    }

    /// Makes a scratch ready for facts that it has not seen, and puts the rules of a phase that may match into it.
    pub(crate) fn begin(&self, scratch: &mut Scratch, exchange: &Exchange<'_>, phase: Phase) {
        scratch.begin(self.jit.get().map_or(0, Jit::slots));
        match self.indexes.get(phase as usize) {
            Some(Some(index)) => index.collect(self.meaning(), scratch, exchange),
            _ => scratch.candidates.extend((0..self.rules(phase).len() as u32).map(Candidate::open)),
        }
    }

    /// The next rule of a phase, from a place among the candidates on, that is about the exchange and whose condition holds.
    pub(crate) fn next(
        &self,
        scratch: &Scratch,
        exchange: &Exchange<'_>,
        phase: Phase,
        from: &mut usize,
    ) -> Option<RuleId> {
        let rules = self.rules(phase);
        let mut running = None;
        while let Some(candidate) = scratch.candidates.get(*from) {
            *from += 1;
            let id = *rules.get(candidate.place())?;
            let rule = self.rule(id)?;
            if !covers(&rule.scope, exchange) {
                continue;
            }
            let mut holds = || match running
                .get_or_insert_with(|| self.jit.get()?.session(self.meaning(), scratch, exchange))
            {
                Some(running) => running.holds(id.0 as usize, rule.when),
                None => interp::holds(self.meaning(), rule.when, exchange),
            };
            if !candidate.is_open() || holds() {
                return Some(id);
            }
        }
        None
    }

    /// Whether a `Bool` expression holds.
    pub(crate) fn is_true(&self, id: ExprId, exchange: &Exchange<'_>) -> bool {
        interp::holds(self.meaning(), id, exchange)
    }

    /// What an expression gives.
    pub(crate) fn value<'v>(&'v self, id: ExprId, exchange: &'v Exchange<'_>) -> Option<Value<'v>> {
        interp::evaluate(self.meaning(), id, exchange)
    }

    /// The string that an expression of an action gives.
    pub(crate) fn text(&self, id: ExprId, exchange: &Exchange<'_>) -> Option<Vec<u8>> {
        match interp::evaluate(self.meaning(), id, exchange)? {
            Value::String(text) => Some(text.into_owned()),
            Value::Bool(_) | Value::Int(_) | Value::Ip(_) | Value::Array(_) | Value::Map(_) => None,
        }
    }
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy").field("digest", &self.digest).finish_non_exhaustive()
    }
}

/// The conditions of a bundle's rules, by rule.
fn conditions(bundle: &Bundle) -> Vec<ExprId> {
    bundle.rules.iter().map(|rule| rule.when).collect()
}

/// The native code of a bundle's conditions and bodies as cranelift's text.
pub fn clif(bundle: &Bundle) -> Result<String, ClifError> {
    let constants = Constants::of(&bundle.program)?;
    let mut text = Jit::clif(&bundle.program, &constants, &conditions(bundle))?;
    let validators = Validators::load(bundle.schemas.clone())?;
    for (node, reason) in interpreted(&bundle.schemas) {
        let (keyword, why) = reason.text();
        text.push_str(
            &["; ", &node.to_string(), " is the interpreter's, for ", keyword, ": ", why, "\n"].concat(),
        );
    }
    for operation in bundle.endpoints.iter().filter_map(|endpoint| endpoint.operation.as_ref()) {
        for code in Judge::new(&validators, operation.clone()).clif(&validators)? {
            text.push_str(&code);
        }
    }
    Ok(text)
}

/// Why there is no text of native code.
#[derive(Debug, thiserror::Error)]
pub enum ClifError {
    /// A pattern in the bundle cannot be made.
    #[error(transparent)]
    Constant(#[from] ConstantError),
    /// Its schemas cannot be made ready.
    #[error(transparent)]
    Schemas(#[from] crate::schema::LoadError),
    /// No code can be made here.
    #[error(transparent)]
    Jit(#[from] JitError),
}

/// Whether some rule asks what a request's schema says of it.
fn asks_schema(bundle: &Bundle) -> bool {
    fields(bundle).any(|name| {
        name == "cf.api_gateway.request_violates_schema" || name.starts_with("cf.schema_validation.uploaded.")
    })
}

/// Names of the fields that rules read.
fn fields(bundle: &Bundle) -> impl Iterator<Item = &'static str> {
    bundle.program.nodes.iter().filter_map(|node| {
        let Expr::Field(field) = &node.expr else { return None };
        Some(field.row().name)
    })
}
