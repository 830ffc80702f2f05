//! A log directory: one disk's partitions of one broker, with the small files that they share.

mod checkpoint;
mod clock;
mod core;
mod create;
mod meta;
mod partition_metadata;
mod partitions;
mod room;
mod shutdown;
mod slots;
mod stored;
mod trash;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use yak_model::{BrokerId, ClusterId, DirectoryId, TimestampMs, TopicPartition};

use crate::dir::{Dir, LockGuard};
use crate::disk::Disk;
use crate::error::{OpenError, StorageFailure};
use crate::sync::lock;

pub use self::core::{Background, ManualClock};
pub use clock::RetentionClock;
pub use create::NewLog;
pub use meta::MetaProperties;
pub use partitions::{FoundPartition, MissingPartition};

pub(crate) use self::core::Core;
pub(crate) use checkpoint::Offsets;
pub(crate) use slots::{Slot, SlotKey};
pub(crate) use stored::Which;
pub(crate) use trash::Trash;

use clock::ClockWatch;
use slots::SlotTable;
use stored::Stored;

/// The lock file.
const LOCK: &str = ".lock";

/// How a log directory is opened.
#[derive(Clone, Debug)]
pub struct DirectoryOptions {
    /// Whose it must be.
    pub broker_id: BrokerId,
    /// The cluster it must belong to, if that is known already; see [`LogDirectory::set_cluster_id`].
    pub cluster_id: Option<ClusterId>,
    /// The id that a new directory gets: from random bytes of the caller's.
    pub new_directory_id: DirectoryId,
    /// Free bytes that appends leave on the disk.
    pub reserve_bytes: u64,
    /// The wall clock.
    pub now: TimestampMs,
    /// How the flusher runs.
    pub background: Background,
}

/// A log directory that is open: its lock is held, its flusher runs. Dropping it without
/// [`LogDirectory::close`] is like a crash of the process.
#[derive(Debug)]
pub struct LogDirectory {
    core: Arc<Core>,
    meta: Mutex<Option<MetaProperties>>,
    options: DirectoryOptions,
    found: Vec<FoundPartition>,
    clean: bool,
    unreadable_slots: usize,
    /// Partitions that were opened: the clean shutdown says nothing about them any more.
    opened: Mutex<BTreeSet<TopicPartition>>,
    /// See [`LogDirectory::unchecked`].
    unchecked: Mutex<BTreeSet<TopicPartition>>,
    clock: Mutex<ClockWatch>,
    flusher: Mutex<Option<JoinHandle<()>>>,
    /// Released last.
    _lock: Box<dyn LockGuard>,
}

/// Room on the file system of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes in all.
    pub total: u64,
    /// Bytes that may still be written.
    pub usable: u64,
}

