//! A Redis server of a test's own, on loopback.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

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
        let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let mut server = Self { child: None, port: free.expect("there is a free port").port() };
        if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            eprintln!("LEFT OUT: a test needs the program redis-server");
            return None;
        }
        server.again();
        Some(server)
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
        let arguments = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"];
        let child = Command::new("redis-server")
            .args(arguments)
            .arg(self.port.to_string())
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::null())
            .spawn();
        self.child = Some(child.expect("redis-server starts"));
        until("redis-server listens", || TcpStream::connect(("127.0.0.1", self.port)).ok());
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
