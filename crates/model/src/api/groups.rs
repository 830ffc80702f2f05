//! Classic groups: join, sync, heartbeat, leave (KIP-62, KIP-345, KIP-394).

use bytes::Bytes;

use super::Rejection;
use crate::{GenerationId, GroupId, InstanceId, MemberId};

/// A way of assigning partitions that a member knows, by its name, and what the member has to say about it: bytes that
/// only members understand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupProtocol {
    /// Such as `range`.
    pub name: String,
    /// The member's metadata.
    pub metadata: Bytes,
}

/// Joins a group, and waits until all of its members have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinGroup {
    /// The group.
    pub group_id: GroupId,
    /// The member; `None` if it is a new one.
    pub member_id: Option<MemberId>,
    /// Its name over restarts, of a static member.
    pub instance_id: Option<InstanceId>,
    /// What the client calls itself.
    pub client_id: String,
    /// Where it comes from.
    pub client_host: String,
    /// What the group is for, such as `consumer`.
    pub protocol_type: String,
    /// What it knows, preferred first.
    pub protocols: Vec<GroupProtocol>,
    /// Without a heartbeat for so long it counts as gone.
    pub session_timeout_ms: u32,
    /// How long others wait for it in a rebalance.
    pub rebalance_timeout_ms: u32,
    /// A new member is first told its id, and joins with that (KIP-394): who asked and went leaves nobody behind.
    pub requires_known_member_id: bool,
    /// A static member that returns as the leader can be told not to assign anew (KIP-814).
    pub can_skip_assignment: bool,
}

/// A member as the leader of the group is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// Its id.
    pub member_id: MemberId,
    /// Its name over restarts.
    pub instance_id: Option<InstanceId>,
    /// What it says about the chosen protocol.
    pub metadata: Bytes,
}

/// The group has a new generation, and this member belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinGroupReply {
    /// The generation.
    pub generation_id: GenerationId,
    /// What the group is for.
    pub protocol_type: String,
    /// The protocol that was chosen.
    pub protocol: String,
    /// Who assigns.
    pub leader: MemberId,
    /// Who this is.
    pub member_id: MemberId,
    /// Everybody, if this is the leader; else nobody.
    pub members: Vec<JoinedMember>,
    /// The assignment of before holds: the leader need not make one.
    pub skip_assignment: bool,
}

/// Why a member did not join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRefused {
    /// The reason.
    pub rejection: Rejection,
    /// With `MEMBER_ID_REQUIRED`: the id to join with. Else the one that it joined with.
    pub member_id: Option<MemberId>,
}

/// Who speaks, of which generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberIdentity {
    /// Its id.
    pub member_id: MemberId,
    /// Its name over restarts, if it is static.
    pub instance_id: Option<InstanceId>,
    /// The generation that it belongs to; of a member of the server-side model, its member epoch.
    pub generation_id: GenerationId,
}

/// Brings the leader's assignment, and waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncGroup {
    /// The group.
    pub group_id: GroupId,
    /// Who.
    pub member: MemberIdentity,
    /// What the member takes the group to be for, if it says so.
    pub protocol_type: Option<String>,
    /// The protocol that the member takes to be chosen, if it says so.
    pub protocol: Option<String>,
    /// Of each member, if this is the leader.
    pub assignments: Vec<(MemberId, Bytes)>,
}

/// What a member is assigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncGroupReply {
    /// What the group is for.
    pub protocol_type: String,
    /// The protocol that was chosen.
    pub protocol: String,
    /// Bytes that only members understand; empty if it is assigned nothing.
    pub assignment: Bytes,
}

/// Says that a member lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupHeartbeat {
    /// The group.
    pub group_id: GroupId,
    /// Who.
    pub member: MemberIdentity,
}

/// Members go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveGroup {
    /// The group.
    pub group_id: GroupId,
    /// Who; each is answered by itself.
    pub members: Vec<LeavingMember>,
}

/// A member that goes: by its id, or, static, by its instance id alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeavingMember {
    /// Its id.
    pub member_id: Option<MemberId>,
    /// Its name over restarts.
    pub instance_id: Option<InstanceId>,
    /// Why, in words.
    pub reason: Option<String>,
}
