//! The log on disk as the core sees it.

use yak_core::partition::{AppendFailure, Appended, ReplicaLog};
use yak_log::{AppendError, Log, LogReader};
use yak_model::api::Rejection;
use yak_model::{LeaderEpoch, Offset, TimestampMs};

/// A partition's log, its writer and its reader together.
#[derive(Debug)]
pub(crate) struct DiskLog {
    /// `None` once the partition is closed; the core, told of it, does not ask any more.
    writer: Option<Log>,
    reader: LogReader,
}

impl DiskLog {
    pub(crate) fn new(writer: Log) -> Self {
        Self { reader: writer.reader(), writer: Some(writer) }
    }

    /// Readers of this log.
    pub(crate) const fn reader(&self) -> &LogReader {
        &self.reader
    }

    /// The writer, unless the partition is closed.
    pub(crate) const fn writer(&mut self) -> Option<&mut Log> {
        self.writer.as_mut()
    }

    /// Takes the writer away for good.
    pub(crate) const fn close(&mut self) -> Option<Log> {
        self.writer.take()
    }
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

    fn truncate(&mut self, to: Offset) -> Result<(), String> {
        let writer = self.writer.as_mut().ok_or_else(|| CLOSED.to_owned())?;
        writer.truncate_to(to).map(drop).map_err(|error| error.to_string())
    }

    fn epoch_end(&self, leader_epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.writer.as_ref().and_then(|writer| writer.epoch_end(leader_epoch))
    }
}
