//! Calls: the number, types and forms of a function's arguments.

use shield_ir::builtin::{Accepts, BUILTINS, Check, Form, Parameter, Returns, Signature};
use shield_ir::verify::{accepts, literal_passes};
use shield_ir::wildcard::{Part, replacement};
use shield_ir::{Builtin, Expr, ExprId, Literal, Type};

use super::expr::Operand;
use super::literal::is_identifier;
use super::{Checker, Typed};
use crate::ast::{self, ExprKind, Spanned, Text};
use crate::codes::{E0201, E0202, E0303, E0306};
use crate::diagnostic::Diagnostic;
use crate::names::nearest;
use crate::source::Span;

/// Names that look like functions of this language and are not, with what to write.
const NOT_FUNCTIONS: &[(&str, &str)] = &[
    ("contains", "`contains` is an operator: `… contains \"…\"`"),
    ("wildcard", "`wildcard` is an operator: `… wildcard \"…\"`"),
    ("matches", "`matches` is an operator: `… matches \"…\"`"),
    ("ip_in_range", "membership is an operator: `ip.src in {192.0.2.0/24}`"),
    ("hmac", "a signed URL is checked by `is_timed_hmac_valid_v0`"),
    ("sha512", "the hash of this language is `sha256`"),
    ("bit_slice", "it is for packets, not for requests"),
];

