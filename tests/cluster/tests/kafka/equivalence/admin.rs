//! Administration: topics, partitions, records, configuration, elections.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use yak_kafka::messages::create_partitions::CreatePartitionsTopic;
use yak_kafka::messages::create_topics::{CreatableTopic, CreatableTopicConfig};
use yak_kafka::messages::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
use yak_kafka::messages::describe_configs::DescribeConfigsResource;
use yak_kafka::messages::elect_leaders::TopicPartitions;
use yak_kafka::messages::incremental_alter_configs::{AlterConfigsResource, AlterableConfig};
use yak_kafka::messages::metadata::MetadataRequestTopic;
use yak_kafka::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    DescribeConfigsRequest, DescribeConfigsResponse, ElectLeadersRequest, ElectLeadersResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, MetadataRequest, MetadataResponse,
};
use yak_model::ErrorCode;

use super::{Both, Case, code};
use crate::batch::plain;

pub(super) const CASES: &[Case] = &[
    ("create_topics", topics_that_are_created_and_refused),
    ("metadata", topics_as_they_are_described),
    ("metadata", topics_that_are_created_on_first_use),
    ("delete_topics", topics_that_are_deleted_and_refused),
    ("create_partitions", partitions_that_are_added_and_refused),
    ("delete_records", records_that_are_deleted_and_refused),
    ("describe_configs", every_value_of_topics_and_brokers),
    ("alter_configs", values_that_are_altered_and_refused),
    ("elect_leaders", elections_that_are_not_needed),
];

/// What both say of a topic that was to be created.
type Created = Result<(i64, i64), ErrorCode>;

fn topics_that_are_created_and_refused(both: &mut Both) {
    let configs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    for (name, partitions, factor, configs, validate_only) in [
        ("plain", -1, -1, configs(&[]), false),
        ("three", 3, 1, configs(&[]), false),
        ("tried", 2, 1, configs(&[]), true),
        ("set", 1, 1, configs(&[("retention.ms", "1000"), ("cleanup.policy", "delete")]), false),
        ("unknown-key", 1, 1, configs(&[("retention.msec", "1000")]), false),
        ("bad-value", 1, 1, configs(&[("retention.ms", "soon")]), false),
        ("none", 0, 1, configs(&[]), false),
        ("many", 1_000_000, 1, configs(&[]), false),
        ("factor", 1, 3, configs(&[]), false),
        ("zero-factor", 1, 0, configs(&[]), false),
        ("bad name", 1, 1, configs(&[]), false),
        ("t", 1, 1, configs(&[]), false),
    ] {
        let by_lines =
            create_by_lines(both, &format!("{name}-n"), (partitions, factor), &configs, validate_only);
        let by_kafka =
            create_by_kafka(both, &format!("{name}-k"), (partitions, factor), &configs, validate_only);
        assert_eq!(by_lines, by_kafka, "{name}");
    }
    // The same name again is the same error.
    let again = |both: &mut Both| {
        (create_by_lines(both, "t", (1, 1), &[], false), create_by_kafka(both, "t", (1, 1), &[], false))
    };
    let exists = Err(ErrorCode::TopicAlreadyExists);
    assert_eq!(again(both), (exists, exists));
}

fn create_by_lines(
    both: &mut Both,
    name: &str,
    (partitions, factor): (i32, i16),
    configs: &[(String, String)],
    validate_only: bool,
) -> Created {
    let mut topic = json!({"op": "create_topics", "topic": name, "validate_only": validate_only});
    if partitions != -1 {
        topic["partitions"] = partitions.into();
    }
    if factor != -1 {
        topic["replication_factor"] = factor.into();
    }
    if !configs.is_empty() {
        topic["configs"] = configs.iter().cloned().collect::<BTreeMap<_, _>>().into_iter().collect();
    }
    let reply = both.lines.ask(&topic.to_string());
    if let Some(code) = code(&reply["error"]) {
        return Err(code);
    }
    let created = &reply["ok"]["topics"][0];
    Ok((created["partitions"].as_i64().unwrap(), created["replication_factor"].as_i64().unwrap()))
}

