//! One replica of one partition: what it accepts, what is visible, what is acknowledged.
//!
//! ```text
//!                    record: I lead (epoch e)
//!     ┌─────────┐ ──────────────────────────────► ┌────────┐ ◄─┐ record: I lead (epoch > e)
//!     │ Offline │                                 │ Leader │ ──┘
//!     │         │ ──► ┌──────────┐ ◄────────────► └────────┘
//!     └─────────┘ ◄── │ Follower │    records        every waiter's fate becomes unknown
//!       not mine      └──────────┘                   when it stops leading
//!
//!     any role ── handle_log_failed ──► failed, for ever: everything is KAFKA_STORAGE_ERROR
//! ```
//!
//! The roles are types ([`Role`]); what only a leader has is in the leader. The replica owns its
//! log through [`ReplicaLog`]: the shell keeps the whole in one lock per partition and calls it inline.
//!
//! # Order of calls
//!
//! After each `handle_*` the shell drains [`Replica::poll_effect`] before it releases the lock. Effects come in
//! this order: a sync to ask for, the new high watermark, a word to the leader or a proposal to the controller, answers
//! to waiting produces. A produce that can be
//! answered at once is answered by the return value, without an effect and without an allocation.
//!
//! # Invariants
//!
//! - INV-10: the high watermark never falls, whatever role comes and goes.
//! - INV-13: it does not advance while the ISR is below the effective minimum.
//! - INV-17: nothing is acknowledged after the log failed.
//! - INV-24: a produce *refused* left nothing in the log; one that failed *after* its append is answered by a
//!   code that means "unknown" (`NOT_ENOUGH_REPLICAS_AFTER_APPEND`, `REQUEST_TIMED_OUT`, `KAFKA_STORAGE_ERROR`).
//! - INV-25: a reader is never given an offset at or above the high watermark.

mod effects;
mod fetch;
mod follower;
mod isr;
mod leader;
mod log;
mod produce;
mod role;
#[cfg(test)]
mod tests;
mod waiters;

pub use effects::Effect;
use effects::Effects;
pub use fetch::FetchBound;
pub use follower::{Followed, FollowerAnswer, FollowerFetch};
pub use log::{AppendFailure, Appended, ReplicaLog};
pub use produce::{Acknowledged, LEASE_MS, ProduceOutcome, ProduceRequest};
pub use role::Role;
use role::RoleState;
use waiters::Waiters;
pub use waiters::{MAX_WAITERS, Token};
use yak_model::api::Rejection;
use yak_model::config::FlushMode;
use yak_model::{BrokerId, ErrorCode, LeaderEpoch, Offset, PartitionEpoch, TopicId, TopicPartition};

/// A follower that was not caught up for as long leaves the ISR (Kafka's `replica.lag.time.max.ms`, 30 s there).
pub const LAG_TIME_MAX_MS: u64 = 3_000;

/// What a replica is told once.
#[derive(Clone, Debug)]
pub struct ReplicaIdentity {
    /// The broker it is on.
    pub broker_id: BrokerId,
    /// The partition, for messages.
    pub partition: TopicPartition,
    /// The topic, by id; records of another are a bug.
    pub topic_id: TopicId,
    /// What an acknowledgement means, for the topic's whole life.
    pub flush: FlushMode,
}

/// One replica over its log.
#[derive(Debug)]
pub struct Replica<L> {
    identity: ReplicaIdentity,
    log: L,
    role: RoleState,
    /// Of the last partition record; neither ever falls.
    leader_epoch: LeaderEpoch,
    partition_epoch: Option<PartitionEpoch>,
    /// The first offset not known to be on the whole ISR.
    high_watermark: Offset,
    /// Everything before it is synced here.
    durable_end: Offset,
    min_insync_replicas: u16,
    failed: Option<String>,
    waiters: Waiters,
    effects: Effects,
    /// The latest `now` seen.
    now_ms: u64,
}

impl<L: ReplicaLog> Replica<L> {
    /// A replica over a recovered log, offline until a partition record says what it is.
    ///
    /// `high_watermark` is the checkpointed one; what the log no longer has of it is left out.
    pub fn new(identity: ReplicaIdentity, log: L, high_watermark: Offset, min_insync_replicas: u16) -> Self {
        Self {
            high_watermark: high_watermark.clamp(log.start(), log.end()),
            durable_end: log.durable_end(),
            identity,
            log,
            role: RoleState::Offline,
            leader_epoch: LeaderEpoch::UNKNOWN,
            partition_epoch: None,
            min_insync_replicas,
            failed: None,
            waiters: Waiters::default(),
            effects: Effects::default(),
            now_ms: 0,
        }
    }

    /// Which partition, where.
    pub fn identity(&self) -> &ReplicaIdentity {
        &self.identity
    }

    /// The log.
    pub fn log(&self) -> &L {
        &self.log
    }

