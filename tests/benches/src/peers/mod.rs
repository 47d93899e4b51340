//! Other engines, each as its own documentation would have it used.

pub mod cedar;
pub mod rego;

use std::sync::Arc;

use cel::{Context, Program, Value};
use regex::bytes::{Regex, RegexBuilder};

use crate::mix::{Condition, Request};

/// What a wirefilter scheme needs to know of a request.
pub fn scheme() -> wirefilter::Scheme {
    use wirefilter::Scheme;
    Scheme! {
        http.request.uri.path: Bytes,
        http.request.uri.query: Bytes,
        http.request.method: Bytes,
        http.user_agent: Bytes,
        http.host: Bytes,
        ip.src: Ip,
        ip.src.country: Bytes,
    }
}

/// A condition in the language of wirefilter 0.6.1; none where it has no words for it.
pub fn wirefilter_text(condition: &Condition) -> Option<String> {
    Some(match condition {
        Condition::Path(text) => format!("http.request.uri.path == \"{text}\""),
        Condition::PathRegex(regex) => format!("http.request.uri.path matches \"{regex}\""),
        Condition::Networks(networks, method) => {
            let networks: Vec<_> = networks.iter().map(|(a, b, c)| format!("{a}.{b}.{c}.0/24")).collect();
            format!("ip.src in {{ {} }} && http.request.method == \"{method}\"", networks.join(" "))
        }
        Condition::Agent(text) => format!("http.user_agent contains \"{text}\""),
        Condition::Country(text) => format!("ip.src.country == \"{text}\""),
        Condition::Host(text) => format!("http.host == \"{text}\""),
        Condition::Query(text) => format!("http.request.uri.query contains \"{text}\""),
        _ => return None,
    })
}

/// Compiled filters of a scheme.
pub fn wirefilters<'s>(
    scheme: &'s wirefilter::Scheme,
    conditions: &[Condition],
) -> Option<Vec<wirefilter::Filter<'s>>> {
    let compile = |condition| {
        let text = wirefilter_text(condition)?;
        Some(scheme.parse(Box::leak(text.into_boxed_str())).expect("a filter").compile())
    };
    conditions.iter().map(compile).collect()
}

/// Whether some filter matches a request, its context included.
pub fn wirefilter<'s>(
    scheme: &'s wirefilter::Scheme,
    filters: &[wirefilter::Filter<'s>],
    request: &Request,
) -> bool {
    let mut context = wirefilter::ExecutionContext::new(scheme);
    let mut set = |name, value: &'static str| context.set_field_value(name, value).expect("a field");
    set("http.request.uri.path", request.path());
    set("http.request.uri.query", request.query());
    set("http.request.method", request.method);
    set("http.user_agent", request.header("user-agent"));
    set("http.host", request.header("host"));
    set("ip.src.country", request.country);
    context.set_field_value("ip.src", std::net::IpAddr::from(request.client)).expect("a field");
    filters.iter().any(|filter| filter.execute(&context).expect("its own scheme"))
}

/// Programs of the Common Expression Language and what their functions refer to by number.
pub struct Cel {
    programs: Vec<Program>,
    context: Context<'static, 'static>,
}

/// Programs for conditions; regular expressions, patterns and networks are made once, beforehand.
pub fn cel(conditions: &[Condition]) -> Cel {
    let mut regexes: Vec<Regex> = Vec::new();
    let mut networks: Vec<Vec<(u32, u32)>> = Vec::new();
    let mut regex = |text: &str, fold: bool| {
        let regex = RegexBuilder::new(text).unicode(false).case_insensitive(fold).build().expect("a regex");
        regexes.push(regex);
        regexes.len() - 1
    };
    let mut programs = Vec::with_capacity(conditions.len());
    for condition in conditions {
        let text = match condition {
            Condition::Path(text) => format!("path == \"{text}\""),
            Condition::PathRegex(text) => format!("rx(path, {})", regex(text, false)),
            Condition::Networks(of, method) => {
                let range = |(a, b, c): &(u8, u8, u8)| {
                    let low = u32::from_be_bytes([*a, *b, *c, 0]);
                    (low, low | 255)
                };
                networks.push(of.iter().map(range).collect());
                format!("within(client, {}) && method == \"{method}\"", networks.len() - 1)
            }
            Condition::Agent(text) => format!("agent.contains(\"{text}\")"),
            Condition::Country(text) => format!("country == \"{text}\""),
            Condition::Host(text) => format!("host == \"{text}\""),
            Condition::Query(text) => format!("query.contains(\"{text}\")"),
            Condition::Prefix(text) => format!("path.startsWith(\"{text}\")"),
            Condition::Wildcard(pattern) => {
                let pattern = format!("^{}$", pattern.replace('.', "\\.").replace('*', ".*"));
                format!("rx(path, {})", regex(&pattern, true))
            }
            Condition::Header(name, text) => {
                format!("\"{name}\" in headers && headers[\"{name}\"].contains(\"{text}\")")
            }
            Condition::AnyHeader(text) => format!("values.exists(v, lower(v).contains(\"{text}\"))"),
            Condition::Argument(name, text) => {
                format!("\"{name}\" in args && args[\"{name}\"] == \"{text}\"")
            }
        };
        programs.push(Program::compile(&text).expect("a program"));
    }
    let mut context = Context::default();
    let added = [
        context
            .add_function("rx", move |text: Arc<String>, at: i64| {
                regexes[at as usize].is_match(text.as_bytes())
            })
            .is_ok(),
        context
            .add_function("within", move |address: i64, at: i64| {
                networks[at as usize].iter().any(|(low, high)| (*low..=*high).contains(&(address as u32)))
            })
            .is_ok(),
        context.add_function("lower", |text: Arc<String>| text.to_ascii_lowercase()).is_ok(),
    ];
    assert!(added.iter().all(|added| *added));
    Cel { programs, context }
}

impl Cel {
    /// Whether some program holds for a request, its variables included.
    pub fn judge(&self, request: &Request) -> bool {
        let mut context = self.context.new_inner_scope();
        let mut add = |name: &str, value: Value| context.add_variable_from_value(name, value);
        add("path", request.path().into());
        add("query", request.query().into());
        add("method", request.method.into());
        add("agent", request.header("user-agent").into());
        add("host", request.header("host").into());
        add("country", request.country.into());
        add("client", Value::Int(i64::from(u32::from_be_bytes(request.client))));
        let headers: std::collections::HashMap<&str, &str> = request.headers.iter().copied().collect();
        add("headers", headers.into());
        add("values", request.headers.iter().map(|header| header.1).collect::<Vec<_>>().into());
        let args = request.query().split('&').filter_map(|pair| pair.split_once('='));
        add("args", args.collect::<std::collections::HashMap<&str, &str>>().into());
        self.programs.iter().any(|program| matches!(program.execute(&context), Ok(Value::Bool(true))))
    }
}
