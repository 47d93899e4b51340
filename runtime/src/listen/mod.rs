//! Listeners: every worker has its own socket on every address, and the kernel deals out the connections.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

pub(crate) mod client;
pub(crate) mod connection;
pub(crate) mod tls;

use crate::apart::apart;
use crate::metrics::bump;
use crate::worker::Worker;
use tls::Certificates;

/// Connections that the kernel may hold for a worker.
const BACKLOG: u32 = 4096;
/// How long accepting pauses when the system has no more descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);
/// What a connection too many is told.
const SHED: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A bound socket that no runtime owns yet.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) socket: std::net::TcpListener,
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<Certificates>,
}

/// Binds one socket for each of `workers` to `address`; with port 0, all to the port that the first gets.
pub(crate) fn bind(
    address: SocketAddr,
    tls: Option<&Certificates>,
    workers: usize,
) -> io::Result<Vec<Bound>> {
    let mut address = address;
    (0..workers)
        .map(|_| {
            let socket = open(address)?.into_std()?;
            address = socket.local_addr()?;
            Ok(Bound { socket, address, tls: tls.cloned() })
        })
        .collect()
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts until told to stop; what the kernel has accepted by then is still served.
pub(crate) async fn accept(
    worker: Rc<Worker>,
    bound: Bound,
    mut stop: tokio::sync::watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(bound.socket)?;
    loop {
        tokio::select! {
            biased;
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => admit(&worker, stream, peer, bound.tls.as_ref()),
                Err(error) if is_exhaustion(&error) => tokio::time::sleep(EXHAUSTED_PAUSE).await,
                // The connection was gone before it was accepted.
                Err(_) => {}
            },
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        }
    }
}

/// Errors of the process, not of one connection: more accepting would spin.
fn is_exhaustion(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const ENOBUFS: i32 = 105;
    const ENOMEM: i32 = 12;
    matches!(error.raw_os_error(), Some(ENFILE | EMFILE | ENOBUFS | ENOMEM))
}

fn admit(worker: &Rc<Worker>, stream: TcpStream, peer: SocketAddr, tls: Option<&Certificates>) {
    bump(&worker.counters.connections);
    let Some(admission) = worker.shared.admit(peer.ip()) else {
        bump(&worker.counters.connections_shed);
        if tls.is_none() {
            // What does not fit into the socket's buffer is not worth waiting for.
            let _ = stream.try_write(SHED);
        }
        return;
    };
    let task = apart(|| connection::run(Rc::clone(worker), stream, admission, tls.cloned()));
    tokio::task::spawn_local(task);
}
