//! What a group wants done, in the order in which it must be done.

use bytes::Bytes;
use yak_model::api::{GroupProtocol, JoinGroupReply, JoinRefused, Rejection, SyncGroupReply};
use yak_model::{GenerationId, InstanceId, MemberId};

/// Names a join or sync that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(pub(super) u64);

/// Something for the shell to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Answer a join that waited.
    Joined {
        /// Which.
        token: Token,
        /// With what.
        result: Result<JoinGroupReply, JoinRefused>,
    },
    /// Answer a sync that waited.
    Synced {
        /// Which.
        token: Token,
        /// With what.
        result: Result<SyncGroupReply, Rejection>,
    },
    /// Make this durable, and tell by `handle_stored`. A later one takes the place of an earlier one.
    Store(StoredGroup),
    /// A rebalance is over: for people to read.
    Rebalanced(Rebalance),
}

/// A rebalance, from its beginning until everybody had joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebalance {
    /// The generation it led to.
    pub generation_id: GenerationId,
    /// Who or what began it.
    pub cause: String,
    /// How long it took.
    pub took_ms: u64,
    /// How many members there are.
    pub members: usize,
}

/// A group as it is stored: what its next coordinator needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredGroup {
    /// The generation.
    pub generation_id: GenerationId,
    /// What the group is for.
    pub protocol_type: Option<String>,
    /// The protocol that was chosen; `None` without members.
    pub protocol: Option<String>,
    /// Who assigns.
    pub leader: Option<MemberId>,
    /// The members, by id.
    pub members: Vec<StoredMember>,
}

/// A member as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMember {
    /// Its id.
    pub member_id: MemberId,
    /// Its name over restarts.
    pub instance_id: Option<InstanceId>,
    /// What the client calls itself.
    pub client_id: String,
    /// Where it comes from.
    pub client_host: String,
    /// How long others wait for it.
    pub rebalance_timeout_ms: u32,
    /// After so long a silence it counts as gone.
    pub session_timeout_ms: u32,
    /// What it says about the chosen protocol.
    pub protocol: GroupProtocol,
    /// What it is assigned.
    pub assignment: Bytes,
}
