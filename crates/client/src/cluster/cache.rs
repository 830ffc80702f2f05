//! What was last heard of brokers, topics and leaders.

use std::collections::BTreeMap;
use std::sync::Arc;

use yak_model::api::{BrokerMetadata, LeaderHint, MetadataReply};
use yak_model::{BrokerId, ErrorCode, MetadataIndex, TopicName, TopicPartition};

use super::{Leader, TopicInfo};
use crate::Address;

/// Invariant: a partition's leader epoch never goes back while its topic id stays the same.
#[derive(Debug, Default)]
pub(super) struct Cache {
    index: MetadataIndex,
    pub(super) brokers: Vec<BrokerMetadata>,
    pub(super) topics: BTreeMap<TopicName, Arc<TopicInfo>>,
}

impl Cache {
    pub(super) fn take_in(&mut self, reply: &MetadataReply) {
        let is_newest = reply.index >= self.index;
        if is_newest {
            self.index = reply.index;
            self.brokers.clone_from(&reply.brokers);
        }
        for topic in &reply.topics {
            match topic {
                Ok(topic) => {
                    let known = self.topics.get(&topic.name);
                    let info = TopicInfo::new(topic, known.map(AsRef::as_ref));
                    self.topics.insert(info.name.clone(), Arc::new(info));
                }
                // A broker that is behind does not know the newest topics yet.
                Err((name, rejection))
                    if rejection.code == ErrorCode::UnknownTopicOrPartition && is_newest =>
                {
                    self.topics.remove(name);
                }
                Err(_not_now) => {}
            }
        }
    }

    pub(super) fn address_of(&self, broker: BrokerId) -> Option<Address> {
        let known = self.brokers.iter().find(|known| known.broker_id == broker)?;
        Some(Address::new(known.host.clone(), known.port))
    }

    pub(super) fn leader(&self, partition: &TopicPartition) -> Option<Leader> {
        let topic = self.topics.get(&partition.topic)?;
        let found = topic.partition(partition.partition)?;
        let broker_id = found.leader?;
        Some(Leader { broker_id, leader_epoch: found.leader_epoch, address: self.address_of(broker_id)? })
    }

    pub(super) fn learn_leader(&mut self, partition: &TopicPartition, hint: &LeaderHint) {
        let Some(topic) = self.topics.get_mut(&partition.topic) else { return };
        let Some(known) = topic.partition(partition.partition) else { return };
        if hint.leader_epoch <= known.leader_epoch {
            return;
        }
        Arc::make_mut(topic).set_leader(partition.partition, hint.broker_id, hint.leader_epoch);
        if self.address_of(hint.broker_id) != Some(Address::new(hint.host.clone(), hint.port)) {
            self.brokers.retain(|broker| broker.broker_id != hint.broker_id);
            self.brokers.push(BrokerMetadata {
                broker_id: hint.broker_id,
                host: hint.host.clone(),
                port: hint.port,
                rack: None,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use yak_model::api::{PartitionMetadata, Rejection, TopicMetadata};
    use yak_model::{ClusterId, LeaderEpoch, PartitionIndex, TopicId};

    use super::*;

    fn broker(id: i32) -> BrokerMetadata {
        BrokerMetadata { broker_id: id.into(), host: format!("b{id}"), port: 9092, rack: None }
    }

    fn metadata(index: u64, leader: i32, epoch: i32) -> MetadataReply {
        let partition = PartitionMetadata {
            partition: PartitionIndex::new(0),
            leader: (leader >= 0).then_some(leader.into()),
            leader_epoch: epoch.into(),
            replicas: vec![1.into(), 2.into()],
            in_sync_replicas: vec![1.into(), 2.into()],
            offline_replicas: vec![],
        };
        let topic = TopicMetadata {
            name: "t".parse().unwrap(),
            topic_id: TopicId::default(),
            is_internal: false,
            created: false,
            similar: None,
            partitions: vec![partition],
        };
        MetadataReply {
            cluster_id: ClusterId::default(),
            index: index.into(),
            brokers: vec![broker(1), broker(2)],
            topics: vec![Ok(topic)],
        }
    }

    #[test]
    fn leaders_never_go_back_to_an_earlier_epoch() {
        let partition = TopicPartition::new("t".parse().unwrap(), PartitionIndex::new(0));
        let mut cache = Cache::default();
        cache.take_in(&metadata(5, 1, 3));
        let leader = cache.leader(&partition).unwrap();
        assert_eq!((leader.broker_id, leader.address.to_string()), (1.into(), "b1:9092".to_owned()));

        let hint = |epoch: i32| LeaderHint {
            broker_id: 3.into(),
            leader_epoch: LeaderEpoch::new(epoch),
            host: "b3".to_owned(),
            port: 1,
        };
        cache.learn_leader(&partition, &hint(3));
        assert_eq!(cache.leader(&partition).unwrap().broker_id, 1.into(), "the same epoch is no news");
        cache.learn_leader(&partition, &hint(4));
        assert_eq!(cache.leader(&partition).unwrap().address.to_string(), "b3:1");

        cache.take_in(&metadata(4, 1, 3));
        assert_eq!(cache.leader(&partition).unwrap().leader_epoch, LeaderEpoch::new(4), "a late answer");
        cache.take_in(&metadata(7, -1, 5));
        assert_eq!(cache.leader(&partition), None, "nobody leads");
    }

    #[test]
    fn a_deleted_topic_is_forgotten() {
        let mut cache = Cache::default();
        cache.take_in(&metadata(1, 1, 0));
        let unknown = Rejection::new(ErrorCode::UnknownTopicOrPartition, "gone");
        let gone = MetadataReply { topics: vec![Err(("t".parse().unwrap(), unknown))], ..metadata(2, 1, 0) };
        cache.take_in(&gone);
        assert!(cache.topics.is_empty());
    }
}
