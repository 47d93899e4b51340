//! The two mixes of rules and the requests that they are measured with, in a form that every engine is built from.

use shield_engine::{Head, Headers};

/// A condition that every engine can express in its own language.
#[derive(Clone, Debug)]
pub enum Condition {
    /// The path is this.
    Path(String),
    /// The path matches this regular expression.
    PathRegex(String),
    /// The client is in one of these networks, and the method is this.
    Networks(Vec<(u8, u8, u8)>, &'static str),
    /// The user agent holds this.
    Agent(String),
    /// The country is this.
    Country(String),
    /// The host is this.
    Host(String),
    /// The query holds this.
    Query(String),
    /// The path starts with this.
    Prefix(String),
    /// The path matches this wildcard pattern, whatever its case.
    Wildcard(String),
    /// A header's first value holds this.
    Header(&'static str, String),
    /// Some header value in lower case holds this.
    AnyHeader(String),
    /// A query argument's first value is this.
    Argument(String, String),
}

/// Which conditions there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// What engines without maps and functions can express too.
    Scalar,
    /// Everything.
    Full,
}

impl Mix {
    /// Its name in results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Full => "full",
        }
    }

    const fn kinds(self) -> usize {
        match self {
            Self::Scalar => 7,
            Self::Full => 12,
        }
    }
}

/// So many conditions, none of which matches [`no_match`]; the last matches [`matching`].
pub fn conditions(mix: Mix, count: usize) -> Vec<Condition> {
    let mut conditions: Vec<_> =
        (0..count.saturating_sub(1)).map(|at| condition(at, at % mix.kinds())).collect();
    conditions.push(Condition::Path("/the/one/that/matches".to_owned()));
    conditions
}

fn condition(at: usize, kind: usize) -> Condition {
    match kind {
        0 => Condition::Path(format!("/internal/resource/{at}/admin")),
        1 => Condition::PathRegex(format!("^/api/v[0-9]+/secret{at}/[a-z]+$")),
        2 => {
            let network = |step: usize| ((10 + step) as u8, (at >> 8) as u8, at as u8);
            Condition::Networks((0..4).map(network).collect(), "POST")
        }
        3 => Condition::Agent(format!("EvilBot-{at}/")),
        4 => Condition::Country(format!("{}{}", char::from(b'A' + (at % 26) as u8), at / 26)),
        5 => Condition::Host(format!("tenant-{at}.example.com")),
        6 => Condition::Query(format!("debug_token_{at}=")),
        7 => Condition::Prefix(format!("/legacy/application-{at}/")),
        8 => Condition::Wildcard(format!("/files/*/private-{at}/*.bak")),
        9 => Condition::Header("x-client-version", format!("beta-{at}.")),
        10 => Condition::AnyHeader(format!("injected-payload-{at}")),
        _ => Condition::Argument(format!("param{}", at % 50), format!("forbidden-{at}")),
    }
}

/// A parsed request head.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// Path and query.
    pub target: &'static str,
    /// Headers in order.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The client's address.
    pub client: [u8; 4],
    /// Its country.
    pub country: &'static str,
    /// The same as our engine gets it.
    pub head: Head<'static>,
}

impl Request {
    /// The path.
    pub fn path(&self) -> &'static str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query.
    pub fn query(&self) -> &'static str {
        self.target.split_once('?').map_or("", |halves| halves.1)
    }

    /// A header.
    pub fn header(&self, name: &str) -> &'static str {
        self.headers.iter().find(|header| header.0 == name).map_or("", |header| header.1)
    }
}

/// The request that nothing matches.
pub fn no_match() -> Request {
    request("/api/v2/products/1234/reviews?page=2&sort=newest&lang=en")
}

/// The request that the last rule matches.
pub fn matching() -> Request {
    request("/the/one/that/matches?page=2&sort=newest&lang=en")
}

fn request(target: &'static str) -> Request {
    let method = "GET";
    let client = [203, 0, 113, 7];
    let pairs = HEADERS.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect::<Vec<_>>();
    let head = Head {
        method: method.as_bytes(),
        target: target.as_bytes(),
        headers: Headers::new(pairs).expect("plain headers"),
        client: client.into(),
        ..Head::default()
    };
    Request { method, target, headers: HEADERS.to_vec(), client, country: "DE", head }
}

const HEADERS: &[(&str, &str)] = &[
    ("host", "shop.example.com"),
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    ),
    ("accept", "application/json"),
    ("accept-language", "en-GB,en;q=0.9,de;q=0.8"),
    ("accept-encoding", "gzip, deflate, br"),
    ("cookie", "session=4f1c2d3e5a6b7c8d; theme=dark; consent=yes"),
    ("referer", "https://shop.example.com/products/1234"),
    ("x-client-version", "release-4.12.1"),
    ("x-request-id", "7c9e6679-7425-40de-944b-e07fc1f90ae7"),
];
