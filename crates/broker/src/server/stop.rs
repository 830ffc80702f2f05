//! The end in order: hand over, sync, leave the clean-shutdown marker.

use std::sync::Arc;

use yak_model::api::ShutdownBroker;

use super::StartError;
use super::follow::Follower;
use yak_zookeeper::Zookeeper;

use crate::broker::Broker;

/// Ends a broker that serves nobody any more.
pub(crate) async fn stop(
    broker: &Arc<Broker>,
    follower: Follower,
    zookeeper: Zookeeper,
) -> Result<(), StartError> {
    follower.stop();
    let leave = ShutdownBroker { broker_id: broker.id(), broker_epoch: broker.epoch() };
    if let Err(rejection) = broker.zookeeper.submit(leave).await {
        tracing::warn!(%rejection, "the zookeeper did not take note of the shutdown");
    }
    let closing = Arc::clone(broker);
    let closed = tokio::task::spawn_blocking(move || close(&closing)).await;
    let ended = zookeeper.shutdown().await;
    closed.unwrap_or_else(|error| Err(StartError::Follow(error.to_string())))?;
    if ended.is_in_order() { Ok(()) } else { Err(StartError::Ended(ended)) }
}

fn close(broker: &Broker) -> Result<(), StartError> {
    let online = broker.partitions.online();
    let logs = online.iter().filter_map(|partition| partition.close()).collect();
    broker.directory.finish(logs, Some(broker.epoch()))?;
    tracing::info!("broker_stopped");
    Ok(())
}
