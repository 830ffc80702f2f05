//! Creating and deleting topics.

use super::*;

fn by_hand(name: &str, assignment: &[&[i32]]) -> CreateTopic {
    let brokers = |ids: &&[i32]| ids.iter().copied().map(BrokerId::new).collect();
    CreateTopic { assignment: Some(assignment.iter().map(brokers).collect()), ..topic(name) }
}

#[test]
fn a_topic_takes_what_is_default() {
    let mut rig = Rig::cluster(2);
    rig.defaults = TopicDefaults { partitions: 3, replication_factor: 2, min_insync_replicas: 2 };
    let created = rig.create(topic("orders")).unwrap();
    assert_eq!((created.partitions, created.replication_factor, created.similar), (3, 2, None));
    let found = rig.image().topic_by_id(created.topic_id).unwrap();
    assert_eq!(found.name().as_str(), "orders");
    assert_eq!((found.flush(), found.min_insync_replicas()), (FlushMode::Sync, 2));
    assert_eq!(rig.last_line().cause, "topic orders created on request");
}

#[test]
fn the_flush_mode_is_decided_at_creation_and_explicit() {
    let mut rig = Rig::with_flush(FlushMode::Os);
    rig.join(1);
    rig.create(topic("a")).unwrap();
    rig.create(configured("b", 1, &[("flush", "sync")])).unwrap();
    let flush = |topic: &str| rig.image().topic(&name(topic)).unwrap().overrides()["flush"].clone();
    assert_eq!((flush("a").as_str(), flush("b").as_str()), ("os", "sync"));
}

#[test]
fn values_are_read_as_configuration_is_read() {
    let mut rig = Rig::cluster(1);
    rig.create(configured("t", 1, &[("flush", " os "), ("min.insync.replicas", " 2 ")])).unwrap();
    let topic = rig.image().topic(&name("t")).unwrap();
    assert_eq!((topic.flush(), topic.min_insync_replicas()), (FlushMode::Os, 2));
}

#[test]
fn by_default_a_topic_takes_the_brokers_there_are_and_remembers() {
    let mut rig = Rig::cluster(1);
    rig.defaults.replication_factor = 3;
    let created = rig.create(topic("t")).unwrap();
    assert_eq!(created.replication_factor, 3);
    assert_eq!((rig.replicas("t").as_str(), rig.partition("t", 0).wanted), ("1", 3));
}

#[test]
fn an_explicit_factor_above_the_live_brokers_is_refused() {
    let mut rig = Rig::cluster(2);
    rig.fence(2);
    let (code, message) = rig.refused(sized("t", 1, 2));
    assert_eq!(code, ErrorCode::InvalidReplicationFactor);
    assert_eq!(message, "replication factor 2 is larger than the 1 live broker(s)");
}

#[test]
fn without_a_live_broker_creation_may_be_tried_again() {
    let mut rig = Rig::new();
    rig.register(1);
    let refused = rig.create(topic("t")).unwrap_err();
    assert!(refused.code.is_retriable() && refused.retry_after_ms.is_some(), "{refused}");
}

#[test]
fn refusals_have_kafkas_codes() {
    let mut rig = Rig::cluster(2);
    rig.create(sized("a.b", 1, 1)).unwrap();
    let both = CreateTopic { partitions: Some(1), ..by_hand("t", &[&[1]]) };
    let cases = [
        (topic(""), ErrorCode::InvalidTopicException),
        (topic("white space"), ErrorCode::InvalidTopicException),
        (topic("a_b"), ErrorCode::InvalidTopicException),
        (topic("a.b"), ErrorCode::TopicAlreadyExists),
        (sized("t", 0, 1), ErrorCode::InvalidPartitions),
        (sized("t", -3, 1), ErrorCode::InvalidPartitions),
        (sized("t", 1, 0), ErrorCode::InvalidReplicationFactor),
        (sized("t", 1, -1), ErrorCode::InvalidReplicationFactor),
        (sized("t", 1, 3), ErrorCode::InvalidReplicationFactor),
        (configured("t", 1, &[("retention.mss", "1")]), ErrorCode::InvalidConfig),
        (configured("t", 1, &[("retention.ms", "soon")]), ErrorCode::InvalidConfig),
        (configured("t", 1, &[("flush", "never")]), ErrorCode::InvalidConfig),
        (both, ErrorCode::InvalidRequest),
        (by_hand("t", &[]), ErrorCode::InvalidReplicaAssignment),
        (by_hand("t", &[&[]]), ErrorCode::InvalidReplicaAssignment),
        (by_hand("t", &[&[1], &[1, 2]]), ErrorCode::InvalidReplicaAssignment),
        (by_hand("t", &[&[1, 1]]), ErrorCode::InvalidReplicaAssignment),
        (by_hand("t", &[&[1, 7]]), ErrorCode::InvalidReplicaAssignment),
    ];
    for (case, code) in cases {
        let described = format!("{case:?}");
        assert_eq!(rig.refused(case).0, code, "{described}");
    }
}

