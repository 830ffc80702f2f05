//! An image as records again, for a new journal file or for a broker that joins late.

use yak_model::api::ProducerIdBlock;
use yak_model::metadata::{ConfigResource, MetadataRecord};

use super::{Broker, ConfigMap, Image, Topic};

impl Image {
    /// Records that add up to this image, in groups that belong together (one broker, one topic): applied to
    /// an empty image, followed by [`Image::set_index`], they give this image again.
    #[must_use]
    pub fn to_records(&self) -> Vec<Vec<MetadataRecord>> {
        let mut groups = Vec::with_capacity(self.brokers.len() + self.topics.len() + 3);
        if !self.cluster_id.uuid().is_zero() {
            groups.push(vec![MetadataRecord::Cluster { cluster_id: self.cluster_id }]);
        }
        groups.extend(self.brokers_by_registration().into_iter().map(broker_records));
        groups
            .extend(self.configs.iter().map(|(resource, config)| config_records(resource, config).collect()));
        groups.extend(self.producer_ids.map(|block| vec![producer_ids_record(block)]));
        groups.extend(self.topics().map(|topic| topic_records(topic)));
        groups
    }
}

fn broker_records(broker: &Broker) -> Vec<MetadataRecord> {
    let mut records = vec![MetadataRecord::BrokerRegistered(broker.registration.clone())];
    if !broker.fenced {
        let (broker_id, broker_epoch) = (broker.id(), broker.epoch());
        records.push(MetadataRecord::BrokerUnfenced { broker_id, broker_epoch });
    }
    records
}

fn topic_records(topic: &Topic) -> Vec<MetadataRecord> {
    let mut records = vec![MetadataRecord::TopicCreated { name: topic.name().clone(), topic_id: topic.id() }];
    records.extend(config_records(&ConfigResource::Topic(topic.name().clone()), topic.overrides()));
    let partitions = topic.partitions().iter();
    records.extend(partitions.map(|partition| MetadataRecord::Partition(partition.as_ref().clone())));
    records
}

fn config_records(resource: &ConfigResource, config: &ConfigMap) -> impl Iterator<Item = MetadataRecord> {
    config.iter().map(|(key, value)| MetadataRecord::Config {
        resource: resource.clone(),
        key: key.clone(),
        value: Some(value.clone()),
    })
}

fn producer_ids_record(block: ProducerIdBlock) -> MetadataRecord {
    let ProducerIdBlock { broker_id, broker_epoch, first, end } = block;
    MetadataRecord::ProducerIds { broker_id, broker_epoch, first, end }
}
