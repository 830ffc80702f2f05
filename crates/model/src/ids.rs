//! Numbers that must not be mixed up: each id, epoch and offset is a type of its own.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($inner);

        impl $name {
            /// Wraps the number as it stands in a file or on the wire.
            #[must_use]
            pub const fn new(value: $inner) -> Self {
                Self(value)
            }

            /// The number as it is written to a file or to the wire.
            #[must_use]
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }
    };
}

number! {
    /// A broker's number (`broker.id`), not negative.
    BrokerId(i32)
}
number! {
    /// The number of a partition within its topic, from 0.
    PartitionIndex(i32)
}
number! {
    /// Counts the leaders of one partition; fences requests meant for an earlier leader. -1 is "unknown".
    LeaderEpoch(i32)
}
number! {
    /// Counts the rebalances of a classic group; fences members of an earlier one. -1 is "none".
    GenerationId(i32)
}
number! {
    /// Counts the changes of a member's assignment in a server-side group (KIP-848); fences what it says of an earlier one.
    MemberEpoch(i32)
}
number! {
    /// Counts the changes of one partition's record; compare-and-set of ISR changes is on it.
    PartitionEpoch(i32)
}
number! {
    /// The metadata index of a broker's registration; fences earlier incarnations of the broker.
    BrokerEpoch(i64)
}
number! {
    /// Position of a command in the zookeeper's journal, from 1, without gaps.
    MetadataIndex(u64)
}
number! {
    /// Raft term of the zookeeper that wrote a journal line; 1 while there is one zookeeper.
    Term(u64)
}
number! {
    /// Names an idempotent producer; -1 in a batch means "not idempotent".
    ProducerId(i64)
}
number! {
    /// Fences earlier instances of the same producer id.
    ProducerEpoch(i16)
}
number! {
    /// Number of a record within (producer id, epoch, partition), from 0, wrapping to 0 after `i32::MAX`.
    Sequence(i32)
}
number! {
    /// Position of a record in its partition, from 0.
    Offset(i64)
}
number! {
    /// Wall clock, milliseconds since 1970-01-01T00:00:00Z. -1 means "none".
    TimestampMs(i64)
}

impl BrokerId {
    /// Kafka's "nobody": a partition without leader.
    pub const NONE: Self = Self(-1);
}

impl LeaderEpoch {
    /// Kafka's "no epoch known".
    pub const UNKNOWN: Self = Self(-1);

    /// The epoch of the next leader.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl MemberEpoch {
    /// A member that joins.
    pub const JOIN: Self = Self(0);
    /// A member that leaves.
    pub const LEAVE: Self = Self(-1);
    /// A static member that leaves and means to come back within its session.
    pub const LEAVE_STATIC: Self = Self(-2);
}

impl PartitionEpoch {
    /// The epoch after one more change of the partition's record.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl MetadataIndex {
    /// The index of the next command.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl ProducerId {
    /// In a batch header: the producer is not idempotent.
    pub const NONE: Self = Self(-1);
}

impl ProducerEpoch {
    /// In a batch header: the producer is not idempotent.
    pub const NONE: Self = Self(-1);
}

impl Sequence {
    /// In a batch header: the producer is not idempotent.
    pub const NONE: Self = Self(-1);

    /// The sequence `count` (not negative) records later, wrapping as Kafka's does (after `i32::MAX` comes 0).
    ///
    /// # Panics
    /// If the sequence is [`Sequence::NONE`] and `count` is negative, which has no meaning.
    #[must_use]
    pub fn plus(self, count: i32) -> Self {
        let sum = i64::from(self.0) + i64::from(count);
        let wrapped = if sum > i64::from(i32::MAX) { sum - i64::from(i32::MAX) - 1 } else { sum };
        Self(i32::try_from(wrapped).expect("two non-negative i32 add up to less than 2^32"))
    }
}

impl Offset {
    /// The first offset of every partition.
    pub const ZERO: Self = Self(0);

    /// The offset `count` records later.
    ///
    /// # Panics
    /// If the sum leaves `i64`, which no log reaches.
    #[must_use]
    pub fn plus(self, count: i64) -> Self {
        Self(self.0.checked_add(count).expect("an offset stays within i64"))
    }

    /// How many records lie between `earlier` and this offset (negative if it is not earlier).
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// The offset just before this one; the last offset of a range whose exclusive end this is.
    #[must_use]
    pub const fn prev(self) -> Self {
        Self(self.0 - 1)
    }
}

impl TimestampMs {
    /// Kafka's "no timestamp".
    pub const NONE: Self = Self(-1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_wraps_to_zero_after_the_largest() {
        assert_eq!(Sequence::new(i32::MAX).plus(1), Sequence::new(0));
        assert_eq!(Sequence::new(i32::MAX - 2).plus(5), Sequence::new(2));
        assert_eq!(Sequence::new(7).plus(3), Sequence::new(10));
    }
}
