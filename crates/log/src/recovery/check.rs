//! Looking at a log: what is whole, and where it stops being so.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use yak_model::{LeaderEpoch, Offset};

use super::{DamageKind, Evidence, RecoverError, Recovered, RecoveryReport, lookup_failed, repair, swaps};
use crate::dir::{EntryKind, read_file};
use crate::disk::Disk;
use crate::epochs::{self, LeaderEpochs};
use crate::error::StorageFailure;
use crate::log::Segments;
use crate::segment::{FoundBatch, LookupError, Rebuild, Scan, ScanError, Segment, names};

const MAX_EPOCH_FILE: usize = 16 * 1024 * 1024;

/// Where a log stops being whole.
#[derive(Debug)]
pub(super) struct Flaw {
    /// Which segment has the first wrong byte.
    pub(super) segment: usize,
    /// Where in it.
    pub(super) position: u64,
    pub(super) kind: DamageKind,
    /// The indexes of the batches before it.
    pub(super) rebuild: Option<Rebuild>,
}

/// What a check found.
#[derive(Debug)]
pub(super) struct Checked {
    /// The offset after the last whole batch.
    pub(super) end: Offset,
    pub(super) flaw: Option<Flaw>,
    pub(super) bytes: u64,
    /// Of the batches that were looked at; later batches have higher ones.
    pub(super) highest_epoch: LeaderEpoch,
}

impl Checked {
    fn nothing(end: Offset) -> Self {
        Self { end, flaw: None, bytes: 0, highest_epoch: LeaderEpoch::default() }
    }
}

/// Opens the segments of a partition, checks what has to be checked, and repairs what may be repaired.
pub(crate) fn recover(evidence: &Evidence<'_>) -> Result<Recovered, RecoverError> {
    swaps::complete(evidence)?;
    let (mut segments, unindexed) = list_segments(evidence.disk(), &evidence.dir)?;
    drop_below_start(evidence, &mut segments)?;
    let mut epochs = read_epochs(evidence.disk(), &evidence.dir)?;
    let mut report = RecoveryReport { clean: evidence.clean, ..RecoveryReport::default() };
    let checked = match clean_end(evidence, &segments, epochs.as_ref())? {
        Some(checked) => checked,
        None => {
            report.clean = false;
            check(evidence, &segments, &mut epochs)?
        }
    };
    report.checked_bytes = checked.bytes;
    let highest_epoch = checked.highest_epoch;
    report.end = checked.end;
    let mut epochs = match epochs {
        Some(epochs) => epochs,
        None => epochs_of_log(evidence, &segments, checked.end)?,
    };
    let segments = repair::apply(evidence, segments, checked, &mut report)?;
    for (index, segment) in segments.iter().enumerate() {
        if segment.size() > 0 && unindexed.contains(&segment.base()) {
            segment.rebuild_indexes(evidence.index_interval_bytes, index + 1 < segments.len())?;
        }
    }
    epochs.raise_highest(highest_epoch);
    epochs.truncate_end(report.end);
    epochs.truncate_start(report.start);
    Ok(Recovered { segments, epochs, report })
}

/// Segments wholly below the log's start were being deleted when the power went, which may have brought some
/// of them back and not others.
fn drop_below_start(evidence: &Evidence<'_>, segments: &mut Segments) -> Result<(), StorageFailure> {
    let Some(slot) = evidence.slot else { return Ok(()) };
    let below = segments.iter().skip(1).take_while(|next| next.base() <= slot.log_start).count();
    segments.drain(..below).try_for_each(|segment| repair::remove(evidence, &segment))
}

/// Whether segments are missing at the beginning: the start in the slot is durable before one is deleted.
fn begins_late(evidence: &Evidence<'_>, segments: &Segments) -> bool {
    let first = segments.first().map(|first| first.base());
    evidence.slot.is_some_and(|slot| first.is_some_and(|first| first > slot.log_start))
}

