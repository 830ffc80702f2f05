//! The partitions of a log directory: finding, opening, setting aside, deleting.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use yak_model::{Offset, PartitionIndex, TopicId, TopicPartition};

use super::{Core, LogDirectory, Slot, Which, partition_metadata};
use crate::config::{FlushMode, LogConfig};
use crate::dir::EntryKind;
use crate::error::{LogError, OpenError, StorageFailure};
use crate::log::{Identity, Log};
use crate::recovery::{Evidence, OnDamage, RecoverError, RecoveryReport, damage_of, recover};
use crate::segment::{LookupError, names};
use crate::sync::lock;

const DELETE_SUFFIX: &str = "-delete";
const STRAY_SUFFIX: &str = "-stray";

/// A partition directory that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPartition {
    /// Topic and partition, from its name.
    pub partition: TopicPartition,
    /// From its `partition.metadata`; `None` if that file is missing.
    pub topic_id: Option<TopicId>,
}

/// A partition that has a slot, and no directory: either it was deleted just before a power cut, or it is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingPartition {
    /// The topic.
    pub topic_id: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// Everything before this offset was synced once.
    pub synced_end: Offset,
}

impl LogDirectory {
    /// The partition directories that were there when the directory was opened, by name.
    #[must_use]
    pub fn found(&self) -> &[FoundPartition] {
        &self.found
    }

    /// Partitions that have a slot but no directory. The caller knows whether the topic still exists: if not,
    /// [`LogDirectory::forget_missing`]; if so, acknowledged records are lost here.
    #[must_use]
    pub fn missing(&self) -> Vec<MissingPartition> {
        let present = |topic_id: TopicId, partition: PartitionIndex| {
            self.found.iter().any(|found| {
                found.partition.partition == partition && found.topic_id.is_none_or(|id| id == topic_id)
            })
        };
        let open = self.core.logs();
        let slots = self.core.slots.all().into_iter();
        let lost = slots.filter(|((topic_id, partition), _)| {
            !present(*topic_id, *partition) && !open.iter().any(|log| log.key() == (*topic_id, *partition))
        });
        lost.map(|((topic_id, partition), slot)| MissingPartition {
            topic_id,
            partition,
            synced_end: slot.synced_end,
        })
        .collect()
    }

    /// Forgets a partition that has a slot and no directory.
    ///
    /// # Errors
    /// The disk failed.
    pub fn forget_missing(&self, topic_id: TopicId, partition: PartitionIndex) -> Result<(), StorageFailure> {
        self.core.slots.remove((topic_id, partition));
        self.core.slots.write()
    }

    /// Opens a partition's log, checking it if it was not closed cleanly. One that is refused stays among
    /// [`LogDirectory::unchecked`].
    ///
    /// # Errors
    /// See [`LogError`]. After an error that is not of the disk, nothing was changed.
    pub fn open_log(
        &self,
        partition: &TopicPartition,
        topic_id: TopicId,
        config: LogConfig,
        on_damage: OnDamage,
    ) -> Result<(Log, RecoveryReport), LogError> {
        self.core.check()?;
        let opened = self.try_open_log(partition, topic_id, config, on_damage);
        match &opened {
            Ok(_) => _ = lock(&self.unchecked).remove(partition),
            // What is not there is among the missing, if it ever was.
            Err(LogError::NotFound(_)) => {}
            Err(_) => _ = lock(&self.unchecked).insert(partition.clone()),
        }
        opened
    }

