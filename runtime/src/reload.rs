//! Loads bundles: from a file, from memory, or the last good one; a load that fails changes nothing but the status.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Release;
use std::sync::{Arc, Mutex, PoisonError};

use crate::callers;
use crate::clock;
use crate::config::{Settings, files};
use crate::listen::tls::Certificates;
use crate::mtls;
use crate::shared::{Life, Shared};
use crate::snapshot::Snapshot;

/// The bundle that served last, and the one before it.
const LAST_GOOD: &str = "last-good.shieldb";
const PREVIOUS: &str = "previous.shieldb";
/// The secret of this deployment.
const SECRET: &str = "secret";

/// Why a load changed nothing.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{from}: {why}")]
pub struct LoadError {
    /// Where the bundle came from.
    pub from: String,
    /// What is wrong with it.
    pub why: String,
}

/// What operators are told about loading.
#[derive(Debug, Clone, Default)]
pub struct LoadStatus {
    /// The digest of the bundle that serves.
    pub active: Option<String>,
    /// Where it came from.
    pub from: Option<String>,
    /// Since when, in milliseconds since 1970.
    pub since: u64,
    /// Loads that succeeded, the first included.
    pub loads: u64,
    /// Loads that failed.
    pub failures: u64,
    /// Why the last load failed, unless it succeeded.
    pub error: Option<String>,
    /// Not what was asked for serves, but what served last.
    pub degraded: bool,
}

/// Loads bundles one at a time.
#[derive(Debug)]
pub(crate) struct Loader {
    shared: Arc<Shared>,
    certificates: Option<Certificates>,
    /// What session identifiers and counters' keys are hashed with.
    secret: [u8; 32],
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    status: LoadStatus,
    active: Option<Arc<[u8]>>,
    previous: Option<Arc<[u8]>>,
}

impl Loader {
    pub(crate) fn new(shared: Arc<Shared>, certificates: Option<Certificates>) -> io::Result<Self> {
        let secret = secret(&shared.settings)?;
        Ok(Self { shared, certificates, secret, state: Mutex::default() })
    }

    /// The first load: the bundle asked for, or else the last good one, marked as degraded.
    pub(crate) fn start(&self) -> Result<String, LoadError> {
        self.bundle().or_else(|error| {
            let Some(path) = self.kept(LAST_GOOD) else { return Err(error) };
            let loaded = self.file(&path);
            let mut state = self.state();
            match loaded {
                Ok(digest) => {
                    state.status.degraded = true;
                    state.status.error = Some(error.to_string());
                    Ok(digest)
                }
                Err(_) => Err(error),
            }
        })
    }

    /// Loads the configured bundle again, the certificates, and the lists that the policy names; what is wrong with one
    /// keeps nothing from the others. The error is the first.
    pub(crate) fn reload(&self) -> Result<String, LoadError> {
        let loaded = self.bundle();
        let refreshed = self.refresh();
        loaded.and_then(|digest| refreshed.map(|()| digest))
    }

    /// Reads certificates and the lists that the policy names again.
    pub(crate) fn refresh(&self) -> Result<(), LoadError> {
        let (certificates, lists) = (self.certificates(), self.lists());
        certificates.and(lists)
    }

    fn certificates(&self) -> Result<(), LoadError> {
        let reloaded = self.certificates.as_ref().map_or(Ok(()), Certificates::reload);
        reloaded.map_err(|why| self.failed("certificate".into(), why))
    }

    fn lists(&self) -> Result<(), LoadError> {
        if let Some(snapshot) = self.shared.snapshot.load_full() {
            let refreshed = snapshot.refresh(&self.shared.settings);
            refreshed.map_err(|why| self.failed("list".into(), why))?;
        }
        Ok(())
    }

    fn bundle(&self) -> Result<String, LoadError> {
        self.file(self.shared.settings.bundle.as_ref())
    }

    fn file(&self, path: &Path) -> Result<String, LoadError> {
        let from = path.display().to_string();
        match files::read(path) {
            Ok(bytes) => self.bytes(bytes.into(), from),
            Err(error) => Err(self.failed(from, error.to_string())),
        }
    }

    /// Loads a bundle that is in memory; the same bundle again is no load.
    pub(crate) fn bytes(&self, bytes: Arc<[u8]>, from: String) -> Result<String, LoadError> {
        let mut state = self.state();
        if state.active.as_deref() == Some(&*bytes) {
            (state.status.error, state.status.degraded) = (None, false);
            return Ok(state.status.active.clone().unwrap_or_default());
        }
        match Snapshot::load(&bytes, &self.secret, &self.shared.settings, &self.shared.registry) {
            Ok(snapshot) => Ok(self.swap(&mut state, snapshot, bytes, from)),
            Err(why) => {
                drop(state);
                Err(self.failed(from, why))
            }
        }
    }

