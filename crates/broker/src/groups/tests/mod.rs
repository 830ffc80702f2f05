//! Coordinators within real brokers, asked by calls.

mod bounds;
mod coordinators;
mod forgetting;
mod in_flight;
mod kinds;
mod refusals;
mod resting;

use std::sync::Arc;

use bytes::Bytes;
use yak_model::api::*;
use yak_model::*;

use super::Shard;
use crate::broker::Broker;
use crate::ops;
use crate::replication::tests::rig::{Node, Rig, until};

/// Few partitions of the offsets topic, so that tests know where groups are.
const ONE_PARTITION: &str = "offsets.topic.num.partitions=1";
const ONE_REPLICA: &str = "offsets.topic.replication.factor=1";

fn group() -> GroupId {
    GroupId::new("g").expect("a name")
}

/// Finds the coordinator, which creates the topic, and waits until it has loaded.
async fn coordinator(node: &Node) -> Arc<Shard> {
    let request = FindCoordinator { group_id: group() };
    ops::find_coordinator::find_coordinator(Arc::clone(&node.broker), request).await.expect("found");
    loaded(node).await
}

/// Waits until a broker coordinates the group.
async fn loaded(node: &Node) -> Arc<Shard> {
    let is_ready = |shard: &Arc<Shard>| {
        let asked = OffsetFetch { group_id: group(), member: None, partitions: None };
        shard.offset_fetch(asked).is_ok()
    };
    until("it has loaded", || node.broker.groups.shard(&group()).is_ok_and(|shard| is_ready(&shard))).await;
    node.broker.groups.shard(&group()).expect("here")
}

/// What a new member asks for.
fn join(instance: Option<&str>) -> JoinGroup {
    JoinGroup {
        group_id: group(),
        member_id: None,
        instance_id: instance.map(|name| InstanceId::new(name).expect("a name")),
        client_id: "client".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: vec![GroupProtocol {
            name: "range".to_owned(),
            metadata: Bytes::from_static(b"I want t"),
        }],
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        requires_known_member_id: false,
        can_skip_assignment: false,
    }
}

/// What a new server-side member asks for.
fn consumer_join(member: &str) -> ConsumerGroupHeartbeat {
    ConsumerGroupHeartbeat {
        group_id: group(),
        member_id: MemberId::new(member).expect("an id"),
        member_epoch: MemberEpoch::JOIN,
        instance_id: None,
        rack_id: None,
        rebalance_timeout_ms: Some(10_000),
        subscribed_topics: Some(vec![crate::replication::tests::rig::topic()]),
        subscribed_regex: None,
        server_assignor: None,
        owned: Some(Vec::new()),
        client_id: "client".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
    }
}

fn identity(member_id: &MemberId, generation: i32) -> MemberIdentity {
    MemberIdentity {
        member_id: member_id.clone(),
        instance_id: None,
        generation_id: GenerationId::new(generation),
    }
}

/// Joins as the only member and brings an assignment.
async fn only_member(shard: &Arc<Shard>, instance: Option<&str>) -> MemberIdentity {
    let joined = shard.join_group(&join(instance)).await.expect("joined");
    let member = MemberIdentity {
        instance_id: join(instance).instance_id,
        ..identity(&joined.member_id, joined.generation_id.get())
    };
    let sync = SyncGroup {
        group_id: group(),
        member: member.clone(),
        protocol_type: None,
        protocol: None,
        assignments: vec![(joined.member_id, Bytes::from_static(b"all of t"))],
    };
    let synced = shard.sync_group(sync).await.expect("synced");
    assert_eq!(synced.assignment, "all of t");
    member
}

fn entry(topic: &TopicName, partition: i32, offset: i64) -> OffsetCommitEntry {
    OffsetCommitEntry {
        topic: topic.clone(),
        topic_id: None,
        partition: PartitionIndex::new(partition),
        offset: Offset::new(offset),
        leader_epoch: Some(LeaderEpoch::new(3)),
        metadata: "a note".to_owned(),
    }
}

/// Commits one offset of `t-0`.
async fn commit(shard: &Arc<Shard>, member: Option<MemberIdentity>, offset: i64) -> Result<(), ErrorCode> {
    let entries = vec![entry(&crate::replication::tests::rig::topic(), 0, offset)];
    let request = OffsetCommit { group_id: group(), member, entries };
    let mut results = shard.offset_commit(request).await.map_err(|rejection| rejection.code)?;
    results.pop().expect("one").map_err(|rejection| rejection.code)
}

/// Every offset that is committed.
fn committed(shard: &Arc<Shard>) -> Vec<(String, i32, i64)> {
    let request = OffsetFetch { group_id: group(), member: None, partitions: None };
    let offsets = shard.offset_fetch(request).expect("it coordinates").into_iter();
    let shown = |fetched: FetchedOffset| {
        let committed = fetched.committed.expect("committed");
        (fetched.topic.to_string(), fetched.partition.get(), committed.offset.get())
    };
    offsets.map(shown).collect()
}

async fn create(broker: &Arc<Broker>, name: &str) {
    let topic = CreateTopic {
        name: name.to_owned(),
        partitions: Some(1),
        replication_factor: Some(1),
        assignment: None,
        configs: std::collections::BTreeMap::new(),
    };
    let request = CreateTopics { topics: vec![topic], validate_only: false, timeout_ms: 10_000 };
    let created = ops::topics::create_topics(Arc::clone(broker), request).await.expect("answered");
    assert!(created.body.topics[0].is_ok());
}

async fn delete(broker: &Arc<Broker>, name: &str) {
    let topics = vec![name.parse().expect("a name")];
    let request = DeleteTopics { topics, timeout_ms: 10_000, ..DeleteTopics::default() };
    let deleted = ops::topics::delete_topics(Arc::clone(broker), request).await.expect("answered");
    assert!(deleted.body.topics[0].is_ok());
}

async fn one_broker() -> (Rig, Node, Arc<Shard>) {
    let rig = Rig::new(&[ONE_PARTITION, ONE_REPLICA]);
    let node = rig.cluster(1, 2, &[]).await.pop().expect("one");
    let shard = coordinator(&node).await;
    (rig, node, shard)
}
