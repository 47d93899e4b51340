//! Sets of keys from addresses: asked for in the background, one question at a time, the last good answer kept.
//!
//! A token whose key is not known makes one question more, no sooner than a pause after the last one, and waits a bounded
//! time for its answer; a name that the answer does not have asks no more for a while.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use sha2::{Digest as _, Sha256};
use shield_engine::Policy;
use shield_engine::token::{KeySet, Tokens, WantedKey};
use shield_ir::identity::Keys;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use crate::config::files;
use crate::shared::Shared;
use crate::upstream::{Origin, Tls};
use crate::world::Names;

/// How soon an unknown key may ask again, and how long its name asks no more.
const PAUSE: Duration = Duration::from_secs(30);
const FORGOTTEN: Duration = Duration::from_mins(10);

/// How long a request waits for a key, and how long a question may take.
const PATIENCE: Duration = Duration::from_secs(2);
const QUESTION: Duration = Duration::from_secs(5);

/// The largest answer, and how many unknown names are remembered.
const LARGEST: usize = 1 << 20;
const NAMES: usize = 1_024;

/// Sets of keys by address.
#[derive(Debug, Default)]
pub(crate) struct RemoteKeys {
    by_url: Mutex<BTreeMap<Box<str>, Arc<Remote>>>,
    added: Notify,
}

/// The keys at one address.
#[derive(Debug)]
struct Remote {
    url: Box<str>,
    state: Mutex<State>,
    wanted: Notify,
    answers: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    refresh: Duration,
    set: Option<Bytes>,
    asked: Option<Instant>,
    unknown: BTreeMap<Box<str>, Instant>,
    started: bool,
    error: Option<String>,
}

impl RemoteKeys {
    /// Gives a policy the keys that are known, from memory or from disk, and has the others asked for.
    pub(crate) fn equip(&self, policy: &Policy, folder: &str) {
        let Some(tokens) = policy.tokens() else { return };
        for (_, kind) in tokens.kinds() {
            for keys in &kind.keys {
                let Keys::Url { url, refresh } = keys else { continue };
                let remote = self.remote(url);
                let mut state = remote.state();
                state.refresh = Duration::from_millis(*refresh);
                if state.set.is_none() {
                    state.set = kept(folder, url).and_then(|path| files::read(&path).ok()).map(Bytes::from);
                }
                let set = state.set.clone();
                drop(state);
                if let Some(set) = set {
                    give(policy, url, &set);
                }
            }
        }
        self.added.notify_one();
    }

    /// Waits, a bounded time, for a key that a token names. Most unknown keys are not worth a question.
    pub(crate) async fn wait(&self, policy: &Policy, wanted: &WantedKey) {
        let kinds = policy.tokens().into_iter().flat_map(Tokens::kinds);
        let Some((_, kind)) = kinds.into_iter().find(|(id, _)| *id == wanted.token) else { return };
        for keys in &kind.keys {
            if let Keys::Url { url, .. } = keys
                && let Some(mut answers) = self.remote(url).want(&wanted.kid)
            {
                // Whether an answer has come or not, the token is judged with the keys that there are.
                let _ = timeout(PATIENCE, answers.changed()).await;
            }
        }
    }

    /// What went wrong, by address, for the status page.
    pub(crate) fn errors(&self) -> Vec<(Box<str>, String)> {
        let remotes = self.by_url.lock().unwrap_or_else(PoisonError::into_inner);
        remotes
            .values()
            .filter_map(|remote| Some((remote.url.clone(), remote.state().error.clone()?)))
            .collect()
    }

    fn remote(&self, url: &str) -> Arc<Remote> {
        let mut remotes = self.by_url.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || {
            let (answers, _) = watch::channel(0);
            Arc::new(Remote { url: url.into(), state: Mutex::default(), wanted: Notify::new(), answers })
        };
        Arc::clone(remotes.entry(url.into()).or_insert_with(made))
    }

    /// Those that nobody asks for yet.
    fn new_ones(&self) -> Vec<Arc<Remote>> {
        let remotes = self.by_url.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = |remote: &&Arc<Remote>| !std::mem::replace(&mut remote.state().started, true);
        remotes.values().filter(is_new).cloned().collect()
    }
}

impl Remote {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the answer to a question for that key will be told, if one is asked.
    fn want(&self, kid: &str) -> Option<watch::Receiver<u64>> {
        let now = Instant::now();
        let answers = self.answers.subscribe();
        let mut state = self.state();
        state.unknown.retain(|_, since| now.duration_since(*since) < FORGOTTEN);
        if state.unknown.contains_key(kid) {
            return None;
        }
        if state.asked.is_some_and(|asked| now.duration_since(asked) < PAUSE) {
            return None;
        }
        if state.unknown.len() < NAMES {
            state.unknown.insert(kid.into(), now);
        }
        state.asked = Some(now);
        drop(state);
        self.wanted.notify_one();
        Some(answers)
    }
}

