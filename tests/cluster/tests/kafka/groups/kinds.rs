//! Two kinds of members, which do not mix: who comes to a group of the other kind is told so, by every request.

use yak_kafka::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
};

use super::server_side::{Consumer, consuming};
use super::*;

/// What the two requests that describe groups say of one.
fn described(socket: &mut KafkaSocket, group: &str) -> (Option<ErrorCode>, Option<ErrorCode>) {
    let request =
        DescribeGroupsRequest { groups: vec![group.to_owned()], ..DescribeGroupsRequest::default() };
    let classic: DescribeGroupsResponse = socket.ask(6, &request);
    let request = ConsumerGroupDescribeRequest {
        group_ids: vec![group.to_owned()],
        ..ConsumerGroupDescribeRequest::default()
    };
    let server_side: ConsumerGroupDescribeResponse = socket.ask(1, &request);
    (classic.groups[0].error_code, server_side.groups[0].error_code)
}

#[test]
fn a_classic_member_is_none_of_a_server_side_group() {
    let setting = broker(&[]);
    let mut member = Consumer::new(&setting, consuming("g", "m"));
    let mut classic = Member {
        socket: setting.broker.connect_kafka(),
        request: JoinGroupRequest { member_id: "m".to_owned(), ..joining("g") },
        generation: 1,
    };
    // Even by the id of one.
    let unknown = Some(ErrorCode::UnknownMemberId);
    assert_eq!((classic.beat(), classic.sync(&[]).error_code, classic.leave()), (unknown, unknown, unknown));
    for version in 0..=9 {
        for id in ["", "m"] {
            let request = JoinGroupRequest { member_id: id.to_owned(), ..joining("g") };
            let joined: JoinGroupResponse = classic.socket.ask(version, &request);
            let inconsistent = Some(ErrorCode::InconsistentGroupProtocol);
            assert_eq!((joined.error_code, joined.generation_id), (inconsistent, -1), "version {version}");
        }
    }
    let not_found = Some(ErrorCode::GroupIdNotFound);
    assert_eq!(described(&mut classic.socket, "g"), (not_found, None));
    assert_eq!((member.beat().error_code, member.owns.len()), (None, 4));
}

#[test]
fn a_server_side_member_is_none_of_a_classic_group() {
    let setting = broker(&[]);
    let mut member = Member::alone(&setting, joining("g"));
    let mut socket = setting.broker.connect_kafka();
    let id = member.id().to_owned();
    for version in 0..=1 {
        for (epoch, expected) in [
            (0, ErrorCode::InconsistentGroupProtocol),
            (1, ErrorCode::GroupIdNotFound),
            (-1, ErrorCode::GroupIdNotFound),
            (-2, ErrorCode::GroupIdNotFound),
        ] {
            let request = ConsumerGroupHeartbeatRequest { member_epoch: epoch, ..consuming("g", &id) };
            let response: ConsumerGroupHeartbeatResponse = socket.ask(version, &request);
            assert_eq!(response.error_code, Some(expected), "version {version}, epoch {epoch}");
        }
    }
    assert_eq!(described(&mut socket, "g"), (None, Some(ErrorCode::GroupIdNotFound)));
    assert_eq!((member.beat(), member.commit(1)), (None, None));
}

#[test]
fn an_empty_group_changes_its_kind_and_keeps_its_commits() {
    let setting = broker(&[]);
    let mut classic = Member::alone(&setting, joining("g"));
    assert_eq!((classic.commit(1), classic.leave()), (None, None));
    let mut member = Consumer::new(&setting, consuming("g", "m"));
    assert_eq!(member.commit(member.request.member_epoch, 2), None);
    let expected = [("four".to_owned(), 0, 2), ("t".to_owned(), 0, 1)];
    assert_eq!(committed(&mut member.socket, "g"), expected);
    // Who was a member of the other kind is none.
    let unknown = Some(ErrorCode::UnknownMemberId);
    assert_eq!((classic.beat(), classic.commit(3)), (unknown, unknown));
    assert_eq!(member.leave(-1).error_code, None);
    let mut again = Member::alone(&setting, joining("g"));
    assert_eq!((again.commit(4), again.generation), (None, 1), "of a new group");
    assert_eq!(member.commit(1, 5), unknown);
    let expected = [("four".to_owned(), 0, 2), ("t".to_owned(), 0, 4)];
    assert_eq!(committed(&mut again.socket, "g"), expected);
}

#[test]
fn members_of_both_protocols_share_a_server_side_group() {
    let setting = broker(&[]);
    let mut by_frames = Consumer::new(&setting, consuming("g", "by frames"));
    let mut by_lines = setting.broker.connect();
    by_lines.ok(r#"{"op": "group_stream", "group": "g", "topic": "four", "member_id": "by lines"}"#);
    let mut assigned = |count: usize| {
        wait_for("an assignment", || {
            let event = by_lines.read();
            assert_ne!(event["event"], "fenced", "{event}");
            let partitions = event["topics"][0]["partitions"].as_array()?;
            (partitions.len() == count).then(|| (partitions.clone(), event["member_epoch"].clone()))
        })
    };
    by_frames.wait_owns(2);
    let (partitions, epoch) = assigned(2);
    assert!(partitions.iter().all(|one| by_frames.owns.iter().all(|ours| *one != json!(ours))));
    // Each commits by its protocol and reads what the other has committed.
    assert_eq!(by_frames.commit(by_frames.request.member_epoch, 1), None);
    let line = json!({"op": "offset_commit", "group": "g", "member_id": "by lines", "member_epoch": epoch,
        "offsets": [{"topic": "four", "partition": 1, "offset": 2}]});
    let committed_by_lines = setting.broker.connect().ok(&line.to_string());
    assert!(committed_by_lines["results"][0]["error"].is_null(), "{committed_by_lines}");
    let expected = [("four".to_owned(), 0, 1), ("four".to_owned(), 1, 2)];
    assert_eq!(committed(&mut by_frames.socket, "g"), expected);
    // Whoever goes leaves its part to the other, each in its way.
    drop(by_lines);
    by_frames.wait_owns(4);
    let mut by_lines = setting.broker.connect();
    by_lines.ok(r#"{"op": "group_stream", "group": "g", "topic": "four", "member_id": "again"}"#);
    by_frames.wait_owns(2);
    assert_eq!(by_frames.leave(-1).error_code, None);
    wait_for("all of it", || {
        let event = by_lines.read();
        (event["topics"][0]["partitions"].as_array()?.len() == 4).then_some(())
    });
}
