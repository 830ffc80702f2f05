//! What the writer of a log shares with its readers and with the flusher.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::{ArcSwap, ArcSwapOption};
use yak_model::{Offset, TopicId, TopicPartition};

use crate::dir::{OpenMode, is_out_of_files};
use crate::directory::SlotKey;
use crate::disk::Disk;
use crate::epochs::LeaderEpochs;
use crate::error::StorageFailure;
use crate::flusher::DurableObserver;
use crate::segment::{LogFile, Segment};

/// The segments, oldest first; never empty.
pub(crate) type Segments = Vec<Arc<Segment>>;

/// The shared state. Order of publication on append: bytes, dirty file, segment list, end.
#[derive(Debug)]
pub(crate) struct Shared {
    partition: TopicPartition,
    topic_id: TopicId,
    dir: Arc<Path>,
    pub(crate) segments: ArcSwap<Segments>,
    start: AtomicI64,
    end: AtomicI64,
    durable_end: AtomicI64,
    high_watermark: AtomicI64,
    cleaned: AtomicI64,
    pub(crate) epochs: Mutex<LeaderEpochs>,
    pub(crate) sync: Mutex<SyncState>,
    observer: ArcSwapOption<Arc<dyn DurableObserver>>,
    pub(crate) queued_now: AtomicBool,
    pub(crate) queued_soon: AtomicBool,
}

/// What the flusher has to do for a log.
#[derive(Debug, Default)]
pub(crate) struct SyncState {
    /// Counts truncations: what was captured before one is not reported after it.
    pub(crate) generation: u64,
    pub(crate) dirty: Vec<DirtyFile>,
    /// The log was closed or deleted; its files are nobody's any more.
    pub(crate) closed: bool,
}

/// Something to be synced.
#[derive(Debug)]
pub(crate) enum DirtyFile {
    /// A segment's batches.
    Log(Arc<LogFile>),
    /// Any other file, by its name: it is opened to be synced, so that none is held open meanwhile.
    Named(PathBuf),
    /// Names in a partition's directory.
    Dir(PathBuf),
}

impl DirtyFile {
    /// What is written from now on needs another sync.
    pub(crate) fn take(&self) {
        if let Self::Log(log) = self {
            log.take_dirty();
        }
    }

    pub(crate) fn sync(&self, disk: &Disk) -> Result<(), StorageFailure> {
        match self {
            Self::Log(log) => disk.change("sync", log.path(), log.file().sync_data()),
            Self::Named(path) => sync_named(disk, path),
            Self::Dir(path) => match disk.dir().sync_dir(path) {
                // It was deleted meanwhile, with the whole partition.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                result => disk.change("sync", path, result),
            },
        }
    }
}

impl Shared {
    pub(crate) fn new(
        partition: TopicPartition,
        topic_id: TopicId,
        dir: Arc<Path>,
        segments: Segments,
        epochs: LeaderEpochs,
    ) -> Self {
        assert!(!segments.is_empty(), "a log has at least one segment");
        Self {
            partition,
            topic_id,
            dir,
            segments: ArcSwap::from_pointee(segments),
            start: AtomicI64::new(0),
            end: AtomicI64::new(0),
            durable_end: AtomicI64::new(0),
            high_watermark: AtomicI64::new(0),
            cleaned: AtomicI64::new(0),
            epochs: Mutex::new(epochs),
            sync: Mutex::default(),
            observer: ArcSwapOption::empty(),
            queued_now: AtomicBool::new(false),
            queued_soon: AtomicBool::new(false),
        }
    }

    pub(crate) fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    pub(crate) fn topic_id(&self) -> TopicId {
        self.topic_id
    }

    pub(crate) fn key(&self) -> SlotKey {
        (self.topic_id, self.partition.partition)
    }

    pub(crate) fn dir(&self) -> &Arc<Path> {
        &self.dir
    }

    pub(crate) fn start(&self) -> Offset {
        Offset::new(self.start.load(Ordering::Acquire))
    }

    pub(crate) fn set_start(&self, start: Offset) {
        self.start.store(start.get(), Ordering::Release);
    }

    pub(crate) fn end(&self) -> Offset {
        Offset::new(self.end.load(Ordering::Acquire))
    }

    pub(crate) fn set_end(&self, end: Offset) {
        self.end.store(end.get(), Ordering::Release);
    }

    pub(crate) fn durable_end(&self) -> Offset {
        Offset::new(self.durable_end.load(Ordering::Acquire))
    }

    /// Called with the lock of `sync` held, so that no truncation is overtaken.
    pub(crate) fn set_durable_end(&self, end: Offset) {
        self.durable_end.store(end.get(), Ordering::Release);
    }

    pub(crate) fn high_watermark(&self) -> Offset {
        Offset::new(self.high_watermark.load(Ordering::Acquire))
    }

    pub(crate) fn set_high_watermark(&self, high_watermark: Offset) {
        self.high_watermark.store(high_watermark.get(), Ordering::Release);
    }

    /// The log is compacted up to here.
    pub(crate) fn cleaned(&self) -> Offset {
        Offset::new(self.cleaned.load(Ordering::Acquire))
    }

    pub(crate) fn set_cleaned(&self, cleaned: Offset) {
        self.cleaned.store(cleaned.get(), Ordering::Release);
    }

    pub(crate) fn observer(&self) -> Option<Arc<dyn DurableObserver>> {
        self.observer.load().as_deref().cloned()
    }

    pub(crate) fn set_observer(&self, observer: Arc<dyn DurableObserver>) {
        self.observer.store(Some(Arc::new(observer)));
    }
}

fn sync_named(disk: &Disk, path: &Path) -> Result<(), StorageFailure> {
    let dir = disk.dir();
    match dir.open(path, OpenMode::Write) {
        // Its segment was deleted meanwhile.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        // It must be synced all the same, and the whole file system needs no file to be opened.
        Err(error) if is_out_of_files(&error) => match dir.sync_all() {
            Err(none) if none.kind() == std::io::ErrorKind::Unsupported => {
                disk.change("open", path, Err(error))
            }
            result => disk.change("sync", path, result),
        },
        file => {
            let file = disk.change("open", path, file)?;
            disk.change("sync", path, file.sync_data())
        }
    }
}
