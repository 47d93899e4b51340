//! `jwt` items: where tokens stand, whose they are, and what they must say.

use std::collections::BTreeMap;

use shield_ir::identity::{Algorithm, Audience, Keys, Token, TokenId, TokenSource};

use super::policy::PolicyChecker;
use crate::ast::{self, JwtStatement, Name, Spanned};
use crate::codes::{E0202, E0401, E0403, E0404};
use crate::diagnostic::Diagnostic;
use crate::names::nearest;
use crate::source::{Span, join};

/// How often keys are asked for where the policy does not say, and how often at most, in milliseconds.
const REFRESH: u64 = 600_000;
const LEAST_REFRESH: u64 = 10_000;

/// How many seconds clocks may differ where the policy does not say, and how many at most.
const LEEWAY: u64 = 60;
const MOST_LEEWAY: u64 = 3_600;

impl PolicyChecker<'_, '_> {
    /// Checks a kind of token and keeps it; others name it, so it has its place even where something is wrong.
    pub(crate) fn jwt(&mut self, jwt: &ast::Jwt) {
        let mut token = Token {
            name: jwt.name.node.clone().into(),
            from: Box::default(),
            keys: Box::default(),
            algorithms: Box::default(),
            issuers: Box::default(),
            audience: Audience::Nobody,
            kind: None,
            required: Box::default(),
            leeway: LEEWAY,
            deny: None,
            origin: self.origin(jwt.name.span),
        };
        let (mut from, mut keys, mut required) = (Vec::new(), Vec::new(), Vec::new());
        let mut optional = false;
        let mut once: BTreeMap<&'static str, Span> = BTreeMap::new();
        for Spanned { node, span } in &jwt.statements {
            if let Some(name) = single(node) {
                self.twice(&mut once, name, *span);
            }
            match node {
                JwtStatement::From(places) => {
                    from.extend(places.iter().filter_map(|(cookie, name)| self.place(*cookie, name)));
                }
                JwtStatement::KeysFile(file) => keys.extend(self.key_set(file)),
                JwtStatement::KeysUrl(url, refresh) => keys.extend(self.key_url(url, *refresh)),
                JwtStatement::KeysSecret(name) => keys.push(Keys::Secret(name.node.clone().into())),
                JwtStatement::Algorithms(names) => token.algorithms = self.algorithms(names),
                JwtStatement::Issuer(names) => token.issuers = texts(names),
                JwtStatement::Audience(names) if names.is_empty() => token.audience = Audience::Anybody,
                JwtStatement::Audience(names) => token.audience = Audience::OneOf(texts(names)),
                JwtStatement::Kind(name) => token.kind = Some(name.node.clone().into()),
                JwtStatement::Require(names) => required.extend(names.iter().map(|name| name.node.clone())),
                JwtStatement::Optional(names) => optional |= self.only_exp(names),
                JwtStatement::Leeway(millis) => token.leeway = self.leeway(*millis, *span),
                JwtStatement::Deny(file) => token.deny = self.data_file(file),
            }
        }
        if !optional && !required.iter().any(|name| name == "exp") {
            required.push("exp".to_owned());
        }
        token.required = required.into_iter().map(Into::into).collect();
        (token.from, token.keys) = (from.into(), keys.into());
        self.says_enough(jwt);
        self.kinds_of_keys(&jwt.name, &token);
        self.bundle.identity.tokens.push(token);
    }

    fn says_enough(&mut self, jwt: &ast::Jwt) {
        let missing = [
            ("from", "from header \"authorization\""),
            ("keys", "keys file \"jwks.json\""),
            ("algorithms", "algorithms RS256"),
        ];
        for (word, example) in missing {
            if !jwt.statements.iter().any(|statement| word_of(&statement.node) == word) {
                let message = format!("`jwt {}` has no `{word}`", jwt.name.node);
                self.report(
                    Diagnostic::new(E0401, jwt.name.span, message).help(format!("for example `{example}`")),
                );
            }
        }
    }

    fn kinds_of_keys(&mut self, name: &Name, token: &Token) {
        let shared = token.algorithms.iter().filter(|algorithm| algorithm.is_symmetric()).count();
        let has_secret = token.keys.iter().any(|keys| matches!(keys, Keys::Secret(_)));
        let message = if shared > 0 && shared < token.algorithms.len() {
            "one item accepts shared secrets and key pairs"
        } else if has_secret && shared == 0 && !token.algorithms.is_empty() {
            "a secret verifies none of these algorithms"
        } else {
            return;
        };
        self.report(
            Diagnostic::new(E0404, name.span, message.to_owned())
                .help("`HS256`, `HS384` and `HS512` go with secrets; write a `jwt` item for each kind"),
        );
    }

    fn place(&mut self, cookie: bool, name: &Name) -> Option<TokenSource> {
        if cookie {
            return Some(TokenSource::Cookie(name.node.clone().into()));
        }
        self.header_name(name).map(TokenSource::Header)
    }

    fn key_set(&mut self, file: &Name) -> Option<Keys> {
        let text = self.policy_text(file)?;
        let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let keys = match value.get("kty") {
            Some(_) => Some(1),
            None => value.get("keys").and_then(serde_json::Value::as_array).map(Vec::len),
        };
        if keys.is_none_or(|keys| keys == 0) {
            let message = format!("`{}` is no set of keys", file.node);
            self.report(
                Diagnostic::new(E0403, file.span, message)
                    .help("a JWK set is a JSON object with the member `keys`, not empty"),
            );
            return None;
        }
        Some(Keys::Set(text.into()))
    }

