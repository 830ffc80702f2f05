//! A broker process from its start to its end.
//!
//! ```text
//!   open the directory (lock, meta.properties)
//!     ─► zookeeper: replay the journal ─► image
//!     ─► open the logs of the image, recovering each ─► proof
//!     ─► bind the port ─► register ─► unfence ─► follow the image up to there
//!     ─► YAK_READY ─► serve ... SIGTERM, Ctrl-C or the end of stdin
//!     ─► stop reading, answer what is in progress ─► fence ─► sync, clean-shutdown marker ─► exit
//! ```
//!
//! In a cluster the image comes from the zookeeper by the session, which is waited for; the broker is unfenced by its
//! heartbeats, and hands over what it leads before it stops reading.

mod boot;
mod compaction;
mod error;
mod follow;
mod join;
mod offsets_retention;
mod ready;
mod registered_address;
mod retention;
mod start;
mod stop;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

pub use error::StartError;
pub(crate) use follow::Follower;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use yak_cli::server::Ready;
use yak_net::{Budget, ConnectionLimits, Host, Listener};
use yak_zookeeper::Zookeeper;

use crate::broker::Broker;
use crate::config::Loaded;
use crate::connections::Connections;
use crate::session::Session;
use crate::{producer_ids, replication};

/// How a broker process is run.
#[derive(Debug)]
pub struct Options {
    /// Its configuration.
    pub loaded: Loaded,
    /// Where the `YAK_READY` object goes besides stdout.
    pub ports_file: Option<PathBuf>,
}

/// A broker that is ready and not yet serving.
#[derive(Debug)]
pub struct Server {
    broker: Arc<Broker>,
    listener: Listener,
    controller: Controller,
    follower: Follower,
    /// Removed with its content when the server is dropped (`--ephemeral`).
    temporary: Option<tempfile::TempDir>,
    ready: Ready,
    ports_file: Option<PathBuf>,
    /// Told from outside; the broker hands over what it leads before it stops.
    shutdown: CancellationToken,
}

/// The controller of the cluster.
#[derive(Debug)]
pub(crate) enum Controller {
    /// It is in this process.
    Embedded(Zookeeper),
    /// It is elsewhere.
    Remote(Session),
}

impl Server {
    /// Starts a broker up to the point where it can serve; it will do so until `shutdown`.
    ///
    /// # Errors
    /// Why it cannot start.
    pub async fn start(options: Options, shutdown: CancellationToken) -> Result<Self, StartError> {
        start::start(options, shutdown).await
    }

    /// What to tell whoever started it.
    #[must_use]
    pub const fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Serves until it is told to shut down, then ends in order. A failure of the disk or of the zookeeper also
    /// ends it: what is on disk is known only after a restart.
    ///
    /// # Errors
    /// What could not be made durable at the end, or the failure that made it end.
    pub async fn run(self) -> Result<(), StartError> {
        let Self { broker, listener, controller, mut follower, temporary, ready, ports_file, shutdown } =
            self;
        let stopping = broker.stopping.clone();
        let host = host(&broker);
        let retention = tokio::spawn(retention::run(Arc::clone(&broker), stopping.clone()));
        let compaction = tokio::spawn(compaction::run(Arc::clone(&broker), stopping.clone()));
        let offsets = tokio::spawn(offsets_retention::run(Arc::clone(&broker), stopping.clone()));
        let replication = tokio::spawn(replication::run(Arc::clone(&broker), stopping.clone()));
        // Where the zookeeper shares the process it is never away.
        let ids_ahead = matches!(controller, Controller::Remote(_))
            .then(|| tokio::spawn(producer_ids::keep_ahead(Arc::clone(&broker), stopping.clone())));
        let connections = Arc::new(Connections::new(Arc::clone(&broker)));
        let serving = tokio::spawn(listener.serve(connections, host.clone()));
        if let Some(path) = &ports_file {
            ready.write(path).map_err(|reason| StartError::PortsFile { path: path.clone(), reason })?;
        }
        let failure = tokio::select! {
            () = shutdown.cancelled() => None,
            failure = follower.failure() => Some(failure),
            ended = broker.zookeeper.ended() => Some(StartError::Ended(ended)),
            () = broker.partitions.storage_failed().cancelled() => broker.directory.failure().map(StartError::Storage),
        };
        tracing::info!("shutting down");
        if failure.is_none() && matches!(controller, Controller::Remote(_)) {
            stop::hand_over(&broker).await;
        }
        stopping.cancel();
        broker.groups.end();
        host.tracker.close();
        host.tracker.wait().await;
        for task in [serving, retention, compaction, offsets, replication].into_iter().chain(ids_ahead) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the broker failed");
            }
        }
        let stopped = stop::stop(&broker, follower, controller).await;
        drop(temporary);
        failure.map_or(stopped, Err)
    }
}

fn host(broker: &Broker) -> Host {
    let settings = &broker.config.connections;
    let limits = ConnectionLimits {
        max_request_bytes: settings.max_request_bytes,
        max_idle: settings.max_idle,
        ..ConnectionLimits::default()
    };
    Host {
        limits: Arc::new(limits),
        budget: Budget::new(settings.max_queued_bytes),
        shutdown: broker.stopping.clone(),
        tracker: TaskTracker::new(),
    }
}
