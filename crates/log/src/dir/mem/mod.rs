//! A directory in memory that records every operation, can lose what was not synced, and fails on demand.
//!
//! The recorded operations make crash images: [`MemDir::crash`] gives the directory as a disk might show it
//! after power went at any point, with any subset of the operations lost that no sync had made durable, and
//! with the last write torn at any byte. A kill of the process is the image with nothing lost.

mod image;
mod state;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

pub use image::Crash;
pub use state::{Fault, FaultKind, Op};

use self::state::State;
use super::{Dir, Entry, File, LockGuard, Metadata, OpenMode, ReadAt};

/// The directory. Clones are the same directory.
#[derive(Clone, Debug, Default)]
pub struct MemDir {
    state: Arc<Mutex<State>>,
    hook: Arc<Mutex<Hook>>,
}

/// What is done before the next sync of a file.
#[derive(Default)]
struct Hook(Option<Box<dyn FnOnce() + Send>>);

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hook").field(&self.0.is_some()).finish()
    }
}

#[derive(Debug)]
struct MemFile {
    state: Arc<Mutex<State>>,
    hook: Arc<Mutex<Hook>>,
    inode: usize,
    writable: bool,
}

#[derive(Debug)]
struct MemLock {
    state: Arc<Mutex<State>>,
    path: PathBuf,
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemDir {
    /// An empty directory of unlimited size.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn from_state(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)), hook: Arc::default() }
    }

    /// How many operations have been recorded. A crash may happen before each of them and after the last.
    #[must_use]
    pub fn op_count(&self) -> usize {
        lock(&self.state).ops.len()
    }

    /// The operations recorded so far.
    #[must_use]
    pub fn ops(&self) -> Vec<Op> {
        lock(&self.state).ops.clone()
    }

    /// Which of the first `at` operations were not durable when `at` of them had happened, in their order.
    #[must_use]
    pub fn unsynced(&self, at: usize) -> Vec<usize> {
        image::unsynced(&lock(&self.state).ops[..at])
    }

    /// The directory as it might be found after a crash. The image is independent of this directory, holds no
    /// locks, and everything in it is durable.
    #[must_use]
    pub fn crash(&self, crash: &Crash) -> Self {
        Self::from_state(image::build(&lock(&self.state), crash))
    }

    /// An independent copy with everything durable: what the next process finds after this one was killed.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self::from_state(image::copy(&lock(&self.state)))
    }

    /// Lets an operation fail, now or later. Faults add up.
    pub fn inject(&self, fault: Fault) {
        lock(&self.state).faults.push(fault);
    }

    /// Takes back all injected faults.
    pub fn heal(&self) {
        lock(&self.state).faults.clear();
    }

    /// Does something just before the next sync of a file, once: what another thread might do at that moment.
    pub fn before_next_sync(&self, hook: impl FnOnce() + Send + 'static) {
        lock(&self.hook).0 = Some(Box::new(hook));
    }

    /// Limits how many bytes all files may have together. A write beyond that stores what fits and fails with
    /// [`io::ErrorKind::StorageFull`].
    pub fn set_capacity(&self, bytes: Option<u64>) {
        lock(&self.state).capacity = bytes;
    }

    /// Sets the time that files written from now on show as their age.
    pub fn set_time(&self, now: SystemTime) {
        lock(&self.state).now = Some(now);
    }

    /// Changes bytes of a file behind everybody's back, unrecorded: a disk that lies.
    ///
    /// # Errors
    /// There is no such file.
    pub fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        lock(&self.state).tamper(path, change)
    }

    /// All files with their content, by path.
    #[must_use]
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        lock(&self.state).files()
    }
}

impl Dir for MemDir {
    fn path(&self) -> PathBuf {
        PathBuf::from("(memory)")
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let inode = lock(&self.state).open(path, mode)?;
        let (state, hook) = (self.state.clone(), self.hook.clone());
        Ok(Arc::new(MemFile { state, hook, inode, writable: mode != OpenMode::Read }))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        lock(&self.state).list(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        lock(&self.state).metadata(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        lock(&self.state).rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        lock(&self.state).remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        lock(&self.state).create_dir(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        lock(&self.state).remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        lock(&self.state).sync_dir(path)
    }

    fn sync_all(&self) -> io::Result<()> {
        lock(&self.state).sync_all()
    }

    fn available_space(&self) -> io::Result<u64> {
        Ok(lock(&self.state).available())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>> {
        // The file is there as on a real disk; that it is locked is known to this process alone.
        lock(&self.state).open(path, OpenMode::CreateOrOpen)?;
        if !lock(&self.state).locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(MemLock { state: self.state.clone(), path: path.to_owned() }))
    }
}

impl LockGuard for MemLock {}

impl Drop for MemLock {
    fn drop(&mut self) {
        lock(&self.state).locks.remove(&self.path);
    }
}

impl ReadAt for MemFile {
    fn read_exact_at(&self, buf: &mut [u8], position: u64) -> io::Result<()> {
        if self.read_at(buf, position)? < buf.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

impl File for MemFile {
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        lock(&self.state).read(self.inode, buf, position)
    }

    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.check_writable()?;
        lock(&self.state).write(self.inode, bytes, position)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.state).len(self.inode))
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        lock(&self.state).truncate(self.inode, len)
    }

    fn reserve(&self, len: u64) -> io::Result<()> {
        let more = len.saturating_sub(self.len()?);
        lock(&self.state).check_room(more)
    }

    fn sync_data(&self) -> io::Result<()> {
        let hook = lock(&self.hook).0.take();
        if let Some(hook) = hook {
            hook();
        }
        lock(&self.state).sync_file(self.inode)
    }
}

impl MemFile {
    fn check_writable(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }
}
