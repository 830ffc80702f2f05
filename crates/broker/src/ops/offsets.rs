//! Offset commit, fetch and delete: done by the group's coordinator.

use std::sync::Arc;

use yak_model::api::{
    OffsetCommit, OffsetCommitReply, OffsetDelete, OffsetDeleteReply, OffsetFetch, OffsetFetchReply, Reply,
};
use yak_model::limits::at_most_entries;

use crate::answer::Outcome;
use crate::broker::Broker;

/// Stores how far a group has come. Returns when it is acknowledged as `acks=all`.
pub(crate) async fn offset_commit(broker: Arc<Broker>, request: OffsetCommit) -> Outcome<OffsetCommitReply> {
    at_most_entries(request.entries.len())?;
    let results = broker.groups.shard(&request.group_id)?.offset_commit(request).await?;
    Ok(Reply::new(OffsetCommitReply { results }))
}

/// Tells how far a group has come.
pub(crate) fn offset_fetch(broker: &Broker, request: OffsetFetch) -> Outcome<OffsetFetchReply> {
    at_most_entries(request.partitions.as_ref().map_or(0, Vec::len))?;
    let offsets = broker.groups.shard(&request.group_id)?.offset_fetch(request)?;
    Ok(Reply::new(OffsetFetchReply { offsets }))
}

/// Forgets commits. Returns when that is acknowledged.
pub(crate) async fn offset_delete(broker: Arc<Broker>, request: OffsetDelete) -> Outcome<OffsetDeleteReply> {
    at_most_entries(request.partitions.len())?;
    let results = broker.groups.shard(&request.group_id)?.offset_delete(&request).await?;
    Ok(Reply::new(OffsetDeleteReply { results }))
}
