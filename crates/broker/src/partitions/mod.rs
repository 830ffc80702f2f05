//! The partitions of this broker: found through a snapshot that readers never wait for, changed by metadata.

mod log;
mod open;
mod partition;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
pub(crate) use open::Opened;
pub(crate) use partition::{Append, Partition};
use tokio_util::sync::CancellationToken;
use yak_core::image::{Change, Image, Topic};
use yak_core::partition::ReplicaIdentity;
use yak_log::{LogConfig, LogDirectory, LogError, NewLog};
use yak_model::api::Rejection;
use yak_model::config::TopicConfig;
use yak_model::metadata::PartitionRecord;
use yak_model::{BrokerId, ErrorCode, PartitionIndex, TopicName, TopicPartition};

use crate::clock::Clock;

/// A partition that should be here.
#[derive(Clone, Debug)]
pub(crate) enum Hosted {
    /// Its log is open.
    Online(Arc<Partition>),
    /// Its log cannot be used, and why.
    Offline(Arc<str>),
}

/// Hosted partitions of each topic, by number.
type Map = HashMap<TopicName, Vec<Option<Hosted>>>;

/// All partitions of this broker.
#[derive(Debug)]
pub(crate) struct Partitions {
    broker_id: BrokerId,
    directory: Arc<LogDirectory>,
    topic_defaults: TopicConfig,
    producer_expiration_ms: i64,
    clock: Clock,
    storage_failed: CancellationToken,
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
            topic_defaults: config.topic_defaults.clone(),
            producer_expiration_ms: i64::try_from(config.producer_id_expiration.as_millis())
                .unwrap_or(i64::MAX),
            clock,
            storage_failed: CancellationToken::new(),
            hosted: ArcSwap::default(),
        }
    }

    /// Cancelled when the disk under the logs has failed.
    pub(crate) const fn storage_failed(&self) -> &CancellationToken {
        &self.storage_failed
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
            Some(Hosted::Offline(reason)) => {
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
            Some(Hosted::Offline(reason)) => Some(reason.to_string()),
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

    /// Makes this broker's partitions what the newer image says.
    ///
    /// # Errors
    /// The log directory failed.
    pub(crate) fn apply(&self, older: &Image, newer: &Image) -> Result<(), LogError> {
        let changes = newer.changes_since(older);
        if changes.is_empty() {
            return Ok(());
        }
        let mut map = Map::clone(&self.hosted.load());
        for change in &changes {
            match change {
                Change::TopicDeleted(topic) => self.delete_topic(topic, &mut map)?,
                Change::TopicConfig(topic) => self.configure(topic, &map),
                Change::TopicCreated(_) | Change::Partition(_) => {}
            }
        }
        let mine: Vec<&PartitionRecord> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Partition(record) if self.hosts(record) => Some(&**record),
                _ => None,
            })
            .collect();
        self.create(newer, &mine, &mut map)?;
        for record in mine {
            let Some(topic) = newer.topic_by_id(record.topic_id) else { continue };
            if let Some(Hosted::Online(partition)) = at(&map, topic.name(), record.partition) {
                partition.apply(record, self.min_insync_replicas(topic));
            }
        }
        self.hosted.store(Arc::new(map));
        Ok(())
    }

    fn hosts(&self, record: &PartitionRecord) -> bool {
        record.replicas.contains(&self.broker_id) || record.adding_replicas.contains(&self.broker_id)
    }

    /// Creates the logs of partitions that are new here, all together, so that they are synced once.
    fn create(&self, image: &Image, records: &[&PartitionRecord], map: &mut Map) -> Result<(), LogError> {
        let new: Vec<NewLog> = records
            .iter()
            .filter_map(|record| {
                let topic = image.topic_by_id(record.topic_id)?;
                let missing = at(map, topic.name(), record.partition).is_none();
                missing.then(|| NewLog {
                    partition: TopicPartition::new(topic.name().clone(), record.partition),
                    topic_id: topic.id(),
                    config: self.log_config(topic),
                })
            })
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        for (log, new) in self.directory.create_logs(&new)?.into_iter().zip(&new) {
            let Some(topic) = image.topic_by_id(new.topic_id) else { continue };
            put(
                map,
                &new.partition,
                Hosted::Online(self.online_partition(topic, new.partition.partition, log)),
            );
        }
        Ok(())
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
        Partition::new(
            identity,
            log,
            self.min_insync_replicas(topic),
            (self.clock, self.storage_failed.clone()),
        )
    }

    fn delete_topic(&self, topic: &Topic, map: &mut Map) -> Result<(), LogError> {
        let Some(hosted) = map.remove(topic.name()) else { return Ok(()) };
        for hosted in hosted.into_iter().flatten() {
            if let Hosted::Online(partition) = hosted
                && let Some(log) = partition.close()
            {
                self.directory.delete_log(log)?;
            }
        }
        Ok(())
    }

    fn configure(&self, topic: &Topic, map: &Map) {
        let config = self.log_config(topic);
        for hosted in map.get(topic.name()).into_iter().flatten() {
            if let Some(Hosted::Online(partition)) = hosted {
                partition.configure(config.clone(), self.min_insync_replicas(topic));
            }
        }
    }

    /// The log's configuration of a topic. Values were checked when they were set; one that a later version
    /// refuses leaves the default in place.
    pub(crate) fn log_config(&self, topic: &Topic) -> LogConfig {
        LogConfig {
            producer_expiration_ms: self.producer_expiration_ms,
            ..LogConfig::from(&self.topic_config(topic))
        }
    }

    fn topic_config(&self, topic: &Topic) -> TopicConfig {
        TopicConfig::resolve(&self.topic_defaults, topic.override_pairs()).unwrap_or_else(|problem| {
            tracing::error!(topic = %topic.name(), %problem, "topic configuration is not understood");
            TopicConfig { flush: topic.flush(), ..self.topic_defaults.clone() }
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
