//! The controller by behaviour, one file a family. Every command is also replayed, and the image rebuilt.

mod alter_isr;
mod brokers;
mod configs;
mod elections;
mod partitions;
mod placement;
mod producer_ids;
mod random_walk;
mod sole_survivor;
mod topics;

use std::collections::BTreeMap;

use yak_model::api::{
    self, AllocateProducerIds, CreateTopic, CreatedTopic, ElectLeaders, ElectionKind, LogProof,
    RegisterBroker, Rejection, ShutdownBroker, TopicDefaults, UnfenceBroker,
};
use yak_model::config::FlushMode;
use yak_model::metadata::{JournalLine, PartitionRecord};
use yak_model::{
    BrokerEpoch, BrokerId, ClusterId, DirectoryId, ErrorCode, IncarnationId, LeaderEpoch, MetadataIndex,
    PartitionEpoch, PartitionIndex, Term, TimestampMs, TopicId, TopicName,
};

use super::*;

/// A controller, with a follower that replays every line.
struct Rig {
    controller: Controller,
    replayed: Image,
    lines: Vec<JournalLine>,
    now_ms: u64,
    drawn: u128,
    defaults: TopicDefaults,
}

impl Rig {
    fn new() -> Self {
        Self::with_flush(FlushMode::Sync)
    }

    fn with_flush(flush: FlushMode) -> Self {
        let mut rig = Self {
            controller: Controller::new(ControllerConfig { flush }, Image::default()),
            replayed: Image::default(),
            lines: Vec::new(),
            now_ms: 0,
            drawn: 0,
            defaults: TopicDefaults { partitions: 1, replication_factor: 1, min_insync_replicas: 1 },
        };
        let cluster_id = ClusterId::from_random([200; 16]);
        rig.submit(CreateCluster { cluster_id }).unwrap();
        rig
    }

    /// A cluster of live brokers 1 to `count`, registered in this order.
    fn cluster(count: i32) -> Self {
        let mut rig = Self::new();
        for id in 1..=count {
            rig.join(id);
        }
        rig
    }

    fn submit<O: Operation>(&mut self, operation: O) -> Result<O::Reply, Rejection> {
        self.now_ms += 1;
        let wall = TimestampMs::new(1_000);
        let mut decision = self.controller.handle(self.now_ms, wall, operation.into());
        let changed = !decision.records.is_empty();
        assert_eq!(changed, !decision.cause.is_empty(), "what changes has a cause");
        if let Some(line) = decision.line(Term::new(1), MetadataIndex::new(0)) {
            self.replayed.apply_line(&line).expect("a decision can be replayed");
            self.lines.push(line);
        }
        assert_eq!(&self.replayed, self.controller.image(), "replaying the lines gives the image");
        assert_eq!(rebuilt(&self.replayed), self.replayed, "the image's own records give the image");
        decision.reply.map(O::reply)
    }

    fn random(&mut self) -> [u8; 16] {
        self.drawn += 1;
        self.drawn.to_be_bytes()
    }

    fn registration(&mut self, id: i32) -> RegisterBroker {
        RegisterBroker {
            broker_id: BrokerId::new(id),
            incarnation_id: IncarnationId::from_random(self.random()),
            cluster_id: None,
            directory_ids: vec![home(id)],
            host: "localhost".to_owned(),
            port: 9092,
            advertised: false,
            rack: None,
            proof: LogProof::default(),
        }
    }

    /// A new process of a broker registers; it has proven nothing.
    fn register(&mut self, id: i32) -> BrokerEpoch {
        let registration = self.registration(id);
        self.submit(registration).unwrap().broker_epoch
    }

    fn register_proven(&mut self, id: i32, proof: LogProof) -> BrokerEpoch {
        let registration = RegisterBroker { proof, ..self.registration(id) };
        self.submit(registration).unwrap().broker_epoch
    }

    fn epoch(&self, id: i32) -> BrokerEpoch {
        self.image().broker(BrokerId::new(id)).unwrap().epoch()
    }

