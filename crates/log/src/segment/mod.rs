//! One segment: a log file of batches, an offset index and a time index.
//!
//! Shared by the writer and all readers. The writer alone calls what changes it (`append`, `seal`, ...);
//! readers see `size` grow after the bytes are there. The index entries of the active segment are behind a
//! small lock of their own, held for a push or for a copy of a few words, never over a read of a file.

mod file;
mod index;
mod indexes;
mod lookup;
mod rebuild;
mod scan;

pub(crate) mod names;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use yak_model::{Offset, TimestampMs};
use yak_record::BatchHeader;

use crate::dir::OpenMode;
use crate::directory::Trash;
use crate::disk::Disk;
use crate::error::StorageFailure;
use crate::sync::lock;

pub(crate) use file::LogFile;
use indexes::Indexes;
pub(crate) use lookup::LookupError;
pub(crate) use rebuild::Rebuild;
pub(crate) use scan::{FoundBatch, Scan, ScanError};

use file::Fate;

/// A segment.
#[derive(Debug)]
pub(crate) struct Segment {
    disk: Arc<Disk>,
    /// The partition's directory.
    dir: Arc<Path>,
    base: Offset,
    /// Held open from the first append until the segment is sealed. Everybody else opens the file for as long
    /// as they look, so that an idle partition holds none.
    held: ArcSwapOption<LogFile>,
    size: AtomicU64,
    indexes: Mutex<Indexes>,
    /// Where the last reader stopped: offset less base, and position, so that the next one need not search.
    hint: AtomicU64,
    /// An index entry was found wrong; the writer rebuilds them when it has time.
    suspect: AtomicBool,
    fate: Arc<Fate>,
    /// Once another segment has its name: which of those that had it this one was.
    replaced: AtomicU64,
}

/// Tells segments of one name apart that compaction replaced.
static REPLACED: AtomicU64 = AtomicU64::new(1);

impl Segment {
    /// A new, empty segment. Its log file is made at once; the caller makes the name durable.
    pub(crate) fn create(disk: &Arc<Disk>, dir: &Arc<Path>, base: Offset) -> Result<Self, StorageFailure> {
        let indexes = Indexes::new(disk, dir, base);
        let segment = Self::assemble(disk, dir, base, (0, indexes));
        let path = segment.path(names::LOG);
        let file = disk.dir().open(&path, OpenMode::CreateOrEmpty);
        disk.grow("create", &path, file)?;
        Ok(segment)
    }

    /// A segment that exists, with `size` bytes.
    pub(crate) fn existing(disk: &Arc<Disk>, dir: &Arc<Path>, base: Offset, size: u64) -> Self {
        Self::assemble(disk, dir, base, (size, Indexes::existing(disk, dir, base)))
    }

    fn assemble(disk: &Arc<Disk>, dir: &Arc<Path>, base: Offset, (size, indexes): (u64, Indexes)) -> Self {
        Self {
            disk: disk.clone(),
            dir: dir.clone(),
            base,
            held: ArcSwapOption::empty(),
            size: AtomicU64::new(size),
            indexes: Mutex::new(indexes),
            hint: AtomicU64::new(0),
            suspect: AtomicBool::new(false),
            fate: Arc::default(),
            replaced: AtomicU64::new(0),
        }
    }

    pub(crate) fn base(&self) -> Offset {
        self.base
    }

    pub(crate) fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    /// The path of one of its files, within the log directory.
    pub(crate) fn path(&self, suffix: &str) -> PathBuf {
        self.dir.join(names::file_name(self.base, suffix))
    }

