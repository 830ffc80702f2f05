//! Members on their way to what they are to have.

use std::collections::BTreeSet;

use yak_model::api::TopicPartitions;
use yak_model::{MemberEpoch, MemberId};

use super::member::{Member, MemberState, by_topic};
use super::{ConsumerGroup, Partition, StoredChange};

/// What a member is to be told on its group stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Its epoch from now on.
    pub member_epoch: MemberEpoch,
    /// Everything that it is to own; what it owns besides it is to give up, and to say so.
    pub partitions: Vec<TopicPartitions>,
    /// Whether this is all of its part: nothing more comes when others have given it up.
    pub is_complete: bool,
}

impl ConsumerGroup {
    /// What a member is to be told now, as if it had asked: it is brought as far towards its target as others allow, and
    /// that is stored. `None`: it is not there (any more).
    pub fn assignment_for(&mut self, now_ms: u64, id: &MemberId) -> Option<Assignment> {
        self.advance(now_ms);
        self.members.get(id).filter(|member| !member.is_away())?;
        if self.has_news(id) {
            self.reconcile(id);
        }
        // It is being told.
        self.news.remove(id);
        self.finish();
        let member = self.members.get(id)?;
        Some(Assignment {
            member_epoch: member.epoch,
            partitions: by_topic(&member.assigned),
            is_complete: member.state != MemberState::Revoking && member.is_settled() && !self.is_due,
        })
    }

    /// Whether a member can be told something new now.
    pub(super) fn has_news(&self, id: &MemberId) -> bool {
        let Some(member) = self.members.get(id) else { return false };
        if member.is_away() || member.state == MemberState::Revoking {
            return false;
        }
        let is_free = |partition: &Partition| !self.owners.contains_key(partition);
        !member.assigned.is_subset(&member.target) || member.target.difference(&member.assigned).any(is_free)
    }

    /// Brings a member as far towards its target as others allow: first it gives up, then it gets.
    pub(super) fn reconcile(&mut self, id: &MemberId) {
        let target_epoch = self.target_epoch;
        let now_ms = self.now_ms;
        let Some(member) = self.members.get_mut(id) else { return };
        if member.is_away() || member.state == MemberState::Revoking {
            return;
        }
        let before = (member.epoch, member.state, member.assigned.len());
        // A member that joined while a target is being waited for is ahead of the present one.
        member.epoch = member.epoch.max(target_epoch);
        let (kept, gone): (BTreeSet<Partition>, BTreeSet<Partition>) =
            member.assigned.iter().copied().partition(|partition| member.target.contains(partition));
        if gone.is_empty() {
            let missing: Vec<Partition> = member.target.difference(&kept).copied().collect();
            let free = missing.iter().filter(|partition| !self.owners.contains_key(*partition));
            let free: Vec<Partition> = free.copied().collect();
            let is_all = free.len() == missing.len();
            member.state = if is_all { MemberState::Stable } else { MemberState::Waiting };
            member.assigned.extend(&free);
            self.owners.extend(free.into_iter().map(|partition| (partition, id.clone())));
        } else {
            member.state = MemberState::Revoking;
            member.revoking_since_ms = now_ms;
            member.assigned = kept;
            member.revoking = gone;
        }
        if before != (member.epoch, member.state, member.assigned.len()) {
            self.moved.insert(id.clone());
        }
    }

    /// A member has given up what it was told to. Its epoch goes on, so that what it said before is old.
    pub(super) fn give_up(&mut self, id: &MemberId) {
        let Some(member) = self.members.get_mut(id) else { return };
        let given = std::mem::take(&mut member.revoking);
        member.state = MemberState::Stable;
        if member.epoch == self.target_epoch {
            self.begin_epoch();
        }
        self.moved.insert(id.clone());
        self.release(given);
    }

    /// Nobody has these partitions any more; whoever is to have them can be told.
    pub(super) fn release(&mut self, partitions: impl IntoIterator<Item = Partition>) {
        for partition in partitions {
            self.owners.remove(&partition);
            if let Some(next) = self.target_owners.get(&partition).filter(|next| self.has_news(next)) {
                self.news.insert(next.clone());
            }
        }
    }

    /// An epoch of its own, in which nobody's target changes.
    pub(super) fn begin_epoch(&mut self) {
        self.epoch = next(self.epoch);
        self.target_epoch = next(self.target_epoch);
        self.changes.push(StoredChange::Epoch(Some(self.epoch)));
        self.changes.push(StoredChange::TargetEpoch(Some(self.target_epoch)));
    }

    /// A member whose presence was checked.
    pub(super) fn known(&mut self, id: &MemberId) -> &mut Member {
        self.members.get_mut(id).expect("its presence was checked")
    }
}

/// The epoch after this one.
///
/// # Panics
///
/// After two thousand million of them.
pub(super) fn next(epoch: MemberEpoch) -> MemberEpoch {
    MemberEpoch::new(epoch.get().checked_add(1).expect("a group does not change so often"))
}