fn create_by_kafka(
    both: &mut Both,
    name: &str,
    (num_partitions, replication_factor): (i32, i16),
    configs: &[(String, String)],
    validate_only: bool,
) -> Created {
    let configs = configs
        .iter()
        .map(|(name, value)| CreatableTopicConfig { name: name.clone(), value: Some(value.clone()) })
        .collect();
    let topic = CreatableTopic {
        name: name.to_owned(),
        num_partitions,
        replication_factor,
        configs,
        ..CreatableTopic::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, validate_only };
    let response: CreateTopicsResponse = both.kafka.ask(7, &request);
    let result = &response.topics[0];
    assert_eq!(result.name, name);
    assert_eq!(result.error_code.is_some(), result.error_message.is_some());
    match result.error_code {
        Some(code) => Err(code),
        None => Ok((result.num_partitions.into(), result.replication_factor.into())),
    }
}

fn metadata_by_kafka(both: &mut Both, topic: &str, create: bool) -> MetadataResponse {
    let topic = MetadataRequestTopic { name: Some(topic.to_owned()), ..MetadataRequestTopic::default() };
    let request = MetadataRequest {
        topics: Some(vec![topic]),
        allow_auto_topic_creation: create,
        ..MetadataRequest::default()
    };
    both.kafka.ask(12, &request)
}

fn metadata_by_lines(both: &mut Both, topic: &str, create: bool) -> Value {
    let line = json!({"op": "metadata", "topic": topic, "allow_auto_create": create});
    both.lines.ok(&line.to_string())
}

fn topics_as_they_are_described(both: &mut Both) {
    create_by_lines(both, "three", (3, 1), &[], false).unwrap();
    for topic in ["t", "three", "missing"] {
        let (lines, kafka) = (metadata_by_lines(both, topic, false), metadata_by_kafka(both, topic, false));
        let address =
            |broker: &Value| (broker["host"].as_str().unwrap().to_owned(), broker["port"].as_i64().unwrap());
        let told = &kafka.brokers[0];
        assert_eq!(lines["cluster_id"], json!(kafka.cluster_id));
        assert_eq!(address(&lines["brokers"][0]), (told.host.clone(), i64::from(told.port)));
        assert_eq!(kafka.controller_id, told.node_id);
        let (line, topic) = (&lines["topics"][0], &kafka.topics[0]);
        assert_eq!(code(&line["error"]), topic.error_code);
        assert_eq!(line["name"], json!(topic.name));
        if topic.error_code.is_some() {
            continue;
        }
        assert_eq!(line["topic_id"], topic.topic_id.to_string());
        assert_eq!(line["is_internal"], topic.is_internal);
        let partitions: Vec<Value> = topic
            .partitions
            .iter()
            .map(|one| {
                json!({"partition": one.partition_index, "leader": one.leader_id,
                    "leader_epoch": one.leader_epoch, "replicas": one.replica_nodes,
                    "in_sync_replicas": one.isr_nodes, "offline_replicas": one.offline_replicas})
            })
            .collect();
        assert_eq!(line["partitions"], json!(partitions));
    }
}

fn topics_that_are_created_on_first_use(both: &mut Both) {
    let (lines, kafka) = (metadata_by_lines(both, "new-n", true), metadata_by_kafka(both, "new-k", true));
    assert_eq!((code(&lines["topics"][0]["error"]), kafka.topics[0].error_code), (None, None));
    let count = lines["topics"][0]["partitions"].as_array().unwrap().len();
    assert_eq!(kafka.topics[0].partitions.len(), count);
    assert_eq!(metadata_by_kafka(both, "new-n", false).topics[0].error_code, None);
    assert_eq!(
        metadata_by_kafka(both, "bad name", true).topics[0].error_code,
        Some(ErrorCode::InvalidTopicException)
    );
    let internal = metadata_by_kafka(both, "__consumer_offsets", true).topics[0].error_code;
    let by_lines = metadata_by_lines(both, "__consumer_offsets", true);
    assert_eq!(internal, code(&by_lines["topics"][0]["error"]));
}

