//! How far a group has come: its commits, in memory.

use std::collections::BTreeMap;

use yak_model::api::CommittedOffset;
use yak_model::{PartitionIndex, TopicId, TopicName};

/// Names a commit of a group.
pub(super) type Place = (TopicName, PartitionIndex);

/// A commit that is acknowledged by the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Committed {
    /// The topic that was meant; one of the same name that comes later is another one.
    pub(super) topic_id: TopicId,
    /// What was committed.
    pub(super) offset: CommittedOffset,
}

/// The commits of a group.
#[derive(Debug, Default)]
pub(super) struct Commits(BTreeMap<Place, Committed>);

impl Commits {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn put(&mut self, place: Place, committed: Committed) {
        self.0.insert(place, committed);
    }

    pub(super) fn remove(&mut self, place: &Place) {
        self.0.remove(place);
    }

    pub(super) fn get(&self, topic: &TopicName, partition: PartitionIndex) -> Option<&Committed> {
        // The map is asked by a pair that it owns; names are counted references.
        self.0.get(&(topic.clone(), partition))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&Place, &mut Committed)> {
        self.0.iter_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Place, &Committed)> {
        self.0.iter()
    }
}
