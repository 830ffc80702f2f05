//! Operations that only look.

use std::sync::Arc;

use yak_core::image::{Broker, Live};
use yak_model::ErrorCode;
use yak_model::api::{Metadata, MetadataReply, Rejection, SessionReport, ZookeeperReport};
use yak_model::limits::at_most_entries;

use super::desk::Desk;
use crate::feed::Feed;

/// The zookeeper as it sees itself.
pub(super) fn status(desk: &Desk, feed: &Feed) -> ZookeeperReport {
    let image = desk.handle().image();
    let describe = |broker: &Broker| {
        let (session, clients) = desk.look(broker.id());
        SessionReport {
            broker_id: broker.id(),
            broker_epoch: broker.epoch(),
            host: broker.registration.host.clone(),
            port: broker.registration.port,
            fenced: broker.fenced,
            connected: session.is_some_and(|session| session.connected),
            heartbeat_age_ms: session.and_then(|session| session.heartbeat_age_ms),
            clients,
        }
    };
    let leaderless = image.partitions().filter(|partition| partition.leader.is_none());
    ZookeeperReport {
        cluster_id: image.cluster_id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        index: image.index(),
        journal: feed.file().display().to_string(),
        brokers: image.brokers_by_registration().into_iter().map(describe).collect(),
        leaderless: leaderless.map(|partition| partition.as_ref().clone()).collect(),
        elections: desk.handle().elections().iter().cloned().collect(),
    }
}

/// Brokers, topics, leaders. Nothing is created here by being named.
pub(super) fn metadata(desk: &Arc<Desk>, request: Metadata) -> Result<MetadataReply, Rejection> {
    at_most_entries(request.topics.as_ref().map_or(0, Vec::len))?;
    let (image, suspended) = (desk.handle().image(), desk.handle().suspended());
    let live = Live { image: &image, suspended: &suspended };
    let topics = match request.topics {
        None => image.topics().map(|topic| Ok(live.topic(topic))).collect(),
        Some(names) => names
            .into_iter()
            .map(|name| match image.topic(&name) {
                Some(topic) => Ok(live.topic(topic)),
                None => {
                    let message = format!("topic '{name}' does not exist");
                    Err((name, Rejection::new(ErrorCode::UnknownTopicOrPartition, message)))
                }
            })
            .collect(),
    };
    Ok(MetadataReply {
        cluster_id: image.cluster_id(),
        index: image.index(),
        brokers: live.brokers(),
        topics,
    })
}
