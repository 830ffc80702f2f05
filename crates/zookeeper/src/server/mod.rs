//! The zookeeper's port: sessions of brokers, changes, the journal as a stream.
//!
//! ```text
//!                one thread, one runtime, no disk                      another thread
//!   brokers ──► connections ── heartbeats ─► desk (sessions) ─┐
//!   people  ──► (NDJSON)    ── changes ───────────────────────┴► Handle ──► controller ──► journal
//!                   ▲                                                                        │
//!                   └── watch: lines byte for byte ◄── feed ◄────────── durable lines ◄──────┘
//! ```
//!
//! # Contract
//!
//! - A heartbeat is answered while a sync of the journal hangs: nothing on the server's thread waits for a disk, once
//!   it has started.
//! - What watchers see is what the journal's file says, byte for byte, after it is durable.
//! - Whoever registers shows `cluster.secret`, if there is one, and how far it has seen the journal. If that is further
//!   than this journal goes, nobody is served any more: it is an older one.
//! - The end of the journal's thread ends the server, and the process must end.

mod changes;
mod connection;
mod desk;
mod key;
mod look;
mod rebalance;
#[cfg(test)]
mod tests;
mod watch;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use connection::Connections;
use desk::{Desk, Terms};
use thiserror::Error;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use yak_core::sessions::SessionConfig;
use yak_log::RealDir;
use yak_log::dir::Dir;
use yak_model::ClusterId;
use yak_net::{BindError, Budget, ConnectionLimits, Host, Listener};

use crate::feed::Feed;
use crate::{Ended, JournalError, Options, StartError, Zookeeper};

/// Largest request line: a change may name as many partitions as one request may.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;
/// Most bytes of all requests that are being read.
const MAX_QUEUED_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of the journal's newest lines that are kept for watchers.
const FEED_BYTES: usize = 4 * 1024 * 1024;
/// Connections that end get so long.
const CLOSE: Duration = Duration::from_secs(2);

/// How a zookeeper serves.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Where to listen.
    pub host: String,
    /// Where to listen; 0 is any free port.
    pub port: u16,
    /// The directory of the journal; made if it is not there.
    pub data: PathBuf,
    /// How the controller and its journal run. The journal has the directory to itself, and watchers, whatever these
    /// options say of that.
    pub options: Options,
    /// How long what is waited for.
    pub sessions: SessionConfig,
    /// How often leadership goes back to preferred leaders that are in sync; `None` is never.
    pub rebalance: Option<Duration>,
    /// What whoever registers must show.
    pub secret: Option<String>,
    /// Most connections.
    pub max_connections: usize,
    /// Most connections from one address.
    pub max_connections_per_ip: usize,
}

/// Why a zookeeper does not serve.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The data directory cannot be made or used.
    #[error("cannot use {path}: {reason}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        reason: io::Error,
    },
    /// The host to listen on is not known.
    #[error("cannot listen on {host}:{port}: {reason}")]
    Resolve {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// What the system says.
        #[source]
        reason: io::Error,
    },
    /// The port cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The journal cannot be opened.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The system has no thread to give.
    #[error("the system refused: {0}")]
    System(#[from] io::Error),
    /// The journal's thread ended.
    #[error("{0}")]
    Ended(Ended),
}

impl ServeError {
    /// What may help.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Bind(error) if error.reason.kind() == io::ErrorKind::AddrInUse => {
                Some("is another zookeeper running? --port takes another port, 0 any free one".to_owned())
            }
            Self::Start(StartError::Journal(JournalError::InUse(_))) => {
                Some("a zookeeper is running with this directory; --data takes another one".to_owned())
            }
            Self::Start(StartError::Journal(JournalError::OtherVersion { .. })) => Some(
                "start the version of yak-zookeeper that wrote it, or --data with another directory"
                    .to_owned(),
            ),
            Self::Directory { .. } => {
                Some("choose a directory that you may write to, with --data or dataDir".to_owned())
            }
            _ => None,
        }
    }
}

