//! Several brokers in one process, over real sockets and directories, with one zookeeper between them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use clap::Parser as _;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use yak_core::controller::FenceBroker;
use yak_log::{Background, DirectoryOptions, LogConfig, LogDirectory, OnDamage, RealDir};
use yak_model::api::*;
use yak_model::{
    BrokerId, DirectoryId, IncarnationId, Offset, PartitionIndex, ReplicationKey, TopicName, TopicPartition,
};
use yak_net::{Budget, ConnectionLimits, Host, Listener};
use yak_record::{BatchBuilder, Compression, RecordParts};
use yak_zookeeper::{Handle, Zookeeper};

use crate::answer::Answer;
use crate::args::BrokerArgs;
use crate::broker::{Broker, Parts};
use crate::clock::Clock;
use crate::config::load;
use crate::connections::Connections;
use crate::partitions::{Partition, Partitions};
use crate::server::Follower;
use crate::session::Membership;
use crate::{ops, random, replication};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// The topic of most tests.
pub(crate) fn topic() -> TopicName {
    "t".parse().expect("a topic")
}

/// A zookeeper and brokers.
pub(crate) struct Rig {
    directory: tempfile::TempDir,
    zookeeper: Zookeeper,
    pub(crate) key: ReplicationKey,
    overrides: Vec<String>,
    /// What each broker proved with its last registration.
    proofs: Mutex<BTreeMap<i32, LogProof>>,
}

/// A running broker. Dropping its tasks without a word is its crash.
pub(crate) struct Node {
    pub(crate) broker: Arc<Broker>,
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    follower: Option<Follower>,
    tracker: TaskTracker,
}

impl Rig {
    /// With these overrides of every broker's configuration.
    pub(crate) fn new(overrides: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let home = Arc::new(RealDir::create(directory.path().join("zookeeper")).expect("a directory"));
        let options = yak_zookeeper::Options { durable: false, ..yak_zookeeper::Options::default() };
        let zookeeper = Zookeeper::start(home, options).expect("a zookeeper");
        let key = ReplicationKey::from_random([7; 16]);
        let overrides = overrides.iter().map(|text| (*text).to_owned()).collect();
        Self { directory, zookeeper, key, overrides, proofs: Mutex::default() }
    }

    /// What a broker proved of its logs with its last registration.
    pub(crate) fn proof(&self, id: i32) -> LogProof {
        self.proofs.lock().expect("no panic")[&id]
    }

    pub(crate) fn handle(&self) -> Handle {
        self.zookeeper.handle()
    }

    /// A broker's directory.
    /// Ends the zookeeper. The directories go with what is returned.
    pub(crate) async fn end_zookeeper(self) -> tempfile::TempDir {
        let ended = self.zookeeper.shutdown().await;
        assert!(ended.is_in_order(), "{ended:?}");
        self.directory
    }

    pub(crate) fn path(&self, id: i32) -> PathBuf {
        self.directory.path().join(format!("broker-{id}"))
    }

    /// The bytes of a partition's log files, in order.
    pub(crate) fn log_bytes(&self, id: i32, partition: i32) -> Vec<u8> {
        self.log_files(id, partition).into_iter().flat_map(|(_, bytes)| bytes).collect()
    }

