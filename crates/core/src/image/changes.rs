//! What differs between two images, at the price of what differs.

use std::sync::Arc;

use yak_model::TopicName;
use yak_model::metadata::PartitionRecord;

use super::{Image, Topic};

/// One difference of a later image from an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A topic is gone; if one of the same name exists, it is another topic and comes after this.
    TopicDeleted(Arc<Topic>),
    /// A topic is new; its partitions follow.
    TopicCreated(Arc<Topic>),
    /// A topic that stays has another configuration.
    TopicConfig(Arc<Topic>),
    /// A partition is new or changed.
    Partition(Arc<PartitionRecord>),
}

impl Image {
    /// What happened to topics and partitions since an earlier image: first what is gone, then topics by name.
    ///
    /// An image that is not a descendant of `older` is compared all the same, only slower.
    #[must_use]
    pub fn changes_since(&self, older: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        if Arc::ptr_eq(&self.topics, &older.topics) {
            return changes;
        }
        for topic in older.topics() {
            if self.topic_by_id(topic.id()).is_none() {
                changes.push(Change::TopicDeleted(Arc::clone(topic)));
            }
        }
        for topic in self.topics() {
            match older.topic_of(topic.name(), topic) {
                Some(before) if Arc::ptr_eq(before, topic) => {}
                before => compare(topic, before, &mut changes),
            }
        }
        changes
    }

    /// The same topic in this image, if it was there.
    fn topic_of(&self, name: &TopicName, topic: &Topic) -> Option<&Arc<Topic>> {
        self.topic(name).filter(|found| found.id() == topic.id())
    }
}

fn compare(topic: &Arc<Topic>, before: Option<&Arc<Topic>>, changes: &mut Vec<Change>) {
    match before {
        None => changes.push(Change::TopicCreated(Arc::clone(topic))),
        Some(before) if before.overrides() != topic.overrides() => {
            changes.push(Change::TopicConfig(Arc::clone(topic)));
        }
        Some(_) => {}
    }
    for partition in topic.partitions() {
        let same = before
            .and_then(|before| before.partition(partition.partition))
            .is_some_and(|old| Arc::ptr_eq(old, partition) || old == partition);
        if !same {
            changes.push(Change::Partition(Arc::clone(partition)));
        }
    }
}
