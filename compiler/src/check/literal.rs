//! Bare words and strings, understood by the type that they must have.

use std::net::IpAddr;

use shield_ir::{Expr, Literal, Scalar, Type};

use super::{Checker, Typed};
use crate::ast::Text;
use crate::codes::{E0103, E0301, E0302};
use crate::diagnostic::Diagnostic;
use crate::parse::{integer, is_number, malformed};
use crate::source::Span;

/// Which operators take something computed on their right.
pub(super) const ONLY_ORDER: &str = "only `eq ne lt le gt ge` compare with a field or a call";

impl Checker<'_> {
    /// A word of a given type: a literal, or the name of a field or `let`.
    pub(super) fn word_operand(&mut self, text: &Text, span: Span, ty: Type) -> Option<Typed> {
        if let Text::Word(word) = text
            && self.is_name(word, ty)
        {
            let typed = self.name(word, span)?;
            if typed.ty == ty {
                return Some(typed);
            }
            let message = format!("`{word}` is {}, {ty} must stand here", typed.ty);
            let mut diagnostic = Diagnostic::new(E0301, span, message).label(format!("this is {}", typed.ty));
            if ty == Type::STRING && typed.ty.as_scalar().is_some() {
                diagnostic = diagnostic.help(format!("wrap it: `to_string({word})`"));
            }
            self.report(diagnostic);
            return None;
        }
        let literal = self.literal(text, span, ty)?;
        Some(self.node(Expr::Literal(literal), ty))
    }

    /// Whether a bare word is a name: one that is known, or one that is no literal of the type.
    fn is_name(&self, word: &str, ty: Type) -> bool {
        if !is_identifier(word) || word == "true" && ty != Type::BOOL || word == "false" && ty != Type::BOOL {
            return false;
        }
        let known = shield_ir::FieldId::find(word).is_some()
            || self.names.lets.contains_key(word)
            || self.names.declared.contains_key(word)
            || word.contains("geoip.");
        known
            || (word.contains('.') && read(word, ty).is_none())
            || ty.as_scalar().is_none()
            || ty == Type::BOOL
    }

    /// A literal of a given type.
    pub(super) fn literal(&mut self, text: &Text, span: Span, ty: Type) -> Option<Literal> {
        let scalar = ty.as_scalar();
        let read = match (text, scalar) {
            (Text::String(bytes), Some(Scalar::String)) => Some(Literal::String(bytes.clone().into())),
            (Text::Regex(text), Some(Scalar::String)) => Some(Literal::String(text.as_bytes().into())),
            (Text::Word(word), _) => read(word, ty),
            (Text::String(_) | Text::Regex(_), _) => None,
        };
        if read.is_none() {
            let diagnostic = self.named(text, span).unwrap_or_else(|| wrong_literal(text, span, ty));
            self.report(diagnostic);
        }
        read
    }

    /// What is said of a field or a `let` where a literal must stand.
    fn named(&self, text: &Text, span: Span) -> Option<Diagnostic> {
        let Text::Word(word) = text else { return None };
        let what = if self.names.lets.contains_key(word) {
            "a `let`"
        } else {
            shield_ir::FieldId::find(word).map(|_| "a field")?
        };
        let message = format!("`{word}` is {what}, a literal must stand here");
        Some(Diagnostic::new(E0302, span, message).help(ONLY_ORDER))
    }
}

/// Whether a bare word is written like a name.
pub(super) fn is_identifier(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
}

/// A bare word as a literal of that type.
pub(super) fn read(word: &str, ty: Type) -> Option<Literal> {
    match ty.as_scalar()? {
        Scalar::Int => integer(word).map(Literal::Int),
        Scalar::Ip => word.parse::<IpAddr>().ok().map(Literal::Ip),
        Scalar::String => bytes(word).map(|bytes| Literal::String(bytes.into())),
        Scalar::Bool => match word {
            "true" => Some(Literal::Bool(true)),
            "false" => Some(Literal::Bool(false)),
            _ => None,
        },
    }
}

/// `61:6d`: two or more pairs of hexadecimal digits with `:`, `-` or `.` between them.
fn bytes(word: &str) -> Option<Vec<u8>> {
    let pairs: Vec<&str> = word.split([':', '-', '.']).collect();
    let pair = |pair: &&str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    if pairs.len() < 2 || !pairs.iter().all(pair) {
        return None;
    }
    pairs.iter().map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

fn wrong_literal(text: &Text, span: Span, ty: Type) -> Diagnostic {
    match (text, ty.as_scalar()) {
        (Text::String(bytes), Some(scalar)) => {
            let shown = String::from_utf8_lossy(bytes);
            let diagnostic = Diagnostic::new(E0301, span, format!("a String stands where {ty} must"))
                .label(format!("this is a String, not {ty}"));
            match scalar {
                Scalar::Int | Scalar::Ip if read(&shown, ty).is_some() => {
                    diagnostic.help(format!("write it without quotes: `{shown}`"))
                }
                Scalar::Ip => diagnostic.help("addresses stand without quotes: `192.0.2.1`"),
                Scalar::Bool | Scalar::Int | Scalar::String => diagnostic,
            }
        }
        (Text::Word(word), Some(Scalar::Ip)) if word.contains('/') => {
            malformed(text, span, "single address", &format!("a network is a set: `in {{{word}}}`"))
        }
        (Text::Word(word), Some(Scalar::Int)) => malformed(text, span, "integer", integer_help(word)),
        (Text::Word(_), Some(Scalar::Ip)) => {
            malformed(text, span, "address", "addresses look like `192.0.2.1` or `2001:db8::1`")
        }
        (Text::Word(word), Some(Scalar::String)) => {
            malformed(text, span, "String", &format!("text stands between quotes: `\"{word}\"`"))
        }
        (Text::Word(_), Some(Scalar::Bool)) => malformed(text, span, "Bool", "write `true` or `false`"),
        (Text::String(_) | Text::Regex(_) | Text::Word(_), _) => {
            Diagnostic::new(E0103, span, format!("no literal has the type {ty}"))
        }
    }
}

/// Why a word is no integer.
pub(super) fn integer_help(word: &str) -> &'static str {
    if word.len() > 1
        && word.starts_with('0')
        && !word.starts_with("0x")
        && word.bytes().all(|byte| byte.is_ascii_digit())
    {
        "a leading 0 makes a number octal; leave it out"
    } else if word.starts_with('+') {
        "leave out the `+`"
    } else if word.contains('.') {
        "integers have no fraction"
    } else if word.contains('_') {
        "digits stand together: `1000`"
    } else if is_number(word) && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        "integers have 64 bits: at most 9223372036854775807"
    } else {
        "integers look like `42`, `-1` or `0x1f`"
    }
}