    /// A partition's log files, names and bytes, in order.
    pub(crate) fn log_files(&self, id: i32, partition: i32) -> Vec<(String, Vec<u8>)> {
        let path = self.path(id).join(format!("t-{partition}"));
        let is_log = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "log");
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(path).expect("a log").map(|entry| entry.expect("readable").path()).collect();
        files.retain(is_log);
        files.sort();
        let name = |file: &Path| file.file_name().expect("a file").to_string_lossy().into_owned();
        files.iter().map(|file| (name(file), std::fs::read(file).expect("readable"))).collect()
    }

    /// Starts a broker on what its directory has.
    pub(crate) async fn start(&self, id: i32) -> Node {
        self.start_with(id, self.key).await
    }

    /// The same with another key than the cluster's.
    pub(crate) async fn start_with(&self, id: i32, key: ReplicationKey) -> Node {
        let config = configuration(id, &self.path(id), &self.overrides);
        let clock = Clock::start();
        let dir = Arc::new(RealDir::create(self.path(id)).expect("a directory"));
        let handle = self.handle();
        let options = self.directory_options(config.config.node_id, clock);
        let directory = Arc::new(LogDirectory::open(dir, options).expect("a log directory"));
        let partitions =
            Partitions::new(config.config.node_id, Arc::clone(&directory), &config.config, clock);
        let opened = partitions.open(&handle.image()).expect("logs");
        let listener = Listener::bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let address = listener.address();
        let proof = LogProof { undamaged: opened.offline == 0, page_cache_kept: true };
        self.proofs.lock().expect("no panic").insert(id, proof);
        let registration = RegisterBroker {
            broker_id: config.config.node_id,
            incarnation_id: IncarnationId::from_random(random::bytes()),
            cluster_id: directory.meta().map(|meta| meta.cluster_id),
            directory_ids: vec![directory.directory_id()],
            host: "127.0.0.1".to_owned(),
            port: address.port(),
            advertised: false,
            rack: None,
            proof,
        };
        let broker_id = config.config.node_id;
        let registered = handle.submit(registration).await.expect("registered");
        let unfence = UnfenceBroker { broker_id, broker_epoch: registered.broker_epoch };
        let stop = CancellationToken::new();
        let broker = Broker::new(Parts {
            config: config.config,
            settings: config.settings,
            clock,
            directory,
            partitions,
            zookeeper: handle.clone(),
            membership: Membership::embedded(clock),
            stopping: stop.clone(),
            epoch: registered.broker_epoch,
            image: Arc::default(),
        });
        broker.membership.keys().set(key);
        broker.apply(handle.image()).expect("applied");
        let broker = Arc::new(broker);
        let follower = Some(Follower::start(Arc::clone(&broker)));
        handle.submit(unfence).await.expect("unfenced");
        let tracker = TaskTracker::new();
        let host = Host {
            limits: Arc::new(ConnectionLimits::default()),
            budget: Budget::new(usize::MAX / 2),
            shutdown: stop.clone(),
            tracker: tracker.clone(),
        };
        let connections = Arc::new(Connections::new(Arc::clone(&broker)));
        let tasks = vec![
            tokio::spawn(listener.serve(connections, host)),
            tokio::spawn(replication::run(Arc::clone(&broker), stop.clone())),
        ];
        Node { broker, address, stop, tasks, follower, tracker }
    }

    fn directory_options(&self, broker_id: BrokerId, clock: Clock) -> DirectoryOptions {
        DirectoryOptions {
            broker_id,
            cluster_id: Some(self.handle().image().cluster_id()),
            new_directory_id: DirectoryId::from_random(random::bytes()),
            reserve_bytes: 0,
            now: clock.wall(),
            background: Background::Thread,
        }
    }

    /// Adds records to partition 0 of a broker that does not run, as if it had taken them in its last epoch and died
    /// before anybody fetched them.
    pub(crate) fn append_to_log_of(&self, id: i32, count: usize) {
        let (clock, record) = (Clock::start(), self.record(0));
        let dir = Arc::new(RealDir::create(self.path(id)).expect("a directory"));
        let options = self.directory_options(BrokerId::new(id), clock);
        let directory = LogDirectory::open(dir, options).expect("a log directory");
        let partition = TopicPartition::new(record.topic, record.partition);
        let opened = directory.open_log(&partition, record.topic_id, LogConfig::default(), OnDamage::Refuse);
        let (mut log, _) = opened.expect("a log");
        let epoch = log.latest_epoch().expect("it has records");
        for number in 0..count {
            let mut batch = one_record(&format!("never replicated {number}"));
            log.append_as_leader(&mut batch, epoch, clock.wall()).expect("appended");
        }
        directory.close(vec![log], None).expect("closed");
    }

    /// Brokers 1 to `count`, and topic `t` with as many replicas.
    pub(crate) async fn cluster(&self, count: i32, partitions: i32, configs: &[(&str, &str)]) -> Vec<Node> {
        let mut nodes = Vec::new();
        for id in 1..=count {
            nodes.push(self.start(id).await);
        }
        create_topic(&nodes[0], partitions, i16::try_from(count).ok(), configs).await;
        for node in &nodes {
            until("the topic is everywhere", || node.broker.image().topic(&topic()).is_some()).await;
        }
        nodes
    }

    /// What a zookeeper does when a broker dies.
    pub(crate) async fn fence(&self, node: &Node) {
        let broker_epoch = node.broker.epoch();
        let fence = FenceBroker { broker_id: node.broker.id(), broker_epoch, reason: "it died".to_owned() };
        self.handle().submit(fence).await.expect("fenced");
    }

    /// Broker 1, which led first and then died, and broker 2, which leads: `t-0` has three records of an epoch and two of a
    /// later one. The two epochs.
    pub(crate) async fn two_epochs(&self) -> (Vec<Node>, i32, i32) {
        let nodes = self.cluster(2, 1, &[("flush", "os")]).await;
        until("both are in sync", || self.record(0).in_sync_replicas.len() == 2).await;
        let first = self.record(0).leader_epoch.get();
        until("it leads", || nodes[0].partition(0).offset_at(None, OffsetSpec::Earliest).is_ok()).await;
        for _ in 0..3 {
            nodes[0].produce(0, "x", Acks::All).await.expect("acknowledged");
        }
        self.fence(&nodes[0]).await;
        until("the other leads", || self.record(0).leader == Some(nodes[1].broker.id())).await;
        let second = self.record(0).leader_epoch.get();
        until("it knows", || nodes[1].partition(0).offset_at(None, OffsetSpec::Earliest).is_ok()).await;
        for _ in 0..2 {
            nodes[1].produce(0, "y", Acks::All).await.expect("acknowledged");
        }
        (nodes, first, second)
    }

    /// The number of the leader of a partition, once there is one.
    pub(crate) async fn leader(&self, partition: i32) -> i32 {
        let mut leader = None;
        until("somebody leads", || {
            leader = self.record(partition).leader;
            leader.is_some()
        })
        .await;
        leader.expect("waited for").get()
    }

    /// A partition's record.
    pub(crate) fn record(&self, partition: i32) -> yak_model::metadata::PartitionRecord {
        let image = self.handle().image();
        let topic = image.topic(&topic()).expect("the topic");
        topic.partition(PartitionIndex::new(partition)).expect("the partition").as_ref().clone()
    }
}

