//! Cedar: a policy that forbids for each condition, and one that permits everything else.
//!
//! It has neither regular expressions nor quantifiers over strings: an expression becomes a `like` pattern that is somewhat
//! wider, and a search in all header values one in all of them joined, which the caller prepares.

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request as Question,
    RestrictedExpression as Value,
};

use crate::mix::{Condition, Request};

/// What decides.
pub struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    anybody: EntityUid,
}

fn condition(condition: &Condition) -> String {
    match condition {
        Condition::Path(text) => format!("context.path == \"{text}\""),
        Condition::PathRegex(regex) => {
            let pattern = regex.trim_matches(['^', '$']).replace("[0-9]+", "*").replace("[a-z]+", "*");
            format!("context.path like \"{pattern}\"")
        }
        Condition::Networks(networks, method) => {
            let within =
                |(a, b, c): &(u8, u8, u8)| format!("context.client.isInRange(ip(\"{a}.{b}.{c}.0/24\"))");
            let within: Vec<_> = networks.iter().map(within).collect();
            format!("({}) && context.method == \"{method}\"", within.join(" || "))
        }
        Condition::Agent(text) => format!("context.agent like \"*{text}*\""),
        Condition::Country(text) => format!("context.country == \"{text}\""),
        Condition::Host(text) => format!("context.host == \"{text}\""),
        Condition::Query(text) => format!("context.query like \"*{text}*\""),
        Condition::Prefix(text) => format!("context.path like \"{text}*\""),
        Condition::Wildcard(pattern) => format!("context.path like \"{pattern}\""),
        Condition::Header(name, text) => {
            format!("context.headers has \"{name}\" && context.headers[\"{name}\"] like \"*{text}*\"")
        }
        Condition::AnyHeader(text) => format!("context.values like \"*{text}*\""),
        Condition::Argument(name, text) => {
            format!("context.args has \"{name}\" && context.args[\"{name}\"] == \"{text}\"")
        }
    }
}

/// Policies for conditions.
pub fn cedar(conditions: &[Condition]) -> Cedar {
    let mut text = String::from("permit(principal, action, resource);\n");
    for of in conditions {
        text += &format!("forbid(principal, action, resource) when {{ {} }};\n", condition(of));
    }
    Cedar {
        authorizer: Authorizer::new(),
        policies: text.parse().expect("policies"),
        entities: Entities::empty(),
        anybody: "Client::\"anybody\"".parse().expect("an entity"),
    }
}

impl Cedar {
    /// Whether some policy forbids a request, its context included.
    pub fn judge(&self, request: &Request) -> bool {
        let text = |text: &str| Value::new_string(text.to_owned());
        let record = |pairs: &mut dyn Iterator<Item = (&str, &str)>| {
            Value::new_record(pairs.map(|(name, value)| (name.to_owned(), text(value))))
                .expect("names stand once")
        };
        let values: Vec<_> = request.headers.iter().map(|header| header.1.to_ascii_lowercase()).collect();
        let fields = [
            ("path", text(request.path())),
            ("query", text(request.query())),
            ("method", text(request.method)),
            ("agent", text(request.header("user-agent"))),
            ("host", text(request.header("host"))),
            ("country", text(request.country)),
            ("client", Value::new_ip(std::net::Ipv4Addr::from(request.client).to_string())),
            ("headers", record(&mut request.headers.iter().copied())),
            ("values", text(&values.join("\n"))),
            ("args", record(&mut request.query().split('&').filter_map(|pair| pair.split_once('=')))),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        let context = Context::from_pairs(fields).expect("a context");
        let anybody = || self.anybody.clone();
        let question = Question::new(anybody(), anybody(), anybody(), context, None).expect("a question");
        let answer = self.authorizer.is_authorized(&question, &self.policies, &self.entities);
        answer.decision() == Decision::Deny
    }
}