#[test]
fn a_refusal_names_the_key_and_suggests() {
    let mut rig = Rig::cluster(1);
    let (_, message) = rig.refused(configured("t", 1, &[("min.insync.replica", "1")]));
    assert_eq!(message, "min.insync.replica: unknown key, did you mean min.insync.replicas?");
    let (_, message) = rig.refused(configured("t", 1, &[("client.tags", &"x".repeat(40_000))]));
    assert_eq!(message, "client.tags: a value has at most 32767 bytes, not 40000");
}

#[test]
fn a_name_that_stands_twice_is_refused_each_time() {
    let mut rig = Rig::cluster(1);
    let results = rig.create_all(vec![topic("a"), topic("b"), topic("a")]);
    let codes: Vec<_> =
        results.iter().map(|result| result.as_ref().map_err(|refused| refused.code).err()).collect();
    assert_eq!(codes, [Some(ErrorCode::InvalidRequest), None, Some(ErrorCode::InvalidRequest)]);
    assert_eq!(rig.image().topic_count(), 1);
}

#[test]
fn topics_of_one_request_are_one_line() {
    let mut rig = Rig::cluster(1);
    let lines = rig.lines.len();
    let results = rig.create_all(vec![topic("alpha"), topic("no good"), topic("beta")]);
    assert!(results[0].is_ok() && results[1].is_err() && results[2].is_ok());
    assert_eq!(rig.lines.len(), lines + 1);
    assert_eq!(rig.last_line().cause, "topic alpha created on request; topic beta created on request");
}

#[test]
fn topics_of_one_request_may_not_collide() {
    let mut rig = Rig::cluster(1);
    let results = rig.create_all(vec![topic("a.b"), topic("a_b")]);
    assert_eq!(results[1].as_ref().unwrap_err().code, ErrorCode::InvalidTopicException);
}

#[test]
fn a_long_cause_ends_somewhere() {
    let mut rig = Rig::cluster(1);
    rig.create_all((0..500).map(|number| topic(&format!("a-rather-long-name-{number}"))).collect());
    assert!(rig.last_line().cause.ends_with("; and more"));
    assert!(rig.last_line().cause.len() < 400);
}

#[test]
fn too_many_partitions_at_once_are_refused_as_a_whole() {
    let mut rig = Rig::cluster(1);
    let topic_ids = vec![TopicId::from_random([1; 16]), TopicId::from_random([2; 16])];
    let topics = vec![sized("a", 9_000, 1), sized("b", 2_000, 1)];
    let request = api::CreateTopics { topics, validate_only: false, timeout_ms: 0 };
    let defaults = rig.defaults;
    let refused = rig.submit(CreateTopics { request, topic_ids, defaults, on_first_use: false }).unwrap_err();
    assert_eq!(refused.code, ErrorCode::PolicyViolation);
    assert_eq!(rig.image().topic_count(), 0);
}

#[test]
fn only_saying_what_would_happen_changes_nothing() {
    let mut rig = Rig::cluster(1);
    let index = rig.image().index();
    let request = api::CreateTopics { topics: vec![sized("t", 2, 1)], validate_only: true, timeout_ms: 0 };
    let (topic_ids, defaults) = (vec![TopicId::from_random([1; 16])], rig.defaults);
    let results = rig.submit(CreateTopics { request, topic_ids, defaults, on_first_use: true }).unwrap();
    let would = results[0].as_ref().unwrap();
    assert_eq!((would.partitions, would.topic_id), (2, TopicId::default()));
    assert_eq!((rig.image().index(), rig.image().topic_count()), (index, 0));
}

