//! Records of the zookeeper's journal: the only way in which cluster metadata changes.
//!
//! The controller decides records, the journal keeps them, every image is what they add up to. A record
//! carries the whole new state of what it names, so that applying one needs no other.

use crate::{
    BrokerEpoch, BrokerId, ClusterId, DirectoryId, IncarnationId, LeaderEpoch, MetadataIndex, PartitionEpoch,
    PartitionIndex, ProducerId, Term, TimestampMs, TopicId, TopicName,
};

/// One line of the journal: what one command changed, all of it or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalLine {
    /// The command's position, one more than that of the line before.
    pub index: MetadataIndex,
    /// The term of the zookeeper that decided.
    pub term: Term,
    /// The highest index known to be on disk when this line was written. A damaged line at or below it is
    /// damage; above it, it may be the end of a write that was never finished.
    pub synced: MetadataIndex,
    /// When it was decided, by the zookeeper's wall clock.
    pub time: TimestampMs,
    /// Why, for a person.
    pub cause: String,
    /// What changed, in order.
    pub records: Vec<MetadataRecord>,
}

/// One change of the cluster's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataRecord {
    /// The first record of a cluster.
    Cluster {
        /// Names the cluster for ever.
        cluster_id: ClusterId,
    },
    /// A broker process registered; the broker is fenced until [`MetadataRecord::BrokerUnfenced`].
    BrokerRegistered(BrokerRegistration),
    /// The broker may lead and serve.
    BrokerUnfenced {
        /// Which broker.
        broker_id: BrokerId,
        /// Which registration of it.
        broker_epoch: BrokerEpoch,
    },
    /// The broker may not lead any more: it died, was replaced, or shut down.
    BrokerFenced {
        /// Which broker.
        broker_id: BrokerId,
        /// Which registration of it.
        broker_epoch: BrokerEpoch,
    },
    /// A topic exists. Its partitions follow as [`MetadataRecord::Partition`] in the same command.
    TopicCreated {
        /// Its name.
        name: TopicName,
        /// Names it for ever.
        topic_id: TopicId,
    },
    /// A topic, its partitions and its configuration are gone.
    TopicDeleted {
        /// Its name.
        name: TopicName,
        /// Names it for ever.
        topic_id: TopicId,
    },
    /// The whole state of one partition, new or changed.
    Partition(PartitionRecord),
    /// A dynamic configuration value was set, or removed (`None`).
    Config {
        /// Of what.
        resource: ConfigResource,
        /// Kafka's key name.
        key: String,
        /// The text as given; `None` returns to the default.
        value: Option<String>,
    },
    /// A block of producer ids belongs to a broker from now on.
    ProducerIds {
        /// Whose.
        broker_id: BrokerId,
        /// The registration that asked.
        broker_epoch: BrokerEpoch,
        /// First id of the block.
        first: ProducerId,
        /// First id after the block.
        end: ProducerId,
    },
}

/// What a broker says of itself when it registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerRegistration {
    /// Its number.
    pub broker_id: BrokerId,
    /// The journal index of this record.
    pub broker_epoch: BrokerEpoch,
    /// Drawn by the process at its start.
    pub incarnation_id: IncarnationId,
    /// Its log directories.
    pub directory_ids: Vec<DirectoryId>,
    /// Host that clients and brokers connect to.
    pub host: String,
    /// Port that clients and brokers connect to.
    pub port: u16,
    /// Whether host and port are of `advertised.listeners`, to be told to everybody as they are.
    pub advertised: bool,
    /// `broker.rack`.
    pub rack: Option<String>,
}

/// How a partition's log came to be what it is (KIP-966).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecoveryState {
    /// Every acknowledged record is there, as far as the cluster knows.
    #[default]
    Recovered,
    /// The leader was elected uncleanly and has not yet had followers of its own.
    Recovering,
}

/// The whole state of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRecord {
    /// The topic, by name, so that the journal can be read.
    pub topic: TopicName,
    /// The topic, by id, which decides.
    pub topic_id: TopicId,
    /// The partition's number.
    pub partition: PartitionIndex,
    /// Placement, in order of registration; never reorders itself.
    pub replicas: Vec<BrokerId>,
    /// One for each replica: the directory it had when it entered the ISR.
    pub directory_ids: Vec<DirectoryId>,
    /// The ISR as a queue in order of joining; its live head leads.
    pub in_sync_replicas: Vec<BrokerId>,
    /// Former ISR members that hold every acknowledged record (KIP-966).
    pub eligible_leader_replicas: Vec<BrokerId>,
    /// Replicas being added.
    pub adding_replicas: Vec<BrokerId>,
    /// Replicas being removed.
    pub removing_replicas: Vec<BrokerId>,
    /// The replication factor that was asked for; more than `replicas` has while the cluster is too small.
    pub wanted: u16,
    /// Who leads; `None` while nobody may.
    pub leader: Option<BrokerId>,
    /// Counts leaders.
    pub leader_epoch: LeaderEpoch,
    /// Counts changes of this record.
    pub partition_epoch: PartitionEpoch,
    /// Whether the last election was clean.
    pub recovery_state: RecoveryState,
}

/// What a configuration value belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConfigResource {
    /// A topic.
    Topic(TopicName),
    /// One broker.
    Broker(BrokerId),
    /// All brokers.
    ClusterDefault,
}
