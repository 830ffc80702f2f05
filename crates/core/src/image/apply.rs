//! Applying records: the only way in which an image changes.

use std::sync::Arc;

use thiserror::Error;
use yak_model::api::ProducerIdBlock;
use yak_model::metadata::{ConfigResource, JournalLine, MetadataRecord, PartitionRecord};
use yak_model::{BrokerEpoch, BrokerId, MetadataIndex, PartitionIndex, ProducerId, TopicName};

use super::{Broker, Image, Topic};

/// A record that does not fit the image: the journal is damaged or was put together from several.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Inconsistent {
    /// A line is missing, or comes twice.
    #[error("index {found} follows index {last}")]
    Index {
        /// The last index applied.
        last: MetadataIndex,
        /// The line's.
        found: MetadataIndex,
    },
    /// The cluster has an id already.
    #[error("a second cluster record")]
    SecondCluster,
    /// The broker is not registered, or under another epoch.
    #[error("broker {broker_id} is not registered with epoch {broker_epoch}")]
    Broker {
        /// Which broker.
        broker_id: BrokerId,
        /// Which registration.
        broker_epoch: BrokerEpoch,
    },
    /// A topic is created twice, or two under one id.
    #[error("topic {0}, or one of its id, exists already")]
    TopicExists(TopicName),
    /// There is no such topic, or it has another id.
    #[error("topic {0} does not exist with this id")]
    NoTopic(TopicName),
    /// Partition numbers have no gaps.
    #[error("partition {1} of topic {0} comes before the partitions below it")]
    PartitionGap(TopicName, PartitionIndex),
    /// Producer ids are never handed out twice.
    #[error("producer ids from {first} were handed out already, up to {next}")]
    ProducerIds {
        /// First of the record.
        first: ProducerId,
        /// First that is free.
        next: ProducerId,
    },
}

impl Image {
    /// Applies one command's records.
    ///
    /// # Errors
    ///
    /// The line does not follow the image's last one, or contradicts it; the image is then of no more use.
    pub fn apply_line(&mut self, line: &JournalLine) -> Result<(), Inconsistent> {
        if line.index != self.index.next() {
            return Err(Inconsistent::Index { last: self.index, found: line.index });
        }
        line.records.iter().try_for_each(|record| self.apply(record))?;
        self.index = line.index;
        Ok(())
    }

    /// Applies one record, without counting its command: see [`Image::set_index`].
    ///
    /// # Errors
    ///
    /// The record contradicts the image; the image is then of no more use.
    pub fn apply(&mut self, record: &MetadataRecord) -> Result<(), Inconsistent> {
        match record {
            MetadataRecord::Cluster { cluster_id } => {
                if !self.cluster_id.uuid().is_zero() {
                    return Err(Inconsistent::SecondCluster);
                }
                self.cluster_id = *cluster_id;
            }
            MetadataRecord::BrokerRegistered(registration) => {
                let broker = Broker { registration: registration.clone(), fenced: true };
                Arc::make_mut(&mut self.brokers).insert(registration.broker_id, broker);
            }
            MetadataRecord::BrokerUnfenced { broker_id, broker_epoch } => {
                self.registered(*broker_id, *broker_epoch)?.fenced = false;
            }
            MetadataRecord::BrokerFenced { broker_id, broker_epoch } => {
                self.registered(*broker_id, *broker_epoch)?.fenced = true;
            }
            MetadataRecord::TopicCreated { name, topic_id } => {
                if self.topics.contains_key(name) || self.names.contains_key(topic_id) {
                    return Err(Inconsistent::TopicExists(name.clone()));
                }
                let topic = Arc::new(Topic::new(name.clone(), *topic_id));
                Arc::make_mut(&mut self.topics).insert(name.clone(), topic);
                Arc::make_mut(&mut self.names).insert(*topic_id, name.clone());
            }
            MetadataRecord::TopicDeleted { name, topic_id } => {
                if self.topics.get(name).is_none_or(|topic| topic.id() != *topic_id) {
                    return Err(Inconsistent::NoTopic(name.clone()));
                }
                Arc::make_mut(&mut self.topics).remove(name);
                Arc::make_mut(&mut self.names).remove(topic_id);
            }
            MetadataRecord::Partition(partition) => self.apply_partition(partition)?,
            MetadataRecord::Config { resource, key, value } => {
                self.apply_config(resource, key, value.as_deref())?;
            }
            MetadataRecord::ProducerIds { broker_id, broker_epoch, first, end } => {
                let next = self.next_producer_id();
                if *first < next || end <= first {
                    return Err(Inconsistent::ProducerIds { first: *first, next });
                }
                let (broker_id, broker_epoch, first, end) = (*broker_id, *broker_epoch, *first, *end);
                self.producer_ids = Some(ProducerIdBlock { broker_id, broker_epoch, first, end });
            }
        }
        Ok(())
    }

    /// Says up to which index records were applied, where they did not come line by line (from an image).
    pub fn set_index(&mut self, index: MetadataIndex) {
        self.index = index;
    }

    fn registered(
        &mut self,
        broker_id: BrokerId,
        broker_epoch: BrokerEpoch,
    ) -> Result<&mut Broker, Inconsistent> {
        Arc::make_mut(&mut self.brokers)
            .get_mut(&broker_id)
            .filter(|broker| broker.epoch() == broker_epoch)
            .ok_or(Inconsistent::Broker { broker_id, broker_epoch })
    }

    fn topic_mut(&mut self, name: &TopicName) -> Result<&mut Topic, Inconsistent> {
        match Arc::make_mut(&mut self.topics).get_mut(name) {
            Some(topic) => Ok(Arc::make_mut(topic)),
            None => Err(Inconsistent::NoTopic(name.clone())),
        }
    }

    fn apply_partition(&mut self, partition: &PartitionRecord) -> Result<(), Inconsistent> {
        let topic = self.topic_mut(&partition.topic)?;
        if topic.id() != partition.topic_id {
            return Err(Inconsistent::NoTopic(partition.topic.clone()));
        }
        let at = usize::try_from(partition.partition.get()).unwrap_or(usize::MAX);
        let record = Arc::new(partition.clone());
        match topic.partitions.len() {
            count if at < count => topic.partitions[at] = record,
            count if at == count => topic.partitions.push(record),
            _ => return Err(Inconsistent::PartitionGap(partition.topic.clone(), partition.partition)),
        }
        Ok(())
    }

    fn apply_config(
        &mut self,
        resource: &ConfigResource,
        key: &str,
        value: Option<&str>,
    ) -> Result<(), Inconsistent> {
        let config = match resource {
            ConfigResource::Topic(name) => &mut self.topic_mut(name)?.overrides,
            other => Arc::make_mut(&mut self.configs).entry(other.clone()).or_default(),
        };
        match value {
            Some(value) => drop(config.insert(key.to_owned(), value.to_owned())),
            None => drop(config.remove(key)),
        }
        if !matches!(resource, ConfigResource::Topic(_)) {
            Arc::make_mut(&mut self.configs).retain(|_, config| !config.is_empty());
        }
        Ok(())
    }
}
