//! From one image to the next: partitions are deleted, configured, created, and told their roles.
//!
//! Only a failed log directory is an error here. A log that cannot be created for now (a full disk, too many
//! open files) is pending: named in every answer about it, and tried again, while the rest of the broker serves.

use std::sync::Arc;

use yak_core::image::{Change, Image, Topic};
use yak_log::{LogError, NewLog};
use yak_model::TopicPartition;
use yak_model::metadata::PartitionRecord;

use crate::recompress::codec;

use super::{Hosted, Map, Partitions, at, put};

impl Partitions {
    /// Makes this broker's partitions what the newer image says. Called by one thread at a time.
    ///
    /// # Errors
    /// The log directory failed.
    pub(crate) fn apply(&self, older: &Image, newer: &Image) -> Result<(), LogError> {
        let has_other_defaults = self.take_over_defaults(newer);
        let changes = newer.changes_since(older);
        if changes.is_empty() && !has_other_defaults {
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
        let records: Vec<&PartitionRecord> = changes.iter().filter_map(of_partition).collect();
        // First what goes: what comes may need its room, or its name.
        self.leave(&records, &mut map)?;
        let mine: Vec<&PartitionRecord> = records.into_iter().filter(|record| self.hosts(record)).collect();
        self.host(newer, &mine, &mut map)?;
        if has_other_defaults {
            tracing::info!("topic_defaults_changed");
            newer.topics().for_each(|topic| self.configure(topic, &map));
        }
        self.hosted.store(Arc::new(map));
        Ok(())
    }

    /// Tries once more to create what could not be created, and to open the damaged logs that may be filled again.
    /// Whether something is still pending.
    ///
    /// # Errors
    /// The log directory failed.
    pub(crate) fn apply_pending(&self, image: &Image) -> Result<bool, LogError> {
        let mut map = Map::clone(&self.hosted.load());
        let is_pending = |map: &Map, record: &PartitionRecord| match at(map, &record.topic, record.partition)
        {
            Some(Hosted::Pending(_)) => true,
            Some(Hosted::Damaged(_)) => self.may_refill(record),
            _ => false,
        };
        let pending: Vec<&PartitionRecord> =
            image.partitions().map(|record| &**record).filter(|record| is_pending(&map, record)).collect();
        if pending.is_empty() {
            return Ok(false);
        }
        self.host(image, &pending, &mut map)?;
        let still = pending.iter().any(|record| is_pending(&map, record));
        self.hosted.store(Arc::new(map));
        Ok(still)
    }

    /// Creates the logs that are new here, and tells every partition of `records` its role.
    fn host(&self, image: &Image, records: &[&PartitionRecord], map: &mut Map) -> Result<(), LogError> {
        self.refill(image, records, map)?;
        self.create(image, records, map)?;
        for record in records {
            let Some(topic) = image.topic_by_id(record.topic_id) else { continue };
            if let Some(Hosted::Online(partition)) = at(map, topic.name(), record.partition) {
                partition.apply(record, self.min_insync_replicas(topic));
            }
        }
        Ok(())
    }

    /// Creates logs, all together, so that they are synced once.
    fn create(&self, image: &Image, records: &[&PartitionRecord], map: &mut Map) -> Result<(), LogError> {
        let new: Vec<NewLog> = records
            .iter()
            .filter_map(|record| {
                let topic = image.topic_by_id(record.topic_id)?;
                let hosted = at(map, topic.name(), record.partition);
                matches!(hosted, None | Some(Hosted::Pending(_))).then(|| NewLog {
                    partition: TopicPartition::new(topic.name().clone(), record.partition),
                    topic_id: topic.id(),
                    config: self.log_config(topic),
                })
            })
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        match self.directory.create_logs(&new) {
            Ok(logs) => {
                for (log, new) in logs.into_iter().zip(&new) {
                    let Some(topic) = image.topic_by_id(new.topic_id) else { continue };
                    let partition = self.online_partition(topic, new.partition.partition, log);
                    put(map, &new.partition, Hosted::Online(partition));
                }
            }
            Err(error) => {
                self.unless_failed(error, |reason| {
                    for new in &new {
                        tracing::error!(partition = %new.partition, reason, "log not created, will be tried again");
                        let reason = format!("{}: its log cannot be created: {reason}", new.partition);
                        put(map, &new.partition, Hosted::Pending(reason.into()));
                    }
                })?;
            }
        }
        Ok(())
    }

    /// Goes on after an error that is not the whole directory's.
    pub(super) fn unless_failed(&self, error: LogError, go_on: impl FnOnce(&str)) -> Result<(), LogError> {
        if self.directory.failure().is_some() {
            return Err(error);
        }
        go_on(&error.to_string());
        Ok(())
    }

    fn configure(&self, topic: &Topic, map: &Map) {
        let (config, topic_config) = (self.log_config(topic), self.topic_config(topic));
        for hosted in map.get(topic.name()).into_iter().flatten() {
            if let Some(Hosted::Online(partition)) = hosted {
                partition.configure(config.clone(), self.min_insync_replicas(topic));
                partition.set_codec(codec(topic_config.compression));
                partition.set_compacted(topic_config.cleanup_policy.compacts());
            }
        }
    }
}

fn of_partition(change: &Change) -> Option<&PartitionRecord> {
    match change {
        Change::Partition(record) => Some(&**record),
        Change::TopicDeleted(_) | Change::TopicCreated(_) | Change::TopicConfig(_) => None,
    }
}