impl Node {
    pub(crate) fn partition(&self, partition: i32) -> Arc<Partition> {
        self.broker.partition(&topic(), PartitionIndex::new(partition)).expect("it is here")
    }

    pub(crate) fn end(&self, partition: i32) -> Offset {
        self.partition(partition).reader().log_end()
    }

    /// Produces by a call, and waits for the acknowledgement.
    pub(crate) async fn produce(
        &self,
        partition: i32,
        value: &str,
        acks: Acks,
    ) -> Result<Produced, Rejection> {
        self.produce_batch(partition, one_record(value), acks).await
    }

    /// The same of a batch as a client built it.
    pub(crate) async fn produce_batch<B: AsMut<[u8]>>(
        &self,
        partition: i32,
        batches: B,
        acks: Acks,
    ) -> Result<Produced, Rejection> {
        let entry = ProduceEntry {
            topic_id: None,
            topic: topic(),
            partition: Some(PartitionIndex::new(partition)),
            leader_epoch: None,
            batches,
        };
        let request =
            Produce { acks, origin: BatchOrigin::Received, timeout_ms: 5_000, entries: vec![entry] };
        let reply = match ops::produce::produce(&self.broker, request) {
            Answer::Now(outcome) => outcome,
            Answer::Later(outcome) => outcome.await,
        };
        let result = reply?.body.partitions.pop().expect("one");
        result.map_err(|refused| refused.rejection)
    }

    /// Ends everything at once, telling nobody. What was written is on disk.
    pub(crate) async fn crash(mut self) {
        self.stop.cancel();
        for task in self.tasks.drain(..) {
            task.await.expect("no panic");
        }
        self.tracker.close();
        self.tracker.wait().await;
        if let Some(follower) = self.follower.take() {
            tokio::task::spawn_blocking(move || follower.stop()).await.expect("no panic");
        }
        self.broker.groups.end();
        for partition in self.broker.partitions.online() {
            drop(partition.close());
        }
    }
}

/// Creates topic `t`; without a replication factor it wants the broker's default, and has the brokers that there are.
pub(crate) async fn create_topic(
    node: &Node,
    partitions: i32,
    replication_factor: Option<i16>,
    configs: &[(&str, &str)],
) {
    let configs = configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let create = CreateTopic {
        name: "t".to_owned(),
        partitions: Some(partitions),
        replication_factor,
        assignment: None,
        configs,
    };
    let request = CreateTopics { topics: vec![create], validate_only: false, timeout_ms: 10_000 };
    let reply = ops::topics::create_topics(Arc::clone(&node.broker), request).await.expect("created");
    assert!(reply.body.topics.iter().all(Result::is_ok), "{reply:?}");
}

fn one_record(value: &str) -> BytesMut {
    let mut builder = BatchBuilder::new();
    builder.push(&RecordParts { timestamp: None, key: None, value: Some(value.as_bytes()), headers: &[] });
    builder.finish(Compression::None, None)
}

fn configuration(id: i32, data: &Path, overrides: &[String]) -> crate::config::Loaded {
    let (id, data) = (id.to_string(), data.display().to_string());
    let mut words = vec!["yak-broker", "--standalone", "--id", &id, "--data", &data, "--port", "0"];
    for text in overrides {
        words.extend(["--override", text]);
    }
    let args = BrokerArgs::try_parse_from(words).expect("a command line");
    load(&args, []).expect("a configuration")
}

/// Waits for a condition.
#[track_caller]
pub(crate) fn until<'a>(
    what: &'a str,
    mut is_so: impl FnMut() -> bool + 'a,
) -> impl Future<Output = ()> + 'a {
    let place = std::panic::Location::caller();
    async move {
        let deadline = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < deadline, "{place}: not within {PATIENCE:?}: {what}");
            sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Broker ids as numbers.
pub(crate) fn numbers(ids: &[BrokerId]) -> Vec<i32> {
    ids.iter().map(|id| id.get()).collect()
}
