//! Status: the whole cluster on one screen.

use super::{BrokerMetadata, ClientStatus};
use crate::{
    BrokerEpoch, BrokerId, ClusterId, LeaderEpoch, MetadataIndex, Offset, PartitionIndex, TimestampMs,
    TopicName,
};

/// Everything this broker knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReply {
    /// Names the cluster.
    pub cluster_id: ClusterId,
    /// The broker that answers.
    pub broker_id: BrokerId,
    /// Its version.
    pub version: String,
    /// How long it has been up.
    pub uptime_ms: u64,
    /// The zookeeper.
    pub zookeeper: ZookeeperStatus,
    /// Every registered broker, in order of registration.
    pub brokers: Vec<ReplicaStatus>,
    /// Every partition this broker hosts, by topic and number.
    pub partitions: Vec<PartitionStatus>,
    /// Registered producers and consumers of this broker.
    pub clients: Vec<ClientStatus>,
    /// The last elections, newest last.
    pub elections: Vec<ElectionStatus>,
}

/// The zookeeper, as this broker sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZookeeperStatus {
    /// `embedded`, or where it is.
    pub address: String,
    /// Journal index this broker has applied.
    pub index: MetadataIndex,
}

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// Its number and address.
    pub broker: BrokerMetadata,
    /// Its registration.
    pub broker_epoch: BrokerEpoch,
    /// Whether it may lead.
    pub fenced: bool,
    /// Age of its last heartbeat, if this broker knows it.
    pub heartbeat_age_ms: Option<u64>,
    /// Its data directory, if this broker knows it.
    pub directory: Option<String>,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionStatus {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// Who leads.
    pub leader: Option<BrokerId>,
    /// Counts leaders.
    pub leader_epoch: LeaderEpoch,
    /// Placement.
    pub replicas: Vec<BrokerId>,
    /// The ISR queue.
    pub in_sync_replicas: Vec<BrokerId>,
    /// First offset still there.
    pub log_start_offset: Offset,
    /// First offset not known to be on the whole ISR.
    pub high_watermark: Offset,
    /// The next offset to be written.
    pub log_end_offset: Offset,
    /// Bytes on disk.
    pub size_bytes: u64,
    /// Segments on disk.
    pub segments: u32,
    /// Why it is offline, if it is.
    pub offline: Option<String>,
}

/// An election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElectionStatus {
    /// When, by the zookeeper's clock.
    pub time: TimestampMs,
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// Who led.
    pub from: Option<BrokerId>,
    /// Who leads.
    pub to: Option<BrokerId>,
    /// The new epoch.
    pub leader_epoch: LeaderEpoch,
    /// Why.
    pub cause: String,
}
