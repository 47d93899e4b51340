//! Connections that change to another protocol: asked for by the client, granted by the origin, then passed through.

use std::rc::Rc;
use std::sync::Arc;

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::gate::link::{Link, Order, Upgrade};
use crate::listen::client::Client;
use crate::metrics::bump;
use crate::worker::Worker;

/// Protocols that would carry requests past every check.
const NEVER: [&str; 3] = ["h2", "http", "tls"];

/// A client's wish for another protocol; unless it is granted, the gate goes on reading HTTP when this is dropped.
#[derive(Debug)]
pub(crate) struct Wish {
    link: Arc<Link>,
    /// The protocol, when it is one that may be passed on.
    protocol: Option<HeaderValue>,
}

impl Wish {
    /// The wish of a request whose head the gate has recognised as one.
    pub(crate) fn of(link: &Arc<Link>, headers: &HeaderMap) -> Option<Self> {
        if link.upgrade() != Upgrade::Asked {
            return None;
        }
        let mut values = headers.get_all(header::UPGRADE).iter();
        let only = values.next().filter(|_| values.next().is_none());
        let protocol = only.filter(|value| value.to_str().is_ok_and(may_be_tunnelled)).cloned();
        Some(Self { link: Arc::clone(link), protocol })
    }

    /// Tells the origin of the wish.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        if let Some(protocol) = &self.protocol {
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, protocol.clone());
        }
    }

    /// Whether an origin's agreement to `upgrade` is what the client asked for.
    pub(crate) fn agrees(&self, agreed: Option<&HeaderValue>) -> bool {
        let same = |(a, b): (&HeaderValue, &HeaderValue)| a.as_bytes().eq_ignore_ascii_case(b.as_bytes());
        self.protocol.as_ref().zip(agreed).is_some_and(same)
    }

    fn grant(&self) {
        self.link.set_upgrade(Upgrade::Granted);
    }
}

impl Drop for Wish {
    fn drop(&mut self) {
        if self.link.upgrade() == Upgrade::Asked {
            self.link.set_upgrade(Upgrade::Refused);
        }
    }
}

fn may_be_tunnelled(protocol: &str) -> bool {
    let lower = protocol.to_ascii_lowercase();
    !lower.is_empty() && !lower.contains(',') && !NEVER.iter().any(|never| lower.starts_with(never))
}

/// Passes bytes between both ends, once they have changed over, until one of them ends or patience does.
pub(crate) fn open(
    worker: &Rc<Worker>,
    client: &Rc<Client>,
    wish: &Wish,
    [downstream, upstream]: [OnUpgrade; 2],
) {
    wish.grant();
    bump(&worker.counters.tunnels);
    let client = Rc::clone(client);
    tokio::task::spawn_local(async move {
        let (Ok(down), Ok(up)) = (downstream.await, upstream.await) else { return };
        let (mut down, mut up) = (TokioIo::new(down), TokioIo::new(up));
        let copying = tokio::io::copy_bidirectional(&mut down, &mut up);
        tokio::select! {
            // How a tunnel ends is between its two ends.
            _ = copying => {}
            () = closed(&client.link) => {}
        }
    });
}

async fn closed(link: &Link) {
    while link.ordered().await != Order::Close {}
}
