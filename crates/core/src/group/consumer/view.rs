//! A group as it is described to people and tools.

use std::collections::BTreeSet;

use yak_model::api::{GroupState, TopicPartitions};
use yak_model::{InstanceId, MemberEpoch, MemberId, TopicName};

use super::member::{Member, by_topic};
use super::{ConsumerGroup, MemberState};

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// Where it stands.
    pub state: GroupState,
    /// Its epoch.
    pub epoch: MemberEpoch,
    /// The epoch that the target was made in.
    pub target_epoch: MemberEpoch,
    /// Who assigns.
    pub assignor: &'static str,
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
    /// Where it is.
    pub rack_id: Option<String>,
    /// What the client calls itself.
    pub client_id: String,
    /// Where it comes from.
    pub client_host: String,
    /// Its epoch; [`MemberEpoch::LEAVE_STATIC`] of a static member that is away.
    pub member_epoch: MemberEpoch,
    /// Where it stands.
    pub state: MemberState,
    /// The topics that it wants by name.
    pub topics: BTreeSet<TopicName>,
    /// The expression that it wants topics by.
    pub topic_regex: Option<String>,
    /// What is its own.
    pub assigned: Vec<TopicPartitions>,
    /// What it was told to give up and has not yet.
    pub revoking: Vec<TopicPartitions>,
    /// What it is to have.
    pub target: Vec<TopicPartitions>,
    /// When it was heard of last, on the clock of the inputs.
    pub heard_ms: u64,
}

impl ConsumerGroup {
    /// The group as it is now.
    #[must_use]
    pub fn view(&self) -> GroupView {
        let member = |(id, member): (&MemberId, &Member)| MemberView {
            member_id: id.clone(),
            instance_id: member.about.instance_id.clone(),
            rack_id: member.about.rack_id.clone(),
            client_id: member.about.client_id.clone(),
            client_host: member.about.client_host.clone(),
            member_epoch: member.epoch,
            state: member.state,
            topics: member.about.topics.clone(),
            topic_regex: member.about.topic_regex.clone(),
            assigned: by_topic(&member.assigned),
            revoking: by_topic(&member.revoking),
            target: by_topic(&member.target),
            heard_ms: member.heard_ms,
        };
        GroupView {
            state: self.state(),
            epoch: self.epoch,
            target_epoch: self.target_epoch,
            assignor: self.assignor().name(),
            members: self.members.iter().map(member).collect(),
        }
    }
}
