//! Making a log whole again: cut a torn tail, set damage aside, write the kept tail once more.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use yak_model::Offset;

use super::check::{Checked, Flaw};
use super::{
    Cut, Damage, DamageKind, Evidence, OnDamage, RecoverError, RecoveryReport, SetAside, lookup_failed,
};
use crate::dir::OpenMode;
use crate::error::StorageFailure;
use crate::log::Segments;
use crate::segment::{Rebuild, Segment, names};

/// Copied at once.
const CHUNK: u64 = 1024 * 1024;

/// Decides what a flaw is, repairs it, and fills in the report.
pub(super) fn apply(
    evidence: &Evidence<'_>,
    mut segments: Segments,
    mut checked: Checked,
    report: &mut RecoveryReport,
) -> Result<Segments, RecoverError> {
    let mut changed = false;
    if let Some(damage) = damage(evidence, &segments, &checked) {
        if evidence.on_damage == OnDamage::Refuse {
            return Err(RecoverError::Damaged(damage));
        }
        set_aside(evidence, &mut segments, &checked, report)?;
        report.damage = Some(damage);
        changed = true;
    } else if let Some(flaw) = checked.flaw.take() {
        report.cut = Some(cut(evidence, &mut segments, checked.end, flaw)?);
        changed = true;
    }
    let start = evidence.start().max(segments.first().map_or(Offset::ZERO, |first| first.base()));
    if segments.is_empty() || start > report.end {
        // Records before a start that was set are gone, whatever else a power cut took.
        delete_all(evidence, &segments)?;
        let base = start.max(report.end);
        segments = vec![Arc::new(Segment::create(evidence.disk(), &evidence.dir, base)?)];
        report.end = base;
        changed = true;
    }
    report.start = start.max(segments[0].base());
    settle(evidence, &segments, report, changed)?;
    Ok(segments)
}

/// Whether less is there than was durable once.
fn damage(evidence: &Evidence<'_>, segments: &Segments, checked: &Checked) -> Option<Damage> {
    let end_of_last = || match segments.last() {
        Some(last) => (last.path(names::LOG), last.size()),
        None => (evidence.dir.to_path_buf(), 0),
    };
    let bound = evidence.bound();
    let unsupported_start = evidence.slot.is_none() && evidence.start() > checked.end && !segments.is_empty();
    // What was synced and lies below the start was deleted on purpose.
    if checked.end < bound && evidence.start() < bound {
        let ((file, position), kind) = match &checked.flaw {
            Some(flaw) => ((segments[flaw.segment].path(names::LOG), flaw.position), flaw.kind.clone()),
            None => (end_of_last(), DamageKind::EndsEarly),
        };
        Some(evidence.damage(file, position, checked.end, kind))
    } else if unsupported_start {
        // The checkpoint has no checksum, and no slot confirms it.
        let (file, position) = end_of_last();
        let damage = evidence.damage(file, position, checked.end, DamageKind::StartBeyondEnd);
        Some(Damage { durable_end: evidence.start(), ..damage })
    } else {
        None
    }
}

/// Cuts the log at a flaw, newest files first.
fn cut(
    evidence: &Evidence<'_>,
    segments: &mut Segments,
    end: Offset,
    flaw: Flaw,
) -> Result<Cut, StorageFailure> {
    let disk = evidence.disk();
    let mut bytes = 0;
    // A segment that does not continue the log goes as a whole.
    let kept = if flaw.kind == DamageKind::Gap { flaw.segment } else { flaw.segment + 1 };
    for segment in segments.drain(kept..).rev() {
        bytes += segment.size();
        remove(evidence, &segment)?;
    }
    let mut result = Cut {
        file: disk.full(&evidence.dir),
        position: 0,
        bytes,
        offset: end,
        problem: match &flaw.kind {
            DamageKind::BadBatch(problem) => problem.clone(),
            _ => "a segment is missing before it".to_owned(),
        },
    };
    if let Some(last) = segments.last().filter(|_| flaw.kind != DamageKind::Gap) {
        let log = last.log()?;
        result.file = disk.full(log.path());
        result.position = flaw.position;
        result.bytes += last.size() - flaw.position;
        disk.change("truncate", log.path(), log.file().truncate(flaw.position))?;
        disk.change("sync", log.path(), log.file().sync_data())?;
        shorten_last(evidence, segments, flaw.position, flaw.rebuild)?;
    }
    Ok(result)
}

/// The last segment as it is after its file was cut to `size`, with the indexes of what is left; they are made
/// anew if they are not given.
fn shorten_last(
    evidence: &Evidence<'_>,
    segments: &mut Segments,
    size: u64,
    rebuild: Option<Rebuild>,
) -> Result<(), StorageFailure> {
    let Some(last) = segments.pop() else { return Ok(()) };
    let shortened = Segment::existing(evidence.disk(), &evidence.dir, last.base(), size);
    match rebuild {
        Some(rebuild) => rebuild.finish(&shortened, false)?,
        None => shortened.rebuild_indexes(evidence.index_interval_bytes, false)?,
    }
    segments.push(Arc::new(shortened));
    Ok(())
}

