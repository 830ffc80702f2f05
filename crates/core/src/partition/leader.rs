//! The leader's part: its epoch, and how far every other replica is.

use yak_model::api::Rejection;
use yak_model::config::FlushMode;
use yak_model::metadata::PartitionRecord;
use yak_model::{BrokerEpoch, BrokerId, ErrorCode, LeaderEpoch, Offset};

use super::isr::Pending;
use super::{Replica, ReplicaLog};
use crate::image::effective_min_isr;

/// A replica that leads.
#[derive(Debug)]
pub(super) struct Leader {
    pub(super) epoch: LeaderEpoch,
    /// The log's end when the epoch began; below it are records of earlier leaders.
    pub(super) epoch_start: Offset,
    wanted: u16,
    /// The committed ISR.
    pub(super) in_sync_replicas: Vec<BrokerId>,
    /// Whether somebody who left the ISR may still be elected.
    pub(super) has_eligible: bool,
    /// Every replica but this one.
    pub(super) followers: Vec<Progress>,
    /// The proposal under way, at most one (INV-9).
    pub(super) pending: Option<Pending>,
}

/// How far a follower is, as it said in this epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    pub(super) broker_id: BrokerId,
    /// The registration that fetched last.
    pub(super) broker_epoch: Option<BrokerEpoch>,
    /// The end that counts: the durable one in a `flush=sync` topic, else the log's. `None` until it was heard of.
    pub(super) end: Option<Offset>,
    /// It followed this leader at this time, or later.
    pub(super) followed_ms: Option<u64>,
    /// It had everything that the leader had at this time.
    pub(super) caught_up_ms: u64,
    /// A time, and the leader's end then: reaching it is having caught up at that time.
    mark: (u64, Offset),
    /// Not proposed for the ISR before.
    pub(super) not_before_ms: u64,
}

impl Progress {
    /// A follower that has a whole lag time from now on.
    const fn new(broker_id: BrokerId, now_ms: u64, leader_end: Offset) -> Self {
        Self {
            broker_id,
            broker_epoch: None,
            end: None,
            followed_ms: None,
            caught_up_ms: now_ms,
            mark: (now_ms, leader_end),
            not_before_ms: 0,
        }
    }

    /// It said that its log counts up to `end`.
    fn heard(&mut self, now_ms: u64, broker_epoch: BrokerEpoch, end: Offset, leader_end: Offset) {
        self.broker_epoch = Some(broker_epoch);
        self.end = Some(end);
        if end >= leader_end {
            self.caught_up_ms = now_ms;
            self.mark = (now_ms, leader_end);
        } else if end >= self.mark.1 {
            self.caught_up_ms = self.mark.0.max(self.caught_up_ms);
            self.mark = (now_ms, leader_end);
        }
    }
}

impl Leader {
    pub(super) fn new(me: BrokerId, now_ms: u64, record: &PartitionRecord, epoch_start: Offset) -> Self {
        let mut leader = Self {
            epoch: record.leader_epoch,
            epoch_start,
            wanted: 0,
            in_sync_replicas: Vec::new(),
            has_eligible: false,
            followers: Vec::new(),
            pending: None,
        };
        leader.update(me, now_ms, record, epoch_start);
        leader
    }

    /// Takes over replicas and ISR from a record of the same epoch.
    pub(super) fn update(&mut self, me: BrokerId, now_ms: u64, record: &PartitionRecord, end: Offset) {
        self.wanted = record.wanted;
        let entered: Vec<BrokerId> = record
            .in_sync_replicas
            .iter()
            .copied()
            .filter(|id| !self.in_sync_replicas.contains(id))
            .collect();
        self.in_sync_replicas.clone_from(&record.in_sync_replicas);
        self.has_eligible = !record.eligible_leader_replicas.is_empty();
        // Whatever was proposed was about the state before this record.
        self.pending = None;
        let known = std::mem::take(&mut self.followers);
        let others = record.replicas.iter().chain(&record.adding_replicas).filter(|id| **id != me);
        for id in others {
            if self.followers.iter().any(|follower| follower.broker_id == *id) {
                continue;
            }
            let before = known.iter().find(|old| old.broker_id == *id).copied();
            let mut progress = before.unwrap_or(Progress::new(*id, now_ms, end));
            if entered.contains(id) {
                // It has a whole lag time from its joining on.
                progress.caught_up_ms = progress.caught_up_ms.max(now_ms);
            }
            self.followers.push(progress);
        }
    }

