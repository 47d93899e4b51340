//! A running `shieldd` inside the test's process, and a client that speaks to it in raw bytes.

use std::io::{self, Read as _, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use shield_compiler::compile;
use shield_compiler::source::MemorySources;
use shield_runtime::{Output, Server, Settings, Source, StartError, World};

/// How long a client of a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// Event lines, as they are written.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A running instance.
#[derive(Debug)]
pub struct Live {
    /// The instance.
    pub server: Server,
    lines: Lines,
}

/// Compiles a policy of one file.
pub fn bundle(policy: &str) -> Vec<u8> {
    bundle_with(policy, [])
}

/// Compiles a policy of one file that names others.
pub fn bundle_with<const N: usize>(policy: &str, others: [(&str, &str); N]) -> Vec<u8> {
    let mut sources = MemorySources::new(others);
    sources.0.insert("policy.shield".to_owned(), policy.as_bytes().into());
    let outcome = compile(&sources, &["policy.shield".to_owned()]);
    let errors: Vec<_> = outcome.diagnostics.iter().filter(|each| each.is_error()).collect();
    outcome.bundle.unwrap_or_else(|| panic!("{errors:#?}")).encode().bytes
}

/// Settings that suit a test: free ports, one worker, no file watched.
pub fn settings() -> Settings {
    Settings {
        listen: vec!["127.0.0.1:0".into()],
        admin: "127.0.0.1:0".into(),
        workers: 1,
        watch: "off",
        drain_timeout: Duration::from_secs(2),
        ..Settings::default()
    }
}

impl Live {
    /// Serves a bundle that is in memory.
    pub fn start(bundle: Vec<u8>, settings: Settings) -> Self {
        Self::try_start(Source::Bytes(bundle), settings).expect("the proxy starts")
    }

    /// Serves, or says why not.
    pub fn try_start(source: Source, settings: Settings) -> Result<Self, StartError> {
        Self::try_start_in(World::default(), source, settings)
    }

    /// Serves in a world of the test's own.
    pub fn start_in(world: World, bundle: Vec<u8>, settings: Settings) -> Self {
        Self::try_start_in(world, Source::Bytes(bundle), settings).expect("the proxy starts")
    }

    fn try_start_in(world: World, source: Source, settings: Settings) -> Result<Self, StartError> {
        let lines = Lines::default();
        let output = Output::To(Box::new(lines.clone()));
        Ok(Self { server: shield_runtime::start_in(world, settings, source, output)?, lines })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    /// A new connection.
    pub fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    /// Sends bytes on a connection of their own: all that comes back until it is closed.
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut client = self.connect();
        client.send(bytes);
        client.rest()
    }

    /// One request on a connection of its own.
    pub fn get(&self, target: &str) -> Response {
        self.connect().ask(&format!("GET {target} HTTP/1.1\r\nhost: petstore.example.com\r\n\r\n"))
    }

    /// One operators' request.
    pub fn operator(&self, method: &str, path: &str) -> Response {
        let address = self.server.admin().expect("the admin listener is on");
        Client::connect(address)
            .ask(&format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 0\r\n\r\n"))
    }

    /// The events so far, once there are at least `count`.
    pub fn events(&self, count: usize) -> Vec<Value> {
        let read = || {
            let bytes = self.lines.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let text = String::from_utf8(bytes).expect("events are text");
            text.lines()
                .map(|line| serde_json::from_str(line).expect("an event is JSON"))
                .collect::<Vec<Value>>()
        };
        until("events are written", || Some(read()).filter(|events| events.len() >= count))
    }

    /// The value of a metric line that starts with `name`.
    pub fn metric(&self, name: &str) -> u64 {
        let text = self.operator("GET", "/metrics").text();
        let line =
            text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
        line.rsplit(' ').next().expect("a line has words").parse().expect("a metric is a number")
    }
}

/// Asks again and again until there is an answer.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A directory of one test; it goes with the test.
#[derive(Debug)]
pub struct Folder(pub PathBuf);

impl Folder {
    /// An empty one.
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("shield-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the system has a place for temporary files");
        Self(path)
    }

    /// Puts a file into it.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).expect("the folder is there");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A client's connection.
#[derive(Debug)]
pub struct Client {
    /// The socket.
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

/// A response as it was read.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Status line and header lines.
    pub head: String,
    /// The body with its framing taken off.
    pub body: Vec<u8>,
}

impl Response {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}

impl Client {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the proxy accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        stream.set_nodelay(true).expect("a socket takes the option");
        Self { stream, buffer: Vec::new() }
    }

    /// Sends bytes; what the other end thinks of them is read later.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Sends a request and reads its response.
    pub fn ask(&mut self, request: &str) -> Response {
        self.send(request.as_bytes());
        self.response(request.starts_with("HEAD")).expect("there is a response")
    }

    /// Says that nothing more is sent.
    pub fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// All that comes until the connection is closed.
    pub fn rest(&mut self) -> String {
        while self.fill().is_some() {}
        String::from_utf8_lossy(&std::mem::take(&mut self.buffer)).into_owned()
    }

    /// The next response; `None` when the connection is closed before it is complete.
    pub fn response(&mut self, bodiless: bool) -> Option<Response> {
        let head = self.head()?;
        let status = head.get(9..12)?.parse().ok()?;
        let mut response = Response { status, head, body: Vec::new() };
        if bodiless || matches!(status, 100..200 | 204 | 304) {
            return Some(response);
        }
        response.body = if let Some(length) = response.header("content-length") {
            let length = length.parse().ok()?;
            self.take(length)?
        } else if response.header("transfer-encoding").is_some() {
            self.chunks()?
        } else {
            while self.fill().is_some() {}
            std::mem::take(&mut self.buffer)
        };
        Some(response)
    }

    /// The next head.
    pub fn head(&mut self) -> Option<String> {
        String::from_utf8(self.until(b"\r\n\r\n")?).ok()
    }

    /// The next bytes up to and including `end`.
    pub fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                return self.take(at + end.len());
            }
            self.fill()?;
        }
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            self.fill()?;
        }
        Some(self.buffer.drain(..count).collect())
    }

    fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = String::from_utf8(self.until(b"\r\n")?).ok()?;
            let size = usize::from_str_radix(line.trim_end(), 16).ok()?;
            if size == 0 {
                while self.until(b"\r\n")? != b"\r\n" {}
                return Some(body);
            }
            body.extend(self.take(size)?);
            self.take(2)?;
        }
    }

    fn fill(&mut self) -> Option<()> {
        let mut space = [0; 16 << 10];
        let count = self.stream.read(&mut space).ok().filter(|count| *count > 0)?;
        self.buffer.extend_from_slice(&space[..count]);
        Some(())
    }
}
