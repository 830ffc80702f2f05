//! The image: what all metadata records up to one index add up to.
//!
//! ```text
//!   journal line 1 ─┐
//!   journal line 2 ─┼─ apply ─► Image at index n ─ to_records ─► the same image again
//!   ...      line n ┘
//! ```
//!
//! An image is a value. Its collections are shared (`Arc`) with the images it was cloned from, so that cloning
//! one costs a few reference counts whatever the number of partitions, and a change copies only the collections
//! on its path. Whoever holds an image can compare it with a later one by [`Image::changes_since`], which skips
//! everything shared.

mod apply;
mod broker;
mod changes;
mod elections;
mod live;
mod similar;
mod snapshot;
#[cfg(test)]
mod tests;
mod topic;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use apply::Inconsistent;
pub use broker::Broker;
pub use changes::Change;
pub use elections::Elections;
pub use live::Live;
pub use topic::Topic;
pub(crate) use topic::{FLUSH, MIN_INSYNC_REPLICAS, effective_min_isr};
use yak_model::api::ProducerIdBlock;
use yak_model::metadata::{ConfigResource, PartitionRecord};
use yak_model::{BrokerId, ClusterId, MetadataIndex, PartitionIndex, ProducerId, TopicId, TopicName};

/// Configuration of one resource, as it was set.
pub type ConfigMap = BTreeMap<String, String>;

/// The cluster's metadata at one index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    cluster_id: ClusterId,
    index: MetadataIndex,
    brokers: Arc<BTreeMap<BrokerId, Broker>>,
    topics: Arc<BTreeMap<TopicName, Arc<Topic>>>,
    /// Invariant: exactly the names of `topics`, by id.
    names: Arc<BTreeMap<TopicId, TopicName>>,
    /// Of brokers and of the cluster; a topic's stands in the topic.
    configs: Arc<BTreeMap<ConfigResource, ConfigMap>>,
    producer_ids: Option<ProducerIdBlock>,
}

impl Image {
    /// Names the cluster; zero before the first record.
    #[must_use]
    pub fn cluster_id(&self) -> ClusterId {
        self.cluster_id
    }

    /// The last journal index in it; 0 before the first.
    #[must_use]
    pub fn index(&self) -> MetadataIndex {
        self.index
    }

    /// A registered broker.
    #[must_use]
    pub fn broker(&self, broker_id: BrokerId) -> Option<&Broker> {
        self.brokers.get(&broker_id)
    }

    /// Registered brokers, by number.
    pub fn brokers(&self) -> impl Iterator<Item = &Broker> {
        self.brokers.values()
    }

    /// Registered brokers in order of registration, first come first.
    #[must_use]
    pub fn brokers_by_registration(&self) -> Vec<&Broker> {
        let mut brokers: Vec<&Broker> = self.brokers.values().collect();
        brokers.sort_by_key(|broker| broker.epoch());
        brokers
    }

    /// Whether a broker is registered and unfenced.
    #[must_use]
    pub fn is_live(&self, broker_id: BrokerId) -> bool {
        self.broker(broker_id).is_some_and(|broker| !broker.fenced)
    }

    /// A topic by name.
    #[must_use]
    pub fn topic(&self, name: &TopicName) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    /// A topic by id.
    #[must_use]
    pub fn topic_by_id(&self, topic_id: TopicId) -> Option<&Arc<Topic>> {
        self.names.get(&topic_id).and_then(|name| self.topics.get(name))
    }

    /// Topics, by name.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.values()
    }

    /// How many topics there are.
    #[must_use]
    pub fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// A partition by its topic's name and its number.
    #[must_use]
    pub fn partition(&self, topic: &TopicName, partition: PartitionIndex) -> Option<&Arc<PartitionRecord>> {
        self.topic(topic).and_then(|topic| topic.partition(partition))
    }

    /// Partitions, by topic and number.
    pub fn partitions(&self) -> impl Iterator<Item = &Arc<PartitionRecord>> {
        self.topics.values().flat_map(|topic| topic.partitions())
    }

    /// What was set on a resource; empty if nothing was.
    #[must_use]
    pub fn config(&self, resource: &ConfigResource) -> &ConfigMap {
        static NOTHING: ConfigMap = ConfigMap::new();
        match resource {
            ConfigResource::Topic(name) => self.topic(name).map(|topic| topic.overrides()),
            other => self.configs.get(other),
        }
        .unwrap_or(&NOTHING)
    }

    /// The block of producer ids that was handed out last.
    #[must_use]
    pub fn last_producer_ids(&self) -> Option<ProducerIdBlock> {
        self.producer_ids
    }

    /// The first producer id that nobody has.
    #[must_use]
    pub fn next_producer_id(&self) -> ProducerId {
        self.producer_ids.map_or(ProducerId::new(0), |block| block.end)
    }
}