#[test]
fn replicas_by_hand_are_taken_as_given() {
    let mut rig = Rig::cluster(3);
    rig.fence(2);
    let created = rig.create(by_hand("t", &[&[3, 1], &[2, 3]])).unwrap();
    assert_eq!((created.partitions, created.replication_factor), (2, 2));
    assert_eq!(rig.replicas("t"), "3,1  2,3");
    let second = rig.partition("t", 1);
    assert_eq!(numbers(&second.in_sync_replicas), [3], "2 is not alive and joins later");
    assert_eq!(second.leader, Some(BrokerId::new(3)));
    let (code, message) = rig.refused(by_hand("u", &[&[2]]));
    assert_eq!(code, ErrorCode::InvalidReplicaAssignment);
    assert_eq!(message, "partition 0: none of its brokers is alive");
}

#[test]
fn replicas_by_hand_count_for_the_next_topic() {
    let mut rig = Rig::cluster(2);
    rig.create_all(vec![by_hand("a", &[&[1]]), sized("b", 1, 1)]);
    assert_eq!(rig.replicas("b"), "2");
}

#[test]
fn a_near_name_is_told() {
    let mut rig = Rig::cluster(1);
    rig.create_all(vec![topic("orders"), topic("t1"), topic("page-views-2024")]);
    let mut similar = |name: &str| rig.create(topic(name)).unwrap().similar.map(|found| found.to_string());
    assert_eq!(similar("ordres").as_deref(), Some("orders"));
    assert_eq!(similar("page-veiws").as_deref(), None, "too far");
    assert_eq!(similar("t2"), None, "short");
    assert_eq!(similar("page-views-2025"), None, "differs in digits only");
    assert_eq!(similar("invoices"), None);
}

#[test]
fn a_deleted_topic_is_gone_and_its_name_free_for_another() {
    let mut rig = Rig::cluster(1);
    let first = rig.create(topic("orders")).unwrap();
    let topics = vec![name("orders"), name("ordres")];
    let results = rig.submit(api::DeleteTopics { topics, ..Default::default() }).unwrap().topics;
    assert_eq!(results[0], Ok(name("orders")));
    assert_eq!(results[1].as_ref().unwrap_err().1.code, ErrorCode::UnknownTopicOrPartition);
    assert!(rig.image().topic(&name("orders")).is_none());
    assert!(rig.image().topic_by_id(first.topic_id).is_none());
    let second = rig.create(topic("orders")).unwrap();
    assert_ne!(first.topic_id, second.topic_id);
}

#[test]
fn deleting_a_topic_that_is_not_there_suggests() {
    let mut rig = Rig::cluster(1);
    rig.create(topic("orders")).unwrap();
    let request = api::DeleteTopics { topics: vec![name("ordres")], ..Default::default() };
    let (_, refused) = rig.submit(request).unwrap().topics.remove(0).unwrap_err();
    assert_eq!(refused.message, "topic 'ordres' does not exist; did you mean 'orders'?");
}

#[test]
fn by_id_only_the_topic_goes_that_is_meant() {
    let mut rig = Rig::cluster(1);
    let first = rig.create(topic("orders")).unwrap();
    let delete = |topic_ids| api::DeleteTopics { topic_ids, ..Default::default() };
    let gone = rig.submit(delete(vec![first.topic_id])).unwrap().topic_ids;
    assert_eq!(gone, [Ok(api::DeletedTopic { name: name("orders"), topic_id: first.topic_id })]);
    let second = rig.create(topic("orders")).unwrap();
    let refused = rig.submit(delete(vec![first.topic_id])).unwrap().topic_ids.remove(0).unwrap_err();
    assert_eq!((refused.0, refused.1.code), (first.topic_id, ErrorCode::UnknownTopicId));
    assert_eq!(rig.image().topic(&name("orders")).map(|topic| topic.id()), Some(second.topic_id));
}

#[test]
fn an_images_topics_are_shared_until_they_change() {
    let mut rig = Rig::cluster(1);
    rig.create_all(vec![sized("a", 100, 1), sized("b", 100, 1)]);
    let before = rig.image().clone();
    let request = api::CreatePartitions {
        topic: name("a"),
        total: 101,
        assignment: None,
        validate_only: false,
        timeout_ms: 0,
    };
    rig.submit(request).unwrap();
    let after = rig.image();
    let same = |topic: &str| {
        std::sync::Arc::ptr_eq(before.topic(&name(topic)).unwrap(), after.topic(&name(topic)).unwrap())
    };
    assert!(same("b") && !same("a"));
    let shared = before.partition(&name("a"), PartitionIndex::new(7)).unwrap();
    assert!(std::sync::Arc::ptr_eq(shared, after.partition(&name("a"), PartitionIndex::new(7)).unwrap()));
    let changes = after.changes_since(&before);
    assert_eq!(changes.len(), 1, "one new partition: {changes:?}");
}
