//! Lines about groups, as they stand in `docs/protocol.md` and in other people's programs.

use bytes::{Bytes, BytesMut};
use yak_model::api::*;
use yak_model::{
    BrokerId, ErrorCode, GenerationId, GroupId, InstanceId, LeaderEpoch, MemberEpoch, MemberId, Offset,
    PartitionIndex, TimestampMs, TopicId, TopicName, Uuid,
};
use yak_protocol::{
    Call, GroupRequest, Parser, ReplyBody, Request, encode_group_event, encode_reply, parse_group_event,
    parse_request,
};

const ID: &str = "AAAAAAAAQACAAAAAAAAAAA";

fn group() -> GroupId {
    GroupId::new("g").expect("a group")
}

fn member() -> MemberId {
    MemberId::new("m").expect("a member")
}

fn topic() -> TopicName {
    "t".parse().expect("a topic")
}

fn topic_id() -> TopicId {
    TopicId::new(Uuid::from_random([0; 16]))
}

fn partitions(numbers: &[i32]) -> Vec<PartitionIndex> {
    numbers.iter().copied().map(PartitionIndex::new).collect()
}

fn rejection() -> Rejection {
    Rejection::new(ErrorCode::NotCoordinator, "why")
}

const REJECTION: &str = r#"{"code":"NOT_COORDINATOR","message":"why","retriable":true}"#;

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

#[track_caller]
fn parse(line: &str) -> GroupRequest {
    let parsed = parse_request(line.as_bytes(), TimestampMs::new(1), &mut Parser::new()).expect("a request");
    match parsed.request {
        Request::Group(request) => request,
        other => unreachable!("{other:?}"),
    }
}

#[track_caller]
fn check_refused(line: &str, message: &str) {
    let bad = parse_request(line.as_bytes(), TimestampMs::new(1), &mut Parser::new());
    let bad = bad.expect_err("it is refused").rejection;
    assert_eq!((bad.code, bad.message.as_str()), (ErrorCode::InvalidRequest, message), "{line}");
}

