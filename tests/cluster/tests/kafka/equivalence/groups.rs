//! Groups: coordinators, commits, membership of the server-side model, and what tools ask.

use serde_json::{Value, json};
use yak_kafka::messages::consumer_group_heartbeat::TopicPartitions;
use yak_kafka::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use yak_kafka::messages::offset_delete::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use yak_kafka::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use yak_kafka::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse, DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest,
    DescribeGroupsResponse, FindCoordinatorRequest, FindCoordinatorResponse, ListGroupsRequest,
    ListGroupsResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
    OffsetFetchRequest, OffsetFetchResponse,
};
use yak_model::ErrorCode;
use yak_testkit::wait_for;

use super::{Both, Case, code};

pub(super) const CASES: &[Case] = &[
    ("find_coordinator", the_coordinator_of_a_group),
    ("offset_commit", commits_that_are_stored_and_refused),
    ("offset_fetch", commits_as_they_are_told),
    ("offset_delete", commits_that_are_forgotten_and_not),
    ("consumer_group_heartbeat", members_that_join_live_and_leave),
    ("list_groups", groups_as_they_are_listed),
    ("describe_groups", groups_as_they_are_described),
    ("delete_groups", groups_that_are_deleted_and_not),
];

/// Where the coordinator is, by Kafka's protocol and by NDJSON.
fn coordinator(both: &mut Both, group: &str) -> ((i32, String, i32), (i32, String, i32)) {
    let request = FindCoordinatorRequest {
        coordinator_keys: vec![group.to_owned()],
        ..FindCoordinatorRequest::default()
    };
    let response: FindCoordinatorResponse = both.kafka.ask(6, &request);
    let one = &response.coordinators[0];
    assert_eq!(one.error_code, None);
    let told = &both.lines.ok(&json!({"op": "find_coordinator", "group": group}).to_string())["coordinator"];
    let number = |field: &Value| i32::try_from(field.as_i64().unwrap()).unwrap();
    let by_lines =
        (number(&told["broker_id"]), told["host"].as_str().unwrap().to_owned(), number(&told["port"]));
    ((one.node_id, one.host.clone(), one.port), by_lines)
}

/// Until it has loaded, too.
fn ready(both: &mut Both, group: &str) {
    coordinator(both, group);
    let line = json!({"op": "offset_fetch", "group": group}).to_string();
    wait_for("the coordinator has loaded", || both.lines.ask(&line)["ok"].is_object().then_some(()));
}

