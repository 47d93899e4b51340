//! Bare expressions, as `shieldc eval` and editors ask for them: one expression, no items around it.

use shield_ir::{ExprId, Program, Type};

use crate::check::Checker;
use crate::codes::E0301;
use crate::diagnostic::{self, Diagnostic};
use crate::optimize;
use crate::parse;
use crate::source::{FileId, SourceMap, Span};

/// What holds around a bare expression.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Names that the data of a request brings, beyond the table of fields.
    pub declared: Vec<(String, Type)>,
    /// Whether fields that need Cloudflare's network may be asked, since the request's data says what they are.
    pub cloud: bool,
}

/// A bare expression that has passed.
#[derive(Clone, Debug)]
pub struct Bare {
    /// Its operations.
    pub program: Program,
    /// Its root.
    pub root: ExprId,
    /// Its type.
    pub ty: Type,
}

/// Checks an expression; any well-formed name of a list or token counts as declared, any type may stand at the top
/// but `Array<Bool>`.
pub fn expression(text: &str, options: &Options) -> (Option<Bare>, Vec<Diagnostic>, SourceMap) {
    let mut map = SourceMap::default();
    let file = map.add("expression", text);
    let mut diagnostics = Vec::new();
    let bare = parse::expression(file, text, &mut diagnostics)
        .and_then(|expr| checked(&expr, text, options, &mut diagnostics))
        .filter(|_| !diagnostics.iter().any(Diagnostic::is_error));
    diagnostic::sort(&mut diagnostics);
    (bare, diagnostics, map)
}

fn checked(
    expr: &crate::ast::Expr,
    text: &str,
    options: &Options,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Bare> {
    let mut checker = Checker::new(diagnostics);
    checker.names.lenient = true;
    checker.names.cloud = options.cloud;
    for (name, ty) in &options.declared {
        checker.declare(name, *ty);
    }
    let typed = checker.value(expr)?;
    let program = std::mem::take(&mut checker.program);
    if typed.ty == Type::BOOL.array() {
        let span = Span::new(FileId(0), 0, text.len());
        diagnostics.push(
            Diagnostic::new(E0301, span, "an Array<Bool> is no result")
                .help("reduce it with `any(…)` or `all(…)`"),
        );
        return None;
    }
    let (program, root) = optimize::expression(program, typed.id);
    if let Err(error) = shield_ir::verify::program(&program) {
        diagnostics.push(crate::check::invariant(&error, Span::new(FileId(0), 0, text.len())));
        return None;
    }
    Some(Bare { program, root, ty: typed.ty })
}
