//! Offset for leader epoch: where the records of an epoch end in the leader's log (KIP-101, KIP-279, KIP-320).

use super::{EpochEnd, Rejection};
use crate::{LeaderEpoch, PartitionIndex, TopicName};

/// Asks where epochs end, so that a reader sees whether its log parts from the leader's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetForLeaderEpoch {
    /// One question a partition.
    pub entries: Vec<OffsetForLeaderEpochEntry>,
}

/// Which epoch of which partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetForLeaderEpochEntry {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The epoch of the leader this is meant for, if known.
    pub current_leader_epoch: Option<LeaderEpoch>,
    /// The epoch whose end is asked for.
    pub leader_epoch: LeaderEpoch,
}

/// One answer for each entry, in the order asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetForLeaderEpochReply {
    /// What was found.
    pub partitions: Vec<EpochEndOffset>,
}

/// Where an epoch ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochEndOffset {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The largest epoch not above the asked one and the offset after its last record; `None` (Kafka's -1 and -1) if
    /// the asked one is above all that the leader has. The latest epoch ends at the log's end, which may be above the
    /// high watermark: it is compared with, not read to.
    pub end: Result<Option<EpochEnd>, Rejection>,
}