/// Renames the damaged segment and those after it, and keeps a copy of the whole batches before the damage.
fn set_aside(
    evidence: &Evidence<'_>,
    segments: &mut Segments,
    checked: &Checked,
    report: &mut RecoveryReport,
) -> Result<(), StorageFailure> {
    let Some(flaw) = &checked.flaw else {
        return evidence.lower(checked.end);
    };
    // Until the copy is there, less than `checked.end` is.
    evidence.lower(segments[flaw.segment].base().min(checked.end))?;
    let disk = evidence.disk();
    let aside = segments.split_off(flaw.segment);
    for (index, segment) in aside.iter().enumerate().rev() {
        let path = segment.path(names::LOG);
        let target = free_name(evidence, &path)?;
        disk.change("rename", &path, disk.dir().rename(&path, &target))?;
        for suffix in [names::INDEX, names::TIME_INDEX] {
            remove_if_there(evidence, &segment.path(suffix))?;
        }
        let kept = if index == 0 { flaw.position } else { 0 };
        if kept > 0 {
            copy(evidence, &target, &path, kept)?;
            segments.push(segment.clone());
            shorten_last(evidence, segments, kept, None)?;
        }
        report.set_aside.push(SetAside { file: disk.full(&target), bytes: segment.size() - kept });
    }
    disk.change("sync", &evidence.dir, disk.dir().sync_dir(&evidence.dir))
}

/// Makes durable what recovery keeps.
fn settle(
    evidence: &Evidence<'_>,
    segments: &Segments,
    report: &mut RecoveryReport,
    changed: bool,
) -> Result<(), RecoverError> {
    report.durable_end = report.end;
    if !report.clean {
        let synced = evidence.slot.map_or(Offset::ZERO, |slot| slot.synced_end).min(report.end);
        if evidence.rewrite_tail {
            for segment in segments {
                report.rewritten_bytes += rewrite(evidence, segment, synced)?;
            }
        } else {
            report.durable_end = synced;
        }
    }
    if changed || report.rewritten_bytes > 0 {
        let (disk, dir) = (evidence.disk(), &evidence.dir);
        disk.change("sync", dir, disk.dir().sync_dir(dir))?;
    }
    Ok(())
}

/// Writes the batches of a segment from `synced` on once more, as they are, and syncs them.
fn rewrite(evidence: &Evidence<'_>, segment: &Segment, synced: Offset) -> Result<u64, RecoverError> {
    let located = segment.locate(synced);
    let located =
        located.map_err(|error| lookup_failed(evidence, segment.path(names::LOG), synced, error))?;
    let Some(first) = located else { return Ok(0) };
    let (disk, log, size) = (evidence.disk(), segment.log()?, segment.size());
    let mut position = first.position;
    let mut chunk = Vec::new();
    while position < size {
        chunk.resize(usize::try_from((size - position).min(CHUNK)).unwrap_or(usize::MAX), 0);
        disk.look("read", log.path(), log.file().read_exact_at(&mut chunk, position))?;
        disk.grow("write", log.path(), log.file().write_all_at(&chunk, position))?;
        position += chunk.len() as u64;
    }
    disk.change("sync", log.path(), log.file().sync_data())?;
    Ok(size - first.position)
}

/// Copies the first `len` bytes of a file, durably.
fn copy(evidence: &Evidence<'_>, from: &Path, to: &Path, len: u64) -> Result<(), StorageFailure> {
    let disk = evidence.disk();
    let source = disk.look("open", from, disk.dir().open(from, OpenMode::Read))?;
    let target = disk.grow("create", to, disk.dir().open(to, OpenMode::CreateNew))?;
    let mut position = 0;
    let mut chunk = Vec::new();
    while position < len {
        chunk.resize(usize::try_from((len - position).min(CHUNK)).unwrap_or(usize::MAX), 0);
        disk.look("read", from, source.read_exact_at(&mut chunk, position))?;
        disk.grow("write", to, target.write_all_at(&chunk, position))?;
        position += chunk.len() as u64;
    }
    disk.change("sync", to, target.sync_data())
}

fn delete_all(evidence: &Evidence<'_>, segments: &Segments) -> Result<(), StorageFailure> {
    segments.iter().rev().try_for_each(|segment| remove(evidence, segment))
}

/// Removes a segment's files.
pub(super) fn remove(evidence: &Evidence<'_>, segment: &Segment) -> Result<(), StorageFailure> {
    [names::LOG, names::INDEX, names::TIME_INDEX]
        .iter()
        .try_for_each(|suffix| remove_if_there(evidence, &segment.path(suffix)))
}

fn remove_if_there(evidence: &Evidence<'_>, path: &Path) -> Result<(), StorageFailure> {
    match evidence.disk().dir().remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => evidence.disk().change("remove", path, result),
    }
}

/// `<path>.damaged`, or with a number if there is one already.
fn free_name(evidence: &Evidence<'_>, path: &Path) -> Result<PathBuf, StorageFailure> {
    let disk = evidence.disk();
    let mut number = 0_u32;
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}", names::DAMAGED));
        if number > 0 {
            name.push(number.to_string());
        }
        let name = PathBuf::from(name);
        match disk.dir().metadata(&name) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(name),
            result => _ = disk.look("look at", &name, result)?,
        }
        number += 1;
    }
}
