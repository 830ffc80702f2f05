//! Appending: check, assign offsets, one system call, publish.

use std::ops::ControlFlow;

use yak_model::config::FlushMode;
use yak_model::{LeaderEpoch, Offset, TimestampMs};
use yak_record::{
    BatchError, BatchHeader, EmptyBatch, HEADER_LEN, TimestampType, patch_base_offset, patch_leader_epoch,
    patch_log_append_time, verify_crc,
};

use super::{Appended, DirtyFile, Log};
use crate::error::{AppendError, ProducerError, StorageFailure};
use crate::flusher::Urgency;
use crate::producers::{Producers, Verdict};
use crate::segment::known;
use crate::sync::lock;

/// What is left of an empty batch, and the batches after it.
type RestOfHole<'a> = ([u8; HEADER_LEN], &'a [u8]);

/// What the batches of an append have in common.
#[derive(Clone, Copy, Debug)]
struct Summary {
    records: i64,
    max_timestamp: TimestampMs,
    /// What the last batch is to the log. Retransmitted batches need not lie side by side there.
    last: Verdict,
}

impl Summary {
    fn of(first: &BatchHeader, verdict: Verdict) -> Self {
        Self { records: records(first), max_timestamp: first.max_timestamp, last: verdict }
    }

    /// The last offset of the last batch's original.
    fn last_original(&self) -> Option<Offset> {
        match self.last {
            Verdict::New => None,
            Verdict::Duplicate(original) => Some(original.last_offset),
        }
    }
}

impl Log {
    /// Appends a leader's batches: each gets its base offset and `epoch` (and, if the topic says so, `now` as
    /// its time) in place. They must have passed `record::validate`, or come from a `BatchBuilder`; here only
    /// their headers are looked at, the configured limits and their producers' sequences are checked.
    ///
    /// All batches are appended, or none. Retransmitted batches are not written again. In a `flush=sync` log a
    /// sync is asked for; see [`Log::observe`].
    ///
    /// # Errors
    /// See [`AppendError`]; the log is as before.
    pub fn append_as_leader(
        &mut self,
        batches: &mut [u8],
        epoch: LeaderEpoch,
        now: TimestampMs,
    ) -> Result<Appended, AppendError> {
        self.core.disk.check().map_err(AppendError::Offline)?;
        self.check_epoch(epoch)?;
        let summary = match self.admit(batches, now)? {
            ControlFlow::Break(duplicate) => return Ok(duplicate),
            ControlFlow::Continue(summary) => summary,
        };
        let stamp = (self.config.timestamp_type == TimestampType::LogAppend).then_some(now);
        self.core.room.admit(&self.core.disk, batches.len())?;
        let base_offset = self.end();
        let last_offset = base_offset.plus(summary.records - 1);
        self.roll_for(batches.len() as u64, last_offset, stamp.unwrap_or(summary.max_timestamp), now)?;
        assign(batches, base_offset, epoch, stamp)?;
        self.write(batches, now)?;
        Ok(Appended { base_offset, last_offset, log_append_time: stamp, duplicate: false })
    }

