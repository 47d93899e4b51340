//! The runtime around the engine: sockets, time, reload.
//!
//! [`start`] gives a running [`Server`]; nothing in here is global to the process. Each worker thread has its own
//! listeners, connections and pools; one more thread looks after operators and files.
//!
//! ```text
//! listen -> gate -> serve -> translate (engine) -> forward -> upstream
//!                     |
//!                  record -> events, metrics
//! ```

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::watch;

mod admin;
mod apart;
mod body;
mod callers;
mod client;
mod clock;
pub mod config;
mod control;
mod events;
mod forward;
pub mod gate;
mod geo;
mod hop;
mod keys;
mod listen;
mod metrics;
mod mtls;
mod random;
mod record;
mod refusal;
mod reload;
mod reply;
mod serve;
mod shared;
mod snapshot;
mod spelling;
#[cfg(test)]
mod testing;
mod trace;
mod translate;
mod tunnel;
mod upstream;
mod websocket;
mod worker;
mod world;

pub use config::Settings;
pub use events::Output;
pub use reload::{LoadError, LoadStatus};
pub use world::{Names, World};

use config::files;
use events::Events;
use listen::Bound;
use listen::tls::Certificates;
use reload::Loader;
use shared::{Life, Shared};
use worker::Worker;

/// Why nothing serves.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("{address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// A file that is needed cannot be used.
    #[error("{what}: {why}")]
    File {
        /// Which file.
        what: String,
        /// Why not.
        why: String,
    },
    /// The bundle cannot be served, and there is no earlier one.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The admin listener would be open to everybody.
    #[error("`admin` at {0} is not loopback: give `admin-token-file` or SHIELD_ADMIN_TOKEN")]
    OpenAdmin(SocketAddr),
    /// A token that can be guessed.
    #[error("the admin token has less than {} characters", admin::SHORTEST_TOKEN)]
    ShortToken,
    /// The system gives no thread, or no randomness.
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
}

/// What is served at the start.
#[derive(Debug)]
pub enum Source {
    /// The file that the settings name.
    File,
    /// These bytes; the settings' file is not looked at.
    Bytes(Vec<u8>),
}

/// A running instance; it stops when this is dropped.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    loader: Arc<Loader>,
    addresses: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    /// Ends the thread beside the workers, which outlives them so that operators can watch the drain.
    close: watch::Sender<bool>,
    workers: Threads,
    control: Option<JoinHandle<io::Result<()>>>,
}

/// Binds, loads, and serves; every problem is found before the first connection is accepted.
pub fn start(settings: Settings, source: Source, output: Output) -> Result<Server, StartError> {
    start_in(World::default(), settings, source, output)
}

/// The same in a world of the caller's.
pub fn start_in(
    world: World,
    settings: Settings,
    source: Source,
    output: Output,
) -> Result<Server, StartError> {
    let workers = worker_count(&settings);
    let certificates = certificates(&settings)?;
    let events = Events::start(output)?;
    let store = callers::store(&settings).map_err(|why| StartError::File { what: "store".into(), why })?;
    let shared = Arc::new(Shared::new(world, settings, events, workers, store));
    let (sockets, addresses) = listeners(&shared.settings, certificates.as_ref(), workers)?;
    let admin = admin_socket(&shared.settings)?;

    let loader = Arc::new(Loader::new(Arc::clone(&shared), certificates)?);
    let watch = shared.settings.watch == "on" && matches!(source, Source::File);
    match source {
        Source::File => loader.start()?,
        Source::Bytes(bytes) => loader.bytes(bytes.into(), "memory".into())?,
    };
    let (stop, stopped) = watch::channel(false);
    let (close, closed) = watch::channel(false);
    let workers = spawn_workers(&shared, sockets, &stopped)?;
    let admin_address = admin.as_ref().map(|(_, address, _)| *address);
    let control = control::Control {
        admin: admin.map(|(socket, address, token)| {
            let (shared, loader) = (Arc::clone(&shared), Arc::clone(&loader));
            (admin::Admin { shared, loader, token, address }, socket)
        }),
        shared: Arc::clone(&shared),
        loader: Arc::clone(&loader),
        watch,
        tls: upstream_trust(&shared.settings)?,
    };
    let control = spawn("control".into(), move || control::run(control, closed))?;
    Ok(Server {
        shared,
        loader,
        addresses,
        admin: admin_address,
        stop,
        close,
        workers,
        control: Some(control),
    })
}

impl Server {
    /// Where clients connect, in the order of the settings, plain listeners first.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where operators connect.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Loads the settings' bundle and certificates again; the digest that serves now.
    pub fn reload(&self) -> Result<String, LoadError> {
        self.loader.reload()
    }

    /// Reads certificates and the lists that the policy names again; what cannot be used changes nothing.
    pub fn refresh(&self) -> Result<(), LoadError> {
        self.loader.refresh()
    }

    /// Serves another bundle from now on; its digest.
    pub fn load(&self, bytes: Vec<u8>) -> Result<String, LoadError> {
        self.loader.bytes(bytes.into(), "memory".into())
    }

    /// Serves the bundle before this one again; its digest.
    pub fn rollback(&self) -> Result<String, LoadError> {
        self.loader.rollback()
    }