impl LogDirectory {
    /// Opens the directory. The clean-shutdown marker, if there is one, is taken away at once, durably.
    ///
    /// # Errors
    /// See [`OpenError`]; then nothing was changed but the marker.
    pub fn open(dir: Arc<dyn Dir>, options: DirectoryOptions) -> Result<Self, OpenError> {
        let disk = Arc::new(Disk::new(dir));
        let guard = match disk.dir().lock(Path::new(LOCK)) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                return Err(OpenError::InUse(disk.full(Path::new(""))));
            }
            result => disk.look("lock", Path::new(LOCK), result)?,
        };
        let meta = meta::read(&disk)?;
        if let Some(meta) = &meta {
            check_meta(&disk, meta, &options)?;
        }
        let stored = Stored::open(&disk)?;
        let clean = shutdown::take_marker(&disk)?;
        let (slots, unreadable_slots) = SlotTable::open(disk.clone())?;
        if unreadable_slots > 0 {
            tracing::warn!(
                unreadable_slots,
                "synced-offset slots cannot be read: their logs are checked whole"
            );
        }
        let clock = ClockWatch::open(&disk)?;
        let core = Arc::new(Core::new(disk, slots, stored, &options));
        let found = partitions::find(&core)?;
        let unchecked = found.iter().filter(|_| !clean).map(|found| found.partition.clone()).collect();
        let directory = Self {
            core,
            meta: Mutex::new(meta),
            options,
            found,
            clean,
            unreadable_slots,
            opened: Mutex::default(),
            unchecked: Mutex::new(unchecked),
            clock: Mutex::new(clock),
            flusher: Mutex::default(),
            _lock: guard,
        };
        if let Some(cluster_id) = directory.options.cluster_id {
            directory.set_cluster_id(cluster_id)?;
        }
        directory.start_flusher()?;
        Ok(directory)
    }

    fn start_flusher(&self) -> Result<(), OpenError> {
        if matches!(self.options.background, Background::Manual(_)) {
            return Ok(());
        }
        let core = self.core.clone();
        let thread = std::thread::Builder::new().name("yak-flusher".to_owned());
        let thread = thread.spawn(move || core.flusher.run(&core)).map_err(|error| {
            OpenError::Storage(StorageFailure::new("start the flusher of", &self.path(), error))
        })?;
        *lock(&self.flusher) = Some(thread);
        Ok(())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.core.disk.dir().path()
    }

    /// Cluster, broker and directory id; `None` until the cluster is known.
    #[must_use]
    pub fn meta(&self) -> Option<MetaProperties> {
        *lock(&self.meta)
    }

    /// The directory's id: that of `meta.properties`, or the one it will get.
    #[must_use]
    pub fn directory_id(&self) -> DirectoryId {
        self.meta().map_or(self.options.new_directory_id, |meta| meta.directory_id)
    }

    /// Says which cluster this is: writes `meta.properties`, or compares with it.
    ///
    /// # Errors
    /// The directory belongs to another cluster, or the disk failed.
    pub fn set_cluster_id(&self, cluster_id: ClusterId) -> Result<(), OpenError> {
        let mut present = lock(&self.meta);
        if let Some(present) = *present {
            let options = DirectoryOptions { cluster_id: Some(cluster_id), ..self.options.clone() };
            return check_meta(&self.core.disk, &present, &options);
        }
        let (broker_id, directory_id) = (self.options.broker_id, self.options.new_directory_id);
        let meta = MetaProperties { cluster_id, broker_id, directory_id };
        meta::write(&self.core.disk, &meta)?;
        *present = Some(meta);
        Ok(())
    }

    /// Whether the last process closed it in order.
    #[must_use]
    pub const fn was_clean(&self) -> bool {
        self.clean
    }

    /// How many slots could not be read; the logs they belonged to are checked whole.
    #[must_use]
    pub const fn unreadable_slots(&self) -> usize {
        self.unreadable_slots
    }

    /// The failure that took the directory offline, if there was one. Offline is for good: the process draws a
    /// new incarnation id, or ends.
    #[must_use]
    pub fn failure(&self) -> Option<StorageFailure> {
        self.core.disk.failure().cloned()
    }

    /// How full the disk under it is; `None` where that is not known.
    #[must_use]
    pub fn space(&self) -> Option<Space> {
        let dir = self.core.disk.dir();
        Some(Space { total: dir.total_space().ok()?, usable: dir.available_space().ok()? })
    }

    /// How long the longest write or sync that is under way has been so. Takes no lock: it answers while the disk
    /// hangs.
    #[must_use]
    pub fn longest_operation(&self) -> Option<Duration> {
        self.core.disk.busy.longest()
    }

    /// Takes note of the wall clock and says how old records are by it. To be called now and then, and before
    /// each round of retention.
    ///
    /// # Errors
    /// The disk failed.
    pub fn retention_clock(&self, wall: TimestampMs) -> Result<RetentionClock, StorageFailure> {
        let mut watch = lock(&self.clock);
        let clock = watch.observe(wall, self.core.elapsed());
        self.core.check()?;
        watch.save(&self.core.disk)?;
        Ok(clock)
    }

    /// Makes everything appended so far durable, and writes the checkpoints, before it returns. What
    /// `delete_before` did is durable then, too.
    ///
    /// # Errors
    /// The disk failed.
    pub fn checkpoint(&self) -> Result<(), StorageFailure> {
        self.core.flusher.request_checkpoint(&self.core);
        self.flush_now()
    }

    /// Does at once all that waits for the flusher, background syncs and checkpoints included.
    ///
    /// # Errors
    /// The disk failed.
    pub fn flush_now(&self) -> Result<(), StorageFailure> {
        self.core.flusher.flush(&self.core, true)
    }

    /// Does what is due by the clock. With [`Background::Manual`] this is what the thread would do.
    ///
    /// # Errors
    /// The disk failed.
    pub fn flush_due(&self) -> Result<(), StorageFailure> {
        self.core.flusher.flush(&self.core, false)
    }

    /// Removes deleted files at once, as far as no reader holds them.
    pub fn empty_trash(&self) {
        self.core.trash.empty();
    }

    #[cfg(test)]
    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    fn stop_flusher(&self) {
        self.core.flusher.stop();
        if let Some(thread) = lock(&self.flusher).take() {
            // A panic of the flusher was reported by the panic hook.
            drop(thread.join());
        }
    }
}

impl Drop for LogDirectory {
    fn drop(&mut self) {
        self.stop_flusher();
    }
}

fn check_meta(disk: &Disk, meta: &MetaProperties, options: &DirectoryOptions) -> Result<(), OpenError> {
    let path = disk.full(Path::new(""));
    if meta.broker_id != options.broker_id {
        let (expected, found) = (options.broker_id.get(), meta.broker_id.get());
        return Err(OpenError::OtherBroker { path, expected, found });
    }
    match options.cluster_id {
        Some(expected) if expected != meta.cluster_id => Err(OpenError::OtherCluster {
            path,
            expected: expected.to_string(),
            found: meta.cluster_id.to_string(),
        }),
        _ => Ok(()),
    }
}