    /// The log, for what the core has no part in (retention, rolling, closing). Its end must not move.
    pub fn log_mut(&mut self) -> &mut L {
        &mut self.log
    }

    /// The log, at the replica's end.
    pub fn into_log(self) -> L {
        self.log
    }

    /// The first offset not known to be on the whole ISR.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Why the log is offline, if it is.
    pub fn failure(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// The next thing to be done, until there is none.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.poll(self.high_watermark)
    }

    /// When [`Replica::handle_time`] wants to be called, on the clock of `now`. It may be earlier than needed.
    pub fn next_deadline(&self) -> Option<u64> {
        self.waiters.next_deadline()
    }

    /// Whether [`Replica::handle_time`] is to be called now and then, deadline or not: it leads others, and must notice
    /// who lags.
    pub fn watches_followers(&self) -> bool {
        matches!(&self.role, RoleState::Leader(leader) if !leader.followers.is_empty())
    }

    /// Time passed: answers the waiters whose deadline has come, and proposes to go on without followers that lag.
    pub fn handle_time(&mut self, now_ms: u64) {
        self.advance_clock(now_ms);
        self.propose_in_time();
        let Self { waiters, effects, .. } = self;
        let (code, message) = match &self.role {
            RoleState::Leader(leader)
                if leader.in_sync_count() < leader.min_isr(self.min_insync_replicas) =>
            {
                (
                    ErrorCode::NotEnoughReplicasAfterAppend,
                    "written, but too few replicas were in sync until the timeout",
                )
            }
            _ => {
                (ErrorCode::RequestTimedOut, "written, but not acknowledged by the in-sync replicas in time")
            }
        };
        waiters.expire(now_ms, |token| {
            effects.done(token, Err(Rejection::new(code, format!("{}: {message}", self.identity.partition))));
        });
    }

    /// Everything before `offset` is synced here, as far as the log agrees.
    pub fn handle_durable(&mut self, now_ms: u64, offset: Offset) {
        self.advance_clock(now_ms);
        let before = self.durable_end;
        self.durable_end = before.max(offset.min(self.log.durable_end()));
        if matches!(self.role, RoleState::Follower(_)) {
            if self.durable_end > before && self.identity.flush == FlushMode::Sync {
                self.effects.progress();
            }
            return;
        }
        self.advance_high_watermark();
    }

    /// A write or sync of this log failed, or of another log of the same directory: nothing is acknowledged from
    /// here on (INV-17), and what waits is unknown.
    pub fn handle_log_failed(&mut self, reason: &str) {
        if self.failed.is_none() {
            self.failed = Some(reason.to_owned());
        }
        self.effects.forget_sync();
        self.fail_waiters(ErrorCode::KafkaStorageError, reason);
    }

    /// `min.insync.replicas` of the topic is now this.
    pub fn handle_min_insync_replicas(&mut self, now_ms: u64, min_insync_replicas: u16) {
        self.advance_clock(now_ms);
        self.min_insync_replicas = min_insync_replicas;
        self.advance_high_watermark();
    }

    /// Raises the high watermark to the least end that counts, of the whole maximal ISR, and answers whoever
    /// waited for that.
    fn advance_high_watermark(&mut self) {
        let RoleState::Leader(leader) = &self.role else { return };
        if self.failed.is_some() || leader.in_sync_count() < leader.min_isr(self.min_insync_replicas) {
            return;
        }
        let own_end = match self.identity.flush {
            FlushMode::Sync => self.durable_end,
            FlushMode::Os => self.log.end(),
        };
        // What a follower has beyond this log's end was compared by epochs and counts as the end.
        let least = leader.least_end(own_end);
        assert!(least <= self.log.end(), "no replica that counts has more than the leader");
        // A new leader's knowledge may lie behind what it was told before; INV-10.
        if least <= self.high_watermark {
            return;
        }
        self.high_watermark = least;
        self.effects.high_watermark_moved();
        let Self { waiters, effects, .. } = self;
        waiters.complete(least, |token, acknowledged| effects.done(token, Ok(acknowledged)));
    }

    fn fail_waiters(&mut self, code: ErrorCode, message: &str) {
        let Self { waiters, effects, identity, .. } = self;
        waiters.drain(|token| {
            let message = format!("{}: {message}; whether the records stay is unknown", identity.partition);
            effects.done(token, Err(Rejection::new(code, message)));
        });
    }

    fn advance_clock(&mut self, now_ms: u64) {
        assert!(now_ms >= self.now_ms, "the monotonic clock went back");
        self.now_ms = now_ms;
    }

    fn refuse<T>(&self, code: ErrorCode, message: impl std::fmt::Display) -> Result<T, Rejection> {
        Err(Rejection::new(code, format!("{}: {message}", self.identity.partition)))
    }

    fn check_not_failed(&self) -> Result<(), Rejection> {
        match &self.failed {
            None => Ok(()),
            Some(reason) => self.refuse(ErrorCode::KafkaStorageError, reason),
        }
    }
}
