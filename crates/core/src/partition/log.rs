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

    /// Removes everything from an offset on.
    ///
    /// # Errors
    ///
    /// The log failed: why, with the path.
    fn truncate(&mut self, to: Offset) -> Result<(), String>;

    /// The largest epoch not above the given one that has records here, and the end of its records; `None` if
    /// there is none (`OffsetForLeaderEpoch`, KIP-279).
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
