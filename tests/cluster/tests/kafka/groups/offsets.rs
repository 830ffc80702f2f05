//! Commits in every version: made, told, forgotten, and refused where the version has a place for it.

use yak_kafka::messages::offset_delete::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use yak_kafka::messages::offset_fetch::{OffsetFetchRequestTopic, OffsetFetchRequestTopics};
use yak_kafka::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

use super::*;

/// A partition with what was committed of it: offset, leader epoch, text, error.
type Told = (i32, i64, i32, String, Option<ErrorCode>);

/// Asks in one of the versions that name one group; `None` are all topics.
fn fetch_one(
    socket: &mut KafkaSocket,
    version: i16,
    group: &str,
    partitions: Option<Vec<i32>>,
) -> (Option<ErrorCode>, Vec<Told>) {
    let topics = partitions.map(|partition_indexes| {
        vec![OffsetFetchRequestTopic { name: "four".to_owned(), partition_indexes }]
    });
    let request = OffsetFetchRequest { group_id: group.to_owned(), topics, ..OffsetFetchRequest::default() };
    let response: OffsetFetchResponse = socket.ask(version, &request);
    let told = response.topics.into_iter().flat_map(|topic| topic.partitions).map(|one| {
        let text = one.metadata.unwrap();
        (one.partition_index, one.committed_offset, one.committed_leader_epoch, text, one.error_code)
    });
    (response.error_code, told.collect())
}

/// The same in one of those that name several.
fn fetch_several(
    socket: &mut KafkaSocket,
    version: i16,
    groups: Vec<OffsetFetchRequestGroup>,
) -> Vec<(String, Option<ErrorCode>, Vec<Told>)> {
    let request = OffsetFetchRequest { groups, ..OffsetFetchRequest::default() };
    let response: OffsetFetchResponse = socket.ask(version, &request);
    let of_group = |group: yak_kafka::messages::offset_fetch::OffsetFetchResponseGroup| {
        let told = group.topics.into_iter().flat_map(|topic| topic.partitions).map(|one| {
            let text = one.metadata.unwrap();
            (one.partition_index, one.committed_offset, one.committed_leader_epoch, text, one.error_code)
        });
        (group.group_id, group.error_code, told.collect())
    };
    response.groups.into_iter().map(of_group).collect()
}

fn asked(group: &str, partitions: Option<Vec<i32>>) -> OffsetFetchRequestGroup {
    let topics = partitions.map(|partition_indexes| {
        vec![OffsetFetchRequestTopics { name: "four".to_owned(), partition_indexes }]
    });
    OffsetFetchRequestGroup { group_id: group.to_owned(), topics, ..OffsetFetchRequestGroup::default() }
}

fn commit(socket: &mut KafkaSocket, version: i16, request: &OffsetCommitRequest) -> Option<ErrorCode> {
    let response: OffsetCommitResponse = socket.ask(version, request);
    assert_eq!((response.topics.len(), response.topics[0].partitions.len()), (1, 1));
    response.topics[0].partitions[0].error_code
}

#[test]
fn what_is_committed_in_any_version_is_told_in_any_other() {
    let setting = broker(&[]);
    let mut socket = setting.broker.connect_kafka();
    for version in 2..=9 {
        let offset = i64::from(version) << 40;
        let mut request = committing("g", ("four", 2), offset);
        // A retention time is heard and not obeyed, as in Kafka since 2.1.
        request.retention_time_ms = 0;
        let partition = &mut request.topics[0].partitions[0];
        (partition.committed_leader_epoch, partition.committed_metadata) = (3, Some(format!("by {version}")));
        assert_eq!(commit(&mut socket, version, &request), None, "version {version}");

        let epoch = if version >= 6 { 3 } else { -1 };
        let here = |epoch| (2, offset, epoch, format!("by {version}"), None);
        let nothing = (0, -1, -1, String::new(), None);
        for reads in 1..=7 {
            let epoch = if reads >= 5 { epoch } else { -1 };
            let told = fetch_one(&mut socket, reads, "g", Some(vec![0, 2]));
            assert_eq!(told, (None, vec![nothing.clone(), here(epoch)]), "{version}, told in {reads}");
            if reads >= 2 {
                assert_eq!(
                    fetch_one(&mut socket, reads, "g", None),
                    (None, vec![here(epoch)]),
                    "all there is"
                );
            }
            assert_eq!(fetch_one(&mut socket, reads, "g", Some(vec![])), (None, vec![]));
        }
        for reads in 8..=9 {
            let groups =
                vec![asked("nobody", Some(vec![0])), asked("g", None), asked("g2", None), asked("", None)];
            let told = fetch_several(&mut socket, reads, groups);
            let named = |name: &str, code, told| (name.to_owned(), code, told);
            let expected = [
                named("nobody", None, vec![nothing.clone()]),
                named("g", None, vec![here(epoch)]),
                named("g2", None, vec![]),
                named("", Some(ErrorCode::InvalidGroupId), vec![]),
            ];
            assert_eq!(told, expected, "{version}, told in {reads}");
        }
    }
}

