//! Reading, past the lock wherever the gate is open.

use std::sync::atomic::Ordering;

use bytes::BytesMut;
use yak_log::TimestampedOffset;
use yak_model::api::{ActiveProducer, EpochEnd, OffsetSpec, ReadFrom, Rejection};
use yak_model::{ErrorCode, LeaderEpoch, Offset, TimestampMs};
use yak_record::Records;

use super::{CLOSED, Partition};

/// What a reader got.
#[derive(Debug)]
pub(crate) struct Read {
    /// The first offset it may not see.
    pub(crate) high_watermark: Offset,
    /// The first offset still there.
    pub(crate) log_start_offset: Offset,
    /// Whole batches below the high watermark; empty if there are none yet.
    pub(crate) records: Records,
    /// There is more below the high watermark, for which a limit left no room.
    pub(crate) has_more: bool,
}

impl Partition {
    /// Reads whole batches from `offset` on, at most `max_bytes` but at least one.
    pub(crate) fn read(
        &self,
        leader_epoch: Option<LeaderEpoch>,
        offset: Offset,
        max_bytes: u64,
    ) -> Result<Read, Rejection> {
        let leading = self.leading.load(Ordering::Acquire);
        let high_watermark = self.high_watermark();
        let log_start_offset = self.reader.log_start();
        let passes = leading != CLOSED
            && leader_epoch.is_none_or(|epoch| epoch.get() == leading)
            && (log_start_offset..=high_watermark).contains(&offset);
        let (high_watermark, log_start_offset) = if passes {
            (high_watermark, log_start_offset)
        } else {
            let bound = self.lock().replica.check_fetch(leader_epoch, offset)?;
            (bound.high_watermark, bound.log_start_offset)
        };
        self.read_below((high_watermark, log_start_offset), offset, max_bytes)
    }

    /// The same for a reader that may be content with any in-sync replica.
    pub(crate) fn read_from(
        &self,
        read_from: ReadFrom,
        leader_epoch: Option<LeaderEpoch>,
        offset: Offset,
        max_bytes: u64,
    ) -> Result<Read, Rejection> {
        if read_from == ReadFrom::Leader {
            return self.read(leader_epoch, offset, max_bytes);
        }
        let bound = self.lock().replica.check_fetch_any(leader_epoch, offset)?;
        self.read_below((bound.high_watermark, bound.log_start_offset), offset, max_bytes)
    }

    /// Where a reader parts from this log, which at `offset` would go on after a record of epoch `last_fetched`.
    pub(crate) fn divergence(
        &self,
        (read_from, leader_epoch): (ReadFrom, Option<LeaderEpoch>),
        last_fetched: LeaderEpoch,
        offset: Offset,
    ) -> Result<Option<EpochEnd>, Rejection> {
        // The latest epoch of a log is its leader's, and ends where the log does.
        let leading = self.leading.load(Ordering::Acquire);
        let is_latest = leading != CLOSED && last_fetched.get() == leading;
        if is_latest
            && leader_epoch.is_none_or(|epoch| epoch == last_fetched)
            && offset <= self.reader.log_end()
        {
            return Ok(None);
        }
        let state = self.lock();
        match read_from {
            ReadFrom::Leader => state.replica.check_leads(leader_epoch)?,
            ReadFrom::Any => state.replica.check_serves(leader_epoch)?,
        }
        state.replica.reader_divergence(last_fetched, offset)
    }

    /// Where the log stands, for a reader who gets no records.
    pub(crate) fn nothing_to_read(&self) -> Read {
        Read {
            high_watermark: self.high_watermark(),
            log_start_offset: self.reader.log_start(),
            records: Records::EMPTY,
            has_more: false,
        }
    }

    fn read_below(
        &self,
        (high_watermark, log_start_offset): (Offset, Offset),
        offset: Offset,
        max_bytes: u64,
    ) -> Result<Read, Rejection> {
        if offset >= high_watermark {
            return Ok(Read { high_watermark, log_start_offset, records: Records::EMPTY, has_more: false });
        }
        let read = self.reader.read_records(offset, max_bytes, high_watermark);
        let (records, end) =
            read.map_err(|error| Rejection::new(error.code(), format!("{}: {error}", self.id)))?;
        let has_more = !records.is_empty() && end < high_watermark;
        Ok(Read { high_watermark, log_start_offset, records, has_more })
    }

    /// Appends batches that [`Partition::read`] gave for `offset` to `out`, having checked that they are what was
    /// written: a flipped bit on the disk is reported, never served (INV-19).
    pub(crate) fn load(
        &self,
        records: &Records,
        offset: Offset,
        out: &mut BytesMut,
    ) -> Result<(), Rejection> {
        let start = out.len();
        let failed = |error: &dyn std::fmt::Display| {
            tracing::error!(partition = %self.id, %error, "the log cannot be read");
            Rejection::new(ErrorCode::KafkaStorageError, format!("{}: {error}", self.id))
        };
        records.read_into(out).map_err(|error| failed(&error))?;
        self.reader.verify(&out[start..], offset).map_err(|error| failed(&error))
    }

    /// Where the records of an epoch end, if this replica leads in the `current` one.
    pub(crate) fn epoch_end(
        &self,
        current: Option<LeaderEpoch>,
        asked: LeaderEpoch,
    ) -> Result<Option<EpochEnd>, Rejection> {
        let end = self.lock().replica.epoch_end(current, asked)?;
        Ok(end.map(|(leader_epoch, end_offset)| EpochEnd { leader_epoch, end_offset }))
    }

    /// The idempotent producers that this replica remembers as the leader.
    pub(crate) fn producers(&self) -> Result<Vec<ActiveProducer>, Rejection> {
        let mut state = self.lock();
        state.replica.check_leads(None)?;
        Ok(state.replica.log_mut().writer().map(|log| log.producers()).unwrap_or_default())
    }

    /// The offset that is asked for, with the timestamp of its record if it was asked for by time.
    pub(crate) fn offset_at(
        &self,
        leader_epoch: Option<LeaderEpoch>,
        at: OffsetSpec,
    ) -> Result<Option<TimestampedOffset>, Rejection> {
        let latest = {
            let state = self.lock();
            state.replica.check_leads(leader_epoch)?;
            match at {
                OffsetSpec::Earliest => state.replica.high_watermark(),
                _ => state.replica.latest_offset(leader_epoch)?,
            }
        };
        let plain = |offset| {
            let leader_epoch = self.reader.epoch_at(offset).unwrap_or(LeaderEpoch::UNKNOWN);
            Some(TimestampedOffset { offset, timestamp: TimestampMs::NONE, leader_epoch })
        };
        let found = match at {
            OffsetSpec::Earliest => Ok(plain(self.reader.log_start())),
            OffsetSpec::Latest => Ok(plain(latest)),
            OffsetSpec::MaxTimestamp => self.reader.max_timestamp_offset(latest),
            OffsetSpec::Time(time) => self.reader.offset_for_time(time, latest),
        };
        found.map_err(|error| Rejection::new(error.code(), format!("{}: {error}", self.id)))
    }
}
