//! Retention: old segments go, by age, by size, and below the log start.

use std::sync::Arc;
use std::time::Duration;

use yak_model::{Offset, TimestampMs};

use super::{Log, Segments};
use crate::directory::RetentionClock;
use crate::error::{LogError, StorageFailure};
use crate::segment::{Segment, names};
use crate::sync::lock;

/// Snapshots of producer state that are kept beside the one at the end.
const SNAPSHOTS_KEPT: usize = 2;

/// What retention did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// Segments deleted.
    pub segments: usize,
    /// Bytes of their log files.
    pub bytes: u64,
}

impl Log {
    /// Deletes segments from the beginning: those wholly below the log start, those whose newest record is
    /// older than `retention.ms` by `clock`, and as many as the log is larger than `retention.bytes`. Only
    /// records below `high_watermark` go. If all records are too old, the active segment is rolled first.
    /// Also forgets idle producers, and rebuilds indexes that were found wrong.
    ///
    /// # Errors
    /// The disk failed, or has no room for a new segment.
    pub fn retain(&mut self, clock: &RetentionClock, high_watermark: Offset) -> Result<Retained, LogError> {
        self.core.disk.check()?;
        self.repair_indexes();
        let expiration = self.config.producer_expiration_ms;
        self.producers.expire(|last_seen| clock.age_ms(last_seen) > expiration);
        let mut segments = self.shared.segments.load_full();
        let mut doomed = self.doomed(&segments, clock, high_watermark);
        if doomed == segments.len() {
            if self.active.size() > 0 {
                self.roll().map_err(|failure| self.offline(failure))?;
                segments = self.shared.segments.load_full();
            } else {
                doomed -= 1;
            }
        }
        let retained = self.drop_first(&segments, doomed).map_err(|failure| self.offline(failure))?;
        if retained.segments > 0 {
            tracing::info!(
                partition = %self.partition(), segments = retained.segments, bytes = retained.bytes,
                log_start = self.start().get(), "retention"
            );
        }
        Ok(retained)
    }

    /// Records before `offset` are gone (Kafka's `DeleteRecords`): from now on nobody reads them, their
    /// segments are deleted as far as whole ones are concerned. The caller limits it to the high watermark and
    /// makes it durable with [`LogDirectory::checkpoint`](crate::LogDirectory::checkpoint) before it answers.
    ///
    /// # Errors
    /// The offset is not in the log, or the disk failed.
    pub fn delete_before(&mut self, offset: Offset) -> Result<Offset, LogError> {
        self.core.disk.check()?;
        let (start, end) = (self.start(), self.end());
        if offset > end || offset.get() < 0 {
            return Err(LogError::OffsetOutOfRange { offset, start, end });
        }
        if offset > start {
            self.raise_start(offset).map_err(|failure| self.offline(failure))?;
            let segments = self.shared.segments.load_full();
            let below = (1..segments.len()).take_while(|next| segments[*next].base() <= offset).count();
            self.drop_first(&segments, below).map_err(|failure| self.offline(failure))?;
        }
        Ok(self.start())
    }

    /// How many segments from the beginning may go.
    fn doomed(&self, segments: &Segments, clock: &RetentionClock, high_watermark: Offset) -> usize {
        let mut excess = self.config.retention_bytes.map_or(0, |limit| {
            segments.iter().map(|segment| segment.size()).sum::<u64>().saturating_sub(limit)
        });
        let mut doomed = 0;
        for (index, segment) in segments.iter().enumerate() {
            let next = segments.get(index + 1).map_or(self.end(), |next| next.base());
            let below_start = index + 1 < segments.len() && next <= self.start();
            let size = segment.size();
            let is_excess = size > 0 && excess >= size;
            if next > high_watermark || !(below_start || is_excess || self.is_too_old(segment, clock)) {
                break;
            }
            excess = excess.saturating_sub(size);
            doomed += 1;
        }
        doomed
    }

    fn is_too_old(&self, segment: &Segment, clock: &RetentionClock) -> bool {
        let Some(retention_ms) = self.config.retention_ms else { return false };
        if segment.size() == 0 {
            return false;
        }
        // A segment that cannot be understood is kept: readers will report it.
        let Ok(max) = segment.max_timestamp() else { return false };
        let newest = max.map(|max| max.timestamp).or_else(|| self.modified(segment));
        newest.is_some_and(|newest| clock.age_ms(newest) > retention_ms)
    }

    /// When a segment without timestamps was last written.
    pub(super) fn modified(&self, segment: &Segment) -> Option<TimestampMs> {
        let modified = self.core.disk.dir().metadata(&segment.path(names::LOG)).ok()?.modified;
        let since = modified.duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_millis()).ok().map(TimestampMs::new)
    }

    /// Takes the first `count` segments out of the log. The rest begins where they ended.
    fn drop_first(&mut self, segments: &Segments, count: usize) -> Result<Retained, StorageFailure> {
        let mut retained = Retained::default();
        if count == 0 {
            return Ok(retained);
        }
        let (gone, kept) = segments.split_at(count);
        self.raise_start(self.start().max(kept[0].base()))?;
        // Durable before the first file goes: a power cut may bring some of them back and not others.
        self.core.slots.sync()?;
        self.shared.segments.store(Arc::new(kept.to_vec()));
        let delay = Duration::from_millis(self.config.file_delete_delay_ms);
        for segment in gone {
            retained.segments += 1;
            retained.bytes += segment.size();
            segment.delete(&self.core.trash, delay)?;
        }
        lock(&self.shared.epochs).truncate_start(self.start());
        self.core.flusher.request_checkpoint(&self.core);
        Ok(retained)
    }

    /// The log begins at `start` now; a kill of the process finds it in the slot.
    fn raise_start(&self, start: Offset) -> Result<(), StorageFailure> {
        self.shared.set_start(start);
        self.core.slots.stage(self.shared.key(), |slot| slot.log_start = start);
        self.core.flusher.request_checkpoint(&self.core);
        self.core.slots.write()
    }

    fn repair_indexes(&self) {
        for segment in self.shared.segments.load().iter().filter(|segment| segment.take_suspect()) {
            let sealed = segment.base() != self.active.base();
            let result = segment.rebuild_indexes(self.config.index_interval_bytes, sealed);
            tracing::warn!(
                partition = %self.partition(), segment = segment.base().get(), ok = result.is_ok(),
                "rebuilt the indexes"
            );
        }
    }

    /// Removes producer snapshots, except the newest two at or below the end of the log.
    pub(super) fn remove_old_snapshots(&self) -> Result<(), StorageFailure> {
        let mut snapshots = super::open::snapshots(&self.core.disk, self.shared.dir())?;
        let kept = snapshots.len().saturating_sub(SNAPSHOTS_KEPT);
        for offset in snapshots.drain(..kept) {
            let path = self.shared.dir().join(names::file_name(offset, names::SNAPSHOT));
            self.core.disk.change("remove", &path, self.core.disk.dir().remove_file(&path))?;
        }
        Ok(())
    }
}