    /// Appends batches as a leader sent them, which has set their offsets and epochs. Checks that each is whole,
    /// continues the log (an empty one, of compaction, may begin before its end), and is not of an older epoch than the one before. All batches before the first that
    /// fails are appended.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub fn append_as_follower(&mut self, batches: &[u8], now: TimestampMs) -> Result<(), AppendError> {
        self.core.disk.check().map_err(AppendError::Offline)?;
        self.core.room.admit(&self.core.disk, batches.len())?;
        let mut rest = batches;
        if let Some((left, after)) = self.rest_of_hole(batches)? {
            self.roll_for(left.len() as u64, last_header(&left)?.last_offset(), TimestampMs::NONE, now)?;
            self.write(&left, now)?;
            rest = after;
        }
        while !rest.is_empty() {
            let room = self.config.segment_bytes.saturating_sub(self.active.size());
            let run = self.run_for_follower(rest, room)?;
            let (first, last) = (BatchHeader::parse(run)?, last_header(run)?);
            self.roll_for(run.len() as u64, last.last_offset(), first.max_timestamp, now)?;
            self.write(run, now)?;
            rest = &rest[run.len()..];
        }
        Ok(())
    }

    /// If the first batch is an empty one that begins before the log's end and reaches beyond it, what it is from the
    /// end on. The leader has compacted what this log has the beginning of, and made one hole of several batches.
    fn rest_of_hole<'a>(&self, batches: &'a [u8]) -> Result<Option<RestOfHole<'a>>, AppendError> {
        let Ok((header, batch, after)) = split(batches) else { return Ok(None) };
        let end = self.end();
        let is_hole = header.record_count == 0 && header.producer_id.get() < 0;
        if !is_hole || header.base_offset >= end || header.next_offset() <= end {
            return Ok(None);
        }
        check_follower_batch(&header, batch, header.base_offset, self.latest_epoch().unwrap_or_default())?;
        let delta = i32::try_from(header.last_offset().since(end));
        let delta = delta.expect("it is a part of the batch, whose length fits");
        let left = EmptyBatch::new(end, delta, header.partition_leader_epoch);
        Ok(Some((left.encode(), after)))
    }

    /// The longest run of good batches that fits into `room` bytes, but at least one.
    fn run_for_follower<'a>(&self, batches: &'a [u8], room: u64) -> Result<&'a [u8], AppendError> {
        let mut len = 0;
        let mut expected = self.end();
        let mut latest = self.latest_epoch().unwrap_or(LeaderEpoch::UNKNOWN);
        let mut outcome = Ok(());
        while len < batches.len() {
            let next = split(&batches[len..]).map_err(AppendError::from).and_then(|(header, batch, _)| {
                check_follower_batch(&header, batch, expected, latest).map(|()| header)
            });
            match next {
                Ok(header) if len > 0 && (len + header.size_in_bytes()) as u64 > room => break,
                Ok(header) => {
                    len += header.size_in_bytes();
                    expected = header.next_offset();
                    latest = header.partition_leader_epoch;
                }
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        if len == 0 { outcome.map(|()| &batches[..0]) } else { Ok(&batches[..len]) }
    }

    fn check_epoch(&self, epoch: LeaderEpoch) -> Result<(), AppendError> {
        match self.latest_epoch() {
            Some(latest) if latest > epoch => {
                Err(AppendError::StaleEpoch { latest: latest.get(), found: epoch.get() })
            }
            _ => Ok(()),
        }
    }

    /// Checks a leader's batches against the configuration and the producers' sequences.
    fn admit(&self, batches: &[u8], now: TimestampMs) -> Result<ControlFlow<Appended, Summary>, AppendError> {
        if batches.len() as u64 > self.config.segment_bytes {
            let limit = usize::try_from(self.config.segment_bytes).unwrap_or(usize::MAX);
            return Err(AppendError::ListTooLarge { size: batches.len(), limit });
        }
        let (first, _, rest) = split(batches)?;
        self.check_limits(&first, now)?;
        let verdict = self.producers.check(&first)?;
        let mut summary = Summary::of(&first, verdict);
        if !rest.is_empty() {
            summary = self.admit_rest(&first, verdict, rest, now)?;
        }
        Ok(match verdict {
            Verdict::New => ControlFlow::Continue(summary),
            Verdict::Duplicate(original) => ControlFlow::Break(Appended {
                base_offset: original.base_offset(),
                last_offset: summary.last_original().unwrap_or(original.last_offset),
                log_append_time: (self.config.timestamp_type == TimestampType::LogAppend)
                    .then_some(original.timestamp),
                duplicate: true,
            }),
        })
    }

    /// The second and later batches of an append continue the first: all are new, or all were there.
    fn admit_rest(
        &self,
        first: &BatchHeader,
        verdict: Verdict,
        mut rest: &[u8],
        now: TimestampMs,
    ) -> Result<Summary, AppendError> {
        let mut summary = Summary::of(first, verdict);
        // Sequences are tried on a copy of what is known of the one producer.
        let mut producers: Producers = self.producers.only(first.producer_id);
        if verdict == Verdict::New {
            producers.update(first, now);
        }
        while !rest.is_empty() {
            let (header, _, after) = split(rest)?;
            self.check_limits(&header, now)?;
            if header.producer_id != first.producer_id {
                return Err(AppendError::Batch(BatchError::Producer {
                    id: header.producer_id.get(),
                    epoch: header.producer_epoch.get(),
                    sequence: header.base_sequence.get(),
                }));
            }
            summary.last = producers.check(&header)?;
            match (verdict, summary.last) {
                (Verdict::New, Verdict::New) => producers.update(&header, now),
                (Verdict::Duplicate(_), Verdict::Duplicate(_)) => {}
                _ => {
                    let (id, found) = (header.producer_id, header.base_sequence);
                    return Err(ProducerError::Duplicate { id, found }.into());
                }
            }
            summary.records += records(&header);
            summary.max_timestamp = summary.max_timestamp.max(header.max_timestamp);
            rest = after;
        }
        Ok(summary)
    }

    fn check_limits(&self, header: &BatchHeader, now: TimestampMs) -> Result<(), AppendError> {
        let (size, limit) = (header.size_in_bytes(), self.config.max_message_bytes);
        if size > limit {
            return Err(AppendError::TooLarge { size, limit });
        }
        if self.config.timestamp_type == TimestampType::LogAppend {
            return Ok(());
        }
        let latest = now.get().saturating_add(self.config.timestamp_after_max_ms);
        let earliest = now.get().saturating_sub(self.config.timestamp_before_max_ms);
        match (known(header.max_timestamp), known(header.base_timestamp)) {
            (Some(timestamp), _) if timestamp.get() > latest => {
                Err(AppendError::Timestamp { timestamp, now })
            }
            (_, Some(timestamp)) if timestamp.get() < earliest => {
                Err(AppendError::Timestamp { timestamp, now })
            }
            _ => Ok(()),
        }
    }

    /// Writes batches whose offsets continue the log, takes note of them, and publishes the new end.
    fn write(&mut self, batches: &[u8], now: TimestampMs) -> Result<(), AppendError> {
        let mut position = self.active.size();
        let appended = {
            let _busy = self.core.disk.busy.begin();
            self.active.append(batches)
        };
        if let Err(failure) = appended {
            return Err(self.undo_write(failure));
        }
        let mut end = self.end();
        let mut rest = batches;
        while !rest.is_empty() {
            let (header, _, after) = split(rest)?;
            let noted = self.active.note(position, &header, self.config.index_interval_bytes);
            noted.map_err(|failure| AppendError::Offline(self.offline(failure)))?;
            lock(&self.shared.epochs).assign(header.partition_leader_epoch, header.base_offset);
            self.producers.update(&header, now);
            self.rolling.note(&header, now);
            position += header.size_in_bytes() as u64;
            end = header.next_offset();
            rest = after;
        }
        self.mark_dirty()?;
        self.shared.set_end(end);
        let urgency = if self.config.flush == FlushMode::Sync { Urgency::Now } else { Urgency::Soon };
        self.core.flusher.request(&self.core, &self.shared, urgency);
        let snapshot = self.snapshot_if_due(batches.len() as u64);
        snapshot.map_err(|failure| AppendError::Offline(self.offline(failure)))
    }

    /// After a failed write: without room the partial bytes are cut off again, and nothing else happened.
    fn undo_write(&self, failure: StorageFailure) -> AppendError {
        if !failure.is_refused_for_now() {
            return AppendError::Offline(self.offline(failure));
        }
        match self.active.cut_partial() {
            Ok(()) => self.refused(failure),
            Err(failure) => AppendError::Offline(self.offline(failure)),
        }
    }

    /// There was no room, or too many files were open.
    pub(super) fn refused(&self, failure: StorageFailure) -> AppendError {
        if failure.is_out_of_files() {
            return AppendError::Refused(failure);
        }
        self.core.room.refuse(&self.core.disk)
    }

    /// Puts the active file on the flusher's list, before the end that needs it is published.
    fn mark_dirty(&self) -> Result<(), AppendError> {
        let log = self.active.hold().map_err(AppendError::Offline)?;
        if log.mark_dirty() {
            lock(&self.shared.sync).dirty.push(DirtyFile::Log(log));
        }
        Ok(())
    }
}

