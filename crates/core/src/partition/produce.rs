//! Produce: the gate before the append, the append, and what its acknowledgement waits for.

use yak_model::api::{Acks, Rejection};
use yak_model::config::FlushMode;
use yak_model::{ErrorCode, LeaderEpoch, Offset, TimestampMs};

use super::{AppendFailure, Appended, Replica, ReplicaLog, Token};

/// How long an answer of the controller, counted from when its heartbeat was *sent*, or a fetch of a follower covers a
/// leader that acknowledges by itself: less than the second after which the controller lets another lead.
pub const LEASE_MS: u64 = 800;

/// How a produce is meant.
#[derive(Clone, Copy, Debug)]
pub struct ProduceRequest {
    /// The epoch of the leader it is meant for; `None` when typed by hand.
    pub leader_epoch: Option<LeaderEpoch>,
    /// When to answer.
    pub acks: Acks,
    /// Until when to wait for the acknowledgement, on the clock of `now`.
    pub deadline_ms: u64,
    /// Until when the controller's last answer covers this broker, on the clock of `now`: 0.8 s after the heartbeat that
    /// was answered was sent, while its connection is open. `u64::MAX` without a controller elsewhere.
    pub lease_until_ms: u64,
}

/// What became of an accepted produce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProduceOutcome {
    /// Done; this is the answer.
    Done(Acknowledged),
    /// Appended; the answer comes as an effect with this token, at the latest by `handle_time` at its deadline.
    Waiting(Token),
}

/// Records that were appended, and acknowledged as was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Offset of the first record; of the original, if this was sent again.
    pub base_offset: Offset,
    /// The offset after the last record.
    pub end_offset: Offset,
    /// The broker's time, if the topic is stamped by log-append time.
    pub log_append_time: Option<TimestampMs>,
    /// First offset still in the log when it was appended.
    pub log_start_offset: Offset,
    /// Nothing was written, because it had been written before.
    pub duplicate: bool,
    /// With `acks=all`: it is synced wherever it counts.
    pub durable: bool,
}

impl<L: ReplicaLog> Replica<L> {
    /// Appends batches, if this replica leads and they are acceptable. They are patched in place.
    ///
    /// # Errors
    ///
    /// Nothing was appended: not the leader, or not in this epoch; with `acks=all` too few replicas in sync
    /// (`NOT_ENOUGH_REPLICAS`) or too many produces waiting (`THROTTLING_QUOTA_EXCEEDED`); or what the log refuses.
    /// `KAFKA_STORAGE_ERROR` also when the append itself failed: then whether the records stay is unknown.
    pub fn handle_produce(
        &mut self,
        now_ms: u64,
        wall: TimestampMs,
        request: &ProduceRequest,
        batches: &mut [u8],
    ) -> Result<ProduceOutcome, Rejection> {
        self.advance_clock(now_ms);
        let epoch = self.leading(request.leader_epoch)?.epoch;
        if request.acks == Acks::All {
            self.check_min_isr()?;
            self.check_room_to_wait()?;
        } else {
            self.check_lease(request.lease_until_ms)?;
        }
        let appended = self.append(batches, epoch, wall)?;
        if !appended.duplicate && self.identity.flush == FlushMode::Sync {
            self.effects.sync();
        }
        self.advance_high_watermark();
        let acknowledged = self.acknowledged(&appended);
        if request.acks == Acks::All && appended.end_offset > self.high_watermark {
            return Ok(ProduceOutcome::Waiting(self.waiters.push(acknowledged, request.deadline_ms)));
        }
        Ok(ProduceOutcome::Done(Acknowledged {
            durable: self.is_durable(appended.end_offset),
            ..acknowledged
        }))
    }

    fn append(
        &mut self,
        batches: &mut [u8],
        epoch: LeaderEpoch,
        wall: TimestampMs,
    ) -> Result<Appended, Rejection> {
        let end_before = self.log.end();
        match self.log.append(batches, epoch, wall) {
            Ok(appended) => {
                let expected = if appended.duplicate { end_before } else { appended.end_offset };
                assert_eq!(self.log.end(), expected, "the log's end moves by what was appended");
                assert!(appended.duplicate || appended.base_offset == end_before, "offsets have no gaps");
                Ok(appended)
            }
            Err(AppendFailure::Refused(rejection)) => Err(rejection),
            Err(AppendFailure::Failed(reason)) => {
                self.handle_log_failed(&reason);
                self.refuse(ErrorCode::KafkaStorageError, reason)
            }
        }
    }

    /// Whether a leader may answer by itself: lest it acknowledges for ever what another leader's followers will cut.
    /// `acks=all`, reads and replica fetches need none of this: epochs and the maximal ISR protect them.
    fn check_lease(&self, lease_until_ms: u64) -> Result<(), Rejection> {
        let leader = self.leading(None)?;
        // Whoever is proposed for the ISR may be in it already, and be elected.
        let is_alone = leader.in_sync_count() == 1 && !leader.has_eligible && leader.pending.is_none();
        if self.now_ms < lease_until_ms || is_alone || leader.is_followed(self.now_ms, LEASE_MS) {
            return Ok(());
        }
        let message = format!("broker {} has not heard of the cluster lately", self.identity.broker_id);
        self.refuse(ErrorCode::NotLeaderOrFollower, message)
            .map_err(|refused: Rejection| refused.retry_after(50))
    }

    fn check_min_isr(&self) -> Result<(), Rejection> {
        let leader = self.leading(None)?;
        let needed = leader.min_isr(self.min_insync_replicas);
        if leader.in_sync_count() >= needed {
            return Ok(());
        }
        let isr: Vec<String> = leader.in_sync_replicas.iter().map(ToString::to_string).collect();
        let message = format!(
            "not enough in-sync replicas for {}: ISR=[{}], min.insync.replicas={needed}",
            self.identity.partition,
            isr.join(",")
        );
        Err(Rejection::new(ErrorCode::NotEnoughReplicas, message))
    }

    fn check_room_to_wait(&self) -> Result<(), Rejection> {
        if self.waiters.is_full() {
            return self
                .refuse(ErrorCode::ThrottlingQuotaExceeded, "too many produces wait for their replicas");
        }
        Ok(())
    }

    fn acknowledged(&self, appended: &Appended) -> Acknowledged {
        Acknowledged {
            base_offset: appended.base_offset,
            end_offset: appended.end_offset,
            log_append_time: appended.log_append_time,
            log_start_offset: self.log.start(),
            duplicate: appended.duplicate,
            // What waits is answered when the high watermark has passed it, which counts durable ends then.
            durable: self.identity.flush == FlushMode::Sync,
        }
    }

    fn is_durable(&self, end: Offset) -> bool {
        self.durable_end >= end
    }
}
