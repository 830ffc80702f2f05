//! The directory together with its health: the first failure is remembered and answers everything after it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::busy::Busy;
use crate::dir::{Dir, is_refused_for_now};
use crate::error::StorageFailure;

/// A `Dir` whose failures are final.
#[derive(Debug)]
pub(crate) struct Disk {
    dir: Arc<dyn Dir>,
    root: PathBuf,
    failure: OnceLock<StorageFailure>,
    failed: AtomicBool,
    pub(crate) busy: Busy,
}

impl Disk {
    pub(crate) fn new(dir: Arc<dyn Dir>) -> Self {
        Self {
            root: dir.path(),
            dir,
            failure: OnceLock::new(),
            failed: AtomicBool::new(false),
            busy: Busy::new(),
        }
    }

    pub(crate) fn dir(&self) -> &dyn Dir {
        &*self.dir
    }

    /// The path as a person would find it.
    pub(crate) fn full(&self, path: &Path) -> PathBuf {
        if path.as_os_str().is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    pub(crate) fn failure(&self) -> Option<&StorageFailure> {
        // The flag spares the hot path the larger structure.
        if self.failed.load(Ordering::Acquire) { self.failure.get() } else { None }
    }

    /// Whether nothing failed so far.
    pub(crate) fn check(&self) -> Result<(), StorageFailure> {
        match self.failure() {
            None => Ok(()),
            Some(failure) => Err(failure.clone()),
        }
    }

    /// The result of an operation that changes the disk. A failure is final.
    pub(crate) fn change<T>(
        &self,
        operation: &'static str,
        path: &Path,
        result: io::Result<T>,
    ) -> Result<T, StorageFailure> {
        result.map_err(|source| self.fail(StorageFailure::new(operation, &self.full(path), source)))
    }

    /// As [`Disk::change`], but having no room, or too many open files, is not final.
    pub(crate) fn grow<T>(
        &self,
        operation: &'static str,
        path: &Path,
        result: io::Result<T>,
    ) -> Result<T, StorageFailure> {
        match result {
            Err(source) if is_refused_for_now(&source) => {
                Err(StorageFailure::new(operation, &self.full(path), source))
            }
            result => self.change(operation, path, result),
        }
    }

    /// The result of an operation that only looks. A failure concerns the one who looks alone.
    pub(crate) fn look<T>(
        &self,
        operation: &'static str,
        path: &Path,
        result: io::Result<T>,
    ) -> Result<T, StorageFailure> {
        result.map_err(|source| StorageFailure::new(operation, &self.full(path), source))
    }

    /// Takes the directory offline; the first failure wins.
    pub(crate) fn fail(&self, failure: StorageFailure) -> StorageFailure {
        let first = self.failure.get_or_init(|| {
            tracing::error!(%failure, "log directory goes offline");
            failure
        });
        self.failed.store(true, Ordering::Release);
        first.clone()
    }
}
