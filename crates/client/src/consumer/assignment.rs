//! Which partitions are read, from where, how far.

use yak_model::api::TailStart;
use yak_model::{Offset, PartitionIndex, TopicName};

/// A partition to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// Where to begin.
    pub start: TailStart,
    /// Where to stop.
    pub stop: Stop,
}

/// Where reading a partition stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// Never.
    #[default]
    Never,
    /// At the end as it stands when the partition is assigned.
    AtEnd,
    /// Before this offset.
    Before(Offset),
}

/// Where a partition is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Positions {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The offset after the last record handed out (at first: where reading began).
    pub position: Offset,
    /// The first offset still there, as last heard.
    pub log_start_offset: Offset,
    /// The first offset not readable yet, as last heard.
    pub high_watermark: Offset,
    /// The first offset not wanted, if reading stops.
    pub stop: Option<Offset>,
}

impl Positions {
    /// Records there are before where reading began or has come to.
    #[must_use]
    pub fn older(&self) -> i64 {
        self.position.since(self.log_start_offset).max(0)
    }

    /// Records still to come, as last heard.
    #[must_use]
    pub fn lag(&self) -> i64 {
        self.high_watermark.since(self.position).max(0)
    }
}
