//! What a replica needs of a log, and nothing more.

use yak_model::api::Rejection;
use yak_model::{LeaderEpoch, Offset, TimestampMs};

/// The log under a replica. The broker's is on disk, the simulation's forgets what was not synced.
pub trait ReplicaLog {
    /// The first offset still there.
    fn start(&self) -> Offset;

    /// The next offset to be written.
    fn end(&self) -> Offset;

    /// Everything before it is on stable storage. Never above [`ReplicaLog::end`]; falls only by truncation.
    fn durable_end(&self) -> Offset;

    /// Appends one or more whole record batches as a leader, giving them offsets and the epoch, in place.
    ///
    /// # Errors
    ///
    /// Refused, and nothing was written; or failed, and nothing more can be.
    fn append(
        &mut self,
        batches: &mut [u8],
        leader_epoch: LeaderEpoch,
        wall: TimestampMs,
    ) -> Result<Appended, AppendFailure>;

    /// Appends whole record batches as the leader of `leader_epoch` sent them. Each is checked: its checksum, that it
    /// continues the log, that its epoch is neither below that of the record before nor above the leader's.
    ///
    /// # Errors
    ///
    /// Refused: what came before the first bad batch may have been written. Or failed, and nothing more can be.
    fn append_as_follower(
        &mut self,
        batches: &[u8],
        leader_epoch: LeaderEpoch,
        wall: TimestampMs,
    ) -> Result<(), AppendFailure>;

    /// Removes every record at or after an offset that is not before the start, and those before it in the same batch.
    ///
    /// # Errors
    ///
    /// The log failed: why, with the path.
    fn truncate(&mut self, to: Offset) -> Result<(), String>;

    /// Empties the log and begins it anew at an offset: the leader has nothing before it, or nothing like it.
    ///
    /// # Errors
    ///
    /// The log failed: why, with the path.
    fn reset(&mut self, to: Offset) -> Result<(), String>;

    /// Removes the records before an offset that is not above the end.
    ///
    /// # Errors
    ///
    /// The log failed: why, with the path.
    fn delete_before(&mut self, offset: Offset) -> Result<(), String>;

    /// A leader's epoch begins at the end.
    fn start_epoch(&mut self, leader_epoch: LeaderEpoch);

    /// Epochs that began at the end, so that no record has them, are forgotten: another leader's records come there.
    fn forget_empty_epochs(&mut self);

    /// The epoch of the last record; `None` if there is none.
    fn last_record_epoch(&self) -> Option<LeaderEpoch>;

    /// The largest epoch not above the given one that has records here, and the end of its records; `None` if the
    /// given one is above all of them, or there is none (`OffsetForLeaderEpoch`, KIP-279). An epoch before all that
    /// are known answers with itself and the log's start.
    fn epoch_end(&self, leader_epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)>;
}

/// Where an append went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record; of the original, if these are batches sent again.
    pub base_offset: Offset,
    /// The offset after the last record.
    pub end_offset: Offset,
    /// The broker's time, if the topic is stamped by log-append time.
    pub log_append_time: Option<TimestampMs>,
    /// Nothing was written, because it was written before.
    pub duplicate: bool,
}

/// Why an append did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendFailure {
    /// The batches are not acceptable, or there is no room: nothing was written.
    Refused(Rejection),
    /// The write failed. The log is offline, and what it holds of these batches is unknown.
    Failed(String),
}