    /// Has the whole log of a partition checked when it is opened, and not only what lies above the recovery point, if
    /// its segments have at most `most` bytes. How many they have; 0 if it is not to be.
    ///
    /// After a clean shutdown nothing is checked all the same.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn check_whole(&self, partition: &TopicPartition, most: u64) -> Result<u64, StorageFailure> {
        let (disk, dir) = (&self.core.disk, PathBuf::from(partition.to_string()));
        let mut bytes = 0;
        for entry in disk.look("list", &dir, disk.dir().list(&dir))? {
            if let Some((_, names::LOG)) = names::parse(&entry.name) {
                let path = dir.join(&entry.name);
                bytes += disk.look("look at", &path, disk.dir().metadata(&path))?.len;
            }
        }
        if bytes > most {
            return Ok(0);
        }
        self.core.stored().forget_recovery_point(partition);
        Ok(bytes)
    }

    /// Partitions that are damaged or could not be opened, and, if the directory was not closed cleanly, those
    /// that were not opened since. Deleting one or setting it aside settles it. While there is one, no
    /// clean-shutdown marker is left, so that damage found once is found again.
    #[must_use]
    pub fn unchecked(&self) -> Vec<TopicPartition> {
        lock(&self.unchecked).iter().cloned().collect()
    }

    fn try_open_log(
        &self,
        partition: &TopicPartition,
        topic_id: TopicId,
        config: LogConfig,
        on_damage: OnDamage,
    ) -> Result<(Log, RecoveryReport), LogError> {
        let dir: Arc<Path> = Path::new(&partition.to_string()).into();
        self.check_topic_id(partition, topic_id, &dir)?;
        let key = (topic_id, partition.partition);
        let evidence = self.evidence(partition, dir.clone(), (key, self.core.slots.get(key)));
        let evidence = Evidence {
            on_damage,
            index_interval_bytes: config.index_interval_bytes,
            rewrite_tail: config.flush == FlushMode::Sync,
            ..evidence
        };
        let stored = (evidence.high_watermark, evidence.cleaned);
        let damaged = |damage| LogError::Damaged { partition: partition.clone(), damage };
        let recovered = match recover(&evidence) {
            Ok(recovered) => recovered,
            Err(RecoverError::Storage(failure)) => return Err(failure.into()),
            Err(RecoverError::Damaged(damage)) => return Err(damaged(damage)),
        };
        lock(&self.opened).insert(partition.clone());
        let report = recovered.report.clone();
        let ends = (report.end, report.durable_end);
        let identity = Identity { partition: partition.clone(), topic_id, dir: dir.clone() };
        match Log::recovered(&self.core, identity, config, recovered, stored) {
            Ok(log) => Ok((log, report)),
            Err(LookupError::Storage(failure)) => Err(failure.into()),
            Err(LookupError::Bad { position, problem }) => {
                Err(damaged(damage_of(&self.core.disk, &dir, (position, problem), ends)))
            }
        }
    }

    fn evidence<'a>(
        &'a self,
        partition: &'a TopicPartition,
        dir: Arc<Path>,
        (key, slot): (super::SlotKey, Option<Slot>),
    ) -> Evidence<'a> {
        let stored = self.core.stored();
        Evidence {
            core: &self.core,
            partition,
            dir,
            key,
            clean: self.clean && !lock(&self.opened).contains(partition),
            slot,
            recovery_point: stored.get(Which::RecoveryPoint, partition),
            high_watermark: stored.get(Which::HighWatermark, partition),
            log_start: stored.get(Which::LogStart, partition),
            cleaned: stored.get(Which::Cleaned, partition),
            on_damage: OnDamage::Refuse,
            index_interval_bytes: 0,
            rewrite_tail: true,
        }
    }

    fn check_topic_id(
        &self,
        partition: &TopicPartition,
        expected: TopicId,
        dir: &Path,
    ) -> Result<(), LogError> {
        let disk = &self.core.disk;
        match disk.dir().list(dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(LogError::NotFound(partition.clone()));
            }
            result => _ = disk.look("list", dir, result)?,
        }
        match partition_metadata::read(disk, dir) {
            Ok(Some(found)) if found == expected => Ok(()),
            Ok(Some(found)) => Err(LogError::TopicId { partition: partition.clone(), expected, found }),
            // A directory from before its topic had an id, or whose making was interrupted.
            Ok(None) => Ok(partition_metadata::write(disk, dir, expected)?),
            Err(OpenError::Malformed { path, problem }) => Err(LogError::Malformed { path, problem }),
            Err(OpenError::Storage(failure)) => Err(failure.into()),
            Err(other) => Err(LogError::Malformed { path: disk.full(dir), problem: other.to_string() }),
        }
    }

    /// Deletes a partition: renames its directory, durably, and removes it in the background.
    ///
    /// # Errors
    /// The disk failed.
    pub fn delete_log(&self, log: Log) -> Result<(), LogError> {
        let (partition, topic_id) = (log.partition().clone(), log.topic_id());
        self.core.check()?;
        log.retire();
        self.core.unregister(&partition);
        self.delete_dir(&partition, topic_id)
    }

    /// Deletes a partition that is not open, whatever is in its directory.
    ///
    /// # Errors
    /// The disk failed.
    pub fn delete_unopened(&self, partition: &TopicPartition, topic_id: TopicId) -> Result<(), LogError> {
        self.core.check()?;
        self.delete_dir(partition, topic_id)
    }

    fn delete_dir(&self, partition: &TopicPartition, topic_id: TopicId) -> Result<(), LogError> {
        let target = self.put_away(partition, topic_id, DELETE_SUFFIX)?;
        self.core.trash.put_dir(target);
        Ok(())
    }

    /// Sets the directory of a partition aside as `-stray`: its topic id is not the cluster's. It is never
    /// served and never deleted.
    ///
    /// # Errors
    /// The disk failed.
    pub fn set_aside_stray(&self, partition: &TopicPartition) -> Result<(), LogError> {
        self.core.check()?;
        let found = partition_metadata::read(&self.core.disk, Path::new(&partition.to_string()));
        let topic_id = found.ok().flatten().unwrap_or_default();
        let target = self.put_away(partition, topic_id, STRAY_SUFFIX)?;
        tracing::warn!(%partition, directory = %self.core.disk.full(&target).display(), "set aside");
        Ok(())
    }

    /// Renames a partition's directory, durably, and forgets the partition.
    fn put_away(
        &self,
        partition: &TopicPartition,
        topic_id: TopicId,
        suffix: &str,
    ) -> Result<PathBuf, LogError> {
        let disk = &self.core.disk;
        let dir = PathBuf::from(partition.to_string());
        let target = free_name(&self.core, partition, topic_id, suffix)?;
        match disk.dir().rename(&dir, &target) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(LogError::NotFound(partition.clone()));
            }
            result => disk.change("rename", &dir, result)?,
        }
        let root = Path::new("");
        disk.change("sync", root, disk.dir().sync_dir(root))?;
        lock(&self.unchecked).remove(partition);
        // Only after that: a slot without its directory would be damage.
        self.core.slots.remove((topic_id, partition.partition));
        self.core.slots.write()?;
        match self.core.stored().remove(disk, partition) {
            // The entries are of no consequence, and go with the next checkpoint.
            Err(failure) if failure.is_refused_for_now() => Ok(target),
            result => Ok(result.map(|()| target)?),
        }
    }
}

