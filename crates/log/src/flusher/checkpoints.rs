//! Kafka's checkpoints, written now and then, each only if it has changed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::dir::{OpenMode, replace_file, temporary_name};
use crate::directory::{Core, Offsets, Which};
use crate::epochs;
use crate::error::StorageFailure;
use crate::log::Shared;
use crate::sync::lock;
use yak_model::Offset;

/// More files than this are synced together.
const FEW: usize = 4;

/// Writes leader epochs, slots, then the offset checkpoints. That there is no room is not an error: the
/// old ones stay valid.
pub(super) fn write(core: &Core) -> Result<(), StorageFailure> {
    match try_write(core) {
        Err(failure) if failure.is_refused_for_now() => {
            tracing::warn!(%failure, "checkpoints are not written");
            core.flusher.request_checkpoint(core);
            Ok(())
        }
        result => result,
    }
}

fn try_write(core: &Core) -> Result<(), StorageFailure> {
    // Held throughout: a partition that is deleted meanwhile gets no namesake (which forgets what is stored of
    // the name) before this is done.
    let mut stored = core.stored();
    let mut logs = core.logs();
    logs.retain(|log| !lock(&log.sync).closed);
    // Ends are read before the epochs that must cover them, starts before the slots that must not be behind.
    let durable: Vec<_> = logs.iter().map(|log| log.durable_end()).collect();
    let starts: Vec<_> = logs.iter().map(|log| log.start()).collect();
    write_epochs(core, &logs)?;
    core.slots.write()?;
    core.slots.sync()?;
    // A truncation since lowered the durable end; one that comes later waits for `stored`, and lowers that.
    let entry = |log: &Arc<Shared>, offset| (log.partition().clone(), offset);
    let points: Offsets =
        logs.iter().zip(&durable).map(|(log, end)| entry(log, log.durable_end().min(*end))).collect();
    // Never above what is durable: a stored high watermark is a witness of what must be there.
    let high_watermarks: Offsets =
        logs.iter().map(|log| entry(log, log.high_watermark().min(log.durable_end()))).collect();
    let starts: Offsets = logs.iter().zip(starts).map(|(log, start)| entry(log, start)).collect();
    stored.merge(&core.disk, Which::RecoveryPoint, points)?;
    stored.merge(&core.disk, Which::HighWatermark, high_watermarks)?;
    stored.merge(&core.disk, Which::LogStart, starts)?;
    let compacted = logs.iter().filter(|log| log.cleaned() > Offset::ZERO);
    let cleaned: Offsets = compacted.map(|log| entry(log, log.cleaned().min(log.durable_end()))).collect();
    stored.merge(&core.disk, Which::Cleaned, cleaned)
}

/// Replaces the leader-epoch files that changed.
fn write_epochs(core: &Core, logs: &[Arc<Shared>]) -> Result<(), StorageFailure> {
    let mut changed = Vec::new();
    for log in logs {
        let mut epochs = lock(&log.epochs);
        if epochs.take_dirty() {
            changed.push((log, log.dir().join(epochs::FILE_NAME), epochs.render()));
        }
    }
    let together = changed.len() > FEW;
    let result = if together { replace_together(core, &changed) } else { replace_each(core, &changed) };
    if result.is_err() {
        changed.iter().for_each(|(log, ..)| lock(&log.epochs).mark_dirty());
    }
    result
}

type Changed<'a> = (&'a Arc<Shared>, PathBuf, String);

fn replace_each(core: &Core, changed: &[Changed<'_>]) -> Result<(), StorageFailure> {
    for (log, path, content) in changed {
        gone_or(core, log, path, replace_file(core.disk.dir(), path, content.as_bytes()))?;
    }
    Ok(())
}

/// As many replacements, with two syncs for all of them.
fn replace_together(core: &Core, changed: &[Changed<'_>]) -> Result<(), StorageFailure> {
    let dir = core.disk.dir();
    for (log, path, content) in changed {
        let file = dir.open(&temporary_name(path), OpenMode::CreateOrEmpty);
        gone_or(core, log, path, file.and_then(|file| file.write_all_at(content.as_bytes(), 0)))?;
    }
    match dir.sync_all() {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => return replace_each(core, changed),
        result => core.disk.change("sync", Path::new(""), result)?,
    }
    for (log, path, _) in changed {
        gone_or(core, log, path, dir.rename(&temporary_name(path), path))?;
    }
    core.disk.change("sync", Path::new(""), dir.sync_all())
}

/// A log that was deleted meanwhile has no epochs to keep.
fn gone_or(core: &Core, log: &Shared, path: &Path, result: io::Result<()>) -> Result<(), StorageFailure> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound && lock(&log.sync).closed => Ok(()),
        result => core.disk.grow("replace", path, result),
    }
}

#[cfg(test)]
mod tests {
    use yak_model::{
        BrokerId, DirectoryId, LeaderEpoch, PartitionIndex, TimestampMs, TopicId, TopicPartition,
    };
    use yak_record::{BatchBuilder, Compression, RecordParts};

    use super::*;
    use crate::{Background, DirectoryOptions, Log, LogConfig, LogDirectory, ManualClock, MemDir, NewLog};

    const NOW: TimestampMs = TimestampMs::new(1_766_836_000_000);

    fn create(directory: &LogDirectory, id: u8) -> Log {
        let partition = TopicPartition::new("t".parse().unwrap(), PartitionIndex::new(0));
        let topic_id = TopicId::from_random([id; 16]);
        let new = [NewLog { partition, topic_id, config: LogConfig::default() }];
        directory.create_logs(&new).unwrap().pop().unwrap()
    }

    #[test]
    fn offsets_and_epochs_of_a_deleted_log_are_not_those_of_its_namesake() {
        let mem = MemDir::new();
        let options = DirectoryOptions {
            broker_id: BrokerId::new(1),
            cluster_id: None,
            new_directory_id: DirectoryId::from_random([2; 16]),
            reserve_bytes: 0,
            now: NOW,
            background: Background::Manual(ManualClock::default()),
        };
        let directory = LogDirectory::open(Arc::new(mem.clone()), options).unwrap();
        let core = directory.core();
        let mut log = create(&directory, 7);
        let partition = log.partition().clone();
        let mut builder = BatchBuilder::new();
        builder.push(&RecordParts { value: Some(b"v"), ..RecordParts::default() });
        let mut batch = builder.finish(Compression::None, None);
        log.append_as_leader(&mut batch, LeaderEpoch::new(3), NOW).unwrap();
        directory.checkpoint().unwrap();
        log.set_high_watermark(log.end());
        log.start_epoch(LeaderEpoch::new(4));
        assert_eq!(core.stored().get(Which::RecoveryPoint, &partition), Some(log.end()));
        // A checkpoint that began before the deletion still has it in its list.
        let listed = core.logs().pop().unwrap();
        directory.delete_log(log).unwrap();
        let namesake = create(&directory, 8);
        core.register(&listed);
        write(core).unwrap();
        for which in [Which::RecoveryPoint, Which::HighWatermark, Which::LogStart] {
            let stored = core.stored().get(which, &partition).unwrap_or_default();
            assert_eq!(stored, namesake.end(), "{which:?}");
        }
        let epochs = Path::new("t-0").join(epochs::FILE_NAME);
        assert!(mem.files().iter().all(|(path, _)| *path != epochs));
    }
}
