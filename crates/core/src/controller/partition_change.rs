//! What may happen to a partition: who leads, who is in the ISR queue, who is eligible, and the epochs.
//!
//! Invariants of a partition's record, checked whenever one is finished:
//! - the ISR, the eligible and the leader are replicas; nobody is in the ISR and eligible at once;
//! - the leader is the head of the ISR queue (INV-35);
//! - with an ISR of at least the effective minimum nobody is eligible: only below it is the high watermark
//!   still, so that one who left then has every acknowledged record (KIP-966);
//! - the partition epoch rises with every change, the leader epoch with every change of the leader and with
//!   every new incarnation of it (INV-2).
//!
//! The last member of an ISR stays in it when its broker is fenced: it alone is known to have everything.

use yak_model::BrokerId;
use yak_model::DirectoryId;
use yak_model::metadata::{PartitionRecord, RecoveryState};

use crate::image::{Image, Topic, effective_min_isr};

/// A change of one partition in the making.
#[derive(Debug)]
pub(super) struct PartitionChange<'a> {
    before: &'a PartitionRecord,
    after: PartitionRecord,
    min_isr: usize,
    /// `unclean.leader.election.enable` of the topic.
    may_lose_records: bool,
}

impl<'a> PartitionChange<'a> {
    pub(super) fn new(topic: &Topic, before: &'a PartitionRecord) -> Self {
        let min_isr = effective_min_isr(topic.min_insync_replicas(), before.wanted);
        let may_lose_records = topic.unclean_leader_election();
        Self { before, after: before.clone(), min_isr, may_lose_records }
    }

    /// The broker cannot lead for now. It leaves the ISR, unless it is its last member.
    pub(super) fn fence(&mut self, broker: BrokerId) {
        if self.after.in_sync_replicas != [broker] {
            self.leave_isr(broker, true);
        }
        self.depose(broker);
    }

    /// A new process took the broker's place. `proven`: its log is whole, so that it has everything it had.
    ///
    /// It leaves the ISR in any case but two: the only replica that was ever wanted waits for nobody, and a sole
    /// member that has proven its log whole is still the one that has everything.
    pub(super) fn replace(&mut self, broker: BrokerId, proven: bool, directory: DirectoryId) {
        if !proven {
            self.after.eligible_leader_replicas.retain(|eligible| *eligible != broker);
        }
        let sole = self.after.in_sync_replicas == [broker];
        if sole && (self.after.wanted == 1 || proven) {
            self.set_directory(broker, directory);
        } else {
            self.leave_isr(broker, proven);
        }
        self.depose(broker);
    }

    /// Finds a leader if there is none: the live head of the ISR queue, else the first live eligible replica; where the
    /// topic would rather lose records than wait, else the first live replica.
    pub(super) fn elect(&mut self, image: &Image) {
        if self.after.leader.is_some() {
            return;
        }
        let live = |broker: &BrokerId| image.is_live(*broker);
        if let Some(head) = self.after.in_sync_replicas.iter().position(live) {
            self.after.in_sync_replicas[..=head].rotate_right(1);
        } else if let Some(at) = self.after.eligible_leader_replicas.iter().position(live) {
            // Those in the ISR so far have everything too: they change places with it.
            let elected = self.after.eligible_leader_replicas.remove(at);
            let former = std::mem::replace(&mut self.after.in_sync_replicas, vec![elected]);
            self.after.eligible_leader_replicas.extend(former);
            if let Some(broker) = image.broker(elected) {
                self.set_directory(elected, broker.directory());
            }
        } else {
            let others = self.after.replicas.iter().copied();
            let Some(broker) = others.filter(|_| self.may_lose_records).find(live) else { return };
            return self.elect_uncleanly(image, broker);
        }
        self.after.leader = self.after.in_sync_replicas.first().copied();
    }

    /// The ISR is the leader and these from now on. Who was in the queue keeps its place, others join at the end; a
    /// replica that was being added is one from its joining on.
    pub(super) fn set_isr(&mut self, image: &Image, leader: BrokerId, followers: &[BrokerId]) {
        let leaving = self.after.in_sync_replicas.clone();
        let leaving = leaving.into_iter().filter(|member| *member != leader && !followers.contains(member));
        leaving.for_each(|member| self.leave_isr(member, true));
        for member in followers {
            if !self.after.in_sync_replicas.contains(member) {
                self.join_isr(image, *member);
            }
        }
    }