    fn key_url(&mut self, url: &Name, refresh: Option<Spanned<u64>>) -> Option<Keys> {
        let here = url.node.strip_prefix("http://127.0.0.1").filter(|rest| rest.starts_with([':', '/']));
        let host = url.node.strip_prefix("https://").or(here);
        if host.is_none_or(|host| host.is_empty() || host.contains(char::is_whitespace)) {
            let message = format!("`{}` is no address for keys", url.node);
            self.report(Diagnostic::new(E0403, url.span, message).help("keys come by `https://`"));
            return None;
        }
        if let Some(short) = refresh.filter(|refresh| refresh.node < LEAST_REFRESH) {
            let message = "keys are asked for every 10 seconds at most".to_owned();
            self.report(Diagnostic::new(E0403, short.span, message));
        }
        let refresh = refresh.map_or(REFRESH, |refresh| refresh.node);
        Some(Keys::Url { url: url.node.clone().into(), refresh })
    }

    fn algorithms(&mut self, names: &[Name]) -> Box<[Algorithm]> {
        let mut found = Vec::new();
        for name in names {
            match Algorithm::find(&name.node) {
                Some(algorithm) => found.push(algorithm),
                None => self.no_algorithm(name),
            }
        }
        found.into()
    }

    fn no_algorithm(&mut self, name: &Name) {
        let known = || Algorithm::ALL.iter().map(|(name, _)| *name);
        let message = format!("`{}` is no algorithm that is accepted here", name.node);
        let help = match nearest(&name.node, known()) {
            _ if name.node.eq_ignore_ascii_case("none") => {
                "a token without a signature says nothing".to_owned()
            }
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}", known().collect::<Vec<_>>().join(", ")),
        };
        self.report(Diagnostic::new(E0403, name.span, message).help(help));
    }

    fn only_exp(&mut self, names: &[Name]) -> bool {
        for name in names.iter().filter(|name| name.node != "exp") {
            self.report(
                Diagnostic::new(E0403, name.span, format!("`{}` is optional anyway", name.node))
                    .help("every claim but `exp` is optional unless `require` names it"),
            );
        }
        names.iter().any(|name| name.node == "exp")
    }

    fn leeway(&mut self, millis: u64, span: Span) -> u64 {
        let seconds = millis.div_ceil(1_000);
        if seconds > MOST_LEEWAY {
            self.report(Diagnostic::new(E0403, span, "clocks differ by an hour at most".to_owned()));
        }
        seconds.min(MOST_LEEWAY)
    }

    /// The name of a file under the data directory.
    pub(crate) fn data_file(&mut self, file: &Name) -> Option<Box<str>> {
        if join("", &file.node).is_some_and(|path| !path.is_empty()) {
            return Some(file.node.clone().into());
        }
        let message = format!("`{}` leaves the data directory", file.node);
        let help = "name a file below `shieldd --data-dir`";
        self.report(Diagnostic::new(E0401, file.span, message).help(help));
        None
    }

    /// The text of a file of the policy.
    pub(crate) fn policy_text(&mut self, file: &Name) -> Option<String> {
        let from = self.loader.map.file(file.span.file).map(|file| file.path.to_string()).unwrap_or_default();
        let Some(path) = join(&from, &file.node) else {
            let outside = crate::source::SourceError::OutsideRoot;
            self.report(crate::load::unreadable(&file.node, file.span, &outside));
            return None;
        };
        self.loader.text(&path, file.span).map(|(_, text)| text)
    }

    /// The kind of token of that name.
    pub(crate) fn token_named(&mut self, name: &Name) -> Option<TokenId> {
        if let Some(at) = self.bundle.identity.tokens.iter().position(|token| *token.name == *name.node) {
            return Some(TokenId(at as u32));
        }
        let near = nearest(&name.node, self.names.tokens.iter().map(String::as_str)).map(str::to_owned);
        let help = near.map_or_else(
            || format!("declare it: `jwt {} {{ … }}`", name.node),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("there is no `jwt` item named `{}`", name.node);
        self.report(Diagnostic::new(E0202, name.span, message).help(help));
        None
    }
}

const fn word_of(statement: &JwtStatement) -> &'static str {
    match statement {
        JwtStatement::From(_) => "from",
        JwtStatement::KeysFile(_) | JwtStatement::KeysUrl(..) | JwtStatement::KeysSecret(_) => "keys",
        JwtStatement::Algorithms(_) => "algorithms",
        JwtStatement::Issuer(_) => "issuer",
        JwtStatement::Audience(_) => "audience",
        JwtStatement::Kind(_) => "type",
        JwtStatement::Require(_) => "require",
        JwtStatement::Optional(_) => "optional",
        JwtStatement::Leeway(_) => "leeway",
        JwtStatement::Deny(_) => "deny",
    }
}

/// The word of a statement that stands once.
fn single(statement: &JwtStatement) -> Option<&'static str> {
    let word = word_of(statement);
    (!["from", "keys", "require", "optional"].contains(&word)).then_some(word)
}

fn texts(names: &[Name]) -> Box<[Box<str>]> {
    names.iter().map(|name| name.node.clone().into()).collect()
}
