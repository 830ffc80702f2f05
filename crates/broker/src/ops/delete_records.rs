//! Delete records: the oldest ones of partitions, up to an offset.

use std::sync::Arc;

use yak_model::ErrorCode;
use yak_model::api::{
    DeleteRecords, DeleteRecordsEntry, DeleteRecordsReply, DeletedRecords, Rejection, Reply,
};

use crate::answer::Outcome;
use crate::broker::Broker;
use yak_model::limits::at_most_entries;

/// Deletes in each partition by itself. On a thread that may wait for the disk.
pub(crate) async fn delete_records(
    broker: Arc<Broker>,
    request: DeleteRecords,
) -> Outcome<DeleteRecordsReply> {
    at_most_entries(request.entries.len())?;
    let work = move || delete_all(&broker, request.entries);
    let deleted = tokio::task::spawn_blocking(work).await;
    deleted.map(|partitions| Reply::new(DeleteRecordsReply { partitions })).map_err(|failed| {
        Rejection::new(ErrorCode::UnknownServerError, format!("deleting records failed: {failed}"))
    })
}

/// Deletes, and makes the new beginnings durable before anybody is told of them.
fn delete_all(broker: &Broker, entries: Vec<DeleteRecordsEntry>) -> Vec<DeletedRecords> {
    let mut deleted: Vec<DeletedRecords> = entries.into_iter().map(|entry| delete(broker, entry)).collect();
    if let Err(error) = broker.directory.checkpoint() {
        let rejection = Rejection::new(ErrorCode::KafkaStorageError, error.to_string());
        for one in &mut deleted {
            one.log_start_offset = Err(rejection.clone());
        }
    }
    deleted
}

fn delete(broker: &Broker, entry: DeleteRecordsEntry) -> DeletedRecords {
    let DeleteRecordsEntry { topic, partition, before_offset } = entry;
    if topic.is_internal() {
        let message = format!("topic '{topic}' is internal: the cluster needs what is in it");
        let refused = Err(Rejection::new(ErrorCode::PolicyViolation, message));
        return DeletedRecords { topic, partition, log_start_offset: refused };
    }
    let hosted = broker.partition(&topic, partition);
    let log_start_offset = hosted.and_then(|hosted| hosted.delete_before(before_offset));
    DeletedRecords { topic, partition, log_start_offset }
}
