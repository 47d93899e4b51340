//! The thread beside the workers: admin listener, file watch, names looked up again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use shield_state::AnyStore;
use tokio::sync::{mpsc, watch};

use crate::admin::{self, Admin};
use crate::keys;
use crate::reload::Loader;
use crate::shared::Shared;
use crate::upstream::Tls;

/// How often names of origins are looked up again.
const RESOLVE_EVERY: Duration = Duration::from_secs(30);
/// How long a file must be left alone before it is read.
const SETTLE: Duration = Duration::from_millis(50);

/// How long that is waited for at most.
const LONGEST_SETTLE: Duration = Duration::from_millis(500);

/// Runs until told to stop.
pub(crate) fn run(control: Control, stop: watch::Receiver<bool>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(live(control, stop));
    runtime.shutdown_background();
    Ok(())
}

/// What the thread looks after.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) shared: Arc<Shared>,
    pub(crate) loader: Arc<Loader>,
    pub(crate) admin: Option<(Admin, std::net::TcpListener)>,
    pub(crate) watch: bool,
    pub(crate) tls: Option<Tls>,
}

async fn live(control: Control, mut stop: watch::Receiver<bool>) {
    let Control { shared, loader, admin, watch, tls } = control;
    if let Some((admin, socket)) = admin {
        tokio::spawn(admin::serve(Arc::new(admin), socket));
    }
    if let AnyStore::Fleet(fleet) = &shared.store {
        fleet.connect().await;
    }
    tokio::spawn(keys::run(Arc::clone(&shared), tls));
    tokio::spawn(resolve(shared));
    if watch {
        tokio::spawn(reload_on_change(loader));
    }
    // An error means that whoever started this is gone.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn resolve(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(RESOLVE_EVERY).await;
        let shared = Arc::clone(&shared);
        let looked_up = tokio::task::spawn_blocking(move || {
            if let Some(snapshot) = shared.snapshot.load_full() {
                snapshot.resolve(&shared.registry);
            }
        });
        // A lookup that panics has changed nothing.
        let _ = looked_up.await;
    }
}

/// Loads again whenever a watched file has changed and then been left alone for a moment.
async fn reload_on_change(loader: Arc<Loader>) {
    let mut paths = loader.watched();
    let (changed, mut changes) = mpsc::channel(1);
    let Ok(mut _watcher) = watcher(&paths, changed.clone()) else { return };
    // Nobody has been told what changed between the load and now.
    let _ = changed.try_send(());
    while changes.recv().await.is_some() {
        let settled = async {
            while tokio::time::timeout(SETTLE, changes.recv()).await.is_ok_and(|change| change.is_some()) {}
        };
        // A file that is never left alone is loaded all the same.
        let _ = tokio::time::timeout(LONGEST_SETTLE, settled).await;
        let reloading = Arc::clone(&loader);
        // The status tells how it went.
        let _ = tokio::task::spawn_blocking(move || reloading.reload()).await;
        // Another policy may name other files.
        let now = loader.watched();
        if now != paths
            && let Ok(other) = watcher(&now, changed.clone())
        {
            (paths, _watcher) = (now, other);
            let _ = changed.try_send(());
        }
    }
}

/// Watches the folders, since a file that is replaced is another file.
fn watcher(paths: &[PathBuf], changed: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let names: Vec<_> = paths.iter().filter_map(|path| path.file_name().map(ToOwned::to_owned)).collect();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        let concerns =
            |path: &PathBuf| path.file_name().is_some_and(|name| names.iter().any(|known| known == name));
        if !event.kind.is_access() && event.paths.iter().any(concerns) {
            // A full channel already says what this would.
            let _ = changed.try_send(());
        }
    })?;
    let mut folders: Vec<&Path> = paths.iter().map(|path| folder(path)).collect();
    folders.sort_unstable();
    folders.dedup();
    folders.into_iter().try_for_each(|folder| watcher.watch(folder, RecursiveMode::NonRecursive))?;
    Ok(watcher)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}