#[test]
fn the_coordinator() {
    check_call(&FindCoordinator { group_id: group() }, r#"{"op":"find_coordinator","group":"g"}"#);
    check_reply(
        FindCoordinatorReply { broker_id: BrokerId::new(1), host: "localhost".to_owned(), port: 9092 },
        r#"{"ok":{"coordinator":{"broker_id":1,"host":"localhost","port":9092}}}"#,
    );
}

fn entry() -> OffsetCommitEntry {
    OffsetCommitEntry {
        topic: topic(),
        topic_id: None,
        partition: PartitionIndex::new(0),
        offset: Offset::new(5),
        leader_epoch: Some(LeaderEpoch::new(0)),
        metadata: "x".to_owned(),
    }
}

#[test]
fn commits() {
    let identity =
        MemberIdentity { member_id: member(), instance_id: None, generation_id: GenerationId::new(3) };
    check_call(
        &OffsetCommit { group_id: group(), member: Some(identity.clone()), entries: vec![entry()] },
        r#"{"op":"offset_commit","group":"g","member_id":"m","member_epoch":3,"offsets":[{"topic":"t","partition":0,"offset":5,"leader_epoch":0,"metadata":"x"}]}"#,
    );
    let instance_id = Some(InstanceId::new("i").expect("an instance"));
    let bare = OffsetCommitEntry {
        topic_id: Some(topic_id()),
        leader_epoch: None,
        metadata: String::new(),
        ..entry()
    };
    check_call(
        &OffsetCommit {
            group_id: group(),
            member: Some(MemberIdentity { instance_id, ..identity }),
            entries: vec![bare],
        },
        &format!(
            r#"{{"op":"offset_commit","group":"g","member_id":"m","member_epoch":3,"instance":"i","offsets":[{{"topic":"t","topic_id":"{ID}","partition":0,"offset":5}}]}}"#
        ),
    );
    check_reply(
        OffsetCommitReply { results: vec![Ok(()), Err(rejection())] },
        &format!(r#"{{"ok":{{"results":[{{}},{{"error":{REJECTION}}}]}}}}"#),
    );
    check_reply(
        OffsetCommitReply { results: vec![Err(rejection())] },
        &format!(r#"{{"error":{REJECTION}}}"#),
    );
}

#[test]
fn a_commit_by_hand() {
    let by_hand = r#"{"op":"offset_commit","group":"g","topic":"t","partition":0,"offset":5,"leader_epoch":0,"metadata":"x"}"#;
    let commit = OffsetCommit { group_id: group(), member: None, entries: vec![entry()] };
    assert_eq!(parse(by_hand), GroupRequest::OffsetCommit(commit));
    for line in [r#""member_id":"m""#, r#""member_epoch":3"#, r#""instance":"i""#] {
        check_refused(
            &format!(r#"{{"op":"offset_commit","group":"g",{line},"topic":"t","partition":0,"offset":5}}"#),
            r#""member_id" and "member_epoch" belong together"#,
        );
    }
    check_refused(
        r#"{"op":"offset_commit","group":"","topic":"t","partition":0,"offset":5}"#,
        "group: it must not be empty",
    );
    check_refused(
        r#"{"op":"offset_commit","group":"g","topic":"t","partition":0,"offset":-1}"#,
        "offset: expected a whole number from 0 to 9223372036854775807, found the number -1",
    );
    check_refused(r#"{"op":"offset_commit","group":"g","offsets":[]}"#, "offsets: must not be empty");
}

#[test]
fn committed_offsets() {
    let fetch = |partitions| OffsetFetch { group_id: group(), member: None, partitions };
    let some = vec![(topic(), PartitionIndex::new(0))];
    check_call(&fetch(None), r#"{"op":"offset_fetch","group":"g"}"#);
    check_call(
        &fetch(Some(some.clone())),
        r#"{"op":"offset_fetch","group":"g","partitions":[{"topic":"t","partition":0}]}"#,
    );
    assert_eq!(
        parse(r#"{"op":"offset_fetch","group":"g","topic":"t","partition":0}"#),
        GroupRequest::OffsetFetch(fetch(Some(some.clone())))
    );
    let committed = CommittedOffset {
        offset: Offset::new(5),
        leader_epoch: Some(LeaderEpoch::new(0)),
        metadata: String::new(),
        commit_time: TimestampMs::new(1_700_000_000_000),
    };
    let fetched = |partition, committed| FetchedOffset { topic: topic(), partition, committed };
    check_reply(
        OffsetFetchReply { offsets: vec![fetched(0.into(), Some(committed)), fetched(1.into(), None)] },
        r#"{"ok":{"offsets":[{"topic":"t","partition":0,"offset":5,"leader_epoch":0,"metadata":"","commit_time":1700000000000},{"topic":"t","partition":1,"offset":null}]}}"#,
    );
    check_call(
        &OffsetDelete { group_id: group(), partitions: some },
        r#"{"op":"offset_delete","group":"g","partitions":[{"topic":"t","partition":0}]}"#,
    );
    check_reply(OffsetDeleteReply { results: vec![Ok(())] }, r#"{"ok":{"results":[{}]}}"#);
}

#[test]
fn lists() {
    check_call(&ListGroups::default(), r#"{"op":"list_groups"}"#);
    check_call(
        &ListGroups {
            states: vec![GroupState::Stable, GroupState::PreparingRebalance],
            kinds: vec![GroupKind::Classic],
        },
        r#"{"op":"list_groups","states":["Stable","PreparingRebalance"],"kinds":["classic"]}"#,
    );
    check_refused(
        r#"{"op":"list_groups","kinds":["share"]}"#,
        r#"kinds[0]: expected "classic" or "consumer", found "share""#,
    );
    let listed = ListedGroup {
        group_id: group(),
        protocol_type: "consumer".to_owned(),
        state: GroupState::Empty,
        kind: GroupKind::Consumer,
    };
    check_reply(
        ListGroupsReply { groups: vec![listed] },
        r#"{"ok":{"groups":[{"group":"g","kind":"consumer","state":"Empty","protocol_type":"consumer"}]}}"#,
    );
}

fn described_member() -> DescribedMember {
    DescribedMember {
        member_id: member(),
        instance_id: None,
        rack_id: None,
        client_id: "yak-consumer".to_owned(),
        client_host: "127.0.0.1".to_owned(),
        member_epoch: 3,
        topics: vec![topic()],
        topic_regex: None,
        assignment: vec![(topic(), partitions(&[0, 1]))],
        target: vec![(topic(), partitions(&[0, 1]))],
        metadata: Bytes::new(),
        assignment_bytes: Bytes::new(),
        last_heard_ms: 20,
    }
}

#[test]
fn descriptions() {
    check_call(&DescribeGroups { groups: vec![group()] }, r#"{"op":"describe_groups","groups":["g"]}"#);
    assert_eq!(
        parse(r#"{"op":"describe_groups","group":"g"}"#),
        GroupRequest::DescribeGroups(DescribeGroups { groups: vec![group()] })
    );
    let classic = DescribedMember {
        instance_id: Some(InstanceId::new("i").expect("an instance")),
        rack_id: Some("r".to_owned()),
        topics: vec![],
        topic_regex: Some("t.*".to_owned()),
        target: vec![],
        metadata: Bytes::from_static(&[0, 1]),
        assignment_bytes: Bytes::from_static(&[0xff]),
        ..described_member()
    };
    let rebalance = RebalanceRecord {
        at: TimestampMs::new(1_700_000_000_000),
        epoch: 3,
        cause: "m joined".to_owned(),
        took_ms: 7,
        members: 2,
    };
    let described = DescribedGroup {
        group_id: group(),
        kind: GroupKind::Consumer,
        state: GroupState::Stable,
        epoch: 3,
        assignment_epoch: 3,
        protocol_type: "consumer".to_owned(),
        assignor: "uniform".to_owned(),
        leader: Some(member()),
        members: vec![described_member(), classic],
        rebalances: vec![rebalance],
    };
    check_reply(
        DescribeGroupsReply { groups: vec![Ok(described), Err(rejection())] },
        &[
            r#"{"ok":{"groups":[{"group":"g","kind":"consumer","state":"Stable","epoch":3,"assignment_epoch":3,"protocol_type":"consumer","assignor":"uniform","leader":"m","members":["#,
            r#"{"member_id":"m","client_id":"yak-consumer","client_host":"127.0.0.1","member_epoch":3,"topics":["t"],"assignment":[{"topic":"t","partitions":[0,1]}],"last_heard_ms":20},"#,
            r#"{"member_id":"m","instance":"i","rack":"r","client_id":"yak-consumer","client_host":"127.0.0.1","member_epoch":3,"topics":[],"include":"t.*","assignment":[{"topic":"t","partitions":[0,1]}],"target":[],"metadata_base64":"AAE=","assignment_base64":"/w==","last_heard_ms":20}],"#,
            r#""rebalances":[{"at":1700000000000,"epoch":3,"cause":"m joined","took_ms":7,"members":2}]},"#,
            &format!(r#"{{"error":{REJECTION}}}]}}}}"#),
        ]
        .concat(),
    );
    check_call(&DeleteGroups { groups: vec![group()] }, r#"{"op":"delete_groups","groups":["g"]}"#);
    check_reply(DeleteGroupsReply { results: vec![Ok(())] }, r#"{"ok":{"results":[{}]}}"#);
}

#[test]
fn a_heartbeat() {
    let owned = TopicPartitions { topic_id: topic_id(), partitions: partitions(&[0, 1]) };
    let heartbeat = ConsumerGroupHeartbeat {
        group_id: group(),
        member_id: member(),
        member_epoch: MemberEpoch::new(3),
        instance_id: None,
        rack_id: None,
        rebalance_timeout_ms: None,
        subscribed_topics: None,
        subscribed_regex: None,
        server_assignor: None,
        owned: Some(vec![owned.clone()]),
        client_id: String::new(),
        client_host: String::new(),
    };
    check_call(
        &heartbeat,
        &format!(
            r#"{{"op":"consumer_group_heartbeat","group":"g","member_id":"m","member_epoch":3,"owned":[{{"topic_id":"{ID}","partitions":[0,1]}}]}}"#
        ),
    );
    check_reply(
        ConsumerGroupHeartbeatReply {
            member_id: member(),
            member_epoch: MemberEpoch::new(4),
            heartbeat_interval_ms: 5_000,
            assignment: Some(vec![owned]),
        },
        &format!(
            r#"{{"ok":{{"member_id":"m","member_epoch":4,"heartbeat_interval_ms":5000,"assignment":[{{"topic_id":"{ID}","partitions":[0,1]}}]}}}}"#
        ),
    );
    check_refused(
        r#"{"op":"consumer_group_heartbeat","group":"g","member_id":"m","member_epoch":-3}"#,
        "member_epoch: expected a whole number from -2 to 2147483647, found the number -3",
    );
    check_refused(
        &format!(
            r#"{{"op":"consumer_group_heartbeat","group":"g","member_id":"m","member_epoch":3,"owned":[{{"topic_id":"{ID}","partition":[0]}}]}}"#
        ),
        r#"owned[0]: missing field "partitions"; did you mean it by "partition"?"#,
    );
}

#[test]
fn a_stream() {
    let stream = GroupStream {
        group_id: group(),
        member_id: None,
        instance_id: None,
        topics: vec![topic()],
        topic_regex: None,
        assignor: None,
        rebalance_timeout_ms: None,
        client_id: None,
        heartbeats: false,
    };
    check_call(&stream, r#"{"op":"group_stream","group":"g","topics":["t"]}"#);
    assert_eq!(
        parse(r#"{"op":"group_stream","group":"g","topic":"t"}"#),
        GroupRequest::GroupStream(stream.clone())
    );
    check_call(
        &GroupStream {
            member_id: Some(member()),
            instance_id: Some(InstanceId::new("i").expect("an instance")),
            topics: vec![],
            topic_regex: Some("t.*".to_owned()),
            assignor: Some("range".to_owned()),
            rebalance_timeout_ms: Some(5),
            client_id: Some("c".to_owned()),
            heartbeats: true,
            ..stream
        },
        r#"{"op":"group_stream","group":"g","member_id":"m","instance":"i","include":"t.*","assignor":"range","rebalance_timeout_ms":5,"client_id":"c","heartbeats":true}"#,
    );
    let joined = GroupStreamReply {
        member_id: member(),
        member_epoch: MemberEpoch::new(1),
        heartbeat_interval_ms: None,
    };
    check_reply(joined.clone(), r#"{"ok":{"member_id":"m","member_epoch":1}}"#);
    check_reply(
        GroupStreamReply { heartbeat_interval_ms: Some(5_000), ..joined },
        r#"{"ok":{"member_id":"m","member_epoch":1,"heartbeat_interval_ms":5000}}"#,
    );
    check_refused(
        r#"{"op":"group_stream","group":"g","topics":[]}"#,
        r#"no topics: give "topics", or an expression for their names as "include""#,
    );
    let long = "x".repeat(4097);
    check_refused(
        &format!(r#"{{"op":"group_stream","group":"g","include":"{long}"}}"#),
        "include: longer than 4096 bytes",
    );
}

#[test]
fn events_of_a_stream() {
    let assigned = AssignedTopic { topic: topic(), topic_id: topic_id(), partitions: partitions(&[0, 1]) };
    let assignment =
        GroupAssignment { member_epoch: MemberEpoch::new(4), topics: vec![assigned], is_complete: true };
    for (event, line) in [
        (
            GroupEvent::Assignment(assignment),
            format!(
                r#"{{"event":"assignment","member_epoch":4,"topics":[{{"topic":"t","topic_id":"{ID}","partitions":[0,1]}}],"complete":true}}"#
            ),
        ),
        (GroupEvent::Alive, r#"{"event":"alive"}"#.to_owned()),
        (GroupEvent::Fenced(rejection()), format!(r#"{{"event":"fenced","error":{REJECTION}}}"#)),
    ] {
        let mut out = BytesMut::new();
        encode_group_event(&mut out, &event);
        assert_eq!(String::from_utf8_lossy(&out), format!("{line}\n"));
        assert_eq!(parse_group_event(line.as_bytes()), Ok(Ok(Some(event))));
    }
    let ended = format!(r#"{{"error":{REJECTION}}}"#);
    assert_eq!(parse_group_event(ended.as_bytes()), Ok(Err(rejection())));
    assert_eq!(parse_group_event(br#"{"event":"party","error":7}"#), Ok(Ok(None)), "a newer broker's");
    for line in [&br#"{"ok":{}}"#[..], br#"{"event":"fenced"}"#, br#"{"event":"assignment"}"#, b"alive"] {
        assert!(parse_group_event(line).is_err(), "{}", String::from_utf8_lossy(line));
    }
}
