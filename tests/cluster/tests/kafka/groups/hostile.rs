//! Members that mean no good: they get no more than a member is due, and other groups go on.

use std::net::Shutdown;

use bytes::BytesMut;
use yak_kafka::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use yak_kafka::{APIS, Choices, Direction, KINDS, Kind, encode_request};

use super::server_side::{Consumer, consuming};
use super::*;
use crate::hostile::memory;

/// What no log has of what others have named.
const DRIVES_A_TERMINAL: [char; 4] = ['\u{1b}', '\u{7}', '\r', '\u{202e}'];

/// A member of a group of its own, which is served as ever.
struct Neighbour(Member);

impl Neighbour {
    fn new(setting: &Setting) -> Self {
        Self(Member::alone(setting, joining("neighbour")))
    }

    fn is_undisturbed(&mut self) {
        assert_eq!((self.0.beat(), self.0.commit(1)), (None, None));
        assert_eq!(self.0.sync(&[]).assignment, "all");
    }
}

#[test]
fn a_group_has_no_more_members_than_allowed() {
    let setting = broker(&[("group.max.size", "3"), ("group.consumer.max.size", "2")]);
    let full = Some(ErrorCode::GroupMaxSizeReached);
    let mut first = Member::alone(&setting, joining("g"));
    // Who was given an id and has not come yet counts, too.
    let mut second = Member::new(&setting, joining("g"));
    let mut third = Member::new(&setting, joining("g"));
    let mut socket = setting.broker.connect_kafka();
    for request in [joining("g"), joining_as("g", "i")] {
        for version in [0, 4, 9] {
            let refused: JoinGroupResponse = socket.ask(version, &request);
            let is_static = version == 9 && request.group_instance_id.is_some();
            assert_eq!((refused.error_code, refused.generation_id), (full, -1), "{version} {is_static}");
        }
    }
    assert_eq!(third.leave(), None);
    second.send_join();
    wait_state(&setting, "g", ("PreparingRebalance", 2));
    assert_eq!((first.join().members.len(), second.read_join().error_code), (2, None));

    let mut members = ["a", "b"].map(|id| Consumer::new(&setting, consuming("h", id)));
    let refused: ConsumerGroupHeartbeatResponse = socket.ask(1, &consuming("h", "c"));
    assert_eq!(refused.error_code, full);
    assert_eq!(members[0].leave(-1).error_code, None);
    Consumer::new(&setting, consuming("h", "c"));
}

