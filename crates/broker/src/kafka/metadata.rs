//! Metadata: brokers, topics, who leads; creates a missing topic when client and configuration allow it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use yak_kafka::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use yak_model::api::{Metadata, MetadataReply, PartitionMetadata, Rejection, TopicMetadata};
use yak_model::{BrokerId, ErrorCode, TopicId, TopicName};

use super::Asked;
use super::authorized::{CLUSTER_OPERATIONS, TOPIC_OPERATIONS};
use crate::addresses;
use crate::ops;

/// Before this version an empty list of topics meant all of them.
const EMPTY_IS_NONE: i16 = 1;

pub(super) async fn metadata(asked: Asked, request: MetadataRequest) -> MetadataResponse {
    let is_all = |topics: &Vec<_>| topics.is_empty() && asked.version < EMPTY_IS_NONE;
    let wanted = request.topics.filter(|topics| !is_all(topics));
    // Each is told once, however often it is asked for.
    let wanted: Option<BTreeSet<Wanted>> =
        wanted.map(|topics| topics.into_iter().map(|topic| Wanted::new(&asked, topic)).collect());
    let names: Option<Vec<TopicName>> =
        wanted.as_ref().map(|wanted| wanted.iter().filter_map(Wanted::name).cloned().collect());
    asked.broker.leaders_are_certain(names.as_deref()).await;
    let operation = Metadata { topics: names, allow_auto_create: request.allow_auto_topic_creation };
    let shows = Shows {
        topic_operations: request.include_topic_authorized_operations,
        cluster_operations: request.include_cluster_authorized_operations,
    };
    match ops::metadata::metadata(Arc::clone(&asked.broker), operation).await {
        Ok(reply) => response(&asked, wanted, reply.body, shows),
        Err(rejection) => refused(&asked, wanted, &rejection).await,
    }
}

/// A topic as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    Name(TopicName),
    UnknownId(TopicId),
    InvalidName(String),
}

impl Wanted {
    fn new(asked: &Asked, topic: MetadataRequestTopic) -> Self {
        let id = TopicId::new(topic.topic_id);
        match topic.name {
            Some(name) => name.parse().map_or(Self::InvalidName(name), Self::Name),
            None => match asked.broker.image().topic_by_id(id) {
                Some(topic) => Self::Name(topic.name().clone()),
                None => Self::UnknownId(id),
            },
        }
    }

    const fn name(&self) -> Option<&TopicName> {
        match self {
            Self::Name(name) => Some(name),
            Self::UnknownId(_) | Self::InvalidName(_) => None,
        }
    }
}

/// What is told besides.
#[derive(Clone, Copy)]
struct Shows {
    topic_operations: bool,
    cluster_operations: bool,
}

fn response(
    asked: &Asked,
    wanted: Option<BTreeSet<Wanted>>,
    reply: MetadataReply,
    shows: Shows,
) -> MetadataResponse {
    let MetadataReply { cluster_id, brokers, topics, .. } = reply;
    let found = topics.into_iter().map(|topic| match topic {
        Ok(topic) => (topic.name.clone(), Ok(topic)),
        Err((name, rejection)) => (name, Err(rejection.code)),
    });
    let topics = match wanted {
        None => found.map(|(name, topic)| topic_response(Some(&name), topic, shows)).collect(),
        Some(wanted) => {
            let found: BTreeMap<TopicName, Result<TopicMetadata, ErrorCode>> = found.collect();
            wanted.into_iter().map(|wanted| one_topic(wanted, &found, shows)).collect()
        }
    };
    let mut listed = brokers;
    for broker in asked.broker.still_listed() {
        // They were looked up at different moments.
        if listed.iter().all(|other| other.broker_id != broker.broker_id) {
            listed.push(broker);
        }
    }
    let brokers = listed.into_iter().map(|broker| {
        let (host, port) = addresses::told(&asked.broker, asked.local, &broker);
        MetadataResponseBroker { node_id: broker.broker_id.get(), host, port: port.into(), rack: broker.rack }
    });
    MetadataResponse {
        brokers: brokers.collect(),
        cluster_id: Some(cluster_id.to_string()),
        // Whoever is asked has the zookeeper decide.
        controller_id: asked.broker.id().get(),
        topics,
        cluster_authorized_operations: if shows.cluster_operations { CLUSTER_OPERATIONS } else { i32::MIN },
        ..MetadataResponse::default()
    }
}

fn one_topic(
    wanted: Wanted,
    found: &BTreeMap<TopicName, Result<TopicMetadata, ErrorCode>>,
    shows: Shows,
) -> MetadataResponseTopic {
    match wanted {
        Wanted::Name(name) => {
            let topic = found.get(&name).cloned().unwrap_or(Err(ErrorCode::UnknownTopicOrPartition));
            topic_response(Some(&name), topic, shows)
        }
        Wanted::UnknownId(id) => MetadataResponseTopic {
            topic_id: id.uuid(),
            ..topic_response(None, Err(ErrorCode::UnknownTopicId), shows)
        },
        Wanted::InvalidName(name) => MetadataResponseTopic {
            name: Some(name),
            ..topic_response(None, Err(ErrorCode::InvalidTopicException), shows)
        },
    }
}

fn topic_response(
    name: Option<&TopicName>,
    topic: Result<TopicMetadata, ErrorCode>,
    shows: Shows,
) -> MetadataResponseTopic {
    let name = name.map(ToString::to_string);
    let topic_authorized_operations = if shows.topic_operations { TOPIC_OPERATIONS } else { i32::MIN };
    match topic {
        Ok(topic) => MetadataResponseTopic {
            name,
            topic_id: topic.topic_id.uuid(),
            is_internal: topic.is_internal,
            partitions: topic.partitions.iter().map(partition_response).collect(),
            topic_authorized_operations,
            ..MetadataResponseTopic::default()
        },
        Err(code) => MetadataResponseTopic {
            error_code: Some(code),
            name,
            topic_authorized_operations: i32::MIN,
            ..MetadataResponseTopic::default()
        },
    }
}

fn partition_response(partition: &PartitionMetadata) -> MetadataResponsePartition {
    let numbers = |brokers: &[BrokerId]| brokers.iter().map(|broker| broker.get()).collect();
    MetadataResponsePartition {
        error_code: partition.leader.is_none().then_some(ErrorCode::LeaderNotAvailable),
        partition_index: partition.partition.get(),
        leader_id: partition.leader.map_or(-1, BrokerId::get),
        leader_epoch: partition.leader_epoch.get(),
        replica_nodes: numbers(&partition.replicas),
        isr_nodes: numbers(&partition.in_sync_replicas),
        offline_replicas: numbers(&partition.offline_replicas),
    }
}

/// The request as a whole was refused: each of its topics is. The brokers are told all the same.
async fn refused(asked: &Asked, wanted: Option<BTreeSet<Wanted>>, rejection: &Rejection) -> MetadataResponse {
    let shows = Shows { topic_operations: false, cluster_operations: false };
    let nothing = Metadata { topics: Some(Vec::new()), allow_auto_create: false };
    let mut response = match ops::metadata::metadata(Arc::clone(&asked.broker), nothing).await {
        Ok(reply) => response(asked, Some(BTreeSet::new()), reply.body, shows),
        Err(_refused_again) => MetadataResponse::default(),
    };
    response.error_code = Some(rejection.code);
    let found = BTreeMap::new();
    for wanted in wanted.into_iter().flatten() {
        let topic = one_topic(wanted, &found, shows);
        response.topics.push(MetadataResponseTopic { error_code: Some(rejection.code), ..topic });
    }
    response
}