    fn swap(&self, state: &mut State, snapshot: Snapshot, bytes: Arc<[u8]>, from: String) -> String {
        let digest = snapshot.digest.to_string();
        self.shared.keys.equip(&snapshot.policy, &self.shared.settings.data_dir);
        let snapshot = Arc::new(snapshot);
        // Told as long as one of the two asks. Heads that came before are in lower case to a policy that is the first to ask,
        // as they are over HTTP/2.
        self.shared.spells.fetch_or(snapshot.spells_requests, Release);
        self.shared.snapshot.store(Some(Arc::clone(&snapshot)));
        self.shared.spells.store(snapshot.spells_requests, Release);
        if self.shared.settings.backend == "jit" {
            snapshot.compile();
        }
        if self.shared.life() == Life::Starting {
            self.shared.set_life(Life::Ready);
        }
        state.previous = state.active.replace(bytes);
        let kept = self.keep(state);
        let status = &mut state.status;
        *status = LoadStatus {
            active: Some(digest.clone()),
            from: Some(from),
            since: clock::unix_millis(),
            loads: status.loads + 1,
            error: kept
                .err()
                .map(|error| format!("the bundle serves, and could not be kept on disk: {error}")),
            ..LoadStatus { failures: status.failures, ..LoadStatus::default() }
        };
        digest
    }

    /// Goes back to the bundle that served before this one.
    pub(crate) fn rollback(&self) -> Result<String, LoadError> {
        let previous = self.state().previous.clone();
        match (previous, self.kept(PREVIOUS)) {
            (Some(bytes), _) => self.bytes(bytes, "rollback".into()),
            (None, Some(path)) => self.file(&path),
            (None, None) => Err(self.failed("rollback".into(), "no earlier bundle is known".into())),
        }
    }

    pub(crate) fn status(&self) -> LoadStatus {
        self.state().status.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, from: String, why: String) -> LoadError {
        let error = LoadError { from, why };
        let mut state = self.state();
        state.status.failures += 1;
        state.status.error = Some(error.to_string());
        error
    }

    fn kept(&self, name: &str) -> Option<PathBuf> {
        let folder = &self.shared.settings.data_dir;
        (!folder.is_empty()).then(|| Path::new(folder).join(name))
    }

    /// Writes down what serves and what served before; each file is replaced whole.
    fn keep(&self, state: &State) -> io::Result<()> {
        let Some(last_good) = self.kept(LAST_GOOD) else { return Ok(()) };
        files::make_folder(self.shared.settings.data_dir.as_ref())?;
        if let (Some(previous), Some(path)) = (&state.previous, self.kept(PREVIOUS)) {
            files::replace(&path, previous)?;
        }
        state.active.as_ref().map_or(Ok(()), |bytes| files::replace(&last_good, bytes))
    }

    /// What is watched for changes: the bundle and the certificates.
    pub(crate) fn watched(&self) -> Vec<PathBuf> {
        let certificates = self.certificates.iter().flat_map(Certificates::paths).map(Path::to_path_buf);
        let snapshot = self.shared.snapshot.load_full();
        let lists = snapshot.iter().flat_map(|snapshot| {
            let (policy, settings) = (&snapshot.policy, &self.shared.settings);
            callers::watched(policy, settings).into_iter().chain(mtls::watched(policy.bundle(), settings))
        });
        let geo = snapshot.iter().filter_map(|snapshot| Some(snapshot.geo.as_ref()?.path().to_owned()));
        std::iter::once(PathBuf::from(&self.shared.settings.bundle))
            .chain(certificates)
            .chain(lists)
            .chain(geo)
            .collect()
    }
}

/// The secret of this deployment: from the environment, or made once and kept in the data folder, or good for this
/// process alone.
fn secret(settings: &Settings) -> io::Result<[u8; 32]> {
    if let Some(given) = files::variable("SHIELD_SECRET") {
        let wrong =
            || io::Error::new(io::ErrorKind::InvalidInput, "SHIELD_SECRET is not 64 hexadecimal digits");
        return from_hex(given.trim()).ok_or_else(wrong);
    }
    if settings.data_dir.is_empty() {
        return files::random_seed();
    }
    let path = Path::new(&settings.data_dir).join(SECRET);
    if let Some(kept) = files::read(&path).ok().and_then(|bytes| bytes.try_into().ok()) {
        return Ok(kept);
    }
    let made = files::random_seed()?;
    // On a disk that takes nothing the secret is good for this process.
    let _ = files::make_folder(settings.data_dir.as_ref()).and_then(|()| files::replace(&path, &made));
    Ok(made)
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let (high, low) = text.split_at_checked(32).filter(|(_, low)| low.len() == 32)?;
    let half = |digits| u128::from_str_radix(digits, 16).ok().map(u128::to_be_bytes);
    let (mut secret, high, low) = ([0; 32], half(high)?, half(low)?);
    secret.iter_mut().zip(high.into_iter().chain(low)).for_each(|(to, from)| *to = from);
    Some(secret)
}
