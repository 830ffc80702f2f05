//! Accepting connections, with caps in all and per address.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::budget::Budget;
use crate::connection::serve_connection;
use crate::limits::ConnectionLimits;
use crate::service::Service;

const BACKLOG: i32 = 1024;
/// A vanished peer is noticed after about this time, also on a stream with nothing to send.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Pause after a failed accept (out of file descriptors, say), so that it does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// An address could not be listened on.
#[derive(Debug, Error)]
#[error("cannot listen on {address}: {reason}")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the system says.
    #[source]
    pub reason: io::Error,
}

/// Makes the service of each accepted connection.
pub trait ServiceFactory: Send + Sync + 'static {
    /// The service of one connection.
    type Service: Service;

    /// A new connection from `peer` that came to our address `local`.
    fn connect(&self, peer: SocketAddr, local: SocketAddr) -> Self::Service;

    /// The line sent to a connection over a cap, before it is closed.
    fn too_many(&self, what: &str) -> Vec<u8>;
}

/// What all connections of a process share.
#[derive(Clone, Debug)]
pub struct Host {
    /// What each connection may use.
    pub limits: Arc<ConnectionLimits>,
    /// What all may use together.
    pub budget: Arc<Budget>,
    /// Ends everything.
    pub shutdown: CancellationToken,
    /// Counts the connections, so that shutdown can wait for them.
    pub tracker: TaskTracker,
}

/// A socket that listens.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    max_connections: usize,
    max_connections_per_ip: usize,
}

impl Listener {
    /// Listens on `address` (port 0 is any free port). Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the port is taken or the address is not ours.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let bind = || -> io::Result<TcpListener> {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
            // A restarted broker takes its port again at once, while old connections are still in TIME_WAIT.
            #[cfg(not(windows))]
            socket.set_reuse_address(true)?;
            socket.set_nonblocking(true)?;
            socket.bind(&address.into())?;
            socket.listen(BACKLOG)?;
            TcpListener::from_std(socket.into())
        };
        let socket = bind().map_err(|reason| BindError { address, reason })?;
        let address = socket.local_addr().map_err(|reason| BindError { address, reason })?;
        Ok(Self { socket, address, max_connections: usize::MAX, max_connections_per_ip: usize::MAX })
    }

    /// Caps connections, in all and from one address.
    #[must_use]
    pub const fn with_caps(mut self, max_connections: usize, max_connections_per_ip: usize) -> Self {
        self.max_connections = max_connections;
        self.max_connections_per_ip = max_connections_per_ip;
        self
    }

    /// Where it listens, with the real port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts and serves until the host shuts down; connections run as tasks of its tracker.
    pub async fn serve<F: ServiceFactory>(self, factory: Arc<F>, host: Host) {
        let Host { limits, budget, shutdown, tracker } = host;
        let counts = Arc::new(Counts::default());
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => return,
                accepted = self.socket.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let permit = match counts.admit(peer.ip(), self.max_connections, self.max_connections_per_ip) {
                Ok(permit) => permit,
                Err(what) => {
                    tracing::warn!(%peer, what, "connection refused");
                    turn_away(&stream, &factory.too_many(what));
                    continue;
                }
            };
            prepare(&stream);
            let service = factory.connect(peer, stream.local_addr().unwrap_or(self.address));
            let serve =
                serve_connection(stream, service, Arc::clone(&limits), Arc::clone(&budget), shutdown.clone());
            tracker.spawn(async move {
                if let Err(error) = serve.await {
                    tracing::debug!(%peer, %error, "connection failed");
                }
                drop(permit);
            });
        }
    }
}

/// Tells a peer over the cap why, as far as the socket takes it at once.
fn turn_away(stream: &TcpStream, line: &[u8]) {
    if let Err(error) = stream.try_write(line) {
        tracing::debug!(%error, "a refused peer could not be told why");
    }
}

/// Sets what every connection needs: replies at once, and notice of vanished peers.
fn prepare(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4);
    let set = stream.set_nodelay(true).and_then(|()| SockRef::from(stream).set_tcp_keepalive(&keepalive));
    if let Err(error) = set {
        tracing::debug!(%error, "socket options could not be set");
    }
}

/// How many connections there are, in all and by address.
#[derive(Debug, Default)]
struct Counts {
    by_address: Mutex<(usize, BTreeMap<IpAddr, usize>)>,
}

impl Counts {
    fn lock(&self) -> MutexGuard<'_, (usize, BTreeMap<IpAddr, usize>)> {
        self.by_address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(self: &Arc<Self>, ip: IpAddr, max: usize, max_per_ip: usize) -> Result<Permit, &'static str> {
        let mut counts = self.lock();
        if counts.0 >= max {
            return Err("too many connections (max.connections)");
        }
        let of_ip = counts.1.entry(ip).or_default();
        if *of_ip >= max_per_ip {
            return Err("too many connections from this address (max.connections.per.ip)");
        }
        *of_ip += 1;
        counts.0 += 1;
        drop(counts);
        Ok(Permit { counts: Arc::clone(self), ip })
    }
}

/// The place of one connection; free again when dropped.
#[derive(Debug)]
struct Permit {
    counts: Arc<Counts>,
    ip: IpAddr,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        counts.0 -= 1;
        if let Some(of_ip) = counts.1.get_mut(&self.ip) {
            *of_ip -= 1;
            if *of_ip == 0 {
                counts.1.remove(&self.ip);
            }
        }
    }
}
