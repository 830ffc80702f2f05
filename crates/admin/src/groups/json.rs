//! A group as one JSON object, with the names that the operations on groups use.

use serde::Serialize;
use yak_model::api::{DescribedMember, RebalanceRecord};
use yak_model::{PartitionIndex, TopicName};

use super::view::{GroupView, LeaderView, PartitionView};

/// One line, newline included. `explained` is who gets what, and why.
pub(super) fn line(view: &GroupView, explained: Option<&[super::explain::Explained]>) -> String {
    let mut line = serde_json::to_string(&Group::new(view, explained)).expect("texts, numbers and lists");
    line.push('\n');
    line
}

#[derive(Serialize)]
struct Group<'a> {
    group: &'a str,
    kind: &'static str,
    state: &'static str,
    epoch: i32,
    assignment_epoch: i32,
    protocol_type: &'a str,
    assignor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    coordinator: Option<Coordinator<'a>>,
    lag: u64,
    members: Vec<Member<'a>>,
    partitions: Vec<Partition<'a>>,
    rebalances: Vec<Rebalance<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explained: Option<Vec<Sentence<'a>>>,
}

#[derive(Serialize)]
struct Coordinator<'a> {
    broker_id: i32,
    host: &'a str,
    port: u16,
}

#[derive(Serialize)]
struct Member<'a> {
    member_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    client_id: &'a str,
    client_host: &'a str,
    member_epoch: i32,
    topics: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    include: Option<&'a str>,
    assignment: Vec<Topic<'a>>,
    target: Vec<Topic<'a>>,
    last_heard_ms: u64,
}

#[derive(Serialize)]
struct Topic<'a> {
    topic: &'a str,
    partitions: Vec<i32>,
}

#[derive(Serialize)]
struct Partition<'a> {
    topic: &'a str,
    partition: i32,
    leader: Option<i32>,
    offset: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit_time: Option<i64>,
    position: Option<i64>,
    received: Option<i64>,
    log_start_offset: Option<i64>,
    log_end_offset: Option<i64>,
    lag: Option<u64>,
    lag_ms: Option<u64>,
    member_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Rebalance<'a> {
    at: i64,
    epoch: i32,
    cause: &'a str,
    took_ms: u64,
    members: usize,
}

#[derive(Serialize)]
struct Sentence<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    member_id: Option<&'a str>,
    why: &'a str,
}

impl<'a> Group<'a> {
    fn new(view: &'a GroupView, explained: Option<&'a [super::explain::Explained]>) -> Self {
        let group = &view.group;
        Self {
            group: group.group_id.as_str(),
            kind: group.kind.name(),
            state: group.state.name(),
            epoch: group.epoch,
            assignment_epoch: group.assignment_epoch,
            protocol_type: &group.protocol_type,
            assignor: &group.assignor,
            coordinator: view.coordinator.as_ref().map(|at| Coordinator {
                broker_id: at.broker_id.get(),
                host: &at.host,
                port: at.port,
            }),
            lag: view.total_lag(),
            members: group.members.iter().map(Member::new).collect(),
            partitions: view.partitions.iter().map(|partition| Partition::new(view, partition)).collect(),
            rebalances: group.rebalances.iter().map(Rebalance::new).collect(),
            explained: explained.map(|explained| {
                let sentence = |said: &'a super::explain::Explained| Sentence {
                    member_id: said.member.as_ref().map(yak_model::MemberId::as_str),
                    why: &said.sentence,
                };
                explained.iter().map(sentence).collect()
            }),
        }
    }
}

impl<'a> Member<'a> {
    fn new(member: &'a DescribedMember) -> Self {
        Self {
            member_id: member.member_id.as_str(),
            instance: member.instance_id.as_ref().map(yak_model::InstanceId::as_str),
            client_id: &member.client_id,
            client_host: &member.client_host,
            member_epoch: member.member_epoch,
            topics: member.topics.iter().map(TopicName::as_str).collect(),
            include: member.topic_regex.as_deref(),
            assignment: topics(&member.assignment),
            target: topics(&member.target),
            last_heard_ms: member.last_heard_ms,
        }
    }
}

fn topics(topics: &[(TopicName, Vec<PartitionIndex>)]) -> Vec<Topic<'_>> {
    let numbers =
        |partitions: &[PartitionIndex]| partitions.iter().map(|partition| partition.get()).collect();
    topics
        .iter()
        .map(|(topic, partitions)| Topic { topic: topic.as_str(), partitions: numbers(partitions) })
        .collect()
}

impl<'a> Partition<'a> {
    fn new(view: &'a GroupView, partition: &'a PartitionView) -> Self {
        let owner = partition.owner.and_then(|owner| view.group.members.get(owner));
        let committed = partition.committed.as_ref();
        Self {
            topic: partition.id.topic.as_str(),
            partition: partition.id.partition.get(),
            leader: match partition.leader {
                LeaderView::Broker(broker) => Some(broker.get()),
                LeaderView::Nobody | LeaderView::NoSuchPartition => None,
            },
            offset: partition.offset().map(yak_model::Offset::get),
            metadata: committed.map(|committed| committed.metadata.as_str()),
            commit_time: committed.map(|committed| committed.commit_time.get()),
            position: partition.position.map(yak_model::Offset::get),
            received: partition.received.map(yak_model::Offset::get),
            log_start_offset: partition.start.map(yak_model::Offset::get),
            log_end_offset: partition.end.map(yak_model::Offset::get),
            lag: partition.lag(),
            lag_ms: partition.lag_ms(view.now),
            member_id: owner.map(|member| member.member_id.as_str()),
        }
    }
}

impl<'a> Rebalance<'a> {
    fn new(rebalance: &'a RebalanceRecord) -> Self {
        Self {
            at: rebalance.at.get(),
            epoch: rebalance.epoch,
            cause: &rebalance.cause,
            took_ms: rebalance.took_ms,
            members: rebalance.members,
        }
    }
}
