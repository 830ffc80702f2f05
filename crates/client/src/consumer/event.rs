//! What a consumer tells its owner.

use yak_model::{BrokerId, LeaderEpoch, MemberEpoch, Offset, TopicPartition};

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
    /// The group gave this member partitions, and it reads them from now on; none: there is nothing for it.
    Assigned {
        /// They, and where each begins. After an interruption also those it had before and goes on with.
        partitions: Vec<StartedPartition>,
        /// The member's epoch.
        member_epoch: MemberEpoch,
        /// Whether more is coming, when others have given it up.
        is_complete: bool,
    },
    /// Partitions are to be given up, and are not read any more. The group waits: when the consumer is asked for the next
    /// event, its owner has taken what it was handed and committed what it wants to.
    Revoked {
        /// They, and the offset after the last record of each that was handed out.
        partitions: Vec<(TopicPartition, Offset)>,
        /// The member's epoch.
        member_epoch: MemberEpoch,
    },
    /// Partitions are another's already, because the membership ended: what was not committed is read there again.
    Lost {
        /// They, and the offset after the last record of each that was handed out.
        partitions: Vec<(TopicPartition, Offset)>,
        /// Why.
        error: ClientError,
    },
    /// What was to be committed without waiting was not.
    CommitFailed {
        /// Of which partitions.
        partitions: Vec<TopicPartition>,
        /// Why.
        error: ClientError,
    },
}

/// A partition that a group gave to this member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartedPartition {
    /// The partition.
    pub partition: TopicPartition,
    /// The first offset that is read.
    pub offset: Offset,
    /// Why there.
    pub at: StartedAt,
}

/// Why a member begins to read a partition where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartedAt {
    /// The group has committed it.
    Committed,
    /// The group has committed nothing: its beginning.
    Beginning,
    /// The group has committed nothing: its end.
    End,
    /// It goes on where it was before an interruption.
    Position,
}
