//! Members of sets and lists, inline or from a file.

use std::net::IpAddr;

use shield_ir::set::{Members, network};
use shield_ir::{Scalar, Type};

use super::literal::integer_help;
use crate::ast::{Text, Word};
use crate::codes::{E0103, E0301, E0302, E0307};
use crate::diagnostic::Diagnostic;
use crate::parse::{integer, malformed};
use crate::source::Span;

/// The members of a set of that type; every one that is wrong is reported.
pub(crate) fn members(words: &[Word], ty: Type, diagnostics: &mut Vec<Diagnostic>) -> Option<Members> {
    match ty.as_scalar()? {
        Scalar::Int => all(words, diagnostics, int_range).map(Members::ints),
        Scalar::Ip => all(words, diagnostics, ip_range).map(Members::ips),
        Scalar::String => all(words, diagnostics, string).map(Members::strings),
        Scalar::Bool => None,
    }
}

fn all<T>(
    words: &[Word],
    diagnostics: &mut Vec<Diagnostic>,
    read: impl Fn(&Text, Span) -> Result<T, Box<Diagnostic>>,
) -> Option<Vec<T>> {
    let before = diagnostics.len();
    let mut members = Vec::with_capacity(words.len());
    for word in words {
        match read(&word.node, word.span) {
            Ok(member) => members.push(member),
            Err(diagnostic) => diagnostics.push(computed(word).unwrap_or(*diagnostic)),
        }
    }
    (diagnostics.len() == before).then_some(members)
}

/// What is said of a field among the members.
fn computed(word: &Word) -> Option<Diagnostic> {
    let Text::Word(name) = &word.node else { return None };
    shield_ir::FieldId::find(name)?;
    let message = format!("`{name}` is a field, members of a set are literals");
    Some(
        Diagnostic::new(E0302, word.span, message)
            .help(format!("compare with it outside the set: `… or … eq {name}`")),
    )
}

fn string(text: &Text, span: Span) -> Result<Box<[u8]>, Box<Diagnostic>> {
    match text {
        Text::String(bytes) => Ok(bytes.clone().into()),
        Text::Word(word) => match super::literal::read(word, Type::STRING) {
            Some(shield_ir::Literal::String(bytes)) => Ok(bytes),
            _ => Err(Box::new(malformed(
                text,
                span,
                "String",
                &format!("text stands between quotes: `\"{word}\"`"),
            ))),
        },
        Text::Regex(_) => Err(Box::new(malformed(text, span, "String", "text stands between quotes"))),
    }
}

fn int_range(text: &Text, span: Span) -> Result<(i64, i64), Box<Diagnostic>> {
    let word = bare(text, span, Type::INT)?;
    let (low, high) = word.split_once("..").unwrap_or((word, word));
    let read = |part: &str| {
        integer(part).ok_or_else(|| {
            Box::new(if word.contains("..") {
                malformed(text, span, "range of integers", "a range is `1..9`, without spaces")
            } else {
                malformed(text, span, "integer", integer_help(word))
            })
        })
    };
    let (low, high) = (read(low)?, read(high)?);
    if low > high {
        return Err(Box::new(backwards(word, span)));
    }
    Ok((low, high))
}

fn ip_range(text: &Text, span: Span) -> Result<(IpAddr, IpAddr), Box<Diagnostic>> {
    let word = bare(text, span, Type::IP)?;
    if let Some((low, high)) = word.split_once("..") {
        let (low, high) = (address(low, span)?, address(high, span)?);
        if low.is_ipv4() != high.is_ipv4() {
            let message = format!("`{word}` begins in one family of addresses and ends in the other");
            return Err(Box::new(Diagnostic::new(E0307, span, message)));
        }
        return if low <= high { Ok((low, high)) } else { Err(Box::new(backwards(word, span))) };
    }
    let Some((host, prefix)) = word.split_once('/') else {
        return lenient(word).map_or_else(|| address(word, span), Ok).map(|address| (address, address));
    };
    let host = lenient(host).map_or_else(|| address(host, span), Ok)?;
    let longest = if host.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.parse::<u32>().ok().filter(|prefix| *prefix <= longest).ok_or_else(|| {
        Box::new(Diagnostic::new(E0307, span, format!("a prefix of `{word}` has 0 to {longest} bits")))
    })?;
    network(host, prefix).ok_or_else(|| {
        let masked = mask(host, prefix);
        Box::new(
            Diagnostic::new(E0307, span, format!("`{word}` has bits set beyond its prefix"))
                .help(format!("the network is `{masked}/{prefix}`, the single address `{host}`")),
        )
    })
}

fn address(text: &str, span: Span) -> Result<IpAddr, Box<Diagnostic>> {
    text.parse().map_err(|_| {
        let text = Text::Word(text.to_owned());
        Box::new(malformed(
            &text,
            span,
            "address",
            "members look like `192.0.2.1`, `192.0.2.0/24` or `192.0.2.1..192.0.2.9`",
        ))
    })
}

/// An IPv4 address whose parts may have leading zeros, which Cloudflare takes as decimal inside a set.
fn lenient(text: &str) -> Option<IpAddr> {
    let parts: Vec<u8> = text
        .split('.')
        .map(|part| part.parse::<u8>().ok().filter(|_| part.len() <= 3 && !part.starts_with('+')))
        .collect::<Option<_>>()?;
    <[u8; 4]>::try_from(parts).ok().map(IpAddr::from)
}

fn mask(address: IpAddr, prefix: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & !u32::MAX.checked_shr(prefix).unwrap_or(0)).into()),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::MAX.checked_shr(prefix).unwrap_or(0)).into()),
    }
}

fn bare(text: &Text, span: Span, ty: Type) -> Result<&str, Box<Diagnostic>> {
    match text {
        Text::Word(word) => Ok(word),
        Text::String(bytes) => {
            let help = if bytes.iter().any(u8::is_ascii_digit) {
                format!("members of type {ty} have no quotes: `{}`", String::from_utf8_lossy(bytes))
            } else {
                "all members have one type; write two sets and join them with `or`".to_owned()
            };
            Err(Box::new(
                Diagnostic::new(E0301, span, format!("a String stands in a set of {ty}")).help(help),
            ))
        }
        Text::Regex(_) => Err(Box::new(Diagnostic::new(E0103, span, "a pattern cannot be a member"))),
    }
}

fn backwards(word: &str, span: Span) -> Diagnostic {
    let (low, high) = word.split_once("..").unwrap_or((word, word));
    Diagnostic::new(E0307, span, format!("the range `{word}` ends before it begins"))
        .help(format!("write `{high}..{low}`"))
}
