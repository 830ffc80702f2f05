//! Describe cluster: its id, and its brokers, alive or not.

use yak_core::image::{self, Live};
use yak_model::api::{BrokerMetadata, DescribeCluster, DescribeClusterReply, DescribedBroker, Reply};

use crate::answer::Outcome;
use crate::broker::Broker;

/// What this broker knows. Like metadata it waits for news, should this process have stood still.
pub(crate) async fn describe_cluster(
    broker: &Broker,
    request: DescribeCluster,
) -> Outcome<DescribeClusterReply> {
    broker.membership.settle().await;
    let image = broker.image();
    let suspended = broker.zookeeper.suspended();
    let live = Live { image: &image, suspended: &suspended };
    let describe = |known: &image::Broker| DescribedBroker {
        broker: BrokerMetadata {
            broker_id: known.id(),
            host: known.registration.host.clone(),
            port: known.registration.port,
            rack: known.registration.rack.clone(),
        },
        is_fenced: !live.is_live(known.id()),
    };
    let brokers = image.brokers_by_registration().into_iter().map(describe);
    let brokers: Vec<_> = brokers.filter(|known| request.include_fenced || !known.is_fenced).collect();
    // Whoever answers can have changes decided; another one only while this one counts as gone.
    let alive = brokers.iter().filter(|known| !known.is_fenced).map(|known| known.broker.broker_id);
    let controller_id = alive.clone().find(|id| *id == broker.id()).or_else(|| alive.clone().next());
    Ok(Reply::new(DescribeClusterReply { cluster_id: image.cluster_id(), controller_id, brokers }))
}

#[cfg(test)]
mod tests {
    use yak_model::BrokerId;

    use super::*;
    use crate::replication::tests::rig::{Rig, until};

    #[tokio::test(flavor = "multi_thread")]
    async fn the_controller_is_a_live_broker_and_the_dead_are_shown_on_request() {
        let rig = Rig::new(&[]);
        let nodes = rig.cluster(2, 1, &[]).await;
        rig.fence(&nodes[0]).await;
        until("they know", || nodes.iter().all(|node| !node.broker.image().is_live(BrokerId::new(1)))).await;
        for node in &nodes {
            let ask = async |include_fenced| {
                describe_cluster(&node.broker, DescribeCluster { include_fenced })
                    .await
                    .expect("answered")
                    .body
            };
            let reply = ask(false).await;
            assert_eq!(reply.controller_id, Some(BrokerId::new(2)));
            assert_eq!(reply.cluster_id, rig.handle().image().cluster_id());
            assert_eq!(reply.brokers.len(), 1);
            assert_eq!(reply.brokers[0].broker.port, nodes[1].address.port());
            let fenced: Vec<bool> = ask(true).await.brokers.iter().map(|known| known.is_fenced).collect();
            assert_eq!(fenced, [true, false]);
        }
    }
}
