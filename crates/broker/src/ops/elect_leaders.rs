//! Elect leaders: decided by the zookeeper, awaited here.

use std::sync::Arc;

use yak_model::api::{ElectLeaders, ElectLeadersReply, Reply};
use yak_model::limits::at_most_entries;

use crate::answer::Outcome;
use crate::broker::Broker;

/// Has leaders elected on request. Returns when this broker knows them.
pub(crate) async fn elect_leaders(broker: Arc<Broker>, request: ElectLeaders) -> Outcome<ElectLeadersReply> {
    at_most_entries(request.partitions.as_ref().map_or(0, Vec::len))?;
    let timeout_ms = request.timeout_ms;
    Ok(Reply::new(broker.decide(request, timeout_ms).await?))
}
