//! The partitions of this broker: found through a snapshot that readers never wait for, changed by metadata.

mod apply;
mod log;
mod open;
mod outgoing;
mod partition;
mod refill;
mod remove;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
pub use log::DiskLog;
pub(crate) use open::Opened;
pub(crate) use outgoing::{Mailbox, Outgoing, PartitionKey};
pub(crate) use partition::{Append, Fetched, Partition, Read};
use tokio_util::sync::CancellationToken;
use yak_core::image::{Image, Topic};
use yak_core::partition::ReplicaIdentity;
use yak_log::{LogConfig, LogDirectory};
use yak_model::api::Rejection;
use yak_model::config::TopicConfig;
use yak_model::metadata::{ConfigResource, PartitionRecord};
use yak_model::{BrokerId, ErrorCode, PartitionIndex, TopicName, TopicPartition};

use crate::clock::Clock;
use crate::recompress::codec;

/// A partition that should be here.
#[derive(Clone, Debug)]
pub(crate) enum Hosted {
    /// Its log is open.
    Online(Arc<Partition>),
    /// Its log cannot be used, and why.
    Offline(Arc<str>),
    /// Its log lacks what was synced once, and why; to be filled again as soon as nobody counts on it.
    Damaged(Arc<str>),
    /// Its log could not be created for want of room or of file descriptors, and why; tried again now and then.
    Pending(Arc<str>),
}

/// Hosted partitions of each topic, by number.
type Map = HashMap<TopicName, Vec<Option<Hosted>>>;

/// All partitions of this broker.
#[derive(Debug)]
pub(crate) struct Partitions {
    broker_id: BrokerId,
    directory: Arc<LogDirectory>,
    /// What was written before the start for topics that do not set their own.
    written_defaults: TopicConfig,
    /// The same under what was set on brokers while they run.
    topic_defaults: ArcSwap<TopicConfig>,
    producer_expiration_ms: i64,
    clock: Clock,
    storage_failed: CancellationToken,
    outgoing: Arc<Outgoing>,
    hosted: ArcSwap<Map>,
}

impl Partitions {
    /// None yet.
    pub(crate) fn new(
        broker_id: BrokerId,
        directory: Arc<LogDirectory>,
        config: &crate::config::BrokerConfig,
        clock: Clock,
    ) -> Self {
        Self {
            broker_id,
            directory,
            written_defaults: config.topic_defaults.clone(),
            topic_defaults: ArcSwap::from_pointee(config.topic_defaults.clone()),
            producer_expiration_ms: i64::try_from(config.producer_id_expiration.as_millis())
                .unwrap_or(i64::MAX),
            clock,
            storage_failed: CancellationToken::new(),
            outgoing: Arc::default(),
            hosted: ArcSwap::default(),
        }
    }

    /// Cancelled when the disk under the logs has failed.
    pub(crate) const fn storage_failed(&self) -> &CancellationToken {
        &self.storage_failed
    }

    /// What partitions have to say to others of the cluster.
    pub(crate) const fn outgoing(&self) -> &Arc<Outgoing> {
        &self.outgoing
    }

    /// A partition that is here and in order.
    ///
    /// # Errors
    /// `NOT_LEADER_OR_FOLLOWER` if it is not here, `KAFKA_STORAGE_ERROR` if its log is offline.
    pub(crate) fn get(
        &self,
        topic: &TopicName,
        partition: PartitionIndex,
    ) -> Result<Arc<Partition>, Rejection> {
        match at(&self.hosted.load(), topic, partition) {
            Some(Hosted::Online(partition)) => Ok(Arc::clone(partition)),
            Some(Hosted::Offline(reason) | Hosted::Damaged(reason) | Hosted::Pending(reason)) => {
                Err(Rejection::new(ErrorCode::KafkaStorageError, reason.to_string()))
            }
            None => {
                let message = format!("{topic}-{partition}: broker {} has no replica of it", self.broker_id);
                Err(Rejection::new(ErrorCode::NotLeaderOrFollower, message))
            }
        }
    }

