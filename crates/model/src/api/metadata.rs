//! Metadata: brokers, topics, and who leads which partition.

use super::Rejection;
use crate::{BrokerId, ClusterId, LeaderEpoch, MetadataIndex, PartitionIndex, TopicId, TopicName};

/// Asks for metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Which topics; `None` for all.
    pub topics: Option<Vec<TopicName>>,
    /// Create topics that do not exist, if the server allows it.
    pub allow_auto_create: bool,
}

/// The cluster as this broker knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataReply {
    /// Names the cluster.
    pub cluster_id: ClusterId,
    /// The journal index up to which this broker knows it.
    pub index: MetadataIndex,
    /// Live brokers, in order of registration.
    pub brokers: Vec<BrokerMetadata>,
    /// The topics asked for, in the order asked, else by name.
    pub topics: Vec<Result<TopicMetadata, (TopicName, Rejection)>>,
}

/// A live broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerMetadata {
    /// Its number.
    pub broker_id: BrokerId,
    /// Host to connect to.
    pub host: String,
    /// Port to connect to.
    pub port: u16,
    /// `broker.rack`.
    pub rack: Option<String>,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMetadata {
    /// Its name.
    pub name: TopicName,
    /// Names it for ever.
    pub topic_id: TopicId,
    /// Kept by the cluster itself.
    pub is_internal: bool,
    /// This very request created it.
    pub created: bool,
    /// An older topic with nearly the same name, if this request created one.
    pub similar: Option<TopicName>,
    /// Partitions, by number.
    pub partitions: Vec<PartitionMetadata>,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// Its number.
    pub partition: PartitionIndex,
    /// Who leads; `None` while nobody does (LEADER_NOT_AVAILABLE).
    pub leader: Option<BrokerId>,
    /// Counts leaders.
    pub leader_epoch: LeaderEpoch,
    /// Placement.
    pub replicas: Vec<BrokerId>,
    /// The ISR queue; its live head leads.
    pub in_sync_replicas: Vec<BrokerId>,
    /// Replicas whose broker is not alive, or whose disk failed.
    pub offline_replicas: Vec<BrokerId>,
}
