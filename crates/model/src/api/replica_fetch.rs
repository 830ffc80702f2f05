//! Replica fetch: how a follower gets what its leader has (between brokers only).
//!
//! A connection of a follower to a leader carries one fetch *session*: a request names the partitions that are new or
//! changed since the connection's request before, the leader remembers the others. A reply has only the partitions
//! about which there is something to say. So an idle cluster of many partitions sends next to nothing.
//!
//! A request with `max_bytes` 0 is *progress*: it is counted on arrival, asks for no records, and has the fetch that is
//! held before it answered at once. A follower sends one when its durable end moved.

use super::Rejection;
use crate::{BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionIndex, ReplicationKey, TopicId};

/// Fetches as a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaFetch {
    /// The follower.
    pub broker_id: BrokerId,
    /// Its registration; a leader refuses any but the current one (`STALE_BROKER_EPOCH`).
    pub broker_epoch: BrokerEpoch,
    /// The key that registration returned; without it the request is `CLUSTER_AUTHORIZATION_FAILED`.
    pub key: ReplicationKey,
    /// Longest wait for the first byte.
    pub max_wait_ms: u32,
    /// Most bytes of records in the reply (at least one batch is sent, if there is one); 0 is progress.
    pub max_bytes: u32,
    /// Send records as raw bytes behind the reply line.
    pub attachments: bool,
    /// Partitions that are new in this connection's session, or changed.
    pub entries: Vec<ReplicaFetchEntry>,
    /// Partitions that leave the session.
    pub forget: Vec<(TopicId, PartitionIndex)>,
}

/// Where a follower stands in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaFetchEntry {
    /// The topic.
    pub topic_id: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// The epoch in which it follows; the leader's must be the same.
    pub leader_epoch: LeaderEpoch,
    /// The end of its log: send from here.
    pub fetch_offset: Offset,
    /// The epoch of the last record in its log, so that the leader sees where the two logs part (KIP-595).
    pub last_fetched_epoch: Option<LeaderEpoch>,
    /// Everything before it is on its stable storage; counts for the high watermark of a `flush=sync` topic.
    pub durable_offset: Offset,
}

/// The answer. `R` is how the protocol's host holds records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaFetchReply<R> {
    /// Those about which there is something to say.
    pub partitions: Vec<ReplicaFetched<R>>,
}

/// What a leader says of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaFetched<R> {
    /// The topic.
    pub topic_id: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// What it is, or why not (`NOT_LEADER_OR_FOLLOWER`, `FENCED_LEADER_EPOCH`, `UNKNOWN_LEADER_EPOCH`,
    /// `UNKNOWN_TOPIC_ID`, `OFFSET_OUT_OF_RANGE`, `KAFKA_STORAGE_ERROR`). A refused entry has left the session.
    pub outcome: Result<ReplicaData<R>, Rejection>,
}

/// Records of one partition, and where the leader stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaData<R> {
    /// The leader's high watermark.
    pub high_watermark: Offset,
    /// The first offset still in the leader's log.
    pub log_start_offset: Offset,
    /// The follower's log parts from the leader's: truncate to the end of this epoch, or, having none of it, of the
    /// largest epoch below, and ask again. No records come with it.
    pub diverging: Option<EpochEnd>,
    /// Whole batches from `fetch_offset` on; empty if there are none.
    pub records: R,
}

/// Where the records of an epoch end in a leader's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The epoch.
    pub leader_epoch: LeaderEpoch,
    /// The offset after its last record.
    pub end_offset: Offset,
}