impl Checker<'_> {
    /// A call; with `[*]` in its first argument, one call for each element.
    pub(super) fn call(
        &mut self,
        name: &Spanned<String>,
        arguments: &[ast::Expr],
        span: Span,
    ) -> Option<Operand> {
        let Some(builtin) = Builtin::find(&name.node) else {
            self.unknown_function(name);
            return None;
        };
        let row = builtin.row();
        if !(row.required.len()..=row.most).contains(&arguments.len()) {
            self.wrong_count(row, name.span, arguments.len());
            return None;
        }
        let mut checked: Vec<Option<Operand>> = Vec::with_capacity(arguments.len());
        for (at, argument) in arguments.iter().enumerate() {
            let parameter = row.parameter(at)?;
            let first = match checked.first() {
                None => First::Itself,
                Some(None) => First::Broken,
                Some(Some(first)) => First::Has(first.ty()),
            };
            checked.push(self.call_argument(row, parameter, argument, first));
        }
        let operands: Vec<Operand> = checked.into_iter().collect::<Option<_>>()?;
        self.patterns_fit(builtin, &operands, arguments)?;
        self.replaces_once(builtin, name)?;
        let ids: Vec<ExprId> = operands.iter().map(|operand| body(*operand).id).collect();
        let ty = match row.returns {
            Returns::Just(ty) => ty,
            Returns::LikeFirst => operands.first().map_or(Type::STRING, |first| first.ty()),
        };
        debug_assert!(span.start <= name.span.start, "a call begins with its name");
        let call = self.node(Expr::Call { builtin, arguments: ids.into() }, ty);
        Some(Operand::One(match operands.first() {
            Some(Operand::Each { over, body: _ }) => self.each(*over, call),
            _ => call,
        }))
    }

    /// One argument; `first` is what is known of the first one.
    fn call_argument(
        &mut self,
        row: &Signature,
        parameter: Parameter,
        argument: &ast::Expr,
        first: First,
    ) -> Option<Operand> {
        let is_first = matches!(first, First::Itself);
        let first = match (first, parameter.accepts) {
            (First::Broken, Accepts::ElementOfFirst | Accepts::LikeFirst) => return None,
            (First::Has(ty), _) => Some(ty),
            (First::Itself | First::Broken, _) => None,
        };
        let operand = match &argument.node {
            ExprKind::Literal(Text::Word(word)) if is_identifier(word) => {
                Operand::One(self.name(word, argument.span)?)
            }
            ExprKind::Literal(text) => {
                let ty = literal_type(parameter.accepts, text, first);
                Operand::One(self.word_operand(text, argument.span, ty)?)
            }
            _ => self.operand(argument)?,
        };
        if !is_first && matches!(operand, Operand::Each { .. }) {
            self.report(
                Diagnostic::new(E0306, argument.span, "`[*]` may stand in the first argument alone")
                    .help("take one element: `[0]`"),
            );
            return None;
        }
        let ty = operand.ty();
        if !accepts(parameter.accepts, ty, first.unwrap_or(ty)) {
            let mut diagnostic = Diagnostic::new(
                E0303,
                argument.span,
                format!("`{}` takes {} as `{}`", row.name, wanted(parameter.accepts, first), parameter.name),
            )
            .label(format!("this is {ty}"));
            if let (Operand::Each { over: _, body: _ }, true) =
                (operand, accepts(parameter.accepts, ty.array(), ty))
            {
                diagnostic = diagnostic.help("leave out `[*]`: the function takes the whole array");
            } else if ty.layer().is_some() && accepts(parameter.accepts, ty.element()?, ty) {
                diagnostic = diagnostic.help("pass every element: `…[*]`, or one: `…[0]`");
            } else if accepts(parameter.accepts, Type::STRING, Type::STRING) && ty.as_scalar().is_some() {
                diagnostic = diagnostic.help("wrap it: `to_string(…)`");
            }
            self.report(diagnostic);
            return None;
        }
        self.form(row, parameter, argument, body(operand))?;
        Some(operand)
    }

    fn form(
        &mut self,
        row: &Signature,
        parameter: Parameter,
        argument: &ast::Expr,
        typed: Typed,
    ) -> Option<()> {
        let literal = match self.program.node(typed.id).map(|node| &node.expr) {
            Some(Expr::Literal(literal)) => Some(literal.clone()),
            _ => None,
        };
        let what = format!("`{}` of `{}`", parameter.name, row.name);
        let wrong = |message: String| Diagnostic::new(E0303, argument.span, message);
        let diagnostic = match (parameter.form, literal) {
            (Form::Any, _) | (Form::Computed, None) => return Some(()),
            (Form::Computed, Some(_)) => wrong(format!("{what} is a field or a call, not a literal"))
                .help("write the result yourself: it never changes"),
            (Form::Query, _) => {
                let query = matches!(&argument.node, ExprKind::Literal(Text::Word(name)) | ExprKind::Name(name)
                    if name == "http.request.uri.query" || name == "raw.http.request.uri.query");
                if query {
                    return Some(());
                }
                wrong(format!("{what} is `http.request.uri.query` or `raw.http.request.uri.query`"))
            }
            (Form::Literal(_), None) => wrong(format!("{what} is a literal, not something computed")),
            (Form::Literal(check), Some(literal)) => {
                return self.literal_argument(check, &literal, argument.span, &what);
            }
        };
        self.report(diagnostic);
        None
    }

    fn literal_argument(&mut self, check: Check, literal: &Literal, span: Span, what: &str) -> Option<()> {
        match (check, literal) {
            (Check::Regex, Literal::String(text)) => {
                let text = String::from_utf8(text.to_vec()).ok()?;
                return self.regex_text(&text, span).map(drop);
            }
            (Check::Wildcard, Literal::String(text)) => return self.wildcard_bytes(text, span),
            (Check::Token, Literal::String(name)) if !name.is_empty() => return self.token(name, span),
            _ => {}
        }
        if literal_passes(check, literal) {
            return Some(());
        }
        let message = match check {
            Check::Between(low, i64::MAX) => format!("{what} must be at least {low}"),
            Check::Between(low, high) => format!("{what} must be between {low} and {high}"),
            Check::NotEmpty | Check::Token => format!("{what} must not be empty"),
            Check::Flags(letters) => format!("{what} may have letters of `{letters}`, each once"),
            Check::Replacement => {
                format!("{what} has `${{1}}` to `${{8}}`, at most eight of them, and `$$` for `$`")
            }
            Check::Nothing | Check::Regex | Check::Wildcard => format!("{what} is malformed"),
        };
        self.report(Diagnostic::new(E0303, span, message));
        None
    }

    fn token(&mut self, name: &[u8], span: Span) -> Option<()> {
        let name = String::from_utf8_lossy(name).into_owned();
        if self.names.lenient || self.names.tokens.contains(&name) {
            return Some(());
        }
        let near = nearest(&name, self.names.tokens.iter().map(String::as_str)).map(str::to_owned);
        let help = near.map_or_else(
            || format!("declare it: `jwt {name} {{ … }}`"),
            |near| format!("did you mean `{near}`?"),
        );
        self.report(
            Diagnostic::new(E0202, span, format!("there is no `jwt` item named `{name}`")).help(help),
        );
        None
    }

    /// Whether a replacement asks for groups or stars that its pattern has.
    fn patterns_fit(
        &mut self,
        builtin: Builtin,
        operands: &[Operand],
        arguments: &[ast::Expr],
    ) -> Option<()> {
        let text = |at: usize| match operands.get(at).and_then(|operand| self.program.node(body(*operand).id))
        {
            Some(shield_ir::expr::Node { expr: Expr::Literal(Literal::String(text)), ty: _ }) => {
                Some(text.clone())
            }
            _ => None,
        };
        let groups = match builtin {
            Builtin::WildcardReplace => {
                shield_ir::wildcard::Pieces::parse(&text(1)?).ok()?.pieces.len().saturating_sub(1)
            }
            Builtin::RegexReplace => {
                let pattern = String::from_utf8(text(1)?.to_vec()).ok()?;
                let hir = regex_syntax::ParserBuilder::new()
                    .utf8(false)
                    .unicode(false)
                    .build()
                    .parse(&pattern)
                    .ok()?;
                hir.properties().explicit_captures_len()
            }
            _ => return Some(()),
        };
        let parts = replacement(&text(2)?)?;
        let highest =
            parts.iter().map(|part| if let Part::Group(group) = part { *group } else { 0 }).max()?;
        if highest <= groups {
            return Some(());
        }
        let span = arguments.get(2)?.span;
        let kind = if builtin == Builtin::RegexReplace { "group" } else { "star" };
        let plural = if groups == 1 { "" } else { "s" };
        self.report(Diagnostic::new(
            E0303,
            span,
            format!("`${{{highest}}}` is asked for, the pattern has {groups} {kind}{plural}"),
        ));
        None
    }

    /// One expression replaces by pattern once: each such call may make its text longer.
    fn replaces_once(&mut self, builtin: Builtin, name: &Spanned<String>) -> Option<()> {
        if !matches!(builtin, Builtin::RegexReplace | Builtin::WildcardReplace) {
            return Some(());
        }
        let Some(first) = self.replacement.replace(name.span) else { return Some(()) };
        self.report(
            Diagnostic::new(
                E0303,
                name.span,
                "an expression calls `regex_replace` or `wildcard_replace` once",
            )
            .related(first, "the first time")
            .help("match more with one pattern"),
        );
        None
    }

    fn unknown_function(&mut self, name: &Spanned<String>) {
        if matches!(name.node.as_str(), "any" | "all") {
            let message = format!("`{}` takes one condition on elements", name.node);
            let help = format!("write `{}(http.request.headers.names[*] eq \"x\")`", name.node);
            self.report(Diagnostic::new(E0303, name.span, message).help(help));
            return;
        }
        let diagnostic = Diagnostic::new(E0201, name.span, format!("there is no function `{}`", name.node));
        let known =
            NOT_FUNCTIONS.iter().find(|(other, _)| *other == name.node).map(|(_, help)| (*help).to_owned());
        let near = nearest(&name.node, BUILTINS.iter().map(|row| row.name).chain(["any", "all"]));
        let lower = name.node.to_ascii_lowercase();
        let help = known
            .or_else(|| near.map(|near| format!("did you mean `{near}`?")))
            .or_else(|| Builtin::find(&lower).map(|_| format!("functions are lower case: `{lower}`")))
            .unwrap_or_else(|| "`shieldc explain functions` lists all functions".to_owned());
        self.report(diagnostic.help(help));
    }

    fn wrong_count(&mut self, row: &Signature, span: Span, found: usize) {
        let counted = match (row.required.len(), row.most) {
            (least, most) if least == most => format!("{least}"),
            (least, most) => format!("{least} to {most}"),
        };
        let names: Vec<&str> =
            row.required.iter().chain(row.optional).map(|parameter| parameter.name).collect();
        let noun = if row.most == 1 { "argument" } else { "arguments" };
        let given = if found == 1 { "1 is given".to_owned() } else { format!("{found} are given") };
        let message = format!("`{}` takes {counted} {noun}, {given}", row.name);
        let help = format!("its arguments are: {}", names.join(", "));
        self.report(Diagnostic::new(E0303, span, message).help(help));
    }
}

