//! What leaders know and decide of their partitions: offsets, and where a log begins.

use yak_model::api::{
    DeleteRecords, DeleteRecordsEntry, DeleteRecordsReply, DeletedRecords, ListOffsets, ListOffsetsEntry,
    ListOffsetsReply, ListedOffset, RefusedListOffsets, Rejection,
};
use yak_model::{LeaderEpoch, TopicPartition};

use super::Admin;
use super::leaders::{OfPartitions, ask};
use crate::ClientError;

impl Admin {
    /// Looks offsets up, at the leader of each partition.
    ///
    /// # Errors
    /// When a leader does not answer in time, or refuses the whole request.
    pub async fn list_offsets(&self, request: &ListOffsets) -> Result<ListOffsetsReply, ClientError> {
        Ok(ListOffsetsReply { partitions: ask(&self.cluster, request).await? })
    }

    /// Deletes the oldest records of partitions, by the leader of each. (Once more is no harm.)
    ///
    /// # Errors
    /// When a leader does not answer in time, or refuses the whole request.
    pub async fn delete_records(&self, request: &DeleteRecords) -> Result<DeleteRecordsReply, ClientError> {
        Ok(DeleteRecordsReply { partitions: ask(&self.cluster, request).await? })
    }
}

impl OfPartitions for ListOffsets {
    type Entry = ListOffsetsEntry;
    type Answer = Result<ListedOffset, RefusedListOffsets>;

    fn entries(&self) -> &[ListOffsetsEntry] {
        &self.entries
    }

    fn partition(entry: &ListOffsetsEntry) -> TopicPartition {
        TopicPartition::new(entry.topic.clone(), entry.partition)
    }

    fn part(&self, entries: Vec<(ListOffsetsEntry, LeaderEpoch)>) -> Self {
        let with_epoch = |(entry, epoch): (ListOffsetsEntry, LeaderEpoch)| {
            let leader_epoch = entry.leader_epoch.or(Some(epoch));
            ListOffsetsEntry { leader_epoch, ..entry }
        };
        Self { entries: entries.into_iter().map(with_epoch).collect(), ..Self::default() }
    }

    fn answers(reply: ListOffsetsReply) -> Vec<Self::Answer> {
        reply.partitions
    }

    fn rejection(answer: &Self::Answer) -> Option<&Rejection> {
        answer.as_ref().err().map(|refused| &refused.rejection)
    }

    fn refused(entry: &ListOffsetsEntry, rejection: Rejection) -> Self::Answer {
        Err(RefusedListOffsets { topic: entry.topic.clone(), partition: entry.partition, rejection })
    }
}

impl OfPartitions for DeleteRecords {
    type Entry = DeleteRecordsEntry;
    type Answer = DeletedRecords;

    fn entries(&self) -> &[DeleteRecordsEntry] {
        &self.entries
    }

    fn partition(entry: &DeleteRecordsEntry) -> TopicPartition {
        TopicPartition::new(entry.topic.clone(), entry.partition)
    }

    fn part(&self, entries: Vec<(DeleteRecordsEntry, LeaderEpoch)>) -> Self {
        let entries = entries.into_iter().map(|(entry, _)| entry).collect();
        Self { entries, timeout_ms: self.timeout_ms }
    }

    fn answers(reply: DeleteRecordsReply) -> Vec<DeletedRecords> {
        reply.partitions
    }

    fn rejection(answer: &DeletedRecords) -> Option<&Rejection> {
        answer.log_start_offset.as_ref().err()
    }

    fn refused(entry: &DeleteRecordsEntry, rejection: Rejection) -> DeletedRecords {
        let DeleteRecordsEntry { topic, partition, .. } = entry.clone();
        DeletedRecords { topic, partition, log_start_offset: Err(rejection) }
    }
}
