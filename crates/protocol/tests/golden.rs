//! Lines as they stand in `docs/protocol.md` and in other people's programs: none of them may change by accident.

use bytes::BytesMut;
use yak_model::api::*;
use yak_model::metadata::ConfigResource;
use yak_model::{
    BrokerId, ErrorCode, LeaderEpoch, Offset, PartitionIndex, ProducerEpoch, ProducerId, TimestampMs,
    TopicId, TopicName, TopicPartition, Uuid,
};
use yak_protocol::{
    Call, Deregister, Done, Hello, HelloReply, Parser, ProduceHead, ProduceLine, ReplyBody, Status,
    encode_error, encode_event, encode_fetch_request, encode_forwarded, encode_reply,
    encode_subscribe_request, encode_tail_request, parse_request,
};
use yak_record::{Compression, Header, ProducerStamp, RecordParts};

fn topic() -> TopicName {
    "orders".parse().expect("a topic")
}

fn uuid() -> Uuid {
    Uuid::from_random([0; 16])
}

const ZERO: PartitionIndex = PartitionIndex::new(0);

#[track_caller]
fn check_call(call: &impl Call, line: &str) {
    let mut out = BytesMut::new();
    call.encode_request(&mut out, None);
    assert_eq!(String::from_utf8_lossy(&out), format!("{line}\n"));
}

#[track_caller]
fn check_reply<T: ReplyBody>(body: T, line: &str) {
    let mut out = BytesMut::new();
    encode_reply(&mut out, None, &Ok(Reply::new(body)));
    assert_eq!(String::from_utf8_lossy(&out), format!("{line}\n"));
}

#[test]
fn a_change_of_a_list_is_an_object() {
    let listed = |key: &str, change| ConfigAlteration { key: key.to_owned(), change };
    check_call(
        &AlterConfigs {
            resources: vec![(
                ConfigResource::ClusterDefault,
                vec![
                    listed("a\"b", ConfigChange::Append("x,y".to_owned())),
                    listed("c", ConfigChange::Subtract("z".to_owned())),
                ],
            )],
            replace: true,
            validate_only: true,
        },
        r#"{"op":"alter_configs","resources":[{"broker":"default","configs":{"a\"b":{"append":"x,y"},"c":{"subtract":"z"}}}],"replace":true,"validate_only":true}"#,
    );
}

#[test]
fn requests_about_topics() {
    let configs = [("retention.ms".to_owned(), "1000".to_owned())].into();
    let create = CreateTopic {
        name: "orders".to_owned(),
        partitions: Some(3),
        replication_factor: Some(1),
        assignment: Some(vec![vec![BrokerId::new(1)]]),
        configs,
    };
    check_call(
        &CreateTopics { topics: vec![create], validate_only: false, timeout_ms: 5 },
        r#"{"op":"create_topics","topics":[{"name":"orders","partitions":3,"replication_factor":1,"assignment":[[1]],"configs":{"retention.ms":"1000"}}],"validate_only":false,"timeout_ms":5}"#,
    );
    check_call(
        &DeleteTopics { topics: vec![topic()], topic_ids: vec![], timeout_ms: 5 },
        r#"{"op":"delete_topics","topics":["orders"],"timeout_ms":5}"#,
    );
    check_call(
        &CreatePartitions { topic: topic(), total: 6, assignment: None, validate_only: true, timeout_ms: 5 },
        r#"{"op":"create_partitions","topic":"orders","total":6,"validate_only":true,"timeout_ms":5}"#,
    );
    let at = TopicPartition { topic: topic(), partition: ZERO };
    check_call(
        &ElectLeaders { kind: ElectionKind::Unclean, partitions: Some(vec![at]), timeout_ms: 5 },
        r#"{"op":"elect_leaders","kind":"unclean","partitions":[{"topic":"orders","partition":0}],"timeout_ms":5}"#,
    );
    check_call(
        &ElectLeaders { kind: ElectionKind::Preferred, partitions: None, timeout_ms: 5 },
        r#"{"op":"elect_leaders","kind":"preferred","timeout_ms":5}"#,
    );
    let entry = |before_offset| DeleteRecordsEntry { topic: topic(), partition: ZERO, before_offset };
    check_call(
        &DeleteRecords { entries: vec![entry(Some(Offset::new(9))), entry(None)], timeout_ms: 5 },
        r#"{"op":"delete_records","entries":[{"topic":"orders","partition":0,"before_offset":9},{"topic":"orders","partition":0,"before_offset":"high_watermark"}],"timeout_ms":5}"#,
    );
    let change = |key: &str, value: Option<&str>| ConfigAlteration {
        key: key.to_owned(),
        change: value.map_or(ConfigChange::Unset, |value| ConfigChange::Set(value.to_owned())),
    };
    check_call(
        &AlterConfigs {
            resources: vec![(
                ConfigResource::Topic(topic()),
                vec![change("retention.ms", Some("5")), change("segment.ms", None)],
            )],
            replace: false,
            validate_only: false,
        },
        r#"{"op":"alter_configs","resources":[{"topic":"orders","configs":{"retention.ms":"5","segment.ms":null}}],"validate_only":false}"#,
    );
    check_call(
        &DescribeConfigs {
            resources: vec![
                (ConfigResource::Broker(BrokerId::new(1)), None),
                (ConfigResource::ClusterDefault, Some(vec!["num.partitions".to_owned()])),
            ],
        },
        r#"{"op":"describe_configs","resources":[{"broker":1},{"broker":"default","keys":["num.partitions"]}]}"#,
    );
}

