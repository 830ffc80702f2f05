//! A replica fetch by whoever is not the broker it says it is never works.

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use yak_model::api::{Acks, ReplicaFetch, ReplicaFetchEntry};
use yak_model::{BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionIndex, ReplicationKey, TopicId};
use yak_protocol::encode_replica_fetch_request;

use super::rig::{Node, Rig, topic, until};

/// Sends a request and gives the reply's line.
async fn ask(node: &Node, request: &ReplicaFetch) -> String {
    let mut out = bytes::BytesMut::new();
    encode_replica_fetch_request(&mut out, None, request);
    let mut stream = BufReader::new(TcpStream::connect(node.address).await.expect("it listens"));
    stream.write_all(&out).await.expect("written");
    let mut line = String::new();
    stream.read_line(&mut line).await.expect("an answer");
    line
}

#[tokio::test(flavor = "multi_thread")]
async fn without_key_and_registration_nothing_is_sent_and_nothing_counts() {
    let rig = Rig::new(&[]);
    let nodes = rig.cluster(2, 1, &[("flush", "os")]).await;
    let id = rig.leader(0).await;
    let (leader, follower) = if nodes[0].broker.id().get() == id { (0, 1) } else { (1, 0) };
    let (leader, follower) = (&nodes[leader], &nodes[follower]);
    until("both are in sync", || rig.record(0).in_sync_replicas.len() == 2).await;
    leader.produce(0, "secret", Acks::All).await.expect("acknowledged");
    let image = leader.broker.image();
    let entry = ReplicaFetchEntry {
        topic_id: image.topic(&topic()).expect("the topic").id(),
        partition: PartitionIndex::new(0),
        leader_epoch: rig.record(0).leader_epoch,
        fetch_offset: Offset::ZERO,
        last_fetched_epoch: None,
        durable_offset: Offset::ZERO,
    };
    let genuine = ReplicaFetch {
        broker_id: follower.broker.id(),
        broker_epoch: follower.broker.epoch(),
        key: rig.key,
        max_wait_ms: 0,
        max_bytes: 1024,
        attachments: false,
        entries: vec![entry],
        forget: Vec::new(),
    };
    let answer = ask(leader, &genuine).await;
    assert!(answer.contains("batches_base64"), "the genuine one works, or this test shows nothing: {answer}");
    let with_entry = |change: fn(&mut ReplicaFetchEntry)| {
        let mut forged = genuine.clone();
        change(&mut forged.entries[0]);
        forged
    };
    let stranger = BrokerId::new(9);
    let later = BrokerEpoch::new(follower.broker.epoch().get() + 1_000);
    let earlier = BrokerEpoch::new(follower.broker.epoch().get() - 1);
    let cases = [
        (
            ReplicaFetch { key: ReplicationKey::from_random([8; 16]), ..genuine.clone() },
            "CLUSTER_AUTHORIZATION_FAILED",
        ),
        (ReplicaFetch { key: ReplicationKey::default(), ..genuine.clone() }, "CLUSTER_AUTHORIZATION_FAILED"),
        (ReplicaFetch { broker_epoch: earlier, ..genuine.clone() }, "STALE_BROKER_EPOCH"),
        (ReplicaFetch { broker_epoch: later, ..genuine.clone() }, "STALE_BROKER_EPOCH"),
        (ReplicaFetch { broker_id: stranger, ..genuine.clone() }, "STALE_BROKER_EPOCH"),
        (
            ReplicaFetch {
                broker_id: leader.broker.id(),
                broker_epoch: leader.broker.epoch(),
                ..genuine.clone()
            },
            "REPLICA_NOT_AVAILABLE",
        ),
        (with_entry(|entry| entry.topic_id = TopicId::from_random([9; 16])), "UNKNOWN_TOPIC_ID"),
        (with_entry(|entry| entry.partition = PartitionIndex::new(7)), "NOT_LEADER_OR_FOLLOWER"),
        (with_entry(|entry| entry.leader_epoch = LeaderEpoch::new(99)), "UNKNOWN_LEADER_EPOCH"),
        (with_entry(|entry| entry.durable_offset = Offset::new(5)), "INVALID_REQUEST"),
        (with_entry(|entry| entry.fetch_offset = Offset::new(5)), "diverging"),
    ];
    for (forged, said) in cases {
        let answer = ask(leader, &forged).await;
        assert!(answer.contains(said), "{said}: {answer}");
        assert!(!answer.contains("batches_base64"), "{answer}");
    }
    assert_eq!(leader.broker.clients.presences().len(), 0, "nobody of these is a client");
    let produced = leader.produce(0, "more", Acks::All).await.expect("replication goes on");
    assert_eq!(produced.base_offset, Offset::new(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_with_another_key_never_is_in_sync() {
    let rig = Rig::new(&[]);
    let nodes = rig.cluster(2, 1, &[("flush", "os"), ("min.insync.replicas", "1")]).await;
    let id = rig.leader(0).await;
    let (leader, follower) = if nodes[0].broker.id().get() == id { (0, 1) } else { (1, 0) };
    let other = nodes[follower].broker.id().get();
    let mut nodes = nodes;
    let gone = nodes.remove(follower);
    rig.fence(&gone).await;
    gone.crash().await;
    let stranger = rig.start_with(other, ReplicationKey::from_random([8; 16])).await;
    let leader = if leader > follower { &nodes[leader - 1] } else { &nodes[leader] };
    for number in 0..5 {
        leader.produce(0, &format!("{number}"), Acks::All).await.expect("acknowledged by the leader alone");
    }
    assert_eq!(stranger.end(0), Offset::ZERO);
    assert_eq!(rig.record(0).in_sync_replicas.len(), 1);
}
