//! Compaction as the writer sees it: what there is to do, and putting rewritten segments in their place.
//!
//! ```text
//!  files of segments 0 and 40 while they are replaced by one
//!  0.log 40.log 0.log.cleaned              durable; a crash now leaves 0 and 40
//!  0.log 40.log 0.log.swap                 synced; from now on recovery goes on with what is here
//!  0.log.N.deleted 40.log.deleted 0.log.swap   synced; readers who have the old segments still find them
//!  0.log.N.deleted 40.log.deleted 0.log    synced; the files that wait for their removal go
//! ```

use std::sync::Arc;
use std::time::Duration;

use yak_model::{Offset, TimestampMs};

use super::{DirtyFile, Log, Segments};
use crate::compaction::{Compacted, Compaction, CompactionConfig, KeyOffsets, Rewritten, cleaned};
use crate::directory::RetentionClock;
use crate::error::{LogError, StorageFailure};
use crate::flusher::Urgency;
use crate::segment::{Segment, names};
use crate::sync::lock;

impl Log {
    /// Up to where the log is compacted.
    #[must_use]
    pub fn compacted_up_to(&self) -> Offset {
        self.shared.cleaned()
    }

    /// What compaction has to do, if that is worth it by the configuration: `None` if the topic is not compacted, too
    /// little is dirty, or what is dirty may not be touched yet. It takes no lock and may be dropped.
    ///
    /// # Errors
    /// The disk failed, or a segment cannot be read.
    pub fn compaction(
        &self,
        clock: &RetentionClock,
        high_watermark: Offset,
    ) -> Result<Option<Compaction>, LogError> {
        self.core.disk.check()?;
        let Some(config) = self.config.compaction else { return Ok(None) };
        let all = self.shared.segments.load();
        let from = self.shared.cleaned().max(self.start());
        let (segments, end) =
            self.untouched(&all, &config, (from, high_watermark.min(self.durable_end())), clock);
        if end <= from {
            return Ok(None);
        }
        let first_dirty = segments.partition_point(|segment| segment.base() <= from).saturating_sub(1);
        let bytes = |segments: &[Arc<Segment>]| segments.iter().map(|segment| segment.size()).sum::<u64>();
        let dirty_ratio = ratio(bytes(&segments[first_dirty..]), bytes(&segments));
        let overdue =
            self.began(&segments[first_dirty]).is_some_and(|began| clock.age_ms(began) > config.max_lag_ms);
        if dirty_ratio < config.min_dirty_ratio && !overdue {
            return Ok(None);
        }
        Ok(Some(Compaction {
            core: self.core.clone(),
            shared: self.shared.clone(),
            last_end: end,
            segments,
            from,
            end,
            log_start: self.start(),
            generation: lock(&self.shared.sync).generation,
            remembered: self.producers.last_offsets(),
            config,
            segment_bytes: self.config.segment_bytes,
            index_interval_bytes: self.config.index_interval_bytes,
            clock: clock.clone(),
            dirty_ratio,
            overdue,
            stop: Arc::default(),
            keys: KeyOffsets::with_memory(0),
            done: 0,
            report: Compacted::default(),
        }))
    }

    /// The segments that may be compacted, and where they end: wholly before `bound`, none active, and from the first
    /// dirty one on none with a record younger than `min.compaction.lag.ms`.
    fn untouched(
        &self,
        all: &Segments,
        config: &CompactionConfig,
        (from, bound): (Offset, Offset),
        clock: &RetentionClock,
    ) -> (Segments, Offset) {
        let mut segments = Segments::new();
        let mut end = self.start();
        for pair in all.windows(2) {
            let next = pair[1].base();
            if next > bound || (next > from && self.is_young(&pair[0], config, clock)) {
                break;
            }
            segments.push(pair[0].clone());
            end = next;
        }
        (segments, end)
    }