#[test]
fn requests_about_clients_and_offsets() {
    check_call(
        &Hello { protocol: (1, 1), client: Some("yak-producer/0.1".to_owned()) },
        r#"{"op":"hello","protocol":[1,1],"client":"yak-producer/0.1"}"#,
    );
    check_call(
        &Metadata { topics: None, allow_auto_create: false },
        r#"{"op":"metadata","allow_auto_create":false}"#,
    );
    check_call(&InitProducerId { current: None }, r#"{"op":"init_producer_id"}"#);
    check_call(
        &Register {
            role: ClientRole::Consumer,
            client_id: "me".to_owned(),
            topics: vec![topic()],
            group: None,
        },
        r#"{"op":"register","role":"consumer","client_id":"me","topics":["orders"]}"#,
    );
    check_call(&Deregister, r#"{"op":"deregister"}"#);
    check_call(&Status, r#"{"op":"status"}"#);
    let at = |at| ListOffsetsEntry {
        topic: topic(),
        partition: ZERO,
        leader_epoch: Some(LeaderEpoch::new(2)),
        at,
    };
    check_call(
        &ListOffsets {
            entries: vec![at(OffsetSpec::Earliest), at(OffsetSpec::Time(TimestampMs::new(5)))],
            ..ListOffsets::default()
        },
        r#"{"op":"list_offsets","entries":[{"topic":"orders","partition":0,"leader_epoch":2,"at":"earliest"},{"topic":"orders","partition":0,"leader_epoch":2,"at":{"time":5}}]}"#,
    );
}

#[test]
fn requests_for_records() {
    let mut out = BytesMut::new();
    let entry = FetchEntry {
        topic_id: None,
        topic: topic(),
        partition: ZERO,
        leader_epoch: None,
        offset: Offset::new(7),
        max_bytes: 2,
        last_fetched_epoch: None,
    };
    let fetch = Fetch {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: 3,
        isolation: Isolation::default(),
        read_from: ReadFrom::default(),
        entries: vec![entry],
    };
    encode_fetch_request(&mut out, Some(1), &fetch);
    let tail = Tail {
        topics: vec![topic()],
        partitions: None,
        from: TailStart::Last(5),
        max_records: Some(9),
        read_from: ReadFrom::Any,
        stop_at_end: true,
        json_values: true,
    };
    encode_tail_request(&mut out, None, &tail);
    assert_eq!(
        String::from_utf8_lossy(&out),
        concat!(
            r#"{"id":1,"op":"fetch","max_wait_ms":500,"min_bytes":1,"max_bytes":3,"entries":[{"topic":"orders","partition":0,"offset":7,"max_bytes":2}]}"#,
            "\n",
            r#"{"op":"tail","topics":["orders"],"from":{"last":5},"replica":"any","max_records":9,"stop_at_end":true,"values":"json"}"#,
            "\n"
        )
    );
}

#[test]
fn a_subscription() {
    let mut out = BytesMut::new();
    encode_subscribe_request(&mut out, Some(1), &Subscribe { topics: Some(vec![topic()]) });
    encode_subscribe_request(&mut out, None, &Subscribe::default());
    let metadata = MetadataReply {
        cluster_id: yak_model::ClusterId::new(uuid()),
        index: 5.into(),
        brokers: vec![],
        topics: vec![Err((topic(), Rejection::new(ErrorCode::UnknownTopicOrPartition, "gone")))],
    };
    encode_event(&mut out, &SubscriptionEvent::Metadata(metadata));
    encode_event(&mut out, &SubscriptionEvent::Alive);
    let id = uuid();
    let expected = [
        r#"{"id":1,"op":"subscribe","topics":["orders"]}"#,
        r#"{"op":"subscribe"}"#,
        &format!(
            r#"{{"event":"metadata","cluster_id":"{id}","index":5,"brokers":[],"topics":[{{"name":"orders","error":{{"code":"UNKNOWN_TOPIC_OR_PARTITION","message":"gone","retriable":true}}}}]}}"#
        ),
        r#"{"event":"alive"}"#,
    ];
    assert_eq!(String::from_utf8_lossy(&out).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_produce_line() {
    let topic = topic();
    let mut line = ProduceLine::new();
    let header = Header::new("h", Some(b"x"));
    line.push(&RecordParts { value: Some(b"plain"), ..RecordParts::default() });
    line.push(&RecordParts {
        timestamp: Some(TimestampMs::new(6)),
        key: Some(b"\xff"),
        value: None,
        headers: &[header],
    });
    assert_eq!((line.count(), line.payload_len()), (2, 8));
    let mut head = ProduceHead {
        id: Some(7),
        topic: &topic,
        partition: Some(ZERO),
        leader_epoch: Some(LeaderEpoch::new(3)),
        producer: Some(ProducerStamp {
            id: ProducerId::new(1),
            epoch: ProducerEpoch::new(0),
            base_sequence: 5.into(),
        }),
        acks: Acks::All,
        timeout_ms: 30_000,
        compression: Compression::Zstd,
        timestamp: Some(TimestampMs::new(5)),
    };
    let records = r#""records":[{"value":"plain"},{"key_base64":"/w==","value":null,"timestamp":6,"headers":[{"key":"h","value":"x"}]}]}"#;
    assert_eq!(
        String::from_utf8_lossy(line.seal(&head)),
        format!(
            "{}{records}\n",
            r#"{"id":7,"op":"produce","topic":"orders","partition":0,"leader_epoch":3,"producer_id":1,"producer_epoch":0,"base_sequence":5,"acks":"all","timeout_ms":30000,"compression":"zstd","timestamp":5,"#
        )
    );
    (head.id, head.partition, head.leader_epoch, head.producer) = (None, None, None, None);
    (head.acks, head.compression, head.timestamp) = (Acks::Leader, Compression::None, None);
    let shorter =
        format!(r#"{{"op":"produce","topic":"orders","acks":1,"timeout_ms":30000,{records}"#) + "\n";
    assert_eq!(String::from_utf8_lossy(line.seal(&head)), shorter);
}

#[test]
fn the_longest_head_of_a_produce_fits() {
    let topic: TopicName = "t".repeat(249).parse().expect("a topic");
    let mut line = ProduceLine::new();
    line.push(&RecordParts::default());
    let head = ProduceHead {
        id: Some(u64::MAX),
        topic: &topic,
        partition: Some(i32::MAX.into()),
        leader_epoch: Some(i32::MIN.into()),
        producer: Some(ProducerStamp {
            id: i64::MIN.into(),
            epoch: i16::MIN.into(),
            base_sequence: i32::MIN.into(),
        }),
        acks: Acks::All,
        timeout_ms: u32::MAX,
        compression: Compression::Snappy,
        timestamp: Some(i64::MIN.into()),
    };
    assert!(line.seal(&head).len() < 700);
}

fn produced(partition: i32, acked_by: &[i32]) -> Produced {
    Produced {
        topic: topic(),
        partition: partition.into(),
        base_offset: Offset::ZERO,
        count: 1,
        log_append_time: None,
        log_start_offset: Offset::ZERO,
        acked_by: acked_by.iter().copied().map(BrokerId::new).collect(),
        durable: true,
    }
}

#[test]
fn produce_replies() {
    check_reply(
        ProduceReply { partitions: vec![Ok(produced(0, &[1, 2, 3]))], acks: Acks::All },
        r#"{"ok":{"partitions":[{"partition":0,"base_offset":0,"count":1}],"acks":"all","acked_by":[1,2,3],"durable":true}}"#,
    );
    let stamped = Produced {
        log_append_time: Some(TimestampMs::new(5)),
        log_start_offset: Offset::new(2),
        ..produced(1, &[1])
    };
    let rejection = Rejection::new(ErrorCode::NotEnoughReplicas, "why");
    let refused =
        RefusedProduce { topic: "other".parse().expect("a topic"), partition: Some(ZERO), rejection };
    check_reply(
        ProduceReply {
            partitions: vec![Ok(stamped), Err(refused.clone()), Ok(produced(2, &[2]))],
            acks: Acks::Leader,
        },
        concat!(
            r#"{"ok":{"partitions":[{"topic":"orders","partition":1,"base_offset":0,"count":1,"log_append_time":5,"log_start_offset":2,"acked_by":[1],"durable":true},"#,
            r#"{"topic":"other","partition":0,"error":{"code":"NOT_ENOUGH_REPLICAS","message":"why","retriable":true}},"#,
            r#"{"topic":"orders","partition":2,"base_offset":0,"count":1,"acked_by":[2],"durable":true}],"acks":1}}"#
        ),
    );
    check_reply(
        ProduceReply { partitions: vec![Err(refused)], acks: Acks::All },
        r#"{"error":{"code":"NOT_ENOUGH_REPLICAS","message":"why","retriable":true}}"#,
    );
}

#[test]
fn errors() {
    let leader = LeaderHint {
        broker_id: BrokerId::new(2),
        leader_epoch: LeaderEpoch::new(4),
        host: "localhost".to_owned(),
        port: 9093,
    };
    let rejection = Rejection::new(ErrorCode::NotLeaderOrFollower, "broker 2 leads orders-0")
        .with_leader(leader)
        .retry_after(50);
    let mut out = BytesMut::new();
    encode_error(&mut out, Some(&yak_protocol::RequestId::number(7)), &rejection);
    assert_eq!(
        String::from_utf8_lossy(&out),
        concat!(
            r#"{"id":7,"error":{"code":"NOT_LEADER_OR_FOLLOWER","message":"broker 2 leads orders-0","retriable":true,"#,
            r#""leader":{"broker_id":2,"leader_epoch":4,"host":"localhost","port":9093},"retry_after_ms":50}}"#,
            "\n"
        )
    );
}

#[test]
fn other_replies() {
    check_reply(
        HelloReply {
            protocol: 1,
            server: "yak-broker/0.1.0".to_owned(),
            broker_id: BrokerId::new(1),
            cluster_id: uuid().to_string().parse().expect("an id"),
        },
        r#"{"ok":{"protocol":1,"server":"yak-broker/0.1.0","broker_id":1,"cluster_id":"AAAAAAAAQACAAAAAAAAAAA"}}"#,
    );
    check_reply(Done, r#"{"ok":{}}"#);
    check_reply(
        CreateTopicsReply {
            topics: vec![
                Ok(CreatedTopic {
                    name: topic(),
                    topic_id: TopicId::new(uuid()),
                    partitions: 3,
                    replication_factor: 1,
                    similar: None,
                }),
                Err(("a b".to_owned(), Rejection::new(ErrorCode::InvalidTopicException, "why"))),
            ],
        },
        r#"{"ok":{"topics":[{"name":"orders","topic_id":"AAAAAAAAQACAAAAAAAAAAA","partitions":3,"replication_factor":1},{"name":"a b","error":{"code":"INVALID_TOPIC_EXCEPTION","message":"why","retriable":false}}]}}"#,
    );
    // The only entry stays an entry: it may stand for a whole cluster.
    let not_needed = Rejection::new(ErrorCode::ElectionNotNeeded, "why");
    let at = TopicPartition { topic: topic(), partition: ZERO };
    check_reply(
        ElectLeadersReply { partitions: vec![(at, Err(not_needed))] },
        r#"{"ok":{"partitions":[{"topic":"orders","partition":0,"error":{"code":"ELECTION_NOT_NEEDED","message":"why","retriable":true}}]}}"#,
    );
    let offset = |offset: Option<i64>| {
        Ok(ListedOffset {
            topic: topic(),
            partition: ZERO,
            offset: offset.map(Offset::new),
            timestamp: None,
            leader_epoch: None,
        })
    };
    check_reply(
        ListOffsetsReply { partitions: vec![offset(Some(3)), offset(None)] },
        r#"{"ok":{"partitions":[{"topic":"orders","partition":0,"offset":3},{"topic":"orders","partition":0,"offset":null}]}}"#,
    );
    let mut out = BytesMut::new();
    encode_reply(&mut out, None, &Ok(Reply { body: RegisterReply { registration: 4 }, throttle_ms: 20 }));
    assert_eq!(&out[..], b"{\"ok\":{\"registration\":4},\"throttle_ms\":20}\n");
}

#[test]
fn a_forwarded_line_says_by_whom_and_only_some_operations_are_forwarded() {
    let by = ForwardedBy {
        broker_id: BrokerId::new(3),
        broker_epoch: 9.into(),
        key: yak_model::ReplicationKey::from_random([0; 16]),
        attachments: true,
    };
    let entry = ListOffsetsEntry {
        topic: topic(),
        partition: ZERO,
        leader_epoch: Some(4.into()),
        at: OffsetSpec::Latest,
    };
    let request = ListOffsets { entries: vec![entry], ..ListOffsets::default() };
    let (mut line, mut out) = (BytesMut::new(), BytesMut::new());
    request.encode_request(&mut line, None);
    encode_forwarded(&mut out, &by, &line);
    let text = String::from_utf8(out.to_vec()).expect("text");
    let start = r#"{"forwarded_by":{"broker_id":3,"broker_epoch":9,"key":"AAAAAAAAQACAAAAAAAAAAA","attachments":true},"op":"list_offsets","#;
    assert!(text.starts_with(start), "{text}");
    let parse = |line: &str| parse_request(line.as_bytes(), TimestampMs::new(1), &mut Parser::new());
    let envelope = parse(&text).expect("a request");
    assert_eq!(envelope.forwarded_by, Some(by));
    assert_eq!(envelope.request, yak_protocol::Request::ListOffsets(request));
    for (line, message) in [
        (r#"{"op":"metadata","forwarded_by":{}}"#, "forwarded_by"),
        (r#"{"op":"fetch","topic":"t","partition":0,"offset":0,"forwarded_by":3}"#, "forwarded_by"),
        (
            r#"{"op":"fetch","topic":"t","partition":0,"offset":0,"forwarded_by":{"broker_id":1,"broker_epoch":2}}"#,
            "key",
        ),
        (
            r#"{"op":"fetch","topic":"t","partition":0,"offset":0,"forwarded_by":{"broker_id":1,"broker_epoch":2,"key":"x"}}"#,
            "forwarded_by.key",
        ),
    ] {
        let bad = parse(line).expect_err("refused");
        assert_eq!(bad.rejection.code, ErrorCode::InvalidRequest, "{line}");
        assert!(bad.rejection.message.contains(message), "{line}: {}", bad.rejection.message);
    }
}
