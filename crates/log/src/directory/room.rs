//! The reserve of free space that appends leave (RELIABILITY: disk nearly full). It heals by itself.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::disk::Disk;
use crate::error::AppendError;

/// Free space is asked for once in so many appended bytes.
const CHECK_EVERY: u64 = 4 * 1024 * 1024;

/// Watches the free space.
#[derive(Debug)]
pub(crate) struct Room {
    reserve: u64,
    unchecked: AtomicU64,
    closed: AtomicBool,
}

impl Room {
    pub(crate) const fn new(reserve: u64) -> Self {
        // The first append asks.
        Self { reserve, unchecked: AtomicU64::new(CHECK_EVERY), closed: AtomicBool::new(false) }
    }

    /// Lets an append of `bytes` in, or not.
    pub(crate) fn admit(&self, disk: &Disk, bytes: usize) -> Result<(), AppendError> {
        let bytes = bytes as u64;
        let unchecked = self.unchecked.fetch_add(bytes, Ordering::Relaxed);
        // While it is closed, every append asks again, so that it opens as soon as there is room.
        if unchecked < CHECK_EVERY && !self.closed.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.unchecked.store(0, Ordering::Relaxed);
        // A file system that does not say how full it is shows it by the error of a write.
        let available = disk.dir().available_space().unwrap_or(u64::MAX);
        let open = available >= self.reserve.saturating_add(bytes);
        if self.closed.swap(!open, Ordering::Relaxed) == open {
            tracing::warn!(available, reserve = self.reserve, open, "room on disk for appends");
        }
        if open { Ok(()) } else { Err(AppendError::NoRoom { available, reserve: self.reserve }) }
    }

    /// A write found no room although the reserve was open: the next append asks.
    pub(crate) fn refuse(&self, disk: &Disk) -> AppendError {
        self.closed.store(true, Ordering::Relaxed);
        let available = disk.dir().available_space().unwrap_or(0);
        AppendError::NoRoom { available, reserve: self.reserve }
    }
}
