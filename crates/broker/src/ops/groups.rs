//! List, describe and delete groups. A broker answers for those that it coordinates.

use std::collections::BTreeSet;
use std::sync::Arc;

use yak_model::api::{
    DeleteGroups, DeleteGroupsReply, DescribeGroups, DescribeGroupsReply, ListGroups, ListGroupsReply,
    Rejection, Reply,
};
use yak_model::limits::at_most_entries;
use yak_model::{ErrorCode, GroupId};

use crate::answer::Outcome;
use crate::broker::Broker;

/// The groups that this broker coordinates, by name.
pub(crate) fn list_groups(broker: &Broker, request: &ListGroups) -> Outcome<ListGroupsReply> {
    let mut groups = Vec::new();
    for shard in broker.groups.shards() {
        groups.extend(shard.list_groups(request)?);
    }
    groups.sort_by(|a, b| a.group_id.cmp(&b.group_id));
    Ok(Reply::new(ListGroupsReply { groups }))
}

/// Everything about groups that this broker coordinates.
pub(crate) fn describe_groups(broker: &Broker, request: &DescribeGroups) -> Outcome<DescribeGroupsReply> {
    at_most_entries(request.groups.len())?;
    let mut named = BTreeSet::new();
    let describe = |id| {
        once(&mut named, id)?;
        broker.groups.shard(id)?.describe_group(id)
    };
    Ok(Reply::new(DescribeGroupsReply { groups: request.groups.iter().map(describe).collect() }))
}

/// Deletes groups that have no members. Returns when that is acknowledged.
pub(crate) async fn delete_groups(broker: Arc<Broker>, request: DeleteGroups) -> Outcome<DeleteGroupsReply> {
    at_most_entries(request.groups.len())?;
    let mut results = Vec::with_capacity(request.groups.len());
    for id in &request.groups {
        results.push(match broker.groups.shard(id) {
            Ok(shard) => shard.delete_group(id).await,
            Err(rejection) => Err(rejection),
        });
    }
    Ok(Reply::new(DeleteGroupsReply { results }))
}

/// A request names a group once: a few bytes more of it would else be answered by all of a group again.
fn once<'a>(named: &mut BTreeSet<&'a GroupId>, id: &'a GroupId) -> Result<(), Rejection> {
    if named.insert(id) {
        return Ok(());
    }
    Err(Rejection::new(ErrorCode::InvalidRequest, format!("group '{id}' is named twice")))
}
