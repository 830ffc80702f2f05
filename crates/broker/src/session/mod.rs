//! The broker's session with a zookeeper in another process.
//!
//! ```text
//!                     one thread, one runtime, no disk
//!   session   ── register or resume, then a heartbeat every 0.5 s ──►┐
//!   watch     ◄── the journal, line by line; alive, suspended ───────┤ zookeeper
//!   commands  ── what was submitted through the Handle ─────────────►┘
//!      │  │
//!      │  └─ raw lines ─► another thread ─► operations.ndjson
//!      └─ Handle: image(), elections(), suspended(), submit()
//! ```
//!
//! The rest of the broker sees a [`Handle`] as it does with an embedded zookeeper, and a [`Membership`].
//!
//! - Each connection is made anew by itself, 20 ms after it was lost, then after twice as long each time up to 0.5 s.
//! - A lost session is *resumed*, by incarnation id and broker epoch: nothing changes in the cluster. A process
//!   registers once.
//! - What was submitted is answered once its effect is in the own image. What was sent over a connection that broke
//!   before the answer has an unknown outcome, and is answered so.
//! - While the zookeeper is away the last image stays, and submissions wait in their bounded queue.

mod backoff;
mod commands;
mod heartbeat;
mod link;
mod membership;
mod operations;
#[cfg(test)]
pub(crate) mod tests;
mod watch;
mod wire;

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

pub(crate) use membership::Membership;
pub(crate) use operations::{Found, Operations};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use yak_model::api::{OpenSession, SessionOpened};
use yak_model::config::Secret;
use yak_model::{BrokerId, ClusterId, MetadataIndex};
use yak_zookeeper::{Ended, Handle, Publisher};

use crate::config::Endpoint;

/// What a session needs to know.
#[derive(Debug)]
pub(crate) struct Options {
    /// Where zookeepers are, asked in turn.
    pub(crate) zookeepers: Vec<Endpoint>,
    /// Whose session it is.
    pub(crate) broker_id: BrokerId,
    /// The cluster that the broker's directory belongs to, if it belongs to one.
    pub(crate) cluster_id: Option<ClusterId>,
    /// What the zookeeper wants to be shown, if anything.
    pub(crate) secret: Secret,
    /// How often the broker says that it lives.
    pub(crate) heartbeat_interval: Duration,
    /// What was found of the journal, and where its lines go.
    pub(crate) operations: (Found, Operations),
    /// What broker and session tell each other.
    pub(crate) membership: Arc<Membership>,
    /// Whether the broker's disk hangs: then its heartbeats stop.
    pub(crate) stuck: Stuck,
}

/// Whether a write or a sync has been under way for too long.
pub(crate) struct Stuck(pub(crate) Box<dyn Fn() -> bool + Send + Sync>);

impl std::fmt::Debug for Stuck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stuck")
    }
}

/// A running session: the thread.
#[derive(Debug)]
pub(crate) struct Session {
    /// Ends the thread when the session is dropped.
    stop: DropGuard,
    thread: JoinHandle<()>,
    registrations: mpsc::Sender<Registration>,
    /// Cancelled once the image is as new as the zookeeper's was when it was first asked.
    caught_up: CancellationToken,
    local: Arc<OnceLock<IpAddr>>,
    handle: Handle,
}

/// A registration to be made, and who waits for it.
#[derive(Debug)]
struct Registration {
    request: OpenSession,
    opened: oneshot::Sender<SessionOpened>,
}

/// Why a connection is of no more use: what the zookeeper does, as the end of a sentence about it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lost(String);

impl Lost {
    fn new(why: &str) -> Self {
        Self(why.to_owned())
    }
}

/// What the three connections share.
#[derive(Debug)]
struct Shared {
    zookeepers: Vec<Endpoint>,
    broker_id: BrokerId,
    cluster_id: Option<ClusterId>,
    secret: Secret,
    heartbeat_interval: Duration,
    /// The highest journal index this broker's directory has seen before.
    seen: MetadataIndex,
    membership: Arc<Membership>,
    publisher: Publisher,
    handle: Handle,
    stuck: Stuck,
    caught_up: CancellationToken,
    /// Which address of ours the first connection to a zookeeper had.
    local: Arc<OnceLock<IpAddr>>,
    /// Cancelled when it is over, by whoever says why.
    stop: CancellationToken,
}

impl Shared {
    /// The zookeepers as a person writes them.
    fn addresses(&self) -> String {
        self.zookeepers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    /// Gives the session up: the process cannot be a member of the cluster.
    fn give_up(&self, why: String) {
        self.publisher.end(Ended::Session(why.into()));
        self.stop.cancel();
    }
}

impl Session {
    /// Starts the thread. The handle shows what was found of the journal until the zookeeper is there.
    pub(crate) fn start(options: Options) -> io::Result<(Self, Handle)> {
        let Options { zookeepers, broker_id, cluster_id, secret, heartbeat_interval, .. } = options;
        let Options { operations, membership, stuck, .. } = options;
        let (found, operations) = operations;
        let (handle, submissions, publisher) = Handle::channel(found.image.clone());
        let (registrations, requests) = mpsc::channel(1);
        let (stop, caught_up) = (CancellationToken::new(), CancellationToken::new());
        let local = Arc::new(OnceLock::new());
        let shared = Arc::new(Shared {
            zookeepers,
            broker_id,
            cluster_id,
            secret,
            heartbeat_interval,
            seen: found.seen,
            membership,
            publisher,
            handle: handle.clone(),
            stuck,
            caught_up: caught_up.clone(),
            local: Arc::clone(&local),
            stop: stop.clone(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let work = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = shared.stop.cancelled() => {}
                    () = watch::run(&shared, found, operations) => {}
                    () = heartbeat::run(&shared, requests) => {}
                    () = commands::run(&shared, submissions) => {}
                }
            });
            shared.publisher.end(Ended::InOrder);
            // A name that is being resolved is not waited for.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("yak-session".to_owned()).spawn(work)?;
        let stop = stop.drop_guard();
        let session = Self { stop, thread, registrations, caught_up, local, handle: handle.clone() };
        Ok((session, handle))
    }

    /// Waits until the image is what the zookeeper had when it was first asked.
    ///
    /// # Errors
    /// How the session ended instead.
    pub(crate) async fn caught_up(&self) -> Result<(), Ended> {
        tokio::select! {
            () = self.caught_up.cancelled() => Ok(()),
            ended = self.handle.ended() => Err(ended),
        }
    }

    /// By which address of ours the zookeeper was reached, once it was.
    pub(crate) fn local_address(&self) -> Option<IpAddr> {
        self.local.get().copied()
    }

    /// Registers, however long that takes.
    ///
    /// # Errors
    /// How the session ended instead.
    pub(crate) async fn register(&self, request: OpenSession) -> Result<SessionOpened, Ended> {
        let (opened, answer) = oneshot::channel();
        let asked = self.registrations.send(Registration { request, opened }).await;
        match (asked, answer.await) {
            (Ok(()), Ok(opened)) => Ok(opened),
            _ => Err(self.handle.ended().await),
        }
    }

    /// Ends it; the zookeeper notices by its connections.
    pub(crate) fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the session's thread panicked");
        }
    }
}
