//! What is known of one client connection for as long as it lives.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use hyper::header::HeaderValue;

use crate::client::canonical;
use crate::gate::link::Link;
use crate::hop::Trust;
use crate::metrics::{bump, drop_one};
use crate::mtls::Shown;
use crate::shared::Admission;
use crate::worker::Worker;

/// What TLS has told about a connection.
#[derive(Debug, Default)]
pub(crate) struct TlsFacts {
    /// `TLSv1.3`.
    pub(crate) version: &'static str,
    /// The cipher suite's name.
    pub(crate) cipher: Box<str>,
    /// Whether HTTP/2 was agreed on.
    pub(crate) http2: bool,
    /// The host whose name the client gave.
    pub(crate) server_name: Option<Box<str>>,
    /// Whether the client was asked for a certificate.
    pub(crate) asked: bool,
    /// What it has shown.
    pub(crate) shown: Option<Box<Shown>>,
}

/// One client connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) tls: Option<TlsFacts>,
    pub(crate) trust: Trust,
    pub(crate) link: Arc<Link>,
    /// The peer's address as the origin is told it.
    pub(crate) peer_text: HeaderValue,
    requests: Cell<usize>,
    worker: Rc<Worker>,
    _admission: Admission,
}

impl Client {
    pub(crate) fn new(
        worker: &Rc<Worker>,
        ends: [SocketAddr; 2],
        tls: Option<TlsFacts>,
        admission: Admission,
    ) -> Self {
        let [peer, local] = ends;
        let link = Arc::new(Link::new(Arc::clone(&worker.ticks), Arc::clone(&worker.shared.spells)));
        worker.watch(&link);
        bump(&worker.counters.open);
        let text = canonical(peer.ip()).to_string();
        Self {
            trust: worker.addresses.trust(peer.ip()),
            peer_text: HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("unknown")),
            peer,
            local,
            tls,
            link,
            requests: Cell::new(0),
            worker: Rc::clone(worker),
            _admission: admission,
        }
    }

    /// A request is being served until what this returns is dropped.
    pub(crate) fn busy(self: &Rc<Self>) -> Busy {
        self.link.begin_request();
        Busy(Rc::clone(self))
    }

    /// Counts a request; whether the connection is to be closed after it.
    pub(crate) fn is_last_request(&self) -> bool {
        self.requests.set(self.requests.get() + 1);
        self.requests.get() >= self.worker.shared.settings.requests_per_connection
    }
}

/// While this lives, its connection is not idle.
#[derive(Debug)]
pub(crate) struct Busy(Rc<Client>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.link.end_request();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop_one(&self.worker.counters.open);
    }
}
