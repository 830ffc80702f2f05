//! From a configuration to a broker that is ready.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use yak_cli::server::files;
use yak_core::controller::ControllerConfig;
use yak_log::{Background, DirectoryOptions, LogDirectory, RealDir};
use yak_model::api::{LogProof, RegisterBroker, Rejection, UnfenceBroker};
use yak_model::{BrokerEpoch, DirectoryId, IncarnationId};
use yak_net::Listener;
use yak_zookeeper::{Handle, Zookeeper};

use super::follow::Follower;
use super::ready::ready;
use super::registered_address::RegisteredAddress;
use super::{Controller, Options, Server, StartError, join};
use crate::broker::{Broker, Parts};
use crate::clock::Clock;
use crate::config::{BrokerConfig, DataDirectory, Loaded};
use crate::partitions::{Opened, Partitions};
use crate::random;
use crate::session::Membership;

pub(crate) async fn start(options: Options, shutdown: CancellationToken) -> Result<Server, StartError> {
    if options.loaded.config.zookeepers.is_some() {
        return join::start(options, shutdown).await;
    }
    let Options { loaded: Loaded { config, settings }, ports_file } = options;
    let clock = Clock::start();
    let (path, temporary) = data_directory(&config)?;
    let durable = temporary.is_none();
    let listener = listen(&config)?;
    let dir = open_dir(&path)?;
    let directory = Arc::new(LogDirectory::open(dir.clone(), directory_options(&config, clock))?);
    let zookeeper = Zookeeper::start(dir, zookeeper_options(&config, &directory, durable))?;
    let handle = zookeeper.handle();
    let image = handle.image();
    directory.set_cluster_id(image.cluster_id())?;
    let partitions = Partitions::new(config.node_id, Arc::clone(&directory), &config, clock);
    let opened = partitions.open(&image)?;
    let address = RegisteredAddress::new(&config, listener.address(), None);
    let epoch = register(&config, &address, &handle, (&directory, opened)).await?;
    // Compared with an empty image every partition is new, so each is told its role before the first request.
    let parts = Parts {
        config,
        settings,
        clock,
        directory,
        partitions,
        zookeeper: handle,
        membership: Membership::embedded(clock),
        stopping: CancellationToken::new(),
        epoch,
        image: Arc::default(),
    };
    let broker = Broker::new(parts);
    broker.apply(broker.zookeeper.image())?;
    let broker = Arc::new(broker);
    let ready = ready(address, broker.id(), path.display().to_string());
    let follower = Follower::start(Arc::clone(&broker));
    tell(&broker, &listener, opened);
    let controller = Controller::Embedded(zookeeper);
    Ok(Server { broker, listener, controller, follower, temporary, ready, ports_file, shutdown })
}

/// Says what was started.
pub(super) fn tell(broker: &Broker, listener: &Listener, opened: Opened) {
    tracing::info!(
        broker = %broker.id(),
        address = %listener.address(),
        data = %broker.directory.path().display(),
        partitions = opened.online,
        offline = opened.offline,
        stray = opened.stray,
        ms = broker.clock.now_ms(),
        "broker_started"
    );
}

pub(super) fn data_directory(
    config: &BrokerConfig,
) -> Result<(PathBuf, Option<tempfile::TempDir>), StartError> {
    match &config.data {
        DataDirectory::Path(path) => Ok((path.clone(), None)),
        DataDirectory::Temporary => {
            let made = tempfile::Builder::new().prefix("yak-broker-").tempdir();
            let temporary =
                made.map_err(|reason| StartError::CreateDirectory { path: std::env::temp_dir(), reason })?;
            Ok((temporary.path().to_owned(), Some(temporary)))
        }
    }
}

pub(super) fn open_dir(path: &Path) -> Result<Arc<RealDir>, StartError> {
    let opened = RealDir::create(path);
    opened.map(Arc::new).map_err(|reason| StartError::CreateDirectory { path: path.to_owned(), reason })
}

pub(super) fn directory_options(config: &BrokerConfig, clock: Clock) -> DirectoryOptions {
    DirectoryOptions {
        broker_id: config.node_id,
        cluster_id: None,
        new_directory_id: DirectoryId::from_random(random::bytes()),
        reserve_bytes: config.reserve_bytes,
        now: clock.wall(),
        background: Background::Thread,
    }
}

fn zookeeper_options(
    config: &BrokerConfig,
    directory: &LogDirectory,
    durable: bool,
) -> yak_zookeeper::Options {
    yak_zookeeper::Options {
        controller: ControllerConfig { flush: config.topic_defaults.flush },
        cluster_id: directory.meta().map(|meta| meta.cluster_id),
        durable,
        ..yak_zookeeper::Options::default()
    }
}

pub(super) fn listen(config: &BrokerConfig) -> Result<Listener, StartError> {
    let endpoint = &config.listener;
    let failed = |reason| StartError::Resolve { host: endpoint.host.clone(), port: endpoint.port, reason };
    let addresses: Vec<SocketAddr> =
        (endpoint.host.as_str(), endpoint.port).to_socket_addrs().map_err(failed)?.collect();
    // A name may stand for an IPv6 and an IPv4 address; clients are told the name and try both.
    let address = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    let Some(address) = address else { return Err(failed(std::io::ErrorKind::AddrNotAvailable.into())) };
    let settings = &config.connections;
    let cap = files::connection_cap(settings.max, files::raise_limit());
    Ok(Listener::bind(*address)?.with_caps(cap, settings.max_per_ip))
}

async fn register(
    config: &BrokerConfig,
    address: &RegisteredAddress,
    zookeeper: &Handle,
    (directory, opened): (&LogDirectory, Opened),
) -> Result<BrokerEpoch, StartError> {
    let broker_id = config.node_id;
    let refused = |rejection: Rejection| StartError::Refused { broker_id: broker_id.get(), rejection };
    let proof = LogProof { undamaged: opened.offline == 0, page_cache_kept: directory.was_clean() };
    let registration = registration(config, address, directory, proof);
    let registered = zookeeper.submit(registration).await.map_err(refused)?;
    let unfence = UnfenceBroker { broker_id, broker_epoch: registered.broker_epoch };
    zookeeper.submit(unfence).await.map_err(refused)?;
    Ok(registered.broker_epoch)
}

/// What a new process says of itself.
pub(super) fn registration(
    config: &BrokerConfig,
    address: &RegisteredAddress,
    directory: &LogDirectory,
    proof: LogProof,
) -> RegisterBroker {
    RegisterBroker {
        broker_id: config.node_id,
        incarnation_id: IncarnationId::from_random(random::bytes()),
        cluster_id: directory.meta().map(|meta| meta.cluster_id),
        directory_ids: vec![directory.directory_id()],
        host: address.host.clone(),
        port: address.port,
        advertised: address.advertised,
        rack: config.rack.clone(),
        proof,
    }
}