/// `<topic>-<partition>.<32 hexadecimal digits>-delete`, as Kafka has it; the digits are the topic's id.
fn free_name(
    core: &Core,
    partition: &TopicPartition,
    topic_id: TopicId,
    suffix: &str,
) -> Result<PathBuf, StorageFailure> {
    let mut id = u128::from_be_bytes(*topic_id.uuid().as_bytes());
    let taken = core.disk.look("list", Path::new(""), core.disk.dir().list(Path::new("")))?;
    loop {
        let name = format!("{partition}.{id:032x}{suffix}");
        if !taken.iter().any(|entry| entry.name == name) {
            return Ok(PathBuf::from(name));
        }
        id = id.wrapping_add(1);
    }
}

/// Looks at the names in the directory: partitions, and deleted ones to be removed.
pub(super) fn find(core: &Core) -> Result<Vec<FoundPartition>, OpenError> {
    let root = Path::new("");
    let mut found = Vec::new();
    for entry in core.disk.look("list", root, core.disk.dir().list(root))? {
        if entry.kind != EntryKind::Dir {
            continue;
        }
        if let Some(partition) = TopicPartition::from_dir_name(&entry.name) {
            let topic_id = match partition_metadata::read(&core.disk, Path::new(&entry.name)) {
                // Opening it will say so.
                Err(OpenError::Malformed { .. }) => None,
                topic_id => topic_id?,
            };
            found.push(FoundPartition { partition, topic_id });
        } else if entry.name.ends_with(DELETE_SUFFIX) && entry.name.contains('.') {
            core.trash.put_dir(PathBuf::from(entry.name));
        }
    }
    Ok(found)
}
