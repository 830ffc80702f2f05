//! What members and their coordinator say to each other.

use yak_core::group::consumer::{Assignment, Partition};
use yak_model::MemberEpoch;
use yak_model::api::{
    ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply, GroupKind, JoinGroup, JoinGroupReply, JoinRefused,
    LeavingMember, MemberIdentity, Rejection, SyncGroup, SyncGroupReply,
};

/// A life of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// Its number.
    pub client: usize,
    /// Which of its lives.
    pub life: u64,
}

/// What a member asks.
#[derive(Clone, Debug)]
pub enum Request {
    /// Classic: it joins.
    Join(JoinGroup),
    /// Classic: it asks for its assignment.
    Sync(SyncGroup),
    /// Classic: it lives.
    Heartbeat(MemberIdentity),
    /// Classic: it goes.
    Leave(LeavingMember),
    /// Server-side: it joins, lives, owns, goes.
    Beat(ConsumerGroupHeartbeat),
    /// Server-side: it joins for as long as a stream lasts.
    Stream(ConsumerGroupHeartbeat),
    /// It has come so far.
    Commit(GroupKind, MemberIdentity, Partition, i64),
    /// How far was it?
    Fetch(GroupKind, MemberIdentity, Partition),
}

/// What it is told.
#[derive(Clone, Debug)]
pub enum Reply {
    /// To a join.
    Joined(Result<JoinGroupReply, JoinRefused>),
    /// To a sync.
    Synced(Result<SyncGroupReply, Rejection>),
    /// To a heartbeat, a leave.
    Done(Result<(), Rejection>),
    /// To a heartbeat of a server-side member.
    Beaten(Result<ConsumerGroupHeartbeatReply, Rejection>),
    /// To a commit of a partition.
    Committed(Partition, Result<(), Rejection>),
    /// To a fetch of a partition's offset.
    Fetched(Partition, Result<i64, Rejection>),
}

/// What a stream says.
#[derive(Clone, Debug)]
pub enum Push {
    /// What is the member's own.
    Assigned(Assignment),
    /// It is no member any more.
    Fenced,
    /// The connection is gone.
    Closed,
}

impl Request {
    /// Whether it says that a member goes.
    #[must_use]
    pub fn is_leave(&self) -> bool {
        match self {
            Self::Leave(_) => true,
            Self::Beat(beat) => beat.member_epoch < MemberEpoch::JOIN,
            _ => false,
        }
    }

    /// In a few words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Join(join) => format!("join {:?} {:?}", join.member_id, join.instance_id),
            Self::Sync(sync) => {
                format!(
                    "sync {} {} with {}",
                    sync.member.member_id,
                    sync.member.generation_id,
                    sync.assignments.len()
                )
            }
            Self::Heartbeat(member) => format!("heartbeat {} {}", member.member_id, member.generation_id),
            Self::Leave(member) => format!("leave {:?}", member.member_id),
            Self::Beat(beat) => {
                format!("beat {} {} owning {:?}", beat.member_id, beat.member_epoch, beat.owned)
            }
            Self::Stream(beat) => format!("stream {}", beat.member_id),
            Self::Commit(_, member, partition, offset) => {
                format!("commit {} {} {partition:?} {offset}", member.member_id, member.generation_id)
            }
            Self::Fetch(_, member, partition) => {
                format!("fetch {} {} {partition:?}", member.member_id, member.generation_id)
            }
        }
    }
}
