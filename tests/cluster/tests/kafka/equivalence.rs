//! Two protocols, one set of operations: what is asked by NDJSON and by Kafka's protocol is answered alike.
//!
//! Each case asks both, of things that are alike, and compares what both can say. Which operations both have is in a
//! table, and every API that is served must be in it.

mod admin;
mod data;
mod groups;

use serde_json::Value;
use yak_kafka::{APIS, ApiKey};
use yak_model::ErrorCode;
use yak_testkit::{KafkaSocket, Socket};

use crate::Setting;

/// Why there is no NDJSON of it.
const OF_CLASSIC_MEMBERS: &str =
    "members that speak NDJSON are the coordinator's to assign, over a group_stream";

/// An API, and the NDJSON operation that does the same; or why there is none.
const TABLE: &[(ApiKey, Result<&str, &str>)] = &[
    (ApiKey::Produce, Ok("produce")),
    (ApiKey::Fetch, Ok("fetch")),
    (ApiKey::ListOffsets, Ok("list_offsets")),
    (ApiKey::Metadata, Ok("metadata")),
    (ApiKey::OffsetCommit, Ok("offset_commit")),
    (ApiKey::OffsetFetch, Ok("offset_fetch")),
    (ApiKey::FindCoordinator, Ok("find_coordinator")),
    (ApiKey::JoinGroup, Err(OF_CLASSIC_MEMBERS)),
    (ApiKey::Heartbeat, Err(OF_CLASSIC_MEMBERS)),
    (ApiKey::LeaveGroup, Err(OF_CLASSIC_MEMBERS)),
    (ApiKey::SyncGroup, Err(OF_CLASSIC_MEMBERS)),
    (ApiKey::DescribeGroups, Ok("describe_groups")),
    (ApiKey::ListGroups, Ok("list_groups")),
    (ApiKey::ApiVersions, Err("NDJSON has one version, and hello")),
    (ApiKey::CreateTopics, Ok("create_topics")),
    (ApiKey::DeleteTopics, Ok("delete_topics")),
    (ApiKey::DeleteRecords, Ok("delete_records")),
    (ApiKey::InitProducerId, Ok("init_producer_id")),
    (ApiKey::OffsetForLeaderEpoch, Err("followers have replica_fetch for it")),
    (ApiKey::DescribeConfigs, Ok("describe_configs")),
    (ApiKey::AlterConfigs, Err("NDJSON alters key by key")),
    (ApiKey::DescribeLogDirs, Err("NDJSON has status")),
    (ApiKey::CreatePartitions, Ok("create_partitions")),
    (ApiKey::DeleteGroups, Ok("delete_groups")),
    (ApiKey::ElectLeaders, Ok("elect_leaders")),
    (ApiKey::IncrementalAlterConfigs, Ok("alter_configs")),
    (ApiKey::ListPartitionReassignments, Err("NDJSON has metadata")),
    (ApiKey::OffsetDelete, Ok("offset_delete")),
    (ApiKey::DescribeCluster, Err("NDJSON has metadata")),
    (ApiKey::DescribeProducers, Err("NDJSON has status")),
    (ApiKey::ConsumerGroupHeartbeat, Ok("consumer_group_heartbeat")),
    (ApiKey::ConsumerGroupDescribe, Err("NDJSON has describe_groups for groups of both kinds")),
    (ApiKey::DescribeTopicPartitions, Err("NDJSON has metadata")),
];

/// A broker, asked by both protocols.
struct Both {
    lines: Socket,
    kafka: KafkaSocket,
    _setting: Setting,
}

impl Both {
    fn new() -> Self {
        // One coordinator for all groups: what one of them is asked shows that it has loaded.
        let setting = Setting::with(&[("offsets.topic.num.partitions", "1")]);
        Self { lines: setting.broker.connect(), kafka: setting.broker.connect_kafka(), _setting: setting }
    }
}

/// The code of an NDJSON error, wherever it stands.
fn code(error: &Value) -> Option<ErrorCode> {
    error["code"].as_str().and_then(ErrorCode::from_name)
}

/// What is compared of an operation.
type Case = (&'static str, fn(&mut Both));

fn cases() -> impl Iterator<Item = &'static Case> {
    admin::CASES.iter().chain(data::CASES).chain(groups::CASES)
}

#[test]
fn every_api_is_compared_or_says_why_not() {
    let served: Vec<_> = APIS.iter().map(|api| api.key).collect();
    let listed: Vec<_> = TABLE.iter().map(|(key, _)| *key).collect();
    assert_eq!(listed, served);
    let compared: Vec<_> = TABLE.iter().filter_map(|(_, operation)| operation.ok()).collect();
    let cases: Vec<_> = cases().map(|(operation, _)| *operation).collect();
    for operation in &compared {
        assert!(cases.contains(operation), "{operation} is compared nowhere");
    }
    for case in &cases {
        assert!(compared.contains(case), "{case} is in no row of the table");
    }
}

#[test]
fn both_protocols_do_the_same() {
    for (operation, case) in cases() {
        eprintln!("{operation}");
        case(&mut Both::new());
    }
}
