//! Completing what a compaction had settled when the process or the power went.
//!
//! A `.log.swap` file is durable and holds everything of the segments from its own base up to where it ends. Those that
//! are still there go, durably, and it gets its name. See `log/swap.rs` for how it came to be.

use std::path::Path;

use yak_model::Offset;

use super::{Evidence, OnDamage, RecoverError, damage_of};
use crate::dir::OpenMode;
use crate::segment::{Scan, ScanError, names};

/// Completes every swap of the partition.
pub(super) fn complete(evidence: &Evidence<'_>) -> Result<(), RecoverError> {
    let (disk, dir) = (evidence.disk(), &evidence.dir);
    let listed = disk.look("list", dir, disk.dir().list(dir))?;
    let parsed: Vec<(Offset, &str)> = listed.iter().filter_map(|entry| names::parse(&entry.name)).collect();
    let suffix = format!("{}.{}", names::LOG, names::SWAP);
    for (base, _) in parsed.iter().filter(|(_, found)| *found == suffix) {
        let path = dir.join(names::file_name(*base, &suffix));
        let Some(end) = end_of(evidence, &path, *base)? else { continue };
        for (old, suffix) in parsed.iter().filter(|(old, _)| (*base..end).contains(old)).rev() {
            if [names::LOG, names::INDEX, names::TIME_INDEX].contains(suffix) {
                let path = dir.join(names::file_name(*old, suffix));
                disk.change("remove", &path, disk.dir().remove_file(&path))?;
            }
        }
        disk.change("sync", dir, disk.dir().sync_dir(dir))?;
        let target = dir.join(names::file_name(*base, names::LOG));
        disk.change("rename", &path, disk.dir().rename(&path, &target))?;
        disk.change("sync", dir, disk.dir().sync_dir(dir))?;
        tracing::info!(partition = %evidence.partition, base = base.get(), "completed a compaction's swap");
    }
    Ok(())
}

/// The offset after the last batch of a file. `None` if it was damaged and is set aside.
fn end_of(evidence: &Evidence<'_>, path: &Path, base: Offset) -> Result<Option<Offset>, RecoverError> {
    let disk = evidence.disk();
    let file = disk.look("open", path, disk.dir().open(path, OpenMode::Read))?;
    let size = disk.look("look at", path, file.len())?;
    let mut scan = Scan::whole(&*file, 0, size);
    let mut end = base;
    let (position, problem) = loop {
        match scan.next_checked() {
            Ok(None) if end > base => return Ok(Some(end)),
            Ok(None) => break (0, "it is empty".to_owned()),
            Ok(Some(batch)) if batch.header.base_offset == end => end = batch.header.next_offset(),
            Ok(Some(batch)) => {
                let found = batch.header.base_offset;
                break (batch.position, format!("base offset {found} where {end} belongs"));
            }
            Err(ScanError::Bad { position, problem }) => break (position, problem.to_string()),
            Err(ScanError::Io(error)) => disk.look("read", path, Err(error))?,
        }
    };
    let damage = damage_of(disk, path, (position, problem), (end, evidence.bound()));
    if evidence.on_damage == OnDamage::Refuse {
        return Err(RecoverError::Damaged(damage));
    }
    tracing::warn!(%damage, "a compaction's file is set aside");
    let aside = path.with_extension(format!("{}.{}", names::SWAP, names::DAMAGED));
    disk.change("rename", path, disk.dir().rename(path, &aside))?;
    Ok(None)
}
