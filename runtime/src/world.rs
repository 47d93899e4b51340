//! What an instance asks of the world besides sockets and files; whoever starts it may answer in the world's place.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Instant;

use crate::clock;

/// The time that requests take, and the addresses that names stand for.
#[derive(Debug, Clone)]
pub struct World {
    /// The monotonic time.
    pub clock: fn() -> Instant,
    /// How names become addresses.
    pub names: Names,
}

impl Default for World {
    fn default() -> Self {
        Self {
            clock: clock::now,
            names: Names::new(|name, port| Ok((name, port).to_socket_addrs()?.collect())),
        }
    }
}

/// How names become addresses: the system's way, which may take a while, unless somebody knows another.
#[derive(Clone)]
pub struct Names(Arc<LookUp>);

type LookUp = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

impl Names {
    /// Asks this for the addresses of a name, with the port in them.
    pub fn new(look_up: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look_up))
    }

    pub(crate) fn look_up(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        (self.0)(name, port)
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}
