//! What brokers ask of the controller, at the zookeeper's port: a session, changes of the ISR, elections.

use super::{CreateTopics, ElectionStatus, Register, Rejection};
use crate::metadata::PartitionRecord;
use crate::{
    BrokerEpoch, BrokerId, ClusterId, DirectoryId, IncarnationId, LeaderEpoch, MetadataIndex, PartitionEpoch,
    PartitionIndex, ProducerId, ReplicationKey, TopicId, TopicPartition,
};

/// Registers a broker process, fenced. The same process asking again gets the registration it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterBroker {
    /// Its number.
    pub broker_id: BrokerId,
    /// Drawn by the process at its start.
    pub incarnation_id: IncarnationId,
    /// The cluster its directories belong to; `None` if they are new.
    pub cluster_id: Option<ClusterId>,
    /// Its log directories; new replicas go into the first.
    pub directory_ids: Vec<DirectoryId>,
    /// Host that clients and brokers connect to.
    pub host: String,
    /// Port that clients and brokers connect to.
    pub port: u16,
    /// Whether host and port are of `advertised.listeners`, to be told to everybody as they are.
    pub advertised: bool,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// What it can say about its logs.
    pub proof: LogProof,
}

/// What a broker can say about the logs it found at its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogProof {
    /// Nothing was quarantined, and no write failed.
    pub undamaged: bool,
    /// What was in the page cache is still there or on disk: clean shutdown, or the same boot of the machine.
    pub page_cache_kept: bool,
}

/// A broker's registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Fences earlier processes of the broker.
    pub broker_epoch: BrokerEpoch,
    /// The cluster.
    pub cluster_id: ClusterId,
}

/// Begins a session over this connection with a registration (a new incarnation).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSession {
    /// The registration.
    pub registration: RegisterBroker,
    /// The highest journal index that the broker has ever seen: a journal that ends before it is an older one.
    pub seen: MetadataIndex,
    /// `cluster.secret`, if the broker has one.
    pub secret: Option<String>,
}

/// Continues the session of an incarnation over a new connection: no new epoch, no ISR change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumeSession {
    /// Which broker.
    pub broker_id: BrokerId,
    /// Its registration.
    pub broker_epoch: BrokerEpoch,
    /// The process, which alone knows this id.
    pub incarnation_id: IncarnationId,
    /// The last journal index it applied.
    pub applied: MetadataIndex,
}

/// The session is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOpened {
    /// Fences earlier processes of the broker.
    pub broker_epoch: BrokerEpoch,
    /// The cluster.
    pub cluster_id: ClusterId,
    /// What brokers show each other (RELIABILITY: a client can never send a replica fetch).
    pub key: ReplicationKey,
    /// The journal index at which the registration is visible; to be unfenced the broker must have applied it.
    pub index: MetadataIndex,
    /// Whether the broker may not lead for now.
    pub fenced: bool,
    /// Without a heartbeat for as long the broker counts as dead.
    pub session_timeout_ms: u32,
}

/// Says that the process lives, over the session's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The registration.
    pub broker_epoch: BrokerEpoch,
    /// The last journal index that its partitions work by.
    pub applied: MetadataIndex,
    /// Its logs are recovered: it may be unfenced.
    pub recovered: bool,
    /// Its registered producers and consumers, if that changed since the last heartbeat of this connection.
    pub clients: Option<Vec<ClientPresence>>,
}

/// A producer or consumer that is connected to the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPresence {
    /// What it said of itself.
    pub register: Register,
    /// Its address.
    pub address: String,
}

/// The answer to a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartbeatReply {
    /// Whether the broker may not lead for now.
    pub fenced: bool,
    /// The zookeeper's journal index.
    pub index: MetadataIndex,
}

/// Streams the journal from here on: an image first unless the lines after `after` are still at hand, then each line
/// as it becomes durable, byte for byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// The last index that the watcher has.
    pub after: Option<MetadataIndex>,
    /// Send `alive` events and those of sessions, too.
    pub events: bool,
}

/// Asks for the next block of producer ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocateProducerIds {
    /// Who asks.
    pub broker_id: BrokerId,
    /// Under which registration.
    pub broker_epoch: BrokerEpoch,
}

/// Producer ids that belong to one broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerIdBlock {
    /// Whose.
    pub broker_id: BrokerId,
    /// The registration that asked.
    pub broker_epoch: BrokerEpoch,
    /// First id of the block.
    pub first: ProducerId,
    /// First id after the block.
    pub end: ProducerId,
}

/// What a topic gets that does not say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicDefaults {
    /// `num.partitions`.
    pub partitions: i32,
    /// `default.replication.factor`; taken as far as there are brokers, and remembered as wanted.
    pub replication_factor: u16,
    /// `min.insync.replicas`; written to the topic unless it is 1, so that leader and controller agree on it.
    pub min_insync_replicas: u16,
}

