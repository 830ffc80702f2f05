//! List, describe and delete groups.

use bytes::Bytes;

use super::Rejection;
use crate::{GroupId, InstanceId, MemberId, PartitionIndex, TimestampMs, TopicName};

/// How a group is run. One that has members has one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupKind {
    /// Its members assign (Kafka's first protocol).
    Classic,
    /// Its coordinator assigns (KIP-848).
    Consumer,
}

impl GroupKind {
    /// As lists show it (KIP-848).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
        }
    }

    /// The kind of a name, in any case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Classic, Self::Consumer].into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

/// Where a group stands, of either kind; names are Kafka's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupState {
    /// It has no members; it may have commits.
    Empty,
    /// Classic: its members are to join.
    PreparingRebalance,
    /// Classic: its leader is to assign.
    CompletingRebalance,
    /// Server-side: an assignment is being made.
    Assigning,
    /// Server-side: members are on their way to their assignments.
    Reconciling,
    /// Everybody has what is theirs.
    Stable,
    /// There is no such group.
    Dead,
}

impl GroupState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Empty,
        Self::PreparingRebalance,
        Self::CompletingRebalance,
        Self::Assigning,
        Self::Reconciling,
        Self::Stable,
        Self::Dead,
    ];

    /// Kafka's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }

    /// The state of a name, in any case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name().eq_ignore_ascii_case(name))
    }
}

/// Asks for the groups that this broker coordinates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListGroups {
    /// Only these; empty: any.
    pub states: Vec<GroupState>,
    /// Only these; empty: any.
    pub kinds: Vec<GroupKind>,
}

/// The groups, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListGroupsReply {
    /// Each.
    pub groups: Vec<ListedGroup>,
}

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// Its name.
    pub group_id: GroupId,
    /// What it is for, such as `consumer`; empty if it never had members.
    pub protocol_type: String,
    /// Where it stands.
    pub state: GroupState,
    /// How it is run.
    pub kind: GroupKind,
}

/// Asks for everything about groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeGroups {
    /// Which.
    pub groups: Vec<GroupId>,
}

/// One result for each group, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeGroupsReply {
    /// `Err`: `GROUP_ID_NOT_FOUND`, or not coordinated here.
    pub groups: Vec<Result<DescribedGroup, Rejection>>,
}

/// Everything about a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedGroup {
    /// Its name.
    pub group_id: GroupId,
    /// How it is run.
    pub kind: GroupKind,
    /// Where it stands.
    pub state: GroupState,
    /// Classic: its generation. Server-side: the group epoch.
    pub epoch: i32,
    /// Server-side: the epoch that the target assignment was made in. Classic: as `epoch`.
    pub assignment_epoch: i32,
    /// What it is for, such as `consumer`.
    pub protocol_type: String,
    /// Classic: the protocol that was chosen. Server-side: the assignor.
    pub assignor: String,
    /// Classic: who assigns.
    pub leader: Option<MemberId>,
    /// The members, by id.
    pub members: Vec<DescribedMember>,
    /// The last rebalances, oldest first.
    pub rebalances: Vec<RebalanceRecord>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedMember {
    /// Its id.
    pub member_id: MemberId,
    /// Its name over restarts.
    pub instance_id: Option<InstanceId>,
    /// Where it is.
    pub rack_id: Option<String>,
    /// What the client calls itself.
    pub client_id: String,
    /// Where it comes from.
    pub client_host: String,
    /// Classic: the group's generation. Server-side: the member's epoch.
    pub member_epoch: i32,
    /// The topics that it wants, as far as the coordinator can read them.
    pub topics: Vec<TopicName>,
    /// The expression that it wants topics by.
    pub topic_regex: Option<String>,
    /// What it has, as far as the coordinator can read it.
    pub assignment: Vec<(TopicName, Vec<PartitionIndex>)>,
    /// What it is to have. Classic: as `assignment`.
    pub target: Vec<(TopicName, Vec<PartitionIndex>)>,
    /// Classic: what it says about the chosen protocol, as only members understand it.
    pub metadata: Bytes,
    /// Classic: what it is assigned, as only members understand it.
    pub assignment_bytes: Bytes,
    /// How long ago it was last heard of, in milliseconds.
    pub last_heard_ms: u64,
}

/// A rebalance, for people to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RebalanceRecord {
    /// When it was over.
    pub at: TimestampMs,
    /// The generation or group epoch that it led to.
    pub epoch: i32,
    /// Who or what began it.
    pub cause: String,
    /// How long it took.
    pub took_ms: u64,
    /// How many members the group has since.
    pub members: usize,
}

/// Deletes groups without members, and what they have committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteGroups {
    /// Which; each is answered by itself.
    pub groups: Vec<GroupId>,
}

/// One result for each group, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteGroupsReply {
    /// `Err`: it is kept, or there is none.
    pub results: Vec<Result<(), Rejection>>,
}
