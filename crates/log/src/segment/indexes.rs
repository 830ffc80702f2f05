//! The two indexes of a segment and the state that decides when they get an entry.
//!
//! Kafka's rules (`LogSegment.append`): a batch gets an entry if more than `index.interval.bytes` of batches
//! came since the last entry, never the first batch; a time entry goes with it if the largest timestamp has
//! risen since the last one; at roll and close a last time entry is added.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use yak_model::{Offset, TimestampMs};
use yak_record::BatchHeader;

use super::index::{IndexFile, OffsetEntry, TimeEntry, WrittenPart};
use super::{known, names};
use crate::disk::Disk;
use crate::error::StorageFailure;

/// The largest timestamp of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaxTimestamp {
    pub(crate) timestamp: TimestampMs,
    /// Last offset of the first batch that has it, less the segment's base.
    pub(crate) relative: u32,
}

#[derive(Debug)]
pub(crate) struct Indexes {
    offsets: IndexFile<OffsetEntry>,
    times: IndexFile<TimeEntry>,
    /// Batch bytes since the last offset entry.
    unindexed: u64,
    /// `None` until the time index was looked at; then whether any batch has a timestamp.
    max_timestamp: Option<Option<MaxTimestamp>>,
    last_time_entry: Option<TimestampMs>,
}

impl Indexes {
    pub(super) fn new(disk: &Arc<Disk>, dir: &Path, base: Offset) -> Self {
        Self {
            offsets: IndexFile::new(disk.clone(), dir.join(names::file_name(base, names::INDEX))),
            times: IndexFile::new(disk.clone(), dir.join(names::file_name(base, names::TIME_INDEX))),
            unindexed: 0,
            max_timestamp: Some(None),
            last_time_entry: None,
        }
    }

    /// New indexes in files whose names have a suffix more, until they are [`Indexes::moved`].
    pub(super) fn aside(disk: &Arc<Disk>, dir: &Path, base: Offset, suffix: &str) -> Self {
        let path = |kind: &str| dir.join(names::file_name(base, &format!("{kind}.{suffix}")));
        Self {
            offsets: IndexFile::new(disk.clone(), path(names::INDEX)),
            times: IndexFile::new(disk.clone(), path(names::TIME_INDEX)),
            ..Self::new(disk, dir, base)
        }
    }

    /// The files have their usual names now.
    pub(super) fn moved(&mut self, dir: &Path, base: Offset) {
        self.offsets.moved(dir.join(names::file_name(base, names::INDEX)));
        self.times.moved(dir.join(names::file_name(base, names::TIME_INDEX)));
    }

    pub(super) fn existing(disk: &Arc<Disk>, dir: &Path, base: Offset) -> Self {
        Self {
            offsets: IndexFile::existing(disk.clone(), dir.join(names::file_name(base, names::INDEX))),
            times: IndexFile::existing(disk.clone(), dir.join(names::file_name(base, names::TIME_INDEX))),
            unindexed: 0,
            max_timestamp: None,
            last_time_entry: None,
        }
    }

    /// Indexes of which the first entries are right, to be continued with the batch that the last of the offset
    /// entries names. `times` has the last of the time entries with their number, `max` the largest timestamp
    /// up to that batch.
    pub(super) fn resumed(
        disk: &Arc<Disk>,
        dir: &Path,
        base: Offset,
        (offsets, times): (usize, Option<(usize, TimeEntry)>),
        max: Option<MaxTimestamp>,
    ) -> Self {
        let path = |suffix| dir.join(names::file_name(base, suffix));
        Self {
            offsets: IndexFile::shortened(disk.clone(), path(names::INDEX), offsets),
            times: match times {
                Some((kept, _)) => IndexFile::shortened(disk.clone(), path(names::TIME_INDEX), kept),
                None => IndexFile::new(disk.clone(), path(names::TIME_INDEX)),
            },
            unindexed: 0,
            max_timestamp: Some(max),
            last_time_entry: times.map(|(_, entry)| entry.timestamp),
        }
    }

