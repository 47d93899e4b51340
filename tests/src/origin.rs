//! An origin that records every byte it is sent and answers as a test tells it to; plain threads and sockets.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One request as the origin read it.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Request line and header lines, as they came.
    pub head: String,
    /// The body with its framing taken off.
    pub body: Vec<u8>,
    /// Trailer lines of a chunked body.
    pub trailers: String,
}

impl Seen {
    /// The target of the request line.
    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// The value of a header, in whatever case it came.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}

/// What the origin does about a request.
pub enum Act {
    /// Writes these bytes and waits for another request.
    Answer(Vec<u8>),
    /// Writes these bytes and closes.
    Last(Vec<u8>),
    /// Closes without a word.
    Close,
    /// Does as it likes with the connection, which is closed afterwards.
    Take(Box<dyn FnOnce(TcpStream) + Send>),
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Act")
    }
}

/// A `200` with this body.
pub fn ok(body: &str) -> Act {
    Act::Answer(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

type Behaviour = dyn Fn(&Seen) -> Act + Send + Sync;

/// A running origin; it goes with the test.
#[derive(Debug)]
pub struct Origin {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
    listening: Option<std::thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    seen: Mutex<Vec<Seen>>,
    raw: Mutex<Vec<u8>>,
    connections: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
    stopped: AtomicBool,
    forgets: AtomicBool,
}

impl Origin {
    /// Answers `200` with the body `origin`.
    pub fn plain() -> Self {
        Self::start(|_| ok("origin"))
    }

    /// Answers with what `behaviour` says.
    pub fn start(behaviour: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0", behaviour)
    }

    /// Listens at an address of the test's choice.
    pub fn at(address: &str, behaviour: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).expect("the origin binds");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State::default());
        let (shared, behaviour): (_, Arc<Behaviour>) = (Arc::clone(&state), Arc::new(behaviour));
        let listening = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.stopped.load(Ordering::SeqCst) {
                    return;
                }
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let _ = stream.set_nodelay(true);
                lock(&shared.open).extend(stream.try_clone());
                let (shared, behaviour) = (Arc::clone(&shared), Arc::clone(&behaviour));
                std::thread::spawn(move || shared.converse(stream, &*behaviour));
            }
        });
        Self { address, state, listening: Some(listening) }
    }

    /// Remembers nothing from now on, for long runs.
    #[must_use]
    pub fn forgetful(self) -> Self {
        self.state.forgets.store(true, Ordering::SeqCst);
        self
    }

    /// As an origin of a policy.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every complete request so far.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.state.seen).clone()
    }

    /// Every byte so far.
    pub fn raw(&self) -> Vec<u8> {
        lock(&self.state.raw).clone()
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        for stream in lock(&self.state.open).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Whoever drops an origin counts on its port being closed.
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn converse(&self, stream: TcpStream, behaviour: &Behaviour) {
        let mut wire = Wire { stream, buffer: Vec::new(), state: self };
        while let Some(seen) = wire.request() {
            let act = behaviour(&seen);
            if !self.forgets.load(Ordering::SeqCst) {
                lock(&self.seen).push(seen);
            }
            let written = match act {
                Act::Answer(bytes) => wire.stream.write_all(&bytes).is_ok(),
                Act::Last(bytes) => {
                    let _ = wire.stream.write_all(&bytes);
                    false
                }
                Act::Close => false,
                Act::Take(take) => {
                    take(wire.stream.try_clone().expect("a socket can be cloned"));
                    false
                }
            };
            if !written {
                let _ = wire.stream.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}

/// A connection being read.
struct Wire<'a> {
    stream: TcpStream,
    buffer: Vec<u8>,
    state: &'a State,
}

impl Wire<'_> {
    fn fill(&mut self) -> Option<()> {
        let mut space = [0; 16 << 10];
        let count = self.stream.read(&mut space).ok().filter(|count| *count > 0)?;
        self.buffer.extend_from_slice(&space[..count]);
        if !self.state.forgets.load(Ordering::SeqCst) {
            lock(&self.state.raw).extend_from_slice(&space[..count]);
        }
        Some(())
    }

    fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            self.fill()?;
        }
        Some(self.buffer.drain(..count).collect())
    }

    fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                return self.take(at + end.len());
            }
            self.fill()?;
        }
    }

    fn request(&mut self) -> Option<Seen> {
        let head = String::from_utf8_lossy(&self.until(b"\r\n\r\n")?).into_owned();
        let mut seen = Seen { head, ..Seen::default() };
        if let Some(length) = seen.header("content-length").map(str::parse::<usize>) {
            seen.body = self.take(length.ok()?)?;
        } else if seen.header("transfer-encoding").is_some() {
            (seen.body, seen.trailers) = self.chunks()?;
        }
        Some(seen)
    }

    fn chunks(&mut self) -> Option<(Vec<u8>, String)> {
        let mut body = Vec::new();
        loop {
            let line = String::from_utf8(self.until(b"\r\n")?).ok()?;
            let size = usize::from_str_radix(line.trim_end(), 16).ok()?;
            if size == 0 {
                break;
            }
            body.extend(self.take(size)?);
            self.take(2)?;
        }
        let mut trailers = String::new();
        loop {
            let line = String::from_utf8(self.until(b"\r\n")?).ok()?;
            if line == "\r\n" {
                return Some((body, trailers));
            }
            trailers.push_str(&line);
        }
    }
}
