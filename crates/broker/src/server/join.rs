//! From a configuration to a broker that is a ready member of a cluster.
//!
//! ```text
//!   open the directory, operations.ndjson ─► session: wait for the zookeeper, watch up to its present index
//!     ─► open the logs of the image ─► bind ─► register with what the logs prove
//!     ─► follow the image up to the registration ─► heartbeats say so ─► unfenced ─► YAK_READY
//! ```
//!
//! The logs are opened only under an image that is as new as the zookeeper: a directory that an older image does not
//! know would be set aside.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use yak_log::LogDirectory;
use yak_model::MetadataIndex;
use yak_model::api::{LogProof, OpenSession, SessionOpened};
use yak_zookeeper::Handle;

use super::follow::Follower;
use super::ready::ready;
use super::registered_address::RegisteredAddress;
use super::start::{data_directory, directory_options, listen, open_dir, registration, tell};
use super::{Controller, Options, Server, StartError, boot};
use crate::broker::{Broker, Parts};
use crate::clock::Clock;
use crate::config::{BrokerConfig, Loaded};
use crate::partitions::Partitions;
use crate::session::{self, Membership, Operations, Session, Stuck};

/// A write or a sync that takes longer hangs: the broker counts as hung, and its heartbeats stop.
const HANGS: Duration = Duration::from_secs(5);

/// Starts a broker of a cluster, unless it is told to stop before it is ready.
pub(super) async fn start(options: Options, shutdown: CancellationToken) -> Result<Server, StartError> {
    let stop = shutdown.clone();
    tokio::select! {
        started = join(options, shutdown) => started,
        () = stop.cancelled() => Err(StartError::Stopped),
    }
}

async fn join(options: Options, shutdown: CancellationToken) -> Result<Server, StartError> {
    let Options { loaded: Loaded { config, settings }, ports_file } = options;
    let clock = Clock::start();
    let (path, temporary) = data_directory(&config)?;
    let directory = Arc::new(LogDirectory::open(open_dir(&path)?, directory_options(&config, clock))?);
    let same_boot = boot::is_same(&path).map_err(|reason| unusable(&path, reason))?;
    let membership = Membership::remote(clock);
    let (session, handle, seen) = begin_session(&config, &path, &directory, &membership)?;
    session.caught_up().await.map_err(StartError::Ended)?;
    let image = handle.image();
    directory.set_cluster_id(image.cluster_id())?;
    let partitions = Partitions::new(config.node_id, Arc::clone(&directory), &config, clock);
    let opened = partitions.open(&image)?;
    let listener = listen(&config)?;
    let address = RegisteredAddress::new(&config, listener.address(), session.local_address());
    let page_cache_kept = directory.was_clean() || same_boot;
    let proof = LogProof { undamaged: opened.offline == 0, page_cache_kept };
    let registration = registration(&config, &address, &directory, proof);
    let secret = config.cluster_secret.reveal().map(str::to_owned);
    let request = OpenSession { registration, seen: seen.max(image.index()), secret };
    let registered = session.register(request).await.map_err(StartError::Ended)?;
    // Compared with an empty image every partition is new, so each is told its role before the first request.
    let parts = Parts {
        config,
        settings,
        clock,
        directory,
        partitions,
        zookeeper: handle,
        membership,
        stopping: CancellationToken::new(),
        epoch: registered.broker_epoch,
        image: Arc::default(),
    };
    let broker = Arc::new(Broker::new(parts));
    let follower = become_ready(&broker, &registered).await?;
    let ready = ready(address, broker.id(), path.display().to_string());
    tell(&broker, &listener, opened);
    let controller = Controller::Remote(session);
    Ok(Server { broker, listener, controller, follower, temporary, ready, ports_file, shutdown })
}

fn unusable(path: &Path, reason: std::io::Error) -> StartError {
    StartError::Session { path: path.to_owned(), reason }
}

/// Starts the session, and says what this directory has seen of the journal.
fn begin_session(
    config: &BrokerConfig,
    path: &Path,
    directory: &Arc<LogDirectory>,
    membership: &Arc<Membership>,
) -> Result<(Session, Handle, MetadataIndex), StartError> {
    let operations = Operations::open(path).map_err(|reason| unusable(path, reason))?;
    let seen = operations.0.seen;
    let disk = Arc::clone(directory);
    let options = session::Options {
        zookeepers: config.zookeepers.clone().unwrap_or_default(),
        broker_id: config.node_id,
        cluster_id: directory.meta().map(|meta| meta.cluster_id),
        secret: config.cluster_secret.clone(),
        heartbeat_interval: config.heartbeat_interval,
        operations,
        membership: Arc::clone(membership),
        stuck: Stuck(Box::new(move || disk.longest_operation() > Some(HANGS))),
    };
    let (session, handle) = Session::start(options).map_err(|reason| unusable(path, reason))?;
    Ok((session, handle, seen))
}

/// Follows the metadata, says so, and waits until the broker may lead and works by that.
async fn become_ready(broker: &Arc<Broker>, registered: &SessionOpened) -> Result<Follower, StartError> {
    let mut published = broker.zookeeper.subscribe();
    while broker.zookeeper.image().index() < registered.index {
        if published.changed().await.is_err() {
            return Err(StartError::Ended(broker.zookeeper.ended().await));
        }
    }
    broker.apply(broker.zookeeper.image())?;
    broker.membership.recovered(&broker.clients);
    let mut follower = Follower::start(Arc::clone(broker));
    let mut followed = broker.followed_index();
    let unfenced = async { while !is_member(broker) && followed.changed().await.is_ok() {} };
    tokio::select! {
        () = unfenced => Ok(follower),
        failure = follower.failure() => Err(failure),
        ended = broker.zookeeper.ended() => Err(StartError::Ended(ended)),
    }
}

/// Whether the broker may lead, by the metadata that its partitions work by.
fn is_member(broker: &Broker) -> bool {
    broker.image().broker(broker.id()).is_some_and(|known| !known.fenced && known.epoch() == broker.epoch())
}