    /// The part of the offset index that is in its file.
    pub(super) fn written_offsets(&mut self) -> io::Result<WrittenPart<OffsetEntry>> {
        self.offsets.written_part()
    }

    /// The part of the time index that is in its file.
    pub(super) fn written_times(&mut self) -> io::Result<WrittenPart<TimeEntry>> {
        self.times.written_part()
    }

    pub(super) fn note(
        &mut self,
        position: u64,
        relative: u32,
        header: &BatchHeader,
        interval: u64,
    ) -> Result<(), StorageFailure> {
        let max = self.max_timestamp.flatten();
        if let Some(timestamp) = known(header.max_timestamp)
            && max.is_none_or(|max| max.timestamp < timestamp)
        {
            self.max_timestamp = Some(Some(MaxTimestamp { timestamp, relative }));
        }
        if self.unindexed > interval {
            let position = u32::try_from(position).expect("segment.bytes is at most i32::MAX");
            self.offsets.push(OffsetEntry { relative, position })?;
            self.push_time_entry()?;
            self.unindexed = 0;
        }
        self.unindexed += header.size_in_bytes() as u64;
        Ok(())
    }

    /// Adds a time entry if the largest timestamp has risen since the last one.
    pub(super) fn push_time_entry(&mut self) -> Result<(), StorageFailure> {
        if let Some(Some(MaxTimestamp { timestamp, relative })) = self.max_timestamp
            && self.last_time_entry.is_none_or(|last| last < timestamp)
        {
            self.times.push(TimeEntry { timestamp, relative })?;
            self.last_time_entry = Some(timestamp);
        }
        Ok(())
    }

    /// The largest timestamp, if it is known; `Some(None)` if no batch has one.
    pub(super) const fn known_max(&self) -> Option<Option<MaxTimestamp>> {
        self.max_timestamp
    }

    pub(super) fn last_time_entry(&mut self) -> io::Result<Option<TimeEntry>> {
        self.times.last()
    }

    /// What the time index, checked against the log, or the log itself says.
    pub(super) fn set_max(&mut self, max: Option<MaxTimestamp>) {
        self.max_timestamp = Some(max);
        // If the file has no such entry yet, it gets one too many of that timestamp at worst: harmless.
        self.last_time_entry = max.map(|max| max.timestamp);
    }

    pub(super) fn is_full(&mut self, limit: u64) -> io::Result<bool> {
        let full = |len: u64, entry: u64| len + entry > limit;
        Ok(full(self.offsets.len()?, 8) || full(self.times.len()?, 12))
    }

    pub(super) fn flush(&mut self, last: bool) -> Result<(), StorageFailure> {
        if last {
            self.push_time_entry()?;
        }
        self.offsets.flush()?;
        self.times.flush()
    }

    pub(super) fn paths(&self) -> Vec<PathBuf> {
        vec![self.offsets.path().to_owned(), self.times.path().to_owned()]
    }

    /// The last offset entry for which `holds`, or the part of the file to search for it.
    pub(super) fn offset_entry(
        &mut self,
        holds: impl Fn(&OffsetEntry) -> bool,
    ) -> io::Result<Result<OffsetEntry, WrittenPart<OffsetEntry>>> {
        match self.offsets.search_pending(holds) {
            Some(entry) => Ok(Ok(entry)),
            None => self.offsets.written_part().map(Err),
        }
    }

    /// The last time entry for which `holds`, or the part of the file to search for it.
    pub(super) fn time_entry(
        &mut self,
        holds: impl Fn(&TimeEntry) -> bool,
    ) -> io::Result<Result<TimeEntry, WrittenPart<TimeEntry>>> {
        match self.times.search_pending(holds) {
            Some(entry) => Ok(Ok(entry)),
            None => self.times.written_part().map(Err),
        }
    }
}
