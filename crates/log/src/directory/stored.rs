//! The four offset checkpoints as they stand on disk, kept in memory to write only what changed.
//!
//! Partitions that are not open (damaged, not asked for yet) keep their entries until they are deleted.

use yak_model::{Offset, TopicPartition};

use super::checkpoint::{self, CLEANED, HIGH_WATERMARKS, LOG_STARTS, Offsets, RECOVERY_POINTS};
use crate::disk::Disk;
use crate::error::{OpenError, StorageFailure};

/// One of the checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Synced up to here, epochs included.
    RecoveryPoint,
    /// High watermark, as far as durable.
    HighWatermark,
    /// First offset in the log.
    LogStart,
    /// Compacted up to here.
    Cleaned,
}

const ALL: [Which; 4] = [Which::RecoveryPoint, Which::HighWatermark, Which::LogStart, Which::Cleaned];

/// What the files hold.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    content: [Offsets; 4],
}

impl Which {
    const fn file_name(self) -> &'static str {
        match self {
            Self::RecoveryPoint => RECOVERY_POINTS,
            Self::HighWatermark => HIGH_WATERMARKS,
            Self::LogStart => LOG_STARTS,
            Self::Cleaned => CLEANED,
        }
    }
}

impl Stored {
    /// Reads the files. One that cannot be understood is an error for high watermarks and log starts;
    /// recovery points and where logs are compacted up to are shortcuts only, without which everything is checked, or
    /// compacted.
    pub(crate) fn open(disk: &Disk) -> Result<Self, OpenError> {
        let mut stored = Self::default();
        for which in ALL {
            stored.content[which as usize] = match checkpoint::read(disk, which.file_name()) {
                Err(OpenError::Malformed { path, problem }) if which == Which::RecoveryPoint => {
                    tracing::warn!(file = %path.display(), problem, "ignored: all logs are checked");
                    Offsets::new()
                }
                Err(OpenError::Malformed { path, problem }) if which == Which::Cleaned => {
                    tracing::warn!(file = %path.display(), problem, "ignored: logs are compacted from their start");
                    Offsets::new()
                }
                content => content?,
            };
        }
        Ok(stored)
    }

    pub(crate) fn get(&self, which: Which, partition: &TopicPartition) -> Option<Offset> {
        self.content[which as usize].get(partition).copied()
    }

    /// Puts offsets over the stored ones and writes the file if that changed anything.
    pub(crate) fn merge(
        &mut self,
        disk: &Disk,
        which: Which,
        offsets: Offsets,
    ) -> Result<(), StorageFailure> {
        let mut merged = self.content[which as usize].clone();
        merged.extend(offsets);
        self.replace(disk, which, merged)
    }

    /// Makes sure that no offset of the partition stands above `limit`, durably, before that becomes untrue.
    pub(crate) fn lower(
        &mut self,
        disk: &Disk,
        partition: &TopicPartition,
        limit: Offset,
    ) -> Result<(), StorageFailure> {
        for which in ALL {
            if self.get(which, partition).is_some_and(|offset| offset > limit) {
                self.merge(disk, which, Offsets::from([(partition.clone(), limit)]))?;
            }
        }
        Ok(())
    }

    /// Has the whole log checked when it is opened: the recovery point is not believed. It is written again with the
    /// next checkpoint.
    pub(crate) fn forget_recovery_point(&mut self, partition: &TopicPartition) {
        self.content[Which::RecoveryPoint as usize].remove(partition);
    }

    /// Forgets a partition.
    pub(crate) fn remove(&mut self, disk: &Disk, partition: &TopicPartition) -> Result<(), StorageFailure> {
        for which in ALL {
            let mut rest = self.content[which as usize].clone();
            rest.remove(partition);
            self.replace(disk, which, rest)?;
        }
        Ok(())
    }

    fn replace(&mut self, disk: &Disk, which: Which, content: Offsets) -> Result<(), StorageFailure> {
        if self.content[which as usize] != content {
            checkpoint::write(disk, which.file_name(), &content)?;
            self.content[which as usize] = content;
        }
        Ok(())
    }
}
