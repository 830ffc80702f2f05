//! What all logs of a directory share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use yak_model::{TimestampMs, TopicPartition};

use super::room::Room;
use super::slots::SlotTable;
use super::stored::Stored;
use super::trash::Trash;
use crate::disk::Disk;
use crate::error::StorageFailure;
use crate::flusher::Flusher;
use crate::log::Shared;
use crate::sync::lock;

/// How the flusher runs.
#[derive(Clone, Debug, Default)]
pub enum Background {
    /// By a thread of its own, by the monotonic clock.
    #[default]
    Thread,
    /// Only when [`LogDirectory::flush_now`](crate::LogDirectory::flush_now) or
    /// [`LogDirectory::flush_due`](crate::LogDirectory::flush_due) is called, by a clock that the caller moves:
    /// simulation and tests.
    Manual(ManualClock),
}

/// A monotonic clock that stands still until it is moved. Clones are the same clock.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// Moves it.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// The shared parts.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) disk: Arc<Disk>,
    pub(crate) slots: SlotTable,
    pub(crate) trash: Arc<Trash>,
    pub(crate) flusher: Flusher,
    pub(crate) room: Room,
    /// The wall clock when the directory was opened.
    pub(crate) opened_at: TimestampMs,
    stored: Mutex<Stored>,
    logs: Mutex<BTreeMap<TopicPartition, Arc<Shared>>>,
    background: Background,
    origin: Instant,
    told: AtomicBool,
}

impl Core {
    pub(super) fn new(
        disk: Arc<Disk>,
        slots: SlotTable,
        stored: Stored,
        options: &super::DirectoryOptions,
    ) -> Self {
        let threaded = matches!(options.background, Background::Thread);
        Self {
            trash: Trash::new(disk.clone(), threaded),
            disk,
            slots,
            flusher: Flusher::default(),
            room: Room::new(options.reserve_bytes),
            opened_at: options.now,
            stored: Mutex::new(stored),
            logs: Mutex::default(),
            background: options.background.clone(),
            origin: Instant::now(),
            told: AtomicBool::new(false),
        }
    }

    /// Monotonic time since some moment.
    pub(crate) fn elapsed(&self) -> Duration {
        match &self.background {
            Background::Thread => self.origin.elapsed(),
            Background::Manual(clock) => clock.elapsed(),
        }
    }

    pub(crate) fn stored(&self) -> MutexGuard<'_, Stored> {
        lock(&self.stored)
    }

    pub(crate) fn register(&self, log: &Arc<Shared>) {
        lock(&self.logs).insert(log.partition().clone(), log.clone());
    }

    pub(crate) fn unregister(&self, partition: &TopicPartition) {
        lock(&self.logs).remove(partition);
    }

    /// All open logs.
    pub(crate) fn logs(&self) -> Vec<Arc<Shared>> {
        lock(&self.logs).values().cloned().collect()
    }

    /// Tells the observers of all logs, once, that the directory failed, if it did. Only the flusher calls it,
    /// so that no observer is called under its own partition's lock.
    pub(crate) fn tell_failure(&self) {
        let Some(failure) = self.disk.failure() else { return };
        if self.told.swap(true, Ordering::AcqRel) {
            return;
        }
        for observer in self.logs().iter().filter_map(|log| log.observer()) {
            observer.failed(failure);
        }
    }

    pub(crate) fn check(&self) -> Result<(), StorageFailure> {
        self.disk.check()
    }
}