fn the_coordinator_of_a_group(both: &mut Both) {
    for group in ["g", "another", "\u{fc}ber"] {
        let (by_kafka, by_lines) = coordinator(both, group);
        assert_eq!(by_kafka, by_lines, "{group}");
    }
    let empty = both.lines.ask(r#"{"op":"find_coordinator","group":""}"#);
    assert_eq!(code(&empty["error"]), Some(ErrorCode::InvalidRequest), "a line is read more strictly");
    let request =
        FindCoordinatorRequest { coordinator_keys: vec![String::new()], ..FindCoordinatorRequest::default() };
    let response: FindCoordinatorResponse = both.kafka.ask(6, &request);
    assert_eq!(response.coordinators[0].error_code, Some(ErrorCode::InvalidGroupId));
}

/// What both are asked to commit: topic, partition, offset, text.
fn commits() -> Vec<(&'static str, i32, i64, String)> {
    vec![
        ("t", 0, 7, "a note".to_owned()),
        ("t", 5, 7, String::new()),
        ("missing", 0, 1, String::new()),
        ("t", 0, 9, "x".repeat(5_000)),
    ]
}

fn commit_by_kafka(
    both: &mut Both,
    group: &str,
    commits: &[(&str, i32, i64, String)],
) -> Vec<Option<ErrorCode>> {
    let topic = |(name, partition, offset, text): &(&str, i32, i64, String)| OffsetCommitRequestTopic {
        name: (*name).to_owned(),
        partitions: vec![OffsetCommitRequestPartition {
            partition_index: *partition,
            committed_offset: *offset,
            committed_leader_epoch: 0,
            committed_metadata: Some(text.clone()),
        }],
    };
    let request = OffsetCommitRequest {
        group_id: group.to_owned(),
        topics: commits.iter().map(topic).collect(),
        ..OffsetCommitRequest::default()
    };
    let response: OffsetCommitResponse = both.kafka.ask(9, &request);
    response.topics.iter().map(|topic| topic.partitions[0].error_code).collect()
}

fn commit_by_lines(
    both: &mut Both,
    group: &str,
    commits: &[(&str, i32, i64, String)],
) -> Vec<Option<ErrorCode>> {
    let offset = |(topic, partition, offset, text): &(&str, i32, i64, String)| json!({"topic": topic, "partition": partition, "offset": offset, "leader_epoch": 0, "metadata": text});
    let offsets: Vec<Value> = commits.iter().map(offset).collect();
    let reply =
        both.lines.ok(&json!({"op": "offset_commit", "group": group, "offsets": offsets}).to_string());
    let results = reply["results"].as_array().unwrap();
    results.iter().map(|result| code(&result["error"])).collect()
}

fn commits_that_are_stored_and_refused(both: &mut Both) {
    ready(both, "g");
    let by_kafka = commit_by_kafka(both, "k", &commits());
    let by_lines = commit_by_lines(both, "n", &commits());
    assert_eq!(by_kafka, by_lines);
    let unknown = Some(ErrorCode::UnknownTopicOrPartition);
    assert_eq!(by_kafka, [None, unknown, unknown, Some(ErrorCode::OffsetMetadataTooLarge)]);
    // What one has stored the other is told.
    assert_eq!(fetched_by_lines(both, "k"), fetched_by_kafka(both, "n"));
}

/// Topic, partition, offset, leader epoch, text.
type Told = (String, i32, Option<i64>, i64, String);

fn fetched_by_kafka(both: &mut Both, group: &str) -> Vec<Told> {
    ask_by_kafka(both, group, None)
}

fn ask_by_kafka(both: &mut Both, group: &str, partitions: Option<Vec<i32>>) -> Vec<Told> {
    let topics = partitions
        .map(|partition_indexes| vec![OffsetFetchRequestTopics { name: "t".to_owned(), partition_indexes }]);
    let group =
        OffsetFetchRequestGroup { group_id: group.to_owned(), topics, ..OffsetFetchRequestGroup::default() };
    let request = OffsetFetchRequest { groups: vec![group], ..OffsetFetchRequest::default() };
    let response: OffsetFetchResponse = both.kafka.ask(9, &request);
    assert_eq!(response.groups[0].error_code, None);
    let told = response.groups[0].topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| {
            let offset = Some(partition.committed_offset).filter(|offset| *offset >= 0);
            let text = partition.metadata.clone().unwrap();
            let epoch = i64::from(partition.committed_leader_epoch);
            (topic.name.clone(), partition.partition_index, offset, epoch, text)
        })
    });
    told.collect()
}

fn fetched_by_lines(both: &mut Both, group: &str) -> Vec<Told> {
    ask_by_lines(both, group, None)
}

fn ask_by_lines(both: &mut Both, group: &str, partitions: Option<Vec<i32>>) -> Vec<Told> {
    let mut request = json!({"op": "offset_fetch", "group": group});
    if let Some(partitions) = partitions {
        let place = |partition| json!({"topic": "t", "partition": partition});
        request["partitions"] = partitions.into_iter().map(place).collect();
    }
    let reply = both.lines.ok(&request.to_string());
    let told = reply["offsets"].as_array().unwrap().iter().map(|one| {
        let partition = i32::try_from(one["partition"].as_i64().unwrap()).unwrap();
        let text = one["metadata"].as_str().unwrap_or_default().to_owned();
        let epoch = one["leader_epoch"].as_i64().unwrap_or(-1);
        (one["topic"].as_str().unwrap().to_owned(), partition, one["offset"].as_i64(), epoch, text)
    });
    told.collect()
}

fn commits_as_they_are_told(both: &mut Both) {
    ready(both, "g");
    commit_by_lines(both, "g", &commits()[..1]);
    let expected = [("t".to_owned(), 0, Some(7), 0, "a note".to_owned())];
    assert_eq!(fetched_by_kafka(both, "g"), expected);
    assert_eq!(fetched_by_lines(both, "g"), expected);
    let wanted = || Some(vec![3, 0]);
    let (by_kafka, by_lines) = (ask_by_kafka(both, "g", wanted()), ask_by_lines(both, "g", wanted()));
    assert_eq!(by_kafka, by_lines, "what is asked for, in its order, committed or not");
    assert_eq!((by_kafka[0].2, by_kafka[1].2), (None, Some(7)));
    assert_eq!(fetched_by_kafka(both, "nobody"), fetched_by_lines(both, "nobody"));
}

