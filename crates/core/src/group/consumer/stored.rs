//! A group as it is stored: one record for each thing that changes by itself, as Kafka does (KIP-848).

use std::collections::{BTreeMap, BTreeSet};

use yak_model::api::TopicPartitions;
use yak_model::{InstanceId, MemberEpoch, MemberId, TopicName};

use super::member::MemberState;

/// One change of a group. What is `None` is removed. Each is one record of `__consumer_offsets`; the type of its key is
/// Kafka's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredChange {
    /// Type 3: the group epoch.
    Epoch(Option<MemberEpoch>),
    /// Type 5: a member, as it describes itself.
    Member(MemberId, Option<StoredMember>),
    /// Type 6: the epoch that the target assignment was made in.
    TargetEpoch(Option<MemberEpoch>),
    /// Type 7: what a member is to have.
    Target(MemberId, Option<Vec<TopicPartitions>>),
    /// Type 8: what a member has.
    Current(MemberId, Option<StoredCurrent>),
}

/// A member, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMember {
    /// Its name over restarts.
    pub instance_id: Option<InstanceId>,
    /// Where it is.
    pub rack_id: Option<String>,
    /// What the client calls itself.
    pub client_id: String,
    /// Where it comes from.
    pub client_host: String,
    /// The topics that it wants by name.
    pub topics: BTreeSet<TopicName>,
    /// The expression that it wants topics by.
    pub topic_regex: Option<String>,
    /// How long it may take to give partitions up.
    pub rebalance_timeout_ms: u32,
    /// Who it wants to assign.
    pub server_assignor: Option<String>,
}

/// What a member has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCurrent {
    /// Its epoch; [`MemberEpoch::LEAVE_STATIC`] of a static member that is away.
    pub member_epoch: MemberEpoch,
    /// The oldest epoch that it may still believe to be in.
    pub previous_epoch: MemberEpoch,
    /// Where it stands.
    pub state: MemberState,
    /// The partitions that are its own.
    pub assigned: Vec<TopicPartitions>,
    /// The partitions that it was told to give up and has not yet.
    pub revoking: Vec<TopicPartitions>,
}

/// A whole group, as its records add up to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredConsumerGroup {
    /// The group epoch; `None`: there is no such group.
    pub epoch: Option<MemberEpoch>,
    /// The epoch of the target assignment.
    pub target_epoch: Option<MemberEpoch>,
    /// The members, as they describe themselves.
    pub members: BTreeMap<MemberId, StoredMember>,
    /// What each is to have.
    pub target: BTreeMap<MemberId, Vec<TopicPartitions>>,
    /// What each has.
    pub current: BTreeMap<MemberId, StoredCurrent>,
}

impl StoredConsumerGroup {
    /// Takes the next record in.
    pub fn apply(&mut self, change: StoredChange) {
        match change {
            StoredChange::Epoch(epoch) => self.epoch = epoch,
            StoredChange::TargetEpoch(epoch) => self.target_epoch = epoch,
            StoredChange::Member(id, member) => put(&mut self.members, id, member),
            StoredChange::Target(id, target) => put(&mut self.target, id, target),
            StoredChange::Current(id, current) => put(&mut self.current, id, current),
        }
    }

    /// Whether nothing is stored.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// The records that remove all of it, as a group that is deleted needs.
    #[must_use]
    pub fn removal(&self) -> Vec<StoredChange> {
        let current = self.current.keys().map(|id| StoredChange::Current(id.clone(), None));
        let target = self.target.keys().map(|id| StoredChange::Target(id.clone(), None));
        let members = self.members.keys().map(|id| StoredChange::Member(id.clone(), None));
        let epochs = [
            self.target_epoch.map(|_| StoredChange::TargetEpoch(None)),
            self.epoch.map(|_| StoredChange::Epoch(None)),
        ];
        current.chain(target).chain(members).chain(epochs.into_iter().flatten()).collect()
    }
}

fn put<V>(map: &mut BTreeMap<MemberId, V>, id: MemberId, value: Option<V>) {
    match value {
        Some(value) => map.insert(id, value),
        None => map.remove(&id),
    };
}
