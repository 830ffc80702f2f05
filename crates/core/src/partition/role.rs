//! Roles as types, and how a partition record changes them.

use yak_model::api::Rejection;
use yak_model::config::FlushMode;
use yak_model::metadata::PartitionRecord;
use yak_model::{BrokerId, ErrorCode, LeaderEpoch};

use super::leader::Leader;
use super::{Replica, ReplicaLog};

/// What a replica is, for whoever looks from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nobody leads as far as it knows, or it is no replica any more.
    Offline,
    /// It leads.
    Leader(LeaderEpoch),
    /// Another broker leads.
    Follower(LeaderEpoch, BrokerId),
}

/// What a replica is, with what belongs to it.
#[derive(Debug)]
pub(super) enum RoleState {
    Offline,
    Leader(Leader),
    Follower(Follower),
}

/// A replica that follows.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) leader: BrokerId,
    /// It is in the ISR, so that readers may be served from it if they wish.
    pub(super) is_in_sync: bool,
}

impl<L: ReplicaLog> Replica<L> {
    /// What it is now.
    pub fn role(&self) -> Role {
        match &self.role {
            RoleState::Offline => Role::Offline,
            RoleState::Leader(leader) => Role::Leader(leader.epoch),
            RoleState::Follower(follower) => Role::Follower(self.leader_epoch, follower.leader),
        }
    }

    /// The partition's state as the metadata has it now. Older news than the last is ignored.
    ///
    /// # Panics
    /// If the record is of another topic, or the leader epoch falls while the partition epoch rises.
    pub fn handle_partition_record(&mut self, now_ms: u64, record: &PartitionRecord) {
        self.advance_clock(now_ms);
        assert_eq!(record.topic_id, self.identity.topic_id, "INV-27: a record of another topic");
        if self.partition_epoch.is_some_and(|known| record.partition_epoch <= known) {
            return;
        }
        assert!(record.leader_epoch >= self.leader_epoch, "a leader epoch never falls");
        self.partition_epoch = Some(record.partition_epoch);
        self.leader_epoch = record.leader_epoch;
        let me = self.identity.broker_id;
        match record.leader {
            Some(leader) if leader == me => self.lead(record),
            Some(leader) if record.replicas.contains(&me) || record.adding_replicas.contains(&me) => {
                let is_in_sync = record.in_sync_replicas.contains(&me);
                self.follow_in(RoleState::Follower(Follower { leader, is_in_sync }));
            }
            _ => self.step_down(RoleState::Offline),
        }
        self.advance_high_watermark();
    }

    fn lead(&mut self, record: &PartitionRecord) {
        let (me, now_ms, end) = (self.identity.broker_id, self.now_ms, self.log.end());
        match &mut self.role {
            RoleState::Leader(leader) if leader.epoch == record.leader_epoch => {
                leader.update(me, now_ms, record, end);
            }
            // What waits goes on waiting in a new epoch of the same leader: its log is still the log.
            role => {
                *role = RoleState::Leader(Leader::new(me, now_ms, record, end));
                self.log.start_epoch(record.leader_epoch);
            }
        }
        // What was synced before anybody listened.
        self.durable_end = self.durable_end.max(self.log.durable_end());
        if self.identity.flush == FlushMode::Sync && self.durable_end < self.log.end() {
            self.effects.sync();
        }
    }

    /// Follows a leader, the same or another one.
    fn follow_in(&mut self, role: RoleState) {
        self.step_down(role);
        // An epoch in which nothing was appended would stand above what the leader has there.
        self.log.forget_empty_epochs();
        self.durable_end = self.durable_end.max(self.log.durable_end().min(self.log.end()));
        // What recovery could not vouch for is synced without waiting for the next append.
        if self.identity.flush == FlushMode::Sync && self.durable_end < self.log.end() {
            self.effects.sync();
        }
    }

    fn step_down(&mut self, role: RoleState) {
        if let RoleState::Leader(_) = std::mem::replace(&mut self.role, role) {
            let message = format!("broker {} stopped leading", self.identity.broker_id);
            self.fail_waiters(ErrorCode::NotEnoughReplicasAfterAppend, &message);
        }
    }

    /// Whether this replica leads, in the epoch that is asked for, if one is.
    ///
    /// # Errors
    ///
    /// `KAFKA_STORAGE_ERROR`, `NOT_LEADER_OR_FOLLOWER`, `FENCED_LEADER_EPOCH`, `UNKNOWN_LEADER_EPOCH`.
    pub fn check_leads(&self, leader_epoch: Option<LeaderEpoch>) -> Result<(), Rejection> {
        self.leading(leader_epoch).map(drop)
    }

    /// The leader's state.
    ///
    /// # Errors
    ///
    /// Those of [`Replica::check_leads`].
    pub(super) fn leading_mut(&mut self) -> Result<&mut Leader, Rejection> {
        self.check_leads(None)?;
        match &mut self.role {
            RoleState::Leader(leader) => Ok(leader),
            _ => unreachable!("it was just found to lead"),
        }
    }

    pub(super) fn leading(&self, leader_epoch: Option<LeaderEpoch>) -> Result<&Leader, Rejection> {
        self.check_not_failed()?;
        let RoleState::Leader(leader) = &self.role else {
            let message = format!("broker {} does not lead it", self.identity.broker_id);
            return self.refuse(ErrorCode::NotLeaderOrFollower, message);
        };
        self.check_epoch(leader_epoch, leader.epoch)?;
        Ok(leader)
    }

    /// Whether a request is meant for the present epoch.
    pub(super) fn check_epoch(
        &self,
        asked: Option<LeaderEpoch>,
        present: LeaderEpoch,
    ) -> Result<(), Rejection> {
        match asked {
            Some(asked) if asked < present => {
                let message = format!("leader epoch {asked} is over, it is {present} now");
                self.refuse(ErrorCode::FencedLeaderEpoch, message)
            }
            Some(asked) if asked > present => {
                let message = format!("leader epoch {asked} is not known here yet, only {present}");
                self.refuse(ErrorCode::UnknownLeaderEpoch, message)
            }
            _ => Ok(()),
        }
    }
}
