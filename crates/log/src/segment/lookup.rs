//! Finding batches in a segment: by offset, by time, and how far a read may go.
//!
//! Index entries only say where to begin: each is checked against the batch it names. A wrong one marks the
//! segment for a rebuild and the search begins at the start of the file, so that an index never changes an
//! answer.

use std::io;
use std::sync::atomic::Ordering;

use yak_model::{Offset, TimestampMs};

use super::index::{OffsetEntry, TimeEntry};
use super::indexes::MaxTimestamp;
use super::{FoundBatch, Scan, ScanError, Segment, known, names};
use crate::error::StorageFailure;
use crate::sync::lock;

/// A read that goes on for longer than this asks the index where to stop.
const WALK_AT_MOST: u64 = 64 * 1024;

/// Whole batches of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) position: u64,
    pub(crate) len: u64,
    /// The offset after its last record.
    pub(crate) end: Offset,
}

/// Why a search failed.
#[derive(Debug)]
pub(crate) enum LookupError {
    Storage(StorageFailure),
    /// What is at the position is not a batch of this log.
    Bad {
        position: u64,
        problem: String,
    },
}

impl From<StorageFailure> for LookupError {
    fn from(failure: StorageFailure) -> Self {
        Self::Storage(failure)
    }
}

impl Segment {
    /// The first batch whose last offset is at or after `target`, if the segment has it.
    pub(crate) fn locate(&self, target: Offset) -> Result<Option<FoundBatch>, LookupError> {
        if let Some(position) = self.hinted(target) {
            return self.walk(position, target, |batch| batch.header.last_offset() >= target);
        }
        let reached = |batch: &FoundBatch| batch.header.last_offset() >= target;
        let start = self.indexed(|entry| self.absolute(entry.relative) <= target)?;
        let (position, from) =
            start.map_or((0, self.base), |batch| (batch.position, batch.header.base_offset));
        self.walk(position, from, reached)
    }

    /// How far a read may go that begins with `first`: at least that batch, at most `max_bytes` more or less
    /// than it, nothing at or after `bound`. `None` if `first` itself is not wholly below `bound`.
    pub(crate) fn span(
        &self,
        first: &FoundBatch,
        max_bytes: u64,
        bound: Offset,
    ) -> Result<Option<Span>, LookupError> {
        if first.header.next_offset() > bound {
            return Ok(None);
        }
        let limit = first.position.saturating_add(max_bytes);
        let mut last = *first;
        if limit.saturating_sub(first.end()) > WALK_AT_MOST {
            let below = |entry: &OffsetEntry| {
                u64::from(entry.position) <= limit && self.absolute(entry.relative) < bound
            };
            let jump = self.indexed(below)?;
            last = jump.filter(|jump| jump.position > last.position && jump.end() <= limit).unwrap_or(last);
        }
        let log = self.log()?;
        let mut scan = Scan::headers(&**log.file(), last.end(), self.size().min(limit));
        // Whatever stops the walk (the limit within a batch, damage) the reader gets what is before it.
        while let Ok(Some(batch)) = scan.next() {
            let contiguous = batch.header.base_offset >= last.header.next_offset();
            if !contiguous || batch.header.next_offset() > bound {
                break;
            }
            last = batch;
        }
        self.set_hint(last.header.next_offset(), last.end());
        Ok(Some(Span {
            position: first.position,
            len: last.end() - first.position,
            end: last.header.next_offset(),
        }))
    }

    /// The first batch, not wholly before `from`, that has a timestamp at or after `timestamp`.
    pub(crate) fn locate_time(
        &self,
        timestamp: TimestampMs,
        from: Offset,
    ) -> Result<Option<FoundBatch>, LookupError> {
        let mut start = None;
        if let Some(entry) = self.time_entry(|entry| entry.timestamp <= timestamp)? {
            start = self.confirmed(entry)?;
        }
        let least = self.locate(from)?;
        let Some(least) = least else { return Ok(None) };
        let start = start.filter(|start| start.position > least.position).unwrap_or(least);
        self.walk(start.position, start.header.base_offset, |batch| batch.header.max_timestamp >= timestamp)
    }

