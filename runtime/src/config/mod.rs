//! Flags, environment and one file become [`Settings`]; with `files.rs` the only reader of either.

use std::fmt::Write as _;

pub(crate) mod files;
mod settings;
pub(crate) mod value;

pub use files::environment;
pub use settings::Settings;
pub use value::Network;

use settings::{SETTINGS, Setting};

/// Why the configuration is refused; each line names the place and what to write instead.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Serve with these settings.
    Run(Box<Settings>),
    /// Print the settings as a configuration file.
    PrintConfig(Box<Settings>),
    /// Print the help.
    Help,
    /// Print the version.
    Version,
}

/// One value somewhere, with where it stands.
struct Given {
    name: String,
    value: String,
    place: String,
}

/// Reads flags over environment over file over defaults; every problem is reported, not the first alone.
pub fn read(arguments: &[String], environment: &[(String, String)]) -> Result<Command, ConfigError> {
    let mut problems = Vec::new();
    let (flags, verb) = flags(arguments, &mut problems);
    let variables = variables(environment, &mut problems);
    let named = |given: &&Given| given.name == "config";
    let path =
        flags.iter().rfind(named).or_else(|| variables.iter().rfind(named)).map(|given| given.value.clone());
    let lines = path.map(|path| file(&path, &mut problems)).unwrap_or_default();

    let mut settings = Settings::default();
    for source in [lines, variables, flags] {
        apply(&source, &mut settings, &mut problems);
    }
    let settings = Box::new(settings);
    if matches!(verb, Verb::Run) {
        problems.extend(contradictions(&settings).map(String::from));
    }
    match verb {
        Verb::Help => Ok(Command::Help),
        Verb::Version => Ok(Command::Version),
        Verb::Run | Verb::Print if !problems.is_empty() => Err(ConfigError(problems)),
        Verb::Run => Ok(Command::Run(settings)),
        Verb::Print => Ok(Command::PrintConfig(settings)),
    }
}

enum Verb {
    Run,
    Print,
    Help,
    Version,
}

fn flags(arguments: &[String], problems: &mut Vec<String>) -> (Vec<Given>, Verb) {
    let (mut given, mut verb) = (Vec::new(), Verb::Run);
    let mut rest = arguments.iter().peekable();
    while let Some(argument) = rest.next() {
        let Some(flag) = argument.strip_prefix("--") else {
            match argument.as_str() {
                "run" => {}
                "-h" => verb = Verb::Help,
                "-V" => verb = Verb::Version,
                other => problems
                    .push(format!("command line: `{other}` is not expected here; flags start with `--`")),
            }
            continue;
        };
        let (name, inline) =
            flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value.to_owned())));
        match name {
            "print-config" => verb = Verb::Print,
            "help" => verb = Verb::Help,
            "version" => verb = Verb::Version,
            _ => match inline.or_else(|| rest.next_if(|next| !next.starts_with("--")).cloned()) {
                Some(value) => given.push(Given { name: name.into(), value, place: format!("--{name}") }),
                None => problems.push(
                    unknown(name, &format!("--{name}")).unwrap_or_else(|| format!("--{name}: wants a value")),
                ),
            },
        }
    }
    (given, verb)
}

/// Variables called `SHIELD_…`: ours, or near misses of ours; what else carries the prefix belongs to others.
fn variables(environment: &[(String, String)], problems: &mut Vec<String>) -> Vec<Given> {
    let mut given = Vec::new();
    for (variable, value) in environment {
        let Some(name) = variable.strip_prefix("SHIELD_") else { continue };
        let name = name.replace('_', "-").to_lowercase();
        if Setting::named(&name).is_some() || name == "config" {
            let values =
                if is_list(&name) { value.split_whitespace().collect() } else { vec![value.as_str()] };
            let place = || variable.clone();
            given.extend(values.into_iter().map(|v| Given {
                name: name.clone(),
                value: v.into(),
                place: place(),
            }));
        } else if name != "admin-token"
            && name != "secret"
            && let Some(near) = nearest(&name).and_then(Setting::named)
        {
            problems.push(format!("{variable}: no such setting; did you mean `{}`?", near.variable()));
        }
    }
    given
}

/// Lines of `name = value`; `#` starts a comment; a list's name may be repeated.
fn file(path: &str, problems: &mut Vec<String>) -> Vec<Given> {
    let text = match files::read_text(path.as_ref()) {
        Ok(text) => text,
        Err(error) => {
            problems.push(format!("{path}: {error}"));
            return Vec::new();
        }
    };
    let mut given = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let place = format!("{path}:{}", number + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once('=') {
            Some((name, value)) => {
                let value = value.trim().trim_matches('"').into();
                given.push(Given { name: name.trim().into(), value, place });
            }
            None => problems.push(format!("{place}: wants `name = value`")),
        }
    }
    given
}

