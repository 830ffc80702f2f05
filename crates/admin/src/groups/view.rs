//! What is known of a group, put together: its coordinator's description, what it has committed, where its members are, and
//! where the partitions begin and end.

use std::collections::BTreeMap;

use yak_model::api::{ClientStatus, CommittedOffset, DescribedGroup, FindCoordinatorReply};
use yak_model::{BrokerId, Offset, TimestampMs, TopicName, TopicPartition};

/// A group, as seen at one time.
#[derive(Clone, Debug)]
pub struct GroupView {
    /// What its coordinator says.
    pub group: DescribedGroup,
    /// Who that is, if it could be asked.
    pub coordinator: Option<FindCoordinatorReply>,
    /// Every partition that is assigned, or of which something is committed; by topic and number.
    pub partitions: Vec<PartitionView>,
    /// The topics that members want or that something is committed of.
    pub topics: BTreeMap<TopicName, TopicView>,
    /// Connections of its members that read, as their brokers list them.
    pub readers: Vec<ClientStatus>,
    /// When it was seen.
    pub now: TimestampMs,
}

/// A topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicView {
    /// How many partitions it has; `None`: it does not exist.
    pub partitions: Option<usize>,
}

/// A partition of a group.
///
/// What was committed was read first, then positions, then the log's end: so nobody is ever ahead of the end.
#[derive(Clone, Debug)]
pub struct PartitionView {
    /// Which.
    pub id: TopicPartition,
    /// Whose it is: the place in the group's members.
    pub owner: Option<usize>,
    /// What is committed.
    pub committed: Option<CommittedOffset>,
    /// Up to where records were sent to its owner, if a broker knows.
    pub position: Option<Offset>,
    /// Up to where they have certainly arrived there.
    pub received: Option<Offset>,
    /// The first offset still there.
    pub start: Option<Offset>,
    /// The first offset not readable yet.
    pub end: Option<Offset>,
    /// When the first record was sent that is not acknowledged, if that was looked up.
    pub waiting_since: Option<TimestampMs>,
    /// Who leads it.
    pub leader: LeaderView,
}

/// Who leads a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaderView {
    /// This broker.
    Broker(BrokerId),
    /// Nobody at the moment.
    Nobody,
    /// The topic does not exist, or has fewer partitions.
    NoSuchPartition,
}

impl PartitionView {
    /// The committed offset.
    #[must_use]
    pub fn offset(&self) -> Option<Offset> {
        self.committed.as_ref().map(|committed| committed.offset)
    }

    /// How many records the group has not acknowledged; never negative.
    #[must_use]
    pub fn lag(&self) -> Option<u64> {
        let lag = self.end?.since(self.offset()?);
        Some(u64::try_from(lag).unwrap_or(0))
    }

    /// How old the first record is that the group has not acknowledged, in milliseconds; 0 if there is none.
    #[must_use]
    pub fn lag_ms(&self, now: TimestampMs) -> Option<u64> {
        match (self.lag()?, self.waiting_since) {
            (0, _) => Some(0),
            (_, Some(since)) => Some(u64::try_from(now.get() - since.get()).unwrap_or(0)),
            (_, None) => None,
        }
    }
}

impl GroupView {
    /// Everything that it has not acknowledged.
    #[must_use]
    pub fn total_lag(&self) -> u64 {
        self.partitions.iter().filter_map(PartitionView::lag).sum()
    }

    /// The partitions of one of its members, by its place.
    pub fn of_member(&self, member: usize) -> impl Iterator<Item = &PartitionView> {
        self.partitions.iter().filter(move |partition| partition.owner == Some(member))
    }
}