    fn unfence(&mut self, id: i32) {
        let (broker_id, broker_epoch) = (BrokerId::new(id), self.epoch(id));
        self.submit(UnfenceBroker { broker_id, broker_epoch }).unwrap();
    }

    fn fence(&mut self, id: i32) {
        let (broker_id, broker_epoch) = (BrokerId::new(id), self.epoch(id));
        let reason = "no heartbeat for 1000 ms".to_owned();
        self.submit(FenceBroker { broker_id, broker_epoch, reason }).unwrap();
    }

    fn join(&mut self, id: i32) {
        self.register(id);
        self.unfence(id);
    }

    fn image(&self) -> &Image {
        self.controller.image()
    }

    fn last_line(&self) -> &JournalLine {
        self.lines.last().unwrap()
    }

    fn create_all(&mut self, topics: Vec<CreateTopic>) -> Vec<Result<CreatedTopic, Rejection>> {
        let topic_ids = topics.iter().map(|_| TopicId::from_random(self.random())).collect();
        let request = api::CreateTopics { topics, validate_only: false, timeout_ms: 0 };
        let defaults = self.defaults;
        self.submit(CreateTopics { request, topic_ids, defaults, on_first_use: false }).unwrap()
    }

    fn create(&mut self, topic: CreateTopic) -> Result<CreatedTopic, Rejection> {
        self.create_all(vec![topic]).remove(0)
    }

    fn refused(&mut self, topic: CreateTopic) -> (ErrorCode, String) {
        let index = self.image().index();
        let refused = self.create(topic).unwrap_err();
        assert_eq!(self.image().index(), index, "a refused topic leaves nothing behind");
        (refused.code, refused.message)
    }

    fn partition(&self, topic: &str, number: i32) -> &PartitionRecord {
        self.image().partition(&name(topic), PartitionIndex::new(number)).unwrap()
    }

    fn isr(&self, topic: &str) -> Vec<i32> {
        numbers(&self.partition(topic, 0).in_sync_replicas)
    }

    fn eligible(&self, topic: &str) -> Vec<i32> {
        numbers(&self.partition(topic, 0).eligible_leader_replicas)
    }

    fn leader(&self, topic: &str) -> Option<i32> {
        self.partition(topic, 0).leader.map(BrokerId::get)
    }

    fn leader_epoch(&self, topic: &str) -> i32 {
        self.partition(topic, 0).leader_epoch.get()
    }

    /// The replicas of each partition, as `1,2,3  2,3,1`.
    fn replicas(&self, topic: &str) -> String {
        let partitions = self.image().topic(&name(topic)).unwrap().partitions();
        let text = |partition: &std::sync::Arc<PartitionRecord>| {
            numbers(&partition.replicas).iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        };
        partitions.iter().map(text).collect::<Vec<_>>().join("  ")
    }
}

fn rebuilt(image: &Image) -> Image {
    let mut rebuilt = Image::default();
    for record in image.to_records().iter().flatten() {
        rebuilt.apply(record).unwrap();
    }
    rebuilt.set_index(image.index());
    rebuilt
}

/// The one directory of a broker.
fn home(id: i32) -> DirectoryId {
    let mut bytes = [100; 16];
    bytes[..4].copy_from_slice(&id.to_le_bytes());
    DirectoryId::from_random(bytes)
}

fn name(topic: &str) -> TopicName {
    topic.parse().unwrap()
}

fn topic(name: &str) -> CreateTopic {
    CreateTopic {
        name: name.to_owned(),
        partitions: None,
        replication_factor: None,
        assignment: None,
        configs: BTreeMap::new(),
    }
}

fn sized(name: &str, partitions: i32, replication_factor: i16) -> CreateTopic {
    CreateTopic { partitions: Some(partitions), replication_factor: Some(replication_factor), ..topic(name) }
}

fn configured(name: &str, replication_factor: i16, configs: &[(&str, &str)]) -> CreateTopic {
    let text = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    CreateTopic { configs: configs.iter().map(text).collect(), ..sized(name, 1, replication_factor) }
}

fn numbers(brokers: &[BrokerId]) -> Vec<i32> {
    brokers.iter().map(|broker| broker.get()).collect()
}
