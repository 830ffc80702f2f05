//! The topics that there are, as a group is told of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use yak_model::{PartitionIndex, TopicId, TopicName};

/// One partition, by its topic's id: a topic that is deleted and created again is another one.
pub type Partition = (TopicId, PartitionIndex);

/// A topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its id.
    pub topic_id: TopicId,
    /// How many partitions it has; they are numbered from 0.
    pub partitions: u32,
}

/// The topics of the cluster at one moment. Cheap to clone: the caller makes one for each image that it is given, and
/// shows it to all groups.
#[derive(Clone, Debug, Default)]
pub struct Topics(Arc<BTreeMap<TopicName, Topic>>);

impl Topics {
    /// The topic of a name.
    #[must_use]
    pub fn get(&self, name: &TopicName) -> Option<Topic> {
        self.0.get(name).copied()
    }

    /// Every topic, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&TopicName, Topic)> {
        self.0.iter().map(|(name, topic)| (name, *topic))
    }

    /// Whether nothing can have changed from one to the other.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl FromIterator<(TopicName, Topic)> for Topics {
    fn from_iter<I: IntoIterator<Item = (TopicName, Topic)>>(topics: I) -> Self {
        Self(Arc::new(topics.into_iter().collect()))
    }
}

/// The partitions of a topic with so many.
pub(super) fn partitions_of(topic_id: TopicId, count: u32) -> impl Iterator<Item = Partition> {
    (0..i32::try_from(count).unwrap_or(i32::MAX)).map(move |index| (topic_id, PartitionIndex::new(index)))
}
