//! Records of `__consumer_offsets`, as Kafka's tool prints them.

use bytes::Bytes;
use yak_kafka::consumer_protocol::{
    Assignment, Subscription, TopicPartitions, encode_assignment, encode_subscription,
};
use yak_kafka::group_records::{
    ClassicMemberMetadata, ClassicProtocol, ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataValue, ConsumerGroupPartitionMetadataValue,
    ConsumerGroupRegularExpressionValue, ConsumerGroupTargetAssignmentMemberValue,
    ConsumerGroupTargetAssignmentMetadataValue, CurrentPartitions, GroupKey, GroupMetadataValue, GroupValue,
    MemberMetadata, OffsetCommitValue, PartitionMetadata, TargetPartitions, TopicMetadata, encode_key,
    encode_value, encode_value_as,
};
use yak_model::Uuid;

use super::*;
use crate::dump_log::groups::GroupRecord;

/// A key and a value as JSON.
fn shown(key: &GroupKey, value: Option<&[u8]>) -> (String, Option<String>) {
    match GroupRecord::decode(Some(&encode_key(key)), value) {
        GroupRecord::Decoded { key, value } => {
            (String::from_utf8(key).unwrap(), value.map(|value| String::from_utf8(value).unwrap()))
        }
        other => panic!("{other:?}"),
    }
}

