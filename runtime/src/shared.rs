//! What all threads of one instance share; nothing here is taken by a lock on the way of a request.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use shield_state::AnyStore;

use crate::body::Memory;
use crate::config::Settings;
use crate::events::Events;
use crate::keys::RemoteKeys;
use crate::metrics::Counters;
use crate::snapshot::Snapshot;
use crate::upstream::Registry;
use crate::world::World;

/// Where in its life an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Life {
    Starting,
    Ready,
    Draining,
}

/// The state of one instance.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) snapshot: ArcSwapOption<Snapshot>,
    /// Whether the policy that serves, or is about to or did just now, asks how the names of a request's headers are written.
    pub(crate) spells: Arc<AtomicBool>,
    pub(crate) registry: Registry,
    pub(crate) clock: fn() -> Instant,
    pub(crate) events: Events,
    pub(crate) memory: Arc<Memory>,
    /// What outlives requests, whatever is reloaded.
    pub(crate) store: AnyStore,
    /// Sets of keys from addresses, whatever is reloaded.
    pub(crate) keys: RemoteKeys,
    pub(crate) counters: Vec<Arc<Counters>>,
    pub(crate) connections: AtomicUsize,
    pub(crate) in_flight: AtomicUsize,
    addresses: Mutex<BTreeMap<IpAddr, usize>>,
    life: AtomicU8,
}

impl Shared {
    pub(crate) fn new(
        world: World,
        settings: Settings,
        events: Events,
        workers: usize,
        store: AnyStore,
    ) -> Self {
        Self {
            snapshot: ArcSwapOption::empty(),
            spells: Arc::default(),
            registry: Registry::new(world.names),
            clock: world.clock,
            events,
            memory: Arc::new(Memory::new(settings.buffer_memory)),
            store,
            keys: RemoteKeys::default(),
            counters: (0..workers).map(|_| Arc::default()).collect(),
            connections: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            addresses: Mutex::default(),
            life: AtomicU8::new(Life::Starting as u8),
            settings,
        }
    }

    pub(crate) fn life(&self) -> Life {
        match self.life.load(Relaxed) {
            0 => Life::Starting,
            1 => Life::Ready,
            _ => Life::Draining,
        }
    }

    pub(crate) fn set_life(&self, life: Life) {
        self.life.store(life as u8, Relaxed);
    }

    /// Counts a connection from `address`, unless there are too many.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Admission> {
        let all = self.connections.fetch_add(1, Relaxed);
        let mut admission = Admission { shared: Arc::clone(self), address, counted: false };
        if all >= self.settings.connections {
            return None;
        }
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let here = addresses.entry(address).or_default();
        if *here >= self.settings.connections_per_address {
            return None;
        }
        *here += 1;
        admission.counted = true;
        Some(admission)
    }
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Admission {
    shared: Arc<Shared>,
    address: IpAddr,
    counted: bool,
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.shared.connections.fetch_sub(1, Relaxed);
        if !self.counted {
            return;
        }
        let mut addresses = self.shared.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = addresses.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}
