//! Fetch: which offsets a reader may have.

use yak_model::api::{EpochEnd, Rejection};
use yak_model::{ErrorCode, LeaderEpoch, Offset};

use super::role::RoleState;
use super::{Replica, ReplicaLog};

/// Up to where a reader may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchBound {
    /// The first offset still there.
    pub log_start_offset: Offset,
    /// Nothing at or above it may be read (INV-25).
    pub high_watermark: Offset,
}

impl<L: ReplicaLog> Replica<L> {
    /// What a consumer may read from an offset on. At the high watermark there is nothing yet, which is no error.
    ///
    /// # Errors
    ///
    /// Those of [`Replica::check_leads`]; `OFFSET_OUT_OF_RANGE` if the offset is not in the log.
    pub fn check_fetch(
        &self,
        leader_epoch: Option<LeaderEpoch>,
        offset: Offset,
    ) -> Result<FetchBound, Rejection> {
        self.leading(leader_epoch)?;
        let (log_start_offset, end) = (self.log.start(), self.log.end());
        if offset < log_start_offset || offset > end {
            let message = format!("offset {offset} is not there, the log has {log_start_offset} to {end}");
            return self.refuse(ErrorCode::OffsetOutOfRange, message);
        }
        Ok(FetchBound { log_start_offset, high_watermark: self.high_watermark })
    }

    /// The same for a reader that is content with any replica that is in sync (KIP-392): of a follower, what it knows to
    /// be below the high watermark.
    ///
    /// # Errors
    ///
    /// Those of [`Replica::check_fetch`] on a leader; on a follower `NOT_LEADER_OR_FOLLOWER` if it is not in the ISR,
    /// `OFFSET_NOT_AVAILABLE` if it does not know yet whether the offset is below the high watermark.
    pub fn check_fetch_any(
        &self,
        leader_epoch: Option<LeaderEpoch>,
        offset: Offset,
    ) -> Result<FetchBound, Rejection> {
        let RoleState::Follower(_) = &self.role else { return self.check_fetch(leader_epoch, offset) };
        self.check_serves(leader_epoch)?;
        let log_start_offset = self.log.start();
        if offset < log_start_offset {
            let message = format!("offset {offset} is not there, the log begins at {log_start_offset}");
            return self.refuse(ErrorCode::OffsetOutOfRange, message);
        }
        if offset > self.high_watermark {
            let message = format!("the follower has not been told yet of offset {offset}");
            return self.refuse(ErrorCode::OffsetNotAvailable, message);
        }
        Ok(FetchBound { log_start_offset, high_watermark: self.high_watermark })
    }

    /// Whether this replica serves readers that are content with any that is in sync: as leader or in the ISR.
    ///
    /// # Errors
    ///
    /// Those of [`Replica::check_leads`].
    pub fn check_serves(&self, leader_epoch: Option<LeaderEpoch>) -> Result<(), Rejection> {
        let RoleState::Follower(follower) = &self.role else { return self.check_leads(leader_epoch) };
        self.check_not_failed()?;
        if !follower.is_in_sync {
            let message = format!("broker {} is not in sync", self.identity.broker_id);
            return self.refuse(ErrorCode::NotLeaderOrFollower, message);
        }
        self.check_epoch(leader_epoch, self.leader_epoch)
    }

    /// Where a reader's log parts from this one, if it does: it would go on at `offset`, after a record of epoch
    /// `last_fetched`. Whether this replica may say so was checked before.
    ///
    /// # Errors
    ///
    /// `OFFSET_OUT_OF_RANGE` if the epoch is above all that are known here, or the offset is below the log.
    pub fn reader_divergence(
        &self,
        last_fetched: LeaderEpoch,
        offset: Offset,
    ) -> Result<Option<EpochEnd>, Rejection> {
        let Some((leader_epoch, end_offset)) = self.log.epoch_end(last_fetched) else {
            let message = format!("nothing is known of leader epoch {last_fetched}");
            return self.refuse(ErrorCode::OffsetOutOfRange, message);
        };
        let start = self.log.start();
        if offset < start {
            let message = format!("offset {offset} is not there, the log begins at {start}");
            return self.refuse(ErrorCode::OffsetOutOfRange, message);
        }
        let parts = leader_epoch < last_fetched || end_offset < offset;
        Ok(parts.then_some(EpochEnd { leader_epoch, end_offset }))
    }

    /// The "latest" offset: the high watermark, once it covers what earlier leaders may have shown (INV-11).
    ///
    /// # Errors
    ///
    /// Those of [`Replica::check_leads`]; `OFFSET_NOT_AVAILABLE` while the high watermark lies behind the start of
    /// this leader's epoch.
    pub fn latest_offset(&self, leader_epoch: Option<LeaderEpoch>) -> Result<Offset, Rejection> {
        let leader = self.leading(leader_epoch)?;
        if self.high_watermark < leader.epoch_start {
            let message = "the new leader does not know the high watermark yet";
            return self.refuse(ErrorCode::OffsetNotAvailable, message);
        }
        Ok(self.high_watermark)
    }

    /// Up to which offset records may be deleted: the given one, or the high watermark.
    ///
    /// # Errors
    ///
    /// Those of [`Replica::check_leads`]; `OFFSET_OUT_OF_RANGE` above the high watermark.
    pub fn check_delete_before(
        &self,
        leader_epoch: Option<LeaderEpoch>,
        offset: Option<Offset>,
    ) -> Result<Offset, Rejection> {
        self.leading(leader_epoch)?;
        let before = offset.unwrap_or(self.high_watermark);
        if before > self.high_watermark || before < Offset::ZERO {
            let message =
                format!("records can be deleted up to offset {}, not {before}", self.high_watermark);
            return self.refuse(ErrorCode::OffsetOutOfRange, message);
        }
        Ok(before)
    }

    /// Where the records of an epoch end here, for whoever compares its log with this one (KIP-279).
    ///
    /// # Errors
    ///
    /// Those of [`Replica::check_leads`].
    pub fn epoch_end(
        &self,
        current: Option<LeaderEpoch>,
        asked: LeaderEpoch,
    ) -> Result<Option<(LeaderEpoch, Offset)>, Rejection> {
        self.leading(current)?;
        Ok(self.log.epoch_end(asked))
    }
}
