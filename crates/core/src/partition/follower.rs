//! Replication: what a follower says, what its leader answers, what the follower makes of the answer.
//!
//! ```text
//!   follower                                                       leader
//!   following() ── fetch_offset, last_fetched_epoch, durable ───►  handle_follower_fetch: counts, compares epochs
//!   handle_fetched ◄── records up to the end, high watermark ────  Send
//!        │         ◄── epoch E ends at N ────────────────────────  Diverging (KIP-595)
//!        └─► append, truncate by epoch, follow start and high watermark
//! ```
//!
//! Invariants:
//! - A follower truncates by epochs alone, never to a high watermark (KIP-101, KIP-279); what is of another leader or
//!   epoch than the one it follows is ignored.
//! - A leader sends nothing to a log that parts from its own: the epoch of the last record that a follower has must end
//!   in the leader's log, and not before the follower's end.

use yak_model::api::{EpochEnd, Rejection, ReplicaData, ReplicaFetchEntry};
use yak_model::config::FlushMode;
use yak_model::{BrokerEpoch, BrokerId, ErrorCode, LeaderEpoch, Offset, TimestampMs};

use super::role::RoleState;
use super::{AppendFailure, FetchBound, Replica, ReplicaLog};

/// What a follower says with a fetch.
#[derive(Clone, Copy, Debug)]
pub struct FollowerFetch {
    /// Who.
    pub broker_id: BrokerId,
    /// Its registration, which the caller found to be the current one (INV-7).
    pub broker_epoch: BrokerEpoch,
    /// The epoch in which it believes to follow.
    pub leader_epoch: LeaderEpoch,
    /// Its log's end: send from here.
    pub fetch_offset: Offset,
    /// The epoch of the last record in its log.
    pub last_fetched_epoch: Option<LeaderEpoch>,
    /// Its durable end: counts for the high watermark.
    pub durable_offset: Offset,
    /// It was sent after this time of the leader's clock, that of the answer which the follower had before it asked
    /// again. What lay in a buffer while the leader stood still, or in a network that was cut, proves nothing about the
    /// present. `None` if nothing is known: then it is no lease.
    pub sent_after_ms: Option<u64>,
}

/// What a leader answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowerAnswer {
    /// Records from the fetch offset up to the end of the leader's log. If the log starts behind the fetch offset:
    /// none, and the follower begins anew there.
    Send(FetchBound),
    /// The logs part: the follower has to truncate first.
    Diverging(EpochEnd, FetchBound),
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// It is of a leader or an epoch that is not followed any more.
    Ignored,
    /// Records were appended, or there were none.
    Appended,
    /// The log was cut, or emptied and begun anew.
    Truncated {
        /// Where it ended.
        from: Offset,
        /// Where it ends now.
        to: Offset,
    },
}

impl<L: ReplicaLog> Replica<L> {
    /// A follower fetches in this epoch: how far it is counts from here on, before the fetch is answered.
    ///
    /// # Errors
    ///
    /// Those of [`Replica::check_leads`]; `REPLICA_NOT_AVAILABLE` if it is no replica, `STALE_BROKER_EPOCH` of an
    /// earlier registration, `INVALID_REQUEST` if it has more on its disk than in its log.
    pub fn handle_follower_fetch(
        &mut self,
        now_ms: u64,
        fetch: &FollowerFetch,
    ) -> Result<FollowerAnswer, Rejection> {
        self.advance_clock(now_ms);
        self.check_leads(Some(fetch.leader_epoch))?;
        if fetch.durable_offset > fetch.fetch_offset || fetch.fetch_offset < Offset::ZERO {
            let message = format!("broker {} says its log ends at {}", fetch.broker_id, fetch.fetch_offset);
            return self.refuse(ErrorCode::InvalidRequest, message);
        }
        let bound = FetchBound { log_start_offset: self.log.start(), high_watermark: self.high_watermark };
        if let Some(epoch_end) = self.divergence(fetch) {
            // It has what this log does not: none of it counts.
            return Ok(FollowerAnswer::Diverging(epoch_end, bound));
        }
        self.heard(fetch)?;
        self.advance_high_watermark();
        self.propose_larger_isr(fetch.broker_id);
        Ok(FollowerAnswer::Send(FetchBound { high_watermark: self.high_watermark, ..bound }))
    }

    /// Where the follower's log parts from this one, if it does.
    fn divergence(&self, fetch: &FollowerFetch) -> Option<EpochEnd> {
        let end = self.log.end();
        let whole_log = || EpochEnd { leader_epoch: LeaderEpoch::UNKNOWN, end_offset: end };
        let Some(asked) = fetch.last_fetched_epoch else {
            return (fetch.fetch_offset > end).then(whole_log);
        };
        // Below the start everything was deleted as known to all; the follower begins anew.
        if fetch.fetch_offset < self.log.start() {
            return None;
        }
        match self.log.epoch_end(asked) {
            Some((leader_epoch, end_offset)) => {
                let parts = leader_epoch != asked || end_offset < fetch.fetch_offset;
                parts.then_some(EpochEnd { leader_epoch, end_offset })
            }
            // An epoch after all of this log's: its records are not here. The largest epoch that is here ends at the
            // log's end.
            None => Some(EpochEnd {
                leader_epoch: self.log.last_record_epoch().unwrap_or(LeaderEpoch::UNKNOWN),
                end_offset: end,
            }),
        }
    }

