//! Putting a log together at open or creation, and loading its producer state.

use std::path::Path;
use std::sync::Arc;

use yak_model::config::FlushMode;
use yak_model::{Offset, TimestampMs, TopicId, TopicPartition};

use super::roll::Rolling;
use super::{DirtyFile, Log, Segments, Shared};
use crate::config::LogConfig;
use crate::dir::read_file;
use crate::directory::Core;
use crate::disk::Disk;
use crate::epochs::LeaderEpochs;
use crate::error::StorageFailure;
use crate::flusher::Urgency;
use crate::producers::Producers;
use crate::recovery::Recovered;
use crate::segment::{LookupError, names};
use crate::sync::lock;

/// Most bytes of a producer snapshot: the most producers with all their batches, and some room.
const MAX_SNAPSHOT: usize = 32 * 1024 * 1024;

/// Who a log is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) partition: TopicPartition,
    pub(crate) topic_id: TopicId,
    pub(crate) dir: Arc<Path>,
}

impl Log {
    /// The log of a partition that was recovered.
    pub(crate) fn recovered(
        core: &Arc<Core>,
        identity: Identity,
        config: LogConfig,
        recovered: Recovered,
        (high_watermark, cleaned): (Option<Offset>, Option<Offset>),
    ) -> Result<Self, LookupError> {
        let Recovered { segments, epochs, report } = recovered;
        let producers = load_producers(&core.disk, &identity.dir, &segments, report.end, core.opened_at)?;
        remove_snapshots_after(&core.disk, &identity.dir, report.end)?;
        let log = Self::assemble(core, identity, config, (segments, epochs), producers);
        log.shared.set_start(report.start);
        log.shared.set_end(report.end);
        log.shared.set_high_watermark(high_watermark.unwrap_or_default().clamp(report.start, report.end));
        log.shared.set_cleaned(cleaned.unwrap_or_default().min(report.end));
        log.publish_durable(report.durable_end)?;
        if !report.clean {
            log.keep_flushing();
        }
        Ok(log)
    }

    /// A new, empty log whose directory and first segment were just made.
    pub(crate) fn created(
        core: &Arc<Core>,
        identity: Identity,
        config: LogConfig,
        segments: Segments,
    ) -> Result<Self, StorageFailure> {
        let log =
            Self::assemble(core, identity, config, (segments, LeaderEpochs::default()), Producers::default());
        log.publish_durable(Offset::ZERO)?;
        Ok(log)
    }

    fn assemble(
        core: &Arc<Core>,
        identity: Identity,
        config: LogConfig,
        (segments, epochs): (Segments, LeaderEpochs),
        producers: Producers,
    ) -> Self {
        let active = segments.last().expect("a log has at least one segment").clone();
        let shared =
            Arc::new(Shared::new(identity.partition, identity.topic_id, identity.dir, segments, epochs));
        core.register(&shared);
        Self {
            core: core.clone(),
            shared,
            config,
            producers,
            active,
            rolling: Rolling::default(),
            unsnapshotted: 0,
        }
    }

    pub(super) fn publish_durable(&self, end: Offset) -> Result<(), StorageFailure> {
        let sync = lock(&self.shared.sync);
        self.shared.set_durable_end(end);
        let key = self.shared.key();
        let (log_start, epoch) = (self.shared.start(), lock(&self.shared.epochs).highest());
        let before = self.core.slots.get(key);
        let unchanged = before.is_some_and(|slot| {
            slot.synced_end == end && slot.log_start == log_start && slot.leader_epoch >= epoch
        });
        if !unchanged {
            self.core.slots.stage(key, |slot| {
                slot.synced_end = end;
                slot.log_start = log_start;
                slot.leader_epoch = slot.leader_epoch.max(epoch);
            });
        }
        drop(sync);
        if unchanged { Ok(()) } else { self.core.slots.write() }
    }

    /// After a crash: names that were not synced, and in a `flush=os` log the tail, are made durable again.
    fn keep_flushing(&self) {
        let mut dirty = vec![DirtyFile::Dir(self.shared.dir().to_path_buf())];
        for segment in self.shared.segments.load().iter().rev() {
            dirty.push(DirtyFile::Named(segment.path(names::LOG)));
            if segment.base() <= self.durable_end() {
                break;
            }
        }
        lock(&self.shared.sync).dirty.extend(dirty);
        let urgency = if self.config.flush == FlushMode::Sync { Urgency::Now } else { Urgency::Soon };
        self.core.flusher.request(&self.core, &self.shared, urgency);
    }
}

/// The offsets of a directory's producer snapshots, in order.
pub(super) fn snapshots(disk: &Disk, dir: &Path) -> Result<Vec<Offset>, StorageFailure> {
    let entries = disk.look("list", dir, disk.dir().list(dir))?;
    let parsed = entries.iter().filter_map(|entry| names::parse(&entry.name));
    Ok(parsed.filter(|(_, suffix)| *suffix == names::SNAPSHOT).map(|(offset, _)| offset).collect())
}

/// Removes snapshots of what is not in the log.
pub(super) fn remove_snapshots_after(disk: &Disk, dir: &Path, end: Offset) -> Result<(), StorageFailure> {
    for offset in snapshots(disk, dir)?.into_iter().filter(|offset| *offset > end) {
        let path = dir.join(names::file_name(offset, names::SNAPSHOT));
        disk.change("remove", &path, disk.dir().remove_file(&path))?;
    }
    Ok(())
}

/// Producer state at the end of the log: the newest good snapshot, and the batches after it. Batches before
/// the log's start count as well, as long as they are there.
pub(super) fn load_producers(
    disk: &Disk,
    dir: &Path,
    segments: &Segments,
    end: Offset,
    now: TimestampMs,
) -> Result<Producers, LookupError> {
    let (mut producers, from) = newest_snapshot(disk, dir, end)?.unwrap_or_default();
    let from = from.max(segments[0].base());
    let first = segments.partition_point(|segment| segment.base() <= from).saturating_sub(1);
    for segment in &segments[first..] {
        if from < end {
            segment.for_each(from.max(segment.base()), |batch| producers.update(&batch.header, now))?;
        }
    }
    Ok(producers)
}

fn newest_snapshot(
    disk: &Disk,
    dir: &Path,
    end: Offset,
) -> Result<Option<(Producers, Offset)>, StorageFailure> {
    for offset in snapshots(disk, dir)?.into_iter().rev().filter(|offset| *offset <= end) {
        let path = dir.join(names::file_name(offset, names::SNAPSHOT));
        let content = disk.look("read", &path, read_file(disk.dir(), &path, MAX_SNAPSHOT))?;
        match content.as_deref().and_then(Producers::from_snapshot) {
            Some(producers) => return Ok(Some((producers, offset))),
            None => tracing::warn!(file = %disk.full(&path).display(), "an unreadable snapshot is ignored"),
        }
    }
    Ok(None)
}
