//! What only Kafka's protocol has of administration: versions, ids, pages, assignments.

use yak_kafka::messages::create_topics::{CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig};
use yak_kafka::messages::delete_topics::DeleteTopicState;
use yak_kafka::messages::describe_topic_partitions::{Cursor, TopicRequest};
use yak_kafka::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use yak_kafka::messages::metadata::MetadataRequestTopic;
use yak_kafka::messages::{
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, ListOffsetsRequest, ListOffsetsResponse,
    MetadataRequest, MetadataResponse,
};
use yak_model::{ErrorCode, Uuid};

use crate::Setting;

fn named(name: &str) -> MetadataRequestTopic {
    MetadataRequestTopic { name: Some(name.to_owned()), ..MetadataRequestTopic::default() }
}

#[test]
fn metadata_of_all_topics_of_some_and_of_none() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let mut count = |version, topics: Option<Vec<MetadataRequestTopic>>| {
        let request =
            MetadataRequest { topics, allow_auto_topic_creation: false, ..MetadataRequest::default() };
        let response: MetadataResponse = socket.ask(version, &request);
        assert_eq!((response.brokers.len(), response.brokers[0].node_id), (1, 1));
        response.topics.len()
    };
    // Version 0 has no null: the empty list is all.
    assert_eq!(count(0, Some(Vec::new())), 1);
    for version in 1..=13 {
        assert_eq!(count(version, None), 1, "null is all, version {version}");
        assert_eq!(count(version, Some(Vec::new())), 0, "empty is none, version {version}");
        assert_eq!(count(version, Some(vec![named("t")])), 1);
    }
    assert_eq!(
        count(4, Some(vec![named("t"), named("missing"), named("t")])),
        2,
        "each once, and none left out"
    );
}

#[test]
fn metadata_by_id_and_what_a_client_may_do() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let all = MetadataRequest { topics: None, ..MetadataRequest::default() };
    let response: MetadataResponse = socket.ask(10, &all);
    let topic = &response.topics[0];
    assert_eq!(
        (topic.topic_authorized_operations, response.cluster_authorized_operations),
        (i32::MIN, i32::MIN)
    );
    let by_id = |topic_id| MetadataRequestTopic { topic_id, name: None };
    let request = MetadataRequest {
        topics: Some(vec![by_id(topic.topic_id), by_id(Uuid::from_bytes([5; 16]))]),
        include_topic_authorized_operations: true,
        ..MetadataRequest::default()
    };
    let response: MetadataResponse = socket.ask(12, &request);
    let (found, unknown) = (&response.topics[0], &response.topics[1]);
    assert_eq!(
        (found.name.as_deref(), found.error_code, found.topic_authorized_operations),
        (Some("t"), None, 3576)
    );
    assert_eq!((unknown.name.as_deref(), unknown.error_code), (None, Some(ErrorCode::UnknownTopicId)));
    assert_eq!(unknown.topic_id, Uuid::from_bytes([5; 16]));
    let request = MetadataRequest { include_cluster_authorized_operations: true, ..all };
    let response: MetadataResponse = socket.ask(8, &request);
    assert_eq!(response.cluster_authorized_operations, 8096);
}

fn create(
    socket: &mut yak_testkit::KafkaSocket,
    version: i16,
    topic: CreatableTopic,
) -> CreateTopicsResponse {
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, validate_only: false };
    socket.ask(version, &request)
}

fn assigned(name: &str, partitions: &[(i32, i32)]) -> CreatableTopic {
    let assignments = partitions
        .iter()
        .map(|(partition_index, broker)| CreatableReplicaAssignment {
            partition_index: *partition_index,
            broker_ids: vec![*broker],
        })
        .collect();
    CreatableTopic {
        name: name.to_owned(),
        num_partitions: -1,
        replication_factor: -1,
        assignments,
        ..CreatableTopic::default()
    }
}

#[test]
fn topics_are_created_by_assignment_which_must_be_whole() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let mut code = |topic| create(&mut socket, 7, topic).topics[0].error_code;
    assert_eq!(code(assigned("a", &[(1, 1), (0, 1)])), None);
    for (what, partitions) in [
        ("a gap", &[(0, 1), (2, 1)][..]),
        ("no 0", &[(1, 1)]),
        ("twice", &[(0, 1), (0, 1)]),
        ("who?", &[(0, 9)]),
    ] {
        assert_eq!(code(assigned("b", partitions)), Some(ErrorCode::InvalidReplicaAssignment), "{what}");
    }
    let both = CreatableTopic { num_partitions: 2, ..assigned("c", &[(0, 1), (1, 1)]) };
    assert_eq!(code(both), Some(ErrorCode::InvalidRequest));
    let null = CreatableTopicConfig { name: "retention.ms".to_owned(), value: None };
    let null = CreatableTopic { configs: vec![null], ..assigned("d", &[(0, 1)]) };
    assert_eq!(code(null), Some(ErrorCode::InvalidConfig));
}