fn topics_that_are_deleted_and_refused(both: &mut Both) {
    for (name, exists) in [("gone", true), ("missing", false)] {
        if exists {
            create_by_lines(both, "gone-n", (1, 1), &[], false).unwrap();
            create_by_lines(both, "gone-k", (1, 1), &[], false).unwrap();
        }
        let line = json!({"op": "delete_topics", "topic": format!("{name}-n")});
        let by_lines = code(&both.lines.ask(&line.to_string())["error"]);
        let request = DeleteTopicsRequest {
            topic_names: vec![format!("{name}-k")],
            timeout_ms: 10_000,
            ..DeleteTopicsRequest::default()
        };
        let response: DeleteTopicsResponse = both.kafka.ask(5, &request);
        assert_eq!(response.responses[0].error_code, by_lines, "{name}");
        assert_eq!(by_lines.is_none(), exists);
    }
    assert_eq!(
        metadata_by_lines(both, "gone-k", false)["topics"][0]["error"]["code"],
        "UNKNOWN_TOPIC_OR_PARTITION"
    );
}

fn partitions_that_are_added_and_refused(both: &mut Both) {
    for name in ["grow-n", "grow-k"] {
        create_by_lines(both, name, (2, 1), &[], false).unwrap();
    }
    for (name, total) in
        [("grow", 2), ("grow", 1), ("grow", 0), ("grow", 5), ("grow", 1_000_000), ("missing", 3)]
    {
        let line = json!({"op": "create_partitions", "topic": format!("{name}-n"), "total": total});
        let by_lines = code(&both.lines.ask(&line.to_string())["error"]);
        let topic = CreatePartitionsTopic { name: format!("{name}-k"), count: total, assignments: None };
        let request =
            CreatePartitionsRequest { topics: vec![topic], timeout_ms: 10_000, validate_only: false };
        let response: CreatePartitionsResponse = both.kafka.ask(3, &request);
        assert_eq!(response.results[0].error_code, by_lines, "{name} to {total}");
    }
    assert_eq!(metadata_by_kafka(both, "grow-k", false).topics[0].partitions.len(), 5);
}

fn records_that_are_deleted_and_refused(both: &mut Both) {
    for name in ["less-n", "less-k"] {
        create_by_lines(both, name, (1, 1), &[], false).unwrap();
        both.kafka.produce(9, (name, 0), &mut plain(&["a", "b", "c", "d"]));
    }
    for (name, partition, before) in
        [("less", 0, 2), ("less", 0, 1), ("less", 0, 99), ("less", 0, -1), ("less", 4, 0), ("missing", 0, 0)]
    {
        let offset = if before == -1 { json!("high_watermark") } else { json!(before) };
        let line = json!({"op": "delete_records", "topic": format!("{name}-n"), "partition": partition,
            "before_offset": offset});
        let reply = both.lines.ask(&line.to_string());
        let by_lines = code(&reply["error"])
            .map_or_else(|| Ok(reply["ok"]["partitions"][0]["log_start_offset"].as_i64().unwrap()), Err);
        let partitions = vec![DeleteRecordsPartition { partition_index: partition, offset: before }];
        let topics = vec![DeleteRecordsTopic { name: format!("{name}-k"), partitions }];
        let request = DeleteRecordsRequest { topics, timeout_ms: 10_000 };
        let response: DeleteRecordsResponse = both.kafka.ask(2, &request);
        let result = &response.topics[0].partitions[0];
        let by_kafka = result.error_code.map_or(Ok(result.low_watermark), Err);
        assert_eq!(by_lines, by_kafka, "{name}-{partition} before {before}");
    }
}

/// Kafka's numbers of kinds of resources.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Of every key its value, and whether it is the default.
type Values = Result<BTreeMap<String, String>, ErrorCode>;