    /// A caught-up replica joins at the end of the queue.
    fn join_isr(&mut self, image: &Image, member: BrokerId) {
        let directory = image.broker(member).map(crate::image::Broker::directory).unwrap_or_default();
        if self.after.adding_replicas.contains(&member) {
            self.after.adding_replicas.retain(|adding| *adding != member);
            self.after.replicas.push(member);
            self.after.directory_ids.push(directory);
        } else {
            self.set_directory(member, directory);
        }
        self.after.eligible_leader_replicas.retain(|eligible| *eligible != member);
        self.after.in_sync_replicas.push(member);
        self.after.recovery_state = RecoveryState::Recovered;
    }

    /// One more replica is on its way; those that died on theirs give way.
    pub(super) fn add_replica(&mut self, image: &Image, broker: BrokerId) {
        self.after.adding_replicas.retain(|adding| image.is_live(*adding));
        self.after.adding_replicas.push(broker);
    }

    /// Leadership goes to a live member of the ISR, which moves to the head of the queue.
    pub(super) fn hand_over(&mut self, to: BrokerId) {
        if let Some(at) = self.after.in_sync_replicas.iter().position(|member| *member == to) {
            self.after.in_sync_replicas[..=at].rotate_right(1);
            self.after.leader = Some(to);
        }
    }

    /// Leadership goes to a replica that may lack records: what it has is the log from now on.
    pub(super) fn elect_uncleanly(&mut self, image: &Image, broker: BrokerId) {
        self.after.in_sync_replicas = vec![broker];
        self.after.eligible_leader_replicas.clear();
        self.after.leader = Some(broker);
        self.after.recovery_state = RecoveryState::Recovering;
        if let Some(found) = image.broker(broker) {
            self.set_directory(broker, found.directory());
        }
    }

    /// The new record; `None` if nothing changed.
    pub(super) fn finish(mut self) -> Option<PartitionRecord> {
        if self.after.in_sync_replicas.len() >= self.min_isr {
            self.after.eligible_leader_replicas.clear();
        }
        if self.after == *self.before {
            return None;
        }
        if self.after.leader != self.before.leader {
            self.after.leader_epoch = self.before.leader_epoch.next();
        }
        self.after.partition_epoch = self.before.partition_epoch.next();
        check(&self.after);
        Some(self.after)
    }

    fn leave_isr(&mut self, broker: BrokerId, stays_eligible: bool) {
        let size = self.after.in_sync_replicas.len();
        self.after.in_sync_replicas.retain(|member| *member != broker);
        let left = self.after.in_sync_replicas.len() < size;
        if left && stays_eligible && self.after.in_sync_replicas.len() < self.min_isr {
            self.after.eligible_leader_replicas.push(broker);
        }
    }

    fn depose(&mut self, broker: BrokerId) {
        if self.after.leader == Some(broker) {
            self.after.leader = None;
        }
    }

    /// The directory in which the replica is as it enters the ISR, or stays in it with a new process.
    fn set_directory(&mut self, broker: BrokerId, directory: DirectoryId) {
        let at = self.after.replicas.iter().position(|replica| *replica == broker);
        if let Some(known) = at.and_then(|at| self.after.directory_ids.get_mut(at)) {
            *known = directory;
        }
    }
}

/// The leader that a change brought although it may lack records.
pub(super) fn unclean_leader(before: &PartitionRecord, after: &PartitionRecord) -> Option<BrokerId> {
    let has_all = |leader: &BrokerId| {
        before.in_sync_replicas.iter().chain(&before.eligible_leader_replicas).any(|id| id == leader)
    };
    after.leader.filter(|leader| before.leader != Some(*leader) && !has_all(leader))
}

/// Asserts the invariants of a record, new or changed.
pub(super) fn check(partition: &PartitionRecord) {
    let isr = &partition.in_sync_replicas;
    let eligible = &partition.eligible_leader_replicas;
    let is_replica = |broker: &BrokerId| partition.replicas.contains(broker);
    assert_eq!(partition.replicas.len(), partition.directory_ids.len(), "one directory a replica");
    assert!(isr.iter().chain(eligible).all(is_replica), "ISR and eligible are replicas: {partition:?}");
    assert!(!eligible.iter().any(|broker| isr.contains(broker)), "in the ISR and eligible: {partition:?}");
    assert!(
        partition.leader.is_none_or(|leader| isr.first() == Some(&leader)),
        "INV-35: the head of the ISR queue leads: {partition:?}"
    );
}
