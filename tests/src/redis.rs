//! A Redis server of a test's own, on loopback.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::live::until;

/// A running server; it goes with the test.
#[derive(Debug)]
pub struct Redis {
    child: Option<Child>,
    port: u16,
}

impl Redis {
    /// One, or one loud line where the machine has no such program.
    pub fn start() -> Option<Self> {
        if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            eprintln!("LEFT OUT: a test needs the program redis-server");
            return None;
        }
        loop {
            let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
            let mut server = Self { child: None, port: free.expect("there is a free port").port() };
            // Another test may have taken the port meanwhile.
            if server.launch() {
                return Some(server);
            }
        }
    }

    /// As a setting of the proxy.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Where it listens, or has listened.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Starts it, empty.
    pub fn again(&mut self) {
        assert!(self.launch(), "port {} is taken", self.port);
    }

    /// Starts it; `false` where the port is somebody else's.
    fn launch(&mut self) -> bool {
        let arguments = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"];
        let child = Command::new("redis-server")
            .args(arguments)
            .arg(self.port.to_string())
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::null())
            .spawn();
        let mut child = child.expect("redis-server starts");
        let port = self.port;
        let listens = until("redis-server listens", || match child.try_wait() {
            Ok(None) => answers(port).then_some(true),
            Ok(Some(_)) | Err(_) => Some(false),
        });
        self.child = Some(child);
        listens
    }

    /// Kills it.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Has it stand still, so that connections stay open and nothing is answered.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Has it go on.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        let child = self.child.as_ref().expect("the server runs");
        let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
        assert!(sent.expect("there is a kill").success());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether a Redis is there.
fn answers(port: u16) -> bool {
    let mut answer = [0; 5];
    TcpStream::connect(("127.0.0.1", port)).is_ok_and(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(1))).is_ok()
            && stream.write_all(b"PING\r\n").is_ok()
            && stream.read_exact(&mut answer).is_ok()
            && &answer == b"+PONG"
    })
}
