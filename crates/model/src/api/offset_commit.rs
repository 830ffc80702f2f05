//! Offset commit, fetch and delete: how far a group has come.

use super::{MemberIdentity, Rejection};
use crate::{GroupId, LeaderEpoch, Offset, PartitionIndex, TimestampMs, TopicId, TopicName};

/// Stores how far a group has come. Answered when it is as durable as a produce with `acks=all`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetCommit {
    /// The group.
    pub group_id: GroupId,
    /// Who commits, fenced by generation or member epoch; `None` is a tool or a consumer without membership, which may
    /// only commit for a group without members.
    pub member: Option<MemberIdentity>,
    /// What is committed; each is answered by itself.
    pub entries: Vec<OffsetCommitEntry>,
}

/// The offset of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetCommitEntry {
    /// The topic.
    pub topic: TopicName,
    /// Its id, if the client names it: another topic of that name is `UNKNOWN_TOPIC_ID`.
    pub topic_id: Option<TopicId>,
    /// The partition.
    pub partition: PartitionIndex,
    /// The next offset to be read.
    pub offset: Offset,
    /// The leader epoch of the last record that was read.
    pub leader_epoch: Option<LeaderEpoch>,
    /// A text of the client's, at most `offset.metadata.max.bytes` long.
    pub metadata: String,
}

/// One result for each entry, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetCommitReply {
    /// `Err`: not stored.
    pub results: Vec<Result<(), Rejection>>,
}

/// Asks how far a group has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetFetch {
    /// The group.
    pub group_id: GroupId,
    /// Who asks, if it wants to be fenced (KIP-848).
    pub member: Option<MemberIdentity>,
    /// Of which partitions; `None`: of all that have a commit.
    pub partitions: Option<Vec<(TopicName, PartitionIndex)>>,
}

/// What is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetFetchReply {
    /// In the order of the request; without one by topic and partition.
    pub offsets: Vec<FetchedOffset>,
}

/// What a group has committed of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedOffset {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// `None`: nothing is committed.
    pub committed: Option<CommittedOffset>,
}

/// A commit as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to be read.
    pub offset: Offset,
    /// The leader epoch of the last record that was read.
    pub leader_epoch: Option<LeaderEpoch>,
    /// A text of the client's.
    pub metadata: String,
    /// When it was committed.
    pub commit_time: TimestampMs,
}

/// Forgets what a group has committed of partitions (KIP-496). Refused for topics that it is subscribed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetDelete {
    /// The group.
    pub group_id: GroupId,
    /// Of which partitions; each is answered by itself.
    pub partitions: Vec<(TopicName, PartitionIndex)>,
}

/// One result for each partition, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetDeleteReply {
    /// `Err`: kept.
    pub results: Vec<Result<(), Rejection>>,
}