    fn is_young(&self, segment: &Segment, config: &CompactionConfig, clock: &RetentionClock) -> bool {
        if config.min_lag_ms <= 0 {
            return false;
        }
        // What cannot be understood will be reported when it is read.
        let Ok(max) = segment.max_timestamp() else { return false };
        let newest = max.map(|max| max.timestamp).or_else(|| self.modified(segment));
        newest.is_some_and(|newest| clock.age_ms(newest) < config.min_lag_ms)
    }

    fn began(&self, segment: &Segment) -> Option<TimestampMs> {
        let first = segment.first_batch().ok().flatten();
        first.map(|batch| batch.header.max_timestamp).filter(|timestamp| timestamp.get() >= 0)
    }

    /// Puts a rewritten segment in the place of those it was made from. `false` if the log has changed there
    /// meanwhile: the rest of the compaction is of no use then.
    ///
    /// # Errors
    /// The disk failed; a swap that stops half-way is final, and the next start completes it.
    pub fn swap_in(&mut self, rewritten: Rewritten) -> Result<bool, LogError> {
        self.core.disk.check()?;
        let segments = self.shared.segments.load_full();
        let Some(at) = place_of(&segments, &rewritten.replaced) else {
            rewritten.discard();
            return Ok(false);
        };
        self.try_swap(&segments, at, rewritten).map_err(|failure| self.offline(failure))?;
        Ok(true)
    }

    fn try_swap(&self, segments: &Segments, at: usize, rewritten: Rewritten) -> Result<(), StorageFailure> {
        let (disk, dir, trash) = (&self.core.disk, self.shared.dir(), &self.core.trash);
        let sync = || disk.change("sync", dir, disk.dir().sync_dir(dir));
        let rename = |from: &std::path::Path, to: &std::path::Path| {
            disk.change("rename", from, disk.dir().rename(from, to))
        };
        let _busy = disk.busy.begin();
        let first = &rewritten.replaced[0];
        let swap = first.path(&format!("{}.{}", names::LOG, names::SWAP));
        rename(&rewritten.path(), &swap)?;
        sync()?;
        let delay = Duration::from_millis(self.config.file_delete_delay_ms);
        for segment in rewritten.replaced[1..].iter().rev() {
            segment.delete(trash, delay)?;
        }
        first.replace(trash, delay)?;
        sync()?;
        rename(&swap, &first.path(names::LOG))?;
        let mut dirty = Vec::new();
        for suffix in [names::INDEX, names::TIME_INDEX] {
            match disk.dir().rename(&cleaned(first, suffix), &first.path(suffix)) {
                // There was no room for it.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                result => {
                    disk.change("rename", &first.path(suffix), result)?;
                    dirty.push(DirtyFile::Named(first.path(suffix)));
                }
            }
        }
        sync()?;
        let successor = first.successor(rewritten.size, rewritten.indexes);
        let mut list: Segments = segments[..at].to_vec();
        list.push(Arc::new(successor));
        list.extend_from_slice(&segments[at + rewritten.replaced.len()..]);
        self.shared.segments.store(Arc::new(list));
        lock(&self.shared.sync).dirty.extend(dirty);
        self.core.flusher.request(&self.core, &self.shared, Urgency::Soon);
        Ok(())
    }

    /// A compaction is over: everything it rewrote was swapped in. Says what it did.
    pub fn compacted(&mut self, compaction: Compaction) -> Compacted {
        let mut report = compaction.report;
        report.up_to = self.shared.cleaned();
        if compaction.generation == lock(&self.shared.sync).generation {
            report.up_to = compaction.end;
            self.shared.set_cleaned(compaction.end);
            self.core.flusher.request_checkpoint(&self.core);
        }
        report
    }
}

/// Where in the list these segments stand, if all of them still do.
fn place_of(segments: &Segments, wanted: &Segments) -> Option<usize> {
    let at = segments.iter().position(|segment| Arc::ptr_eq(segment, &wanted[0]))?;
    let there = segments.get(at..at + wanted.len())?;
    there.iter().zip(wanted).all(|(one, other)| Arc::ptr_eq(one, other)).then_some(at)
}

fn ratio(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a ratio of sizes, compared with a setting")]
    let ratio = part as f64 / whole.max(1) as f64;
    ratio
}
