//! What a consumer tells its owner.

use yak_model::{BrokerId, LeaderEpoch, Offset, TopicPartition};

use super::Chunk;
use crate::ClientError;

/// Records, or something worth knowing.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Records of one partition, in order.
    Records(Chunk),
    /// A partition's leader changed. Nothing was lost.
    LeaderChanged {
        /// The partition.
        partition: TopicPartition,
        /// Who led.
        from: Option<BrokerId>,
        /// Who leads.
        to: Option<BrokerId>,
        /// The new epoch.
        leader_epoch: LeaderEpoch,
    },
    /// A position was out of range; reading goes on elsewhere.
    Reset {
        /// The partition.
        partition: TopicPartition,
        /// Where reading wanted to go on.
        from: Offset,
        /// Where it goes on.
        to: Offset,
    },
    /// A topic has more partitions; they are read from their beginning.
    PartitionsAdded {
        /// The first of the new ones.
        first: TopicPartition,
        /// How many partitions the topic has now.
        total: i32,
    },
    /// Nobody has been reached for a second. Reading goes on by itself when somebody is; this is said once.
    Waiting {
        /// What stands in the way.
        error: ClientError,
    },
    /// Somebody has been reached again, after [`Event::Waiting`].
    Resumed,
    /// A partition has come to its stop.
    Stopped {
        /// The partition.
        partition: TopicPartition,
    },
}
