//! What the broker works with: typed and validated.

use std::path::PathBuf;
use std::time::Duration;

use yak_model::BrokerId;
use yak_model::config::{
    ConfigValue, DEFAULT_BROKER_PORT, Effect, Endpoint, Fault, Origin, Secret, Setting, Settings, TopicConfig,
};

use super::groups::GroupsConfig;
use crate::args::BrokerArgs;

/// A broker's configuration, validated.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerConfig {
    /// `node.id`.
    pub node_id: BrokerId,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// `listeners`: where to listen; port 0 is any free port.
    pub listener: Endpoint,
    /// `advertised.listeners`: what clients are told; `None` leaves it to [`crate::addresses`].
    pub advertised: Option<Endpoint>,
    /// `zookeeper.connect`; `None` with `--standalone`, where it is in this process.
    pub zookeepers: Option<Vec<Endpoint>>,
    /// `broker.heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// `cluster.secret`, shown to the zookeeper alone.
    pub cluster_secret: Secret,
    /// `log.dirs`.
    pub data: DataDirectory,
    /// `log.dir.reserve.bytes`: with less free, produce requests are refused.
    pub reserve_bytes: u64,
    /// `num.partitions`.
    pub num_partitions: i32,
    /// `default.replication.factor`.
    pub default_replication_factor: i16,
    /// `auto.create.topics.enable`.
    pub auto_create_topics: bool,
    /// `delete.topic.enable`.
    pub delete_topics: bool,
    /// `log.retention.check.interval.ms`.
    pub retention_check_interval: Duration,
    /// `log.cleaner.backoff.ms`.
    pub compaction_interval: Duration,
    /// `log.cleaner.dedupe.buffer.size`.
    pub compaction_memory_bytes: u64,
    /// `producer.id.expiration.ms`.
    pub producer_id_expiration: Duration,
    /// What connections may use.
    pub connections: ConnectionSettings,
    /// Values of topics that do not set their own.
    pub topic_defaults: TopicConfig,
    /// `replica.fetch.attachments`.
    pub replica_fetch_attachments: bool,
    /// How groups are run.
    pub groups: GroupsConfig,
}

/// Where the partitions are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataDirectory {
    /// In this directory.
    Path(PathBuf),
    /// In a temporary one that goes with the process (`--ephemeral`).
    Temporary,
}

/// What connections may use, each and together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionSettings {
    /// `max.connections`.
    pub max: usize,
    /// `max.connections.per.ip`.
    pub max_per_ip: usize,
    /// `connections.max.idle.ms`.
    pub max_idle: Duration,
    /// `socket.request.max.bytes`: of one request.
    pub max_request_bytes: usize,
    /// `queued.max.request.bytes`: of all requests together.
    pub max_queued_bytes: usize,
}

impl BrokerConfig {
    /// The second stage's end. `None`, with at least one fault added, if an address cannot be read.
    pub(super) fn validate(
        settings: &mut Settings,
        args: &BrokerArgs,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let listener = listener(settings, args.common.port, faults);
        let advertised = advertised(settings, faults);
        let data = data_directory(settings, args, faults);
        let topic_defaults = topic_defaults(settings, faults);
        let zookeepers = if args.standalone { None } else { Some(zookeepers(settings, faults)) };
        check_sizes(settings, faults);
        let read = &*settings;
        let rack = read.text("broker.rack");
        Some(Self {
            node_id: BrokerId::new(read.number("node.id")),
            rack: (!rack.is_empty()).then_some(rack),
            listener: listener?,
            advertised,
            zookeepers,
            heartbeat_interval: read.span("broker.heartbeat.interval.ms"),
            cluster_secret: secret(read, "cluster.secret"),
            data,
            reserve_bytes: read.number("log.dir.reserve.bytes"),
            num_partitions: read.number("num.partitions"),
            default_replication_factor: read.number("default.replication.factor"),
            auto_create_topics: read.boolean("auto.create.topics.enable"),
            delete_topics: read.boolean("delete.topic.enable"),
            retention_check_interval: read.span("log.retention.check.interval.ms"),
            compaction_interval: read.span("log.cleaner.backoff.ms"),
            compaction_memory_bytes: read.number("log.cleaner.dedupe.buffer.size"),
            producer_id_expiration: read.span("producer.id.expiration.ms"),
            connections: ConnectionSettings {
                max: read.number("max.connections"),
                max_per_ip: read.number("max.connections.per.ip"),
                max_idle: read.span("connections.max.idle.ms"),
                max_request_bytes: read.number("socket.request.max.bytes"),
                max_queued_bytes: read.limit("queued.max.request.bytes", usize::MAX),
            },
            replica_fetch_attachments: read.boolean("replica.fetch.attachments"),
            topic_defaults,
            groups: GroupsConfig::read(read),
        })
    }
}

