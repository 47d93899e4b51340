//! One thread that serves: its listeners, its connections, its pools, and the watchman who looks after them.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::Instant;

use tokio::runtime::LocalOptions;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::client::AddressRule;
use crate::clock::{self, TICK, Ticks, ticks};
use crate::gate::head::Bounds;
use crate::gate::link::{Link, Order, Patience};
use crate::listen::{self, Bound};
use crate::metrics::Counters;
use crate::random::Random;
use crate::reply::Stall;
use crate::shared::Shared;
use crate::upstream::{Tls, Upstreams};

/// hyper takes no smaller buffer than this.
const SMALLEST_BUFFER: usize = 8 << 10;
/// Tasks that run between two looks at the sockets, while there are some that can.
// PERF: tokio's 61 is less than some dozen requests under way have to do, and the looks in between find little.
const LOOK_EVERY: u32 = 256;
/// Ticks between two looks at unused connections to origins.
const PRUNE_EVERY: u32 = 20;

/// What everything on one thread uses.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) ticks: Arc<Ticks>,
    pub(crate) random: Random,
    pub(crate) upstreams: Upstreams,
    pub(crate) addresses: AddressRule,
    pub(crate) bounds: Bounds,
    pub(crate) http1_buffer: usize,
    /// One moment in both times, at most a tick old.
    moment: Cell<(Instant, u64)>,
    patience: Patience,
    links: RefCell<Vec<Weak<Link>>>,
    stalls: RefCell<Vec<std::rc::Weak<Stall>>>,
}

impl Worker {
    pub(crate) fn new(
        shared: Arc<Shared>,
        counters: Arc<Counters>,
        tls: Option<Tls>,
        seed: [u8; 32],
    ) -> Self {
        let settings = &shared.settings;
        Self {
            counters,
            ticks: Arc::default(),
            random: Random::new(seed),
            upstreams: Upstreams::new(settings, tls),
            addresses: AddressRule::new(settings),
            bounds: Bounds {
                size: settings.header_size as usize,
                target: settings.uri_size as usize,
                count: settings.header_count,
            },
            http1_buffer: (settings.header_size as usize * 2).max(SMALLEST_BUFFER),
            patience: Patience {
                request: ticks(settings.idle_timeout),
                head: ticks(settings.header_timeout),
                body: ticks(settings.body_timeout),
                write: ticks(settings.write_timeout),
                tunnel: ticks(settings.tunnel_timeout),
                rate: settings.minimum_rate,
            },
            moment: Cell::new(moment(&shared)),
            links: RefCell::default(),
            stalls: RefCell::default(),
            shared,
        }
    }

    /// `now` in milliseconds since 1970.
    // PERF: reckoned, instead of a second look at a clock.
    pub(crate) fn unix_millis(&self, now: Instant) -> u64 {
        let (then, millis) = self.moment.get();
        millis + now.saturating_duration_since(then).as_millis() as u64
    }

    /// Looks after a connection from now on.
    pub(crate) fn watch(&self, link: &Arc<Link>) {
        self.links.borrow_mut().push(Arc::downgrade(link));
    }

    /// Looks after one response of a connection that has several under way.
    pub(crate) fn watch_reply(&self, link: &Arc<Link>) -> Rc<Stall> {
        let stall = Stall::new(link);
        self.stalls.borrow_mut().push(Rc::downgrade(&stall));
        stall
    }

    /// Counts a request that is being served, unless there are too many.
    pub(crate) fn take_off(self: &Rc<Self>) -> Option<Flight> {
        let flying = self.shared.in_flight.fetch_add(1, Relaxed);
        crate::metrics::bump(&self.counters.in_flight);
        let flight = Flight(Rc::clone(self));
        (flying < self.shared.settings.requests_in_flight).then_some(flight)
    }

    fn order_all(&self, order: Order) {
        self.links.borrow().iter().filter_map(Weak::upgrade).for_each(|link| link.order(order));
    }

    fn is_idle(&self) -> bool {
        self.counters.open.load(Relaxed) == 0
    }

    /// One tick of the watchman.
    fn look_around(&self) {
        self.ticks.advance();
        self.moment.set(moment(&self.shared));
        self.links
            .borrow_mut()
            .retain(|link| link.upgrade().inspect(|link| link.watch(&self.patience)).is_some());
        self.upstreams.watch(self.ticks.now());
        let patience = self.patience.write;
        self.stalls
            .borrow_mut()
            .retain(|stall| stall.upgrade().inspect(|stall| stall.watch(patience)).is_some());
        if self.ticks.now().is_multiple_of(PRUNE_EVERY) {
            self.upstreams.prune(self.ticks.now());
            self.counters.upstream_idle.store(self.upstreams.idle() as u64, Relaxed);
        }
    }
}

/// Now, in monotonic time and in milliseconds since 1970.
fn moment(shared: &Shared) -> (Instant, u64) {
    ((shared.clock)(), clock::unix_millis())
}

/// A request that is being served, until this is dropped.
#[derive(Debug)]
pub(crate) struct Flight(Rc<Worker>);

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.shared.in_flight.fetch_sub(1, Relaxed);
        crate::metrics::drop_one(&self.0.counters.in_flight);
    }
}

/// Serves on this thread until told to stop, and then until the last connection has ended or the time for that is over.
pub(crate) fn run(worker: Worker, listeners: Vec<Bound>, stop: watch::Receiver<bool>) -> io::Result<()> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().event_interval(LOOK_EVERY).build_local(LocalOptions::default())?;
    runtime.block_on(live(Rc::new(worker), listeners, stop));
    // What is left is cut off; lookups that hang must not hold the process.
    runtime.shutdown_background();
    Ok(())
}

async fn live(worker: Rc<Worker>, listeners: Vec<Bound>, mut stop: watch::Receiver<bool>) {
    for bound in listeners {
        tokio::task::spawn_local(listen::accept(Rc::clone(&worker), bound, stop.clone()));
    }
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // When whoever started this is gone, there is nobody to serve for.
    let mut stopping = std::pin::pin!(async move { drop(stop.wait_for(|stop| *stop).await) });
    let mut ends: Option<Instant> = None;
    loop {
        tokio::select! {
            _ = tick.tick() => worker.look_around(),
            () = &mut stopping, if ends.is_none() => {
                ends = Some(clock::now() + worker.shared.settings.drain_timeout);
            }
        }
        if let Some(end) = ends {
            worker.order_all(Order::Drain);
            if worker.is_idle() || clock::now() >= end {
                return;
            }
        }
    }
}
