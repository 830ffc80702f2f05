//! Groups as they are listed and described.

use std::collections::BTreeSet;

use yak_core::group::classic;
use yak_core::group::consumer::ConsumerGroup;
use yak_kafka::consumer_protocol;
use yak_model::api::{
    DescribedGroup, DescribedMember, GroupKind, GroupState, ListGroups, ListedGroup, Rejection,
};
use yak_model::{ErrorCode, GroupId, PartitionIndex, TopicName};

use super::classic::Classic;
use super::shard::Shard;
use super::state::{Group, Machine, Phase};

/// What consumers say that their groups are for.
const CONSUMER: &str = consumer_protocol::PROTOCOL_TYPE;

impl Shard {
    /// The groups of this shard that are wanted, by name.
    ///
    /// # Errors
    /// They are being read.
    pub(crate) fn list_groups(&self, request: &ListGroups) -> Result<Vec<ListedGroup>, Rejection> {
        let state = self.lock();
        if state.phase == Phase::Ended {
            // Whoever coordinates them now lists them.
            return Ok(Vec::new());
        }
        state.check()?;
        let groups = state.groups.iter().filter(|(_, group)| group.is_known());
        let listed = groups.map(|(id, group)| ListedGroup {
            group_id: id.clone(),
            protocol_type: group.protocol_type(),
            state: group.state(),
            kind: group.kind(),
        });
        let is_wanted = |group: &ListedGroup| {
            (request.states.is_empty() || request.states.contains(&group.state))
                && (request.kinds.is_empty() || request.kinds.contains(&group.kind))
        };
        Ok(listed.filter(is_wanted).collect())
    }

    /// Everything about a group.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`.
    pub(crate) fn describe_group(&self, id: &GroupId) -> Result<DescribedGroup, Rejection> {
        let state = self.lock();
        state.check()?;
        let now_ms = self.around.clock.now_ms();
        let group = state.groups.get(id).filter(|group| group.is_known()).ok_or_else(|| not_found(id))?;
        let described = match &group.machine {
            Machine::None => nobody(id),
            Machine::Classic(classic) => classic.describe(id, now_ms),
            Machine::Consumer(consumer) => consumer.describe(id, &self.around.image.load(), now_ms),
        };
        Ok(DescribedGroup { rebalances: group.rebalances.iter().cloned().collect(), ..described })
    }
}

impl Group {
    /// Whether anybody is told of it: not while it was only asked for, or its first commit is on its way.
    pub(super) fn is_known(&self) -> bool {
        !self.commits.is_empty() || !matches!(self.machine, Machine::None)
    }

    fn protocol_type(&self) -> String {
        match &self.machine {
            Machine::None => String::new(),
            Machine::Classic(classic) => classic.core.protocol_type().unwrap_or_default().to_owned(),
            Machine::Consumer(_) => CONSUMER.to_owned(),
        }
    }

    fn state(&self) -> GroupState {
        match &self.machine {
            Machine::None => GroupState::Empty,
            Machine::Classic(classic) => classic_state(classic.core.state()),
            Machine::Consumer(consumer) => consumer.core.state(),
        }
    }

    /// Whether it can be known here which topics its members read.
    pub(super) fn names_its_topics(&self) -> bool {
        match &self.machine {
            Machine::None | Machine::Consumer(_) => true,
            Machine::Classic(classic) => {
                let view = classic.core.view();
                view.state == classic::State::Stable
                    && view.protocol_type.as_deref() == Some(CONSUMER)
                    && view
                        .members
                        .iter()
                        .all(|member| consumer_protocol::decode_subscription(&member.metadata).is_ok())
            }
        }
    }

    /// The topics that its members read, as far as that can be known.
    pub(super) fn topics_read(&self) -> TopicsRead<'_> {
        match &self.machine {
            Machine::None => TopicsRead::Named(BTreeSet::new()),
            Machine::Consumer(consumer) => TopicsRead::Asked(&consumer.core),
            Machine::Classic(classic) => {
                let members = classic.core.view().members;
                TopicsRead::Named(members.iter().flat_map(|member| topics(&member.metadata)).collect())
            }
        }
    }
}

