//! One client connection from its first byte to its last, in HTTP/1.1 or HTTP/2.

use std::error::Error as _;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::client::Client;
use super::tls::Certificates;
use crate::apart::{apart, made};
use crate::gate::link::Order;
use crate::gate::{Gate, Protocol};
use crate::metrics::{bump, drop_one};
use crate::serve;
use crate::shared::Admission;
use crate::worker::Worker;

/// How long closing a resting connection may take.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often a silent HTTP/2 client is asked whether it is still there.
const HTTP2_PING: Duration = Duration::from_secs(30);
/// Bytes that one HTTP/2 stream may have on their way to a client.
const HTTP2_STREAM_BUFFER: usize = 256 << 10;

/// Serves a connection until it ends.
pub(crate) async fn run(
    worker: Rc<Worker>,
    stream: TcpStream,
    admission: Admission,
    tls: Option<Certificates>,
) {
    let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else { return };
    // Small answers wait for nobody.
    let _ = stream.set_nodelay(true);
    match tls {
        None => {
            let client = Client::new(&worker, [peer, local], None, admission);
            pin!(speak(&worker, stream, client, None)).await;
        }
        // PERF: boxed, or every connection without TLS would keep the room of one with it.
        Some(certificates) => {
            apart(|| encrypted(&worker, stream, [peer, local], (admission, certificates))).await;
        }
    }
}

async fn encrypted(
    worker: &Rc<Worker>,
    stream: TcpStream,
    ends: [SocketAddr; 2],
    (admission, certificates): (Admission, Certificates),
) {
    let snapshot = worker.shared.snapshot.load_full();
    let demands = snapshot.map(|snapshot| snapshot.demands.load_full());
    // PERF: boxed, since the handshake is over when the connection idles.
    let handshake = apart(|| certificates.accept(stream, demands.as_deref()));
    let Ok(Ok((stream, facts))) = timeout(worker.shared.settings.handshake_timeout, handshake).await else {
        return;
    };
    let protocol = if facts.http2 { Protocol::Http2 } else { Protocol::Http1 };
    let client = Client::new(worker, ends, Some(facts), admission);
    speak(worker, stream, client, Some(protocol)).await;
}

async fn speak<S>(worker: &Rc<Worker>, stream: S, client: Client, known: Option<Protocol>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let client = Rc::new(client);
    let mut gate = Gate::new(stream, worker.bounds, Arc::clone(&client.link));
    let protocol = tokio::select! {
        sniffed = gate.sniff(known, worker.shared.settings.resets as u32) => sniffed,
        () = stop(&client) => return,
    };
    match protocol {
        // PERF: pinned where it is made; awaiting a future by value reserves room for it twice.
        Ok(Some(Protocol::Http1)) => pin!(http1(worker, gate, &client)).await,
        Ok(Some(Protocol::Http2)) => apart(|| http2(worker, gate, &client)).await,
        Ok(None) | Err(_) => {}
    }
}

/// Waits for an order that ends a connection on which nothing has been said.
async fn stop(client: &Client) {
    while client.link.ordered().await == Order::Look && client.link.fault().is_none() {}
}

async fn http1<S>(worker: &Rc<Worker>, mut gate: Gate<S>, client: &Rc<Client>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| serve::serve(Rc::clone(worker), Rc::clone(client), request));
    let mut builder = http1::Builder::new();
    builder.half_close(true).max_buf_size(worker.http1_buffer);
    if worker.bounds.count > 100 {
        builder.max_headers(worker.bounds.count);
    }
    loop {
        client.link.rest(false);
        // PERF: boxed, or a connection at rest would keep the room.
        let mut connection = made(|| builder.serve_connection(TokioIo::new(gate), service).with_upgrades());
        let drain = http1::UpgradeableConnection::graceful_shutdown;
        if let End::Over(_) = drive(connection.as_mut(), client, drain).await {
            return;
        }
        let Some(parts) = Pin::into_inner(connection).into_parts() else { return };
        gate = parts.io.into_inner();
        gate.take_back(&parts.read_buf);
        // PERF: what hyper has read into is most of what a connection takes.
        drop(parts.read_buf);
        client.link.rest(true);
        bump(&worker.counters.resting);
        let woken = tokio::select! {
            woken = gate.wake() => woken.unwrap_or(false),
            () = stop(client) => false,
        };
        drop_one(&worker.counters.resting);
        if !woken {
            let _ = timeout(FAREWELL, gate.shutdown()).await;
            return;
        }
    }
}

async fn http2<S>(worker: &Rc<Worker>, gate: Gate<S>, client: &Rc<Client>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let settings = &worker.shared.settings;
    let service = {
        let (worker, client) = (Rc::clone(worker), Rc::clone(client));
        service_fn(move |request| serve::serve(Rc::clone(&worker), Rc::clone(&client), request))
    };
    let mut builder = http2::Builder::new(Local);
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(HTTP2_PING)
        .max_concurrent_streams(settings.streams as u32)
        .max_pending_accept_reset_streams(settings.resets.min(settings.streams))
        .max_local_error_reset_streams(settings.resets)
        .max_header_list_size(settings.header_size as u32)
        .max_send_buf_size(HTTP2_STREAM_BUFFER);
    let connection = builder.serve_connection(TokioIo::new(gate), service);
    let mut connection = pin!(connection);
    let faulty = loop {
        match drive(connection.as_mut(), client, http2::Connection::graceful_shutdown).await {
            // It never rests: nobody can take it apart.
            End::Rest => {}
            End::Over(ended) => {
                break client.link.fault().is_some() || ended.is_err_and(|error| !is_io(&error));
            }
        }
    };
    if faulty {
        bump(&worker.counters.http2_faults);
    }
}

/// Whether it is the socket that has failed, and not the protocol.
fn is_io(error: &hyper::Error) -> bool {
    error.source().and_then(|source| source.downcast_ref::<std::io::Error>()).is_some()
}

/// Runs the tasks of an HTTP/2 connection on its worker.
#[derive(Debug, Clone, Copy)]
struct Local;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

/// Why a connection is driven no further.
enum End {
    /// It has ended, or was ordered to.
    Over(hyper::Result<()>),
    /// The client has been silent for a while.
    Rest,
}

/// Runs a connection to its end, or to the order to end it, or as long as its client has something to say.
async fn drive<C: Future<Output = hyper::Result<()>>>(
    mut connection: Pin<&mut C>,
    client: &Client,
    drain: impl Fn(Pin<&mut C>),
) -> End {
    loop {
        let mut ordered = pin!(client.link.ordered());
        // PERF: `select!` would ask first whether this task has had its turn, as all that is below it does anyway.
        let happened = poll_fn(|cx| match connection.as_mut().poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Err(ended)),
            Poll::Pending => ordered.as_mut().poll(cx).map(Ok),
        });
        match happened.await {
            Err(ended) => return End::Over(ended),
            Ok(Order::Drain) => drain(connection.as_mut()),
            Ok(Order::Close) => return End::Over(Ok(())),
            Ok(Order::Look) if client.link.may_rest() => return End::Rest,
            Ok(Order::None | Order::Look) => {}
        }
    }
}