#[test]
fn what_a_member_says_of_itself_is_bounded() {
    let setting = broker(&[]);
    let mut neighbour = Neighbour::new(&setting);
    let mut socket = setting.broker.connect_kafka();
    let mut refusal = |request: &JoinGroupRequest| {
        let joined: JoinGroupResponse = socket.ask(9, request);
        joined.error_code
    };
    let names: Vec<String> = (0..33).map(|number| format!("p{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let many = JoinGroupRequest { protocols: protocols(&names), ..joining("g") };
    assert_eq!(refusal(&many), Some(ErrorCode::InconsistentGroupProtocol));
    let fewer = JoinGroupRequest { protocols: protocols(&names[1..]), ..joining("g") };
    assert_eq!(refusal(&fewer), Some(ErrorCode::MemberIdRequired));
    // A hundred members of a mebibyte and more each leave nothing behind.
    let mut large = joining("g");
    large.protocols[0].metadata = Bytes::from(vec![0; (1 << 20) + 13]);
    let before = memory(&setting).1;
    for _ in 0..100 {
        assert_eq!(refusal(&large), Some(ErrorCode::InvalidRequest));
    }
    let grown = memory(&setting).1 - before;
    assert!(grown < 16 * 1024, "the peak grew by {grown} KiB");
    neighbour.is_undisturbed();
    // So many that they are no message any more.
    let endless = JoinGroupRequest { protocols: vec![protocols(&["p"]).remove(0); 250_000], ..joining("g") };
    socket.send(9, &endless);
    socket.ends();
    neighbour.is_undisturbed();
}

#[test]
fn expressions_that_ask_for_too_much_are_refused() {
    let setting = broker(&[]);
    let mut neighbour = Neighbour::new(&setting);
    let mut socket = setting.broker.connect_kafka();
    let mut refusal = |member: &str, regex: &str| {
        let request = ConsumerGroupHeartbeatRequest {
            subscribed_topic_names: None,
            subscribed_topic_regex: Some(regex.to_owned()),
            ..consuming("g", member)
        };
        let response: ConsumerGroupHeartbeatResponse = socket.ask(1, &request);
        response.error_code
    };
    let invalid = Some(ErrorCode::InvalidRegularExpression);
    let before = memory(&setting).1;
    for regex in [
        "(((a{99}){99}){99}){99}",
        // It would be one within the parentheses that make it match whole names, and this would open them.
        "a)|(b",
        "(?x)a #",
        &"(".repeat(4_000),
        &"a".repeat(4_097),
        &"\\pL{9}".repeat(500),
    ] {
        assert_eq!(refusal("m", regex), invalid, "{regex}");
    }
    // Each is compiled anew when topics change, so a group has no more than so many.
    for number in 0..32 {
        assert_eq!(refusal(&format!("m{number}"), &format!("t{number}|{}", "a".repeat(4_000))), None);
    }
    assert_eq!(refusal("m", "one more"), invalid);
    assert_eq!(refusal("m", &format!("t7|{}", "a".repeat(4_000))), None, "it is known already");
    let grown = memory(&setting).1 - before;
    assert!(grown < 32 * 1024, "the peak grew by {grown} KiB");
    neighbour.is_undisturbed();
}

#[test]
fn members_that_together_say_too_much_do_not_become_a_group() {
    let setting = broker(&[]);
    let mut neighbour = Neighbour::new(&setting);
    let mut large = joining("g");
    large.protocols[0].metadata = Bytes::from(vec![b'x'; 700_000]);
    let mut first = Member::alone(&setting, large.clone());
    let mut second = Member::new(&setting, large);
    second.send_join();
    wait_state(&setting, "g", ("PreparingRebalance", 2));
    assert_eq!((first.join().members.len(), second.read_join().error_code), (2, None));
    // What is said of both fits no batch: no assignment is given out that a crash would forget.
    second.send_sync(&[]);
    let refused = Some(ErrorCode::UnknownServerError);
    assert_eq!(first.sync(&[]).error_code, refused);
    let other = second.read_sync().error_code;
    let asked_late = Some(ErrorCode::RebalanceInProgress);
    assert!(other == refused || other == asked_late, "{other:?}");
    assert_eq!(second.leave(), None);
    assert_eq!(first.join().members.len(), 1);
    let id = first.id().to_owned();
    assert_eq!(first.sync(&[(&id, "all")]).assignment, "all", "one alone does fit");
    neighbour.is_undisturbed();
}

#[test]
fn one_request_names_at_most_so_many_members_groups_and_partitions() {
    let setting = broker(&[]);
    let mut member = Member::alone(&setting, joining("g"));
    let invalid = Some(ErrorCode::InvalidRequest);
    let leaves = MemberIdentity { member_id: member.id().to_owned(), ..MemberIdentity::default() };
    let request = LeaveGroupRequest {
        group_id: "g".to_owned(),
        members: vec![leaves; 10_001],
        ..LeaveGroupRequest::default()
    };
    let left: LeaveGroupResponse = member.socket.ask(5, &request);
    assert_eq!((left.error_code, left.members.len()), (invalid, 0));
    let mut commit = member.commit_request(1);
    let partition = commit.topics[0].partitions[0].clone();
    commit.topics[0].partitions = vec![partition; 10_001];
    let response: OffsetCommitResponse = member.socket.ask(9, &commit);
    assert_eq!(response.topics[0].partitions.len(), 10_001);
    assert!(response.topics[0].partitions.iter().all(|one| one.error_code == invalid));
    let names = vec!["g".to_owned(); 10_001];
    let request = DescribeGroupsRequest { groups: names.clone(), ..DescribeGroupsRequest::default() };
    let described: DescribeGroupsResponse = member.socket.ask(6, &request);
    assert!(described.groups.iter().all(|group| group.error_code == invalid && group.members.is_empty()));
    let request = FindCoordinatorRequest { coordinator_keys: names, ..FindCoordinatorRequest::default() };
    let found: FindCoordinatorResponse = member.socket.ask(6, &request);
    assert!(found.coordinators.iter().all(|one| one.error_code == invalid));
    assert_eq!((member.beat(), committed(&mut member.socket, "g")), (None, vec![]));
}

#[test]
fn names_are_as_long_as_the_protocol_can_say_and_no_longer() {
    let setting = broker(&[]);
    let mut neighbour = Neighbour::new(&setting);
    let long = "g".repeat(32_767);
    let mut member = Member::alone(&setting, joining_as(&long, &"i".repeat(32_767)));
    assert_eq!((member.beat(), member.commit(1)), (None, None));
    assert_eq!(committed(&mut member.socket, &long), [("t".to_owned(), 0, 1)]);
    let id = std::mem::replace(&mut member.request.member_id, "m".repeat(32_767));
    assert_eq!(member.beat(), Some(ErrorCode::FencedInstanceId));
    member.request.member_id = id;
    assert_eq!(member.leave(), None);
    // One more: a compact string can say it, and it is no request.
    let body = [&[0x81, 0x80, 0x02][..], &[b'g'; 32_768], &[0, 0, 0, 1, 2, b'm', 0, 0]].concat();
    let header = [&12_i16.to_be_bytes()[..], &4_i16.to_be_bytes(), &[0, 0, 0, 1, 0xff, 0xff, 0]].concat();
    let mut socket = setting.broker.connect_kafka();
    let length = u32::try_from(header.len() + body.len()).unwrap();
    socket.send_bytes(&[&length.to_be_bytes()[..], &header, &body].concat());
    socket.ends();
    neighbour.is_undisturbed();
}

#[test]
fn names_with_control_characters_are_names_and_drive_no_terminal() {
    let setting = broker(&[]);
    let group = "\u{1b}]0;owned\u{7}\r\nforged \u{202e}";
    let mut large = joining(group);
    large.protocols = protocols(&["\u{1b}[2J"]);
    let mut member = Member::alone(&setting, large);
    assert_eq!(member.commit(1), None);
    let listed: ListGroupsResponse = member.socket.ask(5, &ListGroupsRequest::default());
    assert_eq!(listed.groups[0].group_id, group, "on the wire a name is what it is");
    assert_eq!(committed(&mut member.socket, group), [("t".to_owned(), 0, 1)]);
    let line = json!({"op": "describe_groups", "groups": [group]}).to_string();
    assert_eq!(setting.broker.connect().ok(&line)["groups"][0]["group"], group);
    assert_eq!(member.leave(), None);
    let log = setting.broker.stderr();
    assert!(log.contains("owned") && !log.contains(DRIVES_A_TERMINAL), "{log:?}");
}

#[test]
fn a_thousand_joins_without_a_sync_hold_nobody_up() {
    let setting = broker(&[("group.min.session.timeout.ms", "1"), ("group.max.size", "50")]);
    let mut neighbour = Neighbour::new(&setting);
    let mut socket = setting.broker.connect_kafka();
    // A thousand groups that never get further.
    for number in 0..1_000 {
        let fleeting = JoinGroupRequest {
            session_timeout_ms: 50,
            rebalance_timeout_ms: 50,
            ..joining(&format!("g{number}"))
        };
        let joined: JoinGroupResponse = socket.ask(3, &fleeting);
        assert_eq!((joined.error_code, joined.generation_id), (None, 1));
    }
    neighbour.is_undisturbed();
    // A thousand ids of one group, with which nobody ever joins.
    let mut given = 0;
    for _ in 0..1_000 {
        let fleeting = JoinGroupRequest { session_timeout_ms: 5_000, ..joining("g") };
        let told: JoinGroupResponse = socket.ask(9, &fleeting);
        match told.error_code {
            Some(ErrorCode::MemberIdRequired) => given += 1,
            other => assert_eq!(other, Some(ErrorCode::GroupMaxSizeReached)),
        }
    }
    assert!(given >= 50, "{given}");
    neighbour.is_undisturbed();
    wait_for("the groups' end", || {
        let states_filter = vec!["PreparingRebalance".to_owned(), "CompletingRebalance".to_owned()];
        let request = ListGroupsRequest { states_filter, ..ListGroupsRequest::default() };
        let listed: ListGroupsResponse = socket.ask(5, &request);
        listed.groups.is_empty().then_some(())
    });
    let listed: ListGroupsResponse = socket.ask(5, &ListGroupsRequest::default());
    assert!(listed.groups.iter().all(|group| group.group_state == "Empty" || group.group_id == "neighbour"));
    neighbour.is_undisturbed();
}

#[test]
fn a_connection_that_closes_while_its_join_waits_leaves_a_member_for_a_session_and_no_longer() {
    let setting = broker(&[("group.min.session.timeout.ms", "1")]);
    let mut first = Member::alone(&setting, joining("g"));
    let mut gone = Member::new(&setting, joining("g"));
    gone.request.session_timeout_ms = 100;
    gone.send_join();
    wait_state(&setting, "g", ("PreparingRebalance", 2));
    drop(gone);
    // It has joined, for all that is known.
    let joined = first.join();
    assert_eq!((joined.error_code, joined.members.len()), (None, 2));
    wait_for("the end of its session", || {
        let told = first.beat();
        assert!(told.is_none() || told == Some(ErrorCode::RebalanceInProgress), "{told:?}");
        told
    });
    let joined = first.join();
    assert_eq!((joined.generation_id, joined.members.len()), (3, 1));
}

#[test]
fn hundreds_that_join_and_hang_up_are_as_many_members_as_allowed_and_then_none() {
    let setting = broker(&[("group.min.session.timeout.ms", "1"), ("group.max.size", "100")]);
    let mut neighbour = Neighbour::new(&setting);
    let mut first = Member::alone(&setting, joining("g"));
    for _ in 0..300 {
        let mut socket = setting.broker.connect_kafka();
        socket.send(3, &JoinGroupRequest { session_timeout_ms: 100, ..joining("g") });
        socket.finish_sending();
    }
    wait_state(&setting, "g", ("PreparingRebalance", 100));
    neighbour.is_undisturbed();
    assert_eq!(first.join().members.len(), 100);
    wait_for("the end of their sessions", || {
        (first.beat() == Some(ErrorCode::RebalanceInProgress) && first.join().members.len() == 1)
            .then_some(())
    });
    neighbour.is_undisturbed();
}

#[test]
fn who_has_said_all_is_still_answered() {
    let setting = broker(&[]);
    let mut first = Member::alone(&setting, joining("g"));
    let mut second = Member::new(&setting, joining("g"));
    second.send_join();
    second.socket.stream().shutdown(Shutdown::Write).unwrap();
    wait_state(&setting, "g", ("PreparingRebalance", 2));
    first.join();
    assert_eq!(second.read_join().generation_id, 2);
    second.socket.ends();
}

#[test]
fn requests_that_are_cut_off_close_the_connection_and_change_nothing() {
    let setting = broker(&[]);
    let mut neighbour = Neighbour::new(&setting);
    let of_groups = |kind: &&Kind| {
        let name = kind.key.name();
        let is_one = ["Group", "OffsetCommit", "OffsetFetch", "OffsetDelete", "FindCoordinator", "Heartbeat"];
        kind.direction == Direction::Request
            && APIS.iter().any(|api| api.key == kind.key)
            && is_one.iter().any(|part| name.contains(part))
    };
    let kinds: Vec<&Kind> = KINDS.iter().filter(of_groups).collect();
    assert_eq!(kinds.len(), 13);
    let mut cuts = 0;
    for kind in kinds {
        for version in [*kind.versions.start(), *kind.versions.end()] {
            let (mut body, mut frame) = (BytesMut::new(), BytesMut::new());
            (kind.sample)(&mut Choices::new(&[3; 64]), version, &mut body);
            (kind.frame)(&mut body, version, 1, Some("cut"), &mut frame).unwrap();
            // Key, version, correlation id and client id are whole.
            for end in 17..frame.len() {
                let mut socket = setting.broker.connect_kafka();
                socket.send_bytes(&u32::try_from(end - 4).unwrap().to_be_bytes());
                socket.send_bytes(&frame[4..end]);
                socket.ends();
                cuts += 1;
            }
        }
    }
    assert!(cuts > 500, "{cuts}");
    neighbour.is_undisturbed();
    let listed: ListGroupsResponse = neighbour.0.socket.ask(5, &ListGroupsRequest::default());
    assert_eq!(listed.groups.len(), 1);
    // And what is behind a whole request is ignored, as Kafka does.
    let mut frame = BytesMut::new();
    let beat = neighbour.0.beat_request();
    encode_request(&mut frame, yak_kafka::ApiKey::Heartbeat, 4, 1, None, &beat);
    let mut socket = setting.broker.connect_kafka();
    socket.send_bytes(&u32::try_from(frame.len() - 4 + 100).unwrap().to_be_bytes());
    socket.send_bytes(&[&frame[4..], &[0xff; 100]].concat());
    let answered = socket.read_frame().unwrap();
    // Correlation id, no tags, no throttling, no error, no tags.
    assert_eq!(answered, [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
}
