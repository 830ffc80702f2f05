//! Status: everything this broker knows, on one screen.

use yak_core::image::Image;
use yak_model::api::{BrokerMetadata, PartitionStatus, ReplicaStatus, Reply, StatusReply, ZookeeperStatus};
use yak_model::metadata::PartitionRecord;
use yak_model::{Offset, TopicName};

use crate::answer::Outcome;
use crate::broker::Broker;

/// Gathers it. Clients' positions are read before log ends, so that lag is never negative.
pub(crate) fn status(broker: &Broker) -> Outcome<StatusReply> {
    let image = broker.image();
    let clients = broker.clients.status(|topic, partition| {
        broker.partitions.get(topic, partition).ok().map(|partition| partition.reader().log_end())
    });
    let partitions = image
        .topics()
        .flat_map(|topic| topic.partitions().iter().map(|record| partition(broker, topic.name(), record)))
        .collect();
    Ok(Reply::new(StatusReply {
        cluster_id: image.cluster_id(),
        broker_id: broker.id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_ms: broker.clock.now_ms(),
        zookeeper: ZookeeperStatus { address: zookeeper(broker), index: image.index() },
        brokers: brokers(broker, &image),
        partitions,
        clients,
        elections: broker.zookeeper.elections().iter().cloned().collect(),
    }))
}

/// Where it is.
fn zookeeper(broker: &Broker) -> String {
    match &broker.config.zookeepers {
        None => "embedded".to_owned(),
        Some(addresses) => addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    }
}

/// The embedded zookeeper shares the process: there is no heartbeat to be late.
fn heartbeat_age_ms(broker: &Broker) -> Option<u64> {
    if broker.config.zookeepers.is_none() { Some(0) } else { broker.membership.heartbeat_age_ms() }
}

fn brokers(broker: &Broker, image: &Image) -> Vec<ReplicaStatus> {
    let describe = |known: &yak_core::image::Broker| {
        let is_me = known.id() == broker.id();
        ReplicaStatus {
            broker: BrokerMetadata {
                broker_id: known.id(),
                host: known.registration.host.clone(),
                port: known.registration.port,
                rack: known.registration.rack.clone(),
            },
            broker_epoch: known.epoch(),
            fenced: known.fenced,
            heartbeat_age_ms: if is_me { heartbeat_age_ms(broker) } else { None },
            directory: is_me.then(|| broker.directory.path().display().to_string()),
        }
    };
    image.brokers_by_registration().into_iter().map(describe).collect()
}

fn partition(broker: &Broker, topic: &TopicName, record: &PartitionRecord) -> PartitionStatus {
    let hosted = broker.partitions.get(topic, record.partition).ok();
    let reader = hosted.as_ref().map(|hosted| hosted.reader());
    PartitionStatus {
        topic: topic.clone(),
        partition: record.partition,
        leader: record.leader,
        leader_epoch: record.leader_epoch,
        replicas: record.replicas.clone(),
        in_sync_replicas: record.in_sync_replicas.clone(),
        log_start_offset: reader.map_or(Offset::ZERO, yak_log::LogReader::log_start),
        high_watermark: hosted.as_ref().map_or(Offset::ZERO, |hosted| hosted.high_watermark()),
        log_end_offset: reader.map_or(Offset::ZERO, yak_log::LogReader::log_end),
        size_bytes: reader.map_or(0, yak_log::LogReader::size_bytes),
        segments: reader.map_or(0, |reader| u32::try_from(reader.segment_count()).unwrap_or(u32::MAX)),
        offline: broker.partitions.offline(topic, record.partition),
    }
}
