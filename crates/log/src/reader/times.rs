//! Offsets by time.

use bytes::BytesMut;
use yak_model::{LeaderEpoch, Offset, TimestampMs};
use yak_record::{DecompressionLimits, ReadAt, Scratch, decode};

use super::LogReader;
use crate::error::{ReadError, StorageFailure};
use crate::segment::{FoundBatch, LookupError, Segment};

/// A record by its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampedOffset {
    /// The record's offset.
    pub offset: Offset,
    /// Its timestamp.
    pub timestamp: TimestampMs,
    /// The epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
}

impl LogReader {
    /// The first record before `upper_bound` whose timestamp is at or after `timestamp`.
    ///
    /// # Errors
    /// The log cannot be read or understood.
    pub fn offset_for_time(
        &self,
        timestamp: TimestampMs,
        upper_bound: Offset,
    ) -> Result<Option<TimestampedOffset>, ReadError> {
        let (start, bound) = (self.log_start(), upper_bound.min(self.log_end()));
        let segments = self.shared.segments.load_full();
        for segment in segments.iter().filter(|segment| segment.base() < bound) {
            let fail = |error| self.failed(segment, segment.base(), error);
            let newest = segment.max_timestamp().map_err(fail)?;
            if newest.is_none_or(|newest| newest.timestamp < timestamp) {
                continue;
            }
            // The newest record may lie before the log's start or after the bound.
            let mut from = start.max(segment.base());
            while let Some(batch) = segment.locate_time(timestamp, from).map_err(fail)? {
                if batch.header.base_offset >= bound {
                    return Ok(None);
                }
                let wanted = |found: &TimestampedOffset| {
                    found.timestamp >= timestamp && found.offset >= start && found.offset < bound
                };
                if let Some(found) = self.first_record(segment, &batch, wanted)? {
                    return Ok(Some(found));
                }
                from = batch.header.next_offset();
            }
        }
        Ok(None)
    }

    /// The record with the largest timestamp before `upper_bound`, the first of them if there are several
    /// (KIP-734). `None` if no record has a timestamp.
    ///
    /// # Errors
    /// The log cannot be read or understood.
    pub fn max_timestamp_offset(&self, upper_bound: Offset) -> Result<Option<TimestampedOffset>, ReadError> {
        let (start, bound) = (self.log_start(), upper_bound.min(self.log_end()));
        let mut best: Option<(TimestampMs, Offset)> = None;
        let segments = self.shared.segments.load_full();
        for segment in segments.iter().filter(|segment| segment.base() < bound) {
            let fail = |error| self.failed(segment, segment.base(), error);
            let Some(newest) = segment.max_timestamp().map_err(fail)? else { continue };
            let offset = segment.base().plus(i64::from(newest.relative));
            if best.is_some_and(|(timestamp, _)| timestamp >= newest.timestamp) {
                continue;
            }
            if offset >= start && offset < bound {
                best = Some((newest.timestamp, offset));
                continue;
            }
            // Its newest record may not be seen: the others are looked at one by one.
            let visit = |batch: &FoundBatch| {
                let (timestamp, last) = (batch.header.max_timestamp, batch.header.last_offset());
                let visible = last >= start && batch.header.next_offset() <= bound;
                if visible && timestamp.get() >= 0 && best.is_none_or(|(best, _)| best < timestamp) {
                    best = Some((timestamp, last));
                }
            };
            segment.for_each(start.max(segment.base()), visit).map_err(fail)?;
        }
        let Some((timestamp, last)) = best else { return Ok(None) };
        let Some((segment, batch)) = self.find(last)? else { return Ok(None) };
        self.first_record(&segment, &batch, |found| found.timestamp >= timestamp)
    }

    /// The first record of a batch that is wanted.
    fn first_record(
        &self,
        segment: &Segment,
        batch: &FoundBatch,
        wanted: impl Fn(&TimestampedOffset) -> bool,
    ) -> Result<Option<TimestampedOffset>, ReadError> {
        let log = segment.log().map_err(ReadError::Storage)?;
        let mut bytes = BytesMut::zeroed(batch.header.size_in_bytes());
        log.read_exact_at(&mut bytes, batch.position).map_err(|error| {
            ReadError::Storage(StorageFailure::new("read", &self.disk.full(log.path()), error))
        })?;
        let bad = |problem: yak_record::BatchError| {
            let problem = problem.to_string();
            self.failed(
                segment,
                batch.header.base_offset,
                LookupError::Bad { position: batch.position, problem },
            )
        };
        let mut scratch = Scratch::new();
        let limits = DecompressionLimits::default();
        for record in decode(&bytes, &mut scratch, &limits).map_err(bad)? {
            let record = record.map_err(bad)?;
            let found = TimestampedOffset {
                offset: record.offset,
                timestamp: record.timestamp,
                leader_epoch: batch.header.partition_leader_epoch,
            };
            if wanted(&found) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}
