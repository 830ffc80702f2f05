//! The log on disk as the core sees it.

use yak_core::partition::{AppendFailure, Appended, ReplicaLog};
use yak_log::{AppendError, Log, LogError, LogReader};
use yak_model::api::Rejection;
use yak_model::{ErrorCode, LeaderEpoch, Offset, TimestampMs};
use yak_record::{BatchHeader, Batches};

/// A partition's log on disk, writer and reader together, as a replica wants it.
#[derive(Debug)]
pub struct DiskLog {
    /// `None` once the partition is closed; the core, told of it, does not ask any more.
    writer: Option<Log>,
    reader: LogReader,
}

impl DiskLog {
    /// The log that `writer` writes.
    #[must_use]
    pub fn new(writer: Log) -> Self {
        Self { reader: writer.reader(), writer: Some(writer) }
    }

    /// Readers of this log.
    #[must_use]
    pub const fn reader(&self) -> &LogReader {
        &self.reader
    }

    /// The writer, unless the partition is closed.
    pub const fn writer(&mut self) -> Option<&mut Log> {
        self.writer.as_mut()
    }

    /// Takes the writer away for good.
    pub const fn close(&mut self) -> Option<Log> {
        self.writer.take()
    }
}

impl DiskLog {
    fn change(&mut self, change: impl FnOnce(&mut Log) -> Result<(), LogError>) -> Result<(), String> {
        let writer = self.writer.as_mut().ok_or_else(|| CLOSED.to_owned())?;
        change(writer).map_err(|error| error.to_string())
    }
}

/// A leader has no records of later epochs than its own.
fn check_epochs(batches: &[u8], leader_epoch: LeaderEpoch) -> Result<(), Rejection> {
    for batch in Batches::new(batches) {
        let header = batch.and_then(BatchHeader::parse);
        let header = header.map_err(|error| Rejection::new(error.code(), error.to_string()))?;
        if header.partition_leader_epoch > leader_epoch {
            let message = format!(
                "a batch of leader epoch {} came from the leader of epoch {leader_epoch}",
                header.partition_leader_epoch
            );
            return Err(Rejection::new(ErrorCode::CorruptMessage, message));
        }
    }
    Ok(())
}

/// What the core is told should it ask after all.
const CLOSED: &str = "the partition was closed";

impl ReplicaLog for DiskLog {
    fn start(&self) -> Offset {
        self.reader.log_start()
    }

    fn end(&self) -> Offset {
        self.reader.log_end()
    }

    fn durable_end(&self) -> Offset {
        self.reader.durable_end()
    }

    fn append(
        &mut self,
        batches: &mut [u8],
        leader_epoch: LeaderEpoch,
        wall: TimestampMs,
    ) -> Result<Appended, AppendFailure> {
        let Some(writer) = &mut self.writer else { return Err(AppendFailure::Failed(CLOSED.to_owned())) };
        match writer.append_as_leader(batches, leader_epoch, wall) {
            Ok(appended) => Ok(Appended {
                base_offset: appended.base_offset,
                end_offset: appended.last_offset.plus(1),
                log_append_time: appended.log_append_time,
                duplicate: appended.duplicate,
            }),
            Err(AppendError::Offline(failure)) => Err(AppendFailure::Failed(failure.to_string())),
            Err(refused) => Err(AppendFailure::Refused(Rejection::new(refused.code(), refused.to_string()))),
        }
    }

    fn append_as_follower(
        &mut self,
        batches: &[u8],
        leader_epoch: LeaderEpoch,
        wall: TimestampMs,
    ) -> Result<(), AppendFailure> {
        check_epochs(batches, leader_epoch).map_err(AppendFailure::Refused)?;
        let Some(writer) = &mut self.writer else { return Err(AppendFailure::Failed(CLOSED.to_owned())) };
        writer.append_as_follower(batches, wall).map_err(|error| match error {
            AppendError::Offline(failure) => AppendFailure::Failed(failure.to_string()),
            refused => AppendFailure::Refused(Rejection::new(refused.code(), refused.to_string())),
        })
    }

    fn truncate(&mut self, to: Offset) -> Result<(), String> {
        self.change(|writer| writer.truncate_to(to).map(drop))
    }

    fn reset(&mut self, to: Offset) -> Result<(), String> {
        self.change(|writer| writer.reset_to(to))
    }

    fn delete_before(&mut self, offset: Offset) -> Result<(), String> {
        self.change(|writer| writer.delete_before(offset).map(drop))
    }

    fn start_epoch(&mut self, leader_epoch: LeaderEpoch) {
        if let Some(writer) = &mut self.writer {
            writer.start_epoch(leader_epoch);
        }
    }

    fn forget_empty_epochs(&mut self) {
        if let Some(writer) = &mut self.writer {
            writer.forget_empty_epochs();
        }
    }

    fn last_record_epoch(&self) -> Option<LeaderEpoch> {
        let (start, end) = (self.start(), self.end());
        if end > start { self.reader.epoch_at(end.prev()) } else { None }
    }

    fn epoch_end(&self, leader_epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.writer.as_ref().and_then(|writer| writer.epoch_end(leader_epoch))
    }
}
