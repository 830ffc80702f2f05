//! The leader's part: its epoch, and how far every other replica is.

use yak_model::api::Rejection;
use yak_model::config::FlushMode;
use yak_model::metadata::PartitionRecord;
use yak_model::{BrokerId, ErrorCode, LeaderEpoch, Offset};

use super::role::RoleState;
use super::{Replica, ReplicaLog};
use crate::image::effective_min_isr;

/// What a follower says with a fetch.
#[derive(Clone, Copy, Debug)]
pub struct FollowerFetch {
    /// Who.
    pub broker_id: BrokerId,
    /// The epoch in which it believes to follow.
    pub leader_epoch: LeaderEpoch,
    /// Its log's end: send from here.
    pub fetch_offset: Offset,
    /// Its durable end: counts for the high watermark.
    pub durable_offset: Offset,
}

/// A replica that leads.
#[derive(Debug)]
pub(super) struct Leader {
    pub(super) epoch: LeaderEpoch,
    /// The log's end when the epoch began; below it are records of earlier leaders.
    pub(super) epoch_start: Offset,
    wanted: u16,
    /// The committed ISR, which is the maximal one while no change of it is under way.
    pub(super) in_sync_replicas: Vec<BrokerId>,
    /// Every replica but this one.
    followers: Vec<Progress>,
}

/// How far a follower is, as it said in this epoch; `None` until it did.
#[derive(Clone, Copy, Debug)]
struct Progress {
    broker_id: BrokerId,
    /// The end that counts: the durable one in a `flush=sync` topic, else the log's.
    end: Option<Offset>,
}

impl Leader {
    pub(super) fn new(me: BrokerId, record: &PartitionRecord, epoch_start: Offset) -> Self {
        let mut leader = Self {
            epoch: record.leader_epoch,
            epoch_start,
            wanted: 0,
            in_sync_replicas: Vec::new(),
            followers: Vec::new(),
        };
        leader.update(me, record);
        leader
    }

    /// Takes over replicas and ISR from a record of the same epoch.
    pub(super) fn update(&mut self, me: BrokerId, record: &PartitionRecord) {
        self.wanted = record.wanted;
        self.in_sync_replicas.clone_from(&record.in_sync_replicas);
        let known = std::mem::take(&mut self.followers);
        let others = record.replicas.iter().chain(&record.adding_replicas).filter(|id| **id != me);
        for id in others {
            let end = known.iter().find(|old| old.broker_id == *id).and_then(|old| old.end);
            if !self.followers.iter().any(|follower| follower.broker_id == *id) {
                self.followers.push(Progress { broker_id: *id, end });
            }
        }
    }

    pub(super) fn in_sync_count(&self) -> usize {
        self.in_sync_replicas.len()
    }

    pub(super) fn min_isr(&self, min_insync_replicas: u16) -> usize {
        effective_min_isr(min_insync_replicas, self.wanted)
    }

    /// The least end that counts over the maximal ISR; a member that was not yet heard of holds it at 0.
    pub(super) fn least_end(&self, own_end: Offset) -> Offset {
        let of_member = |id: &BrokerId| self.followers.iter().find(|follower| follower.broker_id == *id);
        let ends = self.in_sync_replicas.iter().filter_map(of_member);
        ends.map(|follower| follower.end.unwrap_or(Offset::ZERO)).fold(own_end, Offset::min)
    }

    /// The followers whose end that counts is at or behind an offset.
    pub(super) fn followers_at(&self, end: Offset) -> impl Iterator<Item = BrokerId> {
        let there = move |follower: &&Progress| follower.end.is_some_and(|known| known >= end);
        self.followers.iter().filter(there).map(|follower| follower.broker_id)
    }
}

impl<L: ReplicaLog> Replica<L> {
    /// A follower fetches in this epoch: its end counts from here on, before the fetch is answered.
    ///
    /// # Errors
    ///
    /// This replica does not lead, in that epoch; the follower is not a replica; or it has more than the leader.
    pub fn handle_follower_fetch(&mut self, now_ms: u64, fetch: FollowerFetch) -> Result<(), Rejection> {
        self.advance_clock(now_ms);
        self.check_leads(Some(fetch.leader_epoch))?;
        let end = match self.identity.flush {
            FlushMode::Sync => fetch.durable_offset,
            FlushMode::Os => fetch.fetch_offset,
        };
        if fetch.fetch_offset > self.log.end() || fetch.durable_offset > fetch.fetch_offset {
            let message = format!("broker {} says its log ends at {}", fetch.broker_id, fetch.fetch_offset);
            return self.refuse(ErrorCode::OffsetOutOfRange, message);
        }
        let RoleState::Leader(leader) = &mut self.role else { unreachable!("checked above") };
        let Some(follower) = leader.followers.iter_mut().find(|known| known.broker_id == fetch.broker_id)
        else {
            let message = format!("broker {} is not a replica", fetch.broker_id);
            return self.refuse(ErrorCode::ReplicaNotAvailable, message);
        };
        follower.end = Some(end);
        self.advance_high_watermark();
        Ok(())
    }

    /// Whose logs hold everything before `end`, in the way that counts for this topic.
    pub fn holders(&self, end: Offset) -> impl Iterator<Item = BrokerId> {
        let followers = match &self.role {
            RoleState::Leader(leader) => Some(leader.followers_at(end)),
            _ => None,
        };
        std::iter::once(self.identity.broker_id).chain(followers.into_iter().flatten())
    }
}