fn commits_that_are_forgotten_and_not(both: &mut Both) {
    ready(both, "g");
    commit_by_lines(both, "k", &commits()[..1]);
    commit_by_lines(both, "n", &commits()[..1]);
    let by_kafka = |both: &mut Both, group: &str| {
        let partitions = vec![OffsetDeleteRequestPartition { partition_index: 0 }];
        let topics = vec![OffsetDeleteRequestTopic { name: "t".to_owned(), partitions }];
        let request = OffsetDeleteRequest { group_id: group.to_owned(), topics };
        let response: OffsetDeleteResponse = both.kafka.ask(0, &request);
        let of_partition = response.topics.first().and_then(|topic| topic.partitions[0].error_code);
        response.error_code.or(of_partition)
    };
    let by_lines = |both: &mut Both, group: &str| {
        let partitions = json!([{"topic": "t", "partition": 0}]);
        let line = json!({"op": "offset_delete", "group": group, "partitions": partitions}).to_string();
        let reply = both.lines.ask(&line);
        code(&reply["error"]).or_else(|| code(&reply["ok"]["results"][0]["error"]))
    };
    assert_eq!((by_kafka(both, "k"), by_lines(both, "n")), (None, None));
    assert_eq!((fetched_by_kafka(both, "k"), fetched_by_lines(both, "n")), (vec![], vec![]));
    let unknown = Some(ErrorCode::GroupIdNotFound);
    assert_eq!((by_kafka(both, "nobody"), by_lines(both, "nobody")), (unknown, unknown));
    for (group, member) in [("k", "a"), ("n", "b")] {
        join_by_lines(both, group, member);
    }
    let subscribed = Some(ErrorCode::GroupSubscribedToTopic);
    assert_eq!((by_kafka(both, "k"), by_lines(both, "n")), (subscribed, subscribed));
}

fn beat_by_kafka(
    both: &mut Both,
    member: (&str, i32),
    topics: Option<&str>,
) -> ConsumerGroupHeartbeatResponse {
    let request = ConsumerGroupHeartbeatRequest {
        group_id: "g-kafka".to_owned(),
        member_id: member.0.to_owned(),
        member_epoch: member.1,
        rebalance_timeout_ms: 5_000,
        subscribed_topic_names: topics.map(|topic| vec![topic.to_owned()]),
        topic_partitions: topics.map(|_| Vec::<TopicPartitions>::new()),
        ..ConsumerGroupHeartbeatRequest::default()
    };
    both.kafka.ask(1, &request)
}

fn join_by_lines(both: &mut Both, group: &str, member: &str) -> Value {
    let line = json!({"op": "consumer_group_heartbeat", "group": group, "member_id": member, "member_epoch": 0,
        "topics": ["t"], "owned": [], "rebalance_timeout_ms": 5_000});
    both.lines.ok(&line.to_string())
}

fn members_that_join_live_and_leave(both: &mut Both) {
    ready(both, "g-kafka");
    let by_kafka = beat_by_kafka(both, ("m", 0), Some("t"));
    let by_lines = join_by_lines(both, "g-lines", "m");
    let partitions: Vec<i32> = by_kafka.assignment.unwrap().topic_partitions[0].partitions.clone();
    assert_eq!(json!(partitions), by_lines["assignment"][0]["partitions"]);
    assert_eq!(json!(by_kafka.member_epoch), by_lines["member_epoch"]);
    assert_eq!(json!(by_kafka.heartbeat_interval_ms), by_lines["heartbeat_interval_ms"]);
    for (epoch, expected) in [
        (1, None),
        (5, Some(ErrorCode::FencedMemberEpoch)),
        (-7, Some(ErrorCode::InvalidRequest)),
        (-1, None),
    ] {
        let by_kafka = beat_by_kafka(both, ("m", epoch), None).error_code;
        let line = json!({"op": "consumer_group_heartbeat", "group": "g-lines", "member_id": "m", "member_epoch": epoch});
        let reply = both.lines.ask(&line.to_string());
        assert_eq!((by_kafka, code(&reply["error"])), (expected, expected), "epoch {epoch}: {reply}");
    }
}