    /// Why a partition is offline here, if it is.
    pub(crate) fn offline(&self, topic: &TopicName, partition: PartitionIndex) -> Option<String> {
        match at(&self.hosted.load(), topic, partition) {
            Some(Hosted::Offline(reason) | Hosted::Damaged(reason) | Hosted::Pending(reason)) => {
                Some(reason.to_string())
            }
            Some(Hosted::Online(partition)) => partition.failure(),
            None => None,
        }
    }

    /// Every partition whose log is open, in order of topic and number.
    pub(crate) fn online(&self) -> Vec<Arc<Partition>> {
        let hosted = self.hosted.load();
        let mut online: Vec<_> = hosted
            .values()
            .flatten()
            .filter_map(|hosted| match hosted {
                Some(Hosted::Online(partition)) => Some(Arc::clone(partition)),
                _ => None,
            })
            .collect();
        online.sort_by(|a, b| a.id().cmp(b.id()));
        online
    }

    fn hosts(&self, record: &PartitionRecord) -> bool {
        record.replicas.contains(&self.broker_id) || record.adding_replicas.contains(&self.broker_id)
    }

    fn online_partition(
        &self,
        topic: &Topic,
        partition: PartitionIndex,
        log: yak_log::Log,
    ) -> Arc<Partition> {
        let id = TopicPartition::new(topic.name().clone(), partition);
        let identity = ReplicaIdentity {
            broker_id: self.broker_id,
            partition: id,
            topic_id: topic.id(),
            flush: topic.flush(),
        };
        let partition = Partition::new(
            identity,
            log,
            self.min_insync_replicas(topic),
            (self.clock, self.storage_failed.clone(), Arc::clone(&self.outgoing)),
        );
        let config = self.topic_config(topic);
        partition.set_codec(codec(config.compression));
        partition.set_compacted(config.cleanup_policy.compacts());
        partition
    }

    /// The log's configuration of a topic. Values were checked when they were set; one that a later version
    /// refuses leaves the default in place.
    pub(crate) fn log_config(&self, topic: &Topic) -> LogConfig {
        LogConfig {
            producer_expiration_ms: self.producer_expiration_ms,
            ..LogConfig::from(&self.topic_config(topic))
        }
    }

    /// What topics have that do not set their own.
    pub(crate) fn topic_defaults(&self) -> Arc<TopicConfig> {
        self.topic_defaults.load_full()
    }

    /// Takes over what was set on this broker and on all while they run. Whether that changes anything.
    fn take_over_defaults(&self, image: &Image) -> bool {
        let all = image.config(&ConfigResource::ClusterDefault);
        let own = image.config(&ConfigResource::Broker(self.broker_id));
        let defaults = self.written_defaults.clone().under(all).under(own);
        if defaults == **self.topic_defaults.load() {
            return false;
        }
        self.topic_defaults.store(Arc::new(defaults));
        true
    }

    fn topic_config(&self, topic: &Topic) -> TopicConfig {
        let defaults = self.topic_defaults.load();
        TopicConfig::resolve(&defaults, topic.override_pairs()).unwrap_or_else(|problem| {
            tracing::error!(topic = %topic.name(), %problem, "topic configuration is not understood");
            TopicConfig { flush: topic.flush(), ..TopicConfig::clone(&defaults) }
        })
    }

    fn min_insync_replicas(&self, topic: &Topic) -> u16 {
        self.topic_config(topic).min_insync_replicas
    }
}

fn index(partition: PartitionIndex) -> Option<usize> {
    usize::try_from(partition.get()).ok()
}

fn at<'a>(map: &'a Map, topic: &TopicName, partition: PartitionIndex) -> Option<&'a Hosted> {
    map.get(topic)?.get(index(partition)?)?.as_ref()
}

fn put(map: &mut Map, id: &TopicPartition, hosted: Hosted) {
    let Some(at) = index(id.partition) else { return };
    let of_topic = map.entry(id.topic.clone()).or_default();
    if of_topic.len() <= at {
        of_topic.resize(at + 1, None);
    }
    of_topic[at] = Some(hosted);
}

fn take(map: &mut Map, topic: &TopicName, partition: PartitionIndex) -> Option<Hosted> {
    map.get_mut(topic)?.get_mut(index(partition)?)?.take()
}
