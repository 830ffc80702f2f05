//! Creating partitions, many at once, durably.

use std::path::Path;
use std::sync::Arc;

use yak_model::{Offset, TopicId, TopicPartition};

use super::{LogDirectory, Slot, partition_metadata};
use crate::config::LogConfig;
use crate::error::{LogError, OpenError, StorageFailure};
use crate::log::{Identity, Log};
use crate::segment::{Segment, names};
use crate::sync::lock;

/// More new files than this are synced together.
const FEW: usize = 4;

/// A partition to be created.
#[derive(Clone, Debug)]
pub struct NewLog {
    /// Topic and partition.
    pub partition: TopicPartition,
    /// The topic's id.
    pub topic_id: TopicId,
    /// The topic's configuration.
    pub config: LogConfig,
}

impl LogDirectory {
    /// Creates partitions. All their names are durable when this returns, with two syncs for all of them. A
    /// directory that has such a name already, and is not what an interrupted creation of the same partition
    /// left, is set aside as `-stray`.
    ///
    /// # Errors
    /// The disk failed or has no room; some directories may have been made then, and are used when the creation
    /// is tried again.
    pub fn create_logs(&self, new: &[NewLog]) -> Result<Vec<Log>, LogError> {
        self.core.check()?;
        let disk = &self.core.disk;
        self.forget_namesakes(new)?;
        let mut made = Vec::with_capacity(new.len());
        for NewLog { partition, topic_id, .. } in new {
            let dir: Arc<Path> = Path::new(&partition.to_string()).into();
            self.make_dir(partition, *topic_id, &dir)?;
            partition_metadata::prepare(disk, &dir, *topic_id)?;
            made.push(dir);
        }
        self.sync_new(&made)?;
        let mut segments = Vec::with_capacity(new.len());
        for (NewLog { partition, topic_id, .. }, dir) in new.iter().zip(&made) {
            partition_metadata::publish(disk, dir)?;
            let segment = Segment::create(disk, dir, Offset::ZERO)?;
            self.core.slots.stage((*topic_id, partition.partition), |slot| *slot = Slot::default());
            segments.push((dir.clone(), segment));
        }
        self.core.slots.write()?;
        self.sync_names(&made)?;
        let mut logs = Vec::with_capacity(new.len());
        for (NewLog { partition, topic_id, config }, (dir, segment)) in new.iter().zip(segments) {
            lock(&self.unchecked).remove(partition);
            let identity = Identity { partition: partition.clone(), topic_id: *topic_id, dir };
            logs.push(Log::created(&self.core, identity, config.clone(), vec![Arc::new(segment)])?);
        }
        Ok(logs)
    }

    /// What the checkpoints say of earlier partitions of these names is not about the new ones.
    fn forget_namesakes(&self, new: &[NewLog]) -> Result<(), StorageFailure> {
        let mut stored = self.core.stored();
        new.iter().try_for_each(|log| stored.lower(&self.core.disk, &log.partition, Offset::ZERO))
    }

    /// Makes the directory of a partition, or takes over the one that an interrupted creation left.
    fn make_dir(
        &self,
        partition: &TopicPartition,
        topic_id: TopicId,
        dir: &Arc<Path>,
    ) -> Result<(), LogError> {
        let disk = &self.core.disk;
        let made = match disk.dir().create_dir(dir) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                if self.is_reusable(topic_id, dir)? {
                    return Ok(());
                }
                if self.core.logs().iter().any(|log| log.partition() == partition) {
                    let found = partition_metadata::read(disk, dir).ok().flatten().unwrap_or_default();
                    return Err(LogError::TopicId {
                        partition: partition.clone(),
                        expected: topic_id,
                        found,
                    });
                }
                self.set_aside_stray(partition)?;
                disk.dir().create_dir(dir)
            }
            made => made,
        };
        Ok(disk.grow("create", dir, made)?)
    }

    /// Whether a directory is what an interrupted creation of that partition left: nothing was ever appended.
    fn is_reusable(&self, topic_id: TopicId, dir: &Arc<Path>) -> Result<bool, LogError> {
        match partition_metadata::read(&self.core.disk, dir) {
            Ok(found) if found.is_none_or(|found| found == topic_id) => {}
            Ok(_) | Err(OpenError::Malformed { .. }) => return Ok(false),
            Err(OpenError::Storage(failure)) => return Err(failure.into()),
            Err(_) => return Ok(false),
        }
        let (disk, mut empty) = (&self.core.disk, true);
        for entry in disk.look("list", dir, disk.dir().list(dir))? {
            if let Some((base, names::LOG)) = names::parse(&entry.name) {
                let path = dir.join(&entry.name);
                let size = disk.look("look at", &path, disk.dir().metadata(&path))?.len;
                empty &= base == Offset::ZERO && size == 0;
            }
        }
        Ok(empty)
    }

    /// Makes the prepared metadata of new directories durable.
    fn sync_new(&self, made: &[Arc<Path>]) -> Result<(), StorageFailure> {
        if self.sync_together(made)? {
            return Ok(());
        }
        made.iter().try_for_each(|dir| partition_metadata::sync(&self.core.disk, dir))
    }

    /// Makes the names in new directories durable, and theirs.
    fn sync_names(&self, made: &[Arc<Path>]) -> Result<(), StorageFailure> {
        if self.sync_together(made)? {
            return Ok(());
        }
        let disk = &self.core.disk;
        made.iter().try_for_each(|dir| disk.change("sync", dir, disk.dir().sync_dir(dir)))?;
        let root = Path::new("");
        disk.change("sync", root, disk.dir().sync_dir(root))
    }

    /// Syncs the whole disk if that is less work, and possible.
    fn sync_together(&self, made: &[Arc<Path>]) -> Result<bool, StorageFailure> {
        let disk = &self.core.disk;
        if made.len() <= FEW {
            return Ok(false);
        }
        match disk.dir().sync_all() {
            Err(error) if error.kind() == std::io::ErrorKind::Unsupported => Ok(false),
            result => disk.change("sync", Path::new(""), result).map(|()| true),
        }
    }
}
