//! List offsets: where a partition begins and ends, and which offset belongs to a time.

use super::{Isolation, Rejection};
use crate::{LeaderEpoch, Offset, PartitionIndex, TimestampMs, TopicName};

/// Asks for offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOffsets {
    /// One question a partition.
    pub entries: Vec<ListOffsetsEntry>,
    /// What "latest" means: the high watermark, or the last stable offset, which is the same as long as there are no
    /// transactions.
    pub isolation: Isolation,
}

/// Which offset of which partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOffsetsEntry {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The epoch of the leader this is meant for, if known.
    pub leader_epoch: Option<LeaderEpoch>,
    /// Which offset.
    pub at: OffsetSpec,
}

/// Which offset is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first record still there (Kafka's -2, and -4: without remote storage the first on local disks is the
    /// first of all).
    Earliest,
    /// The high watermark (Kafka's -1).
    Latest,
    /// The record with the largest timestamp (Kafka's -3, KIP-734).
    MaxTimestamp,
    /// The first record whose timestamp is at or after this time.
    Time(TimestampMs),
}

/// An offset that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedOffset {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The offset; `None` if no record is that young.
    pub offset: Option<Offset>,
    /// The timestamp of the record there, when asked by time.
    pub timestamp: Option<TimestampMs>,
    /// The epoch of the record there, if known.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// One result for each entry, in the order asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOffsetsReply {
    /// What was found.
    pub partitions: Vec<Result<ListedOffset, RefusedListOffsets>>,
}

/// A question that was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedListOffsets {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// Why.
    pub rejection: Rejection,
}
