//! Produce: append record batches to partitions.

use bytes::BytesMut;

use super::Rejection;
use crate::{BrokerId, LeaderEpoch, Offset, PartitionIndex, TimestampMs, TopicId, TopicName};

/// When a produce is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acks {
    /// 0: not at all.
    None,
    /// 1: when it is in the leader's log.
    Leader,
    /// -1, `all`: when it is below the high watermark.
    #[default]
    All,
}

/// Whether batches may be trusted to be well formed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BatchOrigin {
    /// The broker built them itself, of records that were sent as text.
    #[default]
    Built,
    /// They are bytes as a client sent them: exactly one batch for each entry, to be checked before it is appended.
    Received,
}

/// Appends batches. `B` is how the protocol's host holds them: bytes that are patched in place where they lie.
#[derive(Debug, PartialEq, Eq)]
pub struct Produce<B = BytesMut> {
    /// When to answer.
    pub acks: Acks,
    /// Who built the batches.
    pub origin: BatchOrigin,
    /// Longest wait for the acknowledgement.
    pub timeout_ms: u32,
    /// What to append, in order.
    pub entries: Vec<ProduceEntry<B>>,
}

/// Records for one topic.
#[derive(Debug, PartialEq, Eq)]
pub struct ProduceEntry<B = BytesMut> {
    /// The topic.
    pub topic: TopicName,
    /// Its id, if it was named by that: another topic of that name is not meant.
    pub topic_id: Option<TopicId>,
    /// The partition; `None` leaves it to the broker (murmur2 of the key, else round robin).
    pub partition: Option<PartitionIndex>,
    /// The epoch of the leader this is meant for; `None` when typed by hand: the broker then forwards.
    pub leader_epoch: Option<LeaderEpoch>,
    /// One or more record batches, magic 2, as they stand in the log but for base offset and leader epoch.
    /// Producer id, epoch and base sequence are in their headers.
    pub batches: B,
}

/// The answer: one result for each partition that got records, in the order of the entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceReply {
    /// Where everything went.
    pub partitions: Vec<Result<Produced, RefusedProduce>>,
    /// What was asked for.
    pub acks: Acks,
}

/// Records that were not appended (or, with a retriable code after the append, whose fate is unknown).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedProduce {
    /// The topic.
    pub topic: TopicName,
    /// The partition, if one was chosen.
    pub partition: Option<PartitionIndex>,
    /// Why.
    pub rejection: Rejection,
}

/// Records that were appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Produced {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// Offset of the first record; of the original, if this was a retransmission.
    pub base_offset: Offset,
    /// How many records.
    pub count: u32,
    /// The broker's time, if the topic is stamped by log-append time.
    pub log_append_time: Option<TimestampMs>,
    /// First offset still in the log.
    pub log_start_offset: Offset,
    /// Whose logs hold it as of this answer.
    pub acked_by: Vec<BrokerId>,
    /// Whether it is synced to disk there, or in the page cache.
    pub durable: bool,
}