/// A zookeeper that listens.
#[derive(Debug)]
pub struct Server {
    zookeeper: Zookeeper,
    runtime: Runtime,
    listener: Listener,
    desk: Arc<Desk>,
    feed: Arc<Feed>,
    rebalance: Option<Duration>,
}

impl Server {
    /// Opens the journal, or begins a new cluster, and listens.
    ///
    /// # Errors
    /// The directory is in use, the journal damaged, the port taken.
    pub fn start(options: ServerOptions) -> Result<Self, ServeError> {
        let at_data = |reason: io::Error| {
            // The directory's being there would be none: something else is.
            let in_the_way = reason.kind() == io::ErrorKind::AlreadyExists;
            let reason = if in_the_way { io::Error::other("it is not a directory") } else { reason };
            ServeError::Directory { path: options.data.clone(), reason }
        };
        let dir = RealDir::create(&options.data).map_err(at_data)?;
        Self::start_in(Arc::new(dir), options)
    }

    /// The same in a directory that is there, whatever it is.
    fn start_in(dir: Arc<dyn Dir>, options: ServerOptions) -> Result<Self, ServeError> {
        let ServerOptions { host, port, data, options: journal, sessions, rebalance, secret, .. } = options;
        let journal =
            Options { folder: PathBuf::new(), feed_bytes: FEED_BYTES, tell_changes: true, ..journal };
        let at_data = |reason| ServeError::Directory { path: data, reason };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _within = runtime.enter();
            let (most, most_per_ip) = (options.max_connections, options.max_connections_per_ip);
            listen(&host, port)?.with_caps(most, most_per_ip)
        };
        let zookeeper = Zookeeper::start(Arc::clone(&dir), journal)?;
        let key = key::read_or_draw(dir.as_ref(), Path::new("")).map_err(at_data)?;
        let feed = zookeeper.feed();
        let terms = Terms { sessions, key, secret };
        let desk = Arc::new(Desk::new(zookeeper.handle(), terms));
        Ok(Self { zookeeper, runtime, listener, desk, feed, rebalance })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// The cluster.
    #[must_use]
    pub fn cluster_id(&self) -> ClusterId {
        self.desk.handle().image().cluster_id()
    }

    /// Serves on the calling thread until `stop` is cancelled or the journal's thread ends.
    ///
    /// # Errors
    /// The journal's thread did not end in order.
    pub fn run(self, stop: CancellationToken) -> Result<(), ServeError> {
        let Self { zookeeper, runtime, listener, desk, feed, rebalance } = self;
        let tracker = TaskTracker::new();
        let host = Host {
            limits: Arc::new(ConnectionLimits {
                max_request_bytes: MAX_LINE_BYTES,
                ..ConnectionLimits::default()
            }),
            budget: Budget::new(MAX_QUEUED_BYTES),
            shutdown: stop.clone(),
            tracker: tracker.clone(),
        };
        let handle = zookeeper.handle();
        runtime.block_on(async {
            let judging = tokio::spawn(Arc::clone(&desk).run());
            let rebalancing =
                rebalance.map(|interval| tokio::spawn(rebalance::run(Arc::clone(&desk), interval)));
            let connections = Arc::new(Connections { desk, feed });
            tokio::select! {
                () = listener.serve(connections, host) => {}
                // It ends by itself only when its disk fails.
                _ended = handle.ended() => stop.cancel(),
            }
            tracker.close();
            if tokio::time::timeout(CLOSE, tracker.wait()).await.is_err() {
                tracing::debug!("connections were cut");
            }
            judging.abort();
            rebalancing.inspect(tokio::task::JoinHandle::abort);
        });
        // A name that is being resolved is not waited for.
        runtime.shutdown_background();
        let ended = zookeeper.shutdown_blocking();
        if ended.is_in_order() { Ok(()) } else { Err(ServeError::Ended(ended)) }
    }
}

fn listen(host: &str, port: u16) -> Result<Listener, ServeError> {
    let failed = |reason| ServeError::Resolve { host: host.to_owned(), port, reason };
    let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(failed)?.collect();
    let address = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    let Some(address) = address else { return Err(failed(io::ErrorKind::AddrNotAvailable.into())) };
    Ok(Listener::bind(*address)?)
}
