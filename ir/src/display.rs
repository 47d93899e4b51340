//! The stable text of a bundle, for `shieldc dump --ir` and snapshots: one line an operation, then what uses it.

use std::fmt::{self, Display, Formatter};

use crate::bundle::Bundle;
use crate::expr::{Expr, ExprId, Literal, Program};
use crate::policy::{
    Action, BodyKind, Endpoint, HeaderChange, HostPattern, Mode, Protection, Rule, Scope, ScopePart, Side,
};
use crate::set::{Members, Set, SetId};

/// How many members of a set a dump shows.
const SHOWN_MEMBERS: usize = 16;

impl Display for Bundle {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.program, self.schemas)?;
        for (at, api) in self.apis.iter().enumerate() {
            write!(f, "api @{at} {}", api.name)?;
            api.hosts.iter().try_for_each(|host| write!(f, " {host}"))?;
            api.upstreams.iter().try_for_each(|upstream| write!(f, " -> {upstream:?}"))?;
            writeln!(f, " unknown {} {}", mode(api.unknown), api.unknown_status)?;
        }
        for (at, endpoint) in self.endpoints.iter().enumerate() {
            writeln!(f, "endpoint #{at} {endpoint}")?;
        }
        if let Some(file) = &self.geoip {
            writeln!(f, "geoip {file:?}")?;
        }
        for (at, rule) in self.rules.iter().enumerate() {
            write!(f, "{rule}")?;
            let anchors = self.anchors.get(at).into_iter().flatten();
            anchors.into_iter().try_for_each(|anchor| writeln!(f, "  anchor {anchor}"))?;
        }
        Ok(())
    }
}

impl Display for Endpoint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "@{} ", self.api.0)?;
        if let Some(host) = &self.host {
            write!(f, "{host} ")?;
        }
        write!(f, "{}", self.name())?;
        if let Some(operation) = &self.operation {
            operation.id.iter().try_for_each(|id| write!(f, " id {id:?}"))?;
            operation.tags.iter().try_for_each(|tag| write!(f, " tag {tag:?}"))?;
        }
        let settings = &self.settings;
        write!(f, " requests {} responses {}", mode(settings.requests), mode(settings.responses))?;
        write!(f, " undeclared {:?} problems {:?}", settings.undeclared.query, settings.problems)?;
        write!(f, " body {}{}", settings.body_max, if settings.shadow { " shadow" } else { "" })
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "rule {} {}", self.name, self.phase.name())?;
        if self.shadow {
            f.write_str(" shadow")?;
        }
        match &self.scope {
            Scope::Everything => f.write_str(" on everything")?,
            Scope::Parts(parts) => parts.iter().try_for_each(|part| write!(f, " on {part}"))?,
        }
        writeln!(f, " when {}", self.when)?;
        self.actions.iter().try_for_each(|action| writeln!(f, "  then {action}"))
    }
}

impl Display for ScopePart {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(api) => write!(f, "@{}", api.0),
            Self::Host(host) => write!(f, "{host}"),
            Self::Endpoints(ids) => {
                let names: Vec<String> = ids.iter().map(|id| format!("#{}", id.0)).collect();
                f.write_str(&names.join(","))
            }
        }
    }
}

impl Display for Action {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log => f.write_str("log"),
            Self::Allow => f.write_str("allow"),
            Self::Block(block) => {
                f.write_str("block")?;
                if let Some(status) = block.status {
                    write!(f, " {status}")?;
                }
                if let Some((kind, text)) = &block.body {
                    let kind = match kind {
                        BodyKind::Json => "json",
                        BodyKind::Text => "text",
                        BodyKind::Html => "html",
                    };
                    write!(f, " {kind} {text:?}")?;
                }
                block.hold.map_or(Ok(()), |hold| write!(f, " for {hold}ms"))
            }
            Self::Skip(bits) => {
                f.write_str("skip")?;
                let named = Protection::ALL.iter().filter(|(_, protection)| bits & protection.bit() != 0);
                named.map(|(name, _)| name).try_for_each(|name| write!(f, " {name}"))
            }
            Self::Redirect { status, to } => write!(f, "redirect {status} {to}"),
            Self::RewritePath(to) => write!(f, "rewrite path {to}"),
            Self::RewriteQuery(to) => write!(f, "rewrite query {to}"),
            Self::Header { side, name, change } => {
                let side = match side {
                    Side::Request => "request",
                    Side::Response => "response",
                };
                match change {
                    HeaderChange::Set(value) => write!(f, "set {side} header {name:?} {value}"),
                    HeaderChange::Add(value) => write!(f, "add {side} header {name:?} {value}"),
                    HeaderChange::Remove => write!(f, "remove {side} header {name:?}"),
                }
            }
        }
    }
}