/// The end of a log that was closed cleanly and looks like it; else it is checked.
fn clean_end(
    evidence: &Evidence<'_>,
    segments: &Segments,
    epochs: Option<&LeaderEpochs>,
) -> Result<Option<Checked>, StorageFailure> {
    let looks_clean = evidence.clean && !begins_late(evidence, segments);
    let Some(last) = segments.last().filter(|_| looks_clean) else {
        return Ok(None);
    };
    let end = match last.end_offset() {
        Ok(end) => end,
        Err(LookupError::Storage(failure)) => return Err(failure),
        Err(LookupError::Bad { .. }) => return Ok(None),
    };
    let batch = last.locate(end.prev()).ok().flatten();
    let epoch = batch.map(|batch| batch.header.partition_leader_epoch);
    // The file of epochs has no checksum; the last batch, if it is not below the start, is a witness.
    let witness = epoch.filter(|epoch| epoch.get() >= 0 && end > evidence.start());
    let agrees = witness.is_none() || epochs.is_some_and(|epochs| epochs.epoch_at(end.prev()) == witness);
    let slot_epoch = evidence.slot.map_or(LeaderEpoch::default(), |slot| slot.leader_epoch);
    let highest_epoch = epoch.unwrap_or_default().max(slot_epoch);
    let checked = Checked { end, flaw: None, bytes: 0, highest_epoch };
    Ok((agrees && end >= evidence.bound()).then_some(checked))
}

/// Reads all batches, from the last indexed one on that lies before the first unchecked offset.
fn check(
    evidence: &Evidence<'_>,
    segments: &Segments,
    epochs: &mut Option<LeaderEpochs>,
) -> Result<Checked, RecoverError> {
    if begins_late(evidence, segments) {
        let flaw = Flaw { segment: 0, position: 0, kind: DamageKind::Gap, rebuild: None };
        return Ok(Checked { flaw: Some(flaw), ..Checked::nothing(evidence.start()) });
    }
    let from = evidence.check_from();
    let first = segments.partition_point(|segment| segment.base() <= from).saturating_sub(1);
    let Some(segment) = segments.get(first) else {
        return Ok(Checked::nothing(Offset::ZERO));
    };
    let mut resumed = segment.resume(from, evidence.index_interval_bytes)?;
    let start = resumed.as_ref().map_or(segment.base(), |(batch, _)| batch.header.base_offset);
    if let Some(epochs) = epochs {
        epochs.truncate_end(start);
    }
    let mut state = Check {
        evidence,
        checked: Checked::nothing(start),
        latest: epochs.as_ref().and_then(LeaderEpochs::latest).unwrap_or(LeaderEpoch::UNKNOWN),
    };
    for (index, segment) in segments.iter().enumerate().skip(first) {
        if index > first && segment.base() != state.checked.end {
            let kind = DamageKind::Gap;
            state.checked.flaw = Some(Flaw { segment: index, position: 0, kind, rebuild: None });
            break;
        }
        let (position, mut rebuild) = match resumed.take() {
            Some((batch, rebuild)) => (batch.position, rebuild),
            None => (0, segment.rebuild(evidence.index_interval_bytes)),
        };
        if let Some((position, problem)) = state.segment(segment, position, &mut rebuild, epochs)? {
            let kind = DamageKind::BadBatch(problem);
            state.checked.flaw = Some(Flaw { segment: index, position, kind, rebuild: Some(rebuild) });
            break;
        }
        rebuild.finish(segment, index + 1 < segments.len())?;
    }
    Ok(state.checked)
}

struct Check<'a> {
    evidence: &'a Evidence<'a>,
    checked: Checked,
    latest: LeaderEpoch,
}

