//! When a segment is full and the next one begins.

use std::sync::Arc;

use yak_model::{Offset, TimestampMs};
use yak_record::BatchHeader;

use super::{DirtyFile, Log};
use crate::error::{AppendError, LogError, StorageFailure};
use crate::flusher::Urgency;
use crate::segment::{LookupError, Segment, known, names};
use crate::sync::lock;

/// Log bytes after which the producer state is written again.
const SNAPSHOT_EVERY: u64 = 64 * 1024 * 1024;

/// By what the age of the active segment is told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rolling {
    /// Timestamp of its first batch, if that has one.
    first_timestamp: Option<TimestampMs>,
    /// The broker's time when its first batch was appended by this process.
    first_append: Option<TimestampMs>,
    /// Whether the first batch was looked for: a segment that was there at open has it in its file.
    looked: bool,
    jitter_ms: i64,
}

impl Rolling {
    /// For a new segment, of whose first batch nothing is in the file.
    fn fresh(jitter_ms: i64) -> Self {
        Self { looked: true, jitter_ms, ..Self::default() }
    }

    pub(super) fn note(&mut self, header: &BatchHeader, now: TimestampMs) {
        if self.first_append.is_none() {
            self.first_append = Some(now);
            if self.looked {
                self.first_timestamp = known(header.max_timestamp);
            }
        }
    }
}

impl Log {
    /// Rolls if the batches about to be appended do not belong into the active segment any more (Kafka's
    /// `LogSegment.shouldRoll`): by size, by age, with a full index, or with too large a relative offset.
    pub(super) fn roll_for(
        &mut self,
        bytes: u64,
        last_offset: Offset,
        max_timestamp: TimestampMs,
        now: TimestampMs,
    ) -> Result<(), AppendError> {
        let size = self.active.size();
        let too_far = self.active.relative(last_offset).is_none();
        let due = too_far
            || (size > 0
                && (size + bytes > self.config.segment_bytes
                    || self.is_old(known(max_timestamp), now)
                    || self.index_is_full()));
        if !due {
            return Ok(());
        }
        match self.roll() {
            Ok(()) => Ok(()),
            Err(failure) if failure.is_refused_for_now() => Err(self.refused(failure)),
            Err(failure) => Err(AppendError::Offline(self.offline(failure))),
        }
    }

    /// Rolls the active segment if its first record is older than `segment.ms`, so that retention can reach the
    /// records of a partition to which nothing is appended. Says whether it did.
    ///
    /// # Errors
    /// The disk failed, or has no room.
    pub fn roll_if_due(&mut self, now: TimestampMs) -> Result<bool, LogError> {
        self.core.disk.check()?;
        let due = self.active.size() > 0 && self.is_old(Some(now), now);
        if due {
            self.roll().map_err(|failure| self.offline(failure))?;
        }
        Ok(due)
    }

    /// Begins a new segment at the end of the log. The old one is sealed; it, its indexes, the new name and a
    /// snapshot of the producer state are made durable by the flusher, soon.
    pub(super) fn roll(&mut self) -> Result<(), StorageFailure> {
        let base = self.end();
        // An empty segment of that base is the active one itself.
        if base == self.active.base() {
            return Ok(());
        }
        let segment = Arc::new(Segment::create(&self.core.disk, self.shared.dir(), base)?);
        let mut dirty: Vec<DirtyFile> =
            self.active.flush_indexes(true)?.into_iter().map(DirtyFile::Named).collect();
        dirty.extend(self.write_snapshot(base)?);
        dirty.push(DirtyFile::Dir(self.shared.dir().to_path_buf()));
        lock(&self.shared.sync).dirty.extend(dirty);
        let mut segments = self.shared.segments.load().as_ref().clone();
        segments.push(segment.clone());
        self.shared.segments.store(Arc::new(segments));
        self.active.seal();
        self.active = segment;
        self.unsnapshotted = 0;
        self.rolling = Rolling::fresh(self.jitter());
        self.core.flusher.request(&self.core, &self.shared, Urgency::Now);
        self.remove_old_snapshots()?;
        Ok(())
    }

    /// Now and then writes a snapshot within a segment, so that a start after a kill has not far to read.
    pub(super) fn snapshot_if_due(&mut self, appended: u64) -> Result<(), StorageFailure> {
        self.unsnapshotted += appended;
        if self.unsnapshotted < SNAPSHOT_EVERY {
            return Ok(());
        }
        self.unsnapshotted = 0;
        let snapshot = self.write_snapshot(self.end())?;
        let dir = DirtyFile::Dir(self.shared.dir().to_path_buf());
        lock(&self.shared.sync).dirty.extend(snapshot.into_iter().chain([dir]));
        self.remove_old_snapshots()
    }

    /// Writes the producer state before `offset`. No room is not an error: it is a cache of the log.
    pub(super) fn write_snapshot(&self, offset: Offset) -> Result<Option<DirtyFile>, StorageFailure> {
        let path = self.shared.dir().join(names::file_name(offset, names::SNAPSHOT));
        let disk = &self.core.disk;
        let file = disk.dir().open(&path, crate::dir::OpenMode::CreateOrEmpty);
        let written = file.and_then(|file| file.write_all_at(&self.producers.to_snapshot(), 0));
        match disk.grow("write", &path, written) {
            Ok(()) => Ok(Some(DirtyFile::Named(path))),
            Err(failure) if failure.is_refused_for_now() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Whether records of `latest` (or, where nothing has a timestamp, of `now`) are too far from the first.
    fn is_old(&mut self, latest: Option<TimestampMs>, now: TimestampMs) -> bool {
        if !self.rolling.looked {
            // What cannot be read there has no age; readers will report it.
            let first = self.active.first_batch();
            self.rolling.looked =
                !matches!(&first, Err(LookupError::Storage(failure)) if failure.is_refused_for_now());
            let first = first.unwrap_or_default();
            self.rolling.first_timestamp = first.and_then(|batch| known(batch.header.max_timestamp));
        }
        let age = match (self.rolling.first_timestamp, latest) {
            (Some(first), Some(latest)) => latest.get().saturating_sub(first.get()),
            _ => self.rolling.first_append.map_or(0, |first| now.get().saturating_sub(first.get())),
        };
        age > self.config.segment_ms.saturating_sub(self.rolling.jitter_ms)
    }

    fn index_is_full(&self) -> bool {
        self.active.index_is_full(self.config.segment_index_bytes).unwrap_or(false)
    }

    /// The same for each segment of a partition at each start, different between partitions.
    fn jitter(&self) -> i64 {
        if self.config.segment_jitter_ms <= 0 {
            return 0;
        }
        let seed = crc32c::crc32c(self.shared.partition().to_string().as_bytes());
        i64::from(seed) % (self.config.segment_jitter_ms + 1)
    }
}