    /// The largest timestamp and whose it is; `None` if no batch has one.
    pub(crate) fn max_timestamp(&self) -> Result<Option<MaxTimestamp>, LookupError> {
        if let Some(known) = lock(&self.indexes).known_max() {
            return Ok(known);
        }
        let last = lock(&self.indexes).last_time_entry();
        let last = self.disk.look("read", &self.path(names::TIME_INDEX), last)?;
        // The last entries may have been lost with the power: what comes after the last one is looked at.
        let start = last.map(|entry| self.confirmed(entry)).transpose()?.flatten();
        let max = self.max_of(start, u64::MAX)?;
        lock(&self.indexes).set_max(max);
        Ok(max)
    }

    /// The largest timestamp of the batches from `start` (or the segment's) on that begin before a position.
    pub(super) fn max_of(
        &self,
        start: Option<FoundBatch>,
        before: u64,
    ) -> Result<Option<MaxTimestamp>, LookupError> {
        let (position, from) =
            start.map_or((0, self.base), |batch| (batch.position, batch.header.base_offset));
        let mut max: Option<MaxTimestamp> = None;
        self.walk(position, from, |batch| {
            if batch.position >= before {
                return true;
            }
            let relative = self.relative(batch.header.last_offset());
            if let (Some(timestamp), Some(relative)) = (known(batch.header.max_timestamp), relative)
                && max.is_none_or(|max| max.timestamp < timestamp)
            {
                max = Some(MaxTimestamp { timestamp, relative });
            }
            false
        })?;
        Ok(max)
    }

    /// The offset after the last batch; the walk from the last entry also checks that the file ends with one.
    pub(crate) fn end_offset(&self) -> Result<Offset, LookupError> {
        let start = self.indexed(|_| true)?;
        let (position, from) =
            start.map_or((0, self.base), |batch| (batch.position, batch.header.base_offset));
        let mut end = from;
        self.walk(position, from, |batch| {
            end = batch.header.next_offset();
            false
        })?;
        Ok(end)
    }

    /// The first batch.
    pub(crate) fn first_batch(&self) -> Result<Option<FoundBatch>, LookupError> {
        self.walk(0, self.base, |_| true)
    }

    /// Calls `visit` with every batch from the one that holds `from`.
    pub(crate) fn for_each(
        &self,
        from: Offset,
        mut visit: impl FnMut(&FoundBatch),
    ) -> Result<(), LookupError> {
        let Some(first) = self.locate(from)? else { return Ok(()) };
        self.walk(first.position, first.header.base_offset, |batch| {
            visit(batch);
            false
        })?;
        Ok(())
    }

    pub(super) fn absolute(&self, relative: u32) -> Offset {
        self.base.plus(i64::from(relative))
    }

    /// Walks from a batch's start to the first one that is `wanted`; offsets must rise from `least`.
    pub(super) fn walk(
        &self,
        position: u64,
        least: Offset,
        mut wanted: impl FnMut(&FoundBatch) -> bool,
    ) -> Result<Option<FoundBatch>, LookupError> {
        let size = self.size();
        if position >= size {
            return Ok(None);
        }
        let log = self.log()?;
        let mut scan = Scan::headers(&**log.file(), position, size);
        let mut least = least;
        loop {
            match scan.next() {
                Ok(None) => return Ok(None),
                Ok(Some(batch)) => {
                    let found = batch.header.base_offset;
                    if found < least {
                        let problem = format!("offset {found} where {least} or a later one belongs");
                        return Err(LookupError::Bad { position: batch.position, problem });
                    }
                    least = batch.header.next_offset();
                    if wanted(&batch) {
                        return Ok(Some(batch));
                    }
                }
                Err(ScanError::Bad { position, problem }) => {
                    return Err(LookupError::Bad { position, problem: problem.to_string() });
                }
                Err(ScanError::Io(error)) => {
                    return Err(StorageFailure::new("read", &self.disk.full(log.path()), error).into());
                }
            }
        }
    }

