//! An image as clients are told of it: who is there, who leads, for now.

use std::collections::BTreeSet;

use yak_model::BrokerId;
use yak_model::api::{BrokerMetadata, PartitionMetadata, TopicMetadata};
use yak_model::metadata::PartitionRecord;

use super::{Image, Topic};

/// An image, and who of its live brokers is not to be sent to for now: their connection to the zookeeper is lost, and
/// within moments they are back or fenced. What they lead counts as leaderless, so that clients ask again soon.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    /// The metadata.
    pub image: &'a Image,
    /// Who is suspended.
    pub suspended: &'a BTreeSet<BrokerId>,
}

impl Live<'_> {
    /// Whether a broker is to be sent to.
    #[must_use]
    pub fn is_live(&self, broker: BrokerId) -> bool {
        self.image.is_live(broker) && !self.suspended.contains(&broker)
    }

    /// Live brokers, in order of registration.
    #[must_use]
    pub fn brokers(&self) -> Vec<BrokerMetadata> {
        let brokers = self.image.brokers_by_registration().into_iter();
        brokers.filter(|broker| self.is_live(broker.id())).map(super::Broker::metadata).collect()
    }

    /// A topic with all its partitions.
    #[must_use]
    pub fn topic(&self, topic: &Topic) -> TopicMetadata {
        TopicMetadata {
            name: topic.name().clone(),
            topic_id: topic.id(),
            is_internal: topic.name().is_internal(),
            created: false,
            similar: None,
            partitions: topic.partitions().iter().map(|partition| self.partition(partition)).collect(),
        }
    }

    fn partition(&self, partition: &PartitionRecord) -> PartitionMetadata {
        let offline = |replica: &&BrokerId| !self.is_live(**replica);
        PartitionMetadata {
            partition: partition.partition,
            leader: partition.leader.filter(|leader| self.is_live(*leader)),
            leader_epoch: partition.leader_epoch,
            replicas: partition.replicas.clone(),
            in_sync_replicas: partition.in_sync_replicas.clone(),
            offline_replicas: partition.replicas.iter().filter(offline).copied().collect(),
        }
    }
}