    /// How loading has gone.
    pub fn status(&self) -> LoadStatus {
        self.loader.status()
    }

    /// Stops accepting, lets what is under way come to its end within the drain timeout, and waits for that.
    pub fn shutdown(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.shared.set_life(Life::Draining);
        // A thread that is gone, or has panicked, has nothing more to say.
        let _ = self.stop.send(true);
        for thread in self.workers.drain(..) {
            let _ = thread.join();
        }
        let _ = self.close.send(true);
        if let Some(thread) = self.control.take() {
            let _ = thread.join();
        }
        self.shared.events.finish();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// The threads that serve.
type Threads = Vec<JoinHandle<io::Result<()>>>;

fn spawn_workers(
    shared: &Arc<Shared>,
    sockets: Vec<Vec<Bound>>,
    stop: &watch::Receiver<bool>,
) -> Result<Threads, StartError> {
    let tls = upstream_trust(&shared.settings)?;
    let seats = sockets.into_iter().zip(&shared.counters).enumerate();
    seats
        .map(|(index, (sockets, counters))| {
            let (shared, counters, tls, stop) =
                (Arc::clone(shared), Arc::clone(counters), tls.clone(), stop.clone());
            let seed = files::random_seed()?;
            spawn(format!("worker-{index}"), move || {
                worker::run(Worker::new(shared, counters, tls, seed), sockets, stop)
            })
        })
        .collect()
}

fn spawn(
    name: String,
    run: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> Result<JoinHandle<io::Result<()>>, StartError> {
    Ok(std::thread::Builder::new().name(name).spawn(run)?)
}

fn worker_count(settings: &Settings) -> usize {
    match settings.workers {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        count => count,
    }
}

fn certificates(settings: &Settings) -> Result<Option<Certificates>, StartError> {
    let read = (!settings.certificate.is_empty()).then(|| Certificates::read(&settings.certificate));
    read.transpose().map_err(|why| StartError::File { what: "certificate".into(), why })
}

/// Every worker's sockets, and the addresses they are bound to.
fn listeners(
    settings: &Settings,
    certificates: Option<&Certificates>,
    workers: usize,
) -> Result<(Vec<Vec<Bound>>, Vec<SocketAddr>), StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _inside = runtime.enter();
    let mut sockets: Vec<Vec<Bound>> = (0..workers).map(|_| Vec::new()).collect();
    let mut addresses = Vec::new();
    let plain = settings.listen.iter().map(|address| (address, None));
    let tls = settings.listen_tls.iter().map(|address| (address, certificates));
    for (text, certificates) in plain.chain(tls) {
        let bound = listen::bind(address(text)?, certificates, workers);
        let bound = bound.map_err(|source| StartError::Listen { address: text.clone(), source })?;
        addresses.extend(bound.first().map(|bound| bound.address));
        sockets.iter_mut().zip(bound).for_each(|(sockets, bound)| sockets.push(bound));
    }
    Ok((sockets, addresses))
}

fn address(text: &str) -> Result<SocketAddr, StartError> {
    text.parse().map_err(|_| StartError::File { what: text.into(), why: "not an address and port".into() })
}

/// The operators' socket, where it is, and the token it asks for.
type AdminSocket = (std::net::TcpListener, SocketAddr, Option<String>);

fn admin_socket(settings: &Settings) -> Result<Option<AdminSocket>, StartError> {
    if settings.admin == "off" {
        return Ok(None);
    }
    let wanted = address(&settings.admin)?;
    let token = admin_token(settings)?;
    if !wanted.ip().is_loopback() && token.is_none() {
        return Err(StartError::OpenAdmin(wanted));
    }
    let listen = |source| StartError::Listen { address: settings.admin.clone(), source };
    let socket = std::net::TcpListener::bind(wanted).map_err(listen)?;
    socket.set_nonblocking(true).map_err(listen)?;
    let bound = socket.local_addr().map_err(listen)?;
    Ok(Some((socket, bound, token)))
}

fn admin_token(settings: &Settings) -> Result<Option<String>, StartError> {
    let path = &settings.admin_token_file;
    let token = if path.is_empty() {
        files::variable("SHIELD_ADMIN_TOKEN")
    } else {
        let read = files::read_text(path.as_ref());
        Some(read.map_err(|error| StartError::File { what: path.clone(), why: error.to_string() })?)
    };
    match token.map(|token| token.trim().to_owned()) {
        Some(token) if token.len() < admin::SHORTEST_TOKEN => Err(StartError::ShortToken),
        token => Ok(token),
    }
}

/// Whom to trust to name an https origin; without that file no https origin can be used.
fn upstream_trust(settings: &Settings) -> Result<Option<upstream::Tls>, StartError> {
    let path = &settings.upstream_ca;
    let given = *path != Settings::default().upstream_ca;
    match files::read(path.as_ref()) {
        Ok(pem) => match upstream::trust(&pem) {
            Ok(tls) => Ok(Some(tls)),
            Err(why) => Err(StartError::File { what: path.clone(), why }),
        },
        Err(_) if !given => Ok(None),
        Err(error) => Err(StartError::File { what: path.clone(), why: error.to_string() }),
    }
}
