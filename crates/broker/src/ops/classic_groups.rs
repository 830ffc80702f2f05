//! Join, sync, heartbeat and leave of classic groups: done by the group's coordinator.

use std::sync::Arc;

use yak_model::ErrorCode;
use yak_model::api::{
    GroupHeartbeat, JoinGroup, JoinGroupReply, JoinRefused, LeaveGroup, Rejection, SyncGroup, SyncGroupReply,
};
use yak_model::limits::{MAX_GROUP_PROTOCOLS, at_most_entries};

use crate::broker::Broker;

/// A member joins. Returns when everybody has.
pub(crate) async fn join_group(
    broker: Arc<Broker>,
    request: JoinGroup,
) -> Result<JoinGroupReply, JoinRefused> {
    let refused = |rejection| JoinRefused { rejection, member_id: request.member_id.clone() };
    check_protocols(request.protocols.len()).map_err(refused)?;
    broker.groups.shard(&request.group_id).map_err(refused)?.join_group(&request).await
}

/// A member asks for its assignment. Returns when the leader has brought it and it is acknowledged.
pub(crate) async fn sync_group(broker: Arc<Broker>, request: SyncGroup) -> Result<SyncGroupReply, Rejection> {
    broker.groups.shard(&request.group_id)?.sync_group(request).await
}

/// A member says that it lives.
pub(crate) fn group_heartbeat(broker: &Broker, request: &GroupHeartbeat) -> Result<(), Rejection> {
    broker.groups.shard(&request.group_id)?.group_heartbeat(request)
}

/// Members go; each is answered by itself.
pub(crate) fn leave_group(
    broker: &Broker,
    request: &LeaveGroup,
) -> Result<Vec<Result<(), Rejection>>, Rejection> {
    at_most_entries(request.members.len())?;
    broker.groups.shard(&request.group_id)?.leave_group(request)
}

/// Each protocol of each member is looked for among those of every other one.
fn check_protocols(count: usize) -> Result<(), Rejection> {
    if count > MAX_GROUP_PROTOCOLS {
        let message = format!("a member offers at most {MAX_GROUP_PROTOCOLS} protocols, this one {count}");
        return Err(Rejection::new(ErrorCode::InconsistentGroupProtocol, message));
    }
    Ok(())
}