/// The listener, with `--port` taking the port's place; the setting then shows what counts.
fn listener(settings: &mut Settings, port: Option<u16>, faults: &mut Vec<Fault>) -> Option<Endpoint> {
    let mut endpoint = endpoint(settings, "listeners", faults)?;
    if let Some(port) = port {
        endpoint.port = port;
        let value = ConfigValue::Text(format!("PLAINTEXT://{endpoint}"));
        settings.replace("listeners", Setting { value, origin: Origin::Flag("--port") });
    }
    Some(endpoint)
}

fn advertised(settings: &Settings, faults: &mut Vec<Fault>) -> Option<Endpoint> {
    let key = "advertised.listeners";
    if settings.text(key).is_empty() {
        return None;
    }
    let endpoint = endpoint(settings, key, faults)?;
    if endpoint.is_every_interface() {
        faults.push(settings.fault(key, format!("nobody can connect to {}", endpoint.host)));
    }
    Some(endpoint)
}

/// The one address of a key.
fn endpoint(settings: &Settings, key: &str, faults: &mut Vec<Fault>) -> Option<Endpoint> {
    let parsed = Endpoint::parse_listener(&settings.text(key), DEFAULT_BROKER_PORT, "broker");
    parsed.map_err(|problem| faults.push(settings.fault(key, problem))).ok()
}

fn data_directory(settings: &Settings, args: &BrokerArgs, faults: &mut Vec<Fault>) -> DataDirectory {
    if args.ephemeral {
        return DataDirectory::Temporary;
    }
    let text = settings.text("log.dirs");
    if text.is_empty() {
        faults.push(settings.fault("log.dirs", "names no directory"));
    } else if text.contains(',') {
        let problem = format!("\"{text}\" names several directories, but a broker has one so far");
        faults.push(settings.fault("log.dirs", problem));
    }
    DataDirectory::Path(PathBuf::from(text))
}

fn zookeepers(settings: &Settings, faults: &mut Vec<Fault>) -> Vec<Endpoint> {
    let key = "zookeeper.connect";
    let text = settings.text(key);
    let mut zookeepers = Vec::new();
    for address in text.split(',').map(str::trim).filter(|address| !address.is_empty()) {
        match Endpoint::parse_zookeeper(address) {
            Ok(endpoint) => zookeepers.push(endpoint),
            Err(problem) => faults.push(settings.fault(key, problem)),
        }
    }
    if zookeepers.is_empty() && faults.is_empty() {
        faults.push(settings.fault(key, "names no zookeeper"));
    }
    zookeepers
}

/// A secret as what it is, so that nothing that prints the configuration shows it.
fn secret(settings: &Settings, key: &str) -> Secret {
    match &settings.get(key).value {
        ConfigValue::Secret(secret) => secret.clone(),
        _unset => Secret::default(),
    }
}

fn topic_defaults(settings: &Settings, faults: &mut Vec<Fault>) -> TopicConfig {
    let mut topics = TopicConfig::default();
    for (key, setting) in settings.iter().filter(|(key, _)| key.effect == Effect::Works) {
        let Some(topic_key) = key.topic_key else { continue };
        if let Err(refused) = topics.set(topic_key, &setting.value.to_string()) {
            faults.push(settings.fault(key.name, refused.problem));
        }
    }
    topics
}

/// A batch must fit a request, and a request what all requests may use.
fn check_sizes(settings: &Settings, faults: &mut Vec<Fault>) {
    let number = |key| settings.get(key).value.as_number().unwrap_or_default();
    let request = number("socket.request.max.bytes");
    if number("message.max.bytes") > request {
        let problem = format!("is more than socket.request.max.bytes ({request})");
        faults.push(settings.fault("message.max.bytes", problem));
    }
    let queued = number("queued.max.request.bytes");
    if queued != -1 && queued < request {
        let problem = format!("is less than socket.request.max.bytes ({request})");
        faults.push(settings.fault("queued.max.request.bytes", problem));
    }
}
