//! Connections that change to another protocol: asked for by the client, granted by the origin, then passed through.

use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use shield_engine::token::Pass;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{sleep, timeout};

use crate::apart::apart;
use crate::gate::link::{Link, Order, Upgrade};
use crate::listen::client::Client;
use crate::metrics::bump;
use crate::upstream::Changed;
use crate::websocket::{Fault, Frames, Watched};
use crate::worker::Worker;

/// How long a client may take to take in why its WebSocket ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// How often deny lists are asked about the tokens of open tunnels.
const ROUND: Duration = Duration::from_secs(1);

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

    /// What is to be known of the client's frames, when the origin's answer opens a WebSocket.
    pub(crate) fn frames(&self, answer: &HeaderMap, most: u64) -> Option<Frames> {
        let is_websocket = self.protocol.as_ref()?.as_bytes().eq_ignore_ascii_case(b"websocket");
        is_websocket.then(|| Frames::new(most, answer.contains_key(header::SEC_WEBSOCKET_EXTENSIONS)))
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

/// Both ends of a connection that changes over, what is known of what the client will send, and with which tokens it came.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) down: OnUpgrade,
    pub(crate) up: Changed,
    pub(crate) frames: Option<Frames>,
    pub(crate) passes: Vec<Pass>,
}

/// Passes bytes between both ends, once they have changed over, until one of them ends or patience does.
pub(crate) fn open(worker: &Rc<Worker>, client: &Rc<Client>, wish: &Wish, ends: Ends) {
    wish.grant();
    bump(&worker.counters.tunnels);
    let (client, worker) = (Rc::clone(client), Rc::clone(worker));
    tokio::task::spawn_local(apart(|| async move {
        let (Ok(down), mut up) = (ends.down.await, ends.up) else { return };
        let mut down = Watched::new(TokioIo::new(down), ends.frames);
        let mut denied_by_now = false;
        let copying = tokio::io::copy_bidirectional(&mut down, &mut up);
        tokio::select! {
            // How a tunnel ends is between its two ends.
            _ = copying => {}
            () = closed(&client.link) => {}
            () = denied(&worker, &ends.passes) => denied_by_now = true,
        }
        if denied_by_now {
            down.end(Fault::Policy);
        }
        if let Some(farewell) = down.farewell() {
            bump(&worker.counters.tunnel_faults);
            // A client that takes nothing has heard enough; in the middle of the origin's frame, it will be none the wiser.
            let _ = timeout(FAREWELL, async {
                let _ = down.write_all(&farewell).await;
                down.shutdown().await
            })
            .await;
        }
    }));
}

/// Waits until a deny list names a token that the client came with.
async fn denied(worker: &Worker, passes: &[Pass]) {
    if passes.is_empty() {
        return pending().await;
    }
    loop {
        let snapshot = worker.shared.snapshot.load();
        let tokens = snapshot.as_ref().and_then(|snapshot| snapshot.policy.tokens());
        if tokens.is_some_and(|tokens| passes.iter().any(|pass| tokens.denies(pass))) {
            return;
        }
        drop(snapshot);
        sleep(ROUND).await;
    }
}

async fn closed(link: &Link) {
    while link.ordered().await != Order::Close {}
}
