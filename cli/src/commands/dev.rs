//! `shieldc dev`: compiles, serves, watches; a demo origin answers where no upstream is named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use shield_compiler::ast::Expectation;
use shield_compiler::{Outcome, Step, Test, TestRequest};
use shield_runtime::{Output, Server, Settings, Source};

use super::compiled;
use crate::files::{PolicyPath, changes};
use crate::report::{Format, Reports};
use crate::{End, Failure, Io, demo};

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(300);

/// Arguments of `dev`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A folder whose `.shield` files form one policy, or a file
    path: PathBuf,
    /// Where to serve
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: String,
    /// The admin listener: an address, or `off`
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    admin: String,
    /// Where requests go instead of the demo origin
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
}

pub(super) fn run(arguments: &Arguments, io: &mut Io<'_>) -> Result<End, Failure> {
    let outcome = compiled(&arguments.path)?;
    let mut seen = stamps(&arguments.path, &outcome)?;
    let Some(bytes) = told(&outcome, io)? else { return Ok(End::Wrong) };
    let upstream = match &arguments.upstream {
        Some(upstream) => upstream.clone(),
        None => format!("http://{}", demo::start()?),
    };
    let settings = Settings {
        listen: vec![arguments.listen.clone()],
        admin: arguments.admin.clone(),
        upstream: vec![upstream.clone()],
        workers: 1,
        ..Settings::default()
    };
    let failure = |error: shield_runtime::StartError| Failure::Usage(error.to_string());
    let events = Output::To(Box::new(std::io::stdout()));
    let server = shield_runtime::start(settings, Source::Bytes(bytes), events).map_err(failure)?;
    welcome(&server, &outcome, &upstream, arguments.upstream.is_none(), io)?;
    let mut files = outcome;
    loop {
        std::thread::sleep(LOOK);
        let now = stamps(&arguments.path, &files)?;
        if now == seen {
            continue;
        }
        let next = compiled(&arguments.path)?;
        match told(&next, io)?.map(|bytes| server.load(bytes)) {
            None => writeln!(io.err, "the policy before this change still serves")?,
            Some(Ok(digest)) => writeln!(io.err, "serving {digest}")?,
            Some(Err(error)) => writeln!(io.err, "the policy before this change still serves: {error}")?,
        }
        seen = stamps(&arguments.path, &next)?;
        files = next;
    }
}

/// Reports what is wrong; the bundle where nothing is.
fn told(outcome: &Outcome, io: &mut Io<'_>) -> Result<Option<Vec<u8>>, Failure> {
    let mut reports = Reports::default();
    reports.add(outcome.diagnostics.clone(), outcome.sources.clone());
    reports.write(Format::Text, io)?;
    Ok(outcome.bundle.as_ref().map(|bundle| bundle.encode().bytes))
}

/// When the files of a policy were changed: its `.shield` files, and what they name as far as that is known.
fn stamps(path: &Path, outcome: &Outcome) -> Result<BTreeMap<PathBuf, Option<SystemTime>>, Failure> {
    let policy = PolicyPath::open(path)?;
    let named = outcome.sources.files().map(|(_, file)| file.path.to_string());
    Ok(policy.entries.iter().cloned().chain(named).map(|file| policy.root.join(file)).map(changes).collect())
}

fn welcome(
    server: &Server,
    outcome: &Outcome,
    upstream: &str,
    demo: bool,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let address = server.addresses().first().map(ToString::to_string).unwrap_or_default();
    let behind = if demo { format!("the demo origin at {upstream}") } else { upstream.to_owned() };
    writeln!(io.err, "serving http://{address} before {behind}")?;
    if let Some(admin) = server.admin() {
        writeln!(io.err, "status at http://{admin}/status")?;
    }
    let tried = examples(&outcome.tests);
    if !tried.is_empty() {
        writeln!(io.err, "try:")?;
        for (request, expectation) in tried {
            writeln!(io.err, "  {}   # {}", curl(request, &address), words(expectation))?;
        }
    }
    writeln!(io.err, "watching for changes; end with Ctrl-C")?;
    Ok(())
}

/// Up to three requests of the policy's tests with different outcomes, those first that come first.
fn examples(tests: &[Test]) -> Vec<(&TestRequest, &Expectation)> {
    let mut examples: Vec<(&TestRequest, &Expectation)> = Vec::new();
    let steps = tests.iter().flat_map(|test| &test.steps);
    for step in steps {
        let Step::Request(request, expectations) = step else { continue };
        let Some(expectation) = expectations.first() else { continue };
        // A test may come from an address or bring facts that curl cannot.
        let plain = request.from.is_none() && request.fields.is_empty();
        let new = examples.iter().all(|(_, other)| words(other) != words(&expectation.node));
        if plain && new && examples.len() < 3 {
            examples.push((request, &expectation.node));
        }
    }
    examples
}

fn words(expectation: &Expectation) -> String {
    match expectation {
        Expectation::Allow | Expectation::Log(_) => "passes".to_owned(),
        Expectation::Block(status, by) => {
            let by = by.as_ref().map(|by| format!(" by {}", by.node)).unwrap_or_default();
            format!("blocked with {}{by}", status.unwrap_or(403))
        }
        Expectation::Redirect(status, _, _) => format!("redirected with {}", status.unwrap_or(302)),
    }
}

/// The request as a line for a shell.
fn curl(request: &TestRequest, address: &str) -> String {
    let rest = request.url.split_once("://").map_or(request.url.as_str(), |(_, rest)| rest);
    let (host, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut words = vec!["curl -i".to_owned()];
    if request.method != "GET" {
        words.push(format!("-X {}", request.method));
    }
    words.push(format!("-H {}", quoted(&format!("host: {host}"))));
    words.extend(
        request.headers.iter().map(|(name, value)| format!("-H {}", quoted(&format!("{name}: {value}")))),
    );
    words.extend(request.body.iter().map(|body| format!("-d {}", quoted(body))));
    words.push(quoted(&format!("http://{address}{target}")));
    words.join(" ")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
