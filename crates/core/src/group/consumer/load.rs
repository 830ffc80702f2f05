//! A group that another coordinator has run.

use std::collections::BTreeSet;

use yak_model::api::GroupState;
use yak_model::{MemberEpoch, MemberId};

use super::member::{Member, MemberState, one_by_one};
use super::stored::{StoredConsumerGroup, StoredMember};
use super::topics::{Partition, Topics};
use super::{ConsumerGroup, GroupConfig};

impl ConsumerGroup {
    /// The group as it was stored. Its members have a whole session from `now_ms` on, and a whole rebalance timeout if
    /// they are giving partitions up. If topics have changed since its target was made, a new one is made: there may be
    /// effects.
    ///
    /// What contradicts itself in what was stored, as another program may have written it, is put right: a partition
    /// with two owners has one.
    #[must_use]
    pub fn load(config: GroupConfig, now_ms: u64, stored: StoredConsumerGroup, topics: &Topics) -> Self {
        let mut group = Self::new(config, topics);
        group.now_ms = now_ms;
        let zero = MemberEpoch::new(0);
        let mut stored = stored;
        group.epoch = stored.epoch.unwrap_or(zero);
        group.target_epoch = stored.target_epoch.unwrap_or(zero);
        for (id, about) in std::mem::take(&mut stored.members) {
            group.load_member(id, about, &mut stored);
        }
        group.order_epochs();
        group.is_due = group.epoch != group.target_epoch;
        group.wanted = group.wanted_now();
        let is_old = group.assign().iter().any(|(id, target)| group.members[id].target != *target);
        if is_old && !group.is_due {
            group.require_target("topics have changed since the group was assigned them".to_owned());
        }
        group.make_target_if_time();
        if !matches!(group.state(), GroupState::Stable | GroupState::Empty) {
            let cause = "the group's coordinator moved in a rebalance".to_owned();
            group.rebalance.get_or_insert((cause, now_ms));
        }
        group.finish();
        group.check();
        group
    }

    fn load_member(&mut self, id: MemberId, about: StoredMember, stored: &mut StoredConsumerGroup) {
        let mut member = Member::new(about, self.target_epoch, self.now_ms);
        if let Some(regex) = &member.about.topic_regex
            && self.patterns.learn(regex, &self.topics).is_err()
        {
            member.about.topic_regex = None;
        }
        if let Some(current) = stored.current.remove(&id) {
            member.epoch = current.member_epoch;
            member.previous_epoch = current.previous_epoch;
            member.assigned = self.unowned(one_by_one(&current.assigned));
            member.revoking = self.unowned(one_by_one(&current.revoking));
            member.revoking = &member.revoking - &member.assigned;
            member.state = match current.state {
                MemberState::Revoking if member.revoking.is_empty() => MemberState::Stable,
                state => state,
            };
        }
        if member.state != MemberState::Revoking {
            member.revoking.clear();
        }
        let target = one_by_one(&stored.target.remove(&id).unwrap_or_default());
        member.target =
            target.into_iter().filter(|partition| !self.target_owners.contains_key(partition)).collect();
        self.owners.extend(member.reserved().map(|partition| (partition, id.clone())));
        self.target_owners.extend(member.target.iter().map(|partition| (*partition, id.clone())));
        if let Some(instance) = member.instance_id() {
            self.instances.insert(instance.clone(), id.clone());
        }
        self.members.insert(id, member);
    }

    /// A group's epoch is its latest, a target's is not before that of anybody who has something.
    fn order_epochs(&mut self) {
        for member in self.members.values() {
            if member.reserved().next().is_some() {
                self.target_epoch = self.target_epoch.max(member.epoch);
            }
            self.epoch = self.epoch.max(member.epoch).max(self.target_epoch);
        }
    }

    fn unowned(&self, partitions: BTreeSet<Partition>) -> BTreeSet<Partition> {
        partitions.into_iter().filter(|partition| !self.owners.contains_key(partition)).collect()
    }
}
