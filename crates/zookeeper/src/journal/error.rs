//! What can go wrong with a journal.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a journal cannot be opened, or cannot go on.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process uses the journal.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// A line that was on disk is not what it was.
    #[error(
        "{}:{line}: {fault}. This is no unfinished write: the journal was damaged. Restore the file from a copy; or, to \
         give up this change and all later ones, cut it there: truncate -s {offset} {}",
        path.display(), path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Where the line begins.
        offset: u64,
        /// What is wrong with it.
        fault: String,
    },
    /// The beginning of the file, which is put in place whole, is not what it was.
    #[error(
        "{}:{line}: {fault}. The beginning of a journal file is written whole: it was damaged. Restore the file from a copy",
        path.display()
    )]
    DamagedStart {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        fault: String,
    },
    /// The file is whole and was written by another version of this software.
    #[error("{}:1: {fault}", path.display())]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Which version it has, and which is read.
        fault: String,
    },
}

/// Why lines were not written.
#[derive(Debug, Error)]
pub enum NotWritten {
    /// There is no room; the journal is as it was and may be appended to again.
    #[error(transparent)]
    NoRoom(JournalError),
    /// The journal failed for good: what of the lines is on disk is known only after a restart.
    #[error(transparent)]
    Failed(JournalError),
}
