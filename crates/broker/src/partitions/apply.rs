//! From one image to the next: partitions are deleted, configured, created, and told their roles.
//!
//! Only a failed log directory is an error here. A log that cannot be created for now (a full disk, too many
//! open files) is pending: named in every answer about it, and tried again, while the rest of the broker serves.

use std::sync::Arc;

use yak_core::image::{Change, Image, Topic};
use yak_log::{LogError, NewLog};
use yak_model::TopicPartition;
use yak_model::metadata::PartitionRecord;

use super::{Hosted, Map, Partitions, at, put};

impl Partitions {
    /// Makes this broker's partitions what the newer image says. Called by one thread at a time.
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
        let mine = changes.iter().filter_map(|change| match change {
            Change::Partition(record) if self.hosts(record) => Some(&**record),
            _ => None,
        });
        self.host(newer, &mine.collect::<Vec<_>>(), &mut map)?;
        for change in &changes {
            if let Change::Partition(record) = change {
                self.leave(newer, record, &map);
            }
        }
        self.hosted.store(Arc::new(map));
        Ok(())
    }

    /// Tries once more to create what could not be created. Whether something is still pending.
    ///
    /// # Errors
    /// The log directory failed.
    pub(crate) fn apply_pending(&self, image: &Image) -> Result<bool, LogError> {
        let mut map = Map::clone(&self.hosted.load());
        let is_pending = |map: &Map, record: &PartitionRecord| {
            matches!(at(map, &record.topic, record.partition), Some(Hosted::Pending(_)))
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
        self.create(image, records, map)?;
        for record in records {
            let Some(topic) = image.topic_by_id(record.topic_id) else { continue };
            if let Some(Hosted::Online(partition)) = at(map, topic.name(), record.partition) {
                partition.apply(record, self.min_insync_replicas(topic));
            }
        }
        Ok(())
    }

    /// Tells a partition that is here and is no replica any more, so that it neither leads nor follows. Its log stays,
    /// until the topic goes.
    fn leave(&self, image: &Image, record: &PartitionRecord, map: &Map) {
        let Some(topic) = image.topic_by_id(record.topic_id).filter(|_| !self.hosts(record)) else { return };
        if let Some(Hosted::Online(partition)) = at(map, topic.name(), record.partition) {
            partition.apply(record, self.min_insync_replicas(topic));
        }
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

    fn delete_topic(&self, topic: &Topic, map: &mut Map) -> Result<(), LogError> {
        let Some(hosted) = map.remove(topic.name()) else { return Ok(()) };
        for (hosted, record) in hosted.into_iter().zip(topic.partitions()) {
            let id = TopicPartition::new(topic.name().clone(), record.partition);
            let deleted = match hosted {
                Some(Hosted::Online(partition)) => match partition.close() {
                    Some(log) => self.directory.delete_log(log),
                    None => Ok(()),
                },
                Some(Hosted::Offline(_) | Hosted::Pending(_)) => self.delete_offline(&id, topic),
                None => Ok(()),
            };
            if let Err(error) = deleted {
                // What stays is set aside as -stray when a broker starts or a namesake is created.
                self.unless_failed(
                    error,
                    |reason| tracing::error!(partition = %id, reason, "log not deleted"),
                )?;
            }
        }
        Ok(())
    }

    /// Deletes what there is of a log that is not open.
    fn delete_offline(&self, id: &TopicPartition, topic: &Topic) -> Result<(), LogError> {
        match self.directory.delete_unopened(id, topic.id()) {
            Err(LogError::NotFound(_)) => {
                self.directory.forget_missing(topic.id(), id.partition).map_err(LogError::from)
            }
            deleted => deleted,
        }
    }

    /// Goes on after an error that is not the whole directory's.
    fn unless_failed(&self, error: LogError, go_on: impl FnOnce(&str)) -> Result<(), LogError> {
        if self.directory.failure().is_some() {
            return Err(error);
        }
        go_on(&error.to_string());
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
}
