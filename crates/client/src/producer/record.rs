//! A record to be sent, borrowed from wherever it stands.

use yak_model::{PartitionIndex, TimestampMs};
use yak_record::{Header, RecordParts};

/// Names a topic that a producer has opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicHandle(pub(super) usize);

/// A partition of an opened topic, by its number within the producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot(pub(super) usize);

/// A record to be sent. It is encoded at once; nothing of it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record<'a> {
    /// The key; equal keys share a partition.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers, in order.
    pub headers: &'a [Header<'a>],
    /// The partition; `None` leaves it to the key or the partitioner.
    pub partition: Option<PartitionIndex>,
    /// When it happened; `None` takes the time at which its batch was opened.
    pub timestamp: Option<TimestampMs>,
}

impl<'a> Record<'a> {
    /// A record that is only a value.
    #[must_use]
    pub const fn value(value: &'a [u8]) -> Self {
        Self { key: None, value: Some(value), headers: &[], partition: None, timestamp: None }
    }

    /// A record with a key.
    #[must_use]
    pub const fn keyed(key: &'a [u8], value: &'a [u8]) -> Self {
        Self { key: Some(key), ..Self::value(value) }
    }

    pub(super) const fn parts(&self) -> RecordParts<'a> {
        RecordParts { timestamp: self.timestamp, key: self.key, value: self.value, headers: self.headers }
    }
}
