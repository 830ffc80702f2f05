//! What goes away: the partitions of a deleted topic, and replicas that this broker is not to have any more.
//!
//! A directory is renamed to `-delete` first, durably, and removed later; what cannot be renamed is named and stays.

use yak_core::image::Topic;
use yak_log::LogError;
use yak_model::metadata::PartitionRecord;
use yak_model::{TopicId, TopicPartition};

use super::{Hosted, Map, Partitions, take};

impl Partitions {
    /// Deletes what is here of a topic that is gone.
    pub(super) fn delete_topic(&self, topic: &Topic, map: &mut Map) -> Result<(), LogError> {
        let Some(hosted) = map.remove(topic.name()) else { return Ok(()) };
        for (hosted, record) in hosted.into_iter().zip(topic.partitions()) {
            let id = TopicPartition::new(topic.name().clone(), record.partition);
            let Some(hosted) = hosted else { continue };
            let log = match &hosted {
                Hosted::Online(partition) => partition.close(),
                Hosted::Offline(_) | Hosted::Damaged(_) | Hosted::Pending(_) => None,
            };
            self.delete(&id, topic.id(), (hosted, log))?;
        }
        Ok(())
    }

    /// Takes the replicas away that this broker has and is not to have, by these records. Whoever asks for one is told
    /// so before its log goes.
    pub(super) fn leave(&self, records: &[&PartitionRecord], map: &mut Map) -> Result<(), LogError> {
        let leaving: Vec<(&PartitionRecord, Hosted)> = records
            .iter()
            .filter(|record| !self.hosts(record))
            .filter_map(|record| Some((*record, take(map, &record.topic, record.partition)?)))
            .collect();
        if leaving.is_empty() {
            return Ok(());
        }
        self.hosted.store(std::sync::Arc::new(map.clone()));
        for (record, hosted) in leaving {
            let id = TopicPartition::new(record.topic.clone(), record.partition);
            tracing::info!(partition = %id, replicas = ?record.replicas, "replica_removed");
            let log = match &hosted {
                Hosted::Online(partition) => partition.leave(record),
                Hosted::Offline(_) | Hosted::Damaged(_) | Hosted::Pending(_) => None,
            };
            self.delete(&id, record.topic_id, (hosted, log))?;
        }
        Ok(())
    }

    fn delete(
        &self,
        id: &TopicPartition,
        topic_id: TopicId,
        (hosted, log): (Hosted, Option<yak_log::Log>),
    ) -> Result<(), LogError> {
        let deleted = match (log, hosted) {
            (Some(log), _) => self.directory.delete_log(log),
            // Closed already: it was deleted then.
            (None, Hosted::Online(_)) => Ok(()),
            (None, _) => self.delete_offline(id, topic_id),
        };
        // What stays is set aside as -stray when a broker starts or a namesake is created.
        deleted.or_else(|error| {
            self.unless_failed(error, |reason| tracing::error!(partition = %id, reason, "log not deleted"))
        })
    }

    /// Deletes what there is of a log that is not open.
    fn delete_offline(&self, id: &TopicPartition, topic_id: TopicId) -> Result<(), LogError> {
        match self.directory.delete_unopened(id, topic_id) {
            Err(LogError::NotFound(_)) => {
                self.directory.forget_missing(topic_id, id.partition).map_err(LogError::from)
            }
            deleted => deleted,
        }
    }
}
