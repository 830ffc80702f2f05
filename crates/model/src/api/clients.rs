//! Producers and consumers: their ids, their coming and going, what they sent and read.

use crate::{Offset, PartitionIndex, ProducerEpoch, ProducerId, TopicName};

/// Asks for a producer id (idempotent producing, KIP-98).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InitProducerId {
    /// The id and epoch so far; a fencing or reset request raises the epoch (KIP-360).
    pub current: Option<(ProducerId, ProducerEpoch)>,
}

/// A producer id of one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitProducerIdReply {
    /// The id.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
}

/// What a client does on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientRole {
    /// It appends.
    Producer,
    /// It reads.
    Consumer,
}

/// Registers the connection as a producer or consumer. Closing the connection deregisters it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// What it does.
    pub role: ClientRole,
    /// The name it gives itself.
    pub client_id: String,
    /// The topics it works on.
    pub topics: Vec<TopicName>,
    /// The group it belongs to, if any.
    pub group: Option<String>,
}

/// The registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterReply {
    /// Names the registration within this broker.
    pub registration: u64,
}

/// A registered producer or consumer, as the broker sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientStatus {
    /// Names the registration within this broker.
    pub registration: u64,
    /// What it does.
    pub role: ClientRole,
    /// The name it gives itself.
    pub client_id: String,
    /// Name and version of its software, if it said so.
    pub software: Option<String>,
    /// Where it comes from.
    pub peer: String,
    /// Its group.
    pub group: Option<String>,
    /// How long it has been registered.
    pub connected_ms: u64,
    /// The topics it named, and those it used.
    pub topics: Vec<TopicName>,
    /// Records appended for it, or sent to it.
    pub records: u64,
    /// What it did, by partition.
    pub positions: Vec<PartitionPosition>,
}

/// How far a client is in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionPosition {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// A producer: end of its last append. A consumer: the offset up to which records were sent to it.
    pub position: Offset,
    /// A consumer: the offset it asked for last, so everything before it has arrived there.
    pub received: Offset,
    /// The partition's end at the moment of asking, read last, so that lag is never negative.
    pub log_end_offset: Offset,
}