    /// Whom to fetch from, and what to say there; `None` unless this replica follows.
    pub fn following(&self) -> Option<(BrokerId, ReplicaFetchEntry)> {
        let RoleState::Follower(follower) = &self.role else { return None };
        if self.failed.is_some() {
            return None;
        }
        Some((
            follower.leader,
            ReplicaFetchEntry {
                topic_id: self.identity.topic_id,
                partition: self.identity.partition.partition,
                leader_epoch: self.leader_epoch,
                fetch_offset: self.log.end(),
                last_fetched_epoch: self.log.last_record_epoch(),
                durable_offset: self.durable_end.min(self.log.end()),
            },
        ))
    }

    /// The leader answered a fetch.
    ///
    /// # Errors
    ///
    /// Refused: the records are not what they should be, or there is no room; the log goes on from where it is. Failed:
    /// the log is offline.
    pub fn handle_fetched(
        &mut self,
        (now_ms, wall): (u64, TimestampMs),
        (leader, leader_epoch): (BrokerId, LeaderEpoch),
        data: &ReplicaData<&[u8]>,
    ) -> Result<Followed, AppendFailure> {
        self.advance_clock(now_ms);
        let follows = matches!(&self.role, RoleState::Follower(follower) if follower.leader == leader);
        if !follows || leader_epoch != self.leader_epoch || self.failed.is_some() {
            return Ok(Followed::Ignored);
        }
        let result = self.follow(wall, leader_epoch, data);
        if let Err(AppendFailure::Failed(reason)) = &result {
            let reason = reason.clone();
            self.handle_log_failed(&reason);
        }
        result
    }

    fn follow(
        &mut self,
        wall: TimestampMs,
        leader_epoch: LeaderEpoch,
        data: &ReplicaData<&[u8]>,
    ) -> Result<Followed, AppendFailure> {
        let from = self.log.end();
        if let Some(diverging) = data.diverging {
            self.cut(diverging, data.log_start_offset)?;
            return Ok(Followed::Truncated { from, to: self.log.end() });
        }
        if data.log_start_offset > from {
            self.begin_anew(data.log_start_offset)?;
            return Ok(Followed::Truncated { from, to: self.log.end() });
        }
        if !data.records.is_empty() {
            let appended = self.log.append_as_follower(data.records, leader_epoch, wall);
            if self.log.end() > from && self.identity.flush == FlushMode::Sync {
                self.effects.sync();
            }
            appended?;
        }
        self.follow_bounds(data)?;
        Ok(Followed::Appended)
    }

    /// Truncates to where the logs are still the same, or nearer to it (KIP-279).
    fn cut(&mut self, diverging: EpochEnd, leader_start: Offset) -> Result<(), AppendFailure> {
        let (start, end) = (self.log.start(), self.log.end());
        let to = match self.log.epoch_end(diverging.leader_epoch) {
            Some((epoch, own_end)) if epoch == diverging.leader_epoch => own_end.min(diverging.end_offset),
            // It has nothing of that epoch: the largest one below ends here, and is asked about next.
            Some((_, own_end)) => own_end,
            None => diverging.end_offset.min(start),
        };
        if to >= end {
            let message = format!("its leader says that the logs part at {to}, which is not before {end}");
            return Err(AppendFailure::Refused(Rejection::new(ErrorCode::InvalidRequest, message)));
        }
        if to <= start {
            return self.begin_anew(if start == end { diverging.end_offset } else { to.max(leader_start) });
        }
        self.log.truncate(to).map_err(AppendFailure::Failed)?;
        self.log_was_cut();
        Ok(())
    }

    /// Empties the log: nothing of it is the leader's.
    fn begin_anew(&mut self, at: Offset) -> Result<(), AppendFailure> {
        self.log.reset(at).map_err(AppendFailure::Failed)?;
        self.log_was_cut();
        Ok(())
    }

    fn log_was_cut(&mut self) {
        let end = self.log.end();
        self.durable_end = self.log.durable_end().min(end);
        if self.high_watermark > end {
            // Only after an unclean election, or after damage, of which there is a word in the journal.
            self.high_watermark = end;
            self.effects.high_watermark_moved();
        }
        if self.high_watermark < self.log.start() {
            self.high_watermark = self.log.start();
            self.effects.high_watermark_moved();
        }
    }

    /// Follows the leader's high watermark as far as the log goes, and its log's start.
    fn follow_bounds(&mut self, data: &ReplicaData<&[u8]>) -> Result<(), AppendFailure> {
        let known = data.high_watermark.min(self.log.end());
        if known > self.high_watermark {
            self.high_watermark = known;
            self.effects.high_watermark_moved();
        }
        let start = data.log_start_offset.min(self.high_watermark);
        if start > self.log.start() {
            self.log.delete_before(start).map_err(AppendFailure::Failed)?;
        }
        Ok(())
    }
}