fn configs_by_lines(both: &mut Both, resource: &Value) -> Values {
    let mut line = resource.clone();
    line["op"] = "describe_configs".into();
    let reply = both.lines.ask(&line.to_string());
    if let Some(code) = code(&reply["error"]) {
        return Err(code);
    }
    let entries = reply["ok"]["resources"][0]["configs"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(entries
        .iter()
        .map(|entry| (text(&entry["key"]), format!("{} ({})", text(&entry["value"]), text(&entry["source"]))))
        .collect())
}

fn configs_by_kafka(both: &mut Both, resource_type: i8, name: &str) -> Values {
    let resource =
        DescribeConfigsResource { resource_type, resource_name: name.to_owned(), configuration_keys: None };
    let request = DescribeConfigsRequest { resources: vec![resource], ..DescribeConfigsRequest::default() };
    let response: DescribeConfigsResponse = both.kafka.ask(4, &request);
    let result = &response.results[0];
    if let Some(code) = result.error_code {
        return Err(code);
    }
    let source = |number| match number {
        1 => "topic",
        2 => "dynamic_broker",
        3 => "dynamic_default",
        4 => "static_broker",
        5 => "default",
        _ => "?",
    };
    let entry = |one: &yak_kafka::messages::describe_configs::DescribeConfigsResourceResult| {
        let value = one.value.clone().unwrap_or_default();
        (one.name.clone(), format!("{value} ({})", source(one.config_source)))
    };
    Ok(result.configs.iter().map(entry).collect())
}

fn every_value_of_topics_and_brokers(both: &mut Both) {
    let set = [("retention.ms".to_owned(), "1000".to_owned())];
    create_by_kafka(both, "set", (1, 1), &set, false).unwrap();
    for (line, kind, name) in [
        (json!({"topic": "t"}), TOPIC, "t"),
        (json!({"topic": "set"}), TOPIC, "set"),
        (json!({"topic": "missing"}), TOPIC, "missing"),
        (json!({"broker": 1}), BROKER, "1"),
        (json!({"broker": 7}), BROKER, "7"),
    ] {
        let (by_lines, by_kafka) = (configs_by_lines(both, &line), configs_by_kafka(both, kind, name));
        assert!(by_lines.as_ref().is_ok_and(|values| values.len() > 10) || by_lines.is_err());
        assert_eq!(by_lines, by_kafka, "{line}");
    }
}

fn values_that_are_altered_and_refused(both: &mut Both) {
    for name in ["alter-n", "alter-k"] {
        create_by_lines(both, name, (1, 1), &[], false).unwrap();
    }
    for (name, key, value) in [
        ("alter", "retention.ms", Some("5000")),
        ("alter", "segment.bytes", Some("1048576")),
        ("alter", "retention.ms", None),
        ("alter", "retention.ms", Some("soon")),
        ("alter", "no.such.key", Some("1")),
        ("missing", "retention.ms", Some("1")),
    ] {
        let line = json!({"op": "alter_configs", "topic": format!("{name}-n"), "configs": {key: value}});
        let by_lines = code(&both.lines.ask(&line.to_string())["error"]);
        let by_kafka = alter_by_kafka(both, &format!("{name}-k"), key, value);
        assert_eq!(by_lines, by_kafka, "{name} {key} {value:?}");
        if name == "alter" {
            let by_lines = configs_by_lines(both, &json!({"topic": "alter-k"}));
            assert_eq!(by_lines, configs_by_kafka(both, TOPIC, "alter-n"), "after {key} {value:?}");
        }
    }
}

fn alter_by_kafka(both: &mut Both, topic: &str, key: &str, value: Option<&str>) -> Option<ErrorCode> {
    let config = AlterableConfig {
        name: key.to_owned(),
        config_operation: if value.is_some() { 0 } else { 1 },
        value: value.map(str::to_owned),
    };
    let resource =
        AlterConfigsResource { resource_type: TOPIC, resource_name: topic.to_owned(), configs: vec![config] };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    let response: IncrementalAlterConfigsResponse = both.kafka.ask(1, &request);
    response.responses[0].error_code
}

fn elections_that_are_not_needed(both: &mut Both) {
    for (kind, number) in [("preferred", 0), ("unclean", 1)] {
        for (topic, partition) in [("t", 0), ("t", 7), ("missing", 0)] {
            let line = json!({"op": "elect_leaders", "kind": kind, "topic": topic, "partition": partition});
            let reply = both.lines.ok(&line.to_string());
            let by_lines = code(&reply["partitions"][0]["error"]);
            let topics = vec![TopicPartitions { topic: topic.to_owned(), partitions: vec![partition] }];
            let request = ElectLeadersRequest {
                election_type: number,
                topic_partitions: Some(topics),
                timeout_ms: 10_000,
            };
            let response: ElectLeadersResponse = both.kafka.ask(2, &request);
            let result = &response.replica_election_results[0].partition_result[0];
            assert_eq!((response.error_code, result.error_code), (None, by_lines), "{kind} {topic}");
        }
    }
    let all = both.lines.ok(r#"{"op":"elect_leaders","kind":"preferred"}"#);
    let request = ElectLeadersRequest { topic_partitions: None, ..ElectLeadersRequest::default() };
    let response: ElectLeadersResponse = both.kafka.ask(2, &request);
    assert_eq!(all["partitions"].as_array().unwrap().len(), response.replica_election_results.len());
}
