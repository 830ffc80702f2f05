//! Consumer group heartbeat: the one operation of members of the server-side model (KIP-848).

use crate::{GroupId, InstanceId, MemberEpoch, MemberId, PartitionIndex, TopicId, TopicName};

/// Joins a group, says that a member lives and what it owns, or leaves. What is `None` is as it was last said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerGroupHeartbeat {
    /// The group.
    pub group_id: GroupId,
    /// The member, named by itself.
    pub member_id: MemberId,
    /// [`MemberEpoch::JOIN`], [`MemberEpoch::LEAVE`], [`MemberEpoch::LEAVE_STATIC`], or what the last reply said.
    pub member_epoch: MemberEpoch,
    /// Its name over restarts, of a static member.
    pub instance_id: Option<InstanceId>,
    /// Where it is.
    pub rack_id: Option<String>,
    /// How long it may take to give partitions up; with a join.
    pub rebalance_timeout_ms: Option<u32>,
    /// The topics that it wants, by name.
    pub subscribed_topics: Option<Vec<TopicName>>,
    /// The topics that it wants, by a regular expression (RE2 syntax) that names match whole; empty takes it back.
    pub subscribed_regex: Option<String>,
    /// Who is to assign: `uniform` or `range`.
    pub server_assignor: Option<String>,
    /// The partitions that it owns. With a join nothing.
    pub owned: Option<Vec<TopicPartitions>>,
    /// What the client calls itself.
    pub client_id: String,
    /// Where it comes from.
    pub client_host: String,
}

/// Partitions of one topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicPartitions {
    /// The topic.
    pub topic_id: TopicId,
    /// The partitions, in order.
    pub partitions: Vec<PartitionIndex>,
}

/// Where the member stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerGroupHeartbeatReply {
    /// Who it is.
    pub member_id: MemberId,
    /// Its epoch, to be said with the next heartbeat.
    pub member_epoch: MemberEpoch,
    /// When to say the next one, at the latest.
    pub heartbeat_interval_ms: u32,
    /// Everything that it is to own; what it owns besides it is to give up, and to say so. `None`: as it was last told.
    pub assignment: Option<Vec<TopicPartitions>>,
}