#[test]
fn a_refusal_has_its_place_in_every_version() {
    let setting = broker(&[]);
    let mut socket = setting.broker.connect_kafka();
    let invalid = Some(ErrorCode::InvalidGroupId);
    for version in 2..=9 {
        assert_eq!(commit(&mut socket, version, &committing("", ("t", 0), 1)), invalid, "version {version}");
        let mut of_a_member = committing("g", ("t", 0), 1);
        (of_a_member.member_id, of_a_member.generation_id_or_member_epoch) = ("m".to_owned(), 1);
        let refused = commit(&mut socket, version, &of_a_member);
        assert_eq!(refused, Some(ErrorCode::IllegalGeneration), "version {version}");
        let nonsense = committing("g", ("not a name", 0), 1);
        let unknown = Some(ErrorCode::UnknownTopicOrPartition);
        assert_eq!(commit(&mut socket, version, &nonsense), unknown, "version {version}");
        assert_eq!(commit(&mut socket, version, &committing("g", ("t", i32::MIN), 1)), unknown);
    }
    for version in 1..=7 {
        let refused = fetch_one(&mut socket, version, "", Some(vec![3]));
        let of_partition = vec![(3, -1, -1, String::new(), invalid)];
        let expected = if version < 2 { (None, of_partition) } else { (invalid, vec![]) };
        assert_eq!(refused, expected, "version {version}");
    }
    assert_eq!(committed(&mut socket, "g"), [], "nothing of it was stored");
}

#[test]
fn a_fetch_says_no_more_than_it_was_asked_once() {
    let setting = broker(&[]);
    let mut socket = setting.broker.connect_kafka();
    assert_eq!(commit(&mut socket, 9, &committing("g", ("four", 0), 1)), None);
    let told = fetch_several(&mut socket, 9, vec![asked("g", None), asked("g", None)]);
    assert_eq!((told[0].1, told[0].2.len()), (None, 1));
    assert_eq!((told[1].1, told[1].2.len()), (Some(ErrorCode::InvalidRequest), 0), "it is named twice");
    // Of several groups together no more than a request may name.
    let many = || asked("g", Some(vec![0; 5_000]));
    let other = OffsetFetchRequestGroup { group_id: "other".to_owned(), ..many() };
    let told = fetch_several(&mut socket, 9, vec![many(), other]);
    let invalid = Some(ErrorCode::InvalidRequest);
    assert_eq!((told[0].1, told[1].1), (invalid, invalid));
}

#[test]
fn commits_are_forgotten_by_partition_if_nobody_reads_the_topic() {
    let setting = broker(&[]);
    let mut socket = setting.broker.connect_kafka();
    for (topic, partition) in [("t", 0), ("four", 1), ("four", 2)] {
        assert_eq!(commit(&mut socket, 9, &committing("g", (topic, partition), 5)), None);
    }
    let topic = |name: &str, partitions: &[i32]| OffsetDeleteRequestTopic {
        name: name.to_owned(),
        partitions: partitions
            .iter()
            .map(|index| OffsetDeleteRequestPartition { partition_index: *index })
            .collect(),
    };
    let mut delete = |group: &str, topics| -> (Option<ErrorCode>, Vec<Option<ErrorCode>>) {
        let request = OffsetDeleteRequest { group_id: group.to_owned(), topics };
        let response: OffsetDeleteResponse = socket.ask(0, &request);
        let each = response.topics.into_iter().flat_map(|topic| topic.partitions).map(|one| one.error_code);
        (response.error_code, each.collect())
    };
    let unknown = Some(ErrorCode::UnknownTopicOrPartition);
    let wanted = vec![topic("four", &[1, 3]), topic("not a name", &[0])];
    assert_eq!(delete("g", wanted), (None, vec![None, None, unknown]), "what is not there is gone, too");
    assert_eq!(delete("nobody", vec![topic("t", &[0])]), (Some(ErrorCode::GroupIdNotFound), vec![]));
    assert_eq!(delete("", vec![topic("t", &[0])]), (Some(ErrorCode::InvalidGroupId), vec![]));

    // Members of whose topics nothing can be known keep all of them.
    let connects = JoinGroupRequest { protocol_type: "connect".to_owned(), ..joining("g") };
    let mut member = Member::alone(&setting, connects);
    assert_eq!(delete("g", vec![topic("t", &[0])]), (Some(ErrorCode::NonEmptyGroup), vec![]));
    assert_eq!(member.leave(), None);
    // Consumers keep those that they read.
    let subscription = yak_kafka::consumer_protocol::Subscription {
        topics: vec!["t".to_owned()],
        ..yak_kafka::consumer_protocol::Subscription::default()
    };
    let mut consumes = joining("g");
    consumes.protocols[0].metadata = yak_kafka::consumer_protocol::encode_subscription(&subscription, 1);
    let _member = Member::alone(&setting, consumes);
    let subscribed = Some(ErrorCode::GroupSubscribedToTopic);
    let wanted = vec![topic("t", &[0]), topic("four", &[2])];
    assert_eq!(delete("g", wanted), (None, vec![subscribed, None]));
    assert_eq!(committed(&mut socket, "g"), [("t".to_owned(), 0, 5)]);
}
