//! Cutting records off the end: by a follower whose leader has other ones.

use std::sync::Arc;
use std::time::Duration;

use yak_model::{Offset, TimestampMs};

use super::open::{load_producers, remove_snapshots_after};
use super::{Log, Segments};
use crate::epochs;
use crate::error::{LogError, StorageFailure};
use crate::recovery::damage_of;
use crate::segment::{LogFile, LookupError, Segment};
use crate::sync::lock;

impl Log {
    /// Removes all records at or after `offset`, and those before it in the same batch. The new end comes
    /// back. Before anything is cut, slot, recovery point and stored high watermark are lowered durably.
    ///
    /// # Errors
    /// The offset is before the log's start, or the disk failed: a truncation that stops half-way is final.
    pub fn truncate_to(&mut self, offset: Offset) -> Result<Offset, LogError> {
        self.core.disk.check()?;
        let (start, end) = (self.start(), self.end());
        if offset >= end {
            return Ok(end);
        }
        if offset < start {
            return Err(LogError::OffsetOutOfRange { offset, start, end });
        }
        let segments = self.shared.segments.load_full();
        let kept = segments.partition_point(|segment| segment.base() <= offset).max(1);
        // Too many open files show here, before anything was changed.
        let log = segments[kept - 1].log()?;
        let (position, new_end) = match segments[kept - 1].locate(offset) {
            Ok(Some(batch)) => (batch.position, batch.header.base_offset.min(offset)),
            Err(LookupError::Storage(failure)) => return Err(failure.into()),
            // What cannot be understood has no whole batches to keep.
            Ok(None) | Err(LookupError::Bad { .. }) => (segments[kept - 1].size(), offset),
        };
        self.lower(new_end)?;
        self.cut((&segments, kept), (&log, position), new_end).map_err(|error| self.cut_failed(error))?;
        Ok(new_end)
    }

    /// Empties the log and begins it anew at `offset`: for a follower whose leader has nothing before it.
    ///
    /// # Errors
    /// The disk failed, or has no room.
    pub fn reset_to(&mut self, offset: Offset) -> Result<(), LogError> {
        self.core.disk.check()?;
        self.lower(offset.min(self.start()))?;
        self.restart_at(offset).map_err(|error| self.cut_failed(error))
    }

    /// Half-way there is no way back but through recovery.
    fn cut_failed(&self, error: LookupError) -> LogError {
        match error {
            LookupError::Storage(failure) => self.offline(self.core.disk.fail(failure)).into(),
            LookupError::Bad { position, problem } => LogError::Damaged {
                partition: self.partition().clone(),
                damage: damage_of(
                    &self.core.disk,
                    self.shared.dir(),
                    (position, problem),
                    (self.end(), self.durable_end()),
                ),
            },
        }
    }

    fn cut(
        &mut self,
        (segments, kept): (&Segments, usize),
        (log, position): (&LogFile, u64),
        new_end: Offset,
    ) -> Result<(), LookupError> {
        let last = &segments[kept - 1];
        // From the newest on, so that what is there after a crash in between has no hole.
        for segment in segments[kept..].iter().rev() {
            segment.delete(&self.core.trash, Duration::ZERO)?;
        }
        let disk = &self.core.disk;
        disk.change("truncate", log.path(), log.file().truncate(position))?;
        disk.change("sync", log.path(), log.file().sync_data())?;
        let shortened = Segment::existing(disk, self.shared.dir(), last.base(), position);
        let mut list: Segments = segments[..kept - 1].to_vec();
        self.replace_active(&mut list, shortened)?;
        self.finish_cut(new_end)
    }

    fn restart_at(&mut self, offset: Offset) -> Result<(), LookupError> {
        let segments = self.shared.segments.load_full();
        for segment in segments.iter().rev() {
            segment.delete(&self.core.trash, Duration::ZERO)?;
        }
        lock(&self.shared.epochs).clear();
        remove_snapshots_after(&self.core.disk, self.shared.dir(), Offset::new(-1))?;
        // The new start is durable before a segment begins there; what a power cut brings back of the old ones
        // does not continue from it.
        self.shared.set_start(offset);
        self.core.slots.stage(self.shared.key(), |slot| slot.log_start = offset);
        self.core.slots.write()?;
        self.core.slots.sync()?;
        let fresh = Segment::create(&self.core.disk, self.shared.dir(), offset)?;
        self.replace_active(&mut Vec::new(), fresh)?;
        self.finish_cut(offset)?;
        // There is nothing before it that could be lost.
        Ok(self.publish_durable(offset)?)
    }

    /// What was promised of records at or after `limit` is taken back durably, and the flusher's present
    /// round does not bring it up again.
    fn lower(&self, limit: Offset) -> Result<(), StorageFailure> {
        let mut sync = lock(&self.shared.sync);
        sync.generation += 1;
        let lowered = self.shared.durable_end() > limit || self.start() > limit;
        self.shared.set_durable_end(self.shared.durable_end().min(limit));
        self.shared.set_high_watermark(self.shared.high_watermark().min(limit));
        self.shared.set_cleaned(self.shared.cleaned().min(limit));
        self.core.slots.stage(self.shared.key(), |slot| {
            slot.synced_end = slot.synced_end.min(limit);
            slot.log_start = slot.log_start.min(limit);
        });
        drop(sync);
        if lowered {
            self.core.slots.write()?;
            self.core.slots.sync()?;
        }
        self.core.stored().lower(&self.core.disk, self.partition(), limit)
    }

    /// Puts `active` at the end of `list`, with indexes made anew, and publishes the list.
    fn replace_active(&mut self, list: &mut Segments, active: Segment) -> Result<(), StorageFailure> {
        active.rebuild_indexes(self.config.index_interval_bytes, false)?;
        let active = Arc::new(active);
        list.push(active.clone());
        self.shared.segments.store(Arc::new(std::mem::take(list)));
        self.active = active;
        self.rolling = super::roll::Rolling::default();
        Ok(())
    }

    /// The log ends at `end` now: epochs, producers and snapshots follow, durably.
    fn finish_cut(&mut self, end: Offset) -> Result<(), LookupError> {
        self.shared.set_end(end);
        if self.start() > end {
            // The batch that held the start went as a whole.
            self.shared.set_start(end);
        }
        let (disk, dir) = (&self.core.disk, self.shared.dir());
        remove_snapshots_after(disk, dir, end)?;
        disk.change("sync", dir, disk.dir().sync_dir(dir))?;
        let mut epochs = lock(&self.shared.epochs);
        epochs.truncate_end(end);
        if epochs.take_dirty() {
            let path = dir.join(epochs::FILE_NAME);
            let content = epochs.render();
            disk.change("replace", &path, crate::dir::replace_file(disk.dir(), &path, content.as_bytes()))?;
        }
        drop(epochs);
        let segments = self.shared.segments.load_full();
        let known = std::mem::take(&mut self.producers);
        self.producers = load_producers(disk, dir, &segments, end, TimestampMs::NONE)?;
        self.producers.keep_seen(&known);
        Ok(())
    }
}