/// That the value's version and data are these.
fn is(value: &GroupValue, version: i16, data: &str) {
    let expected = format!(r#"{{"version":"{version}","data":{{{data}}}}}"#);
    let key = key_of(value);
    let (key, value) = shown(&key, Some(&encode_value_as(value, version)));
    assert_eq!(value, Some(expected), "{key}");
    for json in [key, value.unwrap()] {
        serde_json::from_str::<serde_json::Value>(&json).unwrap();
    }
}

fn key_of(value: &GroupValue) -> GroupKey {
    let (group_id, member_id) = ("g".to_owned(), "m".to_owned());
    match value {
        GroupValue::OffsetCommit(_) => {
            GroupKey::OffsetCommit { group_id, topic: "t".to_owned(), partition: 7 }
        }
        GroupValue::GroupMetadata(_) => GroupKey::GroupMetadata { group_id },
        GroupValue::ConsumerGroupMetadata(_) => GroupKey::ConsumerGroupMetadata { group_id },
        GroupValue::ConsumerGroupPartitionMetadata(_) => {
            GroupKey::ConsumerGroupPartitionMetadata { group_id }
        }
        GroupValue::ConsumerGroupMemberMetadata(_) => {
            GroupKey::ConsumerGroupMemberMetadata { group_id, member_id }
        }
        GroupValue::ConsumerGroupTargetAssignmentMetadata(_) => {
            GroupKey::ConsumerGroupTargetAssignmentMetadata { group_id }
        }
        GroupValue::ConsumerGroupTargetAssignmentMember(_) => {
            GroupKey::ConsumerGroupTargetAssignmentMember { group_id, member_id }
        }
        GroupValue::ConsumerGroupCurrentMemberAssignment(_) => {
            GroupKey::ConsumerGroupCurrentMemberAssignment { group_id, member_id }
        }
        GroupValue::ConsumerGroupRegularExpression(_) => {
            GroupKey::ConsumerGroupRegularExpression { group_id, regular_expression: "a.*".to_owned() }
        }
    }
}

#[test]
fn keys_are_kafkas_word_for_word() {
    let key = |value: GroupValue| shown(&key_of(&value), None).0;
    assert_eq!(
        key(GroupValue::OffsetCommit(OffsetCommitValue::default())),
        r#"{"type":"1","data":{"group":"g","topic":"t","partition":7}}"#
    );
    assert_eq!(
        key(GroupValue::GroupMetadata(GroupMetadataValue::default())),
        r#"{"type":"2","data":{"group":"g"}}"#
    );
    assert_eq!(
        key(GroupValue::ConsumerGroupMetadata(ConsumerGroupMetadataValue::default())),
        r#"{"type":"3","data":{"groupId":"g"}}"#
    );
    let member = ConsumerGroupMemberMetadataValue::default();
    assert_eq!(
        key(GroupValue::ConsumerGroupMemberMetadata(member)),
        r#"{"type":"5","data":{"groupId":"g","memberId":"m"}}"#
    );
    let topics = ConsumerGroupRegularExpressionValue::default();
    assert_eq!(
        key(GroupValue::ConsumerGroupRegularExpression(topics)),
        r#"{"type":"16","data":{"groupId":"g","regularExpression":"a.*"}}"#
    );
}

fn id() -> Uuid {
    Uuid::from_bytes([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
}

#[test]
fn offsets_have_the_fields_of_their_version() {
    let value = OffsetCommitValue {
        offset: 100,
        leader_epoch: 10,
        metadata: "a\"b".to_owned(),
        commit_timestamp: 12,
        expire_timestamp: 13,
        topic_id: id(),
    };
    let value = GroupValue::OffsetCommit(value);
    is(&value, 0, r#""offset":100,"metadata":"a\"b","commitTimestamp":12"#);
    is(&value, 1, r#""offset":100,"metadata":"a\"b","commitTimestamp":12,"expireTimestamp":13"#);
    is(&value, 3, r#""offset":100,"leaderEpoch":10,"metadata":"a\"b","commitTimestamp":12"#);
    is(
        &value,
        4,
        r#""offset":100,"leaderEpoch":10,"metadata":"a\"b","commitTimestamp":12,"topicId":"AQIDBAUGBwgJCgsMDQ4PEA""#,
    );
}

fn member(subscription: Bytes, assignment: Bytes) -> MemberMetadata {
    MemberMetadata {
        member_id: "m".to_owned(),
        group_instance_id: None,
        client_id: "c".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        rebalance_timeout: 1_000,
        session_timeout: 100,
        subscription,
        assignment,
    }
}

fn group(protocol_type: &str, member: MemberMetadata) -> GroupValue {
    GroupValue::GroupMetadata(GroupMetadataValue {
        protocol_type: protocol_type.to_owned(),
        generation: 10,
        protocol: Some("range".to_owned()),
        leader: None,
        current_state_timestamp: -1,
        members: vec![member],
    })
}

#[test]
fn what_members_of_consumers_say_is_decoded() {
    let foo = || vec![TopicPartitions { topic: "foo".to_owned(), partitions: vec![0, 2] }];
    let subscription = Subscription {
        topics: vec!["foo".to_owned()],
        user_data: Some(Bytes::from_static(b"\xff\xfe")),
        owned_partitions: foo(),
        generation_id: 9,
        rack_id: None,
    };
    let assignment = Assignment { assigned_partitions: foo(), user_data: None };
    let of = |version| {
        member(encode_subscription(&subscription, version), encode_assignment(&assignment, version))
    };
    let head = r#""protocolType":"consumer","generation":10,"protocol":"range","leader":null"#;
    let who = r#""memberId":"m","groupInstanceId":null,"clientId":"c","clientHost":"/127.0.0.1""#;
    let has = r#""assignment":{"assignedPartitions":[{"topic":"foo","partitions":[0,2]}],"userData":null}"#;
    let says = r#""subscription":{"topics":["foo"],"userData":"//4=""#;
    let owned = r#""ownedPartitions":[{"topic":"foo","partitions":[0,2]}]"#;
    for (version, says) in [
        (0, format!("{says}}}")),
        (1, format!("{says},{owned}}}")),
        (3, format!(r#"{says},{owned},"generationId":9,"rackId":null}}"#)),
    ] {
        is(
            &group("consumer", of(version)),
            3,
            &format!(
                r#"{head},"currentStateTimestamp":-1,"members":[{{{who},"rebalanceTimeout":1000,"sessionTimeout":100,{says},{has}}}]"#
            ),
        );
    }
    // Before version 3 static members have no name, before 2 states no time, before 1 rebalances no limit.
    let who = r#""memberId":"m","clientId":"c","clientHost":"/127.0.0.1""#;
    let says = format!("{says},{owned}}}");
    is(
        &group("consumer", of(1)),
        0,
        &format!(r#"{head},"members":[{{{who},"sessionTimeout":100,{says},{has}}}]"#),
    );
}

#[test]
fn what_other_members_say_is_shown_as_it_is() {
    let head = |kind: &str| {
        format!(
            r#""protocolType":"{kind}","generation":10,"protocol":"range","leader":null,"currentStateTimestamp":-1,"members":[{{"memberId":"m","groupInstanceId":null,"clientId":"c","clientHost":"/127.0.0.1","rebalanceTimeout":1000,"sessionTimeout":100"#
        )
    };
    // Connect has a protocol of its own; a subscription may be nonsense, and of a version to come.
    for (kind, bytes, base64) in [
        ("connect", &b"\0\0\0\0\0\0"[..], "AAAAAAAA"),
        ("consumer", b"Subscription", "U3Vic2NyaXB0aW9u"),
        ("consumer", b"", ""),
        ("consumer", b"\0\x04\0\0\0\0\xff\xff\xff\xff", "AAQAAAAA/////w=="),
    ] {
        is(
            &group(kind, member(Bytes::from_static(bytes), Bytes::from_static(bytes))),
            3,
            &format!(r#"{},"subscription":"{base64}","assignment":"{base64}"}}]"#, head(kind)),
        );
    }
}

#[test]
fn groups_of_kip_848_are_kafkas_word_for_word() {
    let mut value = ConsumerGroupMetadataValue { epoch: 10, ..ConsumerGroupMetadataValue::default() };
    is(&GroupValue::ConsumerGroupMetadata(value.clone()), 0, r#""epoch":10"#);
    value.metadata_hash = 5;
    is(&GroupValue::ConsumerGroupMetadata(value), 0, r#""epoch":10,"metadataHash":5"#);
    let partition = PartitionMetadata { partition: 0, racks: vec!["r".to_owned()] };
    let topic = TopicMetadata {
        topic_id: id(),
        topic_name: "t".to_owned(),
        num_partitions: 1,
        partition_metadata: vec![partition],
    };
    is(
        &GroupValue::ConsumerGroupPartitionMetadata(ConsumerGroupPartitionMetadataValue {
            topics: vec![topic],
        }),
        0,
        r#""topics":[{"topicId":"AQIDBAUGBwgJCgsMDQ4PEA","topicName":"t","numPartitions":1,"partitionMetadata":[{"partition":0,"racks":["r"]}]}]"#,
    );
    let target = ConsumerGroupTargetAssignmentMetadataValue { assignment_epoch: 4, assignment_timestamp: 0 };
    is(&GroupValue::ConsumerGroupTargetAssignmentMetadata(target), 0, r#""assignmentEpoch":4"#);
    let topics = ConsumerGroupRegularExpressionValue {
        topics: vec!["a".to_owned(), "b".to_owned()],
        version: 6,
        timestamp: 7,
    };
    is(
        &GroupValue::ConsumerGroupRegularExpression(topics),
        0,
        r#""topics":["a","b"],"version":6,"timestamp":7"#,
    );
}

#[test]
fn members_of_kip_848_are_kafkas_word_for_word() {
    let mut member = ConsumerGroupMemberMetadataValue {
        rack_id: Some("r".to_owned()),
        client_id: "c".to_owned(),
        client_host: "/h".to_owned(),
        subscribed_topic_names: vec!["t".to_owned()],
        ..ConsumerGroupMemberMetadataValue::default()
    };
    let fields = r#""instanceId":null,"rackId":"r","clientId":"c","clientHost":"/h","subscribedTopicNames":["t"],"subscribedTopicRegex":null,"rebalanceTimeoutMs":-1,"serverAssignor":null"#;
    is(&GroupValue::ConsumerGroupMemberMetadata(member.clone()), 0, fields);
    member.classic_member_metadata = None;
    let null = format!(r#"{fields},"classicMemberMetadata":null"#);
    is(&GroupValue::ConsumerGroupMemberMetadata(member.clone()), 0, &null);
    let protocol = ClassicProtocol { name: "range".to_owned(), metadata: Bytes::from_static(&[0]) };
    member.classic_member_metadata =
        Some(ClassicMemberMetadata { session_timeout_ms: 9, supported_protocols: vec![protocol] });
    is(
        &GroupValue::ConsumerGroupMemberMetadata(member),
        0,
        &format!(
            r#"{fields},"classicMemberMetadata":{{"sessionTimeoutMs":9,"supportedProtocols":[{{"name":"range","metadata":"AA=="}}]}}"#
        ),
    );
    is(
        &GroupValue::ConsumerGroupTargetAssignmentMember(ConsumerGroupTargetAssignmentMemberValue {
            topic_partitions: vec![TargetPartitions { topic_id: id(), partitions: vec![1, 2] }],
        }),
        0,
        r#""topicPartitions":[{"topicId":"AQIDBAUGBwgJCgsMDQ4PEA","partitions":[1,2]}]"#,
    );
    let current = |assignment_epochs| {
        vec![CurrentPartitions { topic_id: id(), partitions: vec![3], assignment_epochs }]
    };
    is(
        &GroupValue::ConsumerGroupCurrentMemberAssignment(ConsumerGroupCurrentMemberAssignmentValue {
            member_epoch: 4,
            previous_member_epoch: 3,
            state: 1,
            assigned_partitions: [current(None), current(Some(Vec::new()))].concat(),
            partitions_pending_revocation: current(Some(vec![2])),
        }),
        0,
        r#""memberEpoch":4,"previousMemberEpoch":3,"state":1,"assignedPartitions":[{"topicId":"AQIDBAUGBwgJCgsMDQ4PEA","partitions":[3],"assignmentEpochs":null},{"topicId":"AQIDBAUGBwgJCgsMDQ4PEA","partitions":[3]}],"partitionsPendingRevocation":[{"topicId":"AQIDBAUGBwgJCgsMDQ4PEA","partitions":[3],"assignmentEpochs":[2]}]"#,
    );
}

/// A compacted segment: an offset, its tombstone, a record of share groups, and two that are damaged.
fn with_offsets() -> (Partition, GroupKey) {
    let key = GroupKey::OffsetCommit { group_id: "g".to_owned(), topic: "t".to_owned(), partition: 7 };
    let value =
        OffsetCommitValue { offset: 5, leader_epoch: 0, commit_timestamp: 9, ..OffsetCommitValue::default() };
    let (bytes, value) = (encode_key(&key), encode_value(&GroupValue::OffsetCommit(value)));
    let of_share_groups = &b"\0\x0b\0\x01g"[..];
    let records = [
        (Some(&bytes[..]), Some(&value[..])),
        (Some(&bytes), None),
        (Some(of_share_groups), Some(b"\0\0")),
        (Some(&bytes), Some(b"\0\x09")),
        (None, Some(b"x")),
    ];
    let partition = Partition::new();
    let mut segment = Vec::new();
    for (offset, (key, value)) in (0..).step_by(3).zip(records) {
        let mut builder = BatchBuilder::new();
        builder.push(&RecordParts {
            timestamp: Some(TimestampMs::new(START)),
            key,
            value,
            ..RecordParts::default()
        });
        let mut batch = builder.finish(Compression::None, None);
        patch_base_offset(&mut batch, Offset::new(offset));
        patch_leader_epoch(&mut batch, LeaderEpoch::new(0));
        segment.extend_from_slice(&batch);
    }
    partition.segment(0, &segment);
    (partition, key)
}

#[test]
fn a_dump_with_the_decoder_says_what_each_record_is() {
    let (partition, key) = with_offsets();
    let dumped = partition.dump(|args| args.offsets_decoder = true);
    let records: Vec<_> = dumped
        .text
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.split_once("headerKeys: [] ").unwrap().1)
        .collect();
    let key = shown(&key, None).0;
    let no_version = "the value of a group: OffsetCommit: has no version 9";
    let expected = [
        format!(
            r#"key: {key} payload: {{"version":"3","data":{{"offset":5,"leaderEpoch":0,"metadata":"","commitTimestamp":9}}}}"#
        ),
        format!("key: {key} payload: <DELETE>"),
        "key: Unknown record type 11 at offset 6, skipping.".to_owned(),
        format!("key: Error at offset 9, skipping. {no_version}"),
        "key: Error at offset 12, skipping. the record of a group has no key".to_owned(),
    ];
    assert_eq!(records, expected);
    // What is not known is no damage, and gaps are none in a compacted topic.
    let problems: Vec<_> =
        dumped.problems.iter().map(|problem| problem.split_once("offset ").unwrap().1).collect();
    assert_eq!(problems, [format!("9: {no_version}"), "12: the record of a group has no key".to_owned()]);
}

#[test]
fn json_lines_have_keys_and_values_as_json() {
    let (partition, _) = with_offsets();
    let dumped = partition.dump(|args| {
        args.offsets_decoder = true;
        args.output.json = true;
    });
    let records: Vec<serde_json::Value> = dumped
        .text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &serde_json::Value| line["type"] == "record")
        .collect();
    assert_eq!(records[0]["key"]["data"]["partition"], 7);
    assert_eq!(records[0]["value"]["data"]["offset"], 5);
    assert_eq!((&records[1]["key"]["type"], &records[1]["value"]), (&"1".into(), &serde_json::Value::Null));
    // Of what cannot be decoded, the bytes.
    assert_eq!((&records[2]["value"], &records[4]["value"]), (&"\0\0".into(), &"x".into()));
}
