//! What became of a batch of records.

use yak_model::{BrokerId, Offset, PartitionIndex, TimestampMs, TopicName};

use crate::ClientError;

/// What became of the records of one batch.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// The topic.
    pub topic: &'a TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The token of each record, in the order of their offsets.
    pub tokens: &'a [u64],
    /// What became of them.
    pub outcome: Outcome<'a>,
}

/// The three ends a batch can come to.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// Written as asked.
    Acknowledged(&'a Acknowledged),
    /// Not written; no consumer will see any of it.
    Failed(&'a ClientError),
    /// Perhaps written: the answer was lost, or said so. A consumer may see it.
    Unknown(&'a ClientError),
}

/// An acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The partition.
    pub partition: PartitionIndex,
    /// Offset of the first record; the others follow without gap. `None` with `acks=0`, where nobody says.
    pub base_offset: Option<Offset>,
    /// The broker's time, if the topic is stamped by log-append time.
    pub log_append_time: Option<TimestampMs>,
    /// Whose logs hold it.
    pub acked_by: Vec<BrokerId>,
    /// Whether it is synced to disk there, or in the page cache.
    pub durable: bool,
}

impl Acknowledged {
    /// With `acks=0`: it was sent, and nobody says more.
    pub(super) const fn unanswered(partition: PartitionIndex) -> Self {
        Self { partition, base_offset: None, log_append_time: None, acked_by: Vec::new(), durable: false }
    }
}

/// Counts of a producer, in records unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProducerStats {
    /// Pushed.
    pub pushed: u64,
    /// Acknowledged.
    pub acknowledged: u64,
    /// Reported failed.
    pub failed: u64,
    /// Reported unknown.
    pub unknown: u64,
    /// Batches acknowledged.
    pub batches: u64,
    /// Batches sent again.
    pub retries: u64,
}

impl ProducerStats {
    /// Records whose end is not known yet.
    #[must_use]
    pub const fn outstanding(&self) -> u64 {
        self.pushed - self.acknowledged - self.failed - self.unknown
    }
}