    /// The batch of the last offset entry for which `holds`, if there is one and it is right.
    fn indexed(&self, holds: impl Fn(&OffsetEntry) -> bool) -> Result<Option<FoundBatch>, LookupError> {
        let found = lock(&self.indexes).offset_entry(&holds);
        let found =
            found.and_then(|found| found.map_or_else(|part| part.search(&holds), |entry| Ok(Some(entry))));
        let Some(entry) = self.readable(names::INDEX, found)? else { return Ok(None) };
        self.confirmed_offset(entry)
    }

    /// The batch that an offset entry names, if the entry is right.
    pub(super) fn confirmed_offset(&self, entry: OffsetEntry) -> Result<Option<FoundBatch>, LookupError> {
        let batch = self.batch_at(u64::from(entry.position))?;
        Ok(self.trust(batch.filter(|batch| batch.header.last_offset() == self.absolute(entry.relative))))
    }

    fn time_entry(&self, holds: impl Fn(&TimeEntry) -> bool) -> Result<Option<TimeEntry>, LookupError> {
        let found = lock(&self.indexes).time_entry(&holds);
        let found =
            found.and_then(|found| found.map_or_else(|part| part.search(&holds), |entry| Ok(Some(entry))));
        Ok(self.readable(names::TIME_INDEX, found)?)
    }

    /// The batch that a time entry names, if the entry is right.
    pub(super) fn confirmed(&self, entry: TimeEntry) -> Result<Option<FoundBatch>, LookupError> {
        let offset = self.absolute(entry.relative);
        let batch = self.locate(offset)?.filter(|batch| {
            batch.header.last_offset() == offset && batch.header.max_timestamp == entry.timestamp
        });
        Ok(self.trust(batch))
    }

    /// The batch at a position, whatever is there.
    fn batch_at(&self, position: u64) -> Result<Option<FoundBatch>, LookupError> {
        let log = self.log()?;
        match Scan::headers(&**log.file(), position, self.size()).next() {
            Ok(batch) => Ok(batch),
            Err(ScanError::Bad { .. }) => Ok(None),
            Err(ScanError::Io(error)) => {
                Err(StorageFailure::new("read", &self.disk.full(log.path()), error).into())
            }
        }
    }

    /// Takes note if an entry did not lead to a batch.
    fn trust(&self, batch: Option<FoundBatch>) -> Option<FoundBatch> {
        // The index of a successor says nothing about the segment whose name it took.
        if batch.is_none() && !self.is_replaced() {
            tracing::warn!(index = %self.disk.full(&self.path(names::INDEX)).display(), "index entry is wrong");
            self.suspect.store(true, Ordering::Release);
        }
        batch
    }

    /// An index file that is being rebuilt, or is shorter than it was, has no entries.
    pub(super) fn readable<E>(
        &self,
        suffix: &str,
        found: io::Result<Option<E>>,
    ) -> Result<Option<E>, StorageFailure> {
        match found {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            found => self.disk.look("read", &self.path(suffix), found),
        }
    }

    fn hinted(&self, target: Offset) -> Option<u64> {
        let hint = self.hint.load(Ordering::Relaxed);
        let relative = self.relative(target)?;
        (hint >> 32 == u64::from(relative)).then_some(hint & u64::from(u32::MAX))
    }

    fn set_hint(&self, offset: Offset, position: u64) {
        if let (Some(relative), Ok(position)) = (self.relative(offset), u32::try_from(position)) {
            self.hint.store(u64::from(relative) << 32 | u64::from(position), Ordering::Relaxed);
        }
    }
}