/// Asks for keys as long as this is polled.
pub(crate) async fn run(shared: Arc<Shared>, tls: Option<Tls>) {
    loop {
        for remote in shared.keys.new_ones() {
            tokio::spawn(look_after(Arc::clone(&shared), remote, tls.clone()));
        }
        shared.keys.added.notified().await;
    }
}

async fn look_after(shared: Arc<Shared>, remote: Arc<Remote>, tls: Option<Tls>) {
    loop {
        let asked = timeout(QUESTION, ask(&remote.url, tls.as_ref(), shared.registry.names())).await;
        let answer = asked.unwrap_or_else(|_| Err(String::from("there is no answer in time")));
        let failed = answer.is_err();
        told(&shared, &remote, answer);
        remote.answers.send_modify(|count| *count += 1);
        let refresh = remote.state().refresh;
        let pause = if failed { refresh.min(PAUSE) } else { refresh };
        // Sooner where a token wants a key.
        let _ = timeout(pause, remote.wanted.notified()).await;
    }
}

/// Keeps an answer that has keys, and only such a one.
fn told(shared: &Shared, remote: &Remote, answer: Result<Bytes, String>) {
    let snapshot = shared.snapshot.load_full();
    let usable = answer.and_then(|set| {
        match snapshot.as_ref().map(|snapshot| give(&snapshot.policy, &remote.url, &set)) {
            Some(true) | None => Ok(set),
            Some(false) => Err(String::from("the answer has no key that can be used")),
        }
    });
    let mut state = remote.state();
    match usable {
        Err(error) => state.error = Some(error),
        Ok(set) => {
            state.error = kept(&shared.settings.data_dir, &remote.url).and_then(|path| {
                files::replace(&path, &set)
                    .err()
                    .map(|error| format!("the keys could not be kept on disk: {error}"))
            });
            state.set = Some(set);
        }
    }
}

/// Gives a policy the keys of an address; whether some of them can be used.
fn give(policy: &Policy, url: &str, set: &[u8]) -> bool {
    let Some(tokens) = policy.tokens() else { return true };
    let mut all = true;
    for (id, kind) in tokens.kinds() {
        for (place, keys) in kind.keys.iter().enumerate() {
            if matches!(keys, Keys::Url { url: own, .. } if **own == *url) {
                match KeySet::read(set, &kind.algorithms) {
                    Ok(set) => tokens.replace_keys(id, place, Arc::new(set)),
                    Err(_) => all = false,
                }
            }
        }
    }
    all
}

fn kept(folder: &str, url: &str) -> Option<PathBuf> {
    let name: [u8; 32] = Sha256::digest(url).into();
    let name = u128::from_be_bytes(*name.first_chunk()?);
    (!folder.is_empty()).then(|| Path::new(folder).join(format!("keys-{name:032x}.json")))
}

async fn ask(url: &str, tls: Option<&Tls>, names: &Names) -> Result<Bytes, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let begin = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(begin..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| begin + at);
    let (base, path) = url.split_at(end);
    let origin = Origin::parse(base)?;
    let stream = connect(&origin, names).await.map_err(|error| words(&error))?;
    let request = Request::get(if path.is_empty() { "/" } else { path })
        .header(HOST, base.get(begin..).unwrap_or_default())
        .header("accept", "application/json")
        .body(Empty::new())
        .map_err(|error| words(&error))?;
    if !origin.tls {
        return exchange(stream, request).await;
    }
    let connector = tls.ok_or("no authority is trusted to name the address")?.connector();
    let name = ServerName::try_from(origin.host.to_string()).map_err(|error| words(&error))?;
    exchange(connector.connect(name, stream).await.map_err(|error| words(&error))?, request).await
}

/// Connects to the first address that answers, of those that the name may stand for.
async fn connect(origin: &Origin, names: &Names) -> io::Result<TcpStream> {
    let (named, names) = (origin.clone(), names.clone());
    let addresses =
        tokio::task::spawn_blocking(move || named.resolve(&names)).await.map_err(io::Error::other)??;
    TcpStream::connect(&addresses[..]).await
}

async fn exchange<S>(stream: S, request: Request<Empty<Bytes>>) -> Result<Bytes, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let opened = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = opened.map_err(|error| error.to_string())?;
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    if answer.status() != StatusCode::OK {
        return Err(format!("the answer is {}", answer.status()));
    }
    let body =
        Limited::new(answer.into_body(), LARGEST).collect().await.map_err(|error| error.to_string())?;
    connection.abort();
    Ok(body.to_bytes())
}