/// Topics that members of a group read.
pub(super) enum TopicsRead<'a> {
    /// These.
    Named(BTreeSet<TopicName>),
    /// Those that this group knows.
    Asked(&'a ConsumerGroup),
}

impl TopicsRead<'_> {
    pub(super) fn contains(&self, topic: &TopicName) -> bool {
        match self {
            Self::Named(topics) => topics.contains(topic),
            Self::Asked(group) => group.is_subscribed(topic),
        }
    }
}

impl Classic {
    fn describe(&self, id: &GroupId, now_ms: u64) -> DescribedGroup {
        let view = self.core.view();
        let epoch = view.generation_id.get();
        let protocol_type = view.protocol_type.unwrap_or_default();
        let are_consumers = protocol_type == CONSUMER;
        let member = |member: classic::MemberView| {
            let assignment = if are_consumers { partitions(&member.assignment) } else { Vec::new() };
            DescribedMember {
                member_id: member.member_id,
                instance_id: member.instance_id,
                rack_id: None,
                client_id: member.client_id,
                client_host: member.client_host,
                member_epoch: epoch,
                topics: if are_consumers { topics(&member.metadata) } else { Vec::new() },
                topic_regex: None,
                target: assignment.clone(),
                assignment,
                metadata: member.metadata,
                assignment_bytes: member.assignment,
                last_heard_ms: now_ms.saturating_sub(member.heard_ms),
            }
        };
        DescribedGroup {
            group_id: id.clone(),
            kind: GroupKind::Classic,
            state: classic_state(view.state),
            epoch,
            assignment_epoch: epoch,
            protocol_type,
            assignor: view.protocol.unwrap_or_default(),
            leader: view.leader,
            members: view.members.into_iter().map(member).collect(),
            rebalances: Vec::new(),
        }
    }
}

/// A group of which there are only commits.
fn nobody(id: &GroupId) -> DescribedGroup {
    DescribedGroup {
        group_id: id.clone(),
        kind: GroupKind::Classic,
        state: GroupState::Empty,
        epoch: -1,
        assignment_epoch: -1,
        protocol_type: String::new(),
        assignor: String::new(),
        leader: None,
        members: Vec::new(),
        rebalances: Vec::new(),
    }
}

const fn classic_state(state: classic::State) -> GroupState {
    match state {
        classic::State::Empty => GroupState::Empty,
        classic::State::Preparing => GroupState::PreparingRebalance,
        classic::State::Completing => GroupState::CompletingRebalance,
        classic::State::Stable => GroupState::Stable,
    }
}

/// The topics that a consumer wants, as far as it says so in the consumers' own format.
fn topics(metadata: &[u8]) -> Vec<TopicName> {
    let subscription = consumer_protocol::decode_subscription(metadata);
    let topics = subscription.map(|(_, subscription)| subscription.topics).unwrap_or_default();
    topics.iter().filter_map(|name| name.parse().ok()).collect()
}

/// The same of what a consumer is assigned.
fn partitions(assignment: &[u8]) -> Vec<(TopicName, Vec<PartitionIndex>)> {
    let Ok((_, assignment)) = consumer_protocol::decode_assignment(assignment) else { return Vec::new() };
    let of_topic = |topic: consumer_protocol::TopicPartitions| {
        let partitions = topic.partitions.into_iter().map(PartitionIndex::new).collect();
        Some((topic.topic.parse().ok()?, partitions))
    };
    assignment.assigned_partitions.into_iter().filter_map(of_topic).collect()
}

pub(super) fn not_found(id: &GroupId) -> Rejection {
    Rejection::new(ErrorCode::GroupIdNotFound, format!("group '{id}' does not exist"))
}
