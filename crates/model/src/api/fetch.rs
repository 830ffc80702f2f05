//! Fetch and tail: read records.

use super::{EpochEnd, Rejection};
use crate::{LeaderEpoch, Offset, PartitionIndex, TimestampMs, TopicId, TopicName};

/// Which records a reader may see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Everything below the high watermark.
    #[default]
    ReadUncommitted,
    /// Everything below the last stable offset.
    ReadCommitted,
}

/// Which replica of a partition answers a reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadFrom {
    /// Its leader.
    #[default]
    Leader,
    /// Any in-sync replica; never past the high watermark as it knows it.
    Any,
}

/// Reads from partitions, waiting until there is something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Longest wait for `min_bytes`.
    pub max_wait_ms: u32,
    /// Answer as soon as this many bytes of records are there.
    pub min_bytes: u32,
    /// Most bytes of records in the reply (at least one batch is always sent).
    pub max_bytes: u32,
    /// Which records may be seen.
    pub isolation: Isolation,
    /// Who may answer.
    pub read_from: ReadFrom,
    /// What to read.
    pub entries: Vec<FetchEntry>,
}

/// From where to read one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchEntry {
    /// The topic.
    pub topic: TopicName,
    /// Its id, if it was asked for by that: another topic of that name is not meant.
    pub topic_id: Option<TopicId>,
    /// The partition.
    pub partition: PartitionIndex,
    /// The epoch of the leader this is meant for, if known.
    pub leader_epoch: Option<LeaderEpoch>,
    /// First offset wanted.
    pub offset: Offset,
    /// The epoch of the record before it as the reader had it, so that the leader sees where the two logs part
    /// (KIP-595); `None` asks for no comparison.
    pub last_fetched_epoch: Option<LeaderEpoch>,
    /// Most bytes of this partition (at least one batch is always sent).
    pub max_bytes: u32,
}

/// The answer, in the order of the entries. `R` is how the protocol's host holds records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchReply<R> {
    /// One for each entry.
    pub partitions: Vec<FetchedPartition<R>>,
}

/// What was read of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedPartition<R> {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// First offset not known to be on the whole ISR; -1 with an error.
    pub high_watermark: Offset,
    /// First offset of an unfinished transaction, else the high watermark: as long as there are no transactions the
    /// high watermark; -1 with an error.
    pub last_stable_offset: Offset,
    /// First offset still in the log; -1 with an error.
    pub log_start_offset: Offset,
    /// What the reader had before the wanted offset is not what the leader has there: the largest epoch not above the
    /// reader's, and where it ends in the leader's log. No records come with it.
    pub diverging: Option<EpochEnd>,
    /// Whole batches, the first of which may begin before the wanted offset; or why not.
    pub records: Result<R, Rejection>,
}

impl<R> FetchedPartition<R> {
    /// A partition that was not read.
    pub const fn refused(topic: TopicName, partition: PartitionIndex, rejection: Rejection) -> Self {
        Self {
            topic,
            partition,
            high_watermark: Offset::new(-1),
            last_stable_offset: Offset::new(-1),
            log_start_offset: Offset::new(-1),
            diverging: None,
            records: Err(rejection),
        }
    }

    /// The same with its records held in another way, or refused after all.
    pub fn try_map<S>(
        self,
        hold: impl FnOnce(&TopicName, PartitionIndex, R) -> Result<S, Rejection>,
    ) -> FetchedPartition<S> {
        let records = self.records.and_then(|records| hold(&self.topic, self.partition, records));
        FetchedPartition {
            topic: self.topic,
            partition: self.partition,
            high_watermark: self.high_watermark,
            last_stable_offset: self.last_stable_offset,
            log_start_offset: self.log_start_offset,
            diverging: self.diverging,
            records,
        }
    }
}

/// Streams records to the connection from here on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The topics, each whole.
    pub topics: Vec<TopicName>,
    /// Only these partitions (of every topic), if given.
    pub partitions: Option<Vec<PartitionIndex>>,
    /// Where to begin.
    pub from: TailStart,
    /// Who may answer.
    pub read_from: ReadFrom,
    /// End the stream after this many records.
    pub max_records: Option<u64>,
    /// End the stream at the end offsets as they stood at its start.
    pub stop_at_end: bool,
    /// Return values that are JSON as JSON (`"values":"json"`).
    pub json_values: bool,
}

/// Where a reader begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TailStart {
    /// The first record still there.
    Beginning,
    /// Records produced from now on.
    #[default]
    End,
    /// This offset, in every partition.
    Offset(Offset),
    /// The last so many records of each partition.
    Last(u64),
    /// The first record at or after this time, in every partition.
    Time(TimestampMs),
}
