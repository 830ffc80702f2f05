//! A group as it is described to people and tools.

use bytes::Bytes;
use yak_model::{GenerationId, InstanceId, MemberId};

use super::{ClassicGroup, State};

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// Where it stands.
    pub state: State,
    /// Its generation.
    pub generation_id: GenerationId,
    /// What it is for.
    pub protocol_type: Option<String>,
    /// The protocol that was chosen.
    pub protocol: Option<String>,
    /// Who assigns.
    pub leader: Option<MemberId>,
    /// The members, by id.
    pub members: Vec<MemberView>,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// Its id.
    pub member_id: MemberId,
    /// Its name over restarts.
    pub instance_id: Option<InstanceId>,
    /// What the client calls itself.
    pub client_id: String,
    /// Where it comes from.
    pub client_host: String,
    /// What it says about the chosen protocol.
    pub metadata: Bytes,
    /// What it is assigned.
    pub assignment: Bytes,
    /// When it was heard of last.
    pub heard_ms: u64,
}

impl ClassicGroup {
    /// The group as it is now. Metadata and assignments are shown once they are settled.
    #[must_use]
    pub fn view(&self) -> GroupView {
        let is_stable = self.state == State::Stable;
        let protocol = self.protocol.clone().filter(|_| is_stable);
        let member = |(id, member): (&MemberId, &super::member::Member)| MemberView {
            member_id: id.clone(),
            instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            heard_ms: member.heard_ms,
            metadata: protocol.as_deref().map(|name| member.metadata(name)).unwrap_or_default(),
            assignment: if is_stable { member.assignment.clone() } else { Bytes::new() },
        };
        GroupView {
            state: self.state,
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone(),
            members: self.members.iter().map(member).collect(),
            protocol,
            leader: self.leader.clone(),
        }
    }
}