impl Check<'_> {
    /// Checks a segment from a position on and continues its indexes, until something is wrong: then where and
    /// what.
    fn segment(
        &mut self,
        segment: &Segment,
        start: u64,
        rebuild: &mut Rebuild,
        epochs: &mut Option<LeaderEpochs>,
    ) -> Result<Option<(u64, String)>, StorageFailure> {
        let log = segment.log()?;
        let mut scan = Scan::whole(&**log.file(), start, segment.size());
        loop {
            let batch = match scan.next_checked() {
                Ok(Some(batch)) => batch,
                Ok(None) => break,
                Err(ScanError::Bad { position, problem }) => {
                    return Ok(Some((position, problem.to_string())));
                }
                Err(ScanError::Io(error)) => {
                    return Err(StorageFailure::new("read", &self.evidence.disk().full(log.path()), error));
                }
            };
            if let Some(problem) = self.problem(&batch) {
                return Ok(Some((batch.position, problem)));
            }
            rebuild.note(&batch)?;
            if let Some(epochs) = epochs {
                epochs.assign(batch.header.partition_leader_epoch, batch.header.base_offset);
            }
            self.latest = batch.header.partition_leader_epoch;
            self.checked.highest_epoch = self.checked.highest_epoch.max(self.latest);
            self.checked.end = batch.header.next_offset();
        }
        self.checked.bytes += segment.size() - start;
        Ok(None)
    }

    /// What the checksum does not cover: offset and leader epoch.
    fn problem(&self, batch: &FoundBatch) -> Option<String> {
        let (offset, epoch) = (batch.header.base_offset, batch.header.partition_leader_epoch);
        if offset != self.checked.end {
            return Some(format!("base offset {offset} where {} belongs", self.checked.end));
        }
        if epoch < self.latest {
            return Some(format!("leader epoch {epoch} after {}", self.latest));
        }
        let slot = self.evidence.slot.filter(|slot| batch.header.next_offset() <= slot.synced_end)?;
        (epoch > slot.leader_epoch)
            .then(|| format!("leader epoch {epoch}, when nothing above {} was synced", slot.leader_epoch))
    }
}

/// Epochs as the batches have them, for a log whose file of epochs is missing or wrong.
fn epochs_of_log(
    evidence: &Evidence<'_>,
    segments: &Segments,
    end: Offset,
) -> Result<LeaderEpochs, RecoverError> {
    let mut epochs = LeaderEpochs::default();
    let mut reached = Offset::ZERO;
    for segment in segments.iter().filter(|segment| segment.base() < end) {
        let visited = segment.for_each(segment.base(), |batch| {
            reached = batch.header.next_offset();
            if batch.header.base_offset < end {
                epochs.assign(batch.header.partition_leader_epoch, batch.header.base_offset);
            }
        });
        match visited {
            // All that is kept was seen.
            Err(LookupError::Bad { .. }) if reached >= end => {}
            Err(error) => {
                return Err(lookup_failed(evidence, segment.path(names::LOG), segment.base(), error));
            }
            Ok(()) => {}
        }
    }
    Ok(epochs)
}

fn read_epochs(disk: &Disk, dir: &Path) -> Result<Option<LeaderEpochs>, StorageFailure> {
    let path = dir.join(epochs::FILE_NAME);
    let content = disk.look("read", &path, read_file(disk.dir(), &path, MAX_EPOCH_FILE))?;
    Ok(content.and_then(|content| match LeaderEpochs::parse(&content) {
        Ok(epochs) => Some(epochs),
        Err(problem) => {
            tracing::warn!(file = %disk.full(&path).display(), problem, "leader epochs are read from the log");
            None
        }
    }))
}

/// The segments of a partition's directory, oldest first, and the bases of those that lack an index. What
/// earlier processes left half-done is removed.
fn list_segments(disk: &Arc<Disk>, dir: &Arc<Path>) -> Result<(Segments, BTreeSet<Offset>), StorageFailure> {
    let mut segments = Segments::new();
    let (mut indexed, mut timed) = (BTreeSet::new(), BTreeSet::new());
    for entry in disk.look("list", dir, disk.dir().list(dir))? {
        if entry.kind != EntryKind::File {
            continue;
        }
        let path = dir.join(&entry.name);
        match names::parse(&entry.name) {
            Some((base, names::LOG)) => {
                let size = disk.look("look at", &path, disk.dir().metadata(&path))?.len;
                segments.push(Arc::new(Segment::existing(disk, dir, base, size)));
            }
            Some((base, names::INDEX)) => _ = indexed.insert(base),
            Some((base, names::TIME_INDEX)) => _ = timed.insert(base),
            Some((_, suffix)) if suffix.ends_with(names::DELETED) || suffix.ends_with(names::CLEANED) => {
                remove(disk, &path)?;
            }
            None if entry.name.ends_with(".tmp") => remove(disk, &path)?,
            _ => {}
        }
    }
    let bases = segments.iter().map(|segment| segment.base());
    let lacking = bases.filter(|base| !indexed.contains(base) || !timed.contains(base)).collect();
    Ok((segments, lacking))
}

fn remove(disk: &Disk, path: &Path) -> Result<(), StorageFailure> {
    disk.change("remove", path, disk.dir().remove_file(path))
}
