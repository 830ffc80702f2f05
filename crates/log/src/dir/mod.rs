//! What the log needs of a file system: a small dyn-safe trait over one directory tree.
//!
//! Everything that touches a disk goes through [`Dir`] and [`File`], so that the very same code runs on a real
//! disk ([`RealDir`]) and on one in memory that forgets what was not synced ([`MemDir`]). Paths are relative to
//! the directory the `Dir` was made for. What becomes durable when:
//!
//! | operation | survives a power cut after |
//! |---|---|
//! | [`File::write_all_at`], [`File::truncate`] | [`File::sync_data`] of that file |
//! | creating, renaming, removing a name | [`Dir::sync_dir`] of the directory that holds the name |
//! | all of them | [`Dir::sync_all`] |

mod mem;
mod real;
mod replace;

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

pub use mem::{Crash, Fault, FaultKind, MemDir, Op};
pub use real::RealDir;
pub(crate) use replace::{parent, temporary_name};
pub use replace::{read_file, replace_file};
pub use yak_record::ReadAt;

/// How [`Dir::open`] treats a file that exists, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// It exists; opened for reading only.
    Read,
    /// It exists; opened for reading and writing.
    Write,
    /// It does not exist and is created.
    CreateNew,
    /// It is created if it does not exist; what it held stays.
    CreateOrOpen,
    /// It is created, or emptied if it exists.
    CreateOrEmpty,
}

/// What a name stands for. Symbolic links are not followed and count as [`EntryKind::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// Something this crate never makes and never touches.
    Other,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name, without the directory.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
}

/// Size and age of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Bytes.
    pub len: u64,
    /// Last change of its content, by the wall clock.
    pub modified: SystemTime,
}

/// A file held open. Reads and writes name their position; nothing is shared between users of one handle.
pub trait File: ReadAt + Send + Sync + Debug {
    /// Reads up to `buf.len()` bytes at `position`; fewer only at the end of the file.
    ///
    /// # Errors
    /// What the file system says.
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at `position`, in one system call unless the kernel takes fewer bytes. After an
    /// error any part of them may have been written.
    ///
    /// # Errors
    /// What the file system says.
    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()>;

    /// The file's length.
    ///
    /// # Errors
    /// What the file system says.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// What the file system says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts the file to `len`, or extends it by zeros.
    ///
    /// # Errors
    /// What the file system says.
    fn truncate(&self, len: u64) -> io::Result<()>;

    /// Reserves room for the file to grow to `len` without changing its length, where the file system can.
    ///
    /// # Errors
    /// No room, or what else the file system says; not being able to reserve is not an error.
    fn reserve(&self, len: u64) -> io::Result<()>;

    /// Makes content and length durable. After an error the state of the unsynced part is unknown, whatever a
    /// later call says: the caller must give the file up.
    ///
    /// # Errors
    /// What the file system says.
    fn sync_data(&self) -> io::Result<()>;
}

/// A lock that ends when this is dropped.
pub trait LockGuard: Send + Sync + Debug {}

/// A directory tree, of which everything is named by relative paths.
pub trait Dir: Send + Sync + Debug {
    /// Where it is, for messages.
    fn path(&self) -> PathBuf;

    /// Opens a file. A symbolic link is refused; a created file has mode 0600.
    ///
    /// # Errors
    /// What the file system says; [`io::ErrorKind::NotFound`] and [`io::ErrorKind::AlreadyExists`] by mode.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;

    /// Names in a directory, in order of name. `""` is the directory itself.
    ///
    /// # Errors
    /// What the file system says.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;

    /// Size and age of a file.
    ///
    /// # Errors
    /// What the file system says.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;

    /// Gives a file or directory another name, replacing a file of that name at once.
    ///
    /// # Errors
    /// What the file system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file's name.
    ///
    /// # Errors
    /// What the file system says.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Makes one directory, mode 0700, in a directory that exists.
    ///
    /// # Errors
    /// What the file system says.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// What the file system says.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable. `""` is the directory itself.
    ///
    /// # Errors
    /// What the file system says.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes everything on the whole file system durable.
    ///
    /// # Errors
    /// What the file system says; [`io::ErrorKind::Unsupported`] where the system has no such call, and then
    /// nothing was done.
    fn sync_all(&self) -> io::Result<()>;

    /// Bytes that an ordinary user may still write.
    ///
    /// # Errors
    /// What the file system says.
    fn available_space(&self) -> io::Result<u64>;

    /// Bytes that the file system has in all.
    ///
    /// # Errors
    /// What the file system says, if it says anything.
    fn total_space(&self) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Takes the exclusive lock that is the file `path`, which is created if need be and stays.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if another process (or another user in this one) holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>>;
}

/// Whether a failed write means "no room", which heals, rather than a broken disk, which does not.
#[must_use]
pub fn is_out_of_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether a file was not opened because the process, or the machine, has too many open ones. Nothing was done
/// then, and it heals when others are closed.
#[must_use]
pub fn is_out_of_files(error: &io::Error) -> bool {
    #[cfg(unix)]
    let out_of_files = matches!(
        rustix::io::Errno::from_io_error(error),
        Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE)
    );
    // ERROR_TOO_MANY_OPEN_FILES
    #[cfg(windows)]
    let out_of_files = error.raw_os_error() == Some(4);
    out_of_files
}

/// Whether an operation that makes something new was refused for want of room or of open files. The same
/// operation may succeed later; the disk is not broken.
#[must_use]
pub fn is_refused_for_now(error: &io::Error) -> bool {
    is_out_of_space(error) || is_out_of_files(error)
}