impl Display for HostPattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Exact(name) => f.write_str(name),
            Self::Below(name) => write!(f, "*.{name}"),
        }
    }
}

impl Display for ExprId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

impl Display for SetId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "${}", self.0)
    }
}

impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, set) in self.sets.iter().enumerate() {
            writeln!(f, "set ${at} {set}")?;
        }
        for (at, node) in self.nodes.iter().enumerate() {
            writeln!(f, "%{at}: {} = {}", node.ty, node.expr)?;
        }
        Ok(())
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal) => write!(f, "{literal}"),
            Self::Field(field) => f.write_str(field.row().name),
            Self::Declared(index) => write!(f, "declared {index}"),
            Self::Item => f.write_str("item"),
            Self::Index { of, at } => write!(f, "{of}[{at}]"),
            Self::Key { of, key } => write!(f, "{of}[{}]", Quoted(key)),
            Self::Each { over, body } => write!(f, "each {over} {body}"),
            Self::Flatten(of) => write!(f, "flatten {of}"),
            Self::Not(of) => write!(f, "not {of}"),
            Self::Logic { op, of } => {
                f.write_str(op.name())?;
                of.iter().try_for_each(|id| write!(f, " {id}"))
            }
            Self::Compare { op, left, right } => write!(f, "{} {left} {right}", op.name()),
            Self::Contains { of, needle } => write!(f, "contains {of} {}", Quoted(needle)),
            Self::Matches { of, regex } => write!(f, "matches {of} {regex:?}"),
            Self::Wildcard { of, pattern, strict } => {
                write!(f, "{}wildcard {of} {}", if *strict { "strict " } else { "" }, Quoted(pattern))
            }
            Self::In { of, set } => write!(f, "in {of} {set}"),
            Self::BitAnd { of, mask } => write!(f, "bitwise_and {of} {mask}"),
            Self::Quantify { quantifier, of } => write!(f, "{} {of}", quantifier.name()),
            Self::Call { builtin, arguments } => {
                f.write_str(builtin.row().name)?;
                arguments.iter().try_for_each(|id| write!(f, " {id}"))
            }
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::String(value) => write!(f, "{}", Quoted(value)),
            Self::Ip(value) => write!(f, "{value}"),
        }
    }
}

impl Display for Set {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{name} ")?;
        }
        let members: Vec<String> = match &self.members {
            Members::Ints(ranges) => {
                ranges.iter().take(SHOWN_MEMBERS).map(|(a, b)| format!("{a}..{b}")).collect()
            }
            Members::Ips { v4, v6 } => {
                let v4 = v4.iter().map(|(a, b)| {
                    format!("{}..{}", std::net::Ipv4Addr::from(*a), std::net::Ipv4Addr::from(*b))
                });
                let v6 = v6.iter().map(|(a, b)| {
                    format!("{}..{}", std::net::Ipv6Addr::from(*a), std::net::Ipv6Addr::from(*b))
                });
                v4.chain(v6).take(SHOWN_MEMBERS).collect()
            }
            Members::Strings(strings) => {
                strings.iter().take(SHOWN_MEMBERS).map(|text| Quoted(text).to_string()).collect()
            }
        };
        write!(f, "{} {{{}", self.members.ty(), members.join(" "))?;
        match self.members.len().saturating_sub(SHOWN_MEMBERS) {
            0 => f.write_str("}"),
            more => write!(f, " and {more} more}}"),
        }
    }
}

/// Bytes as the language writes them between quotes.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a [u8]);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '"' | '\\' => write!(f, "\\{c}")?,
                    c if c.is_control() => {
                        let mut bytes = [0; 4];
                        c.encode_utf8(&mut bytes).bytes().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
                    }
                    c => write!(f, "{c}")?,
                }
            }
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        f.write_str("\"")
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Off => "off",
        Mode::Log => "log",
        Mode::Block => "block",
    }
}