/// What is known of a call's first argument when another is checked.
#[derive(Clone, Copy)]
enum First {
    /// This argument is the first.
    Itself,
    /// It was reported.
    Broken,
    /// It has this type.
    Has(Type),
}

const fn body(operand: Operand) -> Typed {
    match operand {
        Operand::One(typed) | Operand::Each { over: _, body: typed } => typed,
    }
}

/// The type as which a literal argument is read.
fn literal_type(accepts: Accepts, text: &Text, first: Option<Type>) -> Type {
    let own = match text {
        Text::String(_) | Text::Regex(_) => Type::STRING,
        Text::Word(word) if word.parse::<std::net::IpAddr>().is_ok() => Type::IP,
        Text::Word(_) => Type::INT,
    };
    match (accepts, first) {
        (Accepts::Just(ty), _) | (Accepts::LikeFirst, Some(ty)) => ty,
        (Accepts::ElementOfFirst, Some(ty)) => ty.element().unwrap_or(own),
        (
            Accepts::OneOf(_)
            | Accepts::StringOrArray
            | Accepts::Map
            | Accepts::Container
            | Accepts::Joinable
            | Accepts::Anything
            | Accepts::LikeFirst
            | Accepts::ElementOfFirst,
            _,
        ) => own,
    }
}

fn wanted(accepts: Accepts, first: Option<Type>) -> String {
    match accepts {
        Accepts::Just(ty) => ty.to_string(),
        Accepts::OneOf(types) => types.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "),
        Accepts::StringOrArray | Accepts::Joinable => "a String or an array".to_owned(),
        Accepts::Map => "a map".to_owned(),
        Accepts::Container => "a map or array of single values".to_owned(),
        Accepts::ElementOfFirst => {
            first.and_then(Type::element).map_or_else(|| "an element".to_owned(), |ty| ty.to_string())
        }
        Accepts::LikeFirst => first.map_or_else(|| "the same type".to_owned(), |ty| ty.to_string()),
        Accepts::Anything => "anything".to_owned(),
    }
}