/// Creates topics at the zookeeper, by hand or for a broker that forwards what a client asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardedCreateTopics {
    /// What was asked for.
    pub request: CreateTopics,
    /// What the broker's configuration says; by hand, one of everything.
    pub defaults: Option<TopicDefaults>,
    /// A client named a topic that did not exist.
    pub on_first_use: bool,
}

/// Lets a broker lead, first of all the partitions that waited for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnfenceBroker {
    /// Which.
    pub broker_id: BrokerId,
    /// Which registration of it.
    pub broker_epoch: BrokerEpoch,
}

/// Hands over what a broker leads and fences it, before it stops serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownBroker {
    /// Which.
    pub broker_id: BrokerId,
    /// Which registration of it.
    pub broker_epoch: BrokerEpoch,
}

/// Proposes other ISRs of partitions that the broker leads (KIP-497, KIP-841). One proposal of a partition is under
/// way at a time (INV-9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterIsr {
    /// The leader of all of them.
    pub broker_id: BrokerId,
    /// Its registration.
    pub broker_epoch: BrokerEpoch,
    /// The proposals; each is accepted or refused by itself.
    pub proposals: Vec<IsrProposal>,
}

/// The ISR that a leader proposes, compared and set on both epochs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsrProposal {
    /// The topic.
    pub topic_id: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// The epoch in which the broker leads.
    pub leader_epoch: LeaderEpoch,
    /// The partition epoch that the proposal changes.
    pub partition_epoch: PartitionEpoch,
    /// The members besides the leader, in any order, each with the registration whose fetch proved that it is caught up
    /// (KIP-841). Who was in the queue keeps its place, new members join at the end.
    pub followers: Vec<(BrokerId, BrokerEpoch)>,
}

impl IsrProposal {
    /// Stands for the registration of a member of the present ISR that has not fetched in this epoch yet.
    pub const UNKNOWN_EPOCH: BrokerEpoch = BrokerEpoch::new(-1);
}

/// The results of [`AlterIsr`], in the order asked. A partition's new state comes with the journal.
///
/// Refusals: `FENCED_LEADER_EPOCH` and `INVALID_UPDATE_VERSION` (the proposal is about a state of before),
/// `UNKNOWN_TOPIC_ID`, `INELIGIBLE_REPLICA` (a member is fenced, unknown, or of an earlier registration).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterIsrReply {
    /// The partition epoch that the accepted proposal led to.
    pub results: Vec<Result<PartitionEpoch, Rejection>>,
}

/// How a leader is chosen on request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElectionKind {
    /// The first of `replicas`, if it is in the ISR: a clean hand-over (KIP-460).
    Preferred,
    /// Any live replica, if nobody in the ISR or eligible lives: records may be lost, and the journal says so.
    Unclean,
}

/// Elects leaders on request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElectLeaders {
    /// How.
    pub kind: ElectionKind,
    /// Where; `None` is every partition, and then those that need no election are left out of the answer.
    pub partitions: Option<Vec<TopicPartition>>,
    /// Longest wait.
    pub timeout_ms: u32,
}

/// The results of [`ElectLeaders`], one for each partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElectLeadersReply {
    /// The partition, and who leads now or why not (`ELECTION_NOT_NEEDED`, `PREFERRED_LEADER_NOT_AVAILABLE`,
    /// `ELIGIBLE_LEADERS_NOT_AVAILABLE`, `UNKNOWN_TOPIC_OR_PARTITION`).
    pub partitions: Vec<(TopicPartition, Result<BrokerId, Rejection>)>,
}

/// The zookeeper as it sees itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZookeeperReport {
    /// Names the cluster.
    pub cluster_id: ClusterId,
    /// Its version.
    pub version: String,
    /// The last journal index.
    pub index: MetadataIndex,
    /// The journal's newest file.
    pub journal: String,
    /// Registered brokers, in order of registration.
    pub brokers: Vec<SessionReport>,
    /// Partitions without a leader.
    pub leaderless: Vec<PartitionRecord>,
    /// The last elections of its newest journal file, newest last.
    pub elections: Vec<ElectionStatus>,
}

/// A broker as the zookeeper sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionReport {
    /// Its number.
    pub broker_id: BrokerId,
    /// Its registration.
    pub broker_epoch: BrokerEpoch,
    /// Where it listens.
    pub host: String,
    /// Where it listens.
    pub port: u16,
    /// Whether it may lead.
    pub fenced: bool,
    /// Whether its connection is open.
    pub connected: bool,
    /// Age of its last heartbeat.
    pub heartbeat_age_ms: Option<u64>,
    /// Its producers and consumers.
    pub clients: Vec<ClientPresence>,
}
