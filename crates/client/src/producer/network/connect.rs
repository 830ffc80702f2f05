//! What the network task does not wait for itself: connections, metadata, producer ids.

use yak_model::api::{ClientRole, InitProducerId, MetadataReply};
use yak_model::{BrokerId, ProducerEpoch, ProducerId, TopicName};

use super::Link;
use crate::cluster::{Kind, Registering};
use crate::{ClientError, Cluster};

/// What has been done meanwhile.
#[derive(Debug)]
pub(super) enum Done {
    /// A connection to a leader was tried.
    Connected(BrokerId, Result<Link, ClientError>),
    /// Metadata was asked for.
    Refreshed(Result<MetadataReply, ClientError>),
    /// A producer id was asked for.
    Identified(Result<(ProducerId, ProducerEpoch), ClientError>),
}

/// A producer id of one's own, and its epoch.
pub(in crate::producer) async fn obtain_identity(
    cluster: &Cluster,
) -> Result<(ProducerId, ProducerEpoch), ClientError> {
    let reply = cluster.ask(Kind::Question, &InitProducerId { current: None }).await?;
    Ok((reply.producer_id, reply.producer_epoch))
}

/// Connects to a leader for the first time; `None` if it does not lead any more.
pub(in crate::producer) async fn greet(
    cluster: &Cluster,
    broker: BrokerId,
    topic: &TopicName,
) -> Result<Option<Link>, ClientError> {
    let connection = cluster.greet(broker, &producer(vec![topic.clone()])).await?;
    Ok(connection.map(|connection| Link::new(broker, connection)))
}

/// Connects to a leader again.
pub(super) async fn connect(
    cluster: &Cluster,
    broker: BrokerId,
    topics: Vec<TopicName>,
) -> Result<Link, ClientError> {
    Ok(Link::new(broker, cluster.connect_to(broker, producer(topics)).await?))
}

fn producer(topics: Vec<TopicName>) -> Registering {
    Registering { role: ClientRole::Producer, topics, group: None }
}