    /// The log file: the one held for appending, or one opened for the caller.
    pub(crate) fn log(&self) -> Result<Arc<LogFile>, StorageFailure> {
        if let Some(log) = self.held.load_full() {
            return Ok(log);
        }
        let path = self.path(names::LOG);
        let file = match self.disk.dir().open(&path, OpenMode::Write) {
            // It is being deleted, and stays under one of these names as long as somebody has the segment.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let open = |path: PathBuf| self.disk.dir().open(&path, OpenMode::Read);
                let replaced = self.replaced_path(names::LOG).map(open);
                replaced.unwrap_or_else(|| open(self.deleted_path(names::LOG))).or(Err(error))
            }
            // What was opened may be the successor's: that has the name only after this one was marked.
            Ok(file) => match self.replaced_path(names::LOG) {
                Some(own) => match self.disk.dir().open(&own, OpenMode::Read) {
                    // The name was not given away yet.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(file),
                    own => own,
                },
                None => Ok(file),
            },
            error => error,
        };
        let file = self.disk.look("open", &path, file)?;
        Ok(Arc::new(LogFile::new(file, path, self.fate.clone())))
    }

    /// The log file, held open from now on.
    pub(crate) fn hold(&self) -> Result<Arc<LogFile>, StorageFailure> {
        let log = self.log()?;
        if self.held.load().is_none() {
            self.held.store(Some(log.clone()));
        }
        Ok(log)
    }

    /// Nothing is appended any more. What is dirty is held by the flusher's list.
    pub(crate) fn seal(&self) {
        self.held.store(None);
    }

    /// `offset` less the base, if index entries can say it.
    pub(crate) fn relative(&self, offset: Offset) -> Option<u32> {
        relative_to(self.base, offset)
    }

    /// Writes batches at the end, in one system call, and publishes them. Index entries follow with
    /// [`Segment::note`]. After an error any part of the bytes may be in the file, beyond `size`.
    pub(crate) fn append(&self, batches: &[u8]) -> Result<(), StorageFailure> {
        let log = self.hold()?;
        let position = self.size();
        let result = log.file().write_all_at(batches, position);
        self.disk.grow("write", log.path(), result)?;
        self.size.store(position + batches.len() as u64, Ordering::Release);
        Ok(())
    }

    /// Cuts off what a failed append left beyond `size`.
    pub(crate) fn cut_partial(&self) -> Result<(), StorageFailure> {
        // If it could not even be opened, nothing was written.
        let Some(log) = self.held.load_full() else { return Ok(()) };
        self.disk.change("truncate", log.path(), log.file().truncate(self.size()))
    }

    /// Takes note of a batch that was appended at `position`: its timestamp, and now and then an entry.
    pub(crate) fn note(
        &self,
        position: u64,
        header: &BatchHeader,
        interval: u64,
    ) -> Result<(), StorageFailure> {
        let relative = self.relative(header.last_offset()).expect("a segment is rolled before this is so");
        let mut indexes = lock(&self.indexes);
        if indexes.known_max().is_none() {
            drop(indexes);
            match self.max_timestamp() {
                // This batch has no entry then, and its timestamp is looked for when it is asked for.
                Err(LookupError::Storage(failure)) if failure.is_out_of_files() => return Ok(()),
                // Damage within the segment is the readers' to report; entries go on from what is known.
                Err(_) => lock(&self.indexes).set_max(None),
                Ok(_) => {}
            }
            indexes = lock(&self.indexes);
        }
        indexes.note(position, relative, header, interval)
    }

    /// Whether another entry would exceed `segment.index.bytes`.
    pub(crate) fn index_is_full(&self, limit: u64) -> Result<bool, StorageFailure> {
        let result = lock(&self.indexes).is_full(limit);
        self.disk.look("read", &self.path(names::INDEX), result)
    }

    /// Writes all index entries; at a roll or a close also the last time entry. Returns the files, for the
    /// flusher. No room is not an error.
    pub(crate) fn flush_indexes(&self, last: bool) -> Result<Vec<PathBuf>, StorageFailure> {
        let mut indexes = lock(&self.indexes);
        match indexes.flush(last) {
            Err(failure) if failure.is_refused_for_now() => Ok(Vec::new()),
            Err(failure) => Err(failure),
            Ok(()) => Ok(indexes.paths()),
        }
    }

    fn deleted_path(&self, suffix: &str) -> PathBuf {
        self.path(&format!("{suffix}.{}", names::DELETED))
    }

    /// Where a file is that gave its name to a successor's.
    fn replaced_path(&self, suffix: &str) -> Option<PathBuf> {
        match self.replaced.load(Ordering::Acquire) {
            0 => None,
            number => Some(self.path(&format!("{suffix}.{number}.{}", names::DELETED))),
        }
    }

    /// Whether a successor has its name, or is about to get it.
    pub(crate) fn is_replaced(&self) -> bool {
        self.replaced.load(Ordering::Acquire) > 0
    }

    /// Renames the files to `*.deleted`; they are removed when the last reader has let go.
    pub(crate) fn delete(&self, trash: &Arc<Trash>, delay: Duration) -> Result<(), StorageFailure> {
        let files = [names::LOG, names::INDEX, names::TIME_INDEX, names::SNAPSHOT];
        self.rename_away(&files, trash, delay)
    }

    /// As [`Segment::delete`], before a successor gets the names: this one's files are found all the same by those
    /// who hold it.
    pub(crate) fn replace(&self, trash: &Arc<Trash>, delay: Duration) -> Result<(), StorageFailure> {
        self.replaced.store(REPLACED.fetch_add(1, Ordering::Relaxed), Ordering::Release);
        self.rename_away(&[names::LOG, names::INDEX, names::TIME_INDEX], trash, delay)
    }

    fn rename_away(&self, files: &[&str], trash: &Arc<Trash>, delay: Duration) -> Result<(), StorageFailure> {
        let mut renamed = Vec::new();
        for suffix in files {
            let path = self.path(suffix);
            let target = self.replaced_path(suffix).unwrap_or_else(|| self.deleted_path(suffix));
            match self.disk.dir().rename(&path, &target) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                result => self.disk.change("rename", &path, result)?,
            }
            renamed.push(target);
        }
        self.fate.doom(trash, renamed, delay);
        Ok(())
    }

    /// Whether an index entry was found wrong since this was last asked.
    pub(crate) fn take_suspect(&self) -> bool {
        self.suspect.swap(false, Ordering::AcqRel)
    }
}

/// `offset` less `base`, if index entries can say it: Kafka's are signed.
fn relative_to(base: Offset, offset: Offset) -> Option<u32> {
    i32::try_from(offset.since(base)).ok().and_then(|relative| u32::try_from(relative).ok())
}

/// A timestamp of a batch, `None` where it says "none".
pub(crate) fn known(timestamp: TimestampMs) -> Option<TimestampMs> {
    (timestamp.get() >= 0).then_some(timestamp)
}
