//! The end in order: hand over, sync, leave the clean-shutdown marker.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use yak_model::api::ShutdownBroker;

use super::follow::Follower;
use super::{Controller, StartError};
use crate::broker::Broker;

/// Longest wait for the others to take over what this broker leads.
const HAND_OVER: Duration = Duration::from_secs(5);
/// The same while the zookeeper is away, which alone can decide it.
const HAND_OVER_ALONE: Duration = Duration::from_secs(1);
/// How long the broker still tells clients and followers who leads now, once it knows.
const LINGER: Duration = Duration::from_millis(50);

/// Hands over what the broker leads while it still serves, so that nobody has to wait for an election.
pub(crate) async fn hand_over(broker: &Arc<Broker>) {
    broker.membership.leaving();
    let longest = if broker.membership.is_connected() { HAND_OVER } else { HAND_OVER_ALONE };
    let handing_over = async {
        let leave = ShutdownBroker { broker_id: broker.id(), broker_epoch: broker.epoch() };
        let timeout_ms = u32::try_from(longest.as_millis()).unwrap_or(u32::MAX);
        if let Err(rejection) = broker.decide(leave, timeout_ms).await {
            tracing::warn!(%rejection, "the zookeeper did not take note of the shutdown");
            return;
        }
        let mut followed = broker.followed_index();
        while leads(broker) && followed.changed().await.is_ok() {}
        tokio::time::sleep(LINGER).await;
    };
    if timeout(longest, handing_over).await.is_err() {
        tracing::warn!("stopping without having handed over what this broker leads");
    }
}

/// Whether this broker leads a partition that has somebody else to lead it.
fn leads(broker: &Broker) -> bool {
    broker
        .image()
        .partitions()
        .any(|partition| partition.leader == Some(broker.id()) && partition.in_sync_replicas.len() > 1)
}

/// Ends a broker that serves nobody any more.
pub(crate) async fn stop(
    broker: &Arc<Broker>,
    follower: Follower,
    controller: Controller,
) -> Result<(), StartError> {
    follower.stop();
    let zookeeper = match controller {
        Controller::Embedded(zookeeper) => zookeeper,
        Controller::Remote(session) => {
            let closing = Arc::clone(broker);
            let closed = tokio::task::spawn_blocking(move || {
                let closed = close(&closing);
                session.stop();
                closed
            });
            return closed.await.unwrap_or_else(|error| Err(StartError::Follow(error.to_string())));
        }
    };
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