#[test]
fn a_created_topic_is_described_in_the_answer_from_version_5_on() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    for version in 2..=7 {
        let topic = CreatableTopic {
            name: format!("v{version}"),
            num_partitions: 3,
            replication_factor: 1,
            configs: vec![CreatableTopicConfig {
                name: "retention.ms".to_owned(),
                value: Some("1000".to_owned()),
            }],
            ..CreatableTopic::default()
        };
        let response = create(&mut socket, version, topic);
        let created = &response.topics[0];
        assert_eq!(created.error_code, None);
        if version >= 5 {
            assert_eq!((created.num_partitions, created.replication_factor), (3, 1));
            let configs = created.configs.as_ref().unwrap();
            let retention = configs.iter().find(|one| one.name == "retention.ms").unwrap();
            assert_eq!((retention.value.as_deref(), retention.config_source), (Some("1000"), 1));
        }
        assert_eq!(created.topic_id.is_zero(), version < 7);
    }
}

#[test]
fn topics_are_deleted_by_id() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let response: MetadataResponse =
        socket.ask(12, &MetadataRequest { topics: None, ..MetadataRequest::default() });
    let topic_id = response.topics[0].topic_id;
    let other = Uuid::from_bytes([5; 16]);
    let by_id = |topic_id| DeleteTopicState { name: None, topic_id };
    let by_name = |name: &str| DeleteTopicState { name: Some(name.to_owned()), topic_id: Uuid::ZERO };
    let request = DeleteTopicsRequest {
        topics: vec![by_id(other), by_name("missing"), by_id(topic_id), by_name("not a name")],
        timeout_ms: 10_000,
        ..DeleteTopicsRequest::default()
    };
    let response: DeleteTopicsResponse = socket.ask(6, &request);
    let told: Vec<_> =
        response.responses.iter().map(|one| (one.name.as_deref(), one.topic_id, one.error_code)).collect();
    let unknown = Some(ErrorCode::UnknownTopicOrPartition);
    let expected = [
        (None, other, Some(ErrorCode::UnknownTopicId)),
        (Some("missing"), Uuid::ZERO, unknown),
        (Some("t"), topic_id, None),
        (Some("not a name"), Uuid::ZERO, unknown),
    ];
    assert_eq!(told, expected);
}

#[test]
fn topics_are_described_page_by_page() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    for (name, partitions) in [("a", 3), ("b", 2)] {
        let topic = CreatableTopic {
            name: name.to_owned(),
            num_partitions: partitions,
            replication_factor: 1,
            ..CreatableTopic::default()
        };
        create(&mut socket, 7, topic);
    }
    let mut cursor: Option<Cursor> = None;
    let mut pages = Vec::new();
    loop {
        let topics = ["b", "a", "missing"].map(|name| TopicRequest { name: name.to_owned() }).to_vec();
        let request = DescribeTopicPartitionsRequest { topics, response_partition_limit: 2, cursor };
        let response: DescribeTopicPartitionsResponse = socket.ask(0, &request);
        for topic in &response.topics {
            let partitions: Vec<_> = topic.partitions.iter().map(|one| one.partition_index).collect();
            pages.push((topic.name.clone().unwrap(), topic.error_code, partitions));
        }
        let Some(next) = response.next_cursor else { break };
        cursor = Some(next);
    }
    let page = |name: &str, partitions: &[i32]| (name.to_owned(), None, partitions.to_vec());
    let missing = ("missing".to_owned(), Some(ErrorCode::UnknownTopicOrPartition), Vec::new());
    assert_eq!(pages, [page("a", &[0, 1]), page("a", &[2]), page("b", &[0]), page("b", &[1]), missing]);
}

#[test]
fn offsets_that_no_version_has_are_refused() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let mut ask = |version, timestamp| {
        let partitions = vec![ListOffsetsPartition { timestamp, ..ListOffsetsPartition::default() }];
        let topics = vec![ListOffsetsTopic { name: "t".to_owned(), partitions }];
        let request = ListOffsetsRequest { topics, ..ListOffsetsRequest::default() };
        let response: ListOffsetsResponse = socket.ask(version, &request);
        let found = &response.topics[0].partitions[0];
        (found.error_code, found.offset)
    };
    let refused = (Some(ErrorCode::UnsupportedVersion), -1);
    assert_eq!(ask(7, -3), (None, -1), "no record, no greatest timestamp");
    assert_eq!(ask(6, -3), refused, "of version 7");
    assert_eq!((ask(8, -4), ask(7, -4)), ((None, 0), refused), "the first offset here");
    assert_eq!((ask(9, -5), ask(8, -5)), ((None, -1), refused), "nothing is stored elsewhere");
    assert_eq!(ask(10, -6), refused);
    assert_eq!(ask(10, i64::MIN), refused);
}