/// A group with commits alone, one with a member.
fn two_groups(both: &mut Both) {
    ready(both, "g");
    commit_by_lines(both, "commits", &commits()[..1]);
    join_by_lines(both, "members", "m");
}

fn groups_as_they_are_listed(both: &mut Both) {
    two_groups(both);
    for (states, kinds) in
        [(vec![], vec![]), (vec!["Stable"], vec![]), (vec![], vec!["classic"]), (vec!["Dead"], vec![])]
    {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let request = ListGroupsRequest { states_filter: owned(&states), types_filter: owned(&kinds) };
        let response: ListGroupsResponse = both.kafka.ask(5, &request);
        let mut by_kafka: Vec<_> = response
            .groups
            .into_iter()
            .map(|group| (group.group_id, group.protocol_type, group.group_state, group.group_type))
            .collect();
        by_kafka.sort();
        let line = json!({"op": "list_groups", "states": states, "kinds": kinds});
        let reply = both.lines.ok(&line.to_string());
        let text = |group: &Value, field: &str| group[field].as_str().unwrap().to_owned();
        let groups = reply["groups"].as_array().unwrap().iter();
        let by_lines: Vec<_> = groups
            .map(|group| {
                (
                    text(group, "group"),
                    text(group, "protocol_type"),
                    text(group, "state"),
                    text(group, "kind"),
                )
            })
            .collect();
        assert_eq!(by_kafka, by_lines, "{states:?} {kinds:?}");
    }
}

fn groups_as_they_are_described(both: &mut Both) {
    two_groups(both);
    let line = json!({"op": "describe_groups", "groups": ["commits", "members", "nobody"]});
    let by_lines = both.lines.ok(&line.to_string());
    let request = DescribeGroupsRequest {
        groups: vec!["commits".to_owned(), "nobody".to_owned()],
        ..DescribeGroupsRequest::default()
    };
    let classic: DescribeGroupsResponse = both.kafka.ask(6, &request);
    assert_eq!(json!(classic.groups[0].group_state), by_lines["groups"][0]["state"]);
    assert_eq!(classic.groups[0].members.len(), by_lines["groups"][0]["members"].as_array().unwrap().len());
    assert_eq!(classic.groups[1].error_code, code(&by_lines["groups"][2]["error"]));
    assert_eq!(classic.groups[1].error_code, Some(ErrorCode::GroupIdNotFound));
    let request = ConsumerGroupDescribeRequest {
        group_ids: vec!["members".to_owned()],
        ..ConsumerGroupDescribeRequest::default()
    };
    let response: ConsumerGroupDescribeResponse = both.kafka.ask(1, &request);
    let (group, told) = (&response.groups[0], &by_lines["groups"][1]);
    assert_eq!(json!(group.group_state), told["state"]);
    assert_eq!(
        (json!(group.group_epoch), json!(group.assignment_epoch)),
        (told["epoch"].clone(), told["assignment_epoch"].clone())
    );
    assert_eq!(json!(group.assignor_name), told["assignor"]);
    assert_eq!(json!(group.members[0].member_id), told["members"][0]["member_id"]);
    assert_eq!(json!(group.members[0].member_epoch), told["members"][0]["member_epoch"]);
    assert_eq!(json!(group.members[0].subscribed_topic_names), told["members"][0]["topics"]);
}

fn groups_that_are_deleted_and_not(both: &mut Both) {
    two_groups(both);
    commit_by_lines(both, "more", &commits()[..1]);
    let mut by_kafka = |group: &str| {
        let request = DeleteGroupsRequest { groups_names: vec![group.to_owned()] };
        let response: DeleteGroupsResponse = both.kafka.ask(2, &request);
        response.results[0].error_code
    };
    let by_kafka = [by_kafka("commits"), by_kafka("members"), by_kafka("nobody")];
    let mut by_lines = |group: &str| {
        let reply = both.lines.ask(&json!({"op": "delete_groups", "groups": [group]}).to_string());
        code(&reply["error"]).or_else(|| code(&reply["ok"]["results"][0]["error"]))
    };
    let by_lines = [by_lines("more"), by_lines("members"), by_lines("nobody")];
    assert_eq!(by_kafka, by_lines);
    assert_eq!(by_kafka, [None, Some(ErrorCode::NonEmptyGroup), Some(ErrorCode::GroupIdNotFound)]);
}
