//! Consumer group heartbeat: members of server-side groups join, live and leave (KIP-848).

use std::sync::Arc;

use yak_model::api::{ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply, Reply};
use yak_model::limits::at_most_entries;

use crate::answer::Outcome;
use crate::broker::Broker;

/// Done by the group's coordinator. Returns when what comes of it is acknowledged.
pub(crate) async fn consumer_group_heartbeat(
    broker: Arc<Broker>,
    request: ConsumerGroupHeartbeat,
) -> Outcome<ConsumerGroupHeartbeatReply> {
    at_most_entries(request.subscribed_topics.as_ref().map_or(0, Vec::len))?;
    at_most_entries(request.owned.as_ref().map_or(0, Vec::len))?;
    let shard = broker.groups.shard(&request.group_id)?;
    Ok(Reply::new(shard.consumer_group_heartbeat(&request).await?))
}
