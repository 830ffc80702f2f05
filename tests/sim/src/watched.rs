//! The broker's own log adapter, with the oracle looking over its shoulder.

use yak_core::partition::{AppendFailure, Appended, ReplicaLog};
use yak_model::{LeaderEpoch, Offset, TimestampMs};

use crate::disk_log::DiskLog;
use crate::message::Key;
use crate::oracle::{Shared, read_back};

/// A log whose changes the oracle sees.
#[derive(Debug)]
pub struct Watched {
    log: DiskLog,
    oracle: Shared,
    place: (usize, Key),
}

impl Watched {
    /// Watches a log of a broker.
    #[must_use]
    pub const fn new(log: DiskLog, oracle: Shared, place: (usize, Key)) -> Self {
        Self { log, oracle, place }
    }

    /// The adapter.
    pub const fn disk(&mut self) -> &mut DiskLog {
        &mut self.log
    }

    /// The adapter, to read.
    #[must_use]
    pub const fn disk_ref(&self) -> &DiskLog {
        &self.log
    }

    fn appended(&self, from: Offset, epoch: Option<LeaderEpoch>) {
        let end = self.log.end();
        if end <= from {
            return;
        }
        let read = read_back(self.log.reader(), from.get(), end.get());
        let mut oracle = self.oracle.borrow_mut();
        match read {
            Ok(records) => oracle.appended(self.place, epoch.map(LeaderEpoch::get), &records),
            Err(problem) => oracle.violated(format!("what was appended cannot be read: {problem}")),
        }
    }
}

impl ReplicaLog for Watched {
    fn start(&self) -> Offset {
        self.log.start()
    }

    fn end(&self) -> Offset {
        self.log.end()
    }

    fn durable_end(&self) -> Offset {
        self.log.durable_end()
    }

    fn append(
        &mut self,
        batches: &mut [u8],
        leader_epoch: LeaderEpoch,
        wall: TimestampMs,
    ) -> Result<Appended, AppendFailure> {
        let from = self.log.end();
        let result = self.log.append(batches, leader_epoch, wall);
        self.appended(from, Some(leader_epoch));
        result
    }

    fn append_as_follower(
        &mut self,
        batches: &[u8],
        leader_epoch: LeaderEpoch,
        wall: TimestampMs,
    ) -> Result<(), AppendFailure> {
        let from = self.log.end();
        let result = self.log.append_as_follower(batches, leader_epoch, wall);
        self.appended(from, None);
        result
    }

    fn truncate(&mut self, to: Offset) -> Result<(), String> {
        let result = self.log.truncate(to);
        if result.is_ok() {
            self.oracle.borrow_mut().truncates(self.place, self.log.end().get());
        }
        result
    }

    fn reset(&mut self, to: Offset) -> Result<(), String> {
        let result = self.log.reset(to);
        if result.is_ok() {
            self.oracle.borrow_mut().truncates(self.place, 0);
        }
        result
    }

    fn delete_before(&mut self, offset: Offset) -> Result<(), String> {
        self.log.delete_before(offset)
    }

    fn start_epoch(&mut self, leader_epoch: LeaderEpoch) {
        self.log.start_epoch(leader_epoch);
    }

    fn forget_empty_epochs(&mut self) {
        self.log.forget_empty_epochs();
    }

    fn last_record_epoch(&self) -> Option<LeaderEpoch> {
        self.log.last_record_epoch()
    }

    fn epoch_end(&self, leader_epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.log.epoch_end(leader_epoch)
    }
}
