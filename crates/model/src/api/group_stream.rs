//! Group stream: membership of a consumer that speaks NDJSON.
//!
//! The connection becomes a stream: first the reply, then an event whenever the member is to own something else, and one
//! that says "alive" twice a second. The coordinator keeps the member for as long as the stream lasts and ends its
//! membership when it closes. A connection may outlast the process behind it, which hangs, or the host, which is gone: a
//! member that promises heartbeats is kept only while it sends them. What the member gives up it says, on another
//! connection, by a consumer group heartbeat.
//! Answers to those heartbeats may be older or newer than what has come by the stream: a member goes by the stream alone,
//! and says the epoch that the stream told it last.

use super::Rejection;
use crate::{GroupId, InstanceId, MemberEpoch, MemberId, PartitionIndex, TopicId, TopicName};

/// Joins a group for as long as the connection lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupStream {
    /// The group.
    pub group_id: GroupId,
    /// The name that the member gives itself; `None`: the coordinator draws one.
    pub member_id: Option<MemberId>,
    /// Its name over restarts, of a static member: for a session's time its partitions wait for its return.
    pub instance_id: Option<InstanceId>,
    /// The topics that it wants, by name.
    pub topics: Vec<TopicName>,
    /// The topics that it wants, by a regular expression that names match whole.
    pub topic_regex: Option<String>,
    /// Who is to assign: `uniform` (also without a name) or `range`.
    pub assignor: Option<String>,
    /// How long it may take to give partitions up; `None`: five minutes.
    pub rebalance_timeout_ms: Option<u32>,
    /// What the client calls itself.
    pub client_id: Option<String>,
    /// Whether it says itself that it lives, by consumer group heartbeats: without any for the session timeout it is no member
    /// any more. Else its stream alone says so.
    pub heartbeats: bool,
}

/// The member has joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupStreamReply {
    /// Who it is.
    pub member_id: MemberId,
    /// Its epoch.
    pub member_epoch: MemberEpoch,
    /// How often it is to say that it lives; `None`: it promised nothing.
    pub heartbeat_interval_ms: Option<u32>,
}

/// What a member is told on its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupEvent {
    /// What it is to own from now on.
    Assignment(GroupAssignment),
    /// Nothing is new.
    Alive,
    /// It is no member any more; the stream ends.
    Fenced(Rejection),
}

/// Everything that a member is to own. What it owns besides it is to give up: to stop reading it, to commit, and to say
/// what it owns then by a consumer group heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupAssignment {
    /// The member's epoch, which commits and heartbeats are to say from now on.
    pub member_epoch: MemberEpoch,
    /// The partitions, by topic.
    pub topics: Vec<AssignedTopic>,
    /// Whether more is coming when others have given it up.
    pub is_complete: bool,
}

/// What a member is assigned of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignedTopic {
    /// The topic's name.
    pub topic: TopicName,
    /// Its id.
    pub topic_id: TopicId,
    /// The partitions, in order.
    pub partitions: Vec<PartitionIndex>,
}