fn records(header: &BatchHeader) -> i64 {
    i64::from(header.last_offset_delta) + 1
}

fn split(batches: &[u8]) -> Result<(BatchHeader, &[u8], &[u8]), BatchError> {
    yak_record::split_first_batch(batches)
}

fn last_header(mut batches: &[u8]) -> Result<BatchHeader, BatchError> {
    loop {
        let (header, _, rest) = split(batches)?;
        if rest.is_empty() {
            return Ok(header);
        }
        batches = rest;
    }
}

fn check_follower_batch(
    header: &BatchHeader,
    batch: &[u8],
    expected: Offset,
    latest: LeaderEpoch,
) -> Result<(), AppendError> {
    let (found, epoch) = (header.base_offset, header.partition_leader_epoch);
    if found != expected {
        return Err(AppendError::NotContiguous { expected, found });
    }
    if epoch < latest {
        return Err(AppendError::StaleEpoch { latest: latest.get(), found: epoch.get() });
    }
    if !verify_crc(batch) {
        return Err(AppendError::Checksum { offset: found });
    }
    Ok(())
}

/// Gives the batches their offsets, epoch and time, in place.
fn assign(
    batches: &mut [u8],
    base_offset: Offset,
    epoch: LeaderEpoch,
    stamp: Option<TimestampMs>,
) -> Result<(), BatchError> {
    let mut offset = base_offset;
    let mut at = 0;
    while at < batches.len() {
        let header = BatchHeader::parse(&batches[at..])?;
        let batch = &mut batches[at..at + header.size_in_bytes()];
        patch_base_offset(batch, offset);
        patch_leader_epoch(batch, epoch);
        if let Some(now) = stamp {
            patch_log_append_time(batch, now);
        }
        offset = offset.plus(records(&header));
        at += header.size_in_bytes();
    }
    Ok(())
}