fn apply(source: &[Given], settings: &mut Settings, problems: &mut Vec<String>) {
    for (index, given) in source.iter().enumerate() {
        let Some(setting) = Setting::named(&given.name) else {
            problems.extend(unknown(&given.name, &given.place));
            continue;
        };
        let same = || source.iter().filter(|other| other.name == given.name);
        let is_last = source.iter().skip(index + 1).all(|later| later.name != given.name);
        if !is_last {
            continue;
        }
        if !is_list(setting.name) && same().count() > 1 {
            problems.push(format!("{}: `{}` is given twice", given.place, given.name));
        }
        let values: Vec<&str> = same().map(|given| given.value.as_str()).collect();
        if let Err(problem) = setting.store(settings, &values) {
            problems.push(format!("{}: {problem}", given.place));
        }
    }
}

fn is_list(name: &str) -> bool {
    Setting::named(name).is_some_and(|setting| matches!(setting.slot, settings::Slot::List(..)))
}

fn unknown(name: &str, place: &str) -> Option<String> {
    if name == "config" || Setting::named(name).is_some() {
        return None;
    }
    let hint = nearest(name)
        .map_or_else(|| "`--help` lists them all".into(), |near| format!("did you mean `{near}`?"));
    Some(format!("{place}: no setting is called `{name}`; {hint}"))
}

/// What no single setting can see.
fn contradictions(settings: &Settings) -> impl Iterator<Item = &'static str> {
    let proxies_matter = settings.client_address != "peer";
    let checks = [
        (
            settings.listen.is_empty() && settings.listen_tls.is_empty(),
            "nothing to listen on: give `listen` or `listen-tls`",
        ),
        (
            !settings.listen_tls.is_empty() && settings.certificate.is_empty(),
            "`listen-tls` needs a `certificate`",
        ),
        (proxies_matter && settings.trusted_proxies.is_empty(), "`client-address` needs `trusted-proxies`"),
        (settings.bundle.is_empty(), "`bundle` is missing: give `--bundle FILE`"),
    ];
    checks.into_iter().filter_map(|(wrong, message)| wrong.then_some(message))
}

/// The settings as the file that gives them.
pub fn print(settings: &Settings) -> String {
    let mut settings = settings.clone();
    let mut out = String::new();
    for setting in SETTINGS {
        let _ = writeln!(out, "\n# {}", setting.doc);
        for value in setting.show(&mut settings) {
            let _ = writeln!(out, "{} = {value}", setting.name);
        }
    }
    out.trim_start().into()
}

/// Every setting: its name, its default as the manual shows it, and what it is for.
pub fn settings() -> Vec<(&'static str, String, &'static str)> {
    let mut defaults = Settings::default();
    let mut row = |setting: &'static Setting| {
        let values = setting.show(&mut defaults).into_iter().filter(|value| !value.is_empty());
        let shown: Vec<_> = values.map(|value| format!("`{value}`")).collect();
        (setting.name, shown.join(" "), setting.doc)
    };
    SETTINGS.iter().map(&mut row).collect()
}

/// Usage and every setting with its default.
pub fn help() -> String {
    let mut settings = Settings::default();
    let mut out = String::from(
        "shieldd run --bundle FILE [--NAME VALUE]…\n\n\
         Flags win over environment variables (SHIELD_NAME), those over the file given by --config.\n\
         --print-config prints what results, --version the version.\n\n",
    );
    for setting in SETTINGS {
        let default = setting.show(&mut settings).join(" ");
        let default = if default.is_empty() { String::new() } else { format!(" [{default}]") };
        let _ = writeln!(out, "  --{:<24} {}{default}", setting.name, setting.doc);
    }
    out
}

/// Opens what the setting `events` names.
pub fn event_output(settings: &Settings) -> Result<crate::Output, String> {
    Ok(match settings.events.as_str() {
        "off" => crate::Output::Off,
        "stdout" => crate::Output::To(Box::new(std::io::stdout())),
        path => crate::Output::To(Box::new(
            files::append(path.as_ref()).map_err(|error| format!("{path}: {error}"))?,
        )),
    })
}

fn nearest(name: &str) -> Option<&'static str> {
    let scored = SETTINGS.iter().map(|setting| (distance(name, setting.name), setting.name));
    scored.min().filter(|(distance, _)| *distance <= 1 + name.len() / 5).map(|(_, name)| name)
}

/// Edits that turn one word into the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().take(64).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let changed = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = changed.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