    pub(super) fn in_sync_count(&self) -> usize {
        self.in_sync_replicas.len()
    }

    pub(super) fn min_isr(&self, min_insync_replicas: u16) -> usize {
        effective_min_isr(min_insync_replicas, self.wanted)
    }

    /// The committed ISR and whoever is proposed for it: all of them count (INV-8).
    pub(super) fn is_in_maximal_isr(&self, broker: BrokerId) -> bool {
        self.in_sync_replicas.contains(&broker)
            || self.pending.as_ref().is_some_and(|pending| pending.names(broker))
    }

    /// The least end that counts over the maximal ISR; a member that was not yet heard of holds it at 0.
    pub(super) fn least_end(&self, own_end: Offset) -> Offset {
        let counting = self.followers.iter().filter(|follower| self.is_in_maximal_isr(follower.broker_id));
        counting.map(|follower| follower.end.unwrap_or(Offset::ZERO)).fold(own_end, Offset::min)
    }

    /// The followers whose end that counts is at or behind an offset.
    pub(super) fn followers_at(&self, end: Offset) -> impl Iterator<Item = BrokerId> {
        let there = move |follower: &&Progress| follower.end.is_some_and(|known| known >= end);
        self.followers.iter().filter(there).map(|follower| follower.broker_id)
    }

    /// Whether there are other members of the ISR, and each followed in this epoch within the last `within_ms`.
    pub(super) fn is_followed(&self, now_ms: u64, within_ms: u64) -> bool {
        let recent = |follower: &Progress| {
            follower.followed_ms.is_some_and(|followed| now_ms < followed.saturating_add(within_ms))
        };
        let mut members =
            self.followers.iter().filter(|follower| self.in_sync_replicas.contains(&follower.broker_id));
        self.in_sync_count() > 1 && members.all(recent)
    }
}

impl<L: ReplicaLog> Replica<L> {
    /// Takes note of how far a follower is, which counts from here on.
    pub(super) fn heard(&mut self, fetch: &super::FollowerFetch) -> Result<(), Rejection> {
        let end = match self.identity.flush {
            FlushMode::Sync => fetch.durable_offset,
            FlushMode::Os => fetch.fetch_offset,
        };
        let (now_ms, leader_end) = (self.now_ms, self.log.end());
        let leader = self.leading_mut()?;
        let Some(follower) = leader.followers.iter_mut().find(|known| known.broker_id == fetch.broker_id)
        else {
            let message = format!("broker {} is not a replica", fetch.broker_id);
            return self.refuse(ErrorCode::ReplicaNotAvailable, message);
        };
        if follower.broker_epoch.is_some_and(|known| fetch.broker_epoch < known) {
            let message = format!("broker {} has registered anew since", fetch.broker_id);
            return self.refuse(ErrorCode::StaleBrokerEpoch, message);
        }
        follower.heard(now_ms, fetch.broker_epoch, end, leader_end);
        follower.followed_ms = follower.followed_ms.max(fetch.sent_after_ms);
        Ok(())
    }

    /// Whose ends count for the high watermark: the leader, the committed ISR and who is proposed for it (INV-8);
    /// `None` unless this replica leads.
    pub fn maximal_isr(&self) -> Option<Vec<BrokerId>> {
        let super::role::RoleState::Leader(leader) = &self.role else { return None };
        let ids = leader.followers.iter().map(|follower| follower.broker_id);
        let members = ids.filter(|broker| leader.is_in_maximal_isr(*broker));
        Some(std::iter::once(self.identity.broker_id).chain(members).collect())
    }

    /// Whose logs hold everything before `end`, in the way that counts for this topic.
    pub fn holders(&self, end: Offset) -> impl Iterator<Item = BrokerId> {
        let followers = match &self.role {
            super::role::RoleState::Leader(leader) => Some(leader.followers_at(end)),
            _ => None,
        };
        std::iter::once(self.identity.broker_id).chain(followers.into_iter().flatten())
    }
}
