//! The journal: files of lines, appended durably, read back strictly, compacted from an image.
//!
//! ```text
//! zookeeper/                                the folder, by another name where the journal has the directory to itself
//!   .lock                                   one process per journal
//!   journal-00000000000000000001.ndjson     named after the first index it may hold
//!   journal-00000000000000020001.ndjson     begins with the image at 20000; the newest is the journal,
//!   journal-...                             older ones are history for people, bounded by size
//! ```
//!
//! The format of a file is described in `yak_protocol::journal`. Invariants:
//!
//! - Only the newest file is appended to, and only it is read at the start.
//! - A new file is written whole under another name, synced, renamed, and its directory synced, before the next
//!   line is appended to it: a file that has its name has its header and its image.
//! - A line is appended at the end of the last whole one. A group of lines is one write and one sync.
//! - What was read at the start and is not known to have been synced is written again and synced, because a page
//!   whose write-back failed reads well and is gone after a power cut.

mod compact;
mod error;
mod files;
mod open;
mod scan;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use compact::encode_image;
pub use error::{JournalError, NotWritten};
pub use open::Recovered;
pub use scan::Cut;
use yak_log::dir::{Dir, File, LockGuard, is_out_of_space};
use yak_model::{ClusterId, MetadataIndex};

use crate::JournalLimits;

/// Room kept reserved after the end of the file, so that a full disk does not stop elections at once.
const RESERVED_BYTES: u64 = 1 << 20;

/// The journal, opened for appending.
#[derive(Debug)]
pub struct Journal {
    dir: Arc<dyn Dir>,
    /// Within `dir`.
    folder: PathBuf,
    limits: JournalLimits,
    durable: bool,
    cluster_id: ClusterId,
    path: PathBuf,
    file: Arc<dyn File>,
    /// Where the next line goes.
    end: u64,
    /// Up to where room is reserved.
    reserved: u64,
    /// From where growth is counted: the index and the end of the file's image.
    base_index: MetadataIndex,
    base_end: u64,
    /// The last index on disk.
    synced: MetadataIndex,
    /// Set by the first failure: nothing is written after it.
    failed: bool,
    _lock: Box<dyn LockGuard>,
}

impl Journal {
    /// The last index that is on disk (or, in a journal that does not sync, with the system).
    #[must_use]
    pub fn synced(&self) -> MetadataIndex {
        self.synced
    }

    /// The file that is appended to, relative to the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends whole lines, the last of which has index `last`, and makes them durable.
    ///
    /// # Errors
    ///
    /// There is no room, and nothing was changed; or the journal failed, for good.
    ///
    /// # Panics
    /// If it has failed before: the process had to end.
    pub fn append(&mut self, lines: &[u8], last: MetadataIndex) -> Result<(), NotWritten> {
        assert!(!self.failed, "INV-17: nothing is written after a failure");
        assert!(lines.ends_with(b"\n") && last > self.synced, "whole lines that are new");
        self.reserve(lines.len() as u64);
        if let Err(error) = self.file.write_all_at(lines, self.end) {
            return Err(self.take_back(error));
        }
        self.sync().map_err(NotWritten::Failed)?;
        self.end += lines.len() as u64;
        self.synced = last;
        Ok(())
    }

    /// Cuts off what a failed write left, if that failed for want of room.
    fn take_back(&mut self, error: std::io::Error) -> NotWritten {
        let full = is_out_of_space(&error);
        let error = self.fault("write", error);
        if !full {
            self.failed = true;
            return NotWritten::Failed(error);
        }
        // Synced, lest lines that were refused come back after a power cut.
        let truncated = self.file.truncate(self.end).map_err(|error| self.fault("truncate", error));
        self.failed = truncated.is_err();
        // The room beyond the end went with it.
        self.reserved = 0;
        match truncated.and_then(|()| self.sync()) {
            Ok(()) => NotWritten::NoRoom(error),
            Err(failed) => NotWritten::Failed(failed),
        }
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        if !self.durable {
            return Ok(());
        }
        self.file.sync_data().map_err(|error| {
            self.failed = true;
            self.fault("sync", error)
        })
    }

    /// Keeps room after the end. Having none is no error yet: the write will tell.
    fn reserve(&mut self, more: u64) {
        if !self.durable || self.end + more + RESERVED_BYTES / 2 <= self.reserved {
            return;
        }
        let wanted = self.end + more + RESERVED_BYTES;
        match self.file.reserve(wanted) {
            Ok(()) => self.reserved = wanted,
            Err(error) => tracing::debug!(%error, "journal_room_not_reserved"),
        }
    }

    fn fault(&self, action: &'static str, source: std::io::Error) -> JournalError {
        JournalError::Io { action, path: self.dir.path().join(&self.path), source }
    }
}