#[test]
fn the_cluster_its_disks_and_its_producers_are_described() {
    use yak_kafka::messages::describe_producers::TopicRequest as Of;
    use yak_kafka::messages::{
        DescribeClusterRequest, DescribeClusterResponse, DescribeLogDirsRequest, DescribeLogDirsResponse,
        DescribeProducersRequest, DescribeProducersResponse, InitProducerIdResponse,
        ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
    };
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let begun: InitProducerIdResponse = socket.ask(4, &crate::batch::new_producer());
    let id = begun.producer_id;
    socket.produce(9, ("t", 0), &mut crate::batch::stamped(id, 0, 0, &["a", "b", "c"]));

    let cluster: DescribeClusterResponse = socket.ask(2, &DescribeClusterRequest::default());
    assert_eq!((cluster.error_code, cluster.controller_id, cluster.brokers.len()), (None, 1, 1));
    let broker = &cluster.brokers[0];
    assert_eq!(format!("{}:{}", broker.host, broker.port), setting.broker.bootstrap());
    assert_eq!((broker.broker_id, broker.is_fenced), (1, false));
    assert_eq!(cluster.cluster_authorized_operations, i32::MIN);
    for (endpoint_type, code) in
        [(2, ErrorCode::MismatchedEndpointType), (7, ErrorCode::UnsupportedEndpointType)]
    {
        let request = DescribeClusterRequest { endpoint_type, ..DescribeClusterRequest::default() };
        let refused: DescribeClusterResponse = socket.ask(1, &request);
        assert_eq!(refused.error_code, Some(code));
    }

    let request = DescribeLogDirsRequest { topics: None };
    let dirs: DescribeLogDirsResponse = socket.ask(4, &request);
    let dir = &dirs.results[0];
    assert_eq!((dir.error_code, &*dir.log_dir), (None, setting.broker.data().to_str().unwrap()));
    assert!(dir.total_bytes > dir.usable_bytes && dir.usable_bytes > 0);
    let log = &dir.topics[0].partitions[0];
    assert_eq!((&*dir.topics[0].name, log.offset_lag, log.is_future_key), ("t", 0, false));
    let on_disk = setting.broker.data().join("t-0/00000000000000000000.log").metadata().unwrap().len();
    assert_eq!(u64::try_from(log.partition_size), Ok(on_disk));

    let of = |name: &str, partition| Of { name: name.to_owned(), partition_indexes: vec![partition] };
    let request = DescribeProducersRequest { topics: vec![of("t", 0), of("t", 9), of("missing", 0)] };
    let producers: DescribeProducersResponse = socket.ask(0, &request);
    let found: Vec<_> = producers.topics.iter().map(|topic| &topic.partitions[0]).collect();
    let producer = &found[0].active_producers[0];
    assert_eq!((producer.producer_id, producer.producer_epoch, producer.last_sequence), (id, 0, 2));
    assert_eq!((producer.last_timestamp, producer.current_txn_start_offset), (crate::batch::TIME, -1));
    let unknown = Some(ErrorCode::UnknownTopicOrPartition);
    assert_eq!((found[1].error_code, found[2].error_code), (unknown, unknown));

    let nothing: ListPartitionReassignmentsResponse =
        socket.ask(0, &ListPartitionReassignmentsRequest::default());
    assert_eq!((nothing.error_code, nothing.topics.len()), (None, 0));
}

#[test]
fn groups_have_a_coordinator_and_others_are_told_that_they_have_none_in_the_way_that_they_take_best() {
    use yak_kafka::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let told = [
        (0, None),
        (1, Some(ErrorCode::TransactionalIdAuthorizationFailed)),
        (2, Some(ErrorCode::InvalidRequest)),
    ];
    for (key_type, code) in told {
        for version in 1..=6 {
            let request = FindCoordinatorRequest {
                key: "g".to_owned(),
                key_type,
                coordinator_keys: vec!["g".to_owned(), "h".to_owned()],
            };
            let response: FindCoordinatorResponse = socket.ask(version, &request);
            let codes: Vec<_> = response.coordinators.iter().map(|one| one.error_code).collect();
            let expected = if version < 4 { (code, vec![]) } else { (None, vec![code; 2]) };
            assert_eq!((response.error_code, codes), expected, "{key_type} in version {version}");
            if code.is_none() {
                let port: i32 = setting.broker.bootstrap().rsplit(':').next().unwrap().parse().unwrap();
                let told = if version < 4 {
                    vec![(response.host, response.port)]
                } else {
                    response.coordinators.into_iter().map(|one| (one.host, one.port)).collect()
                };
                assert!(told.iter().all(|told| *told == ("127.0.0.1".to_owned(), port)), "{told:?}");
            }
        }
    }
}
